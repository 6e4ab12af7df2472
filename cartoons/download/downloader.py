"""Any address of the web to an Outcome.

async with Downloader() as downloader:
    outcomes = await asyncio.gather(*(downloader.fetch(url) for url in urls))
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cartoons.download.connections import Answer, Line
from cartoons.download.headers import opt_out, wait_s
from cartoons.download.http import Address, Web, taken_apart
from cartoons.download.outcome import NotFetchedError, Outcome
from cartoons.download.rate_limiter import Host, Turns
from cartoons.download.ssrf_guard import Guard
from cartoons.images import MAX_BYTES

GOOD = (200, 203)
ELSEWHERE = (301, 302, 303, 307, 308)
MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
PACKED = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress")
LARGE_BYTES = 1024 * 1024
LARGE_AT_ONCE = 4
"""So many bodies at once may be larger than LARGE_BYTES; the others wait there, which bounds the memory of all."""


@dataclass(frozen=True)
class Limits:
    """What a download may take: of the network, of a host's patience, of time."""

    at_once: int = 64
    per_host: int = 8
    connect_s: float = 10.0
    read_s: float = 15.0
    """Between two pieces."""
    whole_s: float = 40.0
    """Of asking and reading, all tries and redirects of an address together; waiting for its turn does not count."""
    max_bytes: int = MAX_BYTES
    tries: int = 3
    redirects: int = 5
    backoff_s: float = 0.5
    """The wait before try n + 1 is anything up to this times 2^(n-1), and up to longest_backoff_s."""
    longest_backoff_s: float = 8.0
    longest_wait_s: float = 60.0
    """A Retry-After up to this is waited for, and the host left alone meanwhile; a longer one gives the host up."""
    heed_opt_out: bool = True
    """Refuse what an X-Robots-Tag header keeps from programs like this one."""


class Downloader:
    """Fetches addresses, many at once: an async context manager. Give it all of them together: it shares out the turns."""

    def __init__(self, limits: Limits | None = None, web: Web | None = None, guard: Guard | None = None) -> None:
        self.limits = limits or Limits()
        self._guard = guard or Guard()
        self._web = web or Web()
        self._tls = self._web.tls()
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._turns = Turns(self.limits.at_once, self.limits.per_host, self.limits.longest_wait_s, self._open_line)

    def _open_line(self) -> Line:
        return Line(self._web, self._tls, self._guard)

    async def __aenter__(self) -> "Downloader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._turns.aclose()

    async def fetch(self, url: str) -> Outcome:
        """The bytes at an address, or why not; whatever the server does, it raises nothing."""
        async with self.fetched(url) as outcome:
            return outcome

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[Outcome]:
        """As `fetch`; a large body counts among the LARGE_AT_ONCE until the block ends."""
        async with AsyncExitStack() as held:
            yield await self._outcome(url, _Job(url, self.limits.whole_s, held))

    async def _outcome(self, url: str, job: "_Job") -> Outcome:
        limits = self.limits
        for tries in range(1, limits.tries + 1):
            try:
                data = await self._follow(url, job)
                return Outcome(url, data, final_url=job.at, tries=tries)
            except NotFetchedError as no:
                await job.held.aclose()
                if not no.again or tries == limits.tries:
                    return Outcome(url, None, no.status, no.reason, job.at, tries, no.may_pass)
            await asyncio.sleep(random.random() * min(limits.longest_backoff_s, limits.backoff_s * 2 ** (tries - 1)))
        raise ValueError("Limits.tries must be at least 1")

    async def _follow(self, url: str, job: "_Job") -> bytes:
        """One try: the address, and the redirects from it."""
        address, been = taken_apart(url), set[Address]()
        for _ in range(self.limits.redirects + 1):
            job.at = str(address) if address.host else job.at
            if objection := self._guard.objection(address.scheme, address.host):
                raise NotFetchedError(objection, status="refused")
            been.add(address)
            found = await self._ask(address, job)
            if isinstance(found, bytes):
                return found
            address = taken_apart(found, address)
            if address in been:
                raise NotFetchedError("redirects in a circle")
        raise NotFetchedError(f"more than {self.limits.redirects} redirects")

    async def _ask(self, address: Address, job: "_Job") -> bytes | str:
        """The body at an address, or where it says to look instead."""
        async with self._turns.of(address.host) as (host, line):
            begun_s = time.monotonic()
            try:
                async with (
                    asyncio.timeout(job.left_s) as job.limit,
                    line.get(address, self.limits.connect_s, self.limits.read_s) as answer,
                ):
                    return await self._read(answer, host, job)
            except TimeoutError as error:
                raise NotFetchedError(f"not done within {self.limits.whole_s:g} s", may_pass=True) from error
            finally:
                job.left_s -= time.monotonic() - begun_s

    async def _read(self, answer: Answer, host: Host, job: "_Job") -> bytes | str:
        location = answer.value("location") if answer.status in ELSEWHERE else ""
        if not location and answer.status not in GOOD:
            if answer.status in MAY_PASS:
                host.leave_alone(wait_s(answer.value("retry-after"), datetime.now(UTC)))
            raise NotFetchedError(f"HTTP {answer.status}", again=answer.status in MAY_PASS)
        if self.limits.heed_opt_out and (directive := opt_out(answer.values("x-robots-tag"))):
            raise NotFetchedError(f"the site opts out ({directive})", status="refused")
        return location or await self._body(answer, job)

    async def _body(self, answer: Answer, job: "_Job") -> bytes:
        most, body = self.limits.max_bytes, bytearray()
        if (coding := answer.value("content-encoding").strip().lower()) in PACKED:
            raise NotFetchedError(f"sent packed ({coding})")  # unasked, and it may unpack to anything
        length = answer.value("content-length")
        if length.isdecimal() and int(length) > most:
            raise NotFetchedError(_too_large(most))
        async for part in answer.parts():
            if len(body) <= LARGE_BYTES < len(body) + len(part):
                await job.wait_for(self._large)
            body += part
            if len(body) > most:
                raise NotFetchedError(_too_large(most))
        if not body:
            raise NotFetchedError("an empty answer")
        return bytes(body)


def _too_large(most: int) -> str:
    return f"larger than {most / 1024**2:g} MB"


@dataclass
class _Job:
    at: str
    """Where the redirects have led."""
    left_s: float
    held: AsyncExitStack
    """What others wait for while this one has it."""
    limit: asyncio.Timeout = field(init=False)
    """Of the request that is going on."""

    async def wait_for(self, turn: asyncio.Semaphore) -> None:
        """Take a turn, and hold it; the wait does not count."""
        until_s, begun_s = self.limit.when() or 0.0, time.monotonic()
        self.limit.reschedule(None)
        await self.held.enter_async_context(turn)
        waited_s = time.monotonic() - begun_s
        self.limit.reschedule(until_s + waited_s)
        self.left_s += waited_s
