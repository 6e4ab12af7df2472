"""The few threads that decode and classify pictures for every route, so that requests wait in one line and none starves."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from cartoons.errors import BusyError
from cartoons.graph import available_cores

MAX_WAITING = 64
"""Pictures that may wait for a thread; more are refused at once."""

T = TypeVar("T")


class WorkerPool:
    """A thread per core for work on pictures. Safe to use from any thread."""

    def __init__(self, workers: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        """workers: by default the cores this process may use."""
        self.workers = workers or available_cores()
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="picture")
        self._most, self._lock, self.pending = self.workers + max_waiting, threading.Lock(), 0

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
