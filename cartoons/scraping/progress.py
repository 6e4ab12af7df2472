"""How far each label is: a live line a label on a terminal, nothing where no one watches."""

import sys
from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cartoons.console import is_live
from cartoons.errors import shortened
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
            TextColumn("{task.fields[found]} found, {task.fields[tried]} tried, {task.fields[bad]} bad"),
            console=Console(stderr=True),
            disable=not is_live(sys.stderr),  # rich asks FORCE_COLOR too, which says nothing of who watches
        )
        self._bars: dict[str, TaskID] = {}

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self.console.print(shortened(sentence), markup=False, highlight=False, soft_wrap=True)

    def expect(self, label: str, total: int | None) -> None:
        """Begin a label's bar. total: how many pictures are wanted, None where that is not known."""
        if label not in self._bars:
            self._bars[label] = self.add_task(label[:LABEL_CHARACTERS], total=total, found=0, tried=0, bad=0)

    def planned(self, attempts: Iterable[Attempt]) -> None:
        """These will be tried."""
        for label, count in Counter(attempt.label for attempt in attempts).items():
            self._increase(label, found=count)

    def tried(self, attempt: Attempt) -> None:
        """One was tried. Its picture counts as kept until `selected` says otherwise."""
        self._increase(attempt.label, tried=1, bad=not attempt.file)
        bar = self._bars.get(attempt.label)
        if bar is not None and attempt.file and self.tasks[bar].remaining != 0:
            self.advance(bar)

    def selected(self, attempts: Iterable[Attempt]) -> None:
        """All attempts so far, after a selection."""
        kept = kept_by_label(attempts)
        for label, bar in self._bars.items():
            self.update(bar, completed=kept[label])

    def _increase(self, label: str, **more: int) -> None:
        if label in self._bars:
            fields = self.tasks[self._bars[label]].fields
            self.update(self._bars[label], **{name: fields[name] + count for name, count in more.items()})
