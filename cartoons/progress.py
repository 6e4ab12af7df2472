"""How far a long command is: one live line on a terminal, nothing where no one watches."""

import os
import shutil
import sys
import time
from typing import TextIO


def is_live(stream: TextIO) -> bool:
    """Whether someone watches a terminal there that can rewrite a line: no file, no pipe, none of an editor."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


class Progress:
    """Counts steps of about equal length and says how long the rest will take."""

    def __init__(self, steps: int, stream: TextIO | None = None) -> None:
        """steps: how many there will be; stream: standard error by default, written to only if it is live."""
        self.steps, self.done, self.skipped = steps, 0, 0
        self._stream = stream or sys.stderr
        self._is_live = is_live(self._stream)
        self._started = time.monotonic()

    def step(self, words: str, *, at_once: bool = False) -> None:
        """One more step is done; at_once: it was found done, so it says nothing about the time of the others."""
        self.done += 1
        self.skipped += at_once
        self.show(words)

    def show(self, words: str) -> None:
        """Replace the live line, cut to the terminal's width: of what goes on into a second line, the first would stay."""
        if self._is_live:
            most = max(1, shutil.get_terminal_size().columns - 1)
            self._stream.write(f"\r\x1b[2K{f'{words}{self._left()}'[:most]}")
            self._stream.flush()

    def clear(self) -> None:
        """Remove the live line, before something else is printed."""
        if self._is_live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def _left(self) -> str:
        measured = self.done - self.skipped
        if measured < 1 or self.done >= self.steps:
            return ""
        left_s = (time.monotonic() - self._started) / measured * (self.steps - self.done)
        return f", about {spoken_time(left_s)} left"


def spoken_time(seconds: float) -> str:
    """90.4 as "2 min", 42 as "42 s"."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
