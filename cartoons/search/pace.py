"""One request at a time, pauses, patience with an engine that does not answer."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cartoons.errors import CartoonError, SearchError
from cartoons.search.engine import Page, SilentError

TRIES_WHEN_MAYBE_DRY = 2
"""Of a later page to which the engine gives nothing, without a word: most likely there is no such page."""


@dataclass(frozen=True)
class Pace:
    """How an engine is asked."""

    pause_s: float = 1.0
    """At least so long between two requests to an engine."""
    tries: int = 4
    base_s: float = 1.0
    cap_s: float = 30.0
    """Before try n + 1: a random time of up to base_s * 2 ** (n - 1), at most cap_s."""
    longest_wait_s: float = 60.0
    """A Retry-After that asks for more counts as a refusal, and holds for as long as this program runs."""
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random
    """From 0 up to 1."""


@dataclass(frozen=True)
class Refusal:
    """An engine gave no answer."""

    reason: str
    """In a few words."""
    tries: int
    silent: bool
    """Without a word: it may as well have nothing."""


class Turns:
    """The requests to one engine. Whoever asks holds the lock, also through the pauses: the engine has one visitor."""

    def __init__(self, pace: Pace) -> None:
        self.lock = threading.Lock()
        self._pace = pace
        self._free_at_s = 0.0
        self._closed_until_s = 0.0
        self._refused = False

    def ask(self, request: Callable[[], Page], *, first: bool) -> Page | Refusal:
        """The page, or why there is none; `first` for page 1 of a query. One that just refused another gets a single try."""
        if (left_s := self._closed_until_s - time.monotonic()) > 0:
            return Refusal(f"it asked to be left alone for {left_s:.0f} s more", 0, silent=False)
        tried = 0
        while True:
            outcome = self._try(request)
            tried += 1
            if isinstance(outcome, Page):
                self._refused = False
                return outcome
            silent = isinstance(outcome, SilentError)
            patience = TRIES_WHEN_MAYBE_DRY if silent and not first else self._pace.tries
            asked_s = outcome.retry_after_s or 0.0 if isinstance(outcome, SearchError) else 0.0
            reason = str(outcome).rstrip(".") or type(outcome).__name__
            if asked_s > self._pace.longest_wait_s:
                self._closed_until_s = time.monotonic() + asked_s
                reason += f", and it asks to be left alone for {asked_s:.0f} s"
            elif tried < min(patience, 1 if self._refused else self._pace.tries):
                jittered_s = self._pace.draw() * min(self._pace.cap_s, self._pace.base_s * 2 ** (tried - 1))
                self._pace.sleep(max(jittered_s, asked_s))
                continue
            self._refused |= first or not silent
            return Refusal(reason, tried, silent)

    def _try(self, request: Callable[[], Page]) -> Page | CartoonError | OSError:
        """One request, when its turn has come; what it raised, if it did."""
        if (wait_s := self._free_at_s - time.monotonic()) > 0:
            self._pace.sleep(wait_s)
        try:
            return request()
        except (CartoonError, OSError) as error:
            return error
        finally:
            self._free_at_s = time.monotonic() + self._pace.pause_s
