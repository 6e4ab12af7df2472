"""The picture folder: a folder of pictures per label, and what `metadata.jsonl` says about where each came from.

<root>/<label>/<name>.jpg                  "_other" holds pictures of none of the characters
<root>/train/<label>/..., <root>/valid/... the same, split by whoever made it
<root>/metadata.jsonl                      optional; a JSON object per line: file_name, source, group, character, style
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cartoons.bundle import OTHER_LABEL, write_atomically
from cartoons.errors import DataError

METADATA_FILE = "metadata.jsonl"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
FEWEST_PER_LABEL = 5
TRAIN, VALID = "train", "valid"
HIDDEN = ".scrape"
"""What scraping and reviewing keep beside the pictures, out of sight of training."""


@dataclass(frozen=True)
class Item:
    """One picture of the folder. Fields without metadata: source "", character as the label, group a hash of the file."""

    path: Path
    label: str
    source: str
    group: str
    character: str
    is_photo: bool
    part: str = ""
    """"train" or "valid" in a folder that is split so, else ""."""


def read(root: Path) -> list[Item]:
    """Every picture below the label folders, sorted by path. Raises DataError when nothing could be trained on it."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give a folder that holds one folder of pictures per character.")
    rows = read_metadata(root / METADATA_FILE)
    labels = labels_of_folders(rows)
    items = [
        _item(
            path,
            rows.get(path.relative_to(root).as_posix(), {}),
            _label(root, folder, labels),
            top.name if top != root else "",
        )
        for top in tops_of(root)
        for folder in sorted(top.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in sorted(folder.rglob("*"))
        if is_picture(path)
    ]
    check(root, items)
    return items


def is_picture(path: Path) -> bool:
    """Whether a file of a label's folder counts as a picture, by its name alone."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def tops_of(root: Path) -> list[Path]:
    """Where the label folders are: in `train/` and `valid/` if those are all there is besides `test/`, which is left alone,
    else in the root itself."""
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return [root / TRAIN, root / VALID] if folders - {"test"} == {TRAIN, VALID} else [root]


def check(root: Path, items: Sequence[Item]) -> None:
    """Refuse before any training what could only end in a useless model."""
    counts = Counter(item.label for item in items)
    if not items:
        raise DataError(f"{root} holds no pictures: put the pictures of each character into a folder of its name.")
    for label in counts:
        if not label.isprintable() or label.encode("utf-8", "replace").decode() != label:
            raise DataError(f"The folder name {label!r} in {root} cannot be written down as text: rename it.")
    if len(counts) < 2:
        raise DataError(f"{root} holds one label only ({next(iter(counts))}): a classifier needs at least two folders.")
    if few := sorted(label for label, count in counts.items() if count < FEWEST_PER_LABEL):
        spoken = ", ".join(f"{label} ({counts[label]})" for label in few)
        raise DataError(f"Too few pictures in {root}: {spoken}; each label needs at least {FEWEST_PER_LABEL}.")


def labels_of(items: Sequence[Item]) -> tuple[str, ...]:
    """The labels in the model's order: the characters alphabetically, then `_other` if it is there."""
    found = {item.label for item in items}
    return tuple(sorted(found - {OTHER_LABEL})) + ((OTHER_LABEL,) if OTHER_LABEL in found else ())


def content_hash(items: Sequence[Item]) -> str:
    """sha256 over each picture's label and bytes, in an order of its own: names this data set exactly."""
    lines = sorted(f"{item.label}\t{hashlib.sha256(item.path.read_bytes()).hexdigest()}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_metadata(path: Path) -> dict[str, dict[str, str]]:
    """metadata.jsonl by file_name; no file is no metadata, a broken line is a DataError that says which."""
    if not path.exists():
        return {}
    rows = {}
    try:
        lines = path.read_text(encoding="utf-8").strip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 ({error}): mend it or take it away.") from error
    for number, line in enumerate(lines if lines != [""] else [], 1):
        try:
            row = json.loads(line)
            rows[row["file_name"]] = row
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} line {number} is not a JSON object with a file_name ({error}): mend it.") from error
    return rows


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a JSON Lines file whole, or not at all."""
    write_atomically(path, b"".join(map(json_line, rows)))


def json_line(row: Mapping[str, object]) -> bytes:
    """A row of a JSON Lines file, in UTF-8; one with characters that UTF-8 has not, or that end lines, all escaped."""
    text = json.dumps(row, ensure_ascii=False)
    return (text if text.isprintable() else json.dumps(row)).encode() + b"\n"


def labels_of_folders(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The label of each folder that the metadata knows, by the folder's path below the root: what is put there is of it."""
    found: dict[str, str] = {}
    for file_name, row in rows.items():
        for parent in PurePosixPath(file_name).parents:
            if label := row.get("label"):
                found.setdefault(parent.as_posix(), str(label))
    return found


@contextmanager
def sole_use(root: Path) -> Iterator[None]:
    """Let nobody else fill or clean the folder meanwhile, and remove the half-written files that a kill left.

    It ends with the program, however that ends. Raises DataError when somebody else is at it.
    """
    hidden = root / HIDDEN
    hidden.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(hidden / "lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")  # the one lock of a file that the standard library has for every system
        except sqlite3.Error as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            why = "in use by another scrape.py: wait until that is done" if busy else f"not usable ({error}): mend that"
            raise DataError(f"{root} is {why}, or give another folder.") from error
        for left in [*root.glob(".*.tmp"), *hidden.rglob(".*.tmp")]:
            left.unlink(missing_ok=True)
        yield


def _digest(path: Path) -> str:
    """sha256 of a file; of one that cannot be read, its path: opening it will say why."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(path)


def _label(root: Path, folder: Path, labels: Mapping[str, str]) -> str:
    return labels.get(folder.relative_to(root).as_posix(), folder.name)


def _item(path: Path, row: dict[str, str], folder_label: str, part: str) -> Item:
    label = str(row.get("label") or "") or folder_label
    kind = f"{row.get('character', '')} {row.get('style', '')}"
    return Item(
        path=path,
        label=label,
        source=str(row.get("source") or ""),
        group=str(row.get("group") or "") or _digest(path),
        character=str(row.get("character") or "") or label,
        is_photo="photo" in kind.lower(),
        part=part,
    )
