"""Alike perceptual hashes among very many, without comparing all with all.

Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing"): of k + 2
bands of bits, two hashes that differ in at most k bits have at least two in common. So the hashes are sorted by every two
bands in turn, and only those that agree in both are compared.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 4
PAIRS_AT_ONCE = 1_000_000

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


def pairs(hashes: Hashes, most_bits: int = MOST_BITS) -> Iterator[Rows]:
    """Pairs of rows that are alike: (m, 2) at a time, the earlier row first, some twice.

    hashes: (n, 2), a picture's hash and that of its mirror image. Rows are alike when their hashes, or the hash of one and
    the mirrored hash of the other, differ in at most most_bits (0 to 62). Of rows with one hash, all are paired with the
    first of them and only that with others, so every pair is either given or follows by way of such a first.
    """
    values, places = np.unique(hashes, return_inverse=True)
    plain, mirrored = places.reshape(-1, 2).T
    first, first_mirrored = _first(plain, len(values)), _first(mirrored, len(values))
    alike_to_mirrored = first.copy()
    for a, b in _gathered(_close(values, most_bits)):
        yield _tidy(first[a], first[b])
        for one, other in ((a, b), (b, a)):
            yield _tidy(first[one], first_mirrored[other])
            new = (first[one] >= 0) & (alike_to_mirrored[other] < 0)
            alike_to_mirrored[other[new]] = first[one[new]]
    rows = np.arange(len(hashes))
    yield _tidy(first[plain], rows)
    yield _tidy(alike_to_mirrored[mirrored], rows)


def groups(rows: int, found: Iterable[Rows]) -> Rows:
    """For each of so many rows the first row of its group, when the rows of every pair, and so on, are of one group."""
    first = np.arange(rows)
    for some in found:
        while True:
            low, high = np.sort(first[some], axis=1).T
            apart = low != high
            if not apart.any():
                break
            np.minimum.at(first, high[apart], low[apart])
            while (first[first] != first).any():
                first = first[first]
    return first


def _first(places: Rows, values: int) -> Rows:
    """The first row at each of the places, -1 where there is none."""
    first = np.full(values, -1)
    first[places[::-1]] = np.arange(len(places))[::-1]
    return first


def _tidy(a: Rows, b: Rows) -> Rows:
    """(m, 2), earlier rows first, without rows paired with themselves or with none (-1)."""
    real = (a >= 0) & (b >= 0) & (a != b)
    return np.sort(np.stack([a[real], b[real]], axis=1), axis=1)


def _gathered(pieces: Iterable[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
    """The same pairs in fewer pieces, of at least PAIRS_AT_ONCE but for the last."""
    waiting: list[tuple[Rows, Rows]] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece[0])
        if count >= PAIRS_AT_ONCE:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pieces: Iterable[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    a, b = zip(*pieces, strict=True)
    return np.concatenate(a), np.concatenate(b)


def _close(values: Hashes, most_bits: int) -> Iterator[tuple[Rows, Rows]]:
    """Places of distinct values that differ in at most most_bits, each pair once."""
    masks = _masks(most_bits)
    for done, mask in enumerate(masks):
        order = np.argsort(values & mask)
        for at, step, differing in _neighbours(values[order], mask):
            close = np.bitwise_count(differing) <= most_bits
            for earlier in masks[:done]:  # what agrees there was found there
                close &= differing & earlier != 0
            if close.any():
                yield order[at[close]], order[at[close] + step]


def _neighbours(ordered: Hashes, mask: np.uint64) -> Iterator[tuple[Rows, int, Hashes]]:
    """Every two values that agree in the mask: places, how much further the others are, and the bits that differ.

    One distance at a time, so it never holds more than a few times the values, however many agree.
    """
    at = np.arange(len(ordered))
    step = 0
    while len(at):
        step += 1
        at = at[: np.searchsorted(at, len(ordered) - step)]
        differing = ordered[at] ^ ordered[at + step]
        agree = differing & mask == 0
        at, differing = at[agree], differing[agree]
        yield at, step, differing


def _masks(most_bits: int) -> list[np.uint64]:
    """The bits of every two of most_bits + 2 bands. A band takes bits from everywhere: neighbours say much the same."""
    bands = [sum(1 << bit for bit in range(start, 64, most_bits + 2)) for start in range(most_bits + 2)]
    return [np.uint64(one | other) for one, other in combinations(bands, 2)]
