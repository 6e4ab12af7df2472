"""A folder, and a lock, that several processes share, so that one of them can tell whether it is alone."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cartoons.errors import LaunchError

WAIT_MS = 10_000
"""For another process that is just clearing what the lock is for, as it starts or ends."""


def make_folder(path: Path) -> None:
    """Make a folder that its owner alone may look into, unless it is there; whoever ends may just be taking it away.

    Raises OSError, also for what is there and no folder.
    """
    while True:
        try:
            return path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except FileExistsError:
            with suppress(FileNotFoundError):  # gone since mkdir found it
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise


def shared_lock(file: Path, clear: Callable[[], None]) -> sqlite3.Connection | None:
    """The lock of a file, held until the process ends, however it ends; clear: called first where nobody else has it.

    None where who had it last has just taken the file away. Raises OSError, LaunchError.
    """
    lock, before = None, 0
    try:
        file.touch()
        before = file.stat().st_ino
        lock = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        with suppress(sqlite3.OperationalError):  # another process has it
            lock.execute("BEGIN EXCLUSIVE")
            clear()
            lock.execute("COMMIT")
        lock.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        lock.execute("BEGIN")
        lock.execute("SELECT * FROM sqlite_master")
        if file.stat().st_ino == before:
            return lock
    except (FileNotFoundError, sqlite3.Error) as error:
        if file.exists() and file.stat().st_ino == before:
            raise LaunchError(f"{file} cannot be locked ({error}): take it away, or name another folder.") from error
    if lock:
        lock.close()
    return None
