"""The search, with the real ddgs and httpx, against sites on the loopback web that answer, refuse, stall and lie."""

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from ddgs.exceptions import DDGSException
from loopback_web import LoopbackWeb
from search_sites import BingSite, CommonsSite, DuckDuckGoSite, OpenverseSite, Picture, pictures

from cartoons.errors import DataError, SearchError
from cartoons.search.ddgs_engine import _search_error
from cartoons.search.engines import Engine, GetJson, SearchResult, http_url, one_line, queries_for
from cartoons.search.searcher import RetryPolicy, Searcher, make_engines
from cartoons.search.url_list import read_url_list

pytestmark = pytest.mark.slow  # a loopback server in each

BUGS = "bugs bunny"
NO_RESULTS = "it has none, or it refuses this machine (it answers 202 or 403 without a word)"


class Search:
    """A searcher on the loopback web, with its warnings and how long it would have slept."""

    def __init__(
        self, web: LoopbackWeb, cache: Path, engines: str = "duckduckgo bing", license: str = "any", **pace: Any
    ) -> None:
        self.warnings: list[str] = []
        self.slept_s: list[float] = []
        made = make_engines(engines.split(), get_json(web), web.proxy, web.ca, timeout_s=1)
        pace = {"pause_s": 0.0, "sleep": self.slept_s.append, "random": lambda: 0.5} | pace
        self.searcher = Searcher(made, cache, license, RetryPolicy(**pace), self.warnings.append)

    def results(self, label: str = BUGS, *queries: str) -> list[SearchResult]:
        return list(self.searcher.search(label, queries or (label,)))

    def urls(self, *queries: str) -> list[str]:
        return [result.url for result in self.results(BUGS, *queries)]


def get_json(web: LoopbackWeb) -> GetJson:
    client = httpx.Client(proxy=web.proxy, verify=ssl.create_default_context(cafile=web.ca), timeout=0.5)

    def get(url: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        try:
            answer = client.get(url, params=dict(params))
        except httpx.HTTPError as error:
            raise OSError(f"{type(error).__name__}") from error
        if answer.status_code != 200:
            seconds = answer.headers.get("Retry-After")
            raise SearchError(f"HTTP {answer.status_code}", float(seconds) if seconds else None)
        try:
            return dict(answer.json())
        except ValueError as error:
            raise SearchError("no JSON") from error

    return get


@pytest.fixture
def web() -> Iterator[LoopbackWeb]:
    with LoopbackWeb() as running:
        yield running


def urls(prefix: str, count: int) -> list[str]:
    return [picture.url for picture in pictures(prefix, count)]


def duck(web: LoopbackWeb, known: Any, fault: str = "", **values: Any) -> DuckDuckGoSite:
    site = DuckDuckGoSite(known if callable(known) else lambda _: known, fault, **values)
    web.sites["duckduckgo.com"] = site
    return site


def bing(web: LoopbackWeb, known: list[Picture], fault: str = "") -> BingSite:
    web.sites["www.bing.com"] = site = BingSite(lambda _: known, fault)
    return site


def searches(web: LoopbackWeb, host: str) -> int:
    return sum(request.host == host and request.path != "/" for request in web.requests)


def test_pages_are_asked_for_until_the_engine_is_dry_then_the_next_engine(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 250))
    bing(web, pictures("bing", 80))
    search = Search(web, tmp_path)
    found = search.results()
    assert [result.url for result in found] == urls("duck", 250) + urls("bing", 80)
    assert found[0] == SearchResult(
        "https://images.example/duck/0.jpg", BUGS, "https://pages.example/bugs", BUGS, "duckduckgo", BUGS, "", ""
    )
    assert searches(web, "duckduckgo.com") == 3 + 2  # an empty page 4 is asked for once more
    assert searches(web, "www.bing.com") == 4  # page 3 ends with its last pictures, page 4 only repeats
    assert search.warnings == []
    assert not search.searcher.failures


def test_nothing_is_asked_before_a_hit_is_wanted(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 250))
    results = Search(web, tmp_path).searcher.search(BUGS, [BUGS])
    assert web.requests == []
    assert len(list(islice(results, 100))) == 100
    assert searches(web, "duckduckgo.com") == 1


