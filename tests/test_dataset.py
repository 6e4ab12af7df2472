import json
from collections import Counter
from pathlib import Path

import pytest
from conftest import make_picture_folder

from cartoons import dataset
from cartoons.errors import DataError


def test_a_folder_made_by_hand(tmp_path: Path) -> None:
    items = dataset.read(make_picture_folder(tmp_path / "d"))
    assert dataset.labels_of(items) == ("round", "square", "_other")
    assert Counter(item.label for item in items) == {"round": 6, "square": 6, "_other": 6}
    assert all(item.source == "" and item.character == item.label for item in items)
    assert len({item.group for item in items}) == 18


def test_copies_of_a_picture_are_one_group(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    (root / "round" / "copy.png").write_bytes((root / "round" / "0.png").read_bytes())
    items = dataset.read(root)
    assert len(items) == 19
    assert len({item.group for item in items}) == 18


def with_metadata(root: Path) -> Path:
    make_picture_folder(root)
    rows = []
    for path in sorted(root.glob("*/*.png")):
        k, label = int(path.stem), path.parent.name
        row = {"file_name": f"{label}/{path.name}", "label": label, "source": f"site{k % 3}", "group": ""}
        if label == "_other":
            row |= {"character": f"hero{k // 2}" if k < 4 else "imagenet_photo", "source": "elsewhere"}
        rows.append(json.dumps(row))
    (root / "metadata.jsonl").write_text("\n".join(rows))
    return root


def test_leaving_one_source_out(tmp_path: Path) -> None:
    items = dataset.read(with_metadata(tmp_path / "d"))
    folds = list(dataset.folds_by_source(items))
    assert [fold.name for fold in folds] == ["site0", "site1", "site2"]  # "elsewhere" holds no character
    for fold in folds:
        assert {items[i].source for i in fold.held_out} == {fold.name}
    held = sorted(i for fold in folds for i in fold.held_out)
    assert held == [i for i, item in enumerate(items) if item.label != "_other"]


def test_folds_of_others_keep_characters_whole(tmp_path: Path) -> None:
    items = dataset.read(with_metadata(tmp_path / "d"))
    folds = list(dataset.folds_of_others(items))
    held = sorted(i for fold in folds for i in fold.held_out)
    assert held == [i for i, item in enumerate(items) if item.label == "_other"]
    for hero in ("hero0", "hero1"):
        mine = {i for i, item in enumerate(items) if item.character == hero}
        assert sum(mine <= fold.held_out for fold in folds) == 1
    photos = {i for i, item in enumerate(items) if item.is_photo}
    assert len(photos) == 2
    assert sum(bool(photos & fold.held_out) for fold in folds) == 2  # photographs are spread by picture


def test_without_sources_whole_groups_are_held_out(tmp_path: Path) -> None:
    items = dataset.read(make_picture_folder(tmp_path / "d", per_label=10))
    folds = list(dataset.folds_by_source(items))
    assert len(folds) == 5
    held = [i for fold in folds for i in fold.held_out]
    assert len(held) == len(set(held)) == 20
    groups = [{items[i].group for i in fold.held_out} for fold in folds]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_the_content_hash_names_the_pictures(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    first = dataset.content_hash(dataset.read(root))
    (root / "round" / "0.png").rename(root / "round" / "zero.png")
    assert dataset.content_hash(dataset.read(root)) == first
    (root / "round" / "zero.png").rename(root / "square" / "zero.png")
    assert dataset.content_hash(dataset.read(root)) != first


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
