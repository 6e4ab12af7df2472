"""How far each label is: a line a label, of kept pictures."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cartoons import progress
from cartoons.errors import shortened
from cartoons.scraping.manifest import Attempt
from cartoons.scraping.selection import kept_by_label

LABEL_CHARACTERS = 18
"""The most that is shown, so that a line fits into 80 columns."""


@dataclass(eq=False)
class _Label(progress.Stage):
    found: int = 0
    tried: int = 0
    bad: int = 0

    def keep(self, kept: int) -> None:
        """So many pictures are kept; what was before the first one was tried says nothing about the time of others."""
        (self.reach if self.tried else self.skip)(kept)

    def state(self) -> str:
        return f"{super().state()}, {self.tried} of {self.found} tried, {self.bad} bad"


class ScrapeProgress:
    """The lines of this run."""

    def __init__(self) -> None:
        self._labels: dict[str, _Label] = {}
        self._lines: list[_Label] = []

    @property
    def labels(self) -> list[str]:
        """Of this run."""
        return list(self._labels)

    @contextmanager
    def shown(self) -> Iterator["ScrapeProgress"]:
        """Show them, meanwhile."""
        with progress.show(self._lines):
            yield self

    def say(self, sentence: str) -> None:
        """Print a sentence above the lines."""
        print(shortened(sentence), file=sys.stderr)

    def expect(self, label: str, total: int | None) -> None:
        """Begin a label's line. total: how many pictures are wanted, None where that is not known."""
        if label not in self._labels:
            self._labels[label] = _Label(label[:LABEL_CHARACTERS], total, "")
            self._lines.append(self._labels[label])

    def planned(self, attempts: Iterable[Attempt]) -> None:
        """These will be tried."""
        for label, count in Counter(attempt.label for attempt in attempts).items():
            if label in self._labels:
                self._labels[label].found += count

    def tried(self, attempt: Attempt) -> None:
        """One was tried. Its picture counts as kept until `selected` says otherwise."""
        if line := self._labels.get(attempt.label):
            line.tried += 1
            line.bad += not attempt.file
            if attempt.file and (line.total is None or line.done < line.total):
                line.keep(round(line.done) + 1)

    def selected(self, attempts: Iterable[Attempt]) -> None:
        """All attempts so far, after a selection."""
        kept = kept_by_label(attempts)
        for label, line in self._labels.items():
            line.keep(kept[label])