def test_queries_take_turns_page_by_page_and_no_address_comes_twice(web: LoopbackWeb, tmp_path: Path) -> None:
    known = {"a": pictures("a", 150), "b": [*pictures("a", 60), *pictures("b", 60)]}
    duck(web, lambda query: known.get(query, []))
    found = Search(web, tmp_path, "duckduckgo").urls("a", "b")
    assert found == [*urls("a", 100), *urls("b", 40), *urls("a", 150)[100:], *urls("b", 60)[40:]]


def test_what_was_answered_is_never_asked_again(web: LoopbackWeb, tmp_path: Path) -> None:
    site = duck(web, pictures("duck", 250))
    first = list(islice(Search(web, tmp_path, "duckduckgo").searcher.search(BUGS, [BUGS]), 150))  # then it is killed
    assert searches(web, "duckduckgo.com") == 2
    site.faults = ["403"]
    again = list(islice(Search(web, tmp_path, "duckduckgo").searcher.search(BUGS, [BUGS]), 200))
    assert again[:150] == first
    assert searches(web, "duckduckgo.com") == 2
    assert len(Search(web, tmp_path, "duckduckgo").results()) == 250


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b'{"question": {',
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 99_999,
        b'{"question": 1, "found": [], "more": true}',
        b"numbers",
    ],
)
def test_a_broken_answer_on_disk_is_asked_for_again(web: LoopbackWeb, tmp_path: Path, broken: bytes) -> None:
    duck(web, pictures("duck", 3))
    Search(web, tmp_path, "duckduckgo").results()
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("duckduckgo-bugs-bunny-1-")
    whole = kept.read_bytes()
    kept.write_bytes(re.sub(rb'("title": )"[^"]*"', rb"\1 7", whole) if broken == b"numbers" else broken)
    before = searches(web, "duckduckgo.com")
    assert len(Search(web, tmp_path, "duckduckgo").results()) == 3
    assert searches(web, "duckduckgo.com") == before + 1 + 2
    assert kept.read_bytes() == whole


def test_an_answer_that_cannot_be_kept_is_an_error(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 3))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SearchError, match=r"cannot be kept in .*file .*: make room, or choose another --out\."):
        Search(web, tmp_path / "file").results()


@pytest.mark.parametrize("fault", ["403", "202", "empty", "no vqd", "html"])
def test_an_engine_that_gives_nothing_is_tried_four_times_and_passed_over_aloud(
    web: LoopbackWeb, tmp_path: Path, fault: str
) -> None:
    site = duck(web, pictures("duck", 5), fault)
    bing(web, pictures("bing", 5))
    search = Search(web, tmp_path)
    assert search.urls() == urls("bing", 5)
    assert sum(request.path == "/" for request in web.requests if request.host == "duckduckgo.com") == 4
    assert search.slept_s == [0.5, 1.0, 2.0]
    sentence = f'duckduckgo gave nothing for "bugs bunny" after 4 tries: {NO_RESULTS}.'
    assert search.warnings == [f"{sentence} Going on with bing; later runs ask it again."]
    assert search.searcher.failures == {BUGS: [sentence]}
    site.fault = ""
    assert Search(web, tmp_path).urls() == urls("duck", 5) + urls("bing", 5)  # a refusal is not kept


def test_an_engine_that_cannot_be_reached_says_so(web: LoopbackWeb, tmp_path: Path) -> None:
    bing(web, pictures("bing", 5))
    search = Search(web, tmp_path)
    assert search.urls() == urls("bing", 5)
    assert search.warnings[0].startswith('duckduckgo gave nothing for "bugs bunny" after 4 tries: it cannot be reached (')


def test_what_is_said_of_it_is_short(web: LoopbackWeb, tmp_path: Path) -> None:
    search = Search(web, tmp_path, "duckduckgo", max_tries=1)
    assert search.urls() == []
    assert re.fullmatch(r'duckduckgo gave .* it cannot be reached \([^()>"]{5,80}\)\. No other .*', search.warnings[0])
    wordy = "error sending request for url (https://a.example/?q=fox) > error resolving DNS > DNS error: no records found"
    assert (
        str(_search_error(DDGSException(f"DNSError: DNSError('{wordy}')"))) == "it cannot be reached (error resolving DNS)"
    )


