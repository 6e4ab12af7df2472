"""Downloads through a loopback internet with every fault that the real one has, and without a proxy past the guard."""

import asyncio
import os
import resource
import ssl
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from image_sites import EXPECTED, HOST, MB, CountingSite, FaultySite, FlakySite, GatedSite
from loopback_web import LoopbackWeb, Request, Response

from cartoons.download.downloader import LARGE_BYTES, MAX_LARGE_BODIES, Downloader
from cartoons.download.http import USER_AGENT, DownloadResult, HttpConfig, get_json, opt_out, parse_url, retry_after_s
from cartoons.download.rate_limiter import MAX_IDLE_POOLS, Limits, RateLimiter
from cartoons.download.ssrf_guard import SsrfGuard, is_public, resolve
from cartoons.errors import DownloadError, SearchError

pytestmark = pytest.mark.slow  # a loopback server in each

PICTURE = bytes(range(256)) * 120
QUICK = {"read_timeout_s": 1.0, "total_timeout_s": 2.5, "connect_timeout_s": 2.0, "backoff_s": 0.01}


@pytest.fixture(scope="module")
def web() -> Iterator[LoopbackWeb]:
    with LoopbackWeb({HOST: FaultySite(PICTURE)}) as running:
        yield running


def fetch(web: LoopbackWeb, *urls: str, **limits: Any) -> list[DownloadResult]:
    return fetch_by(HttpConfig(web.proxy, web.ca), *urls, **limits)


def fetch_by(config: HttpConfig, *urls: str, guard: SsrfGuard | None = None, **limits: Any) -> list[DownloadResult]:
    async def all_of_them() -> list[DownloadResult]:
        async with Downloader(Limits(**(QUICK | limits)), config, guard) as downloader:
            return await asyncio.gather(*(download(downloader, url) for url in urls))

    return asyncio.run(all_of_them())


async def download(downloader: Downloader, url: str) -> DownloadResult:
    async with downloader.fetch(url) as result:
        return result


def requests_to(web: LoopbackWeb, path: str) -> list[Request]:
    return [request for request in web.requests if request.path == path]


def test_a_picture_comes_whole_and_knows_who_asked(web: LoopbackWeb) -> None:
    url = f"https://user:secret@{HOST}/good/pic%20ture é.jpg?w=1#top"
    (result,) = fetch(web, url)
    assert result == DownloadResult(url, PICTURE, final_url=f"https://{HOST}/good/pic%20ture%20%C3%A9.jpg?w=1")
    (request,) = requests_to(web, "/good/pic%20ture%20%C3%A9.jpg")
    assert request.headers["user-agent"] == USER_AGENT
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers


def test_every_fault_has_its_reason_and_none_holds_up_the_others(web: LoopbackWeb) -> None:
    begun_s = time.monotonic()
    results = fetch(web, *(f"https://{HOST}/{fault}" for fault in EXPECTED), max_per_host=64, max_tries=1, max_bytes=2 * MB)
    found = {result.url.rpartition("/")[2]: (result.status, result.reason) for result in results}
    assert found == EXPECTED
    assert all(result.data is None for result in results)
    assert all(result.may_pass for result in results if result.url.endswith("drip"))
    assert time.monotonic() - begun_s < 5


def test_what_may_pass_is_tried_again_and_said_to(web: LoopbackWeb) -> None:
    faults = ("unavailable", "truncated", "missing", "stall", "accepted", "huge-and-says-so", "noai")
    results = fetch(web, *(f"https://{HOST}/{fault}" for fault in faults), read_timeout_s=0.4)
    assert [result.tries for result in results] == [3, 3, 1, 3, 1, 1, 1]
    assert [result.may_pass for result in results] == [True, True, False, True, False, False, False]


def test_a_host_that_recovers_gives_its_picture(web: LoopbackWeb) -> None:
    for host, status in (("busy.example", 503), ("slow.example", 408), ("early.example", 425), ("broken.example", 500)):
        web.sites[host] = FlakySite(PICTURE, [Response(status=status), Response(PICTURE[:99], length=len(PICTURE))])
        (result,) = fetch(web, f"https://{host}/a.jpg")
        assert result.data == PICTURE
        assert (result.status, result.tries, result.reason) == ("fetched", 3, "")


