"""The upload folder: where Gradio keeps a visitor's picture until it is answered, and no longer.

Gradio writes each upload to <folder>/<sha256 of its bytes>/<name>, and shows files of this folder to anybody who knows their
path. It is the only place that an endpoint reads a file from.
"""

import asyncio
import base64
import binascii
import hashlib
import math
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cartoons.errors import ImageError
from cartoons.images import MAX_BYTES
from cartoons.serving.references import References, delete, version
from cartoons.serving.shared_lock import make_folder, shared_lock

MAX_FOLDER_BYTES = 1_000_000_000
MAX_FOLDER_FILES = 5_000
UNANSWERED_KEPT_S = 600.0
"""So long an upload that nobody asks about is kept."""

CUT_OFF_KEPT_S = 60.0
"""So long one is kept that no more arrives of."""

SHOWN_KEPT_S = 10.0
"""So long the page's own uploads stay after their answer, for the visitor's browser to fetch what it shows."""

SWEEP_EVERY_S = 5.0
LOCK_FILE = ".lock"
REFERENCES = ".references"
HASH_FOLDER = re.compile(r"[0-9a-f]{64}")
DATA_URL = re.compile(r"data:[\w.+/-]*;base64,")
NOTHING_GIVEN = "No picture was given: send one, for example with gradio_client's handle_file(path)."
NOT_UPLOADED = (
    "That file is not among the uploads, each of which is deleted once it is answered: "
    "upload the picture to /gradio_api/upload first."
)


