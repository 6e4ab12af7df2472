"""The review page as a person uses it, in a real Chromium: by keys, by mouse, by tap."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import httpx
import pytest
from conftest import ROOT, colour_graph, colour_info, free_port, plain, wait_until
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from cartoons import model_folder

pytestmark = pytest.mark.slow
EVIL = "<img src=x onerror=document.title='owned'>"


class Review:
    """The page as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options, port = folder, options, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "scrape.py", "review", str(folder), *options],
            cwd=ROOT,
            env=os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SHARE": "True", "GRADIO_SERVER_NAME": "0.0.0.0"},
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: self.process.poll() is None and urllib.request.urlopen(self.url, timeout=5).read())

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)

    def decisions(self) -> list[tuple[str, str, str]]:
        path = self.folder / "decisions.jsonl"
        rows = map(json.loads, path.read_text().splitlines() if path.exists() else [])
        return [(row["file_name"], row["action"], row["to"]) for row in rows]


def draw_pictures(folder: Path) -> Path:
    """Thirty red foxes of which two are green frogs and one is neither, eight frogs, four others; one title is an attack."""
    rows = []
    for label, count, colour in [
        ("red fox", 30, "#{:x}00000"),
        ("green frog", 8, "#00{:x}000"),
        ("_other", 4, "#0000{:x}0"),
    ]:
        (folder / label).mkdir(parents=True)
        for k in range(count):
            hue = colour.format(15 - k // 4).replace("00", f"0{k % 4}", 1)
            if label == "red fox" and k in (7, 21, 28):
                hue = {7: "#00fa00", 21: "#00e700", 28: "#0000fc"}[k]
            plain(hue).save(folder / label / f"{label[0]}{k:02}.png")
            rows.append(
                {
                    "file_name": f"{label}/{label[0]}{k:02}.png",
                    "label": label,
                    "url": f"https://pics.example/{k}.png",
                    "title": EVIL,
                }
            )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw_pictures(tmp_path / "my pictures")


@pytest.fixture
def review(pictures: Path, colour_model: Path) -> Iterator[Review]:
    """A page for decisions."""
    with running(pictures, "--model", str(colour_model)) as page:
        yield page


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    """A page on which nothing is decided."""
    place = tmp_path_factory.mktemp("untouched")
    model_folder.write(place / "colours", colour_info(), colour_graph())
    with running(draw_pictures(place / "my pictures"), "--model", str(place / "colours")) as page:
        yield page


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Review]:
    page = Review(folder, *options)
    try:
        yield page
    finally:
        page.stop()


@pytest.fixture
def tab(browser: Browser, review: Review) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    yield opened(context.new_page(), review)
    context.close()


def opened(tab: Tab, review: Review) -> Tab:
    tab.set_default_timeout(20_000)
    tab.goto(review.url)
    shown(tab)
    return tab


def shown(tab: Tab) -> None:
    """Wait until there are cards, and each has its picture."""
    tab.locator(".review .card").first.wait_for()
    tab.wait_for_function("[...document.querySelectorAll('.review .card img')].every(image => image.naturalWidth)")


def card(tab: Tab, place: int) -> str:
    """What a screen reader says of a card."""
    return str(tab.locator(".review .card").nth(place).get_attribute("aria-label"))


def selected(tab: Tab, place: int) -> None:
    expect(tab.locator(".review .card").nth(place)).to_have_attribute("aria-selected", "true")
    expect(tab.locator(".review .card[aria-selected=true]")).to_have_count(1)


def said(tab: Tab, words: str) -> None:
    expect(tab.locator(".review .told")).to_contain_text(words)


