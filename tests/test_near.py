"""Alike hashes are found as comparing all with all would find them, and many alike ones cost no more than their number."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from cartoons import near
from cartoons.near import Hashes, Rows

Made = Callable[[np.random.Generator], Hashes]


def randoms(rng: np.random.Generator, rows: int) -> Hashes:
    return rng.integers(0, 2**64, (rows, 2), dtype=np.uint64)


def flipped(hashes: Hashes, rng: np.random.Generator, most_bits: int) -> Hashes:
    """The same with up to so many bits of each changed, some of them twice, so back."""
    for _ in range(most_bits):
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


def by_brute_force(hashes: Hashes, most_bits: int) -> set[tuple[int, int]]:
    plain, mirrored = hashes.T
    bits = np.minimum(np.bitwise_count(plain[:, None] ^ plain), np.bitwise_count(plain[:, None] ^ mirrored))
    return {(min(a, b), max(a, b)) for a, b in np.argwhere(bits <= most_bits).tolist() if a != b}


def spoken(found: Iterable[Rows]) -> set[tuple[int, int]]:
    return {(a, b) for some in found for a, b in some.tolist()}


def components(rows: int, alike: Iterable[tuple[int, int]]) -> list[int]:
    first = list(range(rows))
    for a, b in alike:
        low, high = sorted((first[a], first[b]))
        if low != high:
            first = [low if each == high else each for each in first]
    return first


@pytest.mark.parametrize("most_bits", [0, 1, 4, 6])
@pytest.mark.parametrize("made", WAYS.values(), ids=WAYS)
def test_every_group_is_found_and_no_pair_is_invented(made: Made, most_bits: int) -> None:
    for seed in range(3):
        hashes = made(np.random.default_rng(seed))
        alike, found = by_brute_force(hashes, most_bits), list(near.pairs(hashes, most_bits))
        assert spoken(found) <= alike
        assert near.groups(len(hashes), found).tolist() == components(len(hashes), alike)


@pytest.mark.parametrize("most_bits", [0, 1, 4, 6])
def test_every_pair_of_rows_that_share_no_hash_is_found(most_bits: int) -> None:
    some = 0
    for seed in range(5):
        hashes = clustered(np.random.default_rng(seed))
        hashes = hashes[np.unique(hashes[:, 0], return_index=True)[1]]
        hashes = hashes[np.unique(hashes[:, 1], return_index=True)[1]]
        alike = by_brute_force(hashes, most_bits)
        assert spoken(near.pairs(hashes, most_bits)) == alike
        some += len(alike)
    assert some or not most_bits


def test_thousands_of_equal_hashes_make_no_more_pairs_than_rows() -> None:
    rng = np.random.default_rng(0)
    plain = flipped(np.repeat(randoms(rng, 1), 20_000, axis=0), rng, 1)
    hashes = np.stack([plain[:, 0], plain[::-1, 0]], axis=1)  # one picture, re-encoded, that is its own mirror image
    found = list(near.pairs(hashes))
    assert sum(map(len, found)) < 3 * len(hashes)
    assert not near.groups(len(hashes), found).any()


def test_pairs_come_in_pieces_of_bounded_size() -> None:
    hashes = np.arange(2**12, dtype=np.uint64).repeat(2).reshape(-1, 2)  # each alike to hundreds of others
    found = list(near.pairs(hashes))
    assert len(found) > 4
    assert max(map(len, found)) < 1.1 * near.PAIRS_AT_ONCE
    assert not near.groups(len(hashes), found).any()
