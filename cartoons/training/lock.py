"""One train.py at a time in a model folder: two would remove and overwrite each other's work.

Who holds the lock removes the half-written files that a kill left.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from cartoons import ctrl_c
from cartoons.errors import DataError
from cartoons.files import TEMPORARY, check_writable, take_lock
from cartoons.training.config import LOCK, WORK
from cartoons.training.run import is_main_process, remove_empty

log = logging.getLogger("train")


@contextmanager
def sole_training(out: Path) -> Iterator[None]:
    """Let no other train.py make or change a model in `out` meanwhile; of several processes of one, the first sees to that.

    It ends with the program, however that ends. Raises DataError when another is at it, or `out` cannot be written.
    """
    if not is_main_process():
        yield
        return
    made = [folder for folder in out.parents if not folder.exists()]

    def tidy() -> None:
        remove_empty(out)
        with suppress(OSError):  # the first that is not empty ends it
            for folder in made:
                folder.rmdir()

    with ExitStack() as stack:
        stack.callback(tidy)
        stack.enter_context(_lock(out))
        with ctrl_c.before_the_end(stack.close):
            yield


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Where a file system has no locks, that is said, and the training goes on."""
    check_writable(out)
    path = out / WORK / LOCK
    held: AbstractContextManager[object] = nullcontext()
    try:
        path.parent.mkdir(exist_ok=True)
        held = closing(take_lock(path))
        _remove_half_written(out)
    except BlockingIOError as error:
        raise DataError(f"{out} is in use by another train.py: wait until that is done, or give another --out.") from error
    except OSError as error:
        log.warning("%s cannot be locked (%s): start no other train.py with this --out meanwhile.", out, error)
    with held:
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()  # while it is held, so that nobody else's is removed


def _remove_half_written(out: Path) -> None:
    """What a kill left of the files that a train.py writes."""
    for place in ("", "report/", "report/pictures/", "examples/", f"{WORK}/*/"):
        for left in out.glob(f"{place}.*.tmp"):
            if TEMPORARY.fullmatch(left.name):
                left.unlink(missing_ok=True)
