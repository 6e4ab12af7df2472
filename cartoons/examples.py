"""Pictures to try a model with: those beside it, or, for the embedded model, the drawings of this project.

Whoever uses one opens it first: a model folder may come from anybody.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from cartoons import model_folder
from cartoons.errors import BundleError, CartoonError
from cartoons.images import encoded, load
from cartoons.model_folder import EMBEDDED_MODEL, EXAMPLES, OTHER_LABEL, Example, ModelInfo
from cartoons.packages import ROOT

DRAWINGS = ROOT / "examples"
LONGEST_SIDE_PX = 512
QUALITY = 85
log = logging.getLogger("app")


def of_model(info: ModelInfo, folder: Path | None) -> list[tuple[Path, Example]]:
    """The examples of a model with their files, those that open; a warning for each that does not.

    folder: the model folder, if it lies in one. A Space holds the drawings only if it serves the embedded model.
    """
    if drawings := _drawings(info):
        return drawings
    found = [(folder / EXAMPLES / each.file_name, each) for each in info.examples] if folder else []
    return [(path, each) for path, each in found if _opens(path)]


def small_jpeg(source: Path | Image.Image) -> bytes:
    """A picture as it is published: at most LONGEST_SIDE_PX on a side, nothing in the file but pixels. Raises ImageError.

    source: a file, or what was loaded from one.
    """
    picture = load(source) if isinstance(source, Path) else source.copy()
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    picture.info.clear()  # a JPEG's comment would be written again
    return encoded(picture, "JPEG", quality=QUALITY)


def captions(examples: Sequence[tuple[Path, Example]]) -> Iterator[str]:
    """What each shows, for whoever cannot see it: "Drawing 1 of bugs bunny", "Picture 2 of none of these", "Picture 3"."""
    numbers = Counter[str]()
    for path, example in examples:
        numbers[example.label] += 1
        kind, label = "Drawing" if path.parent == DRAWINGS else "Picture", example.label
        shows = f" of {'none of these' if label == OTHER_LABEL else label}" if label else ""
        yield f"{kind} {numbers[label]}{shows}"


def _drawings(info: ModelInfo) -> list[tuple[Path, Example]]:
    """The drawings of the embedded model's characters and of none of them; none for any other model."""
    try:
        is_embedded = info.sha256 == model_folder.read_description(EMBEDDED_MODEL).sha256
    except BundleError:
        return []
    names = {label.replace(" ", "-"): label for label in info.characters}
    files = [(path, path.stem.rpartition("-")[0]) for path in sorted(DRAWINGS.glob("*.png"))] if is_embedded else []
    if not names.keys() & {name for _, name in files}:
        return []
    labels = names | {"other": OTHER_LABEL}
    return [(path, Example(path.name, labels[name])) for path, name in files if name in labels]


def _opens(path: Path) -> bool:
    try:
        load(path)
    except CartoonError as error:
        log.warning("An example of the model is left out: %s", error)
        return False
    return True
