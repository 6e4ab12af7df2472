"""The files below a folder, links followed, and which of them may be pictures: their first bytes say so, not their names."""

import codecs
import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cartoons.errors import DataError
from cartoons.files import HIDDEN

Parts = tuple[str, ...]
"""A path below the folder, one name after the other."""

PICTURE, OTHER_FORMAT = "a picture", "a picture in a format that is not read"
UNREADABLE = "a file that cannot be read"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
"""A file that is called so is opened whatever its first bytes say, so that one that is damaged is named."""

METADATA_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""What describes the pictures of its folder, as `datasets`' imagefolder has it."""

READ_ALREADY = "a link to a picture that was read already"
OWN_FILES = {*METADATA_FILES, "attempts.jsonl", "decisions.jsonl", "README.md", "report.html", "urls.parquet"}
"""What scraping and reviewing write into the folder itself: it is no picture that somebody misses."""

SYSTEM_NAMES = {
    "__macosx",
    "@eadir",
    "@__thumb",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
}
"""What operating systems and network drives leave among people's files, in small letters."""

HEAD_BYTES, READ_BYTES = 512, 2**20
CONTENTS = [
    (
        PICTURE,
        rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}|II[*+]\0|MM\0[*+]"
        rb"|....ftyp(?:avi[fs]|hei[cfmsx]|hev[cx]|mi[fa]1|msf1)",
    ),
    (OTHER_FORMAT, rb"8BPS|\0\0\x01\0|\0\0\0\x0c(?:jP  |JXL )|\xff\x0a|\xff\x4f\xff\x51|DDS |qoif"),
    ("a video", rb"....ftyp|....moov|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xb3\xba]|OggS"),
    ("a PDF", rb"%PDF"),
    ("an archive", rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"),
    ("a web page", rb"(?i:\xef\xbb\xbf)?\s*<(?i:!doctype html|html|head|body)"),
    ("an SVG drawing", rb"(?:\xef\xbb\xbf)?\s*<(?i:svg|\?xml.*?<svg|!doctype svg)"),
]
"""How the first bytes of files begin, by what they are; anything else is text or unknown."""

_CONTENTS = [(what, re.compile(begins, re.DOTALL)) for what, begins in CONTENTS]


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not used, and why, in words that follow "passed over: 3 "."""

    parts: Parts
    reason: str


@dataclass(frozen=True)
class File:
    """A file that may be a picture."""

    parts: Parts
    real: str
    """Where it lies when every link is followed: two paths with one `real` are one file."""
    is_linked: bool
    """Whether a link led to it."""


@dataclass
class Walk:
    """Everything below a folder, each list sorted by path."""

    files: list[File] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    metadata: list[Parts] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name was not put there by a person to be seen."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def is_picture(path: Path) -> bool:
    """Whether a file counts as a picture until it is opened: by its first bytes, or by its name if those are damaged."""
    return not is_hidden(path.name) and _is_file(path) and (_is_called_so(path) or content_of(path) == PICTURE)


def content_of(path: Path) -> str:
    """What the first bytes of a file show: PICTURE, or in words what else it is."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return UNREADABLE
    if not head:
        return "an empty file"
    for what, begins in _CONTENTS:
        if begins.match(head):
            return what
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # incremental: the last character may be cut
    except UnicodeDecodeError:
        return "a file of an unknown kind"
    return "a file of an unknown kind" if b"\x00" in head else "text"


def why_no_picture(content: str) -> str:
    """Why a file of this content, as `content_of` has it, is passed over."""
    return content if content in (UNREADABLE, OTHER_FORMAT) else f"not a picture but {content}"


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, "" for one that cannot be read: opening it will say why."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while some := file.read(READ_BYTES):
                digest.update(some)
    except OSError:
        return ""
    return digest.hexdigest()


def walk(root: Path) -> Walk:
    """Every file below the root that may be a picture, links to files and folders followed, and what is passed over.

    No folder is entered from within itself, however links lead. Raises DataError when the root itself cannot be read.
    """
    found = Walk()
    top = os.path.realpath(root)
    waiting: list[tuple[Parts, tuple[str, ...], bool]] = [((), (top,), False)]
    entered: set[tuple[Parts, str]] = set()
    while waiting:
        parts, above, is_linked = waiting.pop()
        try:
            entries = sorted(os.scandir(root.joinpath(*parts)), key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise DataError(f"{root} cannot be read ({error.strerror}): mend that, or give another folder.") from error
            found.passed_over.append(PassedOver(parts, "a folder that cannot be read"))
            continue
        for entry in entries:
            mine = (*parts, entry.name)
            if is_hidden(entry.name):
                if mine != (HIDDEN,):
                    found.passed_over.append(PassedOver(mine, "hidden"))
                continue
            through = is_linked or entry.is_symlink()
            real = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(above[-1], entry.name)  # noqa: PTH118
            if not _is_folder(entry):
                _sort_in(found, root, File(mine, real, through))
            elif real in above or (through and (mine[:2], real) in entered):
                found.passed_over.append(PassedOver(mine, "a link to a folder that was read already"))
            else:
                entered.add((mine[:2], real))
                found.folders.append(mine)
                waiting.append((mine, (*above, real), through))
    return Walk(
        sorted(found.files, key=lambda file: file.parts),
        sorted(found.folders),
        sorted(found.metadata),
        sorted(found.passed_over, key=lambda each: each.parts),
    )


def pictures_below(root: Path) -> tuple[list[Path], list[PassedOver]]:
    """Every file below the root that may be a picture, at any depth, sorted by path, each real file once; and what else is
    there, with why it is passed over.
    """
    found = walk(root)
    first: dict[str, File] = {}
    for file in sorted(found.files, key=lambda file: file.is_linked):  # of a file and a link to it, the file counts
        first.setdefault(file.real, file)
    once = {file.parts for file in first.values()}
    again = [PassedOver(file.parts, READ_ALREADY) for file in found.files if file.parts not in once]
    return [root.joinpath(*file.parts) for file in found.files if file.parts in once], found.passed_over + again


def _is_called_so(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its folder may be listed but not entered
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _sort_in(found: Walk, root: Path, file: File) -> None:
    """Put a file where it belongs."""
    path, name = root.joinpath(*file.parts), file.parts[-1]
    if not _is_file(path):
        reason = "a link that leads nowhere" if path.is_symlink() else "not a regular file"
        found.passed_over.append(PassedOver(file.parts, reason))
    elif name in METADATA_FILES:
        found.metadata.append(file.parts)
    elif _is_called_so(path) or (content := content_of(path)) == PICTURE:
        found.files.append(file)
    elif file.parts[1:] or name not in OWN_FILES:
        found.passed_over.append(PassedOver(file.parts, why_no_picture(content)))
