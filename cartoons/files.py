"""Files that a kill at any moment leaves whole: atomic writes, JSON Lines, and a folder's lock."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from cartoons.errors import DataError

HIDDEN = ".scrape"
"""Below a picture folder: what is no picture of it, but belongs to the work on it."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write through a temporary name in the same folder: a reader sees the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def check_writable(out: Path) -> None:
    """Refuse an output folder that cannot be written before minutes are spent."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / ".writable", b"")
        (out / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error}): give another folder with --out.") from error


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a JSON Lines file whole, or not at all."""
    write_atomically(path, b"".join(map(json_line, rows)))


def json_line(row: Mapping[str, object]) -> bytes:
    """A row of a JSON Lines file, in UTF-8; one with characters that UTF-8 has not, or that end lines, all escaped."""
    line = json.dumps(row, ensure_ascii=False)
    return (line if line.isprintable() else json.dumps(row)).encode() + b"\n"


def whole_lines(path: Path) -> list[str]:
    """The lines of a log; what a kill left of a last one is cut off, in the file too. Raises DataError."""
    try:
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            data = data[: data.rfind(b"\n") + 1]
            write_atomically(path, data)
        return data.decode("utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 ({error}): mend it or take it away.") from error


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
