"""Search, fetch, clean, decide, settle, until every label has enough pictures or nothing more is found.

In a round each label that is short takes its next hits, as many as should do. They are written to the log as planned, all
are tried, then it is decided which of all pictures stay. So the log alone says where a run was: one that was killed
finishes the round it was in, and goes on as if nothing had happened.
"""

import asyncio
import datetime
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cartoons.download.http import DownloadResult
from cartoons.errors import ImageError
from cartoons.review.decisions import Decision
from cartoons.scraping.image_checks import Rules, clean
from cartoons.scraping.labels import check_apart
from cartoons.scraping.layout import Places, settle
from cartoons.scraping.manifest import (
    DUPLICATE,
    FAILED,
    GOOD,
    KEPT,
    PLANNED,
    REJECTED,
    SPARE,
    TWO_LABELS,
    Attempt,
    Log,
    of_hit,
)
from cartoons.scraping.memory import IN_MEMORY, handfuls
from cartoons.scraping.seeker import Seeker
from cartoons.scraping.selection import decide
from cartoons.search.engines import SearchResult

MOST_AT_ONCE = 2000
"""Addresses a label takes in one round."""
SPARE_HITS = 8
"""Taken besides what should do, because rounds are long and pictures short."""
FIRST_YIELD, LEAST_YIELD = 0.65, 0.2
"""The share of addresses expected to give a picture that stays: before any was tried, and at the least."""

CLEANERS = 2 * (os.cpu_count() or 1)
"""Threads that decode, shrink and store: more than cores, since a disk is waited for."""

Fetch = Callable[[str], AbstractAsyncContextManager[DownloadResult]]
"""Gives what became of an address; its bytes count as being fetched until the block ends."""


class Watcher(Protocol):
    """Who is told how far each label is."""

    def planned(self, rows: Sequence[Attempt]) -> None:
        """These will be tried."""

    def tried(self, row: Attempt) -> None:
        """One was tried."""

    def settled(self, rows: Sequence[Attempt]) -> None:
        """All rows so far, decided upon."""


@dataclass(frozen=True)
class Aims:
    """What is kept."""

    per_label: int
    rules: Rules = field(default_factory=Rules)


