"""Ctrl-C while a program loads: an import that it interrupts may fail in any way, so the program ends at once.

A module of its own because it comes before all others, which take a while.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = "\nStopped. The same command goes on from here."

_before: list[Callable[[], object]] = []


def end_at_once() -> None:
    """Until `interrupt_work`, let Ctrl-C end the program with a sentence; where it is ignored, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def interrupt_work() -> None:
    """From now on let Ctrl-C raise KeyboardInterrupt: what was begun is put in order."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def before_the_end(tidy: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, call this before Ctrl-C ends the program at once."""
    _before.append(tidy)
    try:
        yield
    finally:
        _before.remove(tidy)


def _end(number: int, _: FrameType | None) -> None:
    for tidy in _before:
        tidy()
    print(STOPPED, file=sys.stderr, flush=True)
    os._exit(128 + number)
