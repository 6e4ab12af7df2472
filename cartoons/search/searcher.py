"""A label's queries to a lazy sequence of results: engine after engine, page after page, each page asked for once."""

import hashlib
import json
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cartoons import strict_json
from cartoons.errors import CartoonError, SearchError
from cartoons.files import write_atomically
from cartoons.search.ddgs_engine import DdgsEngine
from cartoons.search.engines import (
    ANY_LICENSE,
    BING,
    DUCKDUCKGO,
    LICENSES,
    Engine,
    GetJson,
    NoResultsError,
    ResultPage,
    SearchResult,
    check_engines,
)
from cartoons.search.open_engines import Commons, Openverse

CACHED_FIELDS = ("url", "page_url", "title", "license", "author")


def make_engines(
    names: Iterable[str], get_json: GetJson, proxy: str | None = None, ca_file: str | None = None, timeout_s: int = 10
) -> list[Engine]:
    """The engines of these names, in order. Raises SearchError for a name that is none of ENGINES."""
    makers: dict[str, Callable[[], Engine]] = {
        DUCKDUCKGO: lambda: DdgsEngine(DUCKDUCKGO, proxy, ca_file, timeout_s),
        BING: lambda: DdgsEngine(BING, proxy, ca_file, timeout_s),
        Openverse.name: lambda: Openverse(get_json),
        Commons.name: lambda: Commons(get_json),
    }
    names = list(dict.fromkeys(names))
    check_engines(names)
    return [makers[name]() for name in names]


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how fast an engine is asked."""

    pause_s: float = 1.0
    """The least time between two requests to an engine."""
    max_tries: int = 4
    backoff_s: float = 1.0
    max_backoff_s: float = 30.0
    """Before try n + 1: a random wait of up to backoff_s * 2 ** (n - 1), at most max_backoff_s."""
    max_retry_after_s: float = 60.0
    """A longer Retry-After counts as a refusal, and closes the engine for that long."""
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


class _NoAnswerError(SearchError):
    """An engine gave no page; the message is a whole sentence."""


class Searcher:
    """Asks engines in their order, each until it has no more results; every page is cached and never asked for again.

    Several threads may search different labels; an engine is asked by one of them at a time.
    """

    def __init__(
        self, engines: Sequence[Engine], cache_folder: Path, license: str, policy: RetryPolicy, warn: Callable[[str], None]
    ) -> None:
        """`license`: one of LICENSES, else SearchError. `warn` is called when an engine cannot filter, or gives nothing."""
        if license not in LICENSES:
            raise SearchError(f"No licence filter is called {license!r}: choose among {', '.join(LICENSES)}.")
        self.failures: dict[str, list[str]] = defaultdict(list)
        """Label -> a sentence for each query that an engine did not answer, or not to the end."""
        self.urls: dict[str, set[str]] = defaultdict(set)
        """Label -> the addresses on every page of results so far, those of them that nobody took too."""
        self._engines = [_EngineClient(engine, license, cache_folder, policy) for engine in engines]
        self._warn = warn
        for engine in self._engines:
            if engine.license != license:
                warn(f'{engine.name} cannot filter by licence: its pictures may have any, not only "{license}".')

    def search(self, label: str, queries: Sequence[str]) -> Iterator[SearchResult]:
        """The first engine's results, page 1 of each query, page 2...; then the next engine's. No URL twice; lazy.

        An engine that does not answer is passed over (see `failures`): no exception, just fewer results, or none.
        """
        seen: set[str] = set()
        for engine, following in zip(self._engines, [*self._engines[1:], None], strict=True):
            for result in self._search_engine(engine, label, queries, following.name if following else ""):
                if result.url not in seen:
                    seen.add(result.url)
                    yield result

    def _search_engine(
        self, engine: "_EngineClient", label: str, queries: Sequence[str], following: str
    ) -> Iterator[SearchResult]:
        """One engine's results; a query ends with a last page, a failure, or a page that only repeats earlier URLs."""
        urls_by_query: dict[str, set[str]] = {query: set() for query in queries}
        number = 1
        while urls_by_query:
            for query in tuple(urls_by_query):
                try:
                    page = engine.page(query, number)
                except _NoAnswerError as error:
                    del urls_by_query[query]
                    self._report(label, str(error), bool(urls_by_query), following)
                    continue
                urls = {result.url for result in page.results}
                self.urls[label] |= urls
                if not page.has_more or (urls and urls <= urls_by_query[query]):
                    del urls_by_query[query]
                else:
                    urls_by_query[query] |= urls
                for result in page.results:
                    yield replace(result, label=label, engine=engine.name, query=query)
            number += 1

    def _report(self, label: str, sentence: str, has_other_queries: bool, following: str) -> None:
        self.failures[label].append(sentence)
        rest = " and ".join(filter(None, ("its other queries" if has_other_queries else "", following)))
        self._warn(f"{sentence} {f'Going on with {rest}' if rest else 'No other engine is left'}; later runs ask it again.")