def test_whatever_bytes_come_are_given_whatever_they_call_themselves(web: LoopbackWeb) -> None:
    page, picture = fetch(web, f"https://{HOST}/page", f"https://{HOST}/picture")
    assert page.data == b"<html>not a picture</html>"
    assert picture.data == PICTURE


def test_a_huge_body_is_read_little_further_than_the_cap() -> None:
    site, before = FaultySite(PICTURE), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with LoopbackWeb({HOST: site}) as web:
        (result,) = fetch(web, f"https://{HOST}/huge", total_timeout_s=20.0, max_bytes=10 * MB)
        assert result.reason == "larger than 10 MB"
        assert 10 * MB <= site.sent < 40 * MB  # what the sockets hold is sent, too
        site.sent = 0
        fetch(web, f"https://{HOST}/huge-and-says-so")
        assert site.sent < 30 * MB
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100


def test_few_bodies_grow_large_at_once(web: LoopbackWeb) -> None:
    web.sites["large.example"] = gate = GatedSite(LARGE_BYTES + 200_000)

    async def scene() -> None:
        limits = Limits(**(QUICK | {"max_per_host": 20, "read_timeout_s": 9.0, "total_timeout_s": 9.0}))
        async with Downloader(limits, HttpConfig(web.proxy, web.ca)) as downloader:
            held = [asyncio.create_task(download(downloader, f"https://large.example/{k}")) for k in range(MAX_LARGE_BODIES)]
            while not downloader._large_bodies.locked():
                await asyncio.sleep(0.01)
            waits = asyncio.create_task(download(downloader, "https://large.example/whole"))
            assert (await download(downloader, f"https://{HOST}/picture")).data == PICTURE
            assert not (await asyncio.wait([waits], timeout=0.3))[0]
            gate.opened.set()
            assert all(result.data for result in await asyncio.gather(*held, waits))

    asyncio.run(scene())


def test_a_large_body_counts_until_its_user_is_done_and_waiting_for_that_costs_no_time(web: LoopbackWeb) -> None:
    web.sites["large.example"] = GatedSite(LARGE_BYTES + 200_000)

    async def scene() -> None:
        limits = Limits(**(QUICK | {"max_tries": 1, "read_timeout_s": 9.0, "total_timeout_s": 1.0}))
        async with Downloader(limits, HttpConfig(web.proxy, web.ca)) as downloader, AsyncExitStack() as users:
            for _ in range(MAX_LARGE_BODIES):
                await users.enter_async_context(downloader.fetch("https://large.example/whole"))
            waits = asyncio.create_task(download(downloader, "https://large.example/whole"))
            assert not (await asyncio.wait([waits], timeout=1.5))[0]
            await users.aclose()
            assert (await waits).data

    asyncio.run(scene())


def test_redirects_are_followed_five_times_and_no_more(web: LoopbackWeb) -> None:
    five, six, relative, plain = fetch(
        web, *(f"https://{HOST}/{path}" for path in ("hops-5", "hops-6", "relative", "to-plain-http"))
    )
    assert (five.data, five.final_url) == (PICTURE, f"https://{HOST}/picture")
    assert (six.data, six.reason) == (None, "more than 5 redirects")
    assert (relative.data, relative.final_url) == (PICTURE, f"https://{HOST}/pictures/one.jpg")
    assert (plain.data, plain.final_url) == (PICTURE, f"http://{HOST}/picture")


def test_a_redirect_is_read_as_utf_8_whatever_other_headers_hold(web: LoopbackWeb) -> None:
    headers = {"Location": f"https://{HOST}/é.jpg".encode().decode("latin-1"), "X-Author": "Andr\xe9"}
    web.sites["moved.example"] = lambda _: Response(status=301, headers=headers)
    (result,) = fetch(web, "https://moved.example/")
    assert (result.data, result.final_url) == (PICTURE, f"https://{HOST}/%C3%A9.jpg")


