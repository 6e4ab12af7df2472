"""What every route does with a picture: decode and classify it in the worker pool, and log one line about it.

service = PictureService(Classifier.load(folder))
answered = service.answer(data, "/predict")       # from a thread; from a coroutine: await service.answer_async(...)
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from PIL import Image

from cartoons.classifier import Classifier, Look, Prediction
from cartoons.errors import BusyError, ImageError
from cartoons.images import load
from cartoons.serving.worker_pool import WorkerPool

log = logging.getLogger("page")
Observer = Callable[[str, str, float], None]
"""Told of each request: its route, its outcome, and the seconds it took."""


@dataclass(frozen=True)
class Answered:
    """A picture and what the model says of it."""

    picture: Image.Image
    prediction: Prediction
    look: Look | None
    """Where the model looked, if that was asked for."""
    milliseconds: float
    """Of decoding and classifying, without the wait for a thread."""


class PictureService:
    """Answers pictures for all routes. Safe to use from several threads and coroutines."""

    def __init__(self, classifier: Classifier, observers: Sequence[Observer] = ()) -> None:
        self.classifier, self.pool = classifier, WorkerPool()
        self._observers = (self._log, *observers)

    def answer(self, data: bytes, route: str, *, look: bool = False) -> Answered:
        """The answer for a picture file's bytes; look: also where the model looked.

        Raises ImageError for what is no picture, BusyError when too many are waiting.
        """
        return self._submit(data, route, look).result()

    async def answer_async(self, data: bytes, route: str) -> Answered:
        """As `answer`, without blocking the event loop."""
        return await asyncio.wrap_future(self._submit(data, route, False))

    def _submit(self, data: bytes, route: str, look: bool) -> "Future[Answered]":
        """The answer to come; the observers are told before it is there."""
        started = time.perf_counter()

        def work() -> Answered:
            try:
                answered = self._work(data, look)
            except Exception as error:
                self._tell(route, outcome_of(error), started)
                raise
            self._tell(route, outcome_of(answered), started)
            return answered

        try:
            return self.pool.submit(work)
        except BusyError as error:
            self._tell(route, outcome_of(error), started)
            raise

    def _work(self, data: bytes, look: bool) -> Answered:
        started = time.perf_counter()
        picture = load(data)
        looked = self.classifier.look(picture) if look else None
        prediction = looked.answer if looked else self.classifier.predict([picture])[0]
        return Answered(picture, prediction, looked, round((time.perf_counter() - started) * 1000, 2))

    def _tell(self, route: str, outcome: str, started: float) -> None:
        seconds = time.perf_counter() - started
        for observer in self._observers:
            observer(route, outcome, seconds)

    def _log(self, route: str, outcome: str, seconds: float) -> None:
        """One line of JSON, without the picture's name or the character's."""
        revision = self.classifier.info.revision
        line = {"time": round(time.time(), 3), "route": route, "outcome": outcome, "ms": round(seconds * 1000, 1)}
        log.info(json.dumps(line | {"revision": revision}))


def outcome_of(answer: Answered | Exception) -> str:
    """known, unknown, refused (no picture), busy, or failed (a fault of the page)."""
    if isinstance(answer, Answered):
        return "known" if answer.prediction.known else "unknown"
    return "refused" if isinstance(answer, ImageError) else "busy" if isinstance(answer, BusyError) else "failed"