def test_an_engine_that_stalls_says_how_long_it_was_waited_for(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 5), "stall")
    search = Search(web, tmp_path, "duckduckgo", max_tries=1)
    assert search.urls() == []
    assert search.warnings == [
        'duckduckgo gave nothing for "bugs bunny" after 1 try: no answer within 1 s. '
        "No other engine is left; later runs ask it again."
    ]


def test_when_all_engines_refuse_there_are_no_hits_and_no_exception(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, [], "202")
    bing(web, [], "403")
    search = Search(web, tmp_path, "duckduckgo bing openverse commons")
    assert search.urls() == []
    assert [sentence.split()[0] for sentence in search.searcher.failures[BUGS]] == [
        "duckduckgo",
        "bing",
        "openverse",
        "commons",
    ]
    assert search.warnings[-1].endswith("No other engine is left; later runs ask it again.")


def test_after_one_refusal_the_other_queries_get_one_try_each(web: LoopbackWeb, tmp_path: Path) -> None:
    site = duck(web, lambda query: pictures(query, 5), "202")
    search = Search(web, tmp_path, "duckduckgo")
    assert search.urls("a", "b", "c") == []
    assert searches(web, "duckduckgo.com") == 4 + 1 + 1
    assert "Going on with its other queries; later runs ask it again." in search.warnings[0]
    site.faults, site.fault = ["202", "", "202", "202", "202"], ""
    assert search.urls("d", "e", "f") == urls("e", 5) + urls("f", 5)  # e answers, so f has all its tries again


def test_a_hiccup_is_tried_again_without_a_word(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 150), faults=["202", "empty", "", "202"])
    search = Search(web, tmp_path, "duckduckgo")
    assert search.urls() == urls("duck", 150)
    assert search.warnings == []
    assert search.slept_s == [0.5, 1.0, 0.5, 0.5]  # twice before page 1, once before page 2, once before it counts as dry


def test_backing_off_grows_to_its_cap(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, [], "202")
    search = Search(web, tmp_path, "duckduckgo", max_tries=8, random=lambda: 1.0)
    search.results()
    assert search.slept_s == [1, 2, 4, 8, 16, 30, 30]


def test_requests_to_an_engine_are_a_pause_apart(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 150))
    search = Search(web, tmp_path, "duckduckgo", pause_s=5.0)
    assert len(list(islice(search.searcher.search(BUGS, [BUGS]), 150))) == 150
    assert search.slept_s == [pytest.approx(5.0, abs=0.5)]