def test_an_opt_out_holds_for_this_program_alone_and_can_be_overridden(web: LoopbackWeb) -> None:
    urls = [f"https://{HOST}/{path}" for path in ("noai", "for-others", "for-us")]
    assert [result.status for result in fetch(web, *urls)] == ["refused", "fetched", "refused"]
    assert [result.status for result in fetch(web, *urls, respect_opt_out=False)] == ["fetched"] * 3


@pytest.mark.parametrize(
    ("values", "directive"),
    [
        (["noai"], "noai"),
        (["nofollow, NoImageAI"], "noimageai"),
        (["none"], "none"),
        (["max-image-preview: large, noindex"], "noindex"),
        (["unavailable_after: Wed, 25 Jun 2025 15:00:00 GMT, noimageindex"], "noimageindex"),
        (["googlebot: noindex, noai"], ""),
        (["googlebot: noindex", "noai"], "noai"),
        (["googlebot: noindex, cartoon-classifier: noai"], "noai"),
        (["*: noai"], "noai"),
        (["all", "index, follow", ""], ""),
    ],
)
def test_robots_headers_are_read_by_their_rules(values: list[str], directive: str) -> None:
    assert opt_out(values) == directive


def test_a_host_that_asks_to_be_left_alone_is(web: LoopbackWeb) -> None:
    web.sites["tired.example"] = site = FlakySite(PICTURE, [Response(status=429, headers={"Retry-After": "1"})])
    results = fetch(web, *(f"https://tired.example/{k}" for k in range(4)), f"https://{HOST}/picture", max_per_host=1)
    assert all(result.data == PICTURE for result in results)
    assert [result.tries for result in results] == [2, 1, 1, 1, 1]
    assert all(second - site.asked_s[0] >= 1 for second in site.asked_s[1:])


def test_a_host_that_asks_for_too_long_a_rest_is_given_up(web: LoopbackWeb) -> None:
    web.sites["asleep.example"] = site = FlakySite(PICTURE, [Response(status=503, headers={"Retry-After": "3600"})])
    results = fetch(web, *(f"https://asleep.example/{k}" for k in range(3)), max_per_host=1)
    assert {result.reason for result in results} == {"the site asks to be left alone for 3600 s"}
    assert all(result.may_pass for result in results)
    assert len(site.asked_s) == 1


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert retry_after_s(" 30 ", now) == 30
    assert retry_after_s("Fri, 02 Jan 2026 03:04:35 GMT", now) == 30
    assert retry_after_s("Fri, 02 Jan 2026 03:04:35 -0000", now) == 30
    assert [retry_after_s(odd, now) for odd in ("", "soon", "-5", "9" * 400, "Fri, 02 Jan 2025 03:04:35 GMT")] == [0] * 5


def test_a_host_is_asked_by_few_at_once_and_a_slow_one_holds_up_no_other(web: LoopbackWeb) -> None:
    web.sites["count.example"] = slow = CountingSite(PICTURE, pause_s=0.15)
    web.sites["quick.example"] = CountingSite(PICTURE, pause_s=0.0)
    ended: list[str] = []

    async def scene() -> None:
        async with Downloader(Limits(max_concurrent=4, max_per_host=2), HttpConfig(web.proxy, web.ca)) as downloader:

            async def one(url: str) -> None:
                assert (await download(downloader, url)).data == PICTURE
                ended.append(url)

            slow_first = [f"https://count.example/{k}" for k in range(8)] + [f"https://quick.example/{k}" for k in range(12)]
            await asyncio.gather(*map(one, slow_first))

    asyncio.run(scene())
    assert slow.most == [2]
    assert all("quick" in url for url in ended[10:12])  # four slow ones at most were done before the last quick one


def test_no_more_are_asked_at_once_than_allowed(web: LoopbackWeb) -> None:
    now, most = list[None](), [0]
    hosts = [f"many-{k}.example" for k in range(6)]
    web.sites |= {host: CountingSite(PICTURE, 0.15, now, most) for host in hosts}
    results = fetch(web, *(f"https://{host}/{k}" for host in hosts for k in range(4)), max_concurrent=5)
    assert all(result.data for result in results)
    assert most == [5]


