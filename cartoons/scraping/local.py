"""Pictures that lie on this machine, as if they had been found and fetched."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from cartoons.download.http import DownloadResult
from cartoons.errors import DataError
from cartoons.images import MAX_BYTES
from cartoons.picture_files import pictures_below
from cartoons.picture_folder import in_words, read_folder
from cartoons.search.engines import SearchResult


def from_folder(
    folder: Path, label: str = "", say: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[SearchResult, DownloadResult]]:
    """Every picture file below `folder`, with its bytes or why there are none.

    label: of them all; without one, as training takes the folder. say: is told what is passed over.
    Raises DataError when there are no pictures.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one that holds pictures, in a folder per character.")
    if label:
        files, passed_over = pictures_below(folder)
        paths = [(label, path) for path in files]
    else:
        found = read_folder(folder)
        paths, passed_over = [(picture.label, picture.path) for picture in found.pictures], found.passed_over
        for sentence in found.warnings():
            say(sentence)
    reasons = in_words(Counter(each.reason for each in passed_over))
    if not paths:
        seen = f" (passed over: {reasons})" if reasons else ""
        raise DataError(
            f"{folder} holds no pictures in folders of their own{seen}: make one for each character, or name the only one."
        )
    if reasons:
        say(f"Passed over in {folder}: {reasons}.")
    return ((SearchResult(path.resolve().as_uri(), name, engine="folder"), _read(path)) for name, path in paths)


def _read(path: Path) -> DownloadResult:
    url = path.resolve().as_uri()
    try:
        if path.stat().st_size > MAX_BYTES:
            return DownloadResult(url, status="refused", reason=f"larger than {MAX_BYTES / 2**20:g} MB")
        return DownloadResult(url, path.read_bytes(), final_url=url)
    except OSError as error:
        return DownloadResult(url, status="failed", reason=f"cannot be read ({error.strerror})")
