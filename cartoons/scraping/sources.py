"""Where pictures come from: addresses that were searched or listed, and pictures that lie on this machine."""

import asyncio
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cartoons import img2dataset
from cartoons.console import command
from cartoons.download.http import DownloadResult, HttpConfig, get_json
from cartoons.errors import DataError, counted
from cartoons.files import HIDDEN, check_folder
from cartoons.images import MAX_BYTES
from cartoons.metadata import is_label
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import is_hidden, pictures_below
from cartoons.picture_folder import in_words, read_folder
from cartoons.scraping.config import SHORT, ScrapeConfig, check_labels, folder_of
from cartoons.scraping.manifest import Attempt, Manifest, Status
from cartoons.scraping.none_of_these import other_results, shown_character
from cartoons.scraping.progress import ScrapeProgress
from cartoons.search.engines import FOLDER, SearchResult
from cartoons.search.searcher import RetryPolicy, Searcher, make_engines

PREVIEWED = 40
"""Addresses of each name that a dry run looks for."""
PICTURES_IN_MEMORY = 128
"""Addresses being fetched, or pictures being cleaned, at once."""
BYTES_IN_MEMORY = 32 * 2**20
"""Of pictures that lie here: no more are read at once when those exceed this."""

Say = Callable[[str], None]
Check = Callable[[Iterable[str]], None]
"""Raises DataError for labels that cannot be."""
Pictures = Iterator[tuple[SearchResult, DownloadResult]]
"""Each with its bytes, or why there are none."""


class UrlList:
    """A label, and the addresses for it that were not tried yet."""

    def __init__(self, label: str, hits: Iterable[SearchResult], urls: set[str] | None = None) -> None:
        """hits: perhaps lazily found, always in the same order. urls: a set that fills with all that was found so far."""
        self.label, self.is_exhausted, self._hits = label, False, iter(hits)
        self.urls: set[str] = set() if urls is None else urls

    async def take(self, count: int, known: set[str]) -> list[SearchResult]:
        """The next hits, fewer when there are no more. known: addresses that are passed over.

        A thread looks for them, which the end of the program does not wait for: an engine may take minutes.
        """
        new = (hit for hit in self._hits if hit.url not in known)
        future: Future[list[SearchResult]] = Future()
        future.set_running_or_notify_cancel()

        def look() -> None:
            try:
                future.set_result(list(itertools.islice(new, count)))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=look, daemon=True).start()
        hits = await asyncio.wrap_future(future)
        self.urls.update(hit.url for hit in hits)
        self.is_exhausted = len(hits) < count
        return hits


def url_lists(config: ScrapeConfig, progress: ScrapeProgress) -> tuple[list[UrlList], Mapping[str, list[str]]]:
    """The URLs of each label, searched or listed; and, by label, sentences about engines, to be filled meanwhile."""
    http = HttpConfig(config.proxy, config.ca)
    engines = make_engines(config.engines, partial(get_json, config=http), http.proxy or None, http.ca_file or None)
    searcher = Searcher(engines, config.out / HIDDEN / "searches", config.license, RetryPolicy(), progress.say)
    listed: dict[str, list[SearchResult]] = {}
    for result in config.url_list:
        listed.setdefault(result.label, []).append(result)
    for label in config.queries:
        progress.expect(label, config.per_class)
    for label, results in listed.items():
        progress.expect(label, min(len(results), config.per_class or len(results)))
    searched = {label: searcher.search(label, queries) for label, queries in config.queries.items()}
    if config.has_rivals and OTHER_LABEL in searched:
        queries: dict[str, Sequence[str]] = {label: (label,) for label in existing_labels(config.out, Manifest(config.out))}
        searched[OTHER_LABEL] = other_results(searcher, queries | dict(config.queries))
    lists = [UrlList(label, results, searcher.urls[label]) for label, results in searched.items()]
    return [*lists, *(UrlList(label, results) for label, results in listed.items())], searcher.failures


def existing_labels(root: Path, manifest: Manifest) -> list[str]:
    """The labels of earlier runs, which the manifest has, and of label folders that somebody made by hand."""
    scraped = dict.fromkeys(row.label for row in manifest.attempts.values())
    known = {OTHER_LABEL, *map(folder_of, scraped)}
    by_hand = (path.name for path in sorted(root.glob("*/")) if not is_hidden(path.name) and path.name not in known)
    return [*scraped, *filter(is_label, by_hand)]


def interleaved(urls: Iterable[str]) -> list[str]:
    """One address of each host, then a second..., so that a slow host does not hold the others up."""
    earlier: Counter[str] = Counter()

    def turn(url: str) -> int:
        host = urlsplit(url).netloc
        earlier[host] += 1
        return earlier[host]

    return sorted(urls, key=turn)


