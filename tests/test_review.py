"""Cleaning by eye: decisions on the disk, their order, and what applying them does to the folder."""

import json
import os
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, colour_info, plain
from huggingface_hub import DatasetCard
from numpy.typing import NDArray
from PIL import Image

import scrape
from cartoons.classifier import Classifier
from cartoons.errors import DataError
from cartoons.review.apply import JOURNAL, Applied, apply, label_folder, label_folders
from cartoons.review.decisions import (
    DECISIONS_FILE,
    Decision,
    Picture,
    append,
    last_made,
    latest_decisions,
    not_shown,
    read_decisions,
    read_pictures,
)
from cartoons.review.ranking import Probabilities, cached, check_model, opinion
from cartoons.review.review import Review

METADATA = "metadata.jsonl"


def fill(root: Path, pictures: dict[str, str]) -> Path:
    """A picture folder of plain colours: {"red fox/a.png": "#f00"}."""
    for file_name, colour in pictures.items():
        (root / file_name).parent.mkdir(parents=True, exist_ok=True)
        plain(colour).save(root / file_name)
    return root


def describe(root: Path, rows: list[dict[str, str]]) -> None:
    (root / METADATA).write_text("".join(json.dumps(row) + "\n" for row in rows))


def described(root: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (root / METADATA).read_text().splitlines()]


def pictures(root: Path) -> list[str]:
    return [picture.file_name for picture in read_pictures(root)]


