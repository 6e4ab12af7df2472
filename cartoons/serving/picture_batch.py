"""Many uploads at once, zips among them, to a row each, by the same threads and limits as single pictures.

batch = PictureBatch(service, uploads)
for row in batch.rows([upload, upload], "/classify_many"): ...
"""

import io
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from cartoons.answer_table import Row, rows
from cartoons.classifier import Prediction
from cartoons.errors import BusyError, ImageError
from cartoons.images import MAX_BYTES, jpeg_url
from cartoons.picture_files import is_hidden
from cartoons.serving.picture_service import Answered, PictureService
from cartoons.serving.uploads import NOT_UPLOADED, UploadFolder

MOST_FILES = 50
AHEAD = 2
"""Pictures of one batch that wait for a thread at a time: those of others come in between."""

MOST_BATCHES = 4
"""Answered at once; more are refused, so that single pictures find room in the line."""

MOST_UNPACKED_BYTES = 200 * 2**20
"""Of one zip, by what it says of itself; no more than that is ever unpacked."""

MOST_ENTRIES = 1_000
"""Of one zip, folders and hidden files included: reading a list of many more takes seconds, and much memory."""

ENTRY = b"PK\1\2"
"""Begins each entry of a zip's list (APPNOTE.TXT, 4.3.12)."""

ZIPS = (b"PK\3\4", b"PK\5\6")
"""How zips begin; the second one is empty."""

THUMBNAIL_PX, THUMBNAIL_QUALITY = 96, 80
MOST_NAME = 200
NO_FILES = "No pictures were given: send a list of files, or a zip."
TOO_MANY = f"There are more than {MOST_FILES} files: send {MOST_FILES} at a time."
DAMAGED = "The zip is damaged: pack it again, or send the pictures themselves."

NamedFile = tuple[str, Callable[[], bytes]]
"""A file's name, to show, and what reads its bytes, or raises ImageError with the reason why it cannot be read."""


class PictureBatch:
    """Answers up to MOST_FILES pictures of one caller, with a row for each."""

    def __init__(self, service: PictureService, uploads: UploadFolder) -> None:
        self._service, self._uploads = service, uploads
        self._slots = threading.BoundedSemaphore(MOST_BATCHES)

    def rows(self, given: object, route: str, *, thumbnails: bool = False) -> tuple[int, Iterator[Row]]:
        """How many files there are, and a row for each as soon as it is known; the uploads are deleted after the last.

        given: a list of uploads, or one, as for `UploadFolder.read`; a zip stands for the files in it.
        Raises ImageError when there are none, or too many; the iterator BusyError, first, when others are at it.
        """
        values = given if isinstance(given, list) else [given]
        try:
            if not 0 < len(values) <= MOST_FILES or None in values:
                raise ImageError(TOO_MANY if len(values) > MOST_FILES else NO_FILES)
            files: list[NamedFile] = []
            for value in values:
                files += self._files(value)
                if len(files) > MOST_FILES:
                    raise ImageError(TOO_MANY)
        except ImageError:
            self._release(values)
            raise
        return len(files), self._answered(files, values, route, thumbnails)

    def _answered(self, files: list[NamedFile], values: list[Any], route: str, thumbnails: bool) -> Iterator[Row]:
        try:
            if not self._slots.acquire(blocking=False):
                raise BusyError("Too many pictures at once: try again in a minute.")
            try:
                yield from rows(((name, partial(self._begin, read, route, thumbnails)) for name, read in files), AHEAD)
            finally:
                self._slots.release()
        finally:
            self._release(values)

    def _release(self, values: list[Any]) -> None:
        for value in values[: MOST_FILES + 1]:
            self._uploads.release(value)

    def _begin(self, read: Callable[[], bytes], route: str, thumbnails: bool) -> "Future[tuple[Prediction, str]]":
        """Have a file answered. Raises ImageError and BusyError."""
        asked, row = self._service.submit(read(), route), Future[tuple[Prediction, str]]()

        def finish(answered: "Future[Answered]") -> None:
            try:
                found = answered.result()
                url = jpeg_url(found.picture, THUMBNAIL_PX, THUMBNAIL_QUALITY) if thumbnails else ""
                row.set_result((found.prediction, url))
            except Exception as error:
                row.set_exception(error)

        asked.add_done_callback(finish)
        return row

    def _files(self, value: Any) -> list[NamedFile]:
        """The upload, or, of a zip, what is in it. Raises ImageError for a zip that cannot be used."""
        name = value.get("orig_name") if isinstance(value, dict) else None
        try:
            path, data = self._uploads.locate(value)
            start = data[:4] if path is None else _start(path)
        except ImageError:  # its row will say why
            path, start = None, b""
        name = name if isinstance(name, str) and name else path.name if path else "picture"
        if start in ZIPS:
            return list(_zipped(path or io.BytesIO(data)))
        return [(name[:MOST_NAME], partial(self._uploads.read, value))]


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise ImageError(NOT_UPLOADED) from error


def _zipped(source: Path | io.BytesIO) -> Iterator[NamedFile]:
    """The files of a zip, at any depth; hidden ones are left out. Raises ImageError when it cannot be used."""
    try:
        data = source.read_bytes() if isinstance(source, Path) else source.getvalue()
        if data.count(ENTRY) > MOST_ENTRIES:
            raise ImageError(TOO_MANY)
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise ImageError(DAMAGED) from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)]
    if not entries:
        raise ImageError("The zip holds no file: pack the pictures themselves into it.")
    if (size := sum(entry.file_size for entry in entries)) > MOST_UNPACKED_BYTES:
        raise ImageError(
            f"The zip unpacks to {size / 2**20:,.0f} MB, more than the {MOST_UNPACKED_BYTES >> 20} MB allowed: "
            "pack fewer pictures, or smaller ones."
        )
    return ((entry.filename[-MOST_NAME:], partial(_unpacked, archive, entry)) for entry in entries)


def _is_hidden(name: str) -> bool:
    return any(is_hidden(part) for part in PurePosixPath(name).parts if part != "..")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in a zip, at most one more than a picture may have. Raises ImageError."""
    if entry.flag_bits & 1:
        raise ImageError("It is locked by a password: pack the zip without one.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA may claim any amount of memory
        raise ImageError("It is packed by a method that is not read here: pack the zip as most programs do.")
    try:
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise ImageError("It is damaged in the zip: pack it again.") from error