def test_labels_searched_from_several_threads_ask_an_engine_one_at_a_time(web: LoopbackWeb, tmp_path: Path) -> None:
    busy, most = 0, 0

    class Counting:
        name = "counting"
        licenses = frozenset({"any"})

        def page(self, query: str, number: int, license: str) -> Any:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            try:
                return inner.page(query, number, license)
            finally:
                busy -= 1

    duck(web, lambda query: pictures(query, 120))
    inner: Engine = make_engines(["duckduckgo"], get_json(web), web.proxy, web.ca)[0]
    searcher = Searcher([Counting()], tmp_path, "any", RetryPolicy(pause_s=0, sleep=lambda _: None), print)
    found: dict[str, list[str]] = {}

    def search(label: str) -> None:
        found[label] = [result.url for result in searcher.search(label, [label, "shared"])]

    threads = [threading.Thread(target=search, args=(label,)) for label in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert {label: len(got) for label, got in found.items()} == dict.fromkeys("abcd", 240)
    assert (
        sum(
            request.query.get("q") == "shared" and "s" not in request.query
            for request in web.requests
            if request.path != "/"
        )
        == 1
    )


def test_odd_hits_are_left_out(web: LoopbackWeb, tmp_path: Path) -> None:
    odd = [
        None,
        "",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "//images.example/x.jpg",
        "ftp://images.example/x.jpg",
    ]
    odd += ["http://", "https://[broken/x.jpg", "https://images.example:port/x.jpg", "https://images.example/\n.jpg"]
    known = [
        *(Picture(url) for url in odd),
        *pictures("duck", 1),
        Picture("HTTPS://images.example/a.jpg#part", page_url=None),
    ]
    duck(web, known)
    (first, second) = Search(web, tmp_path, "duckduckgo").results()
    assert first.url == "https://images.example/duck/0.jpg"
    assert (second.url.lower(), second.page_url) == ("https://images.example/a.jpg", "")


def test_a_page_of_odd_hits_only_counts_as_nothing(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, [Picture("data:image/png;base64,AAAA")])
    search = Search(web, tmp_path, "duckduckgo")
    assert search.urls() == []
    assert len(search.warnings) == 1


def test_rows_that_ddgs_cannot_read_are_a_trouble_not_a_crash(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, [Picture("https://images.example/x.jpg", title=None)])
    search = Search(web, tmp_path, "duckduckgo")
    assert search.urls() == []
    assert "ddgs cannot read its answer (TypeError" in search.warnings[0]
    duck(web, [Picture(7)])
    assert search.urls("numbers") == []
    assert "ddgs cannot read its answer (TypeError" in search.warnings[1]


@pytest.mark.parametrize(("license", "filtered"), [("any", None), ("public domain", ",,,,,license:Public")])
def test_duckduckgo_filters_by_licence_and_searches_safely(
    web: LoopbackWeb, tmp_path: Path, license: str, filtered: str | None
) -> None:
    duck(web, pictures("duck", 1))
    search = Search(web, tmp_path, "duckduckgo", license)
    assert search.urls()
    (asked, *_) = [request.query for request in web.requests if request.path == "/i.js"]
    assert (asked.get("f"), asked["p"]) == (filtered, "1")
    assert search.warnings == []


def test_a_filter_that_an_engine_does_not_honour_is_said_once(web: LoopbackWeb, tmp_path: Path) -> None:
    bing(web, pictures("bing", 40))
    search = Search(web, tmp_path, "bing", "share")
    assert len(search.urls("a", "b")) == 40
    assert search.warnings == ['bing cannot filter by licence: its pictures may have any, not only "share".']
    before = len(web.requests)
    assert len(Search(web, tmp_path, "bing").urls("a", "b")) == 40  # the same question without the filter
    assert len(web.requests) == before


def test_another_licence_is_another_question(web: LoopbackWeb, tmp_path: Path) -> None:
    duck(web, pictures("duck", 1))
    Search(web, tmp_path, "duckduckgo", "share").results()
    before = searches(web, "duckduckgo.com")
    Search(web, tmp_path, "duckduckgo", "modify").results()
    assert searches(web, "duckduckgo.com") > before


def test_unknown_names_are_refused_with_those_that_are_known(web: LoopbackWeb, tmp_path: Path) -> None:
    with pytest.raises(
        SearchError, match=r"No engine is called 'google': choose among duckduckgo, bing, openverse, commons\."
    ):
        Search(web, tmp_path, "bing google")
    with pytest.raises(
        SearchError, match=r"No licence filter is called 'free': choose among any, share, share commercially"
    ):
        Search(web, tmp_path, license="free")


def openverse(web: LoopbackWeb, known: list[Picture], fault: str = "") -> OpenverseSite:
    web.sites["api.openverse.org"] = site = OpenverseSite(lambda _: known, fault)
    return site


def test_openverse_gives_licence_and_author_and_says_when_it_ends(web: LoopbackWeb, tmp_path: Path) -> None:
    licenses = [("by-sa", "4.0"), ("cc0", "1.0"), ("pdm", "1.0"), ("by-nc-nd", "2.0"), ("", "")]
    known = [Picture(f"https://i.example/{code}.jpg", license=code, license_version=number) for code, number in licenses]
    known += [*pictures("open", 40), Picture("https://i.example/last.jpg", author=None, title={"odd": 1}, page_url=7)]
    openverse(web, known)
    found = Search(web, tmp_path, "openverse").results()
    assert [result.license for result in found[:5]] == ["CC BY-SA 4.0", "CC0", "PDM", "CC BY-NC-ND 2.0", ""]
    assert (found[0].author, found[0].engine, found[0].page_url) == ("Ann Artist", "openverse", "https://pages.example/bugs")
    assert (found[-1].author, found[-1].title, found[-1].page_url) == ("", "", "")
    assert [result.url for result in found] == [picture.url for picture in known]
    assert len(web.requests) == 3
    assert len(Search(web, tmp_path, "openverse").results()) == 46
    assert len(web.requests) == 3  # its end is known, so a rerun asks nothing at all


def test_openverse_is_not_asked_beyond_its_last_page(web: LoopbackWeb, tmp_path: Path) -> None:
    openverse(web, pictures("open", 410))
    assert Search(web, tmp_path, "openverse").urls() == urls("open", 400)
    assert len(web.requests) == 20


@pytest.mark.parametrize(
    ("license", "kept"),
    [
        ("any", ["by", "by-nc", "by-nd", "by-nc-nd", "cc0", "pdm"]),
        ("share", ["by", "by-nc", "by-nd", "by-nc-nd", "cc0", "pdm"]),
        ("share commercially", ["by", "by-nd", "cc0", "pdm"]),
        ("modify", ["by", "by-nc", "cc0", "pdm"]),
        ("modify commercially", ["by", "cc0", "pdm"]),
        ("public domain", ["cc0", "pdm"]),
    ],
)
def test_openverse_filters_by_licence(web: LoopbackWeb, tmp_path: Path, license: str, kept: list[str]) -> None:
    codes = ["by", "by-nc", "by-nd", "by-nc-nd", "cc0", "pdm"]
    openverse(web, [Picture(f"https://i.example/{code}", license=code) for code in codes])
    assert Search(web, tmp_path, "openverse", license).urls() == [f"https://i.example/{code}" for code in kept]


def test_an_engine_that_says_it_has_nothing_is_believed(web: LoopbackWeb, tmp_path: Path) -> None:
    openverse(web, [])
    web.sites["commons.wikimedia.org"] = CommonsSite(lambda _: [])
    search = Search(web, tmp_path, "openverse commons")
    assert search.urls() == []
    assert search.warnings == []
    assert len(web.requests) == 2


def test_retry_after_is_waited_for(web: LoopbackWeb, tmp_path: Path) -> None:
    openverse(web, pictures("open", 3)).faults = ["429 20"]
    search = Search(web, tmp_path, "openverse")
    assert search.urls() == urls("open", 3)
    assert search.slept_s == [20]


def test_a_retry_after_that_is_too_long_closes_the_engine(web: LoopbackWeb, tmp_path: Path) -> None:
    openverse(web, pictures("open", 30)).faults = ["", "429 3600"]
    search = Search(web, tmp_path, "openverse")
    assert search.urls() == urls("open", 20)
    sentence = 'openverse gave no page 2 for "bugs bunny" after 1 try: HTTP 429, and it asks to be left alone for 3600 s.'
    assert search.searcher.failures == {BUGS: [sentence]}
    assert search.results("daffy duck") == []
    assert "it asked to be left alone for 3600 s more" in search.warnings[-1]
    assert len(web.requests) == 2
    assert search.slept_s == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("503", "HTTP 503"), ("html", "no JSON"), ("stall", "ReadTimeout"), ("200", "its answer has no results")],
)
def test_openverse_in_trouble_says_which(web: LoopbackWeb, tmp_path: Path, fault: str, reason: str) -> None:
    openverse(web, pictures("open", 3), fault)
    search = Search(web, tmp_path, "openverse", max_tries=2)
    assert search.urls() == []
    assert f'openverse gave nothing for "bugs bunny" after 2 tries: {reason}' in search.warnings[0]


