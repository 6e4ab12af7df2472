"""How many pictures are in memory at once."""

from collections.abc import Iterable, Iterator

from cartoons.download.http import DownloadResult
from cartoons.search.engines import SearchResult

IN_MEMORY = 128
"""Addresses being fetched or cleaned at once."""
BYTES_IN_MEMORY = 32 * 2**20
"""Of pictures that lie here: no more are read at once when those exceed this."""


def handfuls(given: Iterable[tuple[SearchResult, DownloadResult]]) -> Iterator[list[tuple[SearchResult, DownloadResult]]]:
    """The same pairs, as many at once as the memory is meant for."""
    some, size = list[tuple[SearchResult, DownloadResult]](), 0
    for hit, outcome in given:
        some.append((hit, outcome))
        size += len(outcome.data or b"")
        if len(some) == IN_MEMORY or size > BYTES_IN_MEMORY:
            yield some
            some, size = [], 0
    if some:
        yield some
