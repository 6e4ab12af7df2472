import json
from collections import Counter
from pathlib import Path

import pytest
from conftest import make_picture_folder

from cartoons import dataset
from cartoons.errors import DataError


def test_a_folder_made_by_hand(tmp_path: Path) -> None:
    data = dataset.read(make_picture_folder(tmp_path / "d"))
    items = data.items
    assert data.labels == ("round", "square", "_other")
    assert Counter(item.label for item in items) == {"round": 6, "square": 6, "_other": 6}
    assert all(item.source == "" and item.character == item.label for item in items)
    assert len({item.group for item in items}) == 18


def test_copies_of_a_picture_are_one_group(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    (root / "round" / "copy.png").write_bytes((root / "round" / "0.png").read_bytes())
    items = dataset.read(root).items
    assert len(items) == 19
    assert len({item.group for item in items}) == 18


def test_train_and_valid_folders_are_kept_apart(tmp_path: Path) -> None:
    make_picture_folder(tmp_path / "d" / "train", per_label=6)
    make_picture_folder(tmp_path / "d" / "valid", per_label=2)
    data = dataset.read(tmp_path / "d")
    assert data.labels == ("round", "square", "_other")
    assert Counter(item.part for item in data.items) == {"train": 18, "valid": 6}
    make_picture_folder(tmp_path / "d" / "test")  # left alone
    assert len(dataset.read(tmp_path / "d").items) == 24
    make_picture_folder(tmp_path / "d" / "extra")  # and so is any other folder beside them
    assert len(dataset.read(tmp_path / "d").items) == 24


def test_the_content_hash_names_the_pictures(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    first = dataset.read(root).content_hash
    (root / "round" / "0.png").rename(root / "round" / "zero.png")
    assert dataset.read(root).content_hash == first
    (root / "round" / "zero.png").rename(root / "square" / "zero.png")
    assert dataset.read(root).content_hash != first


def test_metadata_says_which_other_character_it_is_and_what_is_a_photograph(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    said = [
        {"character": "Minnie  Mouse"},
        {"character": "minnie mouse"},
        {"character": "beach_photos"},
        {"style": "natural photo", "character": "cow"},
        {"style": "photoshop fan art"},
        {"character": "ROUND"},
    ]
    rows = [json.dumps({"file_name": f"_other/{k}.png"} | row) for k, row in enumerate(said)]
    (root / "metadata.jsonl").write_text("\n".join(rows))
    data = dataset.read(root)
    others = [item for item in data.items if item.label == "_other"]
    assert [item.other_character for item in others] == ["minnie mouse", "minnie mouse", "", "", "", "round"]
    assert [item.is_photo for item in others] == [False, False, True, True, False, False]
    [warning] = data.warnings()
    assert warning.startswith("_other holds 1 picture of round, by the metadata")


def test_folders_that_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        dataset.read(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        dataset.read(tmp_path / "empty")
    with pytest.raises(DataError, match="one label only"):
        dataset.read(make_picture_folder(tmp_path / "one", labels=("round",)))
    with pytest.raises(DataError, match=r"round \(4\), square \(4\)"):
        dataset.read(make_picture_folder(tmp_path / "few", per_label=4, labels=("round", "square")))
    with pytest.raises(DataError, match=r"metadata.jsonl line 1"):
        root = make_picture_folder(tmp_path / "bad")
        (root / "metadata.jsonl").write_text("[1]\n")
        dataset.read(root)


def test_metadata_may_hold_any_text_but_must_be_utf_8(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    row = {"file_name": "round/0.png", "source": 7, "title": "one\u2028two"}
    (root / "metadata.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert {item.source for item in dataset.read(root).items} == {"", "7"}
    (root / "metadata.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="cannot be read as UTF-8"):
        dataset.read(root)
