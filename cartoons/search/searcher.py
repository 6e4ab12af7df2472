"""Label and queries -> a lazy sequence of hits, engine after engine."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cartoons.errors import SearchError
from cartoons.search.cache import AnswerCache, Question
from cartoons.search.engine import ANY_LICENSE, LICENSES, Engine, Page
from cartoons.search.hits import Hit
from cartoons.search.pace import Pace, Refusal, Turns


class Searcher:
    """Asks engines in their order, each until it has no more; every answer is kept and never asked for again.

    Several threads may iterate over the hits of different labels; an engine is asked by one of them at a time.
    """

    def __init__(
        self, engines: Sequence[Engine], cache_folder: Path, license: str, pace: Pace, say: Callable[[str], None]
    ) -> None:
        """`license`: one of LICENSES, else SearchError. `say` hears when an engine cannot filter, or gives nothing."""
        if license not in LICENSES:
            raise SearchError(f"No licence filter is called {license!r}: choose among {', '.join(LICENSES)}.")
        self.troubles: dict[str, list[str]] = defaultdict(list)
        """Label -> a sentence for each time that an engine gave nothing, or stopped before its end."""
        self._engines = tuple(engines)
        self._cache = AnswerCache(cache_folder)
        self._licenses = {engine.name: license if license in engine.licenses else ANY_LICENSE for engine in engines}
        self._turns = {engine.name: Turns(pace) for engine in engines}
        self._say = say
        for name, honoured in self._licenses.items():
            if honoured != license:
                say(f'{name} cannot filter by licence: its pictures may have any, not only "{license}".')

    def hits(self, label: str, queries: Sequence[str]) -> Iterator[Hit]:
        """The first engine's hits, page 1 of each query, page 2...; then the next engine's. No address twice; lazy.

        An engine that refuses is passed over (see `troubles`): no exception, just fewer hits, or none.
        """
        seen: set[str] = set()
        for position, engine in enumerate(self._engines):
            following = self._engines[position + 1].name if position + 1 < len(self._engines) else ""
            for hit in self._hits_of(engine, label, tuple(dict.fromkeys(queries)), following):
                if hit.url not in seen:
                    seen.add(hit.url)
                    yield hit

    def _hits_of(self, engine: Engine, label: str, queries: tuple[str, ...], following: str) -> Iterator[Hit]:
        """One engine's hits, page by page; a query ends with a last page, a refusal, or a page that only repeats."""
        given: dict[str, set[str]] = {query: set() for query in queries}
        number = 1
        while given:
            for query in tuple(given):
                answer = self._answer(engine, query, number)
                if isinstance(answer, Refusal):
                    del given[query]
                    if number == 1 or not answer.silent:
                        self._note(label, _sentence(engine.name, query, number, answer), bool(given), following)
                    continue
                urls = {found.url for found in answer.found}
                if not answer.more or (urls and urls <= given[query]):
                    del given[query]
                else:
                    given[query] |= urls
                for found in answer.found:
                    yield Hit(label=label, engine=engine.name, query=query, **asdict(found))
            number += 1

    def _answer(self, engine: Engine, query: str, number: int) -> Page | Refusal:
        license = self._licenses[engine.name]
        question = Question(engine.name, query, license, number)
        if page := self._cache.read(question):
            return page
        turns = self._turns[engine.name]
        with turns.lock:
            if page := self._cache.read(question):  # another label's thread asked the same meanwhile
                return page
            answer = turns.ask(lambda: engine.page(query, number, license), first=number == 1)
            if isinstance(answer, Page):
                self._cache.write(question, answer)
            return answer

    def _note(self, label: str, sentence: str, others: bool, following: str) -> None:
        self.troubles[label].append(sentence)
        rest = " and ".join(filter(None, ("its other queries" if others else "", following)))
        self._say(f"{sentence} {f'Going on with {rest}' if rest else 'No other engine is left'}; later runs ask it again.")


def _sentence(engine: str, query: str, number: int, refusal: Refusal) -> str:
    what = "nothing" if number == 1 else f"no page {number}"
    after = f" after {refusal.tries} {'try' if refusal.tries == 1 else 'tries'}" if refusal.tries else ""
    return f'{engine} gave {what} for "{query}"{after}: {refusal.reason}.'
