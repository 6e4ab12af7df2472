"""Pictures of one artwork, found again: copies, re-encodings, resizes and mirror images get one group.

Two pictures are alike when their perceptual hashes (pHash: 64 signs of the lowest frequencies of a 32 x 32 grey copy; Zauner
2010, "Implementation and Benchmarking of Perceptual Image Hash Functions") differ in at most ALIKE_BITS bits, as they are or
one of them mirrored. Groups decide what may be trained on while something else is measured.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons import near
from cartoons.dataset import Item
from cartoons.errors import ImageError
from cartoons.images import MAX_BYTES, load
from cartoons.picture_files import PICTURE, content_of, why_no_picture

ALIKE_BITS = 4
HASHED_PX = 256
READERS = 4


@dataclass(frozen=True)
class Looked:
    """A picture folder after every picture was opened once."""

    items: list[Item]
    """Those that open, with their groups completed."""
    bad: list[tuple[Path, str]]
    """Those that do not, and why."""


def look_through(given: Iterable[Item]) -> Looked:
    """Open every picture, list those that are broken, and group those that are alike."""
    items = list(given)
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(_hashes, items))
    good = [(item, hashes) for item, hashes in zip(items, found, strict=True) if not isinstance(hashes, str)]
    bad = [(item.path, why) for item, why in zip(items, found, strict=True) if isinstance(why, str)]
    kept = [item for item, _ in good]
    groups = group(kept, np.array([hashes for _, hashes in good], dtype=np.uint64).reshape(-1, 2))
    return Looked([replace(item, group=name) for item, name in zip(kept, groups, strict=True)], bad)


def kind_of_fault(path: Path, why: str) -> str:
    """In a few words, to be counted, why a file does not open. why: the whole sentence."""
    content = content_of(path)
    if content != PICTURE:
        return why_no_picture(content)
    return "too large" if path.stat().st_size > MAX_BYTES or "pixels" in why else "damaged"


def alike(items: Sequence[Item]) -> int:
    """How many pictures share an artwork with another."""
    counts = Counter(item.group for item in items)
    return sum(count for count in counts.values() if count > 1)


def perceptual_hash(picture: Image.Image) -> int:
    """The 64-bit pHash of an RGB picture; alike pictures differ in few bits."""
    return int(str(imagehash.phash(picture)), 16)


def group(items: Sequence[Item], hashes: NDArray[np.uint64]) -> list[str]:
    """A name per item, the same for items of one artwork: those with one `group` in the metadata, and those that are alike.

    hashes: (items, 2), each picture's pHash and that of its mirror image.
    """
    parent = list(range(len(items)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    first: dict[str, int] = {}
    for k, item in enumerate(items):
        parent[root(k)] = root(first.setdefault(item.group, k))
    for a, b in alike_pairs(hashes):
        parent[root(max(a, b))] = root(min(a, b))
    return [items[root(k)].group for k in range(len(items))]


def alike_pairs(hashes: NDArray[np.uint64], most_bits: int = ALIKE_BITS) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are alike, as they are or mirrored: (earlier, later), some twice.

    Of rows with one hash, all are paired with the first and only that with others: enough to group them.
    """
    for found in near.pairs(hashes, most_bits):
        yield from ((a, b) for a, b in found.tolist())


def _hashes(item: Item) -> tuple[int, int] | str:
    """The two hashes of a picture, or why it does not open."""
    try:
        picture = load(item.path)
    except ImageError as error:
        return str(error)
    picture.thumbnail((HASHED_PX, HASHED_PX))
    return perceptual_hash(picture), perceptual_hash(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
