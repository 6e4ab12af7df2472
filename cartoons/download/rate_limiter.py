"""The limits of downloads: requests at once, requests per host, pauses that a host asked for, time and bytes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cartoons.download.connections import ConnectionPool
from cartoons.download.http import FetchError
from cartoons.images import MAX_BYTES

MAX_IDLE_POOLS = 32
"""Hosts without requests whose connections stay open."""


@dataclass(frozen=True)
class Limits:
    """What downloads may take: of the network, of a host's patience, of time."""

    max_concurrent: int = 64
    max_per_host: int = 8
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 15.0
    """Between two chunks."""
    total_timeout_s: float = 40.0
    """Of asking and reading, all tries and redirects of a URL together; waiting for its turn does not count."""
    max_bytes: int = MAX_BYTES
    max_tries: int = 3
    max_redirects: int = 5
    backoff_s: float = 0.5
    max_backoff_s: float = 8.0
    """Before try n + 1: a random wait of up to backoff_s * 2 ** (n - 1), at most max_backoff_s."""
    max_retry_after_s: float = 60.0
    """A Retry-After up to this is waited for, and the host left alone meanwhile; a longer one gives the host up."""
    respect_opt_out: bool = True
    """Refuse what an X-Robots-Tag header keeps from programs like this one."""


@dataclass
class Host:
    """A host's request slots, its connections while there are some, and until when (monotonic) it is left alone."""

    slots: asyncio.Semaphore
    pool: ConnectionPool | None = None
    active: int = 0
    paused_until_s: float = 0.0


class RateLimiter:
    """At most so many requests at once, so many to one host, and none to a host that asked to be left alone.

    A request takes its host's slot first, so that those waiting for a slow host take up no other's place.
    """

    def __init__(self, limits: Limits, open_pool: Callable[[], ConnectionPool]) -> None:
        self._limits, self._open_pool = limits, open_pool
        self._slots = asyncio.Semaphore(limits.max_concurrent)
        self._hosts: dict[str, Host] = {}
        self._idle: dict[str, Host] = {}

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[tuple[Host, ConnectionPool]]:
        """A request slot of the host of that name. Raises FetchError when the host asked for a longer pause than allowed."""
        host = self._hosts.get(name) or self._hosts.setdefault(name, Host(asyncio.Semaphore(self._limits.max_per_host)))
        async with host.slots:
            await self._acquire(host)
            host.active += 1
            self._idle.pop(name, None)
            host.pool = host.pool or self._open_pool()
            try:
                yield host, host.pool
            finally:
                self._slots.release()
                host.active -= 1
                if not host.active:
                    self._idle[name] = host
                    await self.close_idle(MAX_IDLE_POOLS)

    async def _acquire(self, host: Host) -> None:
        while True:
            wait_s = host.paused_until_s - time.monotonic()
            if wait_s > self._limits.max_retry_after_s:
                raise FetchError(f"the site asks to be left alone for {wait_s:.0f} s", may_pass=True)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            await self._slots.acquire()
            if host.paused_until_s <= time.monotonic():
                return
            self._slots.release()  # told to wait while waiting for a slot

    async def close_idle(self, kept: int = 0) -> None:
        """Close the pools of hosts without requests, but for those used last."""
        while len(self._idle) > kept:
            host = self._idle.pop(next(iter(self._idle)))
            pool, host.pool = host.pool, None
            if pool:
                await pool.aclose()
