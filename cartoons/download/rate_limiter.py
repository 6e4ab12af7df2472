"""Who may ask when: at most so many at once, so many of one host, and nobody a host that asked to be left alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cartoons.download.connections import Line
from cartoons.download.outcome import NotFetchedError

IDLE_LINES = 32
"""Hosts that nobody is asking right now, and whose connections stay open."""


@dataclass
class Host:
    """A host's turns, its line while there is one, and until when (monotonic seconds) it is left alone."""

    turns: asyncio.Semaphore
    line: Line | None = None
    asking: int = 0
    quiet_until_s: float = 0.0

    def leave_alone(self, seconds: float) -> None:
        """Let nobody ask it for so long."""
        self.quiet_until_s = max(self.quiet_until_s, time.monotonic() + seconds)


@dataclass
class Turns:
    """Hands out the turns. A host's own come first, so that those who wait for a slow one take up no other's place."""

    at_once: int
    per_host: int
    longest_wait_s: float
    open_line: Callable[[], Line]
    _hosts: dict[str, Host] = field(default_factory=dict)
    _idle: dict[str, Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[tuple[Host, Line]]:
        """A turn at the host of that name. Raises NotFetchedError when it asked for a longer rest than anyone waits."""
        host = self._hosts.get(name) or self._hosts.setdefault(name, Host(asyncio.Semaphore(self.per_host)))
        async with host.turns:
            await self._place(host)
            host.asking += 1
            self._idle.pop(name, None)
            host.line = host.line or self.open_line()
            try:
                yield host, host.line
            finally:
                self._places.release()
                host.asking -= 1
                if not host.asking:
                    self._idle[name] = host
                    await self._close_down_to(IDLE_LINES)

    async def _place(self, host: Host) -> None:
        while True:
            wait = host.quiet_until_s - time.monotonic()
            if wait > self.longest_wait_s:
                raise NotFetchedError(f"the site asks to be left alone for {wait:.0f} s", may_pass=True)
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            await self._places.acquire()
            if host.quiet_until_s <= time.monotonic():
                return
            self._places.release()  # told to wait while waiting for a place

    async def _close_down_to(self, kept: int) -> None:
        """Close the idle lines that were used longest ago."""
        while len(self._idle) > kept:
            host = self._idle.pop(next(iter(self._idle)))
            line, host.line = host.line, None
            if line:
                await line.aclose()

    async def aclose(self) -> None:
        """Close every line; nobody may be asking."""
        await self._close_down_to(0)
