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

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
"""A file of such a name is opened whatever its first bytes say, so that one that is damaged is named."""

METADATA_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""What describes the pictures of its folder, as `datasets`' imagefolder has it."""

ATTEMPTS_FILE = "attempts.jsonl"
"""What scraping writes of each address that it tried."""

OWN_FILES = {*METADATA_FILES, ATTEMPTS_FILE, "decisions.jsonl", "README.md", "report.html", "urls.parquet"}
"""What scraping and reviewing write into the folder itself: it is no picture that somebody misses."""

SYSTEM_NAMES = re.compile(
    r"__macosx|@eadir|@__thumb|#recycle|\$recycle\.bin|system volume information|lost\+found"
    r"|(eh)?thumbs\.db|desktop\.ini|icon\r",
    re.IGNORECASE,
)
"""What operating systems and network drives leave among people's files."""

READ_ALREADY = "a link to a picture that was read already"
UNREADABLE = "a file that cannot be read"
HEAD_BYTES, READ_BYTES = 512, 2**20
SIGNATURES = {
    "": rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}|II[*+]\0|MM\0[*+]"
    rb"|....ftyp(?:avi[fs]|hei[cfmsx]|hev[cx]|mi[fa]1|msf1)",
    "a picture in a format that is not read": rb"8BPS|\0\0[\1\2]\0|\0\0\0\x0c(?:jP  |JXL )|\xff\x0a|\xff\x4f\xff\x51"
    rb"|DDS |qoif|P[1-6]\s+[\d#]|P7\s|gimp xcf|....ftypcrx |II\xbc|IIRO|IIRS|IIU\0",
    "not a picture but a video": rb"....ftyp|....moov|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xb3\xba]|OggS",
    "not a picture but a PDF": rb"%PDF",
    "not a picture but an archive": rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ",
    "not a picture but a web page": rb"(?i:\xef\xbb\xbf)?\s*<(?i:!doctype html|html|head|body)",
    "not a picture but an SVG drawing": rb"(?:\xef\xbb\xbf)?\s*<(?i:svg|[?!].*?<svg|!doctype svg)",
}
"""How files begin, by why they are passed over ("" for pictures); anything else is text or unknown."""


@dataclass(frozen=True, order=True)
class PassedOver:
    """A file or folder that is not used, and why, in words that follow "passed over: 3 "."""

    parts: Parts
    reason: str


@dataclass(frozen=True, order=True)
class File:
    """A file that may be a picture."""

    parts: Parts
    real: str
    """Where it lies when every link is followed: two paths with one `real` are one file."""
    is_linked: bool
    """Whether a link led to it."""


@dataclass(frozen=True)
class Walk:
    """Everything below a folder, each list sorted by path."""

    files: list[File] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    metadata: list[Parts] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name was not put there by a person to be seen."""
    return name.startswith(".") or SYSTEM_NAMES.fullmatch(name) is not None


def is_picture(path: Path) -> bool:
    """Whether a file counts as a picture until it is opened: by its first bytes, or by its name if those are damaged."""
    return not is_hidden(path.name) and _is_file(path) and (path.suffix.lower() in SUFFIXES or not why_no_picture(path))


def why_no_picture(path: Path) -> str:
    """Why a file is passed over, by its first bytes; "" for a picture."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return UNREADABLE
    if not head:
        return "not a picture but an empty file"
    for reason, signature in SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return reason
    try:
        is_text = "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        is_text = False
    return "not a picture but text" if is_text else "not a picture but a file of an unknown kind"


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, "" for one that cannot be read: opening it will say why."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(READ_BYTES):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def walk(root: Path) -> Walk:
    """Every file below the root that may be a picture, links to files and folders followed, and what is passed over.

    No folder is entered from within itself, however links lead. Raises DataError when the root itself cannot be read.
    """
    below = Walk()
    waiting: list[tuple[Parts, tuple[str, ...], bool]] = [((), (os.path.realpath(root),), False)]
    entered: set[tuple[Parts, str]] = set()
    while waiting:
        folder, above, is_linked = waiting.pop()
        try:
            entries = sorted(os.scandir(root.joinpath(*folder)), key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise DataError(f"{root} cannot be read ({error.strerror}): mend that, or give another folder.") from error
            below.passed_over.append(PassedOver(folder, "a folder that cannot be read"))
            continue
        for entry in entries:
            parts = (*folder, entry.name)
            through_link = is_linked or entry.is_symlink()
            real = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(above[-1], entry.name)  # noqa: PTH118
            if parts == (HIDDEN,):
                continue
            if is_hidden(entry.name):
                below.passed_over.append(PassedOver(parts, "hidden"))
            elif not _is_folder(entry):
                _add_file(below, root, File(parts, real, through_link))
            elif real in above or (through_link and (parts[:2], real) in entered):
                below.passed_over.append(PassedOver(parts, "a link to a folder that was read already"))
            else:
                entered.add((parts[:2], real))
                below.folders.append(parts)
                waiting.append((parts, (*above, real), through_link))
    return Walk(sorted(below.files), sorted(below.folders), sorted(below.metadata), sorted(below.passed_over))


def pictures_below(root: Path) -> tuple[list[Path], list[PassedOver]]:
    """Every file below the root that may be a picture, at any depth, sorted by path, each real file once; and what else is
    there, with why it is passed over."""
    below = walk(root)
    first: dict[str, File] = {}
    for file in sorted(below.files, key=lambda file: file.is_linked):  # of a file and a link to it, the file counts
        first.setdefault(file.real, file)
    again = [PassedOver(file.parts, READ_ALREADY) for file in below.files if first[file.real] != file]
    return [root.joinpath(*file.parts) for file in sorted(first.values())], below.passed_over + again


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


def _add_file(below: Walk, root: Path, file: File) -> None:
    path, name = root.joinpath(*file.parts), file.parts[-1]
    if not _is_file(path):
        reason = "a link that leads nowhere" if path.is_symlink() else "not a regular file"
        below.passed_over.append(PassedOver(file.parts, reason))
    elif name in METADATA_FILES:
        below.metadata.append(file.parts)
    elif path.suffix.lower() in SUFFIXES or not (reason := why_no_picture(path)):
        below.files.append(file)
    elif file.parts[1:] or name not in OWN_FILES:
        below.passed_over.append(PassedOver(file.parts, reason))
