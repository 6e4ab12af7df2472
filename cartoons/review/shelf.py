"""The pictures of a folder, one by one, however few, with what its metadata says of them and which of them were decided."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cartoons.metadata import text
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import file_sha256
from cartoons.picture_folder import LabelledPicture, check_labels, in_words, read_folder
from cartoons.review.decisions import DELETE, KEEP, MOVE, Decision


@dataclass(frozen=True)
class Picture:
    """A picture file of the folder."""

    path: Path
    file_name: str
    """Its path below the root, with slashes."""
    folder: str
    """The label's folder, below the root: "bugs bunny", or "train/bugs bunny"; "" where only its metadata gives a label."""
    label: str
    """As its metadata says, else as that of others in its folder says, else the folder's name."""
    sha256: str
    """As its metadata says, else of the file's bytes, else of its path: names the picture wherever it is moved."""
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
    found, inside = read_folder(root).pictures, root.resolve()
    check_labels(root, {picture.label for picture in found})
    pictures = (_picture(each) for each in found if each.path.resolve().is_relative_to(inside))
    return [picture for picture in pictures if picture is not None]


def not_shown(root: Path) -> list[str]:
    """What of the folder `read` passes over and why, a sentence each. Raises DataError as that does."""
    folder, inside = read_folder(root), root.resolve()
    reasons = Counter(each.reason for each in folder.passed_over)
    outside = sum(not each.path.resolve().is_relative_to(inside) for each in folder.pictures)
    reasons.update({"a link to a picture that is not in the folder": outside} if outside else {})
    return [*folder.warnings(), *([f"Not shown: {in_words(reasons)}."] if reasons else [])]


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


def _picture(found: LabelledPicture) -> Picture | None:
    """One file of a label's folder; None when it was taken away while the folder was being read."""
    row = found.row
    sha256 = text(row.get("sha256")) or file_sha256(found.path)
    if not sha256 and not found.path.exists():
        return None
    return Picture(
        path=found.path,
        file_name=found.file_name,
        folder=found.folder,
        label=found.label,
        sha256=sha256 or hashlib.sha256(os.fsencode(found.file_name)).hexdigest(),
        source=text(row.get("source")) or _host(text(row.get("url"))),
        title=text(row.get("title")),
        group=text(row.get("group")),
    )


def _host(url: str) -> str:
    """The host of an address, "" for what is no address."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