def commons(web: LoopbackWeb, known: list[Picture], **values: Any) -> CommonsSite:
    web.sites["commons.wikimedia.org"] = site = CommonsSite(lambda _: known, **values)
    return site


def test_commons_gives_ranked_pages_licence_and_author(web: LoopbackWeb, tmp_path: Path) -> None:
    artist = (
        '<div class="fn"><a href="//c.example">Ann &amp; Bob</a><br>Unknown<span style="display: none;">Unknown</span></div>'
    )
    commons(web, [*pictures("commons", 120, author=artist, title="Bugs"), Picture("https://i.example/x.jpg", author=7)])
    found = Search(web, tmp_path, "commons").results()
    assert [result.url for result in found] == [*urls("commons", 120), "https://i.example/x.jpg"]
    assert found[0] == SearchResult(
        "https://images.example/commons/0.jpg",
        BUGS,
        "https://pages.example/bugs",
        "Bugs.jpg",
        "commons",
        BUGS,
        "CC BY-SA 4.0",
        "Ann & Bob Unknown",
    )
    assert found[-1].author == ""
    assert len(web.requests) == 3


def test_commons_gives_the_scaled_copy_of_what_is_large_or_of_an_odd_kind(web: LoopbackWeb, tmp_path: Path) -> None:
    commons(web, [Picture("https://i.example/a", width=961), Picture("https://i.example/b", width=960)])
    assert Search(web, tmp_path / "1", "commons").urls() == ["https://i.example/a/960px.jpg", "https://i.example/b"]
    commons(web, [Picture("https://i.example/a", width=10, mime="image/tiff")])
    assert Search(web, tmp_path / "2", "commons").urls() == ["https://i.example/a/960px.jpg"]


