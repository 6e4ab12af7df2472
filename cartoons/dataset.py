"""The picture folder: a folder of pictures per label, and what `metadata.jsonl` says about where each came from.

<root>/<label>/<name>.jpg        "_other" holds pictures of none of the characters
<root>/metadata.jsonl            optional; a JSON object per line: file_name, source, group, character, style
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cartoons.bundle import OTHER_LABEL
from cartoons.errors import DataError

METADATA_FILE = "metadata.jsonl"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
FEWEST_PER_LABEL = 5
FOLDS_WITHOUT_SOURCES = 5


@dataclass(frozen=True)
class Item:
    """One picture of the folder. Fields without metadata: source "", character as the label, group a hash of the file."""

    path: Path
    label: str
    source: str
    group: str
    character: str
    is_photo: bool


@dataclass(frozen=True)
class Fold:
    """One round of a cross-validation: train on everything but `held_out` (indices into the items)."""

    name: str
    held_out: frozenset[int]


def read(root: Path) -> list[Item]:
    """Every picture below the label folders, sorted by path. Raises DataError when nothing could be trained on it."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give a folder that holds one folder of pictures per character.")
    rows = _metadata(root / METADATA_FILE)
    items = [
        _item(path, root, rows.get(path.relative_to(root).as_posix(), {}))
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    _check(root, items)
    return items


def labels_of(items: Sequence[Item]) -> tuple[str, ...]:
    """The labels in the model's order: the characters alphabetically, then `_other` if it is there."""
    found = {item.label for item in items}
    return tuple(sorted(found - {OTHER_LABEL})) + ((OTHER_LABEL,) if OTHER_LABEL in found else ())


def content_hash(items: Sequence[Item]) -> str:
    """sha256 over each picture's label and bytes, in an order of its own: names this data set exactly."""
    lines = sorted(f"{item.label}\t{hashlib.sha256(item.path.read_bytes()).hexdigest()}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def folds_by_source(items: Sequence[Item]) -> Iterator[Fold]:
    """Leave one source out: a fold per source that holds a character; without sources, five folds of whole groups."""
    if any(item.source for item in items):
        for source in sorted({item.source for item in items if item.label != OTHER_LABEL}):
            yield Fold(source, frozenset(i for i, item in enumerate(items) if item.source == source))
        return
    characters = [i for i, item in enumerate(items) if item.label != OTHER_LABEL]
    yield from _spread("group", [(items[i].group, i) for i in characters], FOLDS_WITHOUT_SOURCES)


def folds_of_others(items: Sequence[Item]) -> Iterator[Fold]:
    """Folds over `_other`: cartoons by whole characters, so that each is judged by a model that never saw it; photographs
    by picture."""
    others = [(i, item) for i, item in enumerate(items) if item.label == OTHER_LABEL]
    cartoons = [(item.character, i) for i, item in others if not item.is_photo]
    photos = [(item.group, i) for i, item in others if item.is_photo]
    by_count = _spread("others", cartoons, FOLDS_WITHOUT_SOURCES)
    for fold, photo_fold in _zip_longest(by_count, _spread("photos", photos, FOLDS_WITHOUT_SOURCES)):
        yield Fold(fold.name, fold.held_out | photo_fold.held_out)


def _zip_longest(first: Iterator[Fold], second: Iterator[Fold]) -> Iterator[tuple[Fold, Fold]]:
    ones, twos, nothing = list(first), list(second), Fold("others", frozenset())
    for k in range(max(len(ones), len(twos))):
        yield (ones[k] if k < len(ones) else nothing, twos[k] if k < len(twos) else nothing)


def _spread(name: str, keyed: Sequence[tuple[str, int]], count: int) -> Iterator[Fold]:
    """At most `count` folds of about equal size that never cut a key in two: the largest key first, to the emptiest fold."""
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    for key, index in keyed:
        by_key[key].append(index)
    bins: list[list[int]] = [[] for _ in range(min(count, len(by_key)))]
    for _, members in sorted(by_key.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        min(bins, key=len).extend(members)
    for k, members in enumerate(bins, 1):
        yield Fold(f"{name} {k}", frozenset(members))


def _metadata(path: Path) -> dict[str, dict[str, str]]:
    """metadata.jsonl by file_name; no file is no metadata, a broken line is a DataError that says which."""
    if not path.exists():
        return {}
    rows = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            rows[row["file_name"]] = row
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} line {number} is not a JSON object with a file_name ({error}): mend it.") from error
    return rows


def _item(path: Path, root: Path, row: dict[str, str]) -> Item:
    label = path.relative_to(root).parts[0]
    kind = f"{row.get('character', '')} {row.get('style', '')}"
    return Item(
        path=path,
        label=label,
        source=row.get("source") or "",
        group=row.get("group") or hashlib.sha256(path.read_bytes()).hexdigest(),
        character=row.get("character") or label,
        is_photo="photo" in kind.lower(),
    )


def _check(root: Path, items: Sequence[Item]) -> None:
    """Refuse before any training what could only end in a useless model."""
    counts = Counter(item.label for item in items)
    if not items:
        raise DataError(f"{root} holds no pictures: put the pictures of each character into a folder of its name.")
    if len(counts) < 2:
        raise DataError(f"{root} holds one label only ({next(iter(counts))}): a classifier needs at least two folders.")
    if few := sorted(label for label, count in counts.items() if count < FEWEST_PER_LABEL):
        spoken = ", ".join(f"{label} ({counts[label]})" for label in few)
        raise DataError(f"Too few pictures in {root}: {spoken}; each label needs at least {FEWEST_PER_LABEL}.")
