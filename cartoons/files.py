"""Files that a kill at any moment leaves whole: atomic writes, JSON Lines, and a folder's lock."""

import codecs
import errno
import io
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from cartoons import strict_json
from cartoons.errors import DataError

HIDDEN = ".scrape"
"""Below a picture folder: what is no picture of it, but belongs to the work on it."""

TEMPORARY = re.compile(r"\..+\.\d+-\d+\.tmp", re.DOTALL)
"""What `write_atomically` calls a file until it is whole."""

WRITING_S = 0.02
"""Longer than a line of another process takes to get its end: one that has none after that was cut off by a kill."""

NAME_BYTES = 255
"""What the name of a file may have on most file systems."""

PICTURE_FOLDER = "a folder that holds one folder of pictures per character"


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Name the file in an error that names none, as that of a full disk does."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write through a temporary name in the same folder: a reader sees the old file or the new one, whole.

    sync: also after a power cut.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with named(path), temporary.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def check_folder(path: Path, expected: str = PICTURE_FOLDER) -> None:
    """Raises DataError for what is no folder; expected: what to give instead."""
    if not path.is_dir():
        raise DataError(f"{path} is not a folder: give {expected}.")


def check_apart(folder: Path, other: Path, flag: str) -> None:
    """Raises DataError where one folder is the other, or lies in it, by links too; flag: what gave the first."""
    mine, theirs = real(folder), real(other)
    if mine.is_relative_to(theirs) or theirs.is_relative_to(mine):
        raise DataError(f"{folder} and {other} are one folder, or one is in the other: give {flag} a folder of its own.")


def check_regular(path: Path) -> None:
    """Raises DataError for what is there and no file, such as a pipe or a device, which may never end."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a regular file, and cannot be read: take it away.")


def real(path: Path) -> Path:
    """The path without links, as Path.resolve, but of links that lead round in a circle, too, instead of an error."""
    return Path(os.path.realpath(path))


def is_inside(root: Path, name: str) -> bool:
    """Whether a path that a file of the root gives stays in it: not absolute, without "..", by no link that leads out."""
    path = Path(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        return False
    try:
        return real(root / path).is_relative_to(real(root))
    except (OSError, ValueError):  # a name that no file can have
        return False


def numbered(wanted: str) -> Iterator[str]:
    """A path, and the same with -2, -3..., without end, in the place of the last letters where the name is too long else."""
    path = PurePosixPath(wanted)
    yield wanted
    for number in count(2):
        end = f"-{number}{path.suffix}"
        stem = os.fsencode(path.stem)[: NAME_BYTES - len(os.fsencode(end))].decode(errors="ignore")
        yield path.with_name(stem + end).as_posix()


def check_writable(out: Path, flag: str = "--out") -> None:
    """Raises DataError for an output folder that cannot be written, before minutes are spent; flag: what gave it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / ".writable", b"")
        (out / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error}): give another folder with {flag}.") from error


def read_json_lines(path: Path, *, strict: bool = True) -> Iterator[tuple[int, Any]]:
    """Each row of a JSON Lines file with the number of its line; none when there is no file.

    A last line that is no whole JSON was cut off by a kill, before anybody relied on it: it is passed over. Raises DataError
    for any other, unless not strict: files of earlier versions may have cut-off lines in their middle.
    """
    check_regular(path)
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines, 1):
            row = codecs.getincrementaldecoder("utf-8")().decode(line)  # a cut-off last character is no error
            try:
                yield number, strict_json.loads(row)
            except ValueError as error:
                if strict and row and number < len(lines):
                    raise DataError(
                        f"{path} line {number} is not a row of this program ({error}): mend or remove it."
                    ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read as UTF-8 ({error}): mend it or take it away.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}): mend it or take it away.") from error


def append_json_lines(path: Path, *rows: Mapping[str, object], sync: bool = False) -> None:
    """Append rows after the last whole one; they are with the operating system, or with sync on the disk, on return.

    Raises OSError, with none of them appended, where they cannot all be; for a link as well: it may lead to a file that is
    none of this program's.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "A link is not written to", str(path))
    with named(path), path.open("ab+", buffering=0) as file:
        _end_last_line(file)
        data, written = b"".join(map(_json_line, rows)), 0
        try:
            while written < len(data):
                written += file.write(data[written:])
        except OSError:
            if written:
                file.truncate(file.tell() - written)
            raise
        if sync:
            os.fsync(file.fileno())


def write_json_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a JSON Lines file whole, or not at all."""
    write_atomically(path, b"".join(map(_json_line, rows)))


def _json_line(row: Mapping[str, object]) -> bytes:
    """In UTF-8; a row with characters that UTF-8 has not, or that end lines, all escaped."""
    line = json.dumps(row, ensure_ascii=False)
    return (line if line.isprintable() else json.dumps(row)).encode() + b"\n"


def _end_last_line(file: io.FileIO) -> None:
    """Take away what a kill left of the last line; one that lost only its end gets that.

    What another process is just writing stays: its end comes meanwhile.
    """
    while size := file.seek(0, os.SEEK_END):
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        data = file.read(size)
        start = data.rfind(b"\n") + 1
        time.sleep(WRITING_S)
        if file.seek(0, os.SEEK_END) != size:
            continue
        try:
            strict_json.loads(data[start:])
            file.write(b"\n")
        except ValueError:
            file.truncate(start)
        return


def take_lock(path: Path) -> sqlite3.Connection:
    """A file's lock, held until it is closed or the program ends, however that ends.

    Raises BlockingIOError when somebody else holds it, OSError when it cannot be had at all.
    """
    lock = None
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")  # the one lock of a file that the standard library has for every system
    except sqlite3.Error as error:
        if lock:
            lock.close()
        is_held = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        raise (BlockingIOError if is_held else OSError)(str(error)) from error
    return lock


@contextmanager
def sole_use(root: Path, *, fills_labels: bool = True) -> Iterator[None]:
    """Let nobody else fill or clean the folder meanwhile, and remove the half-written files that a kill left.

    fills_labels: also in the label folders; not where a page may be writing what visitors send meanwhile. It ends with the
    program, however that ends. Raises DataError when somebody else is at it.
    """
    hidden = root / HIDDEN
    if hidden.is_symlink():
        raise DataError(f"{hidden} is a link, and may lead to files of somebody else: take it away.")
    hidden.mkdir(parents=True, exist_ok=True)
    try:
        lock = take_lock(hidden / "lock")
    except OSError as error:
        busy = isinstance(error, BlockingIOError)
        why = "in use by another scrape.py: wait until that is done" if busy else f"not usable ({error}): mend that"
        raise DataError(f"{root} is {why}, or give another folder.") from error
    with closing(lock):
        in_labels = root.glob("*/**/.*.tmp") if fills_labels else ()
        for left in [*root.glob(".*.tmp"), *hidden.rglob(".*.tmp"), *in_labels]:
            if TEMPORARY.fullmatch(left.name):
                left.unlink(missing_ok=True)
        yield