class _EngineClient:
    """One engine with its cache, rate limit and retries. Whoever asks holds the lock, also through the pauses."""

    def __init__(self, engine: Engine, license: str, cache_folder: Path, policy: RetryPolicy) -> None:
        self.name = engine.name
        self.license = license if license in engine.licenses else ANY_LICENSE
        self._engine, self._cache_folder, self._policy = engine, cache_folder, policy
        self._lock = threading.Lock()
        self._next_request_s = self._closed_until_s = 0.0  # monotonic
        self._has_refused = False

    def page(self, query: str, number: int) -> ResultPage:
        """From the cache, else from the engine. Raises _NoAnswerError, or SearchError when the page cannot be cached."""
        key = {"engine": self.name, "query": query, "license": self.license, "page": number}
        words = re.sub(r"[^a-z0-9]+", "-", query.lower()).strip("-")[:60]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]
        path = self._cache_folder / ("-".join(filter(None, (self.name, words, str(number), digest))) + ".json")
        if page := _read_cache(path, key):
            return page
        with self._lock:  # another label's thread may ask the same meanwhile
            return _read_cache(path, key) or self._request(query, number, partial(_write_cache, path, key))

    def _request(self, query: str, number: int, write_cache: Callable[[ResultPage], None]) -> ResultPage:
        """The page, with retries; an engine that just refused another gets a single try."""
        policy, tries = self._policy, 0
        failed = f'{self.name} gave {"nothing" if number == 1 else f"no page {number}"} for "{query}"'
        if (left_s := self._closed_until_s - time.monotonic()) > 0:
            raise _NoAnswerError(f"{failed}: it asked to be left alone for {left_s:.0f} s more.")
        while True:
            answer = self._request_once(query, number)
            if isinstance(answer, ResultPage):
                self._has_refused = False
                write_cache(answer)
                return answer
            tries += 1
            is_past_last = isinstance(answer, NoResultsError) and number > 1  # most likely: there is no such page
            max_tries = 1 if self._has_refused else min(policy.max_tries, 2 if is_past_last else policy.max_tries)
            retry_after_s = answer.retry_after_s or 0.0 if isinstance(answer, SearchError) else 0.0
            reason = str(answer).rstrip(".") or type(answer).__name__
            if retry_after_s > policy.max_retry_after_s:
                self._closed_until_s = time.monotonic() + retry_after_s
                reason += f", and it asks to be left alone for {retry_after_s:.0f} s"
            elif tries < max_tries:
                backoff_s = policy.random() * min(policy.max_backoff_s, policy.backoff_s * 2 ** (tries - 1))
                policy.sleep(max(backoff_s, retry_after_s))
                continue
            if is_past_last:
                return ResultPage((), has_more=False)
            self._has_refused = True
            raise _NoAnswerError(f"{failed} after {tries} {'try' if tries == 1 else 'tries'}: {reason}.") from answer

    def _request_once(self, query: str, number: int) -> ResultPage | CartoonError | OSError:
        if (wait_s := self._next_request_s - time.monotonic()) > 0:
            self._policy.sleep(wait_s)
        try:
            return self._engine.page(query, number, self.license)
        except (CartoonError, OSError) as error:
            return error
        finally:
            self._next_request_s = time.monotonic() + self._policy.pause_s


def _read_cache(path: Path, key: dict[str, object]) -> ResultPage | None:
    """The cached page; None when there is none, or its file is broken."""
    try:
        cached = strict_json.loads(path.read_bytes())
        if not all(isinstance(value, str) for row in cached["found"] for value in row.values()):
            return None
        page = ResultPage(tuple(SearchResult(**row) for row in cached["found"]), cached["more"])
        return page if cached["question"] == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_cache(path: Path, key: dict[str, object], page: ResultPage) -> None:
    found = [{name: getattr(result, name) for name in CACHED_FIELDS} for result in page.results]
    data = json.dumps({"question": key, "found": found, "more": page.has_more}, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data.encode())
    except OSError as error:
        raise SearchError(
            f"The answers of the search cannot be kept in {path.parent} ({error}): make room, or choose another --out."
        ) from error
