"""What visitors say is right where the model was wrong: a row each, and the picture where they allow that.

<folder>/corrections.jsonl      {"time": "2026-11-27T00:50:00+00:00", "sha256": "...", "said": "bugs bunny", ...}
<folder>/<label>/<sha256>.jpg   the pictures, small: a picture folder, for `scrape.py review DIR --corrections <folder>`
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from PIL import Image

from cartoons.classifier import Prediction
from cartoons.errors import BusyError, DataError
from cartoons.examples import small_jpeg
from cartoons.files import append_json_lines, check_writable, read_json_lines, write_atomically
from cartoons.model_folder import MAX_LABEL, OTHER_LABEL, ModelInfo

ROWS_FILE = "corrections.jsonl"
TEXTS = ("sha256", "right", "file_name")
NONE_OF_THESE, ANOTHER = "none of these", "another character"
MAX_ROWS = 10_000
MAX_BYTES = 500_000_000
"""Of rows and pictures. What is full takes no more: strangers cannot push out what others have sent."""

MOST_PER_MINUTE = 30
"""Of the whole page: a session's name, or an address before a proxy, is whatever a program says."""

MOST_REMEMBERED, REMEMBERED_S = 256, 600.0
FULL = "Thank you, but no more corrections can be kept here."
GONE = "Only a picture that you have just shown can be corrected: show it again."
CHOOSE = "Choose the right name in the list first."


@dataclass(frozen=True)
class _Answered:
    """A picture as it could be kept, in memory alone."""

    prediction: Prediction
    jpeg: bytes
    until: float
    """On the clock of time.monotonic."""


class Corrections:
    """The folder. Safe to use from several threads; of one process, but several may append to it."""

    def __init__(self, folder: Path, info: ModelInfo, rows_file: str = ROWS_FILE) -> None:
        """Make the folder. Raises DataError if it cannot be written, or where a label cannot be the name of a folder."""
        for label in info.characters:
            if (
                label in ("", NONE_OF_THESE, ANOTHER)
                or label[0] in "._"
                or len(label.encode()) > MAX_LABEL
                or PurePosixPath(label.replace("\\", "/")).name != label
            ):
                raise DataError(f"Corrections cannot be kept: the label {label!r} cannot be the name of a folder here.")
        check_writable(folder, "--corrections")
        self.names = (*info.characters, NONE_OF_THESE, ANOTHER)
        """What may be the right name."""
        self._folder, self._rows, self._revision = folder, folder / rows_file, info.revision
        self._lock = threading.Lock()
        self._answered: OrderedDict[str, _Answered] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=MOST_PER_MINUTE)
        self._kept = {(row["sha256"], row["right"], bool(row["file_name"])) for row in rows_of(folder)}
        self._bytes = 0
        for path in folder.rglob("*.*"):
            with suppress(OSError):  # another page has just renamed what it wrote
                self._bytes += path.stat().st_size

    def remember(self, sha256: str, prediction: Prediction, picture: Image.Image) -> None:
        """An answer that was given just now, which the visitor may correct within REMEMBERED_S."""
        answered = _Answered(prediction, small_jpeg(picture), time.monotonic() + REMEMBERED_S)
        with self._lock:
            self._answered[sha256] = answered
            self._answered.move_to_end(sha256)
            for oldest, each in list(self._answered.items()):
                if len(self._answered) <= MOST_REMEMBERED and each.until > time.monotonic():
                    break
                del self._answered[oldest]

    def add(self, sha256: str, right: object, with_picture: object) -> None:
        """Keep a correction once, and once more when it comes again with the picture.

        Raises DataError for what cannot be one, or when the folder is full, and BusyError.
        """
        if not isinstance(right, str) or right not in self.names:
            raise DataError(CHOOSE)
        with self._lock:
            now, answered = time.monotonic(), self._answered.get(sha256)
            if answered is None or answered.until < now:
                raise DataError(GONE)
            jpeg = answered.jpeg if with_picture is True else b""
            if not self._kept.isdisjoint(((sha256, right, True), (sha256, right, bool(jpeg)))):
                return
            if len(self._kept) >= MAX_ROWS or self._bytes + len(jpeg) + 1_000 > MAX_BYTES:
                raise DataError(FULL)
            if len(self._recent) == MOST_PER_MINUTE and now - self._recent[0] < 60:
                raise BusyError("Too many corrections at once: try again in a minute.")
            try:
                self._write(sha256, right, answered.prediction, jpeg)
            except OSError as error:
                raise DataError("The correction could not be kept: try again later.") from error
            self._recent.append(now)
            self._kept.add((sha256, right, bool(jpeg)))
            self._bytes += len(jpeg) + 1_000

    def _write(self, sha256: str, right: str, said: Prediction, jpeg: bytes) -> None:
        label = OTHER_LABEL if right in (NONE_OF_THESE, ANOTHER) else right
        file_name = f"{label}/{sha256}.jpg" if jpeg else ""
        if jpeg:
            (self._folder / label).mkdir(exist_ok=True)
            write_atomically(self._folder / file_name, jpeg)
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "sha256": sha256,
            "said": said.label,
            "probability": round(said.probabilities[said.label], 6),
            "known": said.known,
            "right": right,
            "revision": self._revision,
            "file_name": file_name,
        }
        append_json_lines(self._rows, row)


def rows_of(folder: Path) -> Iterator[dict[str, str]]:
    """Every correction of a folder: its texts. Raises DataError for a row that is none."""
    for path in sorted(folder.glob("corrections*.jsonl")):
        for number, row in read_json_lines(path):
            if not isinstance(row, dict) or not all(isinstance(row.get(key, ""), str) for key in TEXTS):
                raise DataError(f"{path} line {number} is no correction: mend it or take it out.")
            yield {key: row.get(key, "") for key in TEXTS}