def test_swapped_ones_come_first_and_keys_decide(tab: Tab, review: Review) -> None:
    expect(tab.locator(".review h1")).to_have_text("Review my pictures")
    expect(tab.locator(".review .card")).to_have_count(24)
    assert sorted(card(tab, k).split("looks like ")[1].split(",")[0] for k in range(3)) == [
        "green frog",
        "green frog",
        "none of these",
    ]
    assert "looks right" in card(tab, 3)
    assert "pics.example" in card(tab, 3)
    names = [str(tab.locator(".review .card .source").nth(k).get_attribute("title")) for k in range(4)]
    assert names == [EVIL] * 4
    assert tab.title() == "Review my pictures"

    tab.keyboard.press("1")
    selected(tab, 1)
    assert "to green frog" in card(tab, 0)
    assert [decision[1:] for decision in review.decisions()] == [("move", "green frog")]
    tab.keyboard.press("d")
    tab.keyboard.press("k")
    selected(tab, 3)
    assert [decision[1] for decision in review.decisions()] == ["move", "delete", "keep"]
    expect(tab.locator(".review .apply")).to_have_text("Apply 2 decisions")
    expect(tab.locator(".review .chips button").nth(1)).not_to_contain_text("to look at")

    tab.keyboard.press("u")
    selected(tab, 2)
    assert "not decided" in card(tab, 2)
    assert review.decisions()[-1][1] == "undo"
    expect(tab.locator(".review .chips button").nth(1)).to_contain_text("1 to look at")

    moved, deleted = review.decisions()[0][0], review.decisions()[1][0]
    tab.locator(".review .apply").click()
    said(tab, "1 picture deleted (kept in .scrape/removed), 1 picture moved")
    expect(tab.locator(".review .chips button").nth(1)).to_contain_text("28")
    assert (review.folder / moved.replace("red fox", "green frog")).exists()
    assert (review.folder / ".scrape/removed" / deleted).exists()
    assert not (review.folder / moved).exists()
    expect(tab.locator(".review .apply")).to_be_disabled()
    assert len(review.decisions()) == 4


def test_arrows_pages_and_the_large_view(tab: Tab, review: Review) -> None:
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    selected(tab, 7)
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    selected(tab, 1)
    tab.keyboard.press("Space")
    expect(tab.locator(".review .large img")).to_be_visible()
    tab.keyboard.press("d")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Escape")
    expect(tab.locator(".review .large")).to_be_hidden()
    selected(tab, 3)
    assert "to be deleted" in card(tab, 1)
    tab.keyboard.press("PageDown")
    expect(tab.locator(".review .pager")).to_contain_text("25–30 of 30")
    expect(tab.locator(".review .card")).to_have_count(6)
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".review .pager")).to_contain_text("1–24 of 30")
    selected(tab, 23)
    expect(tab.locator(".review .card").nth(23)).to_be_focused()
    tab.keyboard.press("?")
    expect(tab.locator(".review .keys")).to_be_visible()
    tab.keyboard.press("k")
    tab.keyboard.press("Escape")
    tab.keyboard.press("m")
    tab.locator(".review .choice button", has_text="none of these").click()
    expect(tab.locator(".review .pager")).to_contain_text("25–30 of 30")  # a decision on a page's last card turns the page
    selected(tab, 0)
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".review .card").nth(23)).to_have_attribute("data-action", "move")
    assert "to none of these" in card(tab, 23)
    assert [decision[1] for decision in review.decisions()] == ["delete", "move"]
    tab.set_viewport_size({"width": 320, "height": 480})
    tab.keyboard.press("?")
    expect(tab.locator(".review .keys h2")).to_be_focused()
    assert tab.locator(".review .keys").evaluate("dialog => [dialog.scrollTop, dialog.scrollHeight > 480]") == [0, True]


def test_several_at_once_the_next_doubt_and_an_honest_undo(tab: Tab, review: Review) -> None:
    done = tab.locator(".review .done")
    expect(done).to_have_text("0 of 3 looked at")
    tab.keyboard.press("Shift+ArrowRight")
    tab.keyboard.press("Shift+ArrowRight")
    expect(tab.locator(".review .card[aria-selected=true]")).to_have_count(3)
    expect(tab.locator(".review .which")).to_have_text("3 pictures selected")
    tab.keyboard.press("d")
    selected(tab, 3)
    said(tab, "3 pictures: to be deleted.")
    expect(done).to_have_text("3 of 3 looked at")
    tab.keyboard.press("u")
    said(tab, "Taken back: 3 decisions.")
    expect(done).to_have_text("0 of 3 looked at")

    tab.locator(".review .card").nth(4).click()
    tab.locator(".review .card").nth(9).click(modifiers=["Shift"])
    expect(tab.locator(".review .card[aria-selected=true]")).to_have_count(6)
    tab.locator(".review .acts button", has_text="Keep").click()
    selected(tab, 10)
    assert [decision[1] for decision in review.decisions()] == ["delete"] * 3 + ["undo"] * 3 + ["keep"] * 6

    tab.keyboard.press("a")
    said(tab, "3 pictures to be moved to what they look like.")
    expect(tab.locator(".review .together button").nth(1)).to_be_disabled()
    tab.keyboard.press("r")
    said(tab, "21 pictures of red fox kept.")
    assert [decision[1] for decision in review.decisions()][12:] == ["move"] * 3 + ["keep"] * 21
    tab.keyboard.press("u")
    said(tab, "Taken back: 21 decisions.")
    expect(tab.locator(".review .apply")).to_have_text("Apply 3 decisions")
    tab.locator(".review .apply").click()
    said(tab, "3 pictures moved")
    before = review.decisions()
    tab.keyboard.press("u")
    said(tab, "The last decision was applied")
    assert review.decisions() == before  # an older "keep" is not taken back in its place