def test_commons_goes_on_with_an_answer_in_parts(web: LoopbackWeb, tmp_path: Path) -> None:
    commons(web, pictures("commons", 60), part_size=20)
    assert Search(web, tmp_path, "commons").urls() == urls("commons", 60)
    assert len(web.requests) == 3 + 1


def test_commons_keeps_only_the_public_domain_when_asked(web: LoopbackWeb, tmp_path: Path) -> None:
    commons(web, [*pictures("by", 60, license="by"), *pictures("cc0", 1, license="cc0"), *pictures("pd", 1, license="pdm")])
    assert Search(web, tmp_path, "commons", "public domain").urls() == urls("cc0", 1) + urls("pd", 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": {"code": "x", "info": "Too busy."}}, "it answers: Too busy"),
        ({"query": {"pages": 3}}, "no list query.pages"),
    ],
)
def test_commons_in_trouble_says_which(tmp_path: Path, answer: dict[str, Any], reason: str) -> None:
    said: list[str] = []
    engines = make_engines(["commons"], lambda _url, _params: answer)
    assert list(Searcher(engines, tmp_path, "any", RetryPolicy(max_tries=1), said.append).search(BUGS, [BUGS])) == []
    assert reason in said[0]


def test_queries_are_made_of_templates() -> None:
    assert queries_for("bugs bunny") == ("bugs bunny", "bugs bunny cartoon", "bugs bunny character")
    assert queries_for("{x} é", ["{name} drawing", " {name}  drawing", "old {name}"]) == ("{x} é drawing", "old {x} é")
    with pytest.raises(SearchError, match=r'The query "drawing" has no \{name\}: write \{name\} where'):
        queries_for("bugs", ["{name}", "drawing"])


def test_text_of_the_web_can_be_written_down() -> None:
    assert one_line("a\r\n b\ud800 \tc") == "a b? c"
    assert len(one_line("x" * 10_000)) == 500
    assert one_line(3) == ""
    assert http_url(" https://é.example/ü.jpg?a=1#b ") == "https://é.example/ü.jpg?a=1"


Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to


def test_addresses_come_from_csv(write: Write) -> None:
    text = '\ufeffURL, label ,caption,author,size\r\nhttps://a.example/1.jpg,bugs,"One, two",Ann,3\r\n\r\nhttps://a.example/2.jpg,daffy\r\n'
    assert read_url_list(write("urls.csv", text)) == [
        SearchResult("https://a.example/1.jpg", "bugs", title="One, two", author="Ann"),
        SearchResult("https://a.example/2.jpg", "daffy"),
    ]


