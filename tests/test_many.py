"""Many pictures at once: uploads and zips to rows, on the page and for programs."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from conftest import EXAMPLES, Page, colour_graph, colour_info, plain
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from cartoons import model_folder
from cartoons.answer_table import Row, csv_text
from cartoons.classifier import Classifier
from cartoons.errors import BusyError, ImageError
from cartoons.images import encoded
from cartoons.serving import environment
from cartoons.serving.picture_batch import MOST_BATCHES, MOST_ENTRIES, MOST_UNPACKED_BYTES, PictureBatch
from cartoons.serving.picture_service import PictureService
from cartoons.serving.uploads import UploadFolder


def png(colour: str) -> bytes:
    return encoded(plain(colour), "PNG")


RED, GREEN, BLUE = map(png, ("#ff0000", "#00ff00", "#0000ff"))


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def locked(data: bytes) -> bytes:
    """A zip of one file that says of itself that it is encrypted."""
    return data.replace(b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0")


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[UploadFolder]:
    made = UploadFolder(tmp_path / "uploads")
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> PictureService:
    folder = tmp_path_factory.mktemp("model")
    model_folder.write(folder, colour_info(), colour_graph())
    return PictureService(Classifier.load(folder, trusted=True))


def stored(uploads: UploadFolder, data: bytes, name: str = "x.png") -> dict[str, Any]:
    return {"path": str(uploads.add(name, data)), "orig_name": name}


def answers(service: PictureService, uploads: UploadFolder, given: object) -> dict[str, str]:
    """Each file's label, "none" for one that is not known, or the reason."""
    count, found = PictureBatch(service, uploads).rows(given, "/classify_many")
    rows = list(found)
    assert count == len(rows)
    return {
        row.file: row.reason or (row.prediction.label if row.prediction and row.prediction.known else "none") for row in rows
    }


def test_each_upload_has_a_row_in_order_and_is_deleted(service: PictureService, uploads: UploadFolder) -> None:
    pictures = {"b/r.png": RED, "g.png": GREEN, "no.png": BLUE, "text.png": b"hello there", "empty.png": b""}
    given = [stored(uploads, data, name.replace("/", "-")) | {"orig_name": name} for name, data in pictures.items()]
    found = answers(service, uploads, given)
    assert list(found) == list(pictures)
    assert list(found.values())[:3] == ["red fox", "green frog", "none"]
    assert "text" in found["text.png"]
    assert "empty" in found["empty.png"]
    assert not list(uploads.path.glob("*/*"))


def test_a_zip_stands_for_the_files_in_it(service: PictureService, uploads: UploadFolder) -> None:
    names = {"r.png": RED, "deep/er/g.png": GREEN, "../../etc/out.png": RED, "/abs.png": GREEN, "notes.txt": b"words"}
    names |= {"inner.zip": zipped({"a.png": RED}), "big.png": b"\0" * (21 << 20)}
    hidden = {"__MACOSX/._r.png": b"x", ".DS_Store": b"x", "deep/Thumbs.db": b"x"}
    found = answers(service, uploads, [stored(uploads, zipped(names | hidden), "all.zip"), stored(uploads, RED, "last.png")])
    assert list(found) == [*names, "last.png"]
    assert [found[name] for name in list(names)[:4]] == ["red fox", "green frog", "red fox", "green frog"]
    assert "archive" in found["inner.zip"]
    assert "text" in found["notes.txt"]
    assert "20 MB" in found["big.png"]


ZIP_ROWS = [
    (locked(zipped({"r.png": RED})), "password"),
    (zipped({"r.png": RED}, zipfile.ZIP_LZMA), "method that is not read"),
    (zipped({"r.png": RED}, zipfile.ZIP_STORED).replace(RED[60:70], b"0123456789"), "damaged in the zip"),
]


@pytest.mark.parametrize(("data", "says"), ZIP_ROWS, ids=["locked", "lzma", "damaged"])
def test_what_cannot_be_unpacked_has_its_reason(
    service: PictureService, uploads: UploadFolder, data: bytes, says: str
) -> None:
    assert says in answers(service, uploads, stored(uploads, data, "a.zip"))["r.png"]


