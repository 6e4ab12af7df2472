"""Which pictures to look at first: those whose label a model doubts, highest loss first.

Its probabilities are kept in <root>/.scrape/opinions/<revision>.jsonl, so that a picture is classified once per model.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cartoons import progress
from cartoons.classifier import BATCH_SIZE, Classifier
from cartoons.errors import DataError, ImageError
from cartoons.files import HIDDEN, append_json_lines, read_json_lines
from cartoons.images import load
from cartoons.metadata import text
from cartoons.model_folder import ModelInfo
from cartoons.review.decisions import Picture, labels_of

CACHE_FOLDER = Path(HIDDEN, "opinions")
READERS = 4
LEAST = 1e-12

Probabilities = dict[str, list[float] | None]
"""Over the model's labels, by the picture's sha256; None for a file that does not open."""


@dataclass(frozen=True)
class Opinion:
    """What a model thinks of a picture and its label."""

    label: str
    """What it looks like most, of all that the model knows; "" where the picture does not open."""
    probability: float
    loss: float
    """-log of the probability of the label that the picture has; infinite where it does not open."""
    suggested: str
    """A label of the folder that is likelier than the one that the picture has, or ""."""

    @property
    def doubts(self) -> bool:
        """Whether a person should look at the picture."""
        return bool(self.suggested) or math.isinf(self.loss)


def opinions(root: Path, pictures: Sequence[Picture], classifier: Classifier) -> dict[str, Opinion]:
    """The model's opinion of each picture, by file_name. Raises DataError when it knows none of the folder's labels."""
    labels, known = labels_of(pictures), classifier.info.labels
    if not set(labels) & set(known):
        raise DataError(
            f"The model {classifier.info.name} knows {', '.join(known)}, but {root} holds {', '.join(labels)}: "
            "give a model of these labels, or none."
        )
    rows = probabilities(root, pictures, classifier)
    return {picture.file_name: opinion(picture.label, rows[picture.sha256], labels, classifier.info) for picture in pictures}


def opinion(label: str, row: Sequence[float] | None, labels: Sequence[str], info: ModelInfo) -> Opinion:
    """A picture's opinion from its probabilities over info.labels. labels: those that the folder has.

    A label that the model does not know is as likely as it is that the picture shows none of the model's characters.
    """
    if row is None:
        return Opinion("", 0.0, math.inf, "")
    by_label = dict(zip(info.labels, row, strict=True))
    own = by_label.get(label, 1 - max(by_label[character] for character in info.characters))
    likeliest = max(by_label, key=lambda name: by_label[name])
    others = [name for name in labels if name != label and by_label.get(name, 0) > own]
    suggested = max(others, key=lambda name: by_label[name], default="")
    return Opinion(likeliest, by_label[likeliest], -math.log(max(own, LEAST)), suggested)


def in_order(
    pictures: Sequence[Picture], opinions: Mapping[str, Opinion] | None, decided: Mapping[str, bool]
) -> list[Picture]:
    """Pictures of one label in the order to look at them: undecided ones first, of these doubted ones, highest loss first.

    Without opinions: as in the folder, but pictures of one artwork beside each other. decided: by file_name.
    """
    if opinions is None:
        first: dict[str, int] = {}
        places = {p.file_name: first.setdefault(text(p.row.get("group")) or p.file_name, k) for k, p in enumerate(pictures)}
        return sorted(pictures, key=lambda p: (decided[p.file_name], places[p.file_name]))
    mine = {p.file_name: opinions[p.file_name] for p in pictures}
    return sorted(
        pictures, key=lambda p: (decided[p.file_name], not mine[p.file_name].doubts, -mine[p.file_name].loss, p.file_name)
    )


def probabilities(root: Path, pictures: Sequence[Picture], classifier: Classifier) -> Probabilities:
    """The model's probabilities for each picture, those of an earlier time from the disk; broken lines are made again."""
    path, labels = root / CACHE_FOLDER / f"{classifier.info.revision}.jsonl", len(classifier.info.labels)
    known: Probabilities = {}
    for _, row in read_json_lines(path, strict=False):
        with suppress(ValueError, KeyError, TypeError):
            if row["probabilities"] is None or np.shape(row["probabilities"]) == (labels,):
                known[row["sha256"]] = row["probabilities"]
    new = list({p.sha256: p for p in pictures if p.sha256 not in known}.values())
    if not new:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    looking = progress.stage("looking at the pictures", len(new), "pictures")
    with progress.display(), looking as stage, ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(new), BATCH_SIZE):
            batch = new[start : start + BATCH_SIZE]
            opened = list(pool.map(_open, batch))
            rows = iter(classifier.probabilities([image for image in opened if image]).round(6).tolist())
            for picture, image in zip(batch, opened, strict=True):
                known[picture.sha256] = next(rows) if image else None
            append_json_lines(path, *({"sha256": p.sha256, "probabilities": known[p.sha256]} for p in batch))
            stage.reach(start + len(batch))
    return known


def _open(picture: Picture) -> Image.Image | None:
    try:
        return load(picture.path)
    except ImageError:
        return None
