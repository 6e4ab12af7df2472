"""What judges a model: whole sources, whole artworks, and never a copy of what was trained on."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cartoons import splits
from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.splits import Split


def item(label: str, source: str, group: str, character: str = "", photo: bool = False, part: str = "") -> Item:
    return Item(Path(f"{label}-{source}-{group}.png"), label, source, group, character or label, photo, part)


def collection() -> list[Item]:
    """Two characters of three sites each, one of a single site, and strangers."""
    items = [item(label, f"site{k % 3}", f"{label}{k}") for label in ("fox", "frog") for k in range(12)]
    items += [item("owl", "site0", f"owl{k // 2}") for k in range(12)]
    items += [item("_other", "elsewhere", f"hero{k}", character=f"hero{k // 4}") for k in range(12)]
    items += [item("_other", "site1", f"cow{k}", character="cow") for k in range(3)]
    return items + [item("_other", "photos", f"photo{k}", character="photo", photo=True) for k in range(10)]


def leaks(split: Split, items: list[Item]) -> int:
    """Judged pictures with one of their artwork in training."""
    count = 0
    for fold in split.folds:
        trained = {items[i].group for i in fold.train}
        count += sum(items[i].group in trained for i in fold.held_out)
        assert not set(fold.train) & set(fold.held_out)
    return count


def test_leaving_sources_out() -> None:
    items = collection()
    split = splits.by_source(items, folds=4)
    assert leaks(split, items) == 0
    assert sorted(i for fold in split.folds for i in fold.held_out) == list(range(len(items)))
    for fold in split.folds:
        held = {items[i].source for i in fold.held_out if items[i].label in ("fox", "frog")}
        assert not held & {items[i].source for i in fold.train if items[i].label in ("fox", "frog", "_other")}
        heroes = {items[i].character for i in fold.held_out if items[i].label == "_other" and not items[i].is_photo}
        assert not heroes & {items[i].character for i in fold.train if items[i].label == "_other"}
        assert {items[i].label for i in fold.held_out} <= {items[i].label for i in fold.train}
    assert "3 sources" in split.protocol
    assert "owl, of one source, in whole groups" in split.protocol
    assert "without a source" not in split.protocol
    partly = [replace(i, source="") if i.label == "fox" and i.group > "fox2" else i for i in items]
    of_fox = sum(not i.source for i in partly)
    assert f"{of_fox} of the characters' pictures, without a source, in whole" in splits.by_source(partly, 4).protocol


def test_without_sources_whole_groups_are_held_out() -> None:
    items = [item(label, "", f"{label}{k // 3}") for label in ("fox", "frog") for k in range(30)]
    split = splits.by_source(items)
    assert len(split.folds) == 5
    assert leaks(split, items) == 0
    strangers = [item("_other", "", f"x{k}") for k in range(10)]  # nobody said of what: held out picture by picture
    assert sorted(i for r in splits.by_source(items + strangers).folds for i in r.held_out) == list(range(70))
    assert (
        split.protocol
        == "in 5 parts, held out in turn in whole groups of alike pictures: pictures from elsewhere may do worse"
    )
    for fold in split.folds:
        assert Counter(items[i].label for i in fold.held_out) == {"fox": 6, "frog": 6}


def test_a_copy_on_another_site_is_not_trained_on() -> None:
    items = collection()
    items += [item("fox", "site0", "copied"), item("fox", "site1", "copied")]
    split = splits.by_source(items, folds=3)
    assert leaks(split, items) == 0
    for fold in split.folds:
        assert len(set(fold.train) & {len(items) - 2, len(items) - 1}) in (0, 2)


def test_holding_a_share_out() -> None:
    items = [item(label, "", f"{label}{k // 2}") for label in ("fox", "frog") for k in range(20)]
    split = splits.holdout(items, 0.2, seed=1)
    [fold] = split.folds
    assert split.is_holdout
    assert leaks(split, items) == 0
    assert Counter(items[i].label for i in fold.held_out) == {"fox": 4, "frog": 4}
    assert len(fold.train) == 32
    assert splits.holdout(items, 0.2, seed=1) == split
    assert splits.holdout(items, 0.2, seed=2) != split
    for share in (0, 1, -3):
        with pytest.raises(DataError, match="give a share between 0 and 1"):
            splits.make_split(items, splits.SplitConfig("holdout", share))


def test_folders_as_they_stand() -> None:
    items = [item("fox", "", f"fox{k}", part="valid" if k % 5 == 0 else "train") for k in range(10)]
    items += [item("frog", "", f"frog{k}", part="valid" if k % 5 == 0 else "train") for k in range(10)]
    [fold] = splits.by_folder(items).folds
    assert {items[i].part for i in fold.held_out} == {"valid"}
    assert {items[i].part for i in fold.train} == {"train"}
    items.append(item("fox", "", "fox0", part="train"))  # a copy of a picture of valid/
    assert len(items) - 1 not in splits.by_folder(items).folds[0].train


def test_a_character_of_one_artwork_cannot_be_measured() -> None:
    items = collection() + [item("yak", "site9", "one") for _ in range(6)]
    with pytest.raises(DataError, match="yak cannot be measured"):
        splits.by_source(items)


def test_a_split_that_cannot_be_is_refused_in_words() -> None:
    items = collection()
    for how, says in [
        (splits.SplitConfig(folds=1), "give at least 2"),
        (splits.SplitConfig(seed=-1), "--seed is -1"),
        (splits.SplitConfig("folder"), "holds train/ and valid/"),
        (splits.SplitConfig(valid_pct=1.0), "between 0 and 1"),
    ]:
        with pytest.raises(DataError, match=says):
            splits.make_split(items, how)
    assert len(splits.make_split(items, splits.SplitConfig("group", folds=3)).folds) == 3
    assert splits.make_split(items, splits.SplitConfig("group")).protocol.startswith("in 5 parts")
    assert splits.make_split(items, splits.SplitConfig("holdout")).is_holdout
    assert splits.make_split(items, splits.SplitConfig()).is_holdout
    assert len(splits.make_split(items, splits.SplitConfig(folds=3)).folds) == 3


def test_whether_strangers_were_strangers() -> None:
    items = collection()
    assert splits.by_source(items).other_characters_unseen(items)
    assert splits.holdout(items, 0.3, seed=0).other_characters_unseen(items)
    nameless = [replace(i, character="_other") if i.label == "_other" else i for i in items]
    assert not splits.by_source(nameless).other_characters_unseen(nameless)


def test_a_random_split_leaks_and_is_counted() -> None:
    apart = [item("fox", "", f"fox{k}") for k in range(50)]
    assert splits.leaked_by_random_split(apart, 0.2, seed=0) == (0, 10)
    pairs = [item("fox", "", f"fox{k // 2}") for k in range(50)]
    leaked, of = splits.leaked_by_random_split(pairs, 0.2, seed=0)
    assert of == 10
    assert 5 <= leaked <= 10


def test_what_is_watched_is_whole_groups_of_what_is_trained_on() -> None:
    items = [item(label, "", f"{label}{k // 2}") for label in ("fox", "frog") for k in range(20)]
    train, held = splits.split_validation(items, range(3, 40), 0.1, seed=0)
    assert sorted([*train, *held]) == list(range(3, 40))
    assert len(held) == 4
    assert not {items[i].group for i in train} & {items[i].group for i in held}
    few = [item("fox", "", "a"), item("fox", "", "a")]
    assert splits.split_validation(few, [0, 1], 0.1, seed=0) == ([0, 1], [])
