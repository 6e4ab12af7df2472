"""Near-duplicates: copies, re-encodings, resizes and mirror images of one artwork get one group.

Two pictures are near-duplicates when their perceptual hashes (pHash: 64 signs of the lowest frequencies of a 32 x 32 grey
copy; Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions") differ in at most MAX_BITS bits, as
they are or one of them mirrored. Nothing is trained on that shares a group with what is held out; a picture under several
labels is left out altogether, since nobody knows what it shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, combinations

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cartoons import progress
from cartoons.dataset import Dataset, Item, Unreadable
from cartoons.errors import ImageError
from cartoons.images import MAX_BYTES, load
from cartoons.picture_files import why_no_picture

MAX_BITS = 4
HASHED_PX = 256
READERS = 4
PAIRS_AT_ONCE = 1_000_000

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]


def group_near_duplicates(data: Dataset) -> Dataset:
    """Open every picture: the dataset of those that open and have one label; others are its `unreadable` and `conflicts`.

    Near-duplicates have one `group` now, and so have the items that shared one before. Metadata may well give pictures of
    several labels one group (characters cut out of one scene): only pictures that look the same are in conflict.
    """
    with ThreadPoolExecutor(READERS) as pool:
        hashed = pool.map(_hash_file, data.items)
        results = list(progress.track(hashed, "looking through them", "pictures", len(data.items)))
    items = [item for item, result in zip(data.items, results, strict=True) if not isinstance(result, Unreadable)]
    hashes = np.array([result for result in results if not isinstance(result, Unreadable)], dtype=np.uint64)
    similar = group_hashes(hashes.reshape(-1, 2))
    _, named = np.unique([item.group for item in items], return_inverse=True)
    rows = np.arange(len(items))
    first = _connect(np.arange(2 * len(items)), np.tile(rows, 2), np.concatenate([similar, len(items) + named]))
    conflicts = _conflicts(items, similar)
    in_conflict = {item.path for copies in conflicts for item in copies}
    grouped = (replace(item, group=items[k].group) for item, k in zip(items, first[rows], strict=True))
    kept = tuple(item for item in grouped if item.path not in in_conflict)
    unreadable = tuple(each for each in results if isinstance(each, Unreadable))
    return replace(data, items=kept, unreadable=unreadable, conflicts=conflicts)


def perceptual_hash(picture: Image.Image) -> int:
    """The 64-bit pHash of an RGB picture; similar pictures differ in few bits."""
    return int(str(imagehash.phash(picture)), 16)


def group_hashes(hashes: Hashes, max_bits: int = MAX_BITS) -> Indices:
    """For each picture the first picture of its group, (n,): near-duplicates, and their near-duplicates, share one.

    hashes: (n, 2), a picture's hash and that of its mirror image; max_bits: 0 to 62. Equal hashes are compared once, so the
    time depends on the distinct ones.
    """
    values, places = np.unique(hashes, return_inverse=True)
    plain, mirrored = places.reshape(-1, 2).T
    is_plain, is_mirrored = np.zeros((2, len(values)), bool)
    is_plain[plain], is_mirrored[mirrored] = True, True
    first = np.arange(2 * len(values))  # a node per value as a picture's own hash, then one per value as a mirrored hash
    same = np.arange(len(values))
    for a, b in _in_large_pieces(chain([(same, same)], _similar(values, max_bits))):
        both, own, other = is_plain[a] & is_plain[b], is_plain[a] & is_mirrored[b], is_plain[b] & is_mirrored[a]
        first = _connect(
            first,
            np.concatenate([a[both], a[own], b[other]]),
            np.concatenate([b[both], len(values) + b[own], len(values) + a[other]]),
        )
    reached = first[len(values) + mirrored] < len(values)  # mirrored hashes that are similar to some picture's own
    first = _connect(first, plain[reached], len(values) + mirrored[reached])
    _, rows, group = np.unique(first[plain], return_index=True, return_inverse=True)
    return np.asarray(rows[group])


def _conflicts(items: Sequence[Item], similar: Indices) -> tuple[tuple[Item, ...], ...]:
    """The groups of pictures that look the same and have several labels. similar: for each item the first of its group."""
    groups: defaultdict[int, list[Item]] = defaultdict(list)
    for item, first in zip(items, similar.tolist(), strict=True):
        groups[first].append(item)
    return tuple(tuple(copies) for copies in groups.values() if len({item.label for item in copies}) > 1)


def _hash_file(item: Item) -> tuple[int, int] | Unreadable:
    """The hashes of a picture and of its mirror image."""
    try:
        picture = load(item.path)
    except ImageError as error:
        return Unreadable(item, str(error), _short_reason(item, str(error)))
    picture.thumbnail((HASHED_PX, HASHED_PX))
    return perceptual_hash(picture), perceptual_hash(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def _short_reason(item: Item, error: str) -> str:
    """Why a file does not open, in a few words, to be counted."""
    if reason := why_no_picture(item.path):
        return reason
    return "too large" if item.path.stat().st_size > MAX_BYTES or "pixels" in error else "damaged"


def _connect(first: Indices, a: Indices, b: Indices) -> Indices:
    """For each node the first one of its connected component, when the edges from `a` to `b` join those of `first`."""
    nodes = np.arange(len(first))
    edges = np.concatenate([[nodes, first], [a, b]], axis=1)
    graph = coo_array((np.ones(edges.shape[1], bool), edges), shape=(len(nodes), len(nodes)))
    count, component = connected_components(graph, directed=False)
    lowest = np.empty(count, np.int64)
    lowest[component[::-1]] = nodes[::-1]  # the last one that is assigned stays
    return np.asarray(lowest[component])


def _in_large_pieces(pairs: Iterable[tuple[Indices, Indices]]) -> Iterator[Indices]:
    """The same pairs as (2, m), about PAIRS_AT_ONCE at a time: each piece costs a pass over all nodes, and memory."""
    waiting: list[tuple[Indices, Indices]] = []
    count = 0
    for piece in pairs:
        waiting.append(piece)
        count += len(piece[0])
        if count >= PAIRS_AT_ONCE:
            yield np.concatenate(waiting, axis=1)
            waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting, axis=1)


def _similar(values: Hashes, max_bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Indices of distinct values that differ in at most max_bits, each pair once.

    Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing"): of
    max_bits + 2 bands of bits, two such values have at least two bands in common. So the values are sorted by every two
    bands in turn, and only those that agree in both are compared: a million in seconds, all with all would take hours.
    """
    bands = [sum(1 << bit for bit in range(start, 64, max_bits + 2)) for start in range(max_bits + 2)]
    masks = [np.uint64(one | other) for one, other in combinations(bands, 2)]
    for done, mask in enumerate(masks):
        order = np.argsort(values & mask)
        for at, step, differing in _neighbours(values[order], mask):
            close = np.bitwise_count(differing) <= max_bits
            for earlier in masks[:done]:  # what agrees there was found there
                close &= differing & earlier != 0
            if close.any():
                yield order[at[close]], order[at[close] + step]


def _neighbours(ordered: Hashes, mask: np.uint64) -> Iterator[tuple[Indices, int, Hashes]]:
    """Every two values that agree in the mask: indices, how much further the others are, and the bits that differ.

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
