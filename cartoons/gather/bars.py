"""How far each label is: a live line a label on a terminal, nothing where no one watches."""

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cartoons.gather.attempts import KEPT, Attempt

LONGEST_SHOWN = 24


class Bars:
    """A Watcher of rounds.py."""

    def __init__(self, labels: Sequence[str], per_label: int) -> None:
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._of = {
            label: self._bars.add_task(label[:LONGEST_SHOWN], total=per_label, words="searching") for label in labels
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
        self._bars.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

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
        counts = f"found {self._found[label]}, tried {tried}, usable {usable}, not {tried - usable}"
        words = f"{counts}, {per_second:.0f}/s in all"
        if label in self._of:
            self._bars.update(self._of[label], words=words)
