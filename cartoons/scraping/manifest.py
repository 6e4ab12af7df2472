"""The log, attempts.jsonl: a row per address, appended and flushed when it was tried; the last row of an address counts."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from cartoons.errors import DataError
from cartoons.files import json_line, whole_lines, write_lines
from cartoons.search.engines import SearchResult

ATTEMPTS_FILE = "attempts.jsonl"
PLANNED, GOOD = "planned", "good"
"""The status of an address until it is tried, and of a picture until it is decided upon."""
KEPT, SPARE, DUPLICATE, TWO_LABELS, REMOVED = "kept", "spare", "duplicate", "two labels", "removed"
REJECTED, REFUSED, FAILED = "rejected", "refused", "failed"

FROM_HIT = tuple(field.name for field in fields(SearchResult))


@dataclass(frozen=True)
class Attempt:
    """What became of one address under one label."""

    label: str
    url: str
    status: str
    reason: str = ""
    page_url: str = ""
    title: str = ""
    author: str = ""
    license: str = ""
    engine: str = ""
    query: str = ""
    final_url: str = ""
    tries: int = 0
    may_pass: bool = False
    """Whether a later run may have more luck."""
    bytes: int = 0
    """As it came."""
    pixels: int = 0
    width: int = 0
    height: int = 0
    sha256: str = ""
    phash: str = ""
    mirrored: str = ""
    file: str = ""
    """The name of its file, wherever that lies now; "" when there is no picture."""
    group: str = ""
    moved_to: str = ""
    """The label that a person gave it instead."""
    fetched_at: str = ""

    @property
    def source(self) -> str:
        """The host it came from, which leave-one-source-out holds out; of a local file its folder."""
        parts = urlsplit(self.final_url or self.url)
        return (parts.hostname or "").removeprefix("www.") if parts.scheme != "file" else "local files"

    def ended_as(self, found: "Attempt") -> "Attempt":
        """This planned row, with what was found at its address."""
        return replace(
            found, **{name: getattr(self, name) for name in FROM_HIT}, status=GOOD if found.file else found.status
        )


def of_hit(hit: SearchResult, status: str, **changes: object) -> Attempt:
    """The attempt that `hit` led to."""
    return Attempt(**(asdict(hit) | {"status": status} | changes))


class Log:
    """The rows of a folder, by label and address, and the way to add one. A cut last line, left by a kill, is dropped."""

    def __init__(self, root: Path) -> None:
        """Raises DataError when the file cannot be read, or a line of it is not a row."""
        self._path = root / ATTEMPTS_FILE
        self.rows: dict[tuple[str, str], Attempt] = {}
        known = {field.name for field in fields(Attempt)}
        for number, line in enumerate(whole_lines(self._path), 1):
            try:
                row = Attempt(**{name: value for name, value in json.loads(line).items() if name in known})
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{self._path} line {number} is not a row of this program ({error}): mend or remove it."
                ) from error
            self.rows[row.label, row.url] = row

    def __enter__(self) -> Self:
        self._file = self._path.open("ab")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, row: Attempt) -> None:
        """Append a row; it is with the operating system when this returns."""
        self._file.write(json_line(asdict(row)))
        self._file.flush()
        self.rows[row.label, row.url] = row

    def rewrite(self, rows: Iterable[Attempt]) -> None:
        """Take over these rows, new addresses behind the known ones, and write the file anew in that order."""
        self.rows.update({(row.label, row.url): row for row in rows})
        self._file.close()
        write_lines(self._path, map(asdict, self.rows.values()))
        self._file = self._path.open("ab")
