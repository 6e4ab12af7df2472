"""How far each label is: a live line a label on a terminal, nothing where no one watches."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cartoons.errors import shortened
from cartoons.progress import is_live
from cartoons.scraping.manifest import KEPT, Attempt

LONGEST_SHOWN = 18
BAR_WIDTH = 12
"""Narrow, so that a line fits into 80 columns."""


class Bars:
    """A Watcher of rounds.py."""

    def __init__(self, totals: Mapping[str, int]) -> None:
        """totals: how many pictures are wanted of each label."""
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            disable=not is_live(sys.stderr),  # rich asks FORCE_COLOR too, which says nothing of who watches
        )
        self._of = {
            label: self._bars.add_task(label[:LONGEST_SHOWN], total=total, words="searching")
            for label, total in totals.items()
        }
        self._found: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()
        self._usable: Counter[str] = Counter()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._bars.console.print(shortened(sentence), markup=False, highlight=False, soft_wrap=True)

    def planned(self, rows: Sequence[Attempt]) -> None:
        """These will be tried."""
        self._found.update(row.label for row in rows)

    def tried(self, row: Attempt) -> None:
        """One was tried."""
        self._tried[row.label] += 1
        self._usable[row.label] += bool(row.file)
        self._show(row.label)

    def settled(self, rows: Sequence[Attempt]) -> None:
        """All rows so far, decided upon."""
        kept = Counter(row.moved_to or row.label for row in rows if row.status == KEPT)
        for label, bar in self._of.items():
            self._bars.update(bar, completed=kept[label])
            self._show(label)

    def _show(self, label: str) -> None:
        tried, usable = self._tried[label], self._usable[label]
        per_second = sum(self._tried.values()) / max(time.monotonic() - self._started, 1e-3)
        words = f"{self._found[label]} found, {tried} tried, {tried - usable} bad, {per_second:.0f}/s"
        if label in self._of:
            self._bars.update(self._of[label], words=words)
