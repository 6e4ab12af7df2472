"""A reference count for each upload, which every process that shares the upload folder reads and changes."""

import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

KEPT = "kept-"
"""How the name of a file begins that is no answer waited for."""


class References:
    """How many answers each upload still waits for: a count that processes share, as one empty file per answer.

    The files of an upload lie in a folder of their own, which only who takes the last of them out can remove. Their names
    begin with the upload's version: Gradio puts the same picture, uploaded again, in place of the file that is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, upload: Path) -> int:
        """How many answers it waits for."""
        return len(self._names(upload))

    def keep(self, upload: Path, holder: str) -> None:
        """Let no answer be the last, until `let_go` with the same holder, and mark it as in use. Raises OSError."""
        self._touch(upload, KEPT + holder)
        with suppress(OSError):
            os.utime(upload)

    def let_go(self, upload: Path, holder: str) -> None:
        """What `keep` began ends."""
        with suppress(OSError):
            (self._place(upload) / (KEPT + holder)).unlink()
            self._place(upload).rmdir()

    def add(self, upload: Path) -> None:
        """Wait for one answer more. Raises OSError, where there is no such file or no room."""
        self._touch(upload, f"{version(upload)}-{secrets.token_hex(8)}")

    def remove(self, upload: Path) -> str:
        """Wait for one answer less. The upload's version where none is left, "" where it is still waited for, as it is
        where the picture was uploaded again just now. Raises OSError, where there is no such file."""
        place, present = self._place(upload), version(upload)
        removed = present
        for name in sorted(self._names(upload), key=lambda name: name.startswith(present)):
            with suppress(FileNotFoundError):  # another process took it
                (place / name).unlink()
                removed = name.rpartition("-")[0]
                break
        with suppress(OSError):
            place.rmdir()
        return "" if place.exists() or removed != present else present

    def remove_all(self, upload: Path) -> None:
        """Wait for none."""
        shutil.rmtree(self._place(upload), ignore_errors=True)

    def _touch(self, upload: Path, name: str) -> None:
        place = self._place(upload)
        while True:
            with suppress(FileExistsError, FileNotFoundError):  # the last one was taken out meanwhile
                place.mkdir(parents=True, exist_ok=True)
                return (place / name).touch()

    def _place(self, upload: Path) -> Path:
        return self._folder / hashlib.sha256(os.fsencode(upload)).hexdigest()

    def _names(self, upload: Path) -> list[str]:
        with suppress(OSError):
            return [path.name for path in self._place(upload).iterdir() if not path.name.startswith(KEPT)]
        return []


def version(upload: Path) -> str:
    """What tells a file from another of the same name. Raises OSError."""
    status = upload.stat()
    return f"{status.st_ino}-{status.st_mtime_ns}"


def delete(upload: Path, seen: str, aside: Path) -> bool:
    """Whether this version of a file could be deleted: not if another process stores the same picture at this moment.

    aside: a path that nobody else uses. Raises OSError.
    """
    upload.rename(aside)
    if is_seen := version(aside) == seen:
        aside.unlink()
    else:
        aside.rename(upload)
    return is_seen