def test_what_looks_exactly_like_a_character_comes_first_and_the_next_doubt_is_in_another_class(
    browser: Browser, pictures: Path, colour_model: Path
) -> None:
    plain("#f10000").save(pictures / "_other" / "z.png")
    with running(pictures, "--model", str(colour_model)) as review:
        tab = opened(browser.new_page(), review)
        expect(tab.locator(".review .lead")).to_contain_text("1 of “none of these” looks exactly like a character.")
        current = tab.locator(".review .chips [aria-current=true]")
        expect(current).to_contain_text("none of these")
        assert "looks like red fox" in card(tab, 0)
        for expected in ("red fox", "red fox", "red fox", "none of these"):
            tab.keyboard.press("n")
            expect(current).to_contain_text(expected)
        tab.keyboard.press("k")
        for _ in range(3):
            tab.keyboard.press("n")
            tab.keyboard.press("k")
        tab.keyboard.press("n")
        said(tab, "Nothing is left to look at.")
        tab.close()


def test_a_reload_finds_every_decision_again(tab: Tab, review: Review) -> None:
    tab.locator(".review .card").nth(2).click()
    tab.locator(".review .acts button", has_text="Delete").click()
    selected(tab, 3)
    name = review.decisions()[0][0]
    tab.reload()
    shown(tab)
    expect(tab.locator(".review .apply")).to_have_text("Apply 1 decision")
    expect(tab.locator(".review .card[data-action=delete]")).to_have_count(1)
    assert (review.folder / name).exists()


def test_who_comes_back_from_another_page_sees_what_was_decided_there(tab: Tab, review: Review) -> None:
    name = tab.locator(".review .card").first.get_attribute("data-key")
    with running(review.folder, *review.options) as second:
        for page in (review, second):
            other = opened(tab.context.new_page(), page)
            other.locator(f".review .card[data-key='{name}']").click()
            other.keyboard.press("d" if page is review else "k")
            said(other, "to be deleted" if page is review else "kept")
            tab.bring_to_front()
            tab.evaluate("dispatchEvent(new Event('focus'))")  # a browser without a window sends none
            expect(tab.locator(".review .apply")).to_have_text("Apply 1 decision" if page is review else "Nothing to apply")
            action = "delete" if page is review else "keep"
            expect(tab.locator(f".review .card[data-key='{name}']")).to_have_attribute("data-action", action)
            expect(tab.locator(".review .acts button", has_text="Take back")).to_be_visible()


