"""Downloads URLs: many at once, few of one host, with retries, redirects and limits.

async with Downloader() as downloader, downloader.fetch(url) as result:
    print(result.status, len(result.data or b""))
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from cartoons.download.connections import ConnectionPool, Response
from cartoons.download.http import DownloadResult, FetchError, HttpConfig, opt_out, parse_url, retry_after_s
from cartoons.download.ssrf_guard import SsrfGuard
from cartoons.images import MAX_BYTES

OK_STATUSES = (200, 203)
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
COMPRESSIONS = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress")
LARGE_BYTES = 1024 * 1024
MAX_LARGE_BODIES = 4
"""So many bodies at once may be larger than LARGE_BYTES; the others wait there, which bounds the memory of all."""
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


@dataclass
class _Request:
    """One URL's progress through its tries and redirects."""

    final_url: str
    left_s: float
    held: AsyncExitStack
    """Holds the slot of a large body."""
    timeout: asyncio.Timeout = field(init=False)

    async def hold(self, slot: asyncio.Semaphore) -> None:
        """Take a slot, and hold it; the wait does not count."""
        deadline_s, begun_s = self.timeout.when() or 0.0, time.monotonic()
        self.timeout.reschedule(None)
        await self.held.enter_async_context(slot)
        waited_s = time.monotonic() - begun_s
        self.timeout.reschedule(deadline_s + waited_s)
        self.left_s += waited_s


class Downloader:
    """Fetches many URLs at once: an async context manager. Give it all of them together: it shares out the slots."""

    def __init__(
        self, limits: Limits | None = None, config: HttpConfig | None = None, guard: SsrfGuard | None = None
    ) -> None:
        self._limits, config, guard = limits or Limits(), config or HttpConfig(), guard or SsrfGuard()
        self._guard = guard
        self._large_bodies = asyncio.Semaphore(MAX_LARGE_BODIES)
        self._rate_limiter = RateLimiter(self._limits, lambda: ConnectionPool(config, guard))

    async def __aenter__(self) -> "Downloader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rate_limiter.close_idle()

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[DownloadResult]:
        """The bytes at a URL, or why there are none; whatever the server does, it raises nothing.

        A large body counts among the MAX_LARGE_BODIES until the block ends.
        """
        async with AsyncExitStack() as held:
            yield await self._with_retries(url, _Request(url, self._limits.total_timeout_s, held))

    async def _with_retries(self, url: str, request: _Request) -> DownloadResult:
        limits, tries = self._limits, 0
        while True:
            tries += 1
            try:
                return DownloadResult(url, await self._follow(url, request), final_url=request.final_url, tries=tries)
            except FetchError as error:
                await request.held.aclose()
                if not error.retry or tries >= limits.max_tries:
                    return DownloadResult(url, None, error.status, error.reason, request.final_url, tries, error.may_pass)
            await asyncio.sleep(random.random() * min(limits.max_backoff_s, limits.backoff_s * 2 ** (tries - 1)))

    async def _follow(self, url: str, request: _Request) -> bytes:
        """One try: the URL, and the redirects from it."""
        target, visited = parse_url(url), set[httpx.URL]()
        for _ in range(self._limits.max_redirects + 1):
            host = target.raw_host.decode("ascii")
            request.final_url = str(target) if host else request.final_url
            if reason := self._guard.refusal(target.scheme, host):
                raise FetchError(reason, status="refused")
            visited.add(target)
            content = await self._get(target, request)
            if isinstance(content, bytes):
                return content
            target = parse_url(content, target)
            if target in visited:
                raise FetchError("redirects in a circle")
        raise FetchError(f"more than {self._limits.max_redirects} redirects")

    async def _get(self, url: httpx.URL, request: _Request) -> bytes | str:
        """The body at a URL, or where it redirects to."""
        limits = self._limits
        async with self._rate_limiter.slot(url.raw_host.decode("ascii")) as (host, pool):
            begun_s = time.monotonic()
            try:
                async with (
                    asyncio.timeout(request.left_s) as request.timeout,
                    pool.get(url, limits.connect_timeout_s, limits.read_timeout_s) as response,
                ):
                    return await self._read(response, host, request)
            except TimeoutError as error:
                raise FetchError(f"not done within {limits.total_timeout_s:g} s", may_pass=True) from error
            finally:
                request.left_s -= time.monotonic() - begun_s

    async def _read(self, response: Response, host: Host, request: _Request) -> bytes | str:
        location = response.header("location") if response.status in REDIRECT_STATUSES else ""
        if not location and response.status not in OK_STATUSES:
            is_temporary = response.status in RETRY_STATUSES
            if is_temporary:
                pause_s = retry_after_s(response.header("retry-after"), datetime.now(UTC))
                host.paused_until_s = max(host.paused_until_s, time.monotonic() + pause_s)
            raise FetchError(f"HTTP {response.status}", retry=is_temporary)
        if self._limits.respect_opt_out and (directive := opt_out(response.headers("x-robots-tag"))):
            raise FetchError(f"the site opts out ({directive})", status="refused")
        return location or await self._body(response, request)

    async def _body(self, response: Response, request: _Request) -> bytes:
        max_bytes, body = self._limits.max_bytes, bytearray()
        too_large = f"larger than {max_bytes / 1024**2:g} MB"
        if (coding := response.header("content-encoding").strip().lower()) in COMPRESSIONS:
            raise FetchError(f"sent packed ({coding})")  # unasked, and it may unpack to anything
        length = response.header("content-length")
        if length.isdecimal() and int(length) > max_bytes:
            raise FetchError(too_large)
        async for chunk in response.chunks():
            if len(body) <= LARGE_BYTES < len(body) + len(chunk):
                await request.hold(self._large_bodies)
            body += chunk
            if len(body) > max_bytes:
                raise FetchError(too_large)
        if not body:
            raise FetchError("an empty answer")
        return bytes(body)
