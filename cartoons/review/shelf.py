"""The pictures of a folder, one by one, however few, with what its metadata says of them and which of them were decided."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cartoons.bundle import OTHER_LABEL
from cartoons.dataset import METADATA_FILE, is_picture, labels_of_folders, read_metadata, tops_of
from cartoons.errors import DataError
from cartoons.review.decisions import DELETE, KEEP, MOVE, Decision


@dataclass(frozen=True)
class Picture:
    """A picture file of the folder."""

    path: Path
    file_name: str
    """Its path below the root, with slashes."""
    folder: str
    """The label's folder, below the root: "bugs bunny", or "train/bugs bunny"."""
    label: str
    """As its metadata says, else as that of others in its folder says, else the folder's name."""
    sha256: str
    """As its metadata says, else of the file's bytes: names the picture wherever it is moved."""
    source: str
    """Where it is from: a host or another name; "" where unknown."""
    title: str
    group: str
    """Pictures of one artwork have one group; "" where unknown."""

    @property
    def top(self) -> str:
        """What is before the label's folder: "train/" or "valid/" in a folder that is split so, else ""."""
        return self.folder[: self.folder.rfind("/") + 1]


def read(root: Path) -> list[Picture]:
    """Every picture below the label folders, sorted by path; files that lead out of the root are left out.

    Raises DataError where the root is no folder, its metadata is broken, or a label cannot be written down.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give a folder that holds one folder of pictures per character.")
    rows: Mapping[str, Mapping[str, Any]] = read_metadata(root / METADATA_FILE)
    labels = labels_of_folders(rows)
    found, inside = [], root.resolve()
    for folder in [folder for top in tops_of(root) for folder in sorted(top.iterdir()) if folder.is_dir()]:
        if folder.name.startswith("."):
            continue
        for path in sorted(folder.rglob("*")):
            if is_picture(path) and path.resolve().is_relative_to(inside):
                found.append(_picture(root, folder, path, rows, labels))
    pictures = [picture for picture in found if picture is not None]
    for label in labels_of(pictures):
        if not label.isprintable() or label.encode("utf-8", "replace").decode() != label:
            raise DataError(f"The label {label!r} in {root} cannot be written down as text: rename its folder.")
    return pictures


def labels_of(pictures: Iterable[Picture], more: Iterable[str] = ()) -> list[str]:
    """Every label, and more of them, once: the characters alphabetically, then `_other` if it is there."""
    return sorted({*more, *(picture.label for picture in pictures)}, key=lambda label: (label == OTHER_LABEL, label))


def word_on(picture: Picture, said: Mapping[str, Decision]) -> Decision | None:
    """The decision that counts for this file: a copy elsewhere in the folder is not deleted or moved with it."""
    word = said.get(picture.sha256)
    if word is None or word.action == KEEP or word.file_name == picture.file_name:
        return word
    return word if word.action == MOVE and word.to == picture.label else None  # moved here, and that is done


def waits(picture: Picture, word: Decision | None) -> bool:
    """Whether applying that decision would do something to the picture."""
    return word is not None and (word.action == DELETE or (word.action == MOVE and word.to != picture.label))


def _picture(
    root: Path, folder: Path, path: Path, rows: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]
) -> Picture | None:
    """One file of a label's folder; None when it was taken away while the folder was being read."""
    file_name, below = path.relative_to(root).as_posix(), folder.relative_to(root).as_posix()
    row = rows.get(file_name, {})
    try:
        sha256 = str(row.get("sha256") or hashlib.sha256(path.read_bytes()).hexdigest())
    except FileNotFoundError:
        return None
    return Picture(
        path=path,
        file_name=file_name,
        folder=below,
        label=str(row.get("label") or labels.get(below) or folder.name),
        sha256=sha256,
        source=str(row.get("source") or urlsplit(str(row.get("url") or "")).hostname or ""),
        title=str(row.get("title") or ""),
        group=str(row.get("group") or ""),
    )