class UploadFolder:
    """Gradio's upload folder, kept small. Several processes may share it.

    Files are deleted on the event loop's thread only, which stores them as well: never one that is just being stored.
    `add`, `read`, `locate` and `release` may be called from any thread.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_FOLDER_BYTES, max_files: int = MAX_FOLDER_FILES) -> None:
        """Make the folder and delete what a process that is no longer there left in it. Raises OSError, LaunchError."""
        self._is_link = path.is_symlink()
        self._name = secrets.token_hex(8)
        self.path = path
        self._shared = self._share(path)
        self._max_bytes, self._max_files, self._room = max_bytes, max_files, max_bytes
        self.loop: asyncio.AbstractEventLoop | None = None
        """The one to delete on, once it runs."""
        self._references = References(self.path / REFERENCES)
        self._shown: list[tuple[float, Path]] = []
        self._own: set[Path] = set()

    def _share(self, path: Path) -> sqlite3.Connection:
        """Make the folder and take its lock, cleared if nobody else has it. Raises OSError, LaunchError."""
        while True:
            make_folder(path)
            self.path = path.resolve()
            if lock := shared_lock(self.path / LOCK_FILE, self._clear):
                return lock

    def add(self, name: str, data: bytes) -> Path:
        """Put a file of the page's own where an upload of these bytes would lie."""
        path = self.path / hashlib.sha256(data).hexdigest() / name
        while True:
            path.parent.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # a sweep took the folder away while it was empty
                aside = self._aside()
                aside.write_bytes(data)
                return aside.replace(path)  # whole: a browser may be fetching what is there

    def keep_present_files(self) -> None:
        """Never delete the files that are there now, but for other processes' uploads: the page's own examples."""
        self._own = {path for path in self._files() if not self._references.count(path)}
        for path in self._own:
            self._references.keep(path, self._name)  # no visitor of another page has it deleted

    def read(self, value: object) -> bytes:
        """The bytes of what an endpoint was given for a picture: an upload, or a data: URL in a dict's `url`.

        Raises ImageError, in a sentence that repeats no path, for anything else.
        """
        path, data = self.locate(value)
        if path is None:
            return data
        try:
            return path.read_bytes()
        except OSError as error:
            raise ImageError(NOT_UPLOADED) from error

    def locate(self, value: object) -> tuple[Path | None, bytes]:
        """The upload that a value names, or the bytes that it holds. Raises ImageError, as `read` does."""
        if value in (None, {}, [], ""):
            raise ImageError(NOTHING_GIVEN)
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "a number"
            raise ImageError(f'The picture is {what}: send one object, {{"path": an upload}} or {{"url": a data: URL}}.')
        if value.get("path"):
            return self._uploaded(value["path"]), b""
        if value.get("url"):
            return None, _decoded(value["url"])
        raise ImageError(NOTHING_GIVEN)

    def hold(self, paths: list[str]) -> None:
        """Count one upload of each of these files: it stays until each of them was answered."""
        for path in map(Path, paths):
            with suppress(OSError):
                if (upload := path.resolve()) not in self._own:
                    self._references.add(upload)

    def release(self, value: object, *, shown: bool = False) -> None:
        """Delete the upload that was answered, or, if the page shows it, let it be deleted a little later."""
        try:
            path, _ = self.locate(value)
        except ImageError:
            return
        if path is None or path in self._own:
            return
        if self.loop is None or self.loop.is_closed():
            self._release(path, shown)
        else:
            self.loop.call_soon_threadsafe(self._release, path, shown)

    def _release(self, path: Path, shown: bool) -> None:
        if shown:
            self._shown.append((time.monotonic() + SHOWN_KEPT_S, path))
            return
        with suppress(OSError):
            if answered := self._references.remove(path):
                delete(path, answered, self._aside())

    def _aside(self) -> Path:
        """A path that nobody knows; what a kill leaves there is swept as an upload that was cut off."""
        return self.path / f"tmp{secrets.token_hex(16)}"

    def make_room(self, incoming_bytes: int) -> None:
        """Delete the oldest files until so many more bytes fit."""
        self._room -= incoming_bytes + 4096
        if self._room <= 0:
            self.sweep(incoming_bytes)

    def sweep(self, incoming_bytes: int = 0) -> None:
        """Delete what is too old, or, oldest first, too much; the page's own files are marked as in use, for others too."""
        self._release_shown(time.monotonic())
        wall, present = time.time(), []
        with suppress(OSError):
            os.utime(self.path / LOCK_FILE)
        for path in self._own:
            with suppress(OSError):
                self._references.keep(path, self._name)
        for path in self._files():
            with suppress(OSError):
                status = path.stat()
                files = max(1, self._references.count(path))
                present.append((status.st_mtime, status.st_blocks * 512 + 4096, files, path, version(path)))
        size, count = sum(row[1] for row in present) + incoming_bytes, sum(row[2] for row in present)
        for modified, on_disk, files, path, seen in sorted(present):
            is_old = wall - modified > (UNANSWERED_KEPT_S if path.parent != self.path else CUT_OFF_KEPT_S)
            if path not in self._own and (is_old or size > self._max_bytes or count > self._max_files):
                with suppress(OSError):
                    if delete(path, seen, self._aside()):
                        self._references.remove_all(path)
                size, count = size - on_disk, count - files
        self._room = min(self._max_bytes - size, (self._max_files - count) * 4096)

    def _release_shown(self, now: float) -> None:
        """Delete what was shown long enough (now: of time.monotonic), unless somebody still waits for its answer."""
        shown, self._shown = self._shown, []
        for until, path in shown:
            if until > now:
                self._shown.append((until, path))
            else:
                self._release(path, shown=False)

    def _clear(self) -> None:
        for path in self._files():
            with suppress(OSError):
                path.unlink()
        shutil.rmtree(self.path / REFERENCES, ignore_errors=True)

    def close(self) -> None:
        """Let go of the folder; the last process to do so leaves no file in it."""
        self._release_shown(math.inf)
        for path in self._own:
            self._references.let_go(path, self._name)
        self._shared.execute("COMMIT")
        self._shared.execute("PRAGMA busy_timeout = 0")
        with suppress(sqlite3.OperationalError):
            self._shared.execute("BEGIN EXCLUSIVE")
            self._clear()
            for entry in self.path.iterdir():
                with suppress(OSError):
                    entry.rmdir()  # Gradio makes a folder for a feature that is off
            (self.path / LOCK_FILE).unlink(missing_ok=True)
        self._shared.close()
        with suppress(OSError):
            if not self._is_link:
                self.path.rmdir()

    def _files(self) -> Iterator[Path]:
        """What Gradio wrote: files in folders named by a hash, and uploads that were cut off."""
        for entry in self.path.iterdir():
            if HASH_FOLDER.fullmatch(entry.name):
                with suppress(OSError):
                    yield from list(entry.iterdir())
                    if time.time() - entry.stat().st_mtime > CUT_OFF_KEPT_S:  # else an upload may be about to come there
                        entry.rmdir()  # only if it is empty
            elif entry.name.startswith("tmp"):
                yield entry

    def _uploaded(self, path: object) -> Path:
        """The resolved path of an upload. Raises ImageError for any other file, and for no file, in the same words."""
        try:
            resolved = Path(path).resolve(strict=True) if isinstance(path, str) else self.path
        except (OSError, ValueError, RuntimeError):
            resolved = self.path
        folder = resolved.parent
        if folder.parent == self.path and HASH_FOLDER.fullmatch(folder.name) and resolved.is_file():
            return resolved
        raise ImageError(NOT_UPLOADED)


def _decoded(url: object) -> bytes:
    """The bytes of a data: URL (RFC 2397) in strict base64. Raises ImageError."""
    if not isinstance(url, str) or not (head := DATA_URL.match(url[:200])):
        raise ImageError(
            "The picture's url is no data: URL (data:image/png;base64,...), and no other is fetched: upload the file."
        )
    if len(url) - head.end() > MAX_BYTES // 3 * 4 + 4:
        raise ImageError(f"The data: URL holds more than the {MAX_BYTES >> 20} MB allowed: give a smaller picture.")
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"The picture's base64 data is damaged ({error}): send it again.") from error
