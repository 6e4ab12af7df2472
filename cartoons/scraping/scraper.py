"""Fetch, clean, select, lay out, until every label has enough pictures or no more addresses.

In a round each label that is short takes its next hits, as many as should do. They are written to the manifest as planned,
all are tried, then it is selected which of all pictures stay. So the manifest alone says where a run was: one that was
killed finishes the round it was in, and goes on as if nothing had happened.
"""

import asyncio
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import fields, replace

from cartoons.download.downloader import Downloader
from cartoons.download.http import DownloadResult, HttpConfig
from cartoons.download.rate_limiter import Limits
from cartoons.errors import ImageError, counted
from cartoons.review.decisions import latest_decisions, read_decisions
from cartoons.scraping.config import STORED_PX, ScrapeConfig, check_labels
from cartoons.scraping.image_checks import clean_image
from cartoons.scraping.manifest import Attempt, Manifest, Status
from cartoons.scraping.none_of_these import shown_character
from cartoons.scraping.progress import ScrapeProgress
from cartoons.scraping.selection import PictureStore, kept_by_label, select
from cartoons.scraping.sources import (
    PICTURES_IN_MEMORY,
    Pictures,
    UrlList,
    batches,
    existing_labels,
    interleaved,
    is_changed,
    local_pictures,
)
from cartoons.search.engines import SearchResult

MOST_AT_ONCE = 2000
"""Addresses a label takes in one round."""
EXTRA_HITS = 8
"""Taken besides what should do, because rounds are long and pictures short."""
FIRST_YIELD, LEAST_YIELD = 0.65, 0.2
"""The share of addresses expected to give a picture that stays: before any was tried, and at the least."""

CLEANERS = 2 * (os.cpu_count() or 1)
"""Threads that decode, shrink and store: more than cores, since a disk is waited for."""

Fetch = Callable[[str], AbstractAsyncContextManager[DownloadResult]]
"""Gives what became of an address; its bytes count as being fetched until the block ends."""


async def fill(config: ScrapeConfig, url_lists: Sequence[UrlList], progress: ScrapeProgress) -> list[Attempt]:
    """All attempts of the folder, when each label of this run has its pictures. Raises DataError."""
    limits, http = Limits(respect_opt_out=not config.ignore_opt_out), HttpConfig(config.proxy, config.ca)
    async with Downloader(limits, http) as downloader:
        scraper = Scraper(config, downloader.fetch, progress)
        if config.is_local:
            return await scraper.add(local_pictures(config, progress.say, scraper.begin))
        return await scraper.run(url_lists)


