"""The page as a visitor sees it, in a real Chromium."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES, REAL_DATA, Page, colour_graph, colour_info, plain
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as Tab

from cartoons import model_folder
from cartoons.images import load
from cartoons.training.examples import Candidate, store

pytestmark = pytest.mark.slow
DROP = """
(picture, [name, base64, type]) => {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type}));
    picture.scrollIntoView();
    const box = picture.getBoundingClientRect();
    const under = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    for (const kind of ["dragenter", "dragover", "drop"])
        under.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}
"""
REMOVE = "#picture button[aria-label='Remove Image']"
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif"}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(permissions=["clipboard-read", "clipboard-write", "camera"])
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext, page: Page) -> Tab:
    return opened(context.new_page(), page)


def opened(tab: Tab, page: Page) -> Tab:
    tab.set_default_timeout(20_000)
    tab.goto(page.url)
    tab.wait_for_selector("#picture input[type=file]", state="attached")
    return tab


def drop(tab: Tab, path: Path, place: str = "#picture") -> None:
    """Drop a file on the middle of a place, the picture's by default, whatever is shown there."""
    data = base64.b64encode(path.read_bytes()).decode()
    tab.locator(place).evaluate(DROP, [path.name, data, TYPES[path.suffix]])


def said(tab: Tab, words: str) -> None:
    expect(tab.locator("#answer:not([data-doing]) h2")).to_have_text(re.compile(words, re.IGNORECASE), timeout=20_000)


def slow_line(tab: Tab, bytes_per_s: int) -> None:
    """From now on, in both directions."""
    line = {"offline": False, "latency": 20, "downloadThroughput": bytes_per_s, "uploadThroughput": bytes_per_s}
    tab.context.new_cdp_session(tab).send("Network.emulateNetworkConditions", line)


def test_dropping_drawings_one_after_the_other(tab: Tab, page: Page, tmp_path: Path) -> None:
    """One request brings each picture's answer."""
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    for drawing, name in [("bugs-bunny-1", "bugs bunny"), ("donald-duck-2", "donald duck"), ("shinchan-1", "shinchan")]:
        drop(tab, EXAMPLES / f"{drawing}.png")
        said(tab, name)
        expect(tab.locator("#picture img")).to_be_visible()
        expect(tab.locator("#bars")).to_contain_text(re.compile(name, re.IGNORECASE))
        expect(tab.locator("#bars.muted")).to_have_count(0)
    tab.wait_for_timeout(500)
    assert [url.removeprefix(page.url) for url in asked] == ["/api/answer"] * 3
    noise(300, 300).save(tmp_path / "noise.png")  # unlike the drawings, which a link opens with
    drop(tab, tmp_path / "noise.png")
    said(tab, "I don’t know this one")
    tab.get_by_role("button", name="Copy link").click()
    expect(tab.locator("#share [role=status]")).to_contain_text("Your picture is not kept, so no link opens with it")
    assert tab.evaluate("navigator.clipboard.readText()") == f"{page.url}/"


def test_the_first_screen_holds_an_answered_example_and_asks_nothing(context: BrowserContext, page: Page) -> None:
    tab, asked = context.new_page(), []
    tab.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    opened(tab, page)
    shown = tab.locator("#picture img").get_attribute("src") or ""
    [name] = re.findall(r"([a-z-]+)-\d\.png$", shown)
    said(tab, f"^{name.replace('-', ' ')}$")
    expect(tab.get_by_text("An example, until you give a picture")).to_be_visible()
    expect(tab.locator("#bars li")).not_to_have_count(0)
    tab.wait_for_timeout(1000)
    assert asked == []


