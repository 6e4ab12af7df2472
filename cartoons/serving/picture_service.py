"""What every route does with a picture: decode and classify it in a few threads, and log one line about it.

service = PictureService(Classifier.load(folder))
answered = service.submit(data, "/predict").result()       # in a coroutine: await asyncio.wrap_future(service.submit(...))
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from cartoons.classifier import Classifier, Look, Prediction
from cartoons.errors import BusyError, ImageError
from cartoons.images import load
from cartoons.onnx_graph import available_cores

MAX_WAITING = 64
"""Pictures that may wait for a thread; more are refused at once."""

T = TypeVar("T")
Observer = Callable[[str, str, float], None]
"""Told of each request: its route, its outcome, and the seconds it took."""

log = logging.getLogger("page")


@dataclass(frozen=True)
class Answered:
    """A picture and what the model says of it."""

    picture: Image.Image
    prediction: Prediction
    look: Look | None
    """Where the model looked, if that was asked for."""
    milliseconds: float
    """Of decoding and classifying, without the wait for a thread."""


class WorkerPool:
    """A thread per core, for all routes, so that requests wait in one line and none starves. Safe to use from any thread."""

    def __init__(self, workers: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        """workers: by default the cores this process may use."""
        workers = workers or available_cores()
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="picture")
        self._most, self._lock, self.pending = workers + max_waiting, threading.Lock(), 0

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Have the work done by the next free thread. Raises BusyError when too much is waiting."""
        with self._lock:
            if self.pending >= self._most:
                raise BusyError("Too many pictures at once: try again in a few seconds.")
            self.pending += 1
        future = self._executor.submit(work)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        with self._lock:
            self.pending -= 1


class PictureService:
    """Answers pictures for all routes. Safe to use from several threads and coroutines."""

    def __init__(self, classifier: Classifier, *observers: Observer) -> None:
        self.classifier, self.pool = classifier, WorkerPool()
        self._observers = (self._log, *observers)

    def submit(self, data: bytes, route: str, *, look: bool = False) -> "Future[Answered]":
        """The answer to come for a picture file's bytes; look: also where the model looked. Observers are told first.

        Raises BusyError when too many are waiting, its result ImageError for what is no picture.
        """
        started = time.perf_counter()

        def observed(outcome: str) -> None:
            for observer in self._observers:
                observer(route, outcome, time.perf_counter() - started)

        def work() -> Answered:
            try:
                answered = self._answer(data, look)
            except Exception as error:
                observed("refused" if isinstance(error, ImageError) else "failed")
                raise
            observed("known" if answered.prediction.known else "unknown")
            return answered

        try:
            return self.pool.submit(work)
        except BusyError:
            observed("busy")
            raise

    def _answer(self, data: bytes, look: bool) -> Answered:
        started = time.perf_counter()
        picture = load(data)
        looked = self.classifier.look(picture) if look else None
        prediction = looked.answer if looked else self.classifier.predict([picture])[0]
        return Answered(picture, prediction, looked, round((time.perf_counter() - started) * 1000, 2))

    def _log(self, route: str, outcome: str, seconds: float) -> None:
        """One line of JSON, without the picture's name or the character's."""
        line = {"time": round(time.time(), 3), "route": route, "outcome": outcome, "ms": round(seconds * 1000, 1)}
        log.info(json.dumps(line | {"revision": self.classifier.info.revision}))
