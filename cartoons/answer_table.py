"""Many pictures to a table: a row per file, its answer or the reason why there is none, for the command line and the page.

for row in rows([("a.png", lambda: pool.submit(predict, "a.png"))], ahead=8):
    writer.writerow(cells(row, characters))
"""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from cartoons.classifier import Prediction
from cartoons.errors import BusyError, ImageError

Begin = Callable[[], "Future[tuple[Prediction, str]]"]
"""Has one file answered: its prediction, and a small picture of it as a URL ("" where none is wanted), are to come.

Raises ImageError and BusyError, itself or by the future, with the reason why there is no answer.
"""


@dataclass(frozen=True)
class Row:
    """One file: its answer, or the reason why there is none."""

    file: str
    prediction: Prediction | None
    reason: str = ""
    thumbnail: str = ""
    """The URL of a small picture of it, "" for none."""

    def as_json(self) -> dict[str, Any]:
        """The row for programs: no label where there is no answer."""
        if self.prediction is None:
            return {"file": self.file, "reason": self.reason}
        return {"file": self.file, **answer_json(self.prediction)}


def answer_json(prediction: Prediction) -> dict[str, Any]:
    """A prediction for programs, as the command line and all endpoints give it."""
    return {key: getattr(prediction, key) for key in ("label", "known", "unknown_score", "probabilities")}


def rows(files: Iterable[tuple[str, Begin]], ahead: int) -> Iterator[Row]:
    """A row for each named file, in order; up to `ahead` files are begun before the first of them is waited for."""
    waiting: deque[tuple[str, Future[tuple[Prediction, str]]]] = deque()
    for file, begin in files:
        if len(waiting) >= ahead:
            yield _row(*waiting.popleft())
        waiting.append((file, _begun(begin)))
    while waiting:
        yield _row(*waiting.popleft())


def head(characters: Sequence[str]) -> list[str]:
    """The names of the columns of `cells`."""
    return ["file", "label", "known", "probability", *(f"probability of {name}" for name in characters), "reason"]


def cells(row: Row, characters: Sequence[str]) -> list[str]:
    """A row of the table, for CSV."""
    answer = row.prediction
    if answer is None:
        return [row.file, "", "", "", *[""] * len(characters), row.reason]
    values = [f"{answer.probabilities[name]:.4f}" for name in (answer.label, *characters)]
    return [row.file, answer.label, "true" if answer.known else "false", *values, ""]


def csv_text(table: Iterable[Row], characters: Sequence[str]) -> str:
    """The whole table as CSV (RFC 4180, but for its line ends)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head(characters), *(cells(row, characters) for row in table)])
    return text.getvalue()


def _begun(begin: Begin) -> "Future[tuple[Prediction, str]]":
    try:
        return begin()
    except (ImageError, BusyError) as error:
        refused: Future[tuple[Prediction, str]] = Future()
        refused.set_exception(error)
        return refused


def _row(file: str, answer: "Future[tuple[Prediction, str]]") -> Row:
    try:
        prediction, thumbnail = answer.result()
    except (ImageError, BusyError) as error:
        return Row(file, None, str(error))
    return Row(file, prediction, thumbnail=thumbnail)
