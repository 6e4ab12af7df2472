"""Near-duplicates are found as comparing all with all would find them, and many of them cost no more than their number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_shape, make_picture_folder

from cartoons import dataset, near_duplicates
from cartoons.near_duplicates import Hashes

Made = Callable[[np.random.Generator], Hashes]


def randoms(rng: np.random.Generator, rows: int) -> Hashes:
    return rng.integers(0, 2**64, (rows, 2), dtype=np.uint64)


def flipped(hashes: Hashes, rng: np.random.Generator, max_bits: int) -> Hashes:
    """The same with up to so many bits of each changed, some of them twice, so back."""
    for _ in range(max_bits):
        hashes = hashes ^ (rng.integers(0, 2, hashes.shape, np.uint64) << rng.integers(0, 64, hashes.shape, np.uint64))
    return hashes


def clustered(rng: np.random.Generator) -> Hashes:
    """Copies of a few pictures, some as mirror images, at distances around the limit."""
    copies = randoms(rng, 12)[rng.integers(0, 12, 120)]
    turned = rng.random(120) < 0.5
    copies[turned] = copies[turned, ::-1]
    return flipped(copies, rng, 5)


def symmetric(rng: np.random.Generator) -> Hashes:
    """Pictures that are about their own mirror images."""
    return np.repeat(clustered(rng)[:, :1], 2, axis=1) ^ rng.integers(0, 2, (120, 2), np.uint64)


WAYS: dict[str, Made] = {
    "random": lambda rng: randoms(rng, 120),
    "clustered": clustered,
    "symmetric": symmetric,
    "many twice": lambda rng: clustered(rng)[rng.integers(0, 40, 120)],
    "one plain hash": lambda rng: np.stack([np.full(120, 7, np.uint64), clustered(rng)[:, 0]], axis=1),
    "one mirrored hash": lambda rng: np.stack([clustered(rng)[:, 0], np.full(120, 7, np.uint64)], axis=1),
    "small numbers": lambda rng: rng.integers(0, 2**7, (120, 2), np.uint64),
    "all equal": lambda rng: np.repeat(randoms(rng, 1), 120, axis=0),
    "all zero": lambda _: np.zeros((120, 2), np.uint64),
    "one": lambda rng: randoms(rng, 1),
    "none": lambda _: np.zeros((0, 2), np.uint64),
}


def by_brute_force(hashes: Hashes, max_bits: int) -> list[int]:
    """All are compared with all, and each takes the first of those that it is like, until no more changes."""
    plain, mirrored = hashes.T
    bits = np.minimum(np.bitwise_count(plain[:, None] ^ plain), np.bitwise_count(plain[:, None] ^ mirrored))
    alike = (bits <= max_bits) | (bits <= max_bits).T
    before, first = None, np.arange(len(hashes))
    while before is None or (first != before).any():
        before, first = first, np.where(alike, first, len(hashes)).min(axis=1, initial=len(hashes))
    return first.tolist()


@pytest.mark.parametrize("max_bits", [0, 1, 4, 6])
@pytest.mark.parametrize("made", WAYS.values(), ids=WAYS)
def test_the_groups_are_those_of_comparing_all_with_all(made: Made, max_bits: int) -> None:
    for seed in range(2):
        hashes = made(np.random.default_rng(seed))
        assert near_duplicates.group_hashes(hashes, max_bits).tolist() == by_brute_force(hashes, max_bits)


def test_a_copy_far_away_and_a_mirror_image_are_found() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, size=(1300, 2), dtype=np.uint64)
    hashes[1299, 0] = hashes[5, 0] ^ np.uint64(0b101)
    hashes[700, 0] = hashes[6, 1]  # the mirror image
    groups = near_duplicates.group_hashes(hashes)
    assert {k: int(first) for k, first in enumerate(groups) if first != k} == {1299: 5, 700: 6}


def test_thousands_of_equal_hashes_are_grouped_in_one_pass() -> None:
    rng = np.random.default_rng(0)
    plain = flipped(np.repeat(randoms(rng, 1), 20_000, axis=0), rng, 1)
    hashes = np.stack([plain[:, 0], plain[::-1, 0]], axis=1)  # one picture, re-encoded, that is its own mirror image
    assert not near_duplicates.group_hashes(hashes).any()


def test_many_pairs_come_in_pieces_of_bounded_size() -> None:
    values = np.arange(2**12, dtype=np.uint64)  # each similar to hundreds of others
    pieces = [len(a) for a, _ in near_duplicates._in_large_pieces(near_duplicates._similar(values, 4))]
    assert len(pieces) > 1
    assert max(pieces) < 1.1 * near_duplicates.PAIRS_AT_ONCE
    assert not near_duplicates.group_hashes(values.repeat(2).reshape(-1, 2)).any()


def test_copies_resizes_and_mirror_images_are_one_group(tmp_path: Path) -> None:
    root = make_picture_folder(tmp_path / "d")
    for k in range(30, 36):  # drawings of many lines, each unlike the others
        picture = draw_shape("scribble", seed=k, size=200)
        picture.save(root / "_other" / f"{k}.png")
        picture.resize((90, 90)).save(root / "_other" / f"{k}-small.jpg", quality=80)
        picture.transpose(0).save(root / "_other" / f"{k}-mirrored.webp")
    (root / "round" / "broken.png").write_bytes(b"not a picture")
    data = near_duplicates.group_near_duplicates(dataset.read(root))
    [broken] = data.unreadable
    assert broken.item.path.name == "broken.png"
    assert "not a picture but text" in broken.error
    by_name = {item.path.name: item.group for item in data.items if item.label == "_other"}
    for k in range(30, 36):
        assert by_name[f"{k}.png"] == by_name[f"{k}-small.jpg"] == by_name[f"{k}-mirrored.webp"]
    assert len({by_name[f"{k}.png"] for k in range(30, 36)}) == 6
