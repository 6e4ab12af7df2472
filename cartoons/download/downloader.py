"""Downloads URLs: many at once, few of one host, with retries, redirects and limits.

async with Downloader() as downloader, downloader.fetch(url) as result:
    print(result.status, len(result.data or b""))
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from cartoons.download.connections import ConnectionPool, Response
from cartoons.download.http import OPTED_OUT, DownloadResult, FetchError, HttpConfig, opt_out, parse_url, retry_after_s
from cartoons.download.rate_limiter import Host, Limits, RateLimiter
from cartoons.download.ssrf_guard import SsrfGuard

OK_STATUSES = (200, 203)
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
COMPRESSIONS = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress")
LARGE_BYTES = 1024 * 1024
MAX_LARGE_BODIES = 4
"""So many bodies at once may be larger than LARGE_BYTES; the others wait there, which bounds the memory of all."""


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
            raise FetchError(f"{OPTED_OUT} ({directive})", status="refused")
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
