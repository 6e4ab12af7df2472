"""Pictures by their address, and links that open with an answer, in a real Chromium and on a web of the tests' own."""

import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Page, colour_graph, colour_info, plain
from loopback_web import LoopbackWeb
from picture_sites import site
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from cartoons import model_folder

pytestmark = pytest.mark.slow


@dataclass
class Served:
    url: str
    web: LoopbackWeb

    def at(self, path: str) -> str:
        return f"http://pictures.example:{self.web.port}{path}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("model")
    model_folder.write(folder, colour_info(), colour_graph(heat=True))
    with LoopbackWeb({"pictures.example": site}) as web:
        running = Page(str(folder), program="tests/loopback_page.py")
        yield Served(running.url, web)
        running.stop()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Tab:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    return tab


def opened(tab: Tab, url: str) -> Tab:
    tab.goto(url)
    tab.wait_for_selector("#picture", state="attached")
    return tab


def said(tab: Tab, words: str) -> None:
    expect(tab.locator("#answer:not([data-doing]) h2")).to_have_text(re.compile(words, re.IGNORECASE), timeout=20_000)


ATTACKS = {
    "javascript:document.title='hit'": "begins with https:// or http://",
    "<img src=x onerror=\"document.title='hit'\">": "begins with https:// or http://",
    "http://localhost/red.png": "a private address",
    "/inside": "a private address",  # where it redirects to
    "/page.html": "a web page",
}


def test_a_hostile_address_gets_a_sentence_and_nothing_else(tab: Tab, served: Served) -> None:
    for address, says in ATTACKS.items():
        given = served.at(address) if address.startswith("/") else address
        opened(tab, f"{served.url}/?picture={quote(given, safe='')}")
        said(tab, "That did not work")
        expect(tab.locator("#answer p")).to_contain_text(says)
        assert tab.title() != "hit", address
        assert "secret" not in tab.locator("#answer").inner_text()
        expect(tab.locator("#picture img")).to_have_count(0)
        expect(tab.locator("#bars")).to_have_count(0)
        expect(tab.get_by_role("button", name="Choose a photo")).to_be_visible()


def test_a_link_to_a_picture_opens_with_its_answer_and_is_copied_again(tab: Tab, served: Served) -> None:
    link = f"{served.url}/?picture={quote(served.at('/moved.png'), safe='')}"
    opened(tab, link)
    said(tab, "red fox")
    expect(tab.locator("#picture img")).to_be_visible()
    tab.get_by_role("button", name="Copy link").click()
    expect(tab.locator("#share [role=status]")).to_contain_text("copied")
    assert tab.evaluate("navigator.clipboard.readText()") == link


def test_an_address_is_pasted_or_dragged_from_another_site(tab: Tab, served: Served) -> None:
    opened(tab, served.url)
    address = served.at("/red.png")
    drop = """([type, text]) => {
        const data = new DataTransfer();
        data.setData(type, text);
        const options = {dataTransfer: data, bubbles: true, cancelable: true};
        document.querySelector("#picture").dispatchEvent(new DragEvent("drop", options));
    }"""
    for take in (
        lambda: tab.evaluate(drop, ["text/uri-list", address]),
        lambda: tab.evaluate(drop, ["text/html", f'<a href="/elsewhere"><img src="{address}"></a>']),
        lambda: (tab.evaluate("text => navigator.clipboard.writeText(text)", address), tab.keyboard.press("Control+v")),
        lambda: tab.get_by_role("button", name="Paste").click(),
    ):
        if tab.locator("#picture button[aria-label='Remove Image']").count():
            tab.locator("#picture button[aria-label='Remove Image']").first.click()
            said(tab, "Who is it")
        take()
        said(tab, "red fox")
        expect(tab.locator("#picture img")).to_be_visible()


def test_a_slow_answer_ends_and_one_visitor_waits_for_one_picture(tab: Tab, served: Served) -> None:
    opened(tab, f"{served.url}/?picture={quote(served.at('/slow.png'), safe='')}")
    expect(tab.locator("#answer[data-doing='Fetching the picture…']")).to_be_visible()
    expect(tab.locator("#answer h2")).to_be_hidden()  # no answer of another picture meanwhile
    said(tab, "That did not work")
    expect(tab.locator("#answer p")).to_contain_text("no answer within 5 s")


def test_where_it_looked_lies_over_the_picture_until_the_next(tab: Tab, served: Served, tmp_path: Path) -> None:
    half_red = plain("white", (128, 64))
    half_red.paste((255, 0, 0), (0, 0, 64, 64))
    half_red.save(tmp_path / "half.png")
    opened(tab, served.url)
    tab.wait_for_selector("#picture input[type=file]", state="attached")
    tab.set_input_files("#picture input[type=file]", tmp_path / "half.png")
    said(tab, "red fox")
    toggle = tab.get_by_role("button", name="Where it looked")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(tab.get_by_text("The bright parts counted most")).to_be_visible()
    shot = Image.open(io.BytesIO(tab.locator("#picture img").screenshot())).convert("RGB")
    middle = shot.height // 2
    left, right = (shot.getpixel((round(shot.width * share), middle)) for share in (0.3, 0.7))
    assert left[0] > 150 > left[1]  # as it was
    assert max(right) < 150  # dimmed
    toggle.click()
    shot = Image.open(io.BytesIO(tab.locator("#picture img").screenshot())).convert("RGB")
    assert min(shot.getpixel((round(shot.width * 0.7), middle))) > 240
    toggle.click()
    plain("lime").save(tmp_path / "green.png")
    tab.set_input_files("#picture input[type=file]", tmp_path / "green.png")
    said(tab, "green frog")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    assert tab.locator("#picture img").evaluate("image => getComputedStyle(image).maskImage") == "none"


def test_the_saved_and_the_copied_result_are_pictures_for_a_link_preview(tab: Tab, served: Served, tmp_path: Path) -> None:
    opened(tab, f"{served.url}/?picture={quote(served.at('/red.png'), safe='')}")
    said(tab, "red fox")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save result").click()
    assert download.value.suggested_filename == "red-fox.png"
    download.value.save_as(tmp_path / "saved.png")
    saved = Image.open(tmp_path / "saved.png").convert("RGB")
    assert saved.size == (1200, 630)
    assert saved.getpixel((300, 315)) == (255, 0, 0)
    tab.get_by_role("button", name="Copy result").click()
    expect(tab.locator("#share [role=status]")).to_contain_text("copied")
    types = tab.evaluate("async () => (await navigator.clipboard.read())[0].types")
    assert set(types) == {"text/plain", "image/png"}
    assert tab.evaluate("navigator.clipboard.readText()").startswith("Red Fox (")


def test_the_address_cannot_be_given_as_anything_but_a_text(served: Served) -> None:
    config = json.load(urllib.request.urlopen(f"{served.url}/config"))
    numbers = [d["id"] for d in config["dependencies"] if [event for _, event in d["targets"]] == ["submit"]]
    assert len(numbers) == 2  # an address, and a list of uploads
    for number in numbers:
        body = json.dumps({"fn_index": number, "session_hash": "some", "data": [{"path": "/etc/passwd"}]}).encode()
        asked = urllib.request.Request(f"{served.url}/gradio_api/queue/join", body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked)
        assert refused.value.code == 400
