"""How far each label is: a live line a label on a terminal, nothing where no one watches."""

import sys
from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cartoons.errors import shortened
from cartoons.progress import is_live
from cartoons.scraping.manifest import Attempt
from cartoons.scraping.selection import kept_by_label

LABEL_CHARACTERS, BAR_CHARACTERS = 18, 12
"""The most that is shown, so that a line fits into 80 columns."""


class ScrapeProgress(Progress):
    """A bar of kept pictures for each label: a context manager."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR_CHARACTERS),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[counts]}", markup=False),
            console=Console(stderr=True),
            disable=not is_live(sys.stderr),  # rich asks FORCE_COLOR too, which says nothing of who watches
        )
        self._bars: dict[str, TaskID] = {}
        self._kept, self._planned, self._tried, self._usable = Counter[str](), Counter[str](), Counter[str](), Counter[str]()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self.console.print(shortened(sentence), markup=False, highlight=False, soft_wrap=True)

    def expect(self, label: str, total: int | None) -> None:
        """Begin a label's bar. total: how many pictures are wanted, None where that is not known."""
        if label not in self._bars:
            self._bars[label] = self.add_task(label[:LABEL_CHARACTERS], total=total, counts="searching")

    def planned(self, attempts: Iterable[Attempt]) -> None:
        """These will be tried."""
        self._planned.update(attempt.label for attempt in attempts)

    def tried(self, attempt: Attempt) -> None:
        """One was tried. Its picture counts as kept until `selected` says otherwise."""
        label = attempt.label
        self._tried[label] += 1
        self._usable[label] += bool(attempt.file)
        self._kept[label] += bool(attempt.file)
        self._show(label)

    def selected(self, attempts: Iterable[Attempt]) -> None:
        """All attempts so far, after a selection."""
        self._kept = kept_by_label(attempts)
        for label in self._bars:
            self._show(label)

    def _show(self, label: str) -> None:
        if label in self._bars:
            total = self.tasks[self._bars[label]].total
            kept, tried = self._kept[label], self._tried[label]
            counts = f"{self._planned[label]} found, {tried} tried, {tried - self._usable[label]} bad"
            self.update(self._bars[label], completed=kept if total is None else min(kept, total), counts=counts)
