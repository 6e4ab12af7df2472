"""The live lines of a terminal: for each thing that is done its name, a bar, and what else there is to say."""

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

COLUMNS, BAR_COLUMNS, NAME_COLUMNS = 80, 12, 44
"""The most that a live line takes of a terminal's width, its bar, and what is being done."""

REFRESHES_PER_S = 4

Line = tuple[str, float | None, float, str]
"""What is done, of how many steps, if they can be counted, how many are, and the rest."""


def live_lines(lines: Callable[[], Sequence[Line]]) -> Live:
    """A context in which standard error shows the lines, asked for a few times a second, below whatever is printed."""
    spinner, console = Spinner("line"), _Console(stderr=True, soft_wrap=True)
    return Live(
        get_renderable=lambda: _table(spinner, lines()),
        console=console,
        refresh_per_second=REFRESHES_PER_S,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )


class _Console(Console):
    """rich's, but it never hides the cursor, which a program that is killed would not bring back."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
        return False


def _table(spinner: Spinner, lines: Sequence[Line]) -> Constrain:
    columns = [
        Column(no_wrap=True),
        Column(no_wrap=True, max_width=NAME_COLUMNS),
        Column(no_wrap=True),
        Column(no_wrap=True),
    ]
    table = Table.grid(*columns, padding=(0, 1, 0, 0))
    for name, total, done, rest in lines:
        bar = ProgressBar(total, done, BAR_COLUMNS) if total else ""
        table.add_row(spinner, Text(name), bar, Text(rest))
    return Constrain(table, COLUMNS)
