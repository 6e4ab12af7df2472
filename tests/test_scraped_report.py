"""The report of a scraped folder: its numbers add up, its pictures show, and nothing from the web gets out of its place."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import CHROMIUM_FLAGS, draw_shape
from playwright.sync_api import sync_playwright

from cartoons.report import scrape_report
from cartoons.scraping.config import ScrapeConfig
from cartoons.scraping.manifest import Attempt
from cartoons.scraping.publish import summarize

EVIL = "\"><script>document.title='taken'</script>\x00&amp;\ud800"
TROUBLES = ["duckduckgo answered 202 four times: bing was asked instead <b>."]


def kept(label: str, k: int, **changes: str) -> dict[str, object]:
    row = {
        "file_name": f"{label}/{k}.jpg",
        "label": label,
        "url": f"https://pictures.example/{k}.jpg",
        "page_url": f"https://site.example/{k}?a=1&b=2",
        "title": f"Number {k}",
        "author": "Jo",
        "license": "CC BY 4.0",
        "source": "site.example",
        "fetched_at": f"2026-11-{10 + k}T10:00:00+00:00",
        "status": "kept",
    }
    return row | changes


def lost(label: str, status: str, reason: str, times: int = 1) -> list[dict[str, object]]:
    url = "https://pictures.example/lost.jpg"
    return [{"label": label, "status": status, "reason": reason, "url": url, "phash": None}] * times


def some() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Attempts and kept rows of two labels."""
    rows = [kept("round one", k) for k in range(3)] + [kept("square", 3)]
    rest = lost("round one", "failed", "HTTP 404", 4) + lost("round one", "rejected", "one flat colour", 2)
    rest += lost("round one", "duplicate", "round one/1.jpg") + lost("round one", "refused", "the site opts out (noai)")
    rest += lost("square", "two labels", "also round one") + lost("square", "spare", "")
    return [*rows, *rest], rows


