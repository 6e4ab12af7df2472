"""What the frozen part of a network makes of pictures, kept on this machine for every later training.

A folder with a file per view of a picture. A file is written whole or not at all, and ends in the hash of its numbers: one
that was damaged is as good as none. Any of them may go at any time; those not used for longest do when there are too many.
Loads no torch.
"""

import hashlib
import math
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cartoons.errors import DataError
from cartoons.files import write_atomically

MOST_BYTES = 4 * 10**9
HASH_BYTES = 32
LEFT_BEHIND_S = 3600
"""A half-written file of that age is of a program that was killed."""

Maps = NDArray[np.float16]


class FeatureStore:
    """The views' feature maps of one network, (channels, height, width) each, by the names of the views."""

    def __init__(self, folder: Path, network: str, shape: tuple[int, ...]) -> None:
        """folder: of the store; network: names all that the maps depend on besides the view; shape: of one view's maps."""
        self.folder, self.network, self.shape = folder, network, shape
        self.file_bytes = 2 * math.prod(shape) + HASH_BYTES
        self._used: set[Path] = set()

    def has(self, view: str) -> bool:
        """Whether a view is there; it then is among the last used."""
        path = self._path(view)
        try:
            if path.stat().st_size != self.file_bytes:
                return False
            os.utime(path)
        except OSError:
            return False
        self._used.add(path)
        return True

    def read(self, view: str) -> Maps | None:
        """The maps of a view; None when they are not there, or damaged."""
        try:
            data = self._path(view).read_bytes()
        except OSError:
            return None
        numbers, digest = data[:-HASH_BYTES], data[-HASH_BYTES:]
        if len(data) != self.file_bytes or hashlib.sha256(numbers).digest() != digest:
            return None
        return np.frombuffer(numbers, np.float16).reshape(self.shape)

    def write(self, view: str, maps: Maps) -> None:
        """Keep the maps of a view. Raises DataError when that cannot be."""
        path, numbers = self._path(view), maps.astype(np.float16).tobytes()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The hash tells of a power cut, sooner than a sync.
            write_atomically(path, numbers + hashlib.sha256(numbers).digest(), sync=False)
        except OSError as error:
            raise DataError(
                f"{self.folder} takes no more of what the frozen part sees ({error.strerror}): make room there, or name "
                "another folder in CARTOONS_CACHE."
            ) from error
        self._used.add(path)

    def make_room(self, views: int) -> None:
        """Delete what was not used for longest, other than by this run, until so many more views have room.

        Raises DataError when the disk has not.
        """
        files = sorted(self._files(), key=lambda file: (file[0] not in self._used, -file[1].st_mtime))
        needed = views * self.file_bytes
        most = min(MOST_BYTES, sum(status.st_size for _, status in files) + shutil.disk_usage(self.folder).free)
        kept = 0
        for path, status in files:
            is_left = path.suffix == ".tmp" and status.st_mtime < time.time() - LEFT_BEHIND_S
            if path not in self._used and (is_left or kept + status.st_size + needed > most):
                with suppress(OSError):
                    path.unlink()
            else:
                kept += status.st_size
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DataError(
                f"{self.folder} needs {needed / 1e9:.1f} GB for what the frozen part sees, and {free / 1e9:.1f} GB are "
                "free: name a folder on a larger disk in CARTOONS_CACHE, or take --recipe finetune."
            )

    def size_bytes(self) -> int:
        """How much lies in the store, of all networks."""
        return sum(status.st_size for _, status in self._files())

    def _path(self, view: str) -> Path:
        name = hashlib.sha256(f"{self.network} {view}".encode()).hexdigest()
        return self.folder / name[:2] / name[2:]

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """Every file of the store with its size and when it was last used."""
        found = []
        for path in self.folder.glob("??/*"):
            with suppress(OSError):  # another training has deleted it meanwhile
                found.append((path, path.stat()))
        return found


def find_folder(work: Path) -> Path:
    """Where the store lies on this machine, or, where nothing can be written there, in a folder of this run."""
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = Path(os.environ.get("CARTOONS_CACHE") or caches / "cartoon-classifier") / "features"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    except (OSError, RuntimeError):  # a read-only home, or none
        pass
    folder = work / "features"
    folder.mkdir(exist_ok=True)
    return folder
