"""A visitor's picture by its address: what is fetched, and what is not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from loopback_web import LoopbackWeb
from picture_sites import png, site

from cartoons.download.ssrf_guard import SsrfGuard
from cartoons.errors import BusyError, ImageError
from cartoons.serving.picture_fetcher import MAX_AT_ONCE, PictureFetcher


async def here(host: str, port: int) -> list[str]:  # noqa: ARG001
    return ["10.0.0.1"] if host.startswith("inside") else ["127.0.0.1"]


@pytest.fixture(scope="module")
def web() -> Iterator[LoopbackWeb]:
    with LoopbackWeb({"pictures.example": site}) as running:
        yield running


def fetch(web: LoopbackWeb, *addresses: Any) -> list[bytes | str]:
    """What becomes of each, given at once by as many visitors: the bytes or the sentence."""

    async def all_of_them() -> list[Any]:
        fetcher = PictureFetcher(SsrfGuard(lambda address: address == "127.0.0.1", here))
        given = [f"http://pictures.example:{web.port}{a}" if str(a).startswith("/") else a for a in addresses]
        asked = [fetcher.fetch(address, str(number)) for number, address in enumerate(given)]
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(all_of_them())
    assert all(isinstance(result, bytes | ImageError | BusyError) for result in results), results
    return [result if isinstance(result, bytes) else str(result) for result in results]


REFUSED = {
    "javascript:document.title='hit'": "begins with https:// or http://",
    "file:///etc/passwd": "begins with https:// or http://",
    "data:text/html,<script>document.title='hit'</script>": "begins with https:// or http://",
    "ftp://pictures.example/red.png": "begins with https:// or http://",
    "<img src=x onerror=\"document.title='hit'\">": "begins with https:// or http://",
    "": "begins with https:// or http://",
    "/slow.png": "no answer within 5 s",
    "https://" + "a" * 3000: "begins with https:// or http://",
    "http://localhost/red.png": "a private address",
    "http://10.0.0.1/red.png": "a private address",
    "http://127.0.0.2:80/red.png": "a private address",
    "http://[::1]/red.png": "a private address",
    "http://0x7f000002/red.png": "a private address",
    "http://169.254.169.254/latest/meta-data": "a private address",
    "http://inside.example/red.png": "a private address",  # a public name of a private address
    "http://user:secret@10.0.0.1/red.png": "a private address",
    "/inside": "a private address",  # where it redirects to
    "/file": "begins with https:// or http://",
    "/large.png": "larger than 20 MB",
    "/round.png": "redirects in a circle",
    "/gone.png": "HTTP 404",
}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        pytest.param(address, says, id=address[:40], marks=[pytest.mark.slow] if address == "/slow.png" else [])
        for address, says in REFUSED.items()
    ],
)
def test_what_is_not_fetched_gets_a_sentence(web: LoopbackWeb, address: str, says: str) -> None:
    [sentence] = fetch(web, address)
    assert says in sentence
    assert sentence.endswith(".")
    assert "secret" not in sentence


@pytest.mark.parametrize("address", [None, 7, ["http://pictures.example/red.png"], {"path": "/etc/passwd"}])
def test_what_is_no_text_is_no_address(web: LoopbackWeb, address: object) -> None:
    assert "no picture's address" in str(fetch(web, address)[0])


def test_a_visitor_sees_what_opts_out_of_training_too_and_it_is_asked_in_a_visitors_name(web: LoopbackWeb) -> None:
    assert fetch(web, "/moved.png") == [png("red")]
    assert "for a visitor" in web.requests[-1].headers["user-agent"]


def test_so_many_at_once_and_one_for_each_visitor(web: LoopbackWeb) -> None:
    answers = fetch(web, *["/moved.png"] * MAX_AT_ONCE, "/moved.png")
    assert answers[:-1] == [png("red")] * MAX_AT_ONCE
    assert "in a few seconds" in str(answers[-1])

    async def twice() -> list[Any]:
        fetcher = PictureFetcher(SsrfGuard(lambda _: True, here))
        asked = [fetcher.fetch(f"http://pictures.example:{web.port}/red.png", "one visitor") for _ in range(2)]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second = asyncio.run(twice())
    assert first == png("red")
    assert "wait for it" in str(second)