def test_a_phone_needs_no_keys_and_no_sideways_scrolling(browser: Browser, review: Review) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    tab = opened(context.new_page(), review)
    expect(tab.locator(".review .card")).to_have_count(12)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.locator(".review .card").nth(1).tap()
    selected(tab, 1)
    tab.locator(".review .acts button", has_text="Delete").tap()
    selected(tab, 2)
    tab.locator(".review .acts .suggested").tap()
    selected(tab, 3)
    tab.locator(".review .acts button", has_text="Move to…").tap()
    tab.locator(".review .choice button", has_text="none of these").tap()
    selected(tab, 4)
    tab.locator(".review .acts button", has_text="Undo").tap()
    selected(tab, 3)
    assert [decision[1] for decision in review.decisions()] == ["delete", "move", "move", "undo"]
    tab.locator(".review .card").nth(5).tap()
    tab.locator(".review .card").nth(5).tap()
    expect(tab.locator(".review .large img")).to_be_visible()
    boxes = [button.bounding_box() for button in tab.locator(".review .large button:visible").all()]
    assert all(box["height"] >= 40 and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    tab.locator(".review .large button", has_text="Close").tap()
    tab.locator(".review .apply").tap()
    said(tab, "1 picture deleted (kept in .scrape/removed), 1 picture moved")
    context.close()


def test_what_cannot_be_written_is_not_shown_as_decided(tab: Tab, review: Review) -> None:
    (review.folder / "decisions.jsonl").mkdir()
    tab.keyboard.press("d")
    expect(tab.locator(".review .alarm")).to_contain_text("does not count")
    assert "not decided" in card(tab, 0)
    (review.folder / "decisions.jsonl").rmdir()
    tab.keyboard.press("d")
    selected(tab, 1)
    expect(tab.locator(".review .alarm")).to_be_hidden()


def answer(review: Review, headers: dict[str, str]) -> dict[str, object]:
    """What /component_server answers to a request for the overview."""
    with urllib.request.urlopen(f"{review.url}/config") as config:
        [component] = [one for one in json.load(config)["components"] if one["type"] == "html"]
    body = {"data": {}, "component_id": component["id"], "fn_name": "overview", "session_hash": "s"}
    url = f"{review.url}/gradio_api/component_server/"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"} | headers)
    with urllib.request.urlopen(request) as told:
        return dict(json.load(told))


def test_other_sites_and_other_machines_get_nothing(browser: Browser, untouched: Review) -> None:
    review, tab = untouched, opened(browser.new_page(), untouched)
    assert answer(review, {"Origin": review.url})["folder"] == "my pictures"
    refused = {"error": "This page answers only on the machine that it runs on."}
    assert answer(review, {"Origin": "https://evil.example"}) == refused
    assert answer(review, {"Host": "evil.example"}) == refused
    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(f"{review.url}/gradio_api/file={quote(str(review.folder / 'metadata.jsonl'))}")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.reload()
    shown(tab)
    assert [url for url in asked if not url.startswith((review.url, "data:"))] == []
    listening = Path("/proc/net/tcp").read_text()
    assert f"0100007F:{int(review.url.rsplit(':', 1)[1]):04X} 00000000:0000 0A" in listening
    tab.close()


def test_without_a_model_everything_is_to_be_looked_at(browser: Browser, pictures: Path) -> None:
    with running(pictures) as review:
        tab = opened(browser.new_page(), review)
        expect(tab.locator(".review .lead")).to_have_text("42 to look at. This page moves no file before you press Apply.")
        assert "looks" not in card(tab, 0)
        tab.close()


def test_no_file_of_the_machine_is_read_or_written_through_it(untouched: Review) -> None:
    with httpx.Client(base_url=untouched.url, timeout=30) as client:
        html = next(part["id"] for part in client.get("/config").json()["components"] if part["type"] == "html")
        asked = {"session_hash": "x", "component_id": html}
        hostile = [{"path": "/etc/passwd"}, "/etc/passwd", None, [], {}, {"key": "../../etc/passwd", "large": True}]
        hostile += [{"label": 5}, {"label": "x", "start": "/etc/passwd", "count": []}]
        hostile += [{"key": "x", "action": "move", "to": "/etc"}]
        for name in ("overview", "cards", "picture", "decide", "undo", "apply", "__init__", "no_such_function"):
            for value in hostile:
                said = client.post("/gradio_api/component_server", json={**asked, "fn_name": name, "data": value}).text
                assert "Traceback" not in said
                assert "root:" not in said
                assert "passwd" not in said
        for path in ("run/predict", "queue/join", "call/predict", "upload", "process_recording", "no/such/place"):
            body = {"data": [{"path": "/etc/passwd"}], "fn_index": 0, "session_hash": "x"}
            answer = client.post(f"/gradio_api/{path}", json=body)
            assert 400 <= answer.status_code < 500
            assert "\n" not in answer.json()["error"]
        form = client.post("/gradio_api/upload", files={"files": ("x.png", b"x")})
        served = client.get(f"/gradio_api/file={untouched.folder / 'metadata.jsonl'}")
        assert (form.status_code, served.status_code) == (404, 403)
    assert untouched.decisions() == []


def test_the_page_is_in_the_middle_and_in_one_language(browser: Browser, untouched: Review) -> None:
    for width in (1280, 1920):
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="de-DE")
        tab = opened(context.new_page(), untouched)
        box = tab.locator("main.contain").bounding_box()
        assert box["x"] == pytest.approx(width - box["x"] - box["width"], abs=1)
        assert tab.evaluate("document.documentElement.lang") == "en"
        context.close()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "NaN", "1e308", "-5"])
def test_numbers_that_are_none_are_answered_in_a_sentence(untouched: Review, number: str) -> None:
    with httpx.Client(base_url=untouched.url, timeout=30) as client:
        html = next(part["id"] for part in client.get("/config").json()["components"] if part["type"] == "html")
        for data in (f'"start": {number}, "count": 2', f'"start": 0, "count": {number}'):
            asked = f'{{"data": {{"label": "x", {data}}}, "fn_name": "cards", "session_hash": "x", "component_id": {html}}}'
            headers = {"Content-Type": "application/json"}
            said = client.post("/gradio_api/component_server", content=asked, headers=headers)
            assert said.status_code == 200
            told = said.json()
            assert told == {"cards": [], "pictures": 0} or told["error"].startswith(
                "That was not asked as this page asks it"
            )