def decide(root: Path, file_name: str, action: str, to: str = "") -> None:
    [picture] = [picture for picture in read_pictures(root) if picture.file_name == file_name]
    append(root, Decision(file_name, picture.sha256, action, to))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three red and two green ones, and a green one among the red."""
    red = {"a": "#f00", "b": "#e00", "lost": "#0e0"}
    return fill(
        tmp_path / "pictures",
        {f"red fox/{name}.png": colour for name, colour in red.items()}
        | {"green frog/a.png": "#0f0", "green frog/b.png": "#0d0", "_other/a.png": "#00f"},
    )


def test_the_last_decision_counts_and_undo_takes_it_back(tmp_path: Path) -> None:
    for action, to in [("keep", ""), ("move", "frog"), ("delete", ""), ("undo", "")]:
        append(tmp_path, Decision("fox/a.png", "s", action, to))
    assert latest_decisions(read_decisions(tmp_path)) == {"s": Decision("fox/a.png", "s", "move", "frog")}
    for _ in range(3):  # one more than there is to take back
        append(tmp_path, Decision("fox/a.png", "s", "undo"))
    assert latest_decisions(read_decisions(tmp_path)) == {}
    append(tmp_path, Decision("fox/a.png", "s", "keep"))
    assert latest_decisions(read_decisions(tmp_path))["s"].action == "keep"


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_line_that_a_kill_cut_short_costs_that_line_only(tmp_path: Path, kept: int) -> None:
    append(tmp_path, Decision("fox/a.png", "s", "keep"))
    whole = (tmp_path / DECISIONS_FILE).read_bytes()
    (tmp_path / DECISIONS_FILE).write_bytes(whole + whole[:kept])
    append(tmp_path, Decision("fox/b.png", "t", "delete"))
    cut = ["keep"] if kept == -1 else []  # only its end of line was lost
    assert [decision.action for decision in read_decisions(tmp_path)] == ["keep", *cut, "delete"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"file_name": "a"}', "line 1 is not a decision"),
        ("[1, 2]", "line 1 is not a decision"),
        ('{"file_name": "a", "sha256": ["s"], "action": "keep"}', "every value must be text"),
        ('{"file_name": "a", "sha256": "s", "action": "burn"}', "action 'burn' to ''"),
        ('{"file_name": "a", "sha256": "s", "action": "move"}', "action 'move' to ''"),
        (
            '{"file_name": "a", "sha256": "s", "action": "move", "to": "fox\\ncub"}',
            r"the label 'fox\\ncub' cannot be written",
        ),
        (
            '{"file_name": "a", "sha256": "s", "action": "move", "to": "fox\\ud800"}',
            r"the label 'fox\\ud800' cannot be written",
        ),
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / DECISIONS_FILE).write_text(line + "\n")
    with pytest.raises(DataError, match=complaint):
        read_decisions(tmp_path)


def test_decisions_that_cannot_be_read_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_FILE).mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_decisions(tmp_path)


def test_deciding_loads_no_page_and_no_model() -> None:
    code = "import sys, cartoons.review.decisions; print({'gradio', 'onnxruntime', 'torch', 'PIL'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "set()\n"


def test_applying_moves_files_and_rewrites_their_rows(folder: Path) -> None:
    describe(
        folder,
        [{"file_name": name, "label": name.split("/")[0], "sha256": name, "title": "x\ud800"} for name in pictures(folder)],
    )
    decide(folder, "red fox/lost.png", "move", "green frog")
    decide(folder, "red fox/b.png", "delete")
    decide(folder, "red fox/a.png", "keep")
    assert apply(folder) == Applied(deleted=1, moved=1)
    left = ["_other/a.png", "green frog/a.png", "green frog/b.png", "green frog/lost.png", "red fox/a.png"]
    assert pictures(folder) == left
    rows = {row["file_name"]: row for row in described(folder)}
    assert sorted(rows) == left
    assert rows["green frog/lost.png"] == {
        "file_name": "green frog/lost.png",
        "label": "green frog",
        "sha256": "red fox/lost.png",
        "title": "x\ud800",
    }
    assert (folder / ".scrape/removed/red fox/b.png").exists()
    assert len(read_decisions(folder)) == 3  # a rerun of the search asks them again
    assert apply(folder) == Applied(0, 0)
    assert pictures(folder) == left


def test_the_card_of_a_scraped_folder_names_the_labels_that_are_left(folder: Path) -> None:
    describe(folder, [{"file_name": name, "label": name.split("/")[0]} for name in pictures(folder)])
    (folder / "README.md").write_text("# mine")
    decide(folder, "red fox/a.png", "delete")
    apply(folder)
    assert (folder / "README.md").read_text() == "# mine"  # made by hand
    (folder / "attempts.jsonl").write_text("")
    for name in pictures(folder):
        if name.startswith("red fox"):
            decide(folder, name, "move", "owl")
    apply(folder)
    labels = DatasetCard.load(folder / "README.md").data.configs[0]["features"][1]["dtype"]["class_label"]["names"]
    assert labels == {"0": "green frog", "1": "owl", "2": "_other"}


@pytest.mark.parametrize("renames", [0, 1, 2])
@pytest.mark.parametrize("rewritten", [False, True])
def test_a_killed_run_is_finished_by_the_next(folder: Path, renames: int, rewritten: bool) -> None:
    describe(folder, [{"file_name": name, "label": name.split("/")[0]} for name in pictures(folder)])
    decide(folder, "red fox/lost.png", "move", "green frog")
    decide(folder, "red fox/b.png", "delete")
    before = described(folder)
    ways = [
        ("red fox/b.png", ".scrape/removed/red fox/b.png", ""),
        ("red fox/lost.png", "green frog/lost.png", "green frog"),
    ]
    (folder / ".scrape/removed/red fox").mkdir(parents=True)
    (folder / JOURNAL).write_text(
        json.dumps([dict(zip(("file_name", "target", "label"), way, strict=True)) for way in ways])
    )
    for source, target, _ in ways[:renames]:
        (folder / source).rename(folder / target)
    if rewritten and renames == 2:
        describe(folder, [row for row in before if row["file_name"] not in (ways[0][0], ways[1][0])])
        with (folder / METADATA).open("a") as file:
            file.write(json.dumps({"file_name": "green frog/lost.png", "label": "green frog"}) + "\n")
    assert apply(folder) == Applied(deleted=1, moved=1)
    assert apply(folder) == Applied(0, 0)
    left = ["_other/a.png", "green frog/a.png", "green frog/b.png", "green frog/lost.png", "red fox/a.png"]
    assert pictures(folder) == left
    assert sorted(row["file_name"] for row in described(folder)) == left
    assert (folder / ways[0][1]).exists()
    assert not (folder / JOURNAL).exists()


def test_what_a_killed_run_did_not_come_to_may_be_taken_back(folder: Path) -> None:
    review = Review(folder, None)
    review.decide_all([key(review, "red fox", "lost.png")], "move", "green frog")
    (folder / ".scrape").mkdir()
    step = {"file_name": "red fox/lost.png", "target": "green frog/lost.png", "label": "green frog"}
    (folder / JOURNAL).write_text(json.dumps([step]))
    assert Review(folder, None).undo("")["overview"]["waiting"] == 0
    assert apply(folder) == Applied(0, 0)
    assert "red fox/lost.png" in pictures(folder)
    assert not (folder / JOURNAL).exists()


def test_no_picture_is_overwritten(folder: Path) -> None:
    fill(folder, {"red fox/sub/a.png": "#c00", ".scrape/removed/red fox/b.png": "#123"})
    for name in ("red fox/a.png", "red fox/sub/a.png"):
        decide(folder, name, "move", "green frog")
    decide(folder, "red fox/b.png", "delete")
    before = {picture.sha256 for picture in read_pictures(folder)}
    apply(folder)
    assert "green frog/a-2.png" in pictures(folder)
    assert "green frog/sub/a.png" in pictures(folder)
    assert (folder / ".scrape/removed/red fox/b-2.png").exists()
    assert len({picture.sha256 for picture in read_pictures(folder)}) == len(before) - 1


def test_no_two_pictures_go_where_some_file_systems_see_one_file(folder: Path) -> None:
    fill(folder, {"red fox/\u00c9.png": "#c00", "_other/e\u0301.png": "#00e", "_other/A.png": "#00d"})
    for name in ("_other/a.png", "_other/A.png", "red fox/\u00c9.png", "_other/e\u0301.png"):
        decide(folder, name, "move", "green frog")
    assert apply(folder) == Applied(0, 4)
    moved = [name.casefold() for name in pictures(folder) if name.startswith("green frog/")]
    assert len({unicodedata.normalize("NFC", name) for name in moved}) == 6


def test_a_name_that_is_too_long_for_a_number_makes_room_for_it(tmp_path: Path) -> None:
    name = "x" * 248 + "é.png"
    root = fill(tmp_path, {f"fox/{name}": "#f00", f"frog/{name}": "#0f0"})
    decide(root, f"fox/{name}", "move", "frog")
    assert apply(root) == Applied(0, 1)
    assert pictures(root) == [f"frog/{'x' * 248}-2.png", f"frog/{name}"]


def test_a_copy_is_not_deleted_with_its_double(folder: Path) -> None:
    fill(folder, {"red fox/a again.png": "#f00"})
    decide(folder, "red fox/a again.png", "delete")
    assert apply(folder) == Applied(deleted=1, moved=0)
    assert apply(folder) == Applied(0, 0)
    assert "red fox/a.png" in pictures(folder)


def test_a_picture_moved_there_and_back_stays(folder: Path) -> None:
    for name, to in [("red fox/a.png", "_other"), ("_other/a-2.png", "red fox")]:
        decide(folder, name, "move", to)
        assert apply(folder) == Applied(0, 1)
        assert apply(folder) == Applied(0, 0)
    assert "red fox/a-2.png" in pictures(folder)


def test_applying_in_a_terminal_says_how_many_pictures_went_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decide(folder, "red fox/a.png", "delete")
    assert scrape.main(["apply", str(folder)]) == 0
    assert "pictures: 1 deleted (to .scrape/removed), 0 moved to another label.\n" in capsys.readouterr().out


def test_what_is_gone_by_now_loses_its_row_and_nothing_else_happens(folder: Path) -> None:
    describe(folder, [{"file_name": name, "label": name.split("/")[0]} for name in pictures(folder)])
    decide(folder, "red fox/b.png", "delete")
    decide(folder, "red fox/a.png", "move", "green frog")
    (folder / "red fox/a.png").unlink()
    (folder / "red fox/b.png").unlink()
    apply(folder)
    names = [row["file_name"] for row in described(folder)]
    assert "red fox/b.png" not in names
    assert "red fox/a.png" in names
    assert apply(folder) == Applied(0, 0)


def test_train_and_valid_stay_apart(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {"train/fox/a.png": "#f00", "train/frog/a.png": "#0f0", "valid/fox/b.png": "#e00", "valid/fox/c.png": "#c00"},
    )
    decide(tmp_path, "valid/fox/b.png", "move", "frog")
    decide(tmp_path, "train/fox/a.png", "delete")
    apply(tmp_path)
    assert pictures(tmp_path) == ["train/frog/a.png", "valid/fox/c.png", "valid/frog/b.png"]
    assert (tmp_path / ".scrape/removed/train/fox/a.png").exists()


def test_a_label_has_the_folder_that_its_rows_are_in(folder: Path) -> None:
    (folder / "green frog").rename(folder / "green-frog_1")
    describe(folder, [{"file_name": "green-frog_1/a.png", "label": "green: frog"}])
    assert {picture.label for picture in read_pictures(folder)} == {"red fox", "green: frog", "_other"}
    decide(folder, "red fox/lost.png", "move", "green: frog")
    apply(folder)
    assert "green-frog_1/lost.png" in pictures(folder)
    decide(folder, "red fox/a.png", "move", "a/new label")
    apply(folder, folder_of=lambda label: label.replace("/", "_"))
    assert "a_new label/a.png" in pictures(folder)


def test_a_label_that_only_a_row_gives_is_changed_in_the_row(tmp_path: Path) -> None:
    root = fill(tmp_path / "flat", {"0.png": "#f00", "1.png": "#0f0", "fox/2.png": "#e00"})
    rows = [{"file_name": "./0.png", "label": "fox"}, {"file_name": "1.png", "label": "frog"}]
    describe(root, rows)
    decide(root, "0.png", "move", "frog")
    decide(root, "fox/2.png", "delete")
    assert apply(root) == Applied(1, 1)
    assert {picture.file_name: picture.label for picture in read_pictures(root)} == {"0.png": "frog", "1.png": "frog"}
    assert described(root) == [rows[1], {"file_name": "0.png", "label": "frog"}]
    (root / METADATA).rename(root / "metadata.csv")
    (root / "metadata.csv").write_text("file_name,label\n0.png,fox\n1.png,frog\n")
    decide(root, "0.png", "move", "frog")
    with pytest.raises(
        DataError, match=r"0.png has a row in metadata that is no metadata.jsonl and cannot be rewritten: write it as"
    ):
        apply(root)


def test_a_row_follows_its_picture_whichever_metadata_it_is_in(tmp_path: Path) -> None:
    names = ("train/fox/a.png", "train/fox/b.png", "train/frog/c.png", "valid/frog/d.png")
    root = fill(tmp_path, dict.fromkeys(names, "#f00") | {"train/frog/e.png": "#0f0"})
    for part, rows in {"train": ["fox/a.png", "fox/b.png"], "valid/frog": ["d.png"]}.items():
        text = "".join(json.dumps({"file_name": name, "source": f"of {name}"}) + "\n" for name in rows)
        (root / part / METADATA).write_text(text)
    decide(root, "train/fox/a.png", "move", "frog")
    decide(root, "train/fox/b.png", "delete")
    decide(root, "valid/frog/d.png", "move", "fox")
    assert apply(root) == Applied(deleted=1, moved=2)
    sources = {picture.file_name: picture.source for picture in read_pictures(root)}
    assert sources == {
        "train/frog/a.png": "of fox/a.png",
        "train/frog/c.png": "",
        "train/frog/e.png": "",
        "valid/fox/d.png": "of d.png",
    }
    assert (root / "train" / METADATA).read_text().count("\n") == 1
    assert described(root) == [{"file_name": "valid/fox/d.png", "source": "of d.png", "label": "fox"}]
    assert apply(root) == Applied(0, 0)


def describe_below(root: Path, files: dict[str, list[dict[str, str]]]) -> None:
    for folder, rows in files.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        describe(root / folder, rows)


def test_of_two_rows_of_a_picture_the_deeper_one_goes_with_it(tmp_path: Path) -> None:
    names = ("train/fox/a.png", "train/fox/b.png", "train/frog/c.png")
    root = fill(tmp_path, dict.fromkeys(names, "#f00"))
    shallow = [{"file_name": f"fox/{name}.png", "source": "shallow"} for name in "ab"]
    describe_below(root, {"train/fox": [{"file_name": f"{name}.png", "source": "deep"} for name in "ab"], "train": shallow})
    before = {picture.file_name: picture.source for picture in read_pictures(root)}
    decide(root, "train/fox/a.png", "move", "frog")
    apply(root)
    after = {picture.file_name: picture.source for picture in read_pictures(root)}
    assert after == {"train/fox/b.png": "deep", "train/frog/a.png": "deep", "train/frog/c.png": ""}
    assert set(after.values()) == set(before.values())


@pytest.mark.parametrize("killed_after", ["", "train"])
def test_a_kill_between_two_metadata_files_costs_no_row(tmp_path: Path, killed_after: str) -> None:
    root = fill(tmp_path, dict.fromkeys(("train/fox/b.png", "train/frog/a.png", "train/frog/c.png"), "#f00"))
    files = {
        "": [{"file_name": "train/frog/a.png", "source": "deep", "label": "frog"}],
        "train": [] if killed_after else [{"file_name": "fox/a.png", "source": "shallow"}],
        "train/fox": [{"file_name": "a.png", "source": "deep"}],
        ".scrape": [],
    }
    describe_below(root, files)
    step = {"file_name": "train/fox/a.png", "target": "train/frog/a.png", "label": "frog"}
    (root / JOURNAL).write_text(json.dumps([step]))
    assert apply(root) == Applied(0, 1)
    assert {picture.file_name: picture.source for picture in read_pictures(root)}["train/frog/a.png"] == "deep"
    assert [(root / folder / METADATA).read_text() for folder in ("train", "train/fox")] == ["", ""]


@pytest.mark.parametrize("where", ["", "frog", "emptied"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_picture_does_not_come_into_the_row_of_another_that_is_gone(tmp_path: Path, where: str, form: str) -> None:
    label = where or "frog"
    name, left = (unicodedata.normalize(each, "\u00e9.png") for each in (form, "NFC"))
    root = fill(tmp_path, {f"fox/{name}": "#f00", "fox/b.png": "#f00", "frog/b.png": "#0f0"})
    describe_below(root, {where: [{"file_name": f"{'' if where else 'frog/'}{left}", "label": "toad", "source": "gone"}]})
    decide(root, f"fox/{name}", "move", label)
    assert apply(root) == Applied(0, 1)
    sources = {(picture.file_name, picture.source) for picture in read_pictures(root)}
    assert (f"{label}/{name.removesuffix('.png')}-2.png", "") in sources
    assert apply(root) == Applied(0, 0)


def test_a_picture_that_a_person_moved_comes_back_into_its_row(folder: Path) -> None:
    [sha256] = [picture.sha256 for picture in read_pictures(folder) if picture.file_name == "red fox/a.png"]
    describe(folder, [{"file_name": "red fox/a.png", "source": "x.org", "sha256": sha256}])
    (folder / "red fox/a.png").rename(folder / "_other/elsewhere.png")
    (folder / "_other/elsewhere.png").rename(folder / "green frog/a.png")
    decide(folder, "green frog/a.png", "move", "red fox")
    apply(folder)
    assert {picture.file_name: picture.source for picture in read_pictures(folder)}["red fox/a.png"] == "x.org"


def test_metadata_that_describes_no_picture_of_the_folder_is_no_hindrance(tmp_path: Path) -> None:
    root = fill(tmp_path, {"fox/a.png": "#f00", "fox/c.png": "#f00", "frog/b.png": "#0f0"})
    describe_below(root, {"documents": [{"title": "not of a picture"}]})
    decide(root, "fox/a.png", "move", "frog")
    assert apply(root) == Applied(0, 1)


def test_the_folders_of_very_many_moves_are_found_at_once(tmp_path: Path) -> None:
    paths = [f"{'fox' if k % 2 else 'frog'}/{k}.png" for k in range(20_000)]
    many = [Picture(tmp_path, path, path.split("/")[0], path.split("/")[0], "", {}, str(k)) for k, path in enumerate(paths)]
    started_s, folders = time.process_time(), label_folders(many)
    assert {label_folder("fox", "", folders, str) for _ in many} == {"fox"}
    assert time.process_time() - started_s < 2


@pytest.mark.parametrize("action", [("move", "frog"), ("delete",)])
def test_a_row_that_cannot_be_rewritten_keeps_its_picture(tmp_path: Path, action: tuple[str, ...]) -> None:
    root = fill(tmp_path, {"fox/a.png": "#f00", "frog/b.png": "#0f0"})
    (root / "metadata.csv").write_text("file_name,source\nfox/a.png,x.org\n")
    decide(root, "fox/a.png", *action)
    with pytest.raises(DataError, match=r"fox/a.png has a row in metadata that is no metadata.jsonl"):
        apply(root)
    assert pictures(root) == ["fox/a.png", "frog/b.png"]


@pytest.mark.parametrize("label", ["../up", "/etc", "..", ".", ".hidden", "a/b"])
def test_no_label_leads_out_of_the_folder(folder: Path, label: str) -> None:
    decide(folder, "red fox/a.png", "move", label)
    with pytest.raises(DataError, match="cannot be the name of a folder"):
        apply(folder)
    assert "red fox/a.png" in pictures(folder)


def test_files_that_cannot_be_moved_are_said_to_be(folder: Path) -> None:
    decide(folder, "red fox/a.png", "delete")
    (folder / ".scrape").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be moved .*then apply again"):
        apply(folder)
    (folder / ".scrape").unlink()
    assert apply(folder) == Applied(1, 0)


def test_only_pictures_of_the_folder_are_shown(folder: Path, tmp_path: Path) -> None:
    fill(tmp_path, {"outside.png": "#fff"})
    (folder / "red fox/link.png").symlink_to(tmp_path / "outside.png")
    (folder / "red fox/notes.txt").write_text("no picture")
    assert len(pictures(folder)) == 6
    assert not_shown(folder) == ["Not shown: a link to a picture that is not in the folder (1), not a picture but text (1)."]
    review = Review(folder, None)
    with pytest.raises(DataError, match="no longer there"):
        review.picture("../outside.png", large=True)


def test_folders_that_cannot_be_reviewed_are_refused(tmp_path: Path, colour_model: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        read_pictures(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        Review(tmp_path / "empty", None)
    with pytest.raises(DataError, match=r"The model colours knows red fox, green frog, _other, but .* holds cat"):
        Review(fill(tmp_path / "cats", {"cat/a.png": "#fff"}), Classifier.load(colour_model, trusted=True))
    fill(tmp_path / "odd", {os.fsdecode(b"a\xff/a.png"): "#fff"})
    with pytest.raises(DataError, match="cannot be written down as text"):
        read_pictures(tmp_path / "odd")


def test_pictures_that_look_like_another_label_come_first(folder: Path, colour_model: Path) -> None:
    fill(folder, {"red fox/pale.png": "#a55", "_other/red.png": "#d00"})
    (folder / "red fox/broken.png").write_bytes(b"no picture")
    review = Review(folder, Classifier.load(colour_model, trusted=True))
    cards = review.cards("red fox", 0, 24)["cards"]
    assert [card["name"] for card in cards] == ["broken.png", "lost.png", "pale.png", "b.png", "a.png"]
    assert [card["suggested"] for card in cards] == ["", "green frog", "", "", ""]
    assert cards[1]["looks_like"] == "green frog"
    assert cards[1]["probability"] > 0.9
    assert review.cards("_other", 0, 1)["cards"][0]["suggested"] == "red fox"
    overview = review.overview()
    assert {one["label"]: one["to_look_at"] for one in overview["classes"]} == {"red fox": 2, "green frog": 0, "_other": 1}
    assert {one["label"]: one["sure"] for one in overview["classes"]} == {"red fox": 1, "green frog": 0, "_other": 1}
    assert (overview["sure"], review.accept()["decided"]) == (1, 1)  # what looks so in _other may be drawn alike
    assert review.cards("_other", 0, 1)["cards"][0]["action"] == ""


def test_labels_may_be_spelt_otherwise_than_the_model_s() -> None:
    labels, info = ["Red Fox", "GREEN FROG", "_other"], colour_info()
    check_model(Path(), labels, info)
    alike = opinion("_other", [0.95, 0.03, 0.02], labels, info)
    assert (alike.suggested, alike.label, alike.is_sure) == ("Red Fox", "Red Fox", True)
    for strangers in (["owl", "_other"], ["owl"]):
        with pytest.raises(DataError, match="knows red fox"):
            check_model(Path(), strangers, info)
    check_model(Path(), ["_other"], info)


def test_a_label_that_the_model_never_saw_should_look_like_none_of_its_characters() -> None:
    labels = ["blue bird", "green frog", "red fox"]
    strange = opinion("blue bird", [0.05, 0.05, 0.9], labels, colour_info())
    assert (strange.suggested, strange.doubts) == ("", False)
    assert strange.loss == pytest.approx(0.051, abs=0.001)
    known = opinion("blue bird", [0.9, 0.05, 0.05], labels, colour_info())
    assert (known.suggested, known.label) == ("red fox", "red fox")


def looked(folder: Path, model: Classifier) -> Probabilities:
    review = Review(folder, model)
    while review.overview()["is_looking"]:
        time.sleep(0.01)
    return cached(folder, model.info)


def test_a_picture_is_classified_once_per_model(folder: Path, colour_model: Path) -> None:
    model = Classifier.load(colour_model, trusted=True)
    first = looked(folder, model)
    [kept] = (folder / ".scrape/opinions").iterdir()
    lines = kept.read_text().splitlines()
    assert len([line for line in lines if line]) == 6
    kept.write_text("\n".join(lines)[:-20])  # killed while it wrote the last one
    assert looked(folder, model) == first
    size = kept.stat().st_size
    assert looked(folder, model) == first
    assert kept.stat().st_size == size


def test_the_model_looks_while_the_page_is_there(folder: Path, colour_model: Path) -> None:
    goes_on = threading.Event()

    class Slow(Classifier):
        def probabilities(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
            goes_on.wait()
            return super().probabilities(pictures)

    review = Review(folder, Slow.load(colour_model, trusted=True))
    before = review.overview()
    assert (before["is_looking"], before["looked_at"], before["trouble"]) == (True, 0, "")
    assert all(one["to_look_at"] == 0 for one in before["classes"])
    review.decide_all([key(review, "red fox", "b.png")], "move", "green frog")
    review.apply()  # a picture is elsewhere before it was looked at
    goes_on.set()
    while (after := review.overview())["is_looking"]:
        time.sleep(0.01)
    assert after["looked_at"] == 6
    assert after["order"] > before["order"]
    assert [card["suggested"] for card in review.cards("red fox", 0, 9)["cards"]] == ["green frog", ""]
    assert [card["suggested"] for card in review.cards("green frog", 0, 9)["cards"]] == ["", "", "red fox"]


def test_a_model_that_cannot_write_its_opinions_says_so(folder: Path, colour_model: Path) -> None:
    (folder / ".scrape").write_text("in the way")
    overview = Review(folder, Classifier.load(colour_model, trusted=True)).overview()
    assert "The model stopped looking" in overview["trouble"]
    assert overview["is_looking"] is False


def test_without_a_model_copies_of_one_artwork_are_neighbours(folder: Path) -> None:
    describe(folder, [{"file_name": f"red fox/{name}.png", "group": "g"} for name in ("a", "lost")])
    names = [card["name"] for card in Review(folder, None).cards("red fox", 0, 9)["cards"]]
    assert names == ["a.png", "lost.png", "b.png"]


def key(review: Review, label: str, name: str) -> str:
    return next(str(card["key"]) for card in review.cards(label, 0, 99)["cards"] if card["name"] == name)


def test_a_review_decides_undoes_and_applies(folder: Path) -> None:
    review = Review(folder, None)
    lost, first, second = (key(review, "red fox", name) for name in ("lost.png", "a.png", "b.png"))
    assert review.decide_all([lost], "move", "green frog")["cards"][0]["to"] == "green frog"
    assert read_decisions(folder)[-1].action == "move"
    assert review.decide_all([first], "move", "red fox")["cards"][0]["action"] == "keep"  # where it is already
    told = review.decide_all([second], "delete", "")
    assert told["overview"]["waiting"] == 2
    assert {one["label"]: one["to_look_at"] for one in told["overview"]["classes"]}["red fox"] == 0
    assert review.undo("")["card"]["name"] == "b.png"
    assert review.undo(lost)["card"]["action"] == ""
    assert review.undo("")["card"]["name"] == "a.png"
    assert "card" not in review.undo("")
    review.decide_all([lost], "move", "green frog")
    done = review.apply()
    assert (done["deleted"], done["moved"], done["overview"]["waiting"]) == (0, 1, 0)
    assert "card" not in review.undo("")  # what was applied is done
    with pytest.raises(DataError, match="no longer there"):
        review.decide_all([lost], "keep", "")


@pytest.mark.parametrize(
    ("action", "to", "applied"), [("delete", "", ".scrape/removed/red fox/a.png"), ("move", "_other", "_other/a-2.png")]
)
def test_what_was_applied_is_moved_back_as_the_page_says(folder: Path, action: str, to: str, applied: str) -> None:
    review = Review(folder, None)
    review.decide_all([key(review, "red fox", "a.png")], action, to)
    review.apply()
    assert "Move it back from there, start scrape.py review again, and press U" in review.undo("")["why"]
    (folder / applied).rename(folder / "red fox/a.png")
    again = Review(folder, None)
    assert again.overview()["waiting"] == 1
    assert again.undo("")["undone"] == 1
    assert again.apply()["overview"]["waiting"] == 0
    assert "red fox/a.png" in pictures(folder)


def test_several_decisions_in_one_go_are_undone_in_one_go(folder: Path, colour_model: Path) -> None:
    review = Review(folder, Classifier.load(colour_model, trusted=True))
    lost, first = key(review, "red fox", "lost.png"), key(review, "green frog", "a.png")
    assert review.next_doubt(first) == {"label": "red fox", "place": 0}
    assert (review.overview()["sure"], review.accept()["decided"], review.accept()["decided"]) == (1, 1, 0)
    assert review.next_doubt(first) == {}
    assert (review.keep_rest("red fox")["decided"], review.keep_rest("red fox")["decided"]) == (2, 0)
    assert review.undo("")["undone"] == 2
    assert review.undo("")["card"]["key"] == lost
    assert review.undo("")["why"] == "There is nothing to undo."
    review.decide_all([lost, first], "move", "_other")
    assert review.apply()["moved"] == 2
    assert "was applied" in review.undo("")["why"]
    assert [decision.action for decision in read_decisions(folder)][-2:] == ["move", "move"]


@pytest.mark.parametrize(
    ("made", "last"),
    [
        ([], []),
        ([("a", "keep", "1.5"), ("b", "keep", "1.5"), ("c", "keep", "2.5")], ["c"]),
        ([("a", "keep", "1.5"), ("b", "keep", "2.5"), ("c", "keep", "2.5")], ["b", "c"]),
        ([("a", "keep", "1.5"), ("b", "keep", "2.5"), ("c", "keep", "2.5"), ("c", "undo", "3.5")], ["b"]),
        ([("a", "keep", "1.5"), ("b", "keep", "2.5"), ("a", "delete", "3.5"), ("a", "undo", "4.5")], ["b"]),
        ([("a", "keep", "1"), ("b", "keep", "1")], ["b"]),  # as earlier versions wrote them
        ([("a", "undo", "1.5")], []),
    ],
)
def test_what_undo_takes_back(made: list[tuple[str, str, str]], last: list[str]) -> None:
    history = [Decision(f"fox/{sha256}.png", sha256, action, at=at) for sha256, action, at in made]
    assert [decision.sha256 for decision in last_made(history)] == last


def test_very_many_decisions_are_taken_back_at_once() -> None:
    made = [Decision(f"fox/{k}.png", str(k), action, "", f"{action}.0") for action in ("keep", "undo") for k in range(8000)]
    started_s = time.process_time()
    assert last_made(made) == []
    assert len(last_made(made[:-1])) == 1
    assert time.process_time() - started_s < 2


def test_a_second_review_begins_with_what_the_first_left(folder: Path) -> None:
    first = Review(folder, None)
    first.decide_all([key(first, "red fox", "a.png")], "keep", "")
    first.decide_all([key(first, "red fox", "b.png")], "delete", "")
    second = Review(folder, None)
    assert [card["name"] for card in second.cards("red fox", 0, 9)["cards"]] == ["lost.png", "a.png", "b.png"]
    assert second.overview()["waiting"] == 1
    assert second.undo("")["card"]["name"] == "b.png"


def test_two_open_pages_see_each_other_s_decisions(folder: Path) -> None:
    first, second = Review(folder, None), Review(folder, None)
    a, b = (key(first, "red fox", name) for name in ("a.png", "b.png"))
    first.decide_all([a], "delete", "")
    assert second.overview()["waiting"] == 1
    assert [card["action"] for card in second.cards("red fox", 0, 2)["cards"]] == ["delete", ""]
    assert second.keep_rest("red fox")["decided"] == 2
    assert first.undo("")["undone"] == 2
    assert second.undo(a)["overview"]["waiting"] == first.overview()["waiting"] == 0
    second.decide_all([b], "delete", "")
    (folder / DECISIONS_FILE).unlink()
    assert first.overview()["waiting"] == second.overview()["waiting"] == 0


@pytest.mark.parametrize(
    ("action", "to"), [("burn", ""), ("move", "unicorn"), ("move", ""), ("keep", "red fox"), ("undo", "")]
)
def test_what_the_page_cannot_mean_is_refused(folder: Path, action: str, to: str) -> None:
    review = Review(folder, None)
    with pytest.raises(DataError, match="reload the page"):
        review.decide_all([key(review, "red fox", "a.png")], action, to)
    assert read_decisions(folder) == []


def test_a_decision_that_could_not_be_written_does_not_count(folder: Path) -> None:
    review = Review(folder, None)
    (folder / DECISIONS_FILE).mkdir()
    with pytest.raises(DataError, match="does not count"):
        review.decide_all([key(review, "red fox", "a.png")], "delete", "")
    assert review.overview()["waiting"] == 0


def test_decisions_are_not_written_through_a_link(folder: Path) -> None:
    review, victim = Review(folder, None), folder.parent / "victim.txt"
    victim.write_text("precious")
    (folder / DECISIONS_FILE).symlink_to(victim)
    with pytest.raises(DataError, match=r"A link is not written to: '.*decisions.jsonl'\), so it does not count"):
        review.decide_all([key(review, "red fox", "a.png")], "delete", "")
    assert victim.read_text() == "precious"
    assert review.overview()["waiting"] == 0


@pytest.mark.parametrize("name", [METADATA, DECISIONS_FILE, str(JOURNAL)])
def test_nothing_waits_for_a_pipe_in_the_place_of_a_file(folder: Path, name: str) -> None:
    (folder / ".scrape").mkdir()
    os.mkfifo(folder / name)
    with pytest.raises(DataError, match=f"{name} is not a regular file, and cannot be read: take it away"):
        apply(folder)


def test_the_last_picture_of_a_class_may_go(folder: Path) -> None:
    review = Review(folder, None)
    review.decide_all([key(review, "_other", "a.png")], "delete", "")
    classes = review.apply()["overview"]["classes"]
    assert [one["pictures"] for one in classes if one["label"] == "_other"] == [0]
    assert review.cards("_other", 0, 9) == {"cards": [], "pictures": 0}


@pytest.fixture
def beside(folder: Path) -> Path:
    """A file that lies beside the folder, with a row in its metadata by three ways there."""
    victim = folder.parent / "victim.txt"
    victim.write_text("precious")
    (folder / "up").symlink_to(folder.parent, target_is_directory=True)
    describe(folder, [{"file_name": name, "label": "red fox"} for name in ("../victim.txt", str(victim), "up/victim.txt")])
    return victim


@pytest.mark.parametrize("way", ["../victim.txt", "absolute", "up/victim.txt"])
def test_no_decision_moves_a_file_that_is_not_in_the_folder(folder: Path, beside: Path, way: str) -> None:
    name = str(beside) if way == "absolute" else way
    append(folder, Decision(name, "z", "delete"))
    with pytest.raises(DataError, match=r"decisions.jsonl says to delete '.*victim.txt', .* take that line out"):
        apply(folder)
    assert beside.read_text() == "precious"
    assert len(described(folder)) == 3


def test_no_row_and_decision_move_what_is_no_picture(folder: Path) -> None:
    describe(folder, [{"file_name": METADATA, "label": "red fox"}, {"file_name": "red fox", "label": "red fox"}])
    for name in (METADATA, "red fox"):
        append(folder, Decision(name, "z", "delete"))
        with pytest.raises(DataError, match=f"says to delete '{name}', which is no picture"):
            apply(folder)
        (folder / DECISIONS_FILE).unlink()
    assert len(pictures(folder)) == 6


def test_no_picture_is_moved_through_a_link_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "owl").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    decide(folder, "red fox/a.png", "move", "owl")
    with pytest.raises(DataError, match=r"owl/a.png is not in .*pictures but where a link leads: take the link away"):
        apply(folder)
    assert "red fox/a.png" in pictures(folder)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("file_name", "target"),
    [
        ("../victim.txt", ".scrape/removed/victim.txt"),
        ("red fox/../../victim.txt", "red fox/v.png"),
        ("up/victim.txt", "red fox/v.png"),
        ("absolute", "red fox/v.png"),
        ("red fox/a.png", "../escape.png"),
        ("red fox/a.png", "red fox/../escape.png"),
        ("red fox/a.png", "up/escape.png"),
        ("red fox/a.png", "absolute"),
        ("red fox/a.png", ""),
        ("red fox/a.png", "red fox/\0"),
    ],
)
def test_no_journal_moves_anything_into_or_out_of_the_folder(
    folder: Path, beside: Path, file_name: str, target: str
) -> None:
    names = {"absolute": str(beside if file_name == "absolute" else folder.parent / "escape.png")}
    steps = [
        {"file_name": "red fox/b.png", "target": "red fox/first.png", "label": "red fox"},
        {"file_name": names.get(file_name, file_name), "target": names.get(target, target), "label": ""},
    ]
    (folder / ".scrape").mkdir()
    (folder / JOURNAL).write_text(json.dumps(steps))
    before = sorted(path for path in folder.parent.rglob("*") if path.name != "lock")
    with pytest.raises(DataError, match=r"applying.json .* take it away, then apply again"):
        apply(folder)
    assert sorted(path for path in folder.parent.rglob("*") if path.name != "lock") == before
    assert beside.read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'[{"file_name":',
        b'[{"x":1}]',
        b"5",
        b"null",
        b"{}",
        b'"red fox/a.png"',
        b"[5]",
        b'[{"file_name": 1, "target": "b.png", "label": ""}]',
        b'[{"file_name": "red fox/a.png", "target": "b.png", "label": null}]',
        b'[{"file_name": "red fox/a.png", "target": "b.png", "label": "fox\\ncub"}]',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:60]),
)
def test_a_damaged_journal_is_named(folder: Path, content: bytes) -> None:
    review = Review(folder, None)
    (folder / ".scrape").mkdir()
    (folder / JOURNAL).write_bytes(content)
    for apply_all in (lambda: apply(folder), review.apply):
        with pytest.raises(DataError, match=r"applying.json is damaged \(.*\): take it away, then apply again"):
            apply_all()
    assert (folder / JOURNAL).read_bytes() == content
    assert len(pictures(folder)) == 6


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """One picture in two labels, and twice in the first."""
    return fill(
        tmp_path / "copies",
        {"a/1.png": "#f00", "a/1b.png": "#f00", "a/2.png": "#e00", "b/1.png": "#f00", "b/4.png": "#00f"},
    )


def actions(review: Review) -> dict[str, str]:
    """By file_name, what was decided; "done" where it cannot be taken back."""
    cards = [card for one in review.overview()["classes"] for card in review.cards(one["label"], 0, 99)["cards"]]
    named = {f"{card['label']}/{card['name']}": card for card in cards}
    return {name: card["action"] if card["undoable"] else "done" for name, card in sorted(named.items()) if card["action"]}


def test_a_decision_about_a_copy_leaves_that_about_the_other(copies: Path) -> None:
    review = Review(copies, None)
    a, b = key(review, "a", "1.png"), key(review, "b", "1.png")
    review.decide_all([a], "delete", "")
    assert review.decide_all([b], "keep", "")["overview"]["waiting"] == 1
    assert actions(review) == {"a/1.png": "delete", "b/1.png": "keep"}
    assert review.undo("")["card"]["key"] == b
    assert (review.keep_rest("b")["decided"], review.keep_rest("b")["overview"]["waiting"]) == (2, 1)
    assert actions(Review(copies, None)) == {"a/1.png": "delete", "b/1.png": "keep", "b/4.png": "keep"}
    assert review.undo(a)["card"]["key"] == a
    assert actions(review) == actions(Review(copies, None)) == {"b/1.png": "keep", "b/4.png": "keep"}


@pytest.mark.parametrize("names", [["a/1.png", "b/1.png"], ["a/1.png", "a/1b.png"], ["a/1.png", "a/1b.png", "b/1.png"]])
def test_copies_are_deleted_and_undone_in_one_go(copies: Path, names: list[str]) -> None:
    review = Review(copies, None)
    keys = [key(review, *name.split("/")) for name in names]
    for again in (True, False):
        assert review.decide_all(keys, "delete", "")["overview"]["waiting"] == len(names)
        assert [card["action"] for card in review.decide_all(keys, "delete", "")["cards"]] == ["delete"] * len(names)
        assert not again or (review.undo("")["undone"], review.undo("")["undone"]) == (len(names), len(names))
    assert review.apply()["deleted"] == len(names)
    assert len(pictures(copies)) == 5 - len(names)
    assert actions(review) == {}


def test_a_copy_is_moved_to_where_another_is_deleted(copies: Path) -> None:
    review = Review(copies, None)
    review.decide_all([key(review, "b", "1.png")], "delete", "")
    review.decide_all([key(review, "a", "1.png")], "move", "b")
    assert (review.apply()["deleted"], apply(copies)) == (1, Applied(0, 0))
    assert pictures(copies) == ["a/1b.png", "a/2.png", "b/1-2.png", "b/4.png"]
    review.decide_all([key(review, "a", "1b.png")], "keep", "")
    assert actions(review) == {"a/1b.png": "keep", "b/1-2.png": "done"}


def test_a_copy_that_is_moved_to_where_another_was_deleted_stays(copies: Path) -> None:
    for name, action, to in [("b/1.png", "delete", ""), ("a/1.png", "move", "b")]:
        decide(copies, name, action, to)
        apply(copies)
    assert actions(Review(copies, None)) == {"b/1.png": "done"}
    assert apply(copies) == Applied(0, 0)
    assert pictures(copies) == ["a/1b.png", "a/2.png", "b/1.png", "b/4.png"]


def test_a_picture_moved_there_and_back_to_its_own_name_stays(tmp_path: Path) -> None:
    root = fill(tmp_path, {"a/1.png": "#f00", "b/2.png": "#0f0"})
    for name, to in [("a/1.png", "b"), ("b/1.png", "a"), ("a/1.png", "b"), ("b/1.png", "a")]:
        decide(root, name, "move", to)
        assert apply(root) == Applied(0, 1)
        assert apply(root) == Applied(0, 0)
        assert f"{to}/1.png" in pictures(root)
    assert actions(Review(root, None)) == {"a/1.png": "done"}
    review = Review(root, None)
    one = key(review, "a", "1.png")
    review.decide_all([one], "keep", "")
    review.undo(one)
    assert actions(review) == actions(Review(root, None)) == {"a/1.png": "done"}


def test_a_kept_picture_that_a_person_moved_stays_kept_until_that_is_taken_back(tmp_path: Path) -> None:
    root = fill(tmp_path, {"a/1.png": "#f00", "b/2.png": "#0f0", "b/3.png": "#f00"})
    decide(root, "b/3.png", "delete")
    decide(root, "a/1.png", "keep")
    (root / "a/1.png").rename(root / "b/1.png")
    review = Review(root, None)
    assert actions(review) == {"b/1.png": "keep", "b/3.png": "delete"}
    review.undo(key(review, "b", "1.png"))
    assert actions(review) == actions(Review(root, None)) == {"b/3.png": "delete"}


def test_what_an_earlier_version_took_back_elsewhere_stays_taken_back(tmp_path: Path) -> None:
    root = fill(tmp_path, {"b/1.png": "#f00", "b/2.png": "#0f0"})
    [sha256] = [picture.sha256 for picture in read_pictures(root) if picture.file_name == "b/1.png"]
    append(root, Decision("a/1.png", sha256, "keep", at="1.5"), Decision("b/1.png", sha256, "undo", at="2.5"))
    review = Review(root, None)
    assert actions(review) == {}
    assert review.undo("")["why"] == "There is nothing to undo."


def test_a_decision_taken_back_for_one_copy_does_not_decide_for_a_search(tmp_path: Path) -> None:
    for name, action in [("a/1.png", "delete"), ("b/1.png", "keep"), ("a/1.png", "undo")]:
        append(tmp_path, Decision(name, "s", action))
    assert latest_decisions(read_decisions(tmp_path)) == {"s": Decision("b/1.png", "s", "keep")}


@pytest.mark.parametrize(
    ("decider", "act"),
    [
        ("fresh", lambda review, one: review.decide_all([one], "delete", "")),
        ("fresh", lambda review, _: review.keep_rest("red fox")),
        ("stale", lambda review, one: review.undo(one)),
        ("stale", lambda review, _: review.undo("")),
    ],
    ids=["decide", "keep the rest", "undo one", "undo"],
)
def test_a_stale_page_writes_nothing_about_a_picture_that_is_elsewhere_by_now(
    folder: Path, decider: str, act: Callable[[Review, str], object]
) -> None:
    reviews = {"stale": (stale := Review(folder, None)), "fresh": Review(folder, None)}
    one = key(stale, "red fox", "a.png")
    reviews[decider].decide_all([one], "move", "green frog")
    assert apply(folder) == Applied(0, 1)
    before = read_decisions(folder)
    with pytest.raises(DataError, match=r"^That picture is no longer there: reload the page\.$"):
        act(stale, one)
    assert read_decisions(folder) == before
    assert [card["name"] for card in stale.cards("green frog", 0, 9)["cards"]] == ["a.png", "b.png", "a-2.png"]
    moved = key(stale, "green frog", "a-2.png")  # the page, reloaded, shows what is there
    assert stale.decide_all([moved], "delete", "")["overview"]["waiting"] == 1
    assert stale.apply()["deleted"] == 1