class Gatherer:
    """Fills a picture folder. Raises DataError at once when its log is damaged."""

    def __init__(self, root: Path, aims: Aims, fetch: Fetch, said: Mapping[str, Decision], watcher: Watcher) -> None:
        """fetch: never raises for what a server does; said: what people decided on the review page, by sha256."""
        self._root, self._aims, self._fetch, self._watcher = root, aims, fetch, watcher
        self._log, self._places = Log(root), Places(root)
        rows = self._log.rows
        self._words = self._places.words(rows.values(), said)
        self._unwanted = {sha256 for sha256, word in self._words.items() if not word.label}
        for key, row in rows.items():
            lost = row.file and row.file not in self._places and row.sha256 not in self._unwanted
            if lost and row.status in (GOOD, SPARE, DUPLICATE, TWO_LABELS):
                rows[key] = replace(row, status=PLANNED, file="", sha256="")
        self._failed_before = {key for key, row in rows.items() if row.status == FAILED and row.may_pass}

    async def run(self, seekers: Sequence[Seeker]) -> list[Attempt]:
        """Go on until every seeker's label has enough or is dry; all rows of the folder, decided."""
        self._check_labels(seeker.label for seeker in seekers)
        with self._log, ThreadPoolExecutor(CLEANERS) as pool:
            planned = [row for row in self._log.rows.values() if row.status == PLANNED]
            while True:
                await self._try(planned, pool)
                self._settle()
                planned = await self._plan(seekers)
                if not planned:
                    return list(self._log.rows.values())
                self._log.rewrite(planned)

    async def take(self, given: Iterable[tuple[SearchResult, DownloadResult]]) -> list[Attempt]:
        """Clean and settle pictures that are here; those in the log are passed over. All rows of the folder, decided."""
        with self._log, ThreadPoolExecutor(CLEANERS) as pool:
            for new in handfuls(pair for pair in given if self._is_new(pair[0])):
                self._check_labels(hit.label for hit, _ in new)
                self._watcher.planned([of_hit(hit, PLANNED) for hit, _ in new])
                for found, (hit, _) in zip(
                    await asyncio.gather(*(self._ended(outcome, pool) for _, outcome in new)), new, strict=True
                ):
                    self._note(of_hit(hit, PLANNED), found)
            self._settle()
        return list(self._log.rows.values())

    def _is_new(self, hit: SearchResult) -> bool:
        row = self._log.rows.get((hit.label, hit.url))
        return row is None or row.status in (PLANNED, FAILED)

    def _check_labels(self, labels: Iterable[str]) -> None:
        check_apart({**dict.fromkeys(row.label for row in self._log.rows.values()), **dict.fromkeys(labels)})

    def _settle(self) -> None:
        if not self._log.rows:
            return
        decided = decide(list(self._log.rows.values()), self._words, self._aims.per_label)
        settle(self._root, self._places, decided, self._log)
        self._watcher.settled(decided)

    async def _plan(self, seekers: Sequence[Seeker]) -> list[Attempt]:
        """What the next round tries: new hits of labels that are short; failing those, what failed in earlier runs."""
        hits = await asyncio.gather(*(self._next(seeker) for seeker in seekers))
        planned = [of_hit(hit, PLANNED) for hit in itertools.chain(*hits)]
        if not planned:
            short = {seeker.label for seeker in seekers if self._missing(seeker.label) > 0}
            again = {key for key in self._failed_before if key[0] in short}
            self._failed_before -= again
            planned = [replace(row, status=PLANNED) for key, row in self._log.rows.items() if key in again]
        return planned

    async def _next(self, seeker: Seeker) -> list[SearchResult]:
        missing = self._missing(seeker.label)
        if missing <= 0 or seeker.is_dry:
            return []
        mine = [row for row in self._log.rows.values() if row.label == seeker.label]
        share = max(LEAST_YIELD, (self._aims.per_label - missing) / len(mine)) if mine else FIRST_YIELD
        return await seeker.take(min(MOST_AT_ONCE, math.ceil(missing / share) + SPARE_HITS), {row.url for row in mine})

    def _missing(self, label: str) -> int:
        return self._aims.per_label - kept_by_label(self._log.rows.values())[label]

    async def _try(self, planned: Sequence[Attempt], pool: ThreadPoolExecutor) -> None:
        """Try each address once, whatever number of labels it was found for, and log each row as it ends."""
        self._watcher.planned(planned)
        by_url: dict[str, list[Attempt]] = {}
        for row in planned:
            by_url.setdefault(row.url, []).append(row)
        done = {row.url: row for row in self._log.rows.values() if row.url in by_url and row.file}
        room = asyncio.Semaphore(IN_MEMORY)

        async def attempt(url: str, rows: list[Attempt]) -> None:
            async with room:
                found = done.get(url) or await self._fetched(url, pool)
            for row in rows:
                self._note(row, found)

        try:
            async with asyncio.TaskGroup() as together:
                for url in interleaved(by_url):
                    together.create_task(attempt(url, by_url[url]))
        except ExceptionGroup as several:  # the first one stopped the others
            raise several.exceptions[0] from several

    def _note(self, planned: Attempt, found: Attempt) -> None:
        row = planned.ended_as(found)
        self._log.add(row)
        self._watcher.tried(row)

    async def _fetched(self, url: str, pool: ThreadPoolExecutor) -> Attempt:
        async with self._fetch(url) as outcome:
            return await self._ended(outcome, pool)

    async def _ended(self, outcome: DownloadResult, pool: ThreadPoolExecutor) -> Attempt:
        """What came of an address; its picture is on disk when this returns."""
        found = Attempt(
            "",
            outcome.url,
            outcome.status,
            outcome.reason,
            final_url=outcome.final_url if outcome.final_url != outcome.url else "",
            tries=outcome.tries,
            may_pass=outcome.may_pass,
            bytes=len(outcome.data or b""),
            fetched_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        if outcome.data is None:
            return found
        return await asyncio.get_running_loop().run_in_executor(pool, self._cleaned, found, outcome.data)

    def _cleaned(self, found: Attempt, data: bytes) -> Attempt:
        try:
            picture = clean(data, self._aims.rules)
        except ImageError as error:
            return replace(found, status=REJECTED, reason=str(error))
        if picture.sha256 not in self._unwanted:  # what a person took out does not lie in wait again
            self._places.add(picture.name, picture.data)
        facts = {name: getattr(picture, name) for name in ("width", "height", "pixels", "sha256", "phash", "mirrored")}
        return replace(found, status=GOOD, file=picture.name, **facts)


def interleaved(urls: Iterable[str]) -> list[str]:
    """One address of each host, then a second..., so that a slow host does not hold the others up."""
    turn: Counter[str] = Counter()
    placed = []
    for url in urls:
        host = urlsplit(url).netloc
        turn[host] += 1
        placed.append((turn[host], url))
    return [url for _, url in sorted(placed, key=lambda place: place[0])]


def kept_by_label(rows: Iterable[Attempt]) -> Counter[str]:
    """How many pictures each label's folder holds."""
    return Counter(row.moved_to or row.label for row in rows if row.status == KEPT)