MANY = {f"{k}.png": b"x" for k in range(51)}
REFUSED = {
    "nothing": ([], "No pictures were given"),
    "none": (None, "No pictures were given"),
    "a none": ([None], "No pictures were given"),
    "51 files": ([{"path": "x"}] * 51, "more than 50 files"),
    "51 in a zip": (zipped(MANY), "more than 50 files"),
    "a long list": (zipped({f"{k}/": b"" for k in range(MOST_ENTRIES + 1)}), "more than 50 files"),
    "empty": (zipped({}), "holds no file"),
    "hidden only": (zipped({".a": b"x"}), "holds no file"),
    "cut short": (zipped({"r.png": RED})[:-30], "zip is damaged"),
    "a bomb": (
        lambda: zipped({f"{k}.png": b"\0" * (MOST_UNPACKED_BYTES // 10 + 1) for k in range(10)}),
        "unpacks to 200 MB",
    ),
}


@pytest.mark.parametrize(("given", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_one_sentence(service: PictureService, uploads: UploadFolder, given: Any, says: str) -> None:
    given = given() if callable(given) else given
    value = [stored(uploads, given, "a.zip")] if isinstance(given, bytes) else given
    with pytest.raises(ImageError, match=says) as caught:
        answers(service, uploads, value)
    assert "\n" not in str(caught.value)
    assert not list(uploads.path.glob("*/*"))


def test_two_zips_count_together(service: PictureService, uploads: UploadFolder) -> None:
    parts = [dict(list(MANY.items())[:26]), dict(list(MANY.items())[26:])]
    with pytest.raises(ImageError, match="more than 50"):
        answers(service, uploads, [stored(uploads, zipped(part), f"{k}.zip") for k, part in enumerate(parts)])


def test_a_few_batches_are_answered_at_once(service: PictureService, uploads: UploadFolder) -> None:
    batch = PictureBatch(service, uploads)
    begun = [batch.rows([stored(uploads, RED, f"{k}-{n}.png") for n in range(2)], "x")[1] for k in range(MOST_BATCHES + 1)]
    for rows in begun[:-1]:
        next(rows)
    with pytest.raises(BusyError):
        next(begun[-1])
    assert [row.prediction and row.prediction.label for row in begun[0]] == ["red fox"]
    assert len(answers(service, uploads, stored(uploads, RED))) == 1
    begun[1].close()  # its caller left
    assert answers(service, uploads, stored(uploads, GREEN)) == {"x.png": "green frog"}


@pytest.mark.slow  # Gradio is imported for it
def test_the_table_is_escaped_and_its_csv_is_whole() -> None:
    environment.import_gradio()
    from cartoons.page.many import table

    rows = [Row('<b>"a", b.png', None, "not <a> picture")]
    html = table(rows, 1, colour_info())
    assert "<b>" not in html
    assert "<a>" not in html
    link = re.search(r'href="data:text/csv;charset=utf-8,([^"]+)"', html)
    assert link
    [found] = csv.DictReader(io.StringIO(unquote(link[1])))
    assert unquote(link[1]) == csv_text(rows, colour_info().characters)
    assert (found["file"], found["reason"]) == ('<b>"a", b.png', "not <a> picture")
    assert "0 of 2" not in table(rows, 1, colour_info())
    assert "<progress" in table(rows, 2, colour_info())


# ---------------------------------------------------------------- in a real page


@pytest.mark.slow
def test_programs_send_a_list_or_a_zip(page: Page, tmp_path: Path) -> None:
    client = Client(page.url, verbose=False)
    (tmp_path / "a.zip").write_bytes(
        zipped({"d/duck.png": (EXAMPLES / "donald-duck-1.png").read_bytes(), "no.txt": b"hello"})
    )
    given = [handle_file(EXAMPLES / "mickey-mouse-2.png"), handle_file(tmp_path / "a.zip")]
    rows = client.predict(given, api_name="/classify_many")
    assert [row["file"] for row in rows] == ["mickey-mouse-2.png", "d/duck.png", "no.txt"]
    assert [row.get("label") for row in rows] == ["mickey mouse", "donald duck", None]
    assert "text" in rows[2]["reason"]
    for none in ([], None):
        with pytest.raises((AppError, httpx.HTTPStatusError)):
            client.predict(none, api_name="/classify_many")


PLACES = ["run/classify_many", "call/classify_many", "call/v2/classify_many"]
HOSTILE: list[Any] = [
    [],
    "/etc/passwd",
    {"path": "/etc/passwd"},
    [{"path": "/etc/passwd"}],
    [{"path": "app.py", "meta": {"_type": "gradio.FileData"}}],
    [{"url": "http://127.0.0.1:9/x.zip", "meta": {"_type": "gradio.FileData"}}],
    ["/etc/passwd"],
    [[]],
    [5],
    [{"path": "x"}] * 51,
    [{"path": "x"}] * 100_000,
]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_no_file_of_the_server_is_answered(page: Page, place: str) -> None:
    for value in HOSTILE:
        body = {"files": value} if "v2" in place else {"data": [value]}
        answer = httpx.post(f"{page.url}/gradio_api/{place}", json=body, timeout=30)
        assert 400 <= answer.status_code < 500, (value, answer.text)
        assert "passwd" not in answer.text


@pytest.mark.slow
def test_a_visitor_drops_a_folder_sorts_and_downloads(page: Page, browser: Browser, tmp_path: Path) -> None:
    tab = browser.new_page()
    tab.goto(page.url)
    tab.wait_for_selector("#picture input[type=file]", state="attached")
    (tmp_path / "text <b>.png").write_text("no picture")
    files = [*sorted(EXAMPLES.glob("*-1.png")), tmp_path / "text <b>.png"]
    tab.locator("#many input").set_input_files(files)
    rows = tab.locator("#answers tbody tr")
    expect(rows).to_have_count(6, timeout=60_000)
    expect(tab.locator("#answers [role=status]")).to_contain_text("5 of 6 answered", timeout=60_000)
    expect(rows.nth(0).locator("img")).to_have_js_property("complete", True)
    tab.get_by_role("button", name="Answer").click()
    expect(tab.locator("#answers th[aria-sort=ascending]")).to_have_text("Answer")
    firsts = rows.locator("td:nth-child(3)").all_inner_texts()
    assert firsts == sorted(firsts, key=str.lower)
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "answers.csv"
    table_rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [row["file"] for row in table_rows] == [path.name for path in files]
    tab.locator("#many input").set_input_files([files[0]] * 51)
    expect(tab.locator("#many [role=alert]")).to_contain_text("more than 50")
    tab.close()


@pytest.mark.slow
def test_a_folder_dropped_anywhere_is_answered(page: Page, browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "mouse.png").write_bytes((EXAMPLES / "mickey-mouse-2.png").read_bytes())
    (folder / "duck.png").write_bytes((EXAMPLES / "donald-duck-1.png").read_bytes())
    (folder / ".DS_Store").write_text("x")
    tab = browser.new_page()
    tab.goto(page.url)
    tab.wait_for_function("Boolean(window.takeMany && window.shrunk)")
    tab.evaluate("addEventListener('drop', () => (window.hasDropped = true), true)")
    devtools = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}  # a script cannot put a folder into a DragEvent
    for _ in range(60):  # a browser drops nothing on what has just moved below the pointer, as examples do that are loaded
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 60, "y": 120, "data": data})
        tab.wait_for_timeout(500)
        if tab.evaluate("window.hasDropped"):
            break
    rows = tab.locator("#answers tbody tr")
    expect(rows).to_have_count(2, timeout=60_000)
    assert sorted(rows.locator("td:nth-child(2)").all_inner_texts()) == ["album/deep/mouse.png", "album/duck.png"]
    expect(rows.filter(has_text="mouse.png")).to_contain_text("Mickey Mouse", ignore_case=True)
    tab.close()


def test_json_rows_are_those_of_the_command_line() -> None:
    assert json.dumps(Row("a", None, "why").as_json()) == '{"file": "a", "reason": "why"}'