def test_hosts_that_cannot_be_reached_or_trusted_say_so(web: LoopbackWeb) -> None:
    (down,) = fetch(web, "https://down.example/a.jpg")
    assert (down.reason, down.tries, down.may_pass) == ("cannot be reached", 3, True)
    (untrusted,) = fetch_by(HttpConfig(web.proxy), f"https://{HOST}/picture")
    assert (untrusted.reason, untrusted.tries, untrusted.may_pass) == ("its certificate is not valid", 1, False)
    (no_proxy,) = fetch_by(HttpConfig("http://127.0.0.1:9"), f"https://{HOST}/picture")
    assert (no_proxy.reason, no_proxy.may_pass) == ("cannot be reached", True)


def test_a_proxy_that_wants_to_know_who_asks_gets_told() -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 who are you\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def scene() -> DownloadResult:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Downloader(config=HttpConfig(f"http://a%40b:c@127.0.0.1:{port}")) as downloader:
                return await download(downloader, f"https://{HOST}/picture")

    result = asyncio.run(scene())
    assert (result.status, result.reason, result.may_pass) == ("failed", "the proxy refuses (407)", True)
    assert b"Proxy-Authorization: Basic YUBiOmM=\r\n" in heads[0]


ODD = [
    ("data:image/png;base64,AAAA", "not a web address (data)"),
    ("javascript:alert(1)", "not a web address (javascript)"),
    ("file:///etc/passwd", "not a web address (file)"),
    *((odd, "not a usable address") for odd in ("", "  ", "picture.jpg", "//host.example/a", "http://", "http://a b.c/")),
    *((odd, "not a usable address") for odd in ("http://[::1", "http://x.example:port/", f"http://{'a' * 70}.example/")),
    *((odd, "not a usable address") for odd in ("http://.example/", "http://a..example/", "http://1.2.3.4.5/")),
    *(
        (f"http://{host}/", "a private address")
        for host in ("localhost", "LOCALHOST.", "a.localhost", "router", "nas.local")
    ),
    *((f"http://{host}/", "a private address") for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.1")),
    *((f"http://{host}/", "a private address") for host in ("metadata.google.internal", "[::1]", "[::ffff:10.0.0.1]")),
    *((f"http://{host}/", "a private address") for host in ("0", "100.64.0.1", "[fd00:ec2::254]", "10.1.1.1.")),
]


def test_what_is_no_public_web_address_is_refused_unasked(web: LoopbackWeb) -> None:
    before = len(web.requests)
    results = fetch(web, *(url for url, _ in ODD))
    assert [(result.url, result.reason) for result in results] == ODD
    assert all((result.status, result.may_pass, result.tries) == ("refused", False, 1) for result in results)
    assert len(web.requests) == before


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"]
)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert is_public(address)


PRIVATE = "0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 127.0.0.1 169.254.169.254 100.64.0.1 100.100.100.200 192.0.0.192"
PRIVATE += (
    " 168.63.129.16 198.18.0.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1"
)
PRIVATE += " fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe 2002:7f00:1::1 64:ff9b::a00:1 64:ff9b:1::1 ::127.0.0.1"
PRIVATE += " 2001:db8::1 2001:0:7f00:1:: nonsense"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_may_not(address: str) -> None:
    assert not is_public(address)