class Scraper:
    """Fills a picture folder. Raises DataError at once when its manifest is damaged."""

    def __init__(self, config: ScrapeConfig, fetch: Fetch, progress: ScrapeProgress) -> None:
        """fetch: never raises for what a server does."""
        self._per_class, self._originals = config.per_class, config.originals
        self._fetch, self._progress = fetch, progress
        self._manifest = Manifest(config.out)
        rows = self._manifest.attempts
        self._store = PictureStore(config.out, rows.values())
        self._existing_labels = existing_labels(config.out, self._manifest)
        self._overrides = self._store.overrides(rows.values(), latest_decisions(read_decisions(config.out)))
        self._limits: dict[str, int] = dict(kept_by_label(rows.values()))
        self._labels: set[str] = set()
        self._unwanted = {sha256 for sha256, label in self._overrides.items() if not label}
        for key, row in rows.items():
            lost = row.file and row.file not in self._store and row.sha256 not in self._unwanted
            if lost and row.status in (Status.GOOD, Status.SPARE, Status.DUPLICATE, Status.TWO_LABELS, Status.REJECTED):
                rows[key] = replace(row, status=Status.PLANNED, file="", sha256="")
        self._failed_before = {key for key, row in rows.items() if row.is_worth_another_try(config.ignore_opt_out)}
        if config.originals and (reduced := sum(row.status == Status.KEPT and row.is_reduced for row in rows.values())):
            progress.say(
                f"{counted(reduced, 'picture')} of earlier runs are stored at {STORED_PX} pixels and stay so: for their "
                "originals, give another --out."
            )

    def begin(self, labels: Iterable[str]) -> None:
        """These labels are of this run: the limit of each is the run's, and that of all others what they have kept.

        Raises DataError where one cannot be a label of this folder.
        """
        new = [label for label in dict.fromkeys(labels) if label not in self._labels]
        check_labels(dict.fromkeys([*self._existing_labels, *self._labels, *new]))
        for label in new:
            self._store.check_folder(label)
            self._labels.add(label)
            self._progress.expect(label, self._per_class)
            self._limits.pop(label, None)
            if self._per_class is not None:
                self._limits[label] = self._per_class

    async def run(self, url_lists: Sequence[UrlList]) -> list[Attempt]:
        """Go on until every label has enough or no more addresses; all attempts of the folder."""
        self.begin(url_list.label for url_list in url_lists)
        self._progress.selected(self._rows())
        with ThreadPoolExecutor(CLEANERS) as pool:
            planned = [row for row in self._rows() if row.status == Status.PLANNED]
            while True:
                await self._try(planned, pool)
                self._select()
                planned = await self._plan(url_lists)
                if not planned:
                    return self._rows()
                self._manifest.update(planned)

    async def add(self, pictures: Pictures) -> list[Attempt]:
        """Clean and select pictures that are here and not in the manifest, or mended since. All attempts of the folder."""

        async def attempt(planned: Attempt, outcome: DownloadResult) -> Attempt:
            ended = planned.with_result(await self._cleaned(outcome, pool))
            self._progress.tried(ended)
            return ended

        with ThreadPoolExecutor(CLEANERS) as pool:
            for batch in batches(self._new(pictures)):
                self._progress.planned([Attempt.planned(hit) for hit, _ in batch])
                for ended in await asyncio.gather(*(attempt(Attempt.planned(hit), outcome) for hit, outcome in batch)):
                    self._manifest.append(ended)
        self._select()
        return self._rows()

    def _rows(self) -> list[Attempt]:
        return list(self._manifest.attempts.values())

    def _new(self, pictures: Pictures) -> Pictures:
        for hit, result in pictures:
            if hit.label not in self._labels:
                self.begin([hit.label])
            row = self._manifest.attempts.get((hit.label, hit.url))
            if row is None or row.status in (Status.PLANNED, Status.FAILED) or is_changed(row, result):
                yield hit, result

    def _select(self) -> None:
        if not (before := self._rows()):
            return
        selected = select(before, self._overrides, self._limits)
        self._store.lay_out(selected, self._manifest)
        self._progress.selected(selected)
        changes = zip(before, selected, strict=True)
        lost = Counter(row.label for row, new in changes if row.status == Status.KEPT and new.status == Status.TWO_LABELS)
        for label in lost.keys() - self._labels:
            self._progress.say(
                f"{label}: pictures kept before that another name has too, so that neither keeps them: {lost[label]}."
            )

    async def _plan(self, url_lists: Sequence[UrlList]) -> list[Attempt]:
        """What the next round tries: new hits of labels that are short; failing those, what failed in earlier runs."""
        hits = await asyncio.gather(*(self._next(url_list) for url_list in url_lists))
        planned = self._judged([Attempt.planned(hit) for hit in itertools.chain(*hits)], url_lists)
        if not planned:
            short = {url_list.label for url_list in url_lists if self._missing(url_list.label) > 0}
            again = {key for key in self._failed_before if key[0] in short}
            self._failed_before -= again
            planned = [replace(row, status=Status.PLANNED) for key, row in self._manifest.attempts.items() if key in again]
        return planned

    def _judged(self, planned: Sequence[Attempt], url_lists: Sequence[UrlList]) -> list[Attempt]:
        """The same, but rejected what was searched for `_other` and shows a character."""
        urls = {label: set[str]() for label in self._existing_labels}
        urls |= {url_list.label: set(url_list.urls) for url_list in url_lists}
        for row in self._rows():
            urls.setdefault(row.label, set()).add(row.url)
        reasons = (shown_character(row, urls) for row in planned)
        return [
            replace(row, status=Status.REJECTED, reason=reason) if reason else row
            for row, reason in zip(planned, reasons, strict=True)
        ]

    async def _next(self, url_list: UrlList) -> list[SearchResult]:
        missing = self._missing(url_list.label)
        if missing <= 0 or url_list.is_exhausted:
            return []
        mine = [row for row in self._rows() if row.label == url_list.label]
        share = max(LEAST_YIELD, sum(row.status == Status.KEPT for row in mine) / len(mine)) if mine else FIRST_YIELD
        count = math.ceil(min(MOST_AT_ONCE, missing / share + EXTRA_HITS))
        return await url_list.take(count, {row.url for row in mine})

    def _missing(self, label: str) -> float:
        return math.inf if self._per_class is None else self._per_class - kept_by_label(self._rows())[label]

    async def _try(self, planned: Sequence[Attempt], pool: ThreadPoolExecutor) -> None:
        """Try each address once, whatever number of labels it was found for, and log each attempt as it ends."""
        self._progress.planned(planned)
        by_url: dict[str, list[Attempt]] = {}
        for row in planned:
            if row.status != Status.PLANNED:
                self._progress.tried(row)
                continue
            by_url.setdefault(row.url, []).append(row)
        done = {row.url: row for row in self._rows() if row.url in by_url and row.file}
        memory = asyncio.Semaphore(PICTURES_IN_MEMORY)

        async def attempt(url: str, rows: list[Attempt]) -> None:
            async with memory:
                result = done.get(url) or await self._fetched(url, pool)
            for row in rows:
                self._append(row.with_result(result))

        try:
            async with asyncio.TaskGroup() as together:
                for url in interleaved(by_url):
                    together.create_task(attempt(url, by_url[url]))
        except ExceptionGroup as several:  # the first one stopped the others
            raise several.exceptions[0] from several

    def _append(self, attempt: Attempt) -> None:
        self._manifest.append(attempt)
        self._progress.tried(attempt)

    async def _fetched(self, url: str, pool: ThreadPoolExecutor) -> Attempt:
        async with self._fetch(url) as outcome:
            return await self._cleaned(outcome, pool)

    async def _cleaned(self, outcome: DownloadResult, pool: ThreadPoolExecutor) -> Attempt:
        """What came of an address; its picture is on disk when this returns."""
        result = Attempt.fetched(outcome)
        if outcome.data is None:
            return result
        return await asyncio.get_running_loop().run_in_executor(pool, self._stored, result, outcome.data)

    def _stored(self, result: Attempt, data: bytes) -> Attempt:
        try:
            picture = clean_image(data, self._originals)
        except ImageError as error:
            return replace(result, status=Status.REJECTED, reason=str(error))
        if picture.sha256 not in self._unwanted:  # what a person took out does not lie in wait again
            self._store.add(picture.file, picture.data)
        facts = {field.name: getattr(picture, field.name) for field in fields(picture) if field.name != "data"}
        return replace(result, status=Status.GOOD, **facts)
