"""Pictures that lie on this machine, as if they had been found and fetched."""

from collections.abc import Iterator
from pathlib import Path

from cartoons.dataset import is_picture, tops_of
from cartoons.download.outcome import Outcome
from cartoons.errors import DataError
from cartoons.images import MAX_BYTES
from cartoons.search.hits import Hit


def from_folder(folder: Path, label: str = "") -> Iterator[tuple[Hit, Outcome]]:
    """Every picture file below `folder`, with its bytes or why there are none.

    label: of them all; without one, each sub-folder is a label. Raises DataError when there are no pictures.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one that holds pictures, in a folder per character.")
    inside = [path for top in tops_of(folder) for path in sorted(top.iterdir())]
    tops = [folder] if label else [path for path in inside if path.is_dir() and path.name[0] != "."]
    paths = [(label or top.name, path) for top in tops for path in sorted(top.rglob("*")) if is_picture(path)]
    if not paths:
        raise DataError(
            f"{folder} holds no pictures in folders of their own: make one for each character, or name the only one."
        )
    return ((Hit(path.resolve().as_uri(), name, engine="folder"), _read(path)) for name, path in paths)


def _read(path: Path) -> Outcome:
    url = path.resolve().as_uri()
    try:
        if path.stat().st_size > MAX_BYTES:
            return Outcome(url, status="refused", reason=f"larger than {MAX_BYTES / 2**20:g} MB")
        return Outcome(url, path.read_bytes(), final_url=url)
    except OSError as error:
        return Outcome(url, status="failed", reason=f"cannot be read ({error.strerror})")
