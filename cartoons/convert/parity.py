"""The parity gate of a converted learner: file in, `learn.predict(file)` against the page's whole path.

On plain RGB files both must agree. A file of another kind (transparent, turned by EXIF, 16-bit...) is opened by each in its
own way: there both must agree on the picture as the page opens it, saved as a plain PNG, and where the learner sees or
answers something else in the file itself, that is counted by kind, for model.json and the card to say.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cartoons.classifier import Classifier
from cartoons.convert.inference import FilePredictor, Prediction
from cartoons.convert.pictures import PLAIN, kind_of
from cartoons.errors import ConvertError, ImageError
from cartoons.images import load
from cartoons.training.export import EXACT, Parity, compare

AT_ONCE = 8
"""Pictures held in memory together while the two models answer."""

log = logging.getLogger("convert")


@dataclass(frozen=True)
class Answered:
    """What the learner says of one file."""

    path: Path
    kind: str
    probabilities: NDArray[np.float64]
    """For a plain RGB file its own, (labels,); for another kind those for the picture as the page opens it."""
    opened: NDArray[np.float64] | None
    """For the file itself, (labels,); None when the learner cannot open it."""
    seen_alike: bool
    """Whether its network gets the same numbers from the file as from the picture that the page opens."""


@dataclass
class Difference:
    """Files of one kind that the learner opens otherwise than the page."""

    pictures: int = 0
    """All that were tried."""
    not_opened: int = 0
    """Those on which the learner itself fails."""
    other_label: int = 0
    largest_difference: float = 0.0
    """Of a probability, on those that it opens."""


def ask(learner: FilePredictor, paths: Sequence[Path], folder: Path) -> list[Answered]:
    """The learner's answers to all the files that the page opens; folder: for temporary copies."""
    answers: list[Answered] = []
    pictures: dict[Path, Image.Image] = {}
    for path in paths:
        try:
            pictures[path] = load(path)
        except ImageError as error:
            log.warning("Left out %s: %s", path, error)
        if len(pictures) == AT_ONCE:
            answers += _ask(learner, pictures, folder)
            pictures = {}
    return [*answers, *_ask(learner, pictures, folder)]


def check(answers: Sequence[Answered], classifier: Classifier) -> dict[str, Any]:
    """The gate itself; returns what model.json says of it.

    Raises ExportError when a label differs or a probability is off by more than it allows, other than by a file's opening.
    """
    parts: list[Parity] = []
    differences: dict[str, Difference] = {}
    alike = dict.fromkeys([answer.kind for answer in answers], True)
    for start in range(0, len(answers), AT_ONCE):
        some = answers[start : start + AT_ONCE]
        mine = classifier.probabilities([load(answer.path) for answer in some])
        parts.append(compare(np.stack([answer.probabilities for answer in some]), mine, [answer.path for answer in some]))
        for answer, row in zip(some, mine, strict=True):
            alike[answer.kind] &= _count(differences.setdefault(answer.kind, Difference()), answer, row)
    return {
        "pictures": sum(part.pictures for part in parts),
        "largest_difference": max(part.largest_difference for part in parts),
        "opened_otherwise": {kind: asdict(found) for kind, found in sorted(differences.items()) if not alike[kind]},
    }


def _count(found: Difference, answer: Answered, mine: NDArray[np.float64]) -> bool:
    """Add one file to the differences of its kind; returns whether the learner sees and answers as the page does."""
    found.pictures += 1
    if answer.opened is None:
        found.not_opened += 1
        return False
    gap = float(np.abs(answer.opened - mine).max())
    found.largest_difference = max(found.largest_difference, gap)
    found.other_label += int(answer.opened.argmax() != mine.argmax())
    return answer.seen_alike and gap <= EXACT.tolerance


def _ask(learner: FilePredictor, pictures: Mapping[Path, Image.Image], folder: Path) -> Iterator[Answered]:
    """As `ask`, of a few files, given with the pictures that the page opens in them."""
    found = dict(zip(pictures, _predict_each(learner, list(pictures)), strict=True))
    kinds = {path: kind_of(path) for path in pictures}
    as_opened = {path: own for path, own in found.items() if own and kinds[path] == PLAIN}
    if apart := [path for path in pictures if path not in as_opened]:
        copies = [folder / f"opened-{k}.png" for k in range(len(apart))]
        for path, copy in zip(apart, copies, strict=True):
            pictures[path].save(copy, compress_level=1)
        as_opened |= zip(apart, learner.predict(copies), strict=True)
    for path, own in found.items():
        seen_alike = own is not None and torch.equal(own.pixels, as_opened[path].pixels)
        yield Answered(path, kinds[path], as_opened[path].probabilities, own.probabilities if own else None, seen_alike)


def _predict_each(learner: FilePredictor, paths: Sequence[Path]) -> list[Prediction | None]:
    """What the learner makes of each file, None where it fails: all at once if it can."""
    if not paths:
        return []
    try:
        return [*learner.predict(paths)]
    except ConvertError:
        return [None] if len(paths) == 1 else [found for path in paths for found in _predict_each(learner, [path])]
