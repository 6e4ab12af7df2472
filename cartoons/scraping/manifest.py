"""The manifest, attempts.jsonl: a row per address and label, appended when it was tried; its last row counts."""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cartoons.download.http import OPTED_OUT, DownloadResult
from cartoons.errors import DataError
from cartoons.files import append_json_lines, read_json_lines, write_json_lines
from cartoons.picture_files import ATTEMPTS_FILE
from cartoons.search.engines import SearchResult
from cartoons.strict_json import shown


class Status(StrEnum):
    """How far an attempt is: planned; then failed, refused, rejected or good; of a good one what the selection says."""

    PLANNED, GOOD = "planned", "good"
    KEPT, SPARE, DUPLICATE, TWO_LABELS, REMOVED = "kept", "spare", "duplicate", "two labels", "removed"
    REJECTED, REFUSED, FAILED = "rejected", "refused", "failed"


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
    """Width times height, as it came."""
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

    @property
    def present_label(self) -> str:
        """The label whose folder holds its picture, where it is kept."""
        return self.moved_to or self.label

    @property
    def is_reduced(self) -> bool:
        """Whether its picture is stored smaller than it came."""
        return bool(self.file) and self.width * self.height < self.pixels

    def is_worth_another_try(self, ignore_opt_out: bool) -> bool:
        """Whether a later run may have more luck with its address."""
        opted_out = self.status == Status.REFUSED and self.reason.startswith(OPTED_OUT)
        return (self.status == Status.FAILED and self.may_pass) or (ignore_opt_out and opted_out)

    @classmethod
    def planned(cls, hit: SearchResult) -> "Attempt":
        """The attempt that a hit leads to."""
        return cls(**vars(hit), status=Status.PLANNED)

    @classmethod
    def fetched(cls, outcome: DownloadResult) -> "Attempt":
        """What came of an address just now, whatever it was wanted for."""
        return cls(
            "",
            outcome.url,
            outcome.status,
            outcome.reason,
            final_url=outcome.final_url if outcome.final_url != outcome.url else "",
            tries=outcome.tries,
            may_pass=outcome.may_pass,
            bytes=len(outcome.data or b""),
            fetched_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def with_result(self, result: "Attempt") -> "Attempt":
        """This planned attempt, with what came of its address, perhaps under another label."""
        mine = {field.name: getattr(self, field.name) for field in fields(SearchResult)}
        return replace(result, **mine, status=Status.GOOD if result.file else result.status)


FIELD_TYPES = {field.name: field.type for field in fields(Attempt)}
DIGITS = {"sha256": "[0-9a-f]{64}", "phash": "[0-9a-f]{1,16}", "mirrored": "[0-9a-f]{1,16}"}
"""What an attempt with a picture has there."""


def _checked(row: Mapping[str, Any]) -> Attempt:
    """The attempt that a row of the file tells. Raises TypeError or ValueError for what this program never writes."""
    attempt = Attempt(**{name: value for name, value in row.items() if name in FIELD_TYPES})
    for name, value in vars(attempt).items():
        if type(value) is not FIELD_TYPES[name]:
            raise TypeError(f"{name} is {shown(value)}")
    if attempt.status not in set(Status):
        raise ValueError(f"status is {shown(attempt.status)}")
    for name, pattern in DIGITS.items():
        if attempt.file and not re.fullmatch(pattern, getattr(attempt, name)):
            raise ValueError(f"{name} is {shown(getattr(attempt, name))}")
    for name in ("url", "final_url"):
        try:
            _ = urlsplit(getattr(attempt, name)).hostname
        except ValueError as error:
            raise ValueError(f"{name} is {shown(getattr(attempt, name))}") from error
    return attempt


class Manifest:
    """The attempts of a folder, by label and address. A cut last line, left by a kill, is dropped."""

    def __init__(self, root: Path) -> None:
        """Raises DataError when the file cannot be read, or a line of it is not a row."""
        self._path = root / ATTEMPTS_FILE
        self.attempts: dict[tuple[str, str], Attempt] = {}
        for number, row in read_json_lines(self._path):
            try:
                attempt = _checked(row)
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{self._path} line {number} is not a row of this program ({error}): mend or remove it."
                ) from error
            self.attempts[attempt.label, attempt.url] = attempt

    def append(self, attempt: Attempt) -> None:
        """Add a row; it is with the operating system when this returns."""
        append_json_lines(self._path, vars(attempt))
        self.attempts[attempt.label, attempt.url] = attempt

    def update(self, attempts: Iterable[Attempt]) -> None:
        """Take over these attempts, new addresses behind the known ones, and write the file anew in that order."""
        self.attempts.update({(attempt.label, attempt.url): attempt for attempt in attempts})
        write_json_lines(self._path, map(vars, self.attempts.values()))
