"""What judges a model: whole sources, whole artworks, and never a copy of what was trained on."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_shape, make_picture_folder

from cartoons import dataset, near_duplicates, splits
from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.splits import Plan


def item(label: str, source: str, group: str, character: str = "", photo: bool = False, part: str = "") -> Item:
    return Item(Path(f"{label}-{source}-{group}.png"), label, source, group, character or label, photo, part)


def collection() -> list[Item]:
    """Two characters of three sites each, one of a single site, and strangers."""
    items = [item(label, f"site{k % 3}", f"{label}{k}") for label in ("fox", "frog") for k in range(12)]
    items += [item("owl", "site0", f"owl{k // 2}") for k in range(12)]
    items += [item("_other", "elsewhere", f"hero{k}", character=f"hero{k // 4}") for k in range(12)]
    items += [item("_other", "site1", f"cow{k}", character="cow") for k in range(3)]
    return items + [item("_other", "photos", f"photo{k}", character="photo", photo=True) for k in range(10)]


def leaks(plan: Plan, items: list[Item]) -> int:
    """Judged pictures with one of their artwork in training."""
    count = 0
    for round_ in plan.rounds:
        trained = {items[i].group for i in round_.train}
        count += sum(items[i].group in trained for i in round_.judged)
        assert not set(round_.train) & set(round_.judged)
    return count


def test_leaving_sources_out() -> None:
    items = collection()
    plan = splits.by_source(items, rounds=4)
    assert leaks(plan, items) == 0
    assert sorted(i for round_ in plan.rounds for i in round_.judged) == list(range(len(items)))
    for round_ in plan.rounds:
        held = {items[i].source for i in round_.judged if items[i].label in ("fox", "frog")}
        assert not held & {items[i].source for i in round_.train if items[i].label in ("fox", "frog", "_other")}
        heroes = {items[i].character for i in round_.judged if items[i].label == "_other" and not items[i].is_photo}
        assert not heroes & {items[i].character for i in round_.train if items[i].label == "_other"}
        assert {items[i].label for i in round_.judged} <= {items[i].label for i in round_.train}
    assert "3 sources" in plan.protocol
    assert "owl, of one source, in whole groups" in plan.protocol


def test_without_sources_whole_groups_are_held_out() -> None:
    items = [item(label, "", f"{label}{k // 3}") for label in ("fox", "frog") for k in range(30)]
    plan = splits.by_source(items)
    assert len(plan.rounds) == 5
    assert leaks(plan, items) == 0
    strangers = [item("_other", "", f"x{k}") for k in range(10)]  # nobody said of what: held out picture by picture
    assert sorted(i for r in splits.by_source(items + strangers).rounds for i in r.judged) == list(range(70))
    assert plan.protocol == "in 5 parts, held out in turn in whole groups of alike pictures"
    for round_ in plan.rounds:
        assert Counter(items[i].label for i in round_.judged) == {"fox": 6, "frog": 6}


def test_a_copy_on_another_site_is_not_trained_on() -> None:
    items = collection()
    items += [item("fox", "site0", "copied"), item("fox", "site1", "copied")]
    plan = splits.by_source(items, rounds=3)
    assert leaks(plan, items) == 0
    for round_ in plan.rounds:
        assert len(set(round_.train) & {len(items) - 2, len(items) - 1}) in (0, 2)


def test_holding_a_share_out() -> None:
    items = [item(label, "", f"{label}{k // 2}") for label in ("fox", "frog") for k in range(20)]
    plan = splits.holdout(items, 0.2, seed=1)
    [round_] = plan.rounds
    assert plan.is_holdout
    assert leaks(plan, items) == 0
    assert Counter(items[i].label for i in round_.judged) == {"fox": 4, "frog": 4}
    assert len(round_.train) == 32
    assert splits.holdout(items, 0.2, seed=1) == plan
    assert splits.holdout(items, 0.2, seed=2) != plan
    for share in (0, 1, -3):
        with pytest.raises(DataError, match="give a share between 0 and 1"):
            splits.plan_for(items, splits.How("holdout", share))


def test_folders_as_they_stand() -> None:
    items = [item("fox", "", f"fox{k}", part="valid" if k % 5 == 0 else "train") for k in range(10)]
    items += [item("frog", "", f"frog{k}", part="valid" if k % 5 == 0 else "train") for k in range(10)]
    [round_] = splits.by_folder(items).rounds
    assert {items[i].part for i in round_.judged} == {"valid"}
    assert {items[i].part for i in round_.train} == {"train"}
    items.append(item("fox", "", "fox0", part="train"))  # a copy of a picture of valid/
    assert len(items) - 1 not in splits.by_folder(items).rounds[0].train


def test_a_character_of_one_artwork_cannot_be_measured() -> None:
    items = collection() + [item("yak", "site9", "one") for _ in range(6)]
    with pytest.raises(DataError, match="yak cannot be measured"):
        splits.by_source(items)


def test_a_split_that_cannot_be_is_refused_in_words() -> None:
    items = collection()
    for how, says in [
        (splits.How(rounds=1), "give at least 2"),
        (splits.How(seed=-1), "--seed is -1"),
        (splits.How("folder"), "holds train/ and valid/"),
        (splits.How(valid_pct=1.0), "between 0 and 1"),
    ]:
        with pytest.raises(DataError, match=says):
            splits.plan_for(items, how)
    assert len(splits.plan_for(items, splits.How("group", rounds=3)).rounds) == 3
    assert splits.plan_for(items, splits.How("group")).protocol.startswith("in 5 parts")
    assert splits.plan_for(items, splits.How("holdout")).is_holdout


def test_whether_strangers_were_strangers() -> None:
    items = collection()
    assert splits.by_source(items).strangers_unseen(items)
    assert splits.holdout(items, 0.3, seed=0).strangers_unseen(items)
    nameless = [replace(i, character="_other") if i.label == "_other" else i for i in items]
    assert not splits.by_source(nameless).strangers_unseen(nameless)


def test_a_random_split_leaks_and_is_counted() -> None:
    apart = [item("fox", "", f"fox{k}") for k in range(50)]
    assert splits.leaked_by_random_split(apart, 0.2, seed=0) == (0, 10)
    pairs = [item("fox", "", f"fox{k // 2}") for k in range(50)]
    leaked, of = splits.leaked_by_random_split(pairs, 0.2, seed=0)
    assert of == 10
    assert 5 <= leaked <= 10


def test_the_scenery_of_a_cutout_is_never_judged_while_it_is_trained_on() -> None:
    items = collection()
    plan = splits.by_source(items, rounds=4)
    scenery = plan.scenery(items)
    assert all(scenery[i] for i in range(24))
    for round_ in plan.rounds:
        judged = {items[i].group for i in round_.judged}
        for i in round_.train:
            assert all(items[k].label != items[i].label and items[k].group not in judged for k in scenery[i])


def test_what_is_watched_is_whole_groups_of_what_is_trained_on() -> None:
    items = [item(label, "", f"{label}{k // 2}") for label in ("fox", "frog") for k in range(20)]
    train, held = splits.watched(items, range(3, 40), 0.1, seed=0)
    assert sorted([*train, *held]) == list(range(3, 40))
    assert len(held) == 4
    assert not {items[i].group for i in train} & {items[i].group for i in held}
    few = [item("fox", "", "a"), item("fox", "", "a")]
    assert splits.watched(few, [0, 1], 0.1, seed=0) == ([0, 1], [])


def test_copies_resizes_and_mirror_images_are_one_group(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    for k in range(30, 36):  # drawings of many lines, each unlike the others
        picture = draw_shape("scribble", seed=k, size=200)
        picture.save(root / "_other" / f"{k}.png")
        picture.resize((90, 90)).save(root / "_other" / f"{k}-small.jpg", quality=80)
        picture.transpose(0).save(root / "_other" / f"{k}-mirrored.webp")
    (root / "round" / "broken.png").write_bytes(b"not a picture")
    looked = near_duplicates.look_through(dataset.read(root))
    assert [path.name for path, _ in looked.bad] == ["broken.png"]
    assert "not a picture but text" in looked.bad[0][1]
    by_name = {item.path.name: item.group for item in looked.items if item.label == "_other"}
    for k in range(30, 36):
        assert by_name[f"{k}.png"] == by_name[f"{k}-small.jpg"] == by_name[f"{k}-mirrored.webp"]
    assert len({by_name[f"{k}.png"] for k in range(30, 36)}) == 6


def test_pairs_are_found_across_blocks() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, size=(1300, 2), dtype=np.uint64)
    hashes[1299, 0] = hashes[5, 0] ^ np.uint64(0b101)
    hashes[700, 0] = hashes[6, 1]  # the mirror image
    assert set(near_duplicates.alike_pairs(hashes)) == {(5, 1299), (6, 700)}
