import threading

import pytest

from cartoons.errors import BusyError
from cartoons.serving.picture_service import WorkerPool


def test_work_beyond_what_may_wait_is_refused_at_once_and_taken_again_later() -> None:
    pool, go = WorkerPool(workers=1, max_waiting=2), threading.Event()
    waiting = [pool.submit(go.wait) for _ in range(3)]
    with pytest.raises(BusyError, match="try again"):
        pool.submit(go.wait)
    go.set()
    assert all(future.result(5) for future in waiting)
    assert pool.submit(lambda: 7).result(5) == 7


def test_work_that_fails_frees_its_place() -> None:
    pool = WorkerPool(workers=1, max_waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 // 0).result(5)
    assert pool.submit(lambda: 7).result(5) == 7