def test_no_answer_is_seen_beside_another_picture(tab: Tab, tmp_path: Path) -> None:
    """Watched in every frame, while pictures come and go on a line of 4 Mbit/s."""
    noise(700, 700).save(tmp_path / "noise.png")
    tab.evaluate(
        """() => {
            window.seen = [];
            const look = () => {
                const image = document.querySelector("#picture img");
                const answer = document.querySelector("#answer [data-picture]");
                const isSeen = answer && getComputedStyle(answer).visibility === "visible";
                if (isSeen && !(image && image.src.includes(answer.dataset.picture))) window.seen.push(answer.innerText);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    slow_line(tab, bytes_per_s=500_000)
    tab.set_input_files("#picture input[type=file]", tmp_path / "noise.png")
    expect(tab.locator("#answer[data-doing*='%']")).to_be_visible()
    said(tab, "^(?!Who is it)")
    tab.locator(REMOVE).first.click()
    said(tab, "Who is it")
    tab.locator("#examples button").nth(9).click()
    said(tab, "shinchan")
    assert tab.evaluate("window.seen") == []


def test_i_do_not_know_this_one_and_then_one_it_knows(tab: Tab) -> None:
    drop(tab, EXAMPLES / "other-1.png")
    said(tab, "I don.t know this one")
    expect(tab.locator("#bars.muted")).to_be_visible()
    drop(tab, EXAMPLES / "mickey-mouse-1.png")
    said(tab, "mickey mouse")
    expect(tab.locator("#bars.muted")).to_have_count(0)


def test_a_text_file_named_jpg_gets_a_sentence_and_the_page_goes_on(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("buy carrots")
    drop(tab, tmp_path / "notes.jpg")
    said(tab, "That did not work")
    expect(tab.get_by_text("This is not a picture but text")).to_be_visible()
    expect(tab.locator(REMOVE)).to_have_count(0)
    expect(tab.locator("#bars")).to_have_count(0)
    tab.wait_for_timeout(1000)  # what follows the picture's going leaves the sentence there
    expect(tab.get_by_text("This is not a picture but text")).to_be_visible()
    drop(tab, EXAMPLES / "mickey-mouse-1.png")
    said(tab, "mickey mouse")


@pytest.mark.parametrize("suffix", ["heic", "tiff"])
def test_formats_that_no_browser_shows_are_shown(tab: Tab, tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = tmp_path / f"photo.{suffix}"
    Image.open(EXAMPLES / "mickey-mouse-1.png").convert("RGB").save(path)
    tab.set_input_files("#picture input[type=file]", path)
    said(tab, "mickey mouse")
    tab.wait_for_function("document.querySelector('#picture img')?.naturalWidth > 100")


def test_examples_are_one_click(tab: Tab) -> None:
    tab.locator("#examples button").first.click()
    said(tab, "bugs bunny")
    expect(tab.locator("#picture img")).to_be_visible()


def test_clearing_starts_over(tab: Tab) -> None:
    tab.locator("#examples button").first.click()
    said(tab, "bugs bunny")
    tab.locator(REMOVE).first.click()
    said(tab, "Who is it")
    expect(tab.locator("#bars")).to_be_hidden()


def test_a_model_shows_its_own_examples_or_none(browser: Browser, tmp_path: Path) -> None:
    evil, folder = '"><script>alert(1)</script> {{7*7}} ${7*7}', tmp_path / "colours"
    info = model_folder.write(folder, colour_info(labels=(evil, "W" * 200, "_other"), name=evil), colour_graph())
    plain("#ff0000").save(tmp_path / "1.png")
    candidates = [Candidate(tmp_path / "1.png", evil, {"license": "CC BY 4.0", "author": evil})]
    for shown in (candidates, []):
        store(folder, model_folder.read(folder)[0], shown)
        running = Page("--model", str(folder))
        try:
            tab = opened(browser.new_page(), running)
            tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
            buttons = tab.locator("#examples button")
            expect(buttons).to_have_count(len(shown))
            expect(tab).to_have_title(f"{info.name} · Cartoon Classifier")
            if shown:
                expect(buttons).to_have_attribute("aria-label", f"Picture 1 of {evil}")
                expect(tab.locator("#about-examples")).to_contain_text(f"Pictures: {evil}, CC BY 4.0")
                buttons.click()
                said(tab, re.escape(evil))
                tab.set_viewport_size({"width": 320, "height": 800})
                boxes = [one.bounding_box() for one in tab.locator("#bars b, #bars .name, #top .name").all()]
                assert len(boxes) == 7
                assert all(box and box["x"] + box["width"] <= 320 for box in boxes)
        finally:
            running.stop()


def test_pasting_a_picture(tab: Tab) -> None:
    data = base64.b64encode((EXAMPLES / "donald-duck-1.png").read_bytes()).decode()
    tab.evaluate(
        """async base64 => {
            const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
            await navigator.clipboard.write([new ClipboardItem({"image/png": new Blob([bytes], {type: "image/png"})})]);
        }""",
        data,
    )
    tab.get_by_role("button", name="Paste").click()
    said(tab, "donald duck")
    drop(tab, EXAMPLES / "shinchan-1.png")
    said(tab, "shinchan")
    tab.locator("body").click(position={"x": 2, "y": 2})
    tab.keyboard.press("Control+v")  # anywhere
    said(tab, "donald duck")


@pytest.mark.parametrize("press", ["button", "keys"])
def test_what_was_copied_but_is_no_picture_gets_a_sentence(tab: Tab, press: str) -> None:
    tab.evaluate("navigator.clipboard.writeText('hello')")
    if press == "keys":
        tab.keyboard.press("Control+v")
    else:
        tab.get_by_role("button", name="Paste").click()
    expect(tab.locator("#take [role=alert]")).to_contain_text("That is no picture")
    drop(tab, EXAMPLES / "shinchan-1.png")
    said(tab, "shinchan")
    expect(tab.locator("#take [role=alert]")).to_be_hidden()


def test_a_picture_may_be_dropped_anywhere(tab: Tab) -> None:
    drop(tab, EXAMPLES / "shinchan-1.png", "#colophon")
    said(tab, "shinchan")


def noise(width: int, height: int) -> Image.Image:
    """What no format makes small."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


def test_large_photos_are_shrunk_and_turned_on_a_slow_line(tab: Tab, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    noise(1600, 800).save(tmp_path / "turned.jpg", exif=exif)
    noise(1100, 60).convert("RGBA").save(tmp_path / "drawing.png")
    noise(1200, 600).convert("P").save(tmp_path / "animation.gif")
    Image.new("RGB", (3000, 1000), "teal").save(tmp_path / "flat.png")
    sizes = {"turned.jpg": [512, 1024], "drawing.png": [1024, 56], "animation.gif": [1200, 600], "flat.png": [3000, 1000]}
    shown = (
        "((size, i = document.querySelector('#picture img')) => i?.naturalWidth == size[0] && i.naturalHeight == size[1])"
    )
    slow_line(tab, bytes_per_s=500_000)
    for name, size in sizes.items():
        tab.set_input_files("#picture input[type=file]", tmp_path / name)
        tab.wait_for_function(f"size => {shown}(size)", arg=size)


def test_a_photo_goes_whole_at_first(tab: Tab, tmp_path: Path) -> None:
    """On a fast line it is there before the browser has made it smaller."""
    noise(1600, 800).save(tmp_path / "photo.jpg")
    tab.evaluate(
        """() => {
            window.sent = [];
            const send = XMLHttpRequest.prototype.send;
            XMLHttpRequest.prototype.send = function (body) { window.sent.push(body.size); return send.call(this, body); };
        }"""
    )
    tab.set_input_files("#picture input[type=file]", tmp_path / "photo.jpg")
    tab.wait_for_function("window.sent.length")
    assert tab.evaluate("window.sent[0]") == (tmp_path / "photo.jpg").stat().st_size


def test_photographing(tab: Tab) -> None:
    """Chromium's stand-in for a camera shows a green test card: whatever it is taken for, there is an answer."""
    tab.get_by_role("button", name="Camera").click()
    tab.get_by_text("Click to Access Webcam").click()
    tab.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
    tab.locator("#picture button[aria-label='capture photo']").click()
    said(tab, "^(?!Who is it)")
    expect(tab.locator("#bars")).to_be_visible()


def test_no_other_host_is_asked_for_anything(context: BrowserContext, page: Page) -> None:
    tab, asked = context.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    opened(tab, page)
    tab.locator("#examples button").first.click()
    said(tab, "bugs bunny")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((page.url, "data:", "blob:"))] == []


PHONES = [(320, 568), (360, 560), (390, 664)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), PHONES)
def test_a_phone_shows_picture_buttons_and_answer_at_once(
    browser: Browser, page: Page, width: int, height: int, scheme: str
) -> None:
    screen = {"width": width, "height": height}
    context = browser.new_context(viewport=screen, color_scheme=scheme, has_touch=True, is_mobile=True)
    tab = opened(context.new_page(), page)
    assert tab.locator("#picture").bounding_box()["height"] <= 0.38 * height
    boxes = [tab.get_by_role("button", name=name).bounding_box() for name in ("Choose a photo", "Camera", "Paste")]
    assert all(box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert len({box["y"] for box in boxes}) == 1
    assert max(box["y"] + box["height"] for box in boxes) <= height
    expect(tab.get_by_text("Use via API")).to_be_visible()
    tab.set_input_files("#picture input[type=file]", EXAMPLES / "bugs-bunny-1.png")
    said(tab, "bugs bunny")
    expect(tab.locator("#answer h2")).to_be_in_viewport(ratio=1)
    expect(tab.locator("#answer p").first).to_be_in_viewport(ratio=1)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Another picture").tap()
    chooser.value.set_files(EXAMPLES / "donald-duck-1.png")
    said(tab, "donald duck")
    context.close()


@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (768, 1), (1280, 1), (1920, 1), (640, 2)])
def test_the_page_is_in_the_middle_and_stands_still(browser: Browser, page: Page, width: int, zoom: int) -> None:
    """The last is a window of 1280 px at 200 %."""
    context = browser.new_context(viewport={"width": width, "height": 900 // zoom}, device_scale_factor=zoom)
    context.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(one => window.shift += one.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    tab = opened(context.new_page(), page)
    tab.wait_for_timeout(1000)
    box = tab.locator("main.contain").bounding_box()
    assert box["x"] == pytest.approx(width - box["x"] - box["width"], abs=1)
    assert tab.evaluate("window.shift") < 0.05
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    context.close()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_what_is_seen_while_it_loads_stays_where_it_is(browser: Browser, page: Page, width: int) -> None:
    """The title, the question, and a box where the picture will stand."""
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.route("**/assets/**", lambda route: route.abort())
    tab.goto(page.url, wait_until="commit")
    before = [tab.locator(f"#loading {name}").bounding_box() for name in ("h1", "p")]
    style = "getComputedStyle(document.querySelector('#loading'), '::after')"
    drawn = tab.evaluate(f"[{style}.width, {style}.height].map(parseFloat)")
    tab.unroute("**/assets/**")
    opened(tab, page)
    for name, box in zip(("h1", "p"), before, strict=True):
        assert box == pytest.approx(tab.locator(f"#top {name}").bounding_box(), abs=1)
    picture = tab.locator("#picture").bounding_box()
    assert drawn == pytest.approx([picture["width"], picture["height"]], abs=1)
    tab.close()


def test_a_german_browser_gets_an_english_page(browser: Browser, page: Page) -> None:
    context = browser.new_context(locale="de-DE")
    tab = opened(context.new_page(), page)
    assert tab.evaluate("document.documentElement.lang") == "en"
    words = tab.evaluate("document.body.innerText + [...document.querySelectorAll('[aria-label]')].map(e => e.ariaLabel)")
    assert not re.search("Bild|Hochladen|verwenden|Laden Sie", words)
    context.close()


def test_it_can_be_heard_and_walked_through_by_keyboard(tab: Tab) -> None:
    expect(tab.locator("#answer")).to_have_attribute("role", "status")
    names = tab.locator("#examples button").evaluate_all("buttons => buttons.map(button => button.ariaLabel)")
    assert names[:2] == ["Drawing 1 of bugs bunny", "Drawing 2 of bugs bunny"]
    assert all(names)
    tab.locator("#examples button").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="Another picture")).to_be_visible()  # the page opens with an answer of this name
    said(tab, "bugs bunny")
    stops = []
    tab.locator("body").click(position={"x": 2, "y": 2})
    for _ in range(30):
        tab.keyboard.press("Tab")
        stops.append(tab.evaluate("(e => e.ariaLabel || e.innerText || e.tagName)(document.activeElement)"))
    assert {"Another picture", "Camera", "Paste", "Remove Image", "Drawing 1 of bugs bunny"} <= set(stops)
    assert "DIV" not in stops


def test_the_bars_add_up_to_100(tab: Tab) -> None:
    drop(tab, EXAMPLES / "other-1.png")
    said(tab, "I don.t know this one")
    expect(tab.locator("#bars b").last).to_be_visible()
    shares = tab.locator("#bars b").all_inner_texts()
    assert sum(int(share.rstrip("%")) for share in shares) == 100
    expect(tab.locator("#bars li").first).to_contain_text("none of these")


def test_nothing_is_raised_while_the_picture_is_not_there_yet(tab: Tab) -> None:
    raised: list[str] = []
    tab.on("pageerror", lambda error: raised.append(error.message))
    tab.evaluate("document.querySelector('#picture').remove()")
    tab.wait_for_timeout(300)
    assert raised == []


def test_a_photo_is_chosen_while_the_camera_is_open_and_the_same_one_again(tab: Tab) -> None:
    tab.get_by_role("button", name="Camera").click()
    expect(tab.get_by_text("Click to Access Webcam")).to_be_visible()
    for button in ("Choose a photo", "Another picture"):
        with tab.expect_file_chooser() as chooser:
            tab.get_by_role("button", name=button).click()
        chooser.value.set_files(EXAMPLES / "donald-duck-1.png")
        said(tab, "donald duck")
        tab.locator(REMOVE).first.click()
        said(tab, "Who is it")
        if button == "Choose a photo":
            tab.locator("#examples button").first.click()
            said(tab, "bugs bunny")


def test_offline_is_said_in_a_sentence_that_stays(tab: Tab, context: BrowserContext) -> None:
    context.set_offline(True)
    expect(tab.locator("#take [role=alert]")).to_contain_text("You are offline")
    context.set_offline(False)
    expect(tab.locator("#take [role=alert]")).to_be_hidden()


def test_why_a_picture_was_not_taken_is_said_once_and_stays(tab: Tab) -> None:
    busy = "Too many pictures at once: try again in a few seconds."
    answers = [lambda route: route.fulfill(status=429, json={"error": busy}), lambda route: route.abort()]
    for answer, sentence in zip(answers, (busy, "The page could not be reached"), strict=True):
        drop(tab, EXAMPLES / "donald-duck-1.png")
        said(tab, "donald duck")
        tab.route("**/api/answer", answer)
        drop(tab, EXAMPLES / "mickey-mouse-2.png")
        expect(tab.locator("#take [role=alert]")).to_contain_text(sentence)
        tab.wait_for_timeout(1000)  # Gradio says it too, with more brackets, and that there is no picture now
        expect(tab.locator("#take [role=alert]")).to_contain_text(sentence)
        expect(tab.locator("#answer h2")).to_be_hidden()
        expect(tab.get_by_test_id("toast-body")).to_have_count(0)
        tab.unroute("**/api/answer")
        drop(tab, EXAMPLES / "mickey-mouse-2.png")
        said(tab, "mickey mouse")
        tab.locator(REMOVE).first.click()
        said(tab, "Who is it")


def real(label: str, style: str = "", suffix: str = "") -> list[Path]:
    """Real pictures of a label, sorted; the test is skipped where they are not."""
    if not REAL_DATA.exists():
        pytest.skip(f"the real pictures ({REAL_DATA}) are not here")
    rows = map(json.loads, (REAL_DATA / "four" / "metadata.jsonl").read_text().splitlines())
    found = [row for row in rows if row["label"] == label and style in row["style"] and row["file_name"].endswith(suffix)]
    return sorted(REAL_DATA / "four" / row["file_name"] for row in found)


@pytest.mark.data
def test_real_pictures_in_every_guise(tab: Tab, tmp_path: Path) -> None:
    transparent = next(p for p in real("donald duck", suffix="png") if Image.open(p).mode in ("RGBA", "P"))
    turned, webp, gif = tmp_path / "turned.jpg", tmp_path / "some.webp", tmp_path / "some.gif"
    bugs, mickey, shinchan = real("bugs bunny", "web"), real("mickey mouse", suffix="jpg"), real("shinchan", "web images")
    exif = Image.Exif()
    exif[0x0112] = 6
    load(mickey[1]).transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif, quality=95)
    load(bugs[1]).save(webp)
    load(shinchan[1]).quantize(256).save(gif)
    for path, name in [  # never one name twice in a row: an answer must change to be seen
        (bugs[0], "bugs bunny"),
        (real("donald duck", suffix="jpg")[0], "donald duck"),
        (mickey[0], "mickey mouse"),
        (shinchan[0], "shinchan"),
        (webp, "bugs bunny"),
        (transparent, "donald duck"),
        (turned, "mickey mouse"),
        (gif, "shinchan"),
        (real("_other", "photo")[0], "I don.t know this one"),
    ]:
        drop(tab, path)
        said(tab, name)