def test_addresses_come_from_jsonl(write: Write) -> None:
    rows = [
        {
            "url": "https://a.example/1.jpg#x",
            "label": "bugs",
            "title": "T",
            "license": "CC0",
            "page_url": "https://a.example/",
        },
        {"url": "https://a.example/1.jpg", "label": "bugs", "title": "again"},
        {"url": "https://a.example/1.jpg", "label": "daffy"},
        {"url": "https://a.example/2.jpg"},
    ]
    text = "\r\n\r\n".join(json.dumps(row) for row in rows)
    assert [asdict(result) for result in read_url_list(write("urls.JSONL", text), "other")] == [
        asdict(SearchResult("https://a.example/1.jpg", "bugs", title="T", license="CC0", page_url="https://a.example/")),
        asdict(SearchResult("https://a.example/1.jpg", "daffy")),
        asdict(SearchResult("https://a.example/2.jpg", "other")),
    ]


def test_labels_of_a_list_are_tidied_as_searched_names_are(write: Write) -> None:
    labels = ["Pok\u00e9mon", "Poke\u0301mon", "  Pok\u00e9mon ", "Pok\u00e9\u200bmon", " ", "\u200b"]
    rows = [json.dumps({"url": f"https://a.example/{k}.jpg", "label": label}) for k, label in enumerate(labels)]
    found = read_url_list(write("urls.jsonl", "\n".join(rows)), "other")
    assert [result.label for result in found] == ["Pok\u00e9mon"] * 4 + ["other"] * 2
    with pytest.raises(DataError, match="line 5 has no label"):
        read_url_list(write("urls.jsonl", "\n".join(rows)))


@pytest.mark.parametrize("label", ["7", "true", '["x"]', '{"x": 1}'])
def test_a_label_that_is_no_text_does_not_become_the_one_that_all_rows_without_one_have(write: Write, label: str) -> None:
    with pytest.raises(DataError, match=r"line 1: the label is .*, not a text: put it in quotes"):
        read_url_list(write("urls.jsonl", f'{{"url": "https://a.example/1.jpg", "label": {label}}}'), "other")


def test_addresses_come_from_txt(write: Write) -> None:
    path = write("urls.txt", "\ufeff# mine\r\nhttps://a.example/1.jpg\r\n\r\n  http://b.example/2.jpg \n")
    assert read_url_list(path, "bugs") == [
        SearchResult("https://a.example/1.jpg", "bugs"),
        SearchResult("http://b.example/2.jpg", "bugs"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("urls.txt", "https://a.example/1.jpg\n", "line 1 has no label"),
        ("urls.csv", "url,label\nhttps://a.example/1.jpg, \n", "line 2 has no label"),
        (
            "urls.csv",
            "url,label\nhttps://a.example/1.jpg,x\n/home/me/2.jpg,x\n",
            "line 3: '/home/me/2.jpg' is not an address",
        ),
        ("urls.csv", "link;label\n", "line 1 has no column url, but link;label"),
        ("urls.csv", "", "line 1 has no column url, but nothing"),
        ("urls.csv", "url,label\n", "lists no addresses"),
        ("urls.csv", "url,label\nhttps://a.example/1,2.jpg,x\n", "line 2 has 3 cells, but the header 2"),
        ("urls.csv", 'url,label\nhttps://a.example/1.jpg,"x\n', "line 2 is not valid CSV"),
        ("urls.jsonl", '{"url": "https://a.example/1.jpg", "label": "x"}\n{"url": "htt', "line 2 is not JSON"),
        ("urls.jsonl", "[" * 200_000, "line 1 is not JSON (it is nested too deeply)"),
        ("urls.jsonl", '["https://a.example/1.jpg"]\n', "line 1 is not a JSON object"),
        ("urls.jsonl", '{"url": null, "label": "x"}\n', "line 1: None is not an address"),
        ("urls.txt", b"# \n# caf\xe9\n", "line 2 is not UTF-8"),
        ("urls.xlsx", "", "is no list of addresses that can be read: give a file ending in .csv, .jsonl, .txt."),
    ],
)
def test_a_list_of_addresses_with_something_wrong_is_refused_with_its_line(
    write: Write, name: str, content: str | bytes, message: str
) -> None:
    path = write(name, content)
    with pytest.raises(DataError) as caught:
        read_url_list(path)
    assert f"{path}" in str(caught.value)
    assert message in str(caught.value)


def test_a_list_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\)"):
        read_url_list(tmp_path / "urls.csv")