class Tags(HTMLParser):
    """The elements of a page with the names of their attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))


def drawn(attempts: list[dict[str, object]], rows: list[dict[str, object]]) -> str:
    return scrape_report.page(["round one", "square"], attempts, rows, TROUBLES).decode()


def cells(page: str) -> list[list[str]]:
    lines = re.findall(r"<tr>(.*?)</tr>", page)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)] for line in lines]


def test_files_of_this_machine_are_said_to_be_local() -> None:
    found = cells(drawn([{"label": "square", "status": "kept", "url": "file:///tmp/a.png"}], []))
    assert ["local files", "1", "1"] in found


def test_the_numbers_add_up() -> None:
    found = cells(drawn(*some()))
    for line in (
        ["", "links", "downloaded", "usable", "kept"],
        ["Round One", "11", "6", "4", "3"],
        ["Square", "3", "3", "3", "1"],
        ["All", "14", "9", "7", "4"],
        ["could not be had: HTTP 404", "4"],
        ["not usable: one flat colour", "2"],
        ["must not be had: the site opts out (noai)", "1"],
        ["a copy", "1"],
        ["found under two labels", "1"],
        ["good, but there were enough", "1"],
        ["pictures.example", "14", "4"],
    ):
        assert line in found
    start = found.index(["could not be had: HTTP 404", "4"])
    assert sum(int(line[1]) for line in found[start : start + 4]) == 11 - 3


def test_the_commonest_reasons_and_hosts_come_first_and_the_rest_is_counted() -> None:
    attempts = [each for k in range(30) for each in lost("square", "failed", f"HTTP {400 + k}", 31 - k)]
    hosts = [row | {"url": f"https://h{k}.example/"} for k, row in enumerate(attempts)]
    found = cells(drawn(hosts, []))
    assert ["could not be had: HTTP 400", "31"] in found
    assert ["for 18 other reasons", str(sum(range(2, 20)))] in found
    assert [f"{len(attempts) - 20} other hosts", str(len(attempts) - 20), "0"] in found


def test_the_words_around_the_numbers() -> None:
    page = drawn(*some())
    assert "Scraped, fetched 2026-11-10 to 2026-11-13" in page
    assert "bing was asked instead &lt;b&gt;." in page
    assert "Round One: 3 pictures" in page
    assert "Square: 1 picture<" in page
    assert "(also round one)</li></ul></details>" in page
    quiet = scrape_report.page(["fox"], [], [], []).decode()
    assert "Not one picture." in quiet
    assert "search engines" not in quiet


def test_a_label_that_nobody_asked_for_is_shown_too() -> None:
    page = drawn(*[[kept("moved by hand", 1)]] * 2)
    assert "Moved By Hand: 1 picture" in page
    broken = lost("", "failed", "00000.tar is damaged")
    page = drawn(broken, [])
    assert ["No Label", "1", "0", "0", "0"] in [[line[0].title(), *line[1:]] for line in cells(page)]
    assert "No label: 0" not in page


@pytest.mark.parametrize(
    "key", ["file_name", "label", "url", "page_url", "title", "author", "license", "source", "fetched_at"]
)
def test_what_comes_from_the_web_stays_text(key: str) -> None:
    pages = []
    for words in (EVIL, "harmless"):
        row = kept("square", 1) | {key: words}
        attempts = [row, row | {"status": words, "reason": words}, row | {"status": "two labels", "reason": words}]
        pages.append(drawn(attempts, [row]))
    assert Tags(pages[0]).found == Tags(pages[1]).found
    assert "taken" in pages[0]
    assert "\x00" not in pages[0]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example", "https:evil", "http://[", "", "x"],
)
def test_only_web_pages_become_links(url: str) -> None:
    row = kept("square", 1, url=url, page_url=url)
    page = drawn([row | {"status": "two labels"}], [row])
    assert "<a " not in page
    assert page.count("<img ") == 1


def test_links_lead_to_the_page_and_tell_it_nothing() -> None:
    page = drawn(*some())
    links = re.findall(r"<a [^>]*>", page)
    assert '<a href="https://site.example/0?a=1&amp;b=2" rel="noreferrer noopener">' in links
    assert all('rel="noreferrer noopener"' in link for link in links)
    assert 'title="CC BY 4.0 · by Jo · Number 0"' in page
    only_url = kept("square", 1, page_url="javascript:alert(1)")
    assert '<a href="https://pictures.example/1.jpg"' in drawn([only_url], [only_url])


@pytest.mark.parametrize(
    "file", ["square/what? 100%#1.jpg", "日本 🦊/1.jpg", "//evil.example/1.jpg", "https://evil.example/1.jpg"]
)
def test_pictures_are_of_this_folder_whatever_their_names(file: str) -> None:
    row = kept("square", 1, file_name=file)
    [source] = re.findall(r'<img [^>]*src="([^"]*)"', drawn([row], [row]))
    assert source.startswith("./")
    assert not set(source) & set("?# :")
    assert unquote(source) == f"./{file}"


@pytest.mark.parametrize("file", ["../secret.jpg", "square/../../secret.jpg", ""])
def test_no_picture_of_another_folder_is_shown(file: str) -> None:
    row = kept("square", 1, file_name=file)
    page = drawn([row], [row])
    assert "<img" not in page
    assert "is not in this folder" in page


@pytest.mark.slow
def test_in_a_browser_every_picture_shows_and_a_phone_is_wide_enough(tmp_path: Path, chromium: str) -> None:
    attempts, rows = some()
    for row in rows:
        path = tmp_path / str(row["file_name"])
        path.parent.mkdir(exist_ok=True)
        draw_shape("round", seed=1).save(path)
    scrape_report.write(tmp_path, ["round one", "square"], attempts, rows, TROUBLES)
    assert (tmp_path / "report.html").read_bytes() == scrape_report.page(["round one", "square"], attempts, rows, TROUBLES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        tab = browser.new_page(viewport={"width": 390, "height": 3000}, color_scheme="dark")
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("requestfailed", lambda request: said.append(request.url))
        tab.goto(f"file://{tmp_path / 'report.html'}")
        for image in tab.locator("img").all():
            image.scroll_into_view_if_needed()
        tab.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
        assert tab.locator("img").count() == 4
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        funnel = tab.locator(".scroll").first
        assert funnel.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(27, 33, 38)"
        browser.close()
    assert said == []


@pytest.mark.parametrize(
    ("licenses", "is_said"),
    [
        ([], False),
        ([("kept", "")], True),
        ([("kept", "all rights"), ("spare", "CC0")], True),
        ([("kept", "CC0"), ("kept", "")], False),
    ],
)
def test_who_has_no_picture_to_show_is_told_what_to_do(
    licenses: list[tuple[str, str]], is_said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = [Attempt("fox", f"https://a.example/{k}", status, license=said) for k, (status, said) in enumerate(licenses)]
    summarize(ScrapeConfig(tmp_path), ["fox"], attempts, {})
    told = capsys.readouterr().out
    assert ("page of a model trained on them will show no examples" in told) == is_said
    assert ("--engines openverse,commons" in told) == ("give train.py --examples DIR" in told) == is_said


@pytest.mark.parametrize(
    ("status", "says"), [("kept", "1 of 2 pictures; no more were found."), ("spare", "0 of 2 pictures; 1 spare.")]
)
def test_a_name_that_stays_short_says_what_was_found(
    status: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summarize(ScrapeConfig(tmp_path, per_class=2), ["fox"], [Attempt("fox", "https://a.example/1", status)], {})
    assert f"fox: {says}\n" in capsys.readouterr().err
    summarize(ScrapeConfig(tmp_path, per_class=2), ["fox"], [], {"fox": ["a gave nothing.", "b gave nothing.", "c.", "d."]})
    told = capsys.readouterr().err
    assert (
        "fox: 0 of 2 pictures; nothing was found. a gave nothing. b gave nothing. So it was with 2 searches more.\n" in told
    )