def preview(config: ScrapeConfig, lists: Sequence[UrlList]) -> int:
    """Search without downloading: a list for img2dataset, or, for a dry run, the first addresses; the exit code."""
    wanted = min(2 * config.per_class, sys.maxsize) if config.per_class else sys.maxsize
    count = min(PREVIEWED, wanted) if config.dry_run else wanted

    async def first() -> list[list[SearchResult]]:
        return await asyncio.gather(*(url_list.take(count, set()) for url_list in lists))

    found = {label: set[str]() for label in existing_labels(config.out, Manifest(config.out))}
    check_labels([*found, *(each.label for each in lists)])
    hits = dict(zip([each.label for each in lists], asyncio.run(first()), strict=True))
    found |= {each.label: each.urls for each in lists}
    hits = {label: [hit for hit in mine if not shown_character(hit, found)] for label, mine in hits.items()}
    for label, mine in hits.items():
        engines = ", ".join(f"{name} {number}" for name, number in Counter(hit.engine or "list" for hit in mine).items())
        hosts = counted(len({urlsplit(hit.url).hostname for hit in mine}), "host")
        folder = config.out / folder_of(label)
        print(f"{label}: {counted(len(mine), 'address', 'es')} ({engines or 'none'}) on {hosts}, for {folder}")
    if config.urls_only:
        path = config.out / "urls.parquet"
        count = img2dataset.write_urls(path, itertools.chain.from_iterable(hits.values()))
        print(f"{path}: {counted(count, 'address', 'es')}. Download {'it' if count == 1 else 'them'} with")
        print(command("img2dataset", "--url_list", path), "--input_format parquet --url_col url --caption_col caption \\")
        print("  --save_additional_columns '[\"label\"]' --disable_all_reencoding True --output_folder downloaded")
        print(command("python", "scrape.py", "--from-img2dataset", "downloaded", "--out", config.out))
    return 0 if all(hits.values()) else SHORT


def local_pictures(config: ScrapeConfig, say: Say, check: Check) -> Pictures:
    """The pictures of the folder, or of img2dataset's, that the run was given; say, check: as `from_folder` takes them."""
    if config.from_folder:
        yield from from_folder(config.from_folder, config.default_label, say, check)
    elif config.from_img2dataset:
        for hit, outcome in img2dataset.read_output(config.from_img2dataset, check):
            if hit.label:
                yield hit, outcome
            else:
                say(f"Left out: {outcome.reason}.")


def from_folder(folder: Path, label: str = "", say: Say = lambda _: None, check: Check = check_labels) -> Pictures:
    """Every picture file below `folder`.

    label: of them all; without one, as training takes the folder. say: is told what is passed over; check: is told all
    labels, before any picture is read. Raises DataError when there are no pictures, and what check raises.
    """
    check_folder(folder, "one that holds pictures, in a folder per character")
    if label:
        files, passed_over = pictures_below(folder)
        paths = [(label, path) for path in files]
    else:
        known = read_folder(folder)
        paths, passed_over = [(picture.label, picture.path) for picture in known.pictures], known.passed_over
        for sentence in known.warnings():
            say(sentence)
    reasons = in_words(Counter(each.reason for each in passed_over))
    if not paths:
        seen = f" (passed over: {reasons})" if reasons else ""
        raise DataError(
            f"{folder} holds no pictures in folders of their own{seen}: make one for each character, or name the only one."
        )
    if reasons:
        say(f"Passed over in {folder}: {reasons}.")
    check(dict.fromkeys(name for name, _ in paths))
    return ((SearchResult(path.resolve().as_uri(), name, engine=FOLDER), _read(path)) for name, path in paths)


def _read(path: Path) -> DownloadResult:
    url = path.resolve().as_uri()
    try:
        if path.stat().st_size > MAX_BYTES:
            return DownloadResult(url, status="refused", reason=f"larger than {MAX_BYTES / 2**20:g} MB")
        return DownloadResult(url, path.read_bytes(), final_url=url)
    except OSError as error:
        return DownloadResult(url, status="failed", reason=f"cannot be read ({error.strerror})")


def is_changed(row: Attempt, result: DownloadResult) -> bool:
    """Whether a file of a folder gave no picture, and is another one since then. result: of reading it now."""
    if row.engine != FOLDER or row.file or row.status not in (Status.REJECTED, Status.REFUSED):
        return False
    if len(result.data or b"") != row.bytes:
        return True
    with suppress(OSError, ValueError):
        changed_s = Path(url2pathname(urlsplit(row.url).path)).stat().st_mtime
        return changed_s >= datetime.fromisoformat(row.fetched_at).timestamp()
    return True


def batches(pictures: Pictures) -> Iterator[list[tuple[SearchResult, DownloadResult]]]:
    """The same pairs, as many at once as the memory is meant for."""
    batch, size = list[tuple[SearchResult, DownloadResult]](), 0
    for hit, outcome in pictures:
        batch.append((hit, outcome))
        size += len(outcome.data or b"")
        if len(batch) == PICTURES_IN_MEMORY or size > BYTES_IN_MEMORY:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
