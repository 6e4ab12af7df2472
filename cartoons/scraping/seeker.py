"""A label, and the hits for it that were not tried yet."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from cartoons.search.engines import SearchResult


class Seeker:
    """A label, and the hits it has not tried yet."""

    def __init__(self, label: str, hits: Iterator[SearchResult]) -> None:
        """hits: lazily found, always in the same order; those in the log already are passed over."""
        self.label, self.is_dry, self._hits = label, False, hits

    async def take(self, count: int, known: set[str]) -> list[SearchResult]:
        """The next hits, fewer when there are no more. known: addresses in the log under this label.

        A thread looks for them, which the end of the program does not wait for: an engine may take minutes.
        """
        new = (hit for hit in self._hits if hit.url not in known)
        found: Future[list[SearchResult]] = Future()
        found.set_running_or_notify_cancel()

        def look() -> None:
            try:
                found.set_result(list(itertools.islice(new, count)))
            except Exception as error:
                found.set_exception(error)

        threading.Thread(target=look, daemon=True).start()
        taken = await asyncio.wrap_future(found)
        self.is_dry = len(taken) < count
        return taken
