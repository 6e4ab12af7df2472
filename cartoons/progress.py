"""Progress: what is being done, how far it is, and how long it will take, in one live line that printed lines appear above.

    with progress.display():
        with progress.stage("training", total=5) as training:
            training.reach(1.5, "fold 2 of 5")
        for picture in progress.track(pictures, "comparing", "pictures"):

Where no one watches a terminal it is a plain line every PLAIN_EVERY_S. Without a display nothing is shown.
"""

import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from cartoons import ctrl_c
from cartoons.console import is_live, spoken_time

PLAIN_EVERY_S = 30.0

T = TypeVar("T")


@dataclass(eq=False)
class Stage:
    """Something that takes a while."""

    what: str
    total: float | None = None
    """Steps of about equal length, if they can be counted."""
    unit: str | None = None
    """What is counted, for the line to say so ("pictures"); None where only the bar and the time show how far it is."""
    done: float = 0.0
    whole: int = 0
    """The steps that were done when the one that is under way began."""
    note: str = ""
    _started_s: float = field(default_factory=time.monotonic)
    _reached_s: float = 0.0
    _skipped: float = 0.0

    def reach(self, done: float, note: str = "") -> None:
        """So many steps are done. note: what else there is to say."""
        self.done, self.note, self._reached_s = done, note, time.monotonic()

    def skip(self, done: float) -> None:
        """So many steps were done before, which says nothing about the time of the others."""
        self._skipped += done - self.done
        self.done = done

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens meanwhile says nothing about the time of the steps."""
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
        self._started_s += took_s
        self._reached_s += took_s

    def left_s(self) -> float | None:
        """The seconds until it is done, None while nothing is known."""
        measured = self.done - self._skipped
        if self.total is None or measured <= 0:
            return None
        each_s = (self._reached_s - self._started_s) / measured
        return max(0.0, each_s * (self.total - self.done) - (time.monotonic() - self._reached_s))

    def name(self) -> str:
        """What is done of what."""
        if self.unit is None:
            return self.what
        counts = f"{self.done:.0f}" if self.total is None else f"{self.done:.0f} of {self.total:.0f}"
        return f"{self.what}: {counts} {self.unit}".rstrip()

    def state(self) -> str:
        """How long it will take, or has taken, and the note."""
        left_s = self.left_s()
        spent = spoken_time(time.monotonic() - self._started_s)
        return ", ".join(filter(None, [spent if left_s is None else f"{spoken_time(left_s)} left", self.note]))


_shown: list[Sequence[Stage]] = []
"""Stages within stages: those of the last item are what is shown."""


@contextmanager
def stage(what: str, total: float | None = None, unit: str | None = None) -> Iterator[Stage]:
    """Show this stage, meanwhile."""
    with show([made := Stage(what, total, unit)]):
        yield made


def track(items: Iterable[T], what: str, unit: str, total: int | None = None) -> Iterator[T]:
    """The same items, each counted as done when the next one is asked for. total: how many, if they have no length."""
    with stage(what, len(items) if isinstance(items, Collection) else total, unit) as counted:
        for number, item in enumerate(items, 1):
            yield item
            counted.reach(number)


def current() -> Stage:
    """The stage that is shown, or one that nobody sees."""
    return _shown[-1][0] if _shown and _shown[-1] else Stage("")


@contextmanager
def show(stages: Sequence[Stage]) -> Iterator[None]:
    """Show these, a line each, meanwhile; more may be added to them."""
    _shown.append(stages)
    try:
        yield
    finally:
        _shown.remove(stages)


@contextmanager
def display(*, is_wanted: bool = True) -> Iterator[None]:
    """Show the stages on standard error, meanwhile."""
    if not is_wanted:
        yield
    elif is_live(sys.stderr):
        from cartoons.live_line import live_lines  # with rich, which a refusal need not load

        live = live_lines(lambda: [(each.name(), each.total, each.done, each.state()) for each in _innermost()])
        with live, ctrl_c.before_the_end(live.stop):
            yield
    else:
        ended = threading.Event()
        threading.Thread(target=_print_plainly, args=(ended,), daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def _innermost() -> Sequence[Stage]:
    return _shown[-1] if _shown else ()


def _print_plainly(ended: threading.Event) -> None:
    while not ended.wait(PLAIN_EVERY_S):
        for each in list(_innermost()):
            print(f"{each.name()}, {each.state()}", file=sys.stderr)
