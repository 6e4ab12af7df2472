"""Names to the pictures that a training needs: scrape.py as a process of its own, with its bars."""

import ctypes
import logging
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cartoons.console import command
from cartoons.dataset import FEWEST_PER_LABEL
from cartoons.errors import DataError
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import is_picture
from cartoons.scraping.labels import folder_of, wanted

SCRAPE = Path(__file__).parent.parent.parent / "scrape.py"
SHORT, STOPPED = 3, 130
"""scrape.py's exit codes when a name has too few pictures, and when it was interrupted."""

STOPPING_S = 2.0
"""So long after Ctrl-C, which a terminal tells both processes, the other is told again."""

PR_SET_PDEATHSIG = 1
log = logging.getLogger("train")


def labels_of(names: Sequence[str]) -> list[str]:
    """The labels of these names, whatever their order. Raises DataError for names that cannot be."""
    return sorted(want.label for want in wanted(names, (), None))


def place_of(labels: Sequence[str]) -> str:
    """The name of a folder that no other set of labels has, without spaces."""
    return folder_of("\n".join(labels)).replace(" ", "-")


def fill(folder: Path, labels: Sequence[str], per_label: int | None) -> int:
    """Let scrape.py fill the folder with pictures of each label, and of none of them.

    Returns its exit code, but 0 where each label has enough to train on. Raises DataError where one has not.
    """
    count = [] if per_label is None else ["--per-class", str(per_label)]
    words = [sys.executable, str(SCRAPE), "--other", "--out", str(folder), *count, "--", *labels]
    with subprocess.Popen(words, preexec_fn=_end_with_parent if sys.platform == "linux" else None) as scrape:
        try:
            code = scrape.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                scrape.wait(STOPPING_S)
            scrape.send_signal(signal.SIGINT)
            scrape.wait()
            return STOPPED
    if code < 0:
        raise DataError(f"scrape.py was ended by signal {-code}: the same command goes on from there.")
    if code != SHORT:
        return code
    places = {label: folder / folder_of(label) for label in (*labels, OTHER_LABEL)}
    counts = {label: sum(map(is_picture, place.glob("*"))) for label, place in places.items()}
    if few := {label: count for label, count in counts.items() if count < FEWEST_PER_LABEL}:
        raise DataError(too_few(folder, few))
    log.info("Going on with the pictures there are.")
    return 0


def too_few(folder: Path, counts: Mapping[str, int]) -> str:
    """What to do about labels of fewer pictures than training needs."""
    spoken = ", ".join(f"{label} ({count})" for label, count in counts.items())
    return (
        f"Too few pictures were found of {spoken}; training needs at least {FEWEST_PER_LABEL}: spell a name "
        f"otherwise, or search elsewhere by {command('python', 'scrape.py', '--out', folder)}, and give this command again."
    )


def _end_with_parent() -> None:
    """In the new process: it ends when this one does, even by kill -9, so that no second one fills the same folder."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
