"""That's wrong: what visitors say is right, kept, looked at by a person, and taken into a picture folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import ROOT, Page, colour_graph, colour_info, plain
from hub_server import Hub
from PIL import Image
from playwright.sync_api import Browser, expect

import scrape
from cartoons import model_folder
from cartoons.classifier import Prediction
from cartoons.errors import BusyError, DataError
from cartoons.files import append_json_lines, write_json_lines
from cartoons.page.sentences import KEPT, THANKS
from cartoons.picture_folder import read_folder
from cartoons.review.corrections import CorrectionsReview, without_picture
from cartoons.review.decisions import KEEP, MOVE, read_pictures
from cartoons.scraping.config import folder_of
from cartoons.serving import corrections as store
from cartoons.serving import environment
from cartoons.serving.corrections import ANOTHER, CHOOSE, FULL, GONE, MOST_PER_MINUTE, NONE_OF_THESE, Corrections

HASHES = {"model.onnx": "0123456789abcdef"}
INFO = colour_info(sha256=HASHES)
SAID = Prediction("red fox", {"red fox": 0.9, "green frog": 0.05}, 0.1, known=True)


def sha(number: int) -> str:
    return f"{number:064x}"


def opened(folder: Path, *answered: int) -> Corrections:
    made = Corrections(folder, INFO)
    for number in answered:
        made.remember(sha(number), SAID, plain(f"#{number % 16:x}f0"))
    return made


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def test_a_correction_is_a_row_and_the_picture_only_where_that_is_allowed(tmp_path: Path) -> None:
    made = opened(tmp_path, 1, 2, 3)
    made.add(sha(1), "green frog", False)
    made.add(sha(2), "green frog", True)
    made.add(sha(2), "green frog", True)
    made.add(sha(3), ANOTHER, True)
    first, second, third = rows(tmp_path)
    assert first.pop("time").endswith("+00:00")
    known = {"said": "red fox", "probability": 0.9, "known": True, "revision": INFO.revision}
    assert first == known | {"sha256": sha(1), "right": "green frog", "file_name": ""}
    assert (second["file_name"], third["file_name"]) == (f"green frog/{sha(2)}.jpg", f"_other/{sha(3)}.jpg")
    kept = Image.open(tmp_path / second["file_name"])
    assert (kept.format, kept.size) == ("JPEG", (64, 64))
    opened(tmp_path, 1).add(sha(1), "green frog", False)  # the next run knows it as well
    assert len(rows(tmp_path)) == 3


def test_a_correction_that_comes_again_with_its_picture_has_it(tmp_path: Path) -> None:
    made = opened(tmp_path, 1, 2)
    for with_picture in (False, True, True, False):
        made.add(sha(1), "green frog", with_picture)
    made.add(sha(2), "green frog", False)
    opened(tmp_path, 1).add(sha(1), "green frog", False)
    assert [bool(row["file_name"]) for row in rows(tmp_path)] == [False, True, False]
    assert (tmp_path / "green frog" / f"{sha(1)}.jpg").is_file()
    assert "known: 1, in" in without_picture(tmp_path)


@pytest.mark.parametrize("row", ['{"sha256": ["a"], "right": {}}', '{"file_name": 5}', '"none"', "5"])
def test_a_row_that_is_no_correction_is_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "corrections.jsonl").write_text(f"{{}}\n{row}\n")
    with pytest.raises(DataError, match="line 2 is no correction: mend it or take it out"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("picture", "right", "sentence"),
    [
        (sha(1), "../../etc", CHOOSE),
        (sha(1), "_other", CHOOSE),
        (sha(1), "", CHOOSE),
        (sha(1), None, CHOOSE),
        (sha(1), ["green frog"], CHOOSE),
        (sha(1), 10**400, CHOOSE),
        (sha(9), "green frog", GONE),
        ("../../etc/passwd", "green frog", GONE),
        ("", NONE_OF_THESE, GONE),
    ],
)
def test_what_is_no_correction_is_refused_in_a_sentence(tmp_path: Path, picture: str, right: object, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}$"):
        opened(tmp_path, 1).add(picture, right, True)
    assert not list(tmp_path.iterdir())


def test_a_script_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path, *range(MOST_PER_MINUTE + 1))
    for number in range(MOST_PER_MINUTE):
        made.add(sha(number), "green frog", False)
    with pytest.raises(BusyError, match="in a minute"):
        made.add(sha(MOST_PER_MINUTE), "green frog", False)
    for bound, value in [("MAX_ROWS", MOST_PER_MINUTE), ("MAX_BYTES", 3_000)]:
        with monkeypatch.context() as bounds, pytest.raises(DataError, match=FULL):
            bounds.setattr(store, bound, value)
            opened(tmp_path, 99).add(sha(99), "green frog", True)
    assert len(rows(tmp_path)) == MOST_PER_MINUTE


def test_answers_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path, *range(store.MOST_REMEMBERED + 1))
    with pytest.raises(DataError, match=GONE):
        made.add(sha(0), "green frog", False)
    monkeypatch.setattr(store, "REMEMBERED_S", 0)
    with pytest.raises(DataError, match=GONE):
        opened(tmp_path, 1).add(sha(1), "green frog", False)


@pytest.mark.parametrize("label", ["../fox", "fox/cub", ".fox", "_fox", "none of these", "fox\\cub", "漫" * 86])
def test_a_label_that_is_no_folder_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match="cannot be the name of a folder"):
        Corrections(tmp_path, colour_info(sha256=HASHES, labels=(label, "green frog", "_other")))


def test_a_page_starts_while_another_writes_corrections_to_the_same_folder(tmp_path: Path) -> None:
    code = "import pathlib, sys; file = pathlib.Path(sys.argv[1])\nwhile True: file.touch(); file.unlink()"
    (tmp_path / "red fox").mkdir()
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "red fox" / "tmp.jpg")])
    try:
        for _ in range(500):
            opened(tmp_path)
    finally:
        other.kill()
        other.wait()


def folder_of_foxes(root: Path, split: str = "") -> Path:
    for part in (split, split and "valid"):
        for label, colour in [("red fox", "red"), ("green frog", "lime"), ("_other", "blue")]:
            (root / part / label).mkdir(parents=True, exist_ok=True)
            plain(colour).save(root / part / label / f"{part}0.png")
    return root


@pytest.mark.parametrize("split", ["", "train"])
def test_only_what_a_person_looked_at_is_taken_in(tmp_path: Path, split: str) -> None:
    data, sent = folder_of_foxes(tmp_path / "data", split), tmp_path / "sent"
    made = opened(sent, 1, 2, 3, 4, 5)
    for number, right, with_picture in [
        (1, "green frog", True),
        (2, "green frog", True),
        (3, "red fox", True),
        (4, "red fox", True),
        (5, "red fox", False),
    ]:
        made.add(sha(number), right, with_picture)
    assert without_picture(sent) == f"Corrections without a picture, of which only the names are known: 1, in {sent}.\n"
    review = CorrectionsReview(sent, data, None)
    assert [each["label"] for each in review.overview()["classes"]] == ["green frog", "red fox", "_other"]
    keys = {
        card["name"][:64]: card["key"] for label in ("green frog", "red fox") for card in review.cards(label, 0, 9)["cards"]
    }
    review.decide_all([keys[sha(1)]], KEEP, "")
    review.decide_all([keys[sha(3)]], MOVE, "_other")
    review.decide_all([keys[sha(4)]], "delete", "")
    assert review.overview()["waiting"] == 3
    done = review.apply()
    assert (done["deleted"], done["moved"], done["overview"]["waiting"]) == (1, 2, 0)
    taken = {str(path.relative_to(data / split)) for path in data.rglob("*.jpg")}
    assert taken == {f"green frog/{sha(1)}.jpg", f"_other/{sha(3)}.jpg"}
    left = {str(path.relative_to(sent)) for path in sent.rglob("*.jpg")}
    assert left == {f"green frog/{sha(2)}.jpg", f".scrape/removed/red fox/{sha(4)}.jpg"}


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sent") / "corrections"


@pytest.fixture(scope="module")
def collecting(sent: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    model = tmp_path_factory.mktemp("model")
    model_folder.write(model, colour_info(), colour_graph())
    running = Page("--model", str(model), "--corrections", str(sent))
    yield running
    running.stop()


@pytest.mark.slow
def test_a_visitor_says_what_is_right(browser: Browser, collecting: Page, sent: Path, tmp_path: Path) -> None:
    environment.import_gradio()

    plain("red").save(tmp_path / "red.png")
    plain("blue").save(tmp_path / "blue.png")
    tab = browser.new_page()
    tab.goto(collecting.url)
    expect(tab.locator("#answer h2")).to_have_text("Who is it?")
    expect(tab.locator("#correct")).to_be_hidden()
    tab.locator("#picture input[type=file]").set_input_files(tmp_path / "red.png")
    expect(tab.locator("#answer .known h2")).to_have_text("red fox", timeout=20_000)
    tab.get_by_role("button", name="That’s wrong").click()
    expect(tab.get_by_text(KEPT)).to_be_visible()
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#told")).to_contain_text(CHOOSE)
    tab.get_by_label("green frog").check()
    tab.get_by_label("Send the picture too").check()
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#told")).to_contain_text(THANKS)
    [row] = rows(sent)
    assert (row["said"], row["right"], row["known"]) == ("red fox", "green frog", True)
    assert Image.open(sent / row["file_name"]).size == (64, 64)
    tab.get_by_role("button", name="Remove Image").click()
    expect(tab.locator("#correct")).to_be_hidden()
    tab.locator("#picture input[type=file]").set_input_files(tmp_path / "blue.png")
    expect(tab.locator("#answer .unknown h2")).to_be_visible(timeout=20_000)
    expect(tab.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    tab.get_by_role("button", name="That’s wrong").click()
    expect(tab.get_by_label("green frog")).not_to_be_checked()
    expect(tab.get_by_label("Send the picture too")).not_to_be_checked()
    expect(tab.locator("#told")).not_to_contain_text(THANKS)
    plain("green").save(tmp_path / "green.tiff")  # which no browser shows: the page puts a JPEG in its place
    tab.get_by_role("button", name="Remove Image").click()
    tab.locator("#picture input[type=file]").set_input_files(tmp_path / "green.tiff")
    expect(tab.locator("#answer .known h2")).to_have_text("green frog", timeout=20_000)
    tab.get_by_role("button", name="That’s wrong").click()
    tab.get_by_label("red fox").check()
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#told")).to_contain_text(THANKS)
    tab.close()


@pytest.mark.slow
def test_hostile_calls_are_answered_in_a_sentence_and_keep_nothing(collecting: Page, sent: Path) -> None:
    api, before = f"{collecting.url}/gradio_api", len(rows(sent))
    config = httpx.get(f"{collecting.url}/config").json()
    ids = {each["id"]: each for each in config["components"]}
    sends = [
        each["id"]
        for each in config["dependencies"]
        if [ids[number]["type"] for number in each["inputs"]] == ["html", "radio", "checkbox"]
    ]
    assert len(sends) == 1
    assert "correct" not in httpx.get(f"{api}/info").text
    answer = f'<div data-picture="{sha(7)}">'
    for data, status in [
        ([answer, "green frog", True], 200),
        (["", "nobody", "yes"], 200),
        (["../../etc/passwd", None, None], 200),
        ([{"path": "/etc/passwd"}, "green frog", True], 400),
        ([answer, ["green frog"] * 10_000, True], 400),
        ([answer, {"right": "green frog"}, True], 400),
        ([answer, "green frog"], 422),
        ([answer] * 10_000, 422),
        ("green frog", 422),
        (None, 422),
    ]:
        asked = httpx.post(
            f"{api}/queue/join", json={"data": data, "fn_index": sends[0], "session_hash": "hostile"}, timeout=30
        )
        assert asked.status_code == status, (str(data)[:80], asked.text)
        assert status == 200 or set(asked.json()) & {"error", "detail"}
        assert "Traceback" not in asked.text
    direct = httpx.post(f"{api}/run/correct", json={"data": [answer, "green frog", True]}, timeout=30)
    assert direct.status_code == 404
    with httpx.stream("GET", f"{api}/queue/data", params={"session_hash": "hostile"}, timeout=30) as stream:
        told = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    said = [each["output"]["data"][0] for each in told if each["msg"] == "process_completed"]
    assert sorted(said) == sorted(f'<p role="status">{sentence}</p>' for sentence in (GONE, CHOOSE, CHOOSE))
    assert len(rows(sent)) == before


@pytest.mark.slow
def test_a_page_that_keeps_nothing_has_no_such_button(page: Page) -> None:
    assert "That’s wrong" not in json.dumps(httpx.get(f"{page.url}/config").json(), ensure_ascii=False)


PUSH = """
import sys
from cartoons.hub.corrections import push_regularly
folder, name = push_regularly("toon/corrections", every_minutes=60)
(folder / name).write_text("{}\\n")
(folder / "fox").mkdir()
(folder / "fox" / "1.jpg").write_bytes(b"picture")
(folder / ".half.tmp").write_bytes(b"no")
"""


@pytest.mark.slow
def test_what_is_new_goes_to_a_private_dataset(tmp_path: Path) -> None:
    with Hub() as hub:
        for token in ("hf_free", "hf_free"):
            done = subprocess.run(
                [sys.executable, "-c", PUSH],
                cwd=ROOT,
                env=os.environ | hub.env(tmp_path, token=token),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        repo = hub.repos["dataset", "toon/corrections"]
        names = sorted(repo.files)
        assert repo.private
        repo.private = False  # in its settings on the Hub
        env = os.environ | hub.env(tmp_path, token="hf_free") | {"TMPDIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", PUSH], cwd=ROOT, env=env, capture_output=True, text=True)
        assert "toon/corrections is on the Hub already, and public: make it private" in done.stderr
        assert sorted(repo.files) == names
    assert [name for name in names if name.endswith(".jpg")] == ["fox/1.jpg"]
    assert sum(name.startswith("corrections-") and name.endswith(".jsonl") for name in names) == 2
    assert not list(tmp_path.glob("corrections-*"))
    assert not [name for name in names if name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("into", "sent"), [("data", "data"), ("data", "data/red fox"), ("data/red fox", "data"), ("data", "link")]
)
def test_corrections_that_are_in_the_picture_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], into: str, sent: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of_foxes(tmp_path / "data")
    (tmp_path / "link").symlink_to("data", target_is_directory=True)
    assert scrape.main(["review", into, "--corrections", sent]) == 2
    says = f"{sent} and {into} are one folder, or one is in the other: give --corrections a folder of its own.\n"
    assert says in capsys.readouterr().err
    with pytest.raises(DataError, match="or one is in the other"):
        CorrectionsReview(Path(sent), Path(into), None)


def accepted(sent: Path, into: Path, *names: str) -> dict[str, Any]:
    """What applying says when a person has kept these corrections."""
    review = CorrectionsReview(sent, into, None)
    keys = [each.key for each in review._pictures.values() if each.file_name in names]
    assert len(keys) == len(names)
    review.decide_all(keys, KEEP, "")
    return review.apply()


def picture_files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.glob("[!.]*/*"))}


def sent_pictures(root: Path, **colours: str) -> Path:
    for name, colour in colours.items():
        (root / "red fox").mkdir(parents=True, exist_ok=True)
        plain(colour).save(root / "red fox" / f"{name}.png")
    return root


def test_no_picture_of_the_folder_is_overwritten_by_a_correction(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", **{"0": "#c00"})
    (sent / "green frog").mkdir()
    plain("#a00").save(sent / "green frog/0.png")  # another one of that name, moved to the same label
    before, new = picture_files(data), picture_files(sent)
    review = CorrectionsReview(sent, data, None)
    keys = {each.file_name: each.key for each in review._pictures.values()}
    review.decide_all([keys["red fox/0.png"]], KEEP, "")
    review.decide_all([keys["green frog/0.png"]], MOVE, "red fox")
    assert review.apply()["moved"] == 2
    after = picture_files(data)
    assert after.items() > before.items()
    added = [content for name, content in after.items() if name not in before]
    assert sorted(added) == sorted(new.values())
    assert "red fox/0-2.png" in after
    assert not picture_files(sent)


def test_a_correction_that_is_there_already_only_goes(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", **{"0": "red"})
    before = picture_files(data)
    assert accepted(sent, data, "red fox/0.png")["overview"]["waiting"] == 0
    assert picture_files(data) == before
    assert not picture_files(sent)


def test_a_link_to_the_correction_itself_becomes_the_picture(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (data / "red fox/new.png").symlink_to(sent / "red fox/new.png")
    content = (sent / "red fox/new.png").read_bytes()
    accepted(sent, data, "red fox/new.png")
    assert (data / "red fox/new.png").read_bytes() == content


def test_a_label_folder_that_is_a_link_to_the_corrections_is_refused(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (data / "red fox").rename(tmp_path / "old")
    (data / "red fox").symlink_to(sent / "red fox", target_is_directory=True)
    with pytest.raises(DataError, match="are one folder, or one is in the other"):
        accepted(sent, data, "red fox/new.png")
    assert (sent / "red fox/new.png").exists()


def folder_labelled_by_rows(root: Path) -> Path:
    """Pictures of two labels in one folder; only the metadata tells them apart."""
    (root / "images").mkdir(parents=True)
    rows = []
    for number, (label, colour) in enumerate([("red fox", "red"), ("green frog", "lime")]):
        plain(colour).save(root / f"images/{number}.png")
        rows.append({"file_name": f"images/{number}.png", "label": label})
    write_json_lines(root / "metadata.jsonl", rows)
    return root


def labels(root: Path) -> dict[str, str]:
    return {picture.file_name: picture.label for picture in read_pictures(root)}


def test_a_correction_gets_a_row_where_its_folder_does_not_say_its_label(tmp_path: Path) -> None:
    data = folder_labelled_by_rows(tmp_path / "data")
    sent = sent_pictures(tmp_path / "sent", new="#c00", **{"0": "#a00", "1": "lime"})
    before = labels(data)
    assert accepted(sent, data, "red fox/new.png", "red fox/0.png", "red fox/1.png")["moved"] == 3
    new = dict.fromkeys(("images/new.png", "images/0-2.png", "images/1-2.png"), "red fox")
    assert labels(data) == before | new  # 1.png is there already, but as a frog
    assert not [each for each in read_folder(data).passed_over if each.parts[0] == "images"]
    assert not picture_files(sent)


def test_a_correction_of_which_only_the_file_was_written_gets_its_row(tmp_path: Path) -> None:
    data, sent = folder_labelled_by_rows(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (data / "images/new.png").write_bytes((sent / "red fox/new.png").read_bytes())
    for _ in range(2):  # killed before the row, and after it
        accepted(sent, data, "red fox/new.png")
        assert labels(data)["images/new.png"] == "red fox"
        assert len(labels(data)) == len((data / "metadata.jsonl").read_text().splitlines()) == 3
        sent_pictures(sent, new="#c00")


def test_a_row_of_a_picture_that_is_gone_gives_a_correction_no_label(tmp_path: Path) -> None:
    data, sent = folder_labelled_by_rows(tmp_path / "data"), sent_pictures(tmp_path / "sent", gone="#c00")
    append_json_lines(data / "metadata.jsonl", {"file_name": "images/gone.png", "label": "green frog"})
    accepted(sent, data, "red fox/gone.png")
    assert labels(data)["images/gone-2.png"] == "red fox"


def test_a_row_in_a_label_folder_gives_a_correction_no_label_either(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", gone="#c00")
    append_json_lines(data / "red fox/metadata.jsonl", {"file_name": "gone.png", "label": "green frog"})
    accepted(sent, data, "red fox/gone.png")
    assert labels(data)["red fox/gone-2.png"] == "red fox"


def test_a_correction_whose_row_cannot_be_written_is_not_there_under_another_label(tmp_path: Path) -> None:
    data, sent = folder_labelled_by_rows(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (data / "images").rename(data / "green frog")  # where what has no row is a frog
    text = (data / "metadata.jsonl").read_text().replace("images/", "green frog/")
    (data / "metadata.jsonl").unlink()
    (tmp_path / "elsewhere.jsonl").write_text(text)
    (data / "metadata.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    before = labels(data)
    with pytest.raises(DataError, match=r"cannot be written .*A link is not written to.* mend that, then apply again"):
        accepted(sent, data, "red fox/new.png")
    assert labels(data) == before
    (data / "metadata.jsonl").unlink()
    write_json_lines(data / "metadata.jsonl", [*map(json.loads, text.splitlines())])
    assert accepted(sent, data, "red fox/new.png")["moved"] == 1
    assert labels(data) == before | {"green frog/new.png": "red fox"}


def test_a_correction_that_needs_a_row_in_other_metadata_is_not_moved(tmp_path: Path) -> None:
    data, sent = folder_labelled_by_rows(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (data / "metadata.jsonl").unlink()
    (data / "images/metadata.csv").write_text("file_name,label\n0.png,red fox\n1.png,green frog\n")
    with pytest.raises(DataError, match=r"needs a row that says 'red fox', but .* metadata.csv: make that metadata.jsonl"):
        accepted(sent, data, "red fox/new.png")
    assert (sent / "red fox/new.png").exists()
    assert len(labels(data)) == 2


def test_a_correction_in_a_folder_of_its_label_needs_no_row(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    accepted(sent, data, "red fox/new.png")
    assert labels(data)["red fox/new.png"] == "red fox"
    assert not (data / "metadata.jsonl").exists()


def test_a_correction_of_a_label_that_cannot_be_a_folder_s_name_gets_a_row(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data"), tmp_path / "sent"
    (sent / "what?").mkdir(parents=True)
    plain("#c0c").save(sent / "what?/new.png")
    review = CorrectionsReview(sent, data, None, folder_of)
    review.decide_all([next(iter(review._pictures))], KEEP, "")
    review.apply()
    assert labels(data)[f"{folder_of('what?')}/new.png"] == "what?"


def test_one_picture_that_was_sent_twice_is_taken_in_once(tmp_path: Path) -> None:
    data, sent = folder_labelled_by_rows(tmp_path / "data"), sent_pictures(tmp_path / "sent", new="#c00")
    (sent / "red fox/again").mkdir()
    plain("#c00").save(sent / "red fox/again/new.png")
    accepted(sent, data, "red fox/new.png", "red fox/again/new.png")
    assert labels(data)["images/new.png"] == "red fox"
    assert len(labels(data)) == len((data / "metadata.jsonl").read_text().splitlines()) == 3
    assert not list(sent.rglob("*.png"))


KILLED = """
import os, sys
from pathlib import Path
from cartoons.review.corrections import CorrectionsReview
os.fsync = lambda number: os.kill(os.getpid(), 9)
CorrectionsReview(Path(sys.argv[1]), Path(sys.argv[2]), None).apply()
"""


def test_what_a_kill_left_half_written_in_a_label_folder_goes(tmp_path: Path) -> None:
    data, sent = folder_of_foxes(tmp_path / "data", "train"), sent_pictures(tmp_path / "sent", new="#c00")
    review = CorrectionsReview(sent, data, None)
    review.decide_all([next(iter(review._pictures))], KEEP, "")
    done = subprocess.run([sys.executable, "-c", KILLED, str(sent), str(data)], cwd=ROOT)
    assert done.returncode == -9
    [half] = data.rglob(".*.tmp")
    assert half.parent == data / "train/red fox"
    of_others = [half.with_name(name) for name in (".mine.tmp", ".new.png.7.tmp", "new.png.7-7.tmp", ".new.png.7-7.tmp~")]
    sent_now = sent / "red fox" / half.name  # by a page that takes corrections meanwhile
    for path in (*of_others, sent_now):
        path.write_bytes(b"")
    assert review.apply()["moved"] == 1
    assert not half.exists()
    assert all(path.exists() for path in (*of_others, sent_now))
