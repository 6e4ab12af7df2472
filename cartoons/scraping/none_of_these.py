"""`_other`, pictures of none of the characters: how they are searched, and which results show a character after all."""

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from cartoons.model_folder import OTHER_LABEL
from cartoons.scraping.manifest import Attempt
from cartoons.search.engines import SearchResult
from cartoons.search.rivals import MOST_RIVAL_QUERIES, names_character, rival_queries, words_of
from cartoons.search.searcher import Searcher

RESULTS_IN_TURN = 40
"""Taken of a query before the next one's turn: fewer give more variety, and each turn may cost a request."""
TITLES_READ = 20
"""Of each name: as many as the shortest first page of any engine has."""


def other_results(searcher: Searcher, queries: Mapping[str, Sequence[str]]) -> Iterator[SearchResult]:
    """Results for `_other`, RESULTS_IN_TURN of each query, those for rivals and the general ones alternating; none twice.

    queries: of every label. The titles that tell the rivals are on the first page of each name's first query, which is asked
    for that name anyway.
    """
    names = [label for label in queries if label != OTHER_LABEL][:MOST_RIVAL_QUERIES]
    titles = {
        name: [_without_site(result) for result in itertools.islice(searcher.search(name, queries[name][:1]), TITLES_READ)]
        for name in names
    }
    mixed = itertools.chain(*itertools.zip_longest(rival_queries(titles), queries[OTHER_LABEL]))
    waiting = [searcher.search(OTHER_LABEL, [query]) for query in dict.fromkeys(mixed) if query]
    seen: set[str] = set()
    while waiting:
        for results in list(waiting):
            taken = list(itertools.islice(results, RESULTS_IN_TURN))
            if len(taken) < RESULTS_IN_TURN:
                waiting.remove(results)
            yield from (result for result in taken if result.url not in seen)
            seen.update(result.url for result in taken)


def _without_site(result: SearchResult) -> str:
    """A result's title without the words that its site's address has: "Bugs Bunny | PNGWing" on pngwing.com."""
    host = urlsplit(result.page_url or result.url).hostname or ""
    return " ".join(word for word in result.title.split() if "".join(words_of(word)) not in {*host.split("."), ""})


def shown_character(found: SearchResult | Attempt, urls_by_label: Mapping[str, Container[str]]) -> str:
    """Why what was searched for `_other` shows a character after all; "" where nothing says so, and for all else.

    urls_by_label: every label, with the addresses that were found for it.
    """
    if found.label != OTHER_LABEL or not found.query:
        return ""
    for name, urls in urls_by_label.items():
        if name == OTHER_LABEL:
            continue
        if found.url in urls:
            return f"shows a character: its address was found for {name} too"
        if names_character(found.title, name, is_title=True):
            return f"shows a character: its title names {name}"
        if any(names_character(url, name) for url in (found.url, found.page_url)):
            return f"shows a character: its address names {name}"
    return ""