class Names:
    """A resolver that gives these answers in turn, and the rule that of all addresses the first's alone is public."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.guard = SsrfGuard(lambda address: address in ("127.0.0.1", "127.0.0.3"), self.resolve)

    async def resolve(self, host: str, port: int) -> list[str]:
        assert (host, port > 0) == (HOST, True)
        return self.answers.pop(0)


def test_a_name_is_resolved_once_and_its_checked_address_is_the_one_requested(web: LoopbackWeb) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    urls = [f"http://{HOST}:{web.port}/pinned-{k}" for k in range(5)]
    results = fetch_by(HttpConfig(), *urls, guard=names.guard, max_per_host=1)
    assert all(result.data == PICTURE for result in results)
    assert names.answers == [["127.0.0.2"]]  # five pictures over one connection
    (rebound,) = fetch_by(HttpConfig(), urls[0], guard=names.guard)
    assert (rebound.status, rebound.reason) == ("refused", "a private address")


def test_a_name_with_one_private_address_is_refused(web: LoopbackWeb) -> None:
    for answer in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]):
        (result,) = fetch_by(HttpConfig(), f"http://{HOST}:{web.port}/mixed", guard=Names(answer).guard)
        assert (result.status, result.reason) == ("refused", "a private address")
    assert not requests_to(web, "/mixed")


def test_a_name_whose_first_address_is_dead_is_asked_at_the_next(web: LoopbackWeb) -> None:
    (result,) = fetch_by(HttpConfig(), f"http://{HOST}:{web.port}/next", guard=Names(["127.0.0.3", "127.0.0.1"]).guard)
    assert result.data == PICTURE


def test_the_real_resolver_finds_loopback_which_the_real_rule_refuses() -> None:
    assert set(asyncio.run(resolve("localhost", 80))) <= {"127.0.0.1", "::1"}
    guard = SsrfGuard(resolve=lambda _, port: resolve("localhost", port))
    (result,) = fetch_by(HttpConfig(), "http://looks-public.example/", guard=guard)
    assert result.reason == "a private address"


def test_a_name_that_is_unknown_or_slow_to_resolve_cannot_be_reached() -> None:
    async def unknown(_: str, __: int) -> list[str]:
        raise OSError("no such name")

    async def nothing(_: str, __: int) -> list[str]:
        return []

    async def slow(_: str, __: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    found = [
        fetch_by(HttpConfig(), f"http://{HOST}/", guard=SsrfGuard(resolve=how), connect_timeout_s=0.1)[0]
        for how in (unknown, nothing, slow)
    ]
    assert [result.reason for result in found] == ["cannot be reached", "cannot be reached", "no connection within 0.1 s"]


GARBAGE = [
    b"",
    b"hello",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    b"HTTP/1.1 302 -\r\nLocation: \xff\xfe://\r\n\r\n",
    b"HTTP/1.1 101 -\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"HTTP/1.1 999 -\r\n\r\n",
    b"HTTP/1.1 100 -\r\n\r\n" * 50,
]
WORDS = {
    "no valid answer",
    "more than 5 redirects",
    "cut short",
    "HTTP 101",
    "HTTP 999",
    "cannot be reached",
    "not a usable address",
}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_servers_that_speak_no_http_or_no_tls_are_failures_in_words(scheme: str) -> None:
    async def here(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    async def blurt(garbage: bytes) -> DownloadResult:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(garbage)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Downloader(Limits(**QUICK, max_tries=2), guard=SsrfGuard(lambda _: True, here)) as downloader:
                return await download(downloader, f"{scheme}://{HOST}:{port}/")

    async def all_of_it() -> list[DownloadResult]:
        return await asyncio.gather(*map(blurt, GARBAGE))

    for result in asyncio.run(all_of_it()):
        assert result.data is None
        assert result.reason in (WORDS if scheme == "http" else {"cannot be reached"})


def fetch_directly_by_tls(folder: Path, answer: Any, *hosts: str) -> list[DownloadResult]:
    """From a TLS server of HOST's certificate, to which every name leads."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)

    async def here(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    async def scene() -> list[DownloadResult]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            config, guard = HttpConfig(ca_file=str(folder / "ca.pem")), SsrfGuard(lambda _: True, here)
            async with Downloader(Limits(**QUICK), config, guard) as downloader:
                return [await download(downloader, f"https://{host}:{port}/") for host in hosts]

    return asyncio.run(scene())


def test_a_certificate_must_be_for_the_name_though_the_address_is_pinned(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
        await writer.drain()
        writer.close()

    right, wrong = fetch_directly_by_tls(tmp_path, answer, HOST, "other.example")
    assert right.data == b"yes"
    assert (wrong.data, wrong.reason) == (None, "its certificate is not valid")


def test_encryption_that_turns_bad_midway_cuts_a_picture_short(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nyes")
        await writer.drain()
        os.write(writer.get_extra_info("socket").fileno(), b"no more of it" * 9)
        writer.close()

    (result,) = fetch_directly_by_tls(tmp_path, answer, HOST)
    assert (result.data, result.reason, result.tries) == (None, "cut short", 3)


def test_connections_of_hosts_that_nobody_asks_are_closed_the_oldest_first() -> None:
    closed: list[int] = []

    class Stub:
        def __init__(self) -> None:
            self.number = len(opened)

        async def aclose(self) -> None:
            closed.append(self.number)

    opened: list[Stub] = []

    def open_pool() -> Any:
        opened.append(Stub())
        return opened[-1]

    async def scene() -> None:
        rate_limiter = RateLimiter(Limits(4, 2), open_pool)
        for k in [*range(MAX_IDLE_POOLS), 0, MAX_IDLE_POOLS, MAX_IDLE_POOLS + 1]:
            async with rate_limiter.slot(f"host-{k}"):
                pass
        assert closed == [1, 2]
        await rate_limiter.close_idle()
        assert sorted(closed) == list(range(MAX_IDLE_POOLS + 2))

    asyncio.run(scene())


def test_json_is_asked_with_its_parameters_and_given_as_it_is(web: LoopbackWeb) -> None:
    web.sites["api.example"] = lambda request: Response(b'{"q": "%s"}' % request.query["q"].encode())
    found = get_json("https://api.example/v1/", {"q": "bugs bunny", "page": 2}, HttpConfig(web.proxy, web.ca))
    assert found == {"q": "bugs bunny"}
    (request,) = requests_to(web, "/v1/")
    assert (request.query["page"], request.headers["user-agent"]) == ("2", USER_AGENT)


def test_json_that_does_not_come_is_an_error_that_says_why(web: LoopbackWeb) -> None:
    replies = {
        "busy": Response(status=429, headers={"Retry-After": "7"}),
        "page": Response(b"<html>"),
        "list": Response(b"[1]"),
        "deep": Response(b"[" * 200_000),
        "huge": Response(FaultySite(b"").stream(65536)),
        "drip": Response(FaultySite(b"").stream(1, pause_s=0.1)),
        "cut": Response(b"{", length=9),
    }
    web.sites["poor.example"] = lambda request: replies[request.path[1:]]
    config, found = HttpConfig(web.proxy, web.ca), {}
    for path in [*replies, "none"]:
        with pytest.raises(SearchError) as caught:
            get_json(f"https://{'down' if path == 'none' else 'poor'}.example/{path}", {}, config, timeout_s=0.7)
        found[path] = str(caught.value)
        assert caught.value.retry_after_s == (7 if path == "busy" else None)
    assert found.pop("cut").startswith("cannot be reached (peer closed connection")
    assert found == {
        "busy": "HTTP 429",
        "page": "an answer that is no JSON object",
        "list": "an answer that is no JSON object",
        "deep": "an answer that is no JSON object",
        "huge": "an answer of more than 8 MB or 0.7 s",
        "drip": "an answer of more than 8 MB or 0.7 s",
        "none": "cannot be reached (502 no such host)",
    }
    web.sites["poor.example"] = CountingSite(b"", pause_s=9)
    with pytest.raises(SearchError, match=r"no answer within 0\.2 s"):
        get_json("https://poor.example/", {}, config, timeout_s=0.2)


def test_a_way_that_cannot_work_is_an_error_at_once(tmp_path: Path) -> None:
    for proxy in (
        "localhost:8080",
        "socks5://h:1",
        "http://",
        "http://h:port",
        "http://h",
        "http://é..b:1",
        "http://\x7f:1",
    ):
        with pytest.raises(DownloadError, match=r"The proxy .* is none: give one as http://host:port"):
            HttpConfig(proxy)
    (tmp_path / "not.pem").write_text("hello")
    with pytest.raises(DownloadError, match=r"not\.pem cannot be used: no certificates in PEM form"):
        HttpConfig(ca_file=str(tmp_path / "not.pem"))
    with pytest.raises(DownloadError, match=r"none\.pem cannot be used: No such file"):
        HttpConfig(ca_file=str(tmp_path / "none.pem"))


def test_an_address_is_the_same_taken_apart_twice() -> None:
    address = parse_url(" HTTPS://User:pw@Bücher.Example:443/a b/ü?q=%20x y#z ")
    assert str(address) == "https://xn--bcher-kva.example/a%20b/%C3%BC?q=%20x%20y"
    assert parse_url(str(address)) == address
    assert str(parse_url("../c?d", parse_url("http://h.example:81/a/b/"))) == "http://h.example:81/a/c?d"
