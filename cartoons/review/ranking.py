"""Which pictures to look at first: those whose label a model doubts, and among them those it doubts most.

Its probabilities are kept in <root>/.scrape/opinions/<revision>.jsonl, so that a picture is judged once per model.
"""

import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cartoons.classifier import BATCH_SIZE, Classifier
from cartoons.errors import DataError, ImageError
from cartoons.files import json_line
from cartoons.images import load
from cartoons.model_folder import ModelInfo
from cartoons.progress import Progress
from cartoons.review.shelf import Picture, labels_of

OPINIONS_FOLDER = Path(".scrape", "opinions")
READERS = 4
LEAST = 1e-12

Judged = dict[str, list[float] | None]
"""Probabilities over the model's labels, by the picture's sha256; None for a file that does not open."""


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
    rows = judge(root, pictures, classifier)
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
    """Pictures of one label as they should be looked at: undecided ones first, of these the doubtful ones, worst first.

    Without opinions: as in the folder, but pictures of one artwork beside each other. decided: by file_name.
    """
    if opinions is None:
        first: dict[str, int] = {}
        places = {p.file_name: first.setdefault(p.group or p.file_name, k) for k, p in enumerate(pictures)}
        return sorted(pictures, key=lambda p: (decided[p.file_name], places[p.file_name]))
    mine = {p.file_name: opinions[p.file_name] for p in pictures}
    return sorted(
        pictures, key=lambda p: (decided[p.file_name], not mine[p.file_name].doubts, -mine[p.file_name].loss, p.file_name)
    )


def judge(root: Path, pictures: Sequence[Picture], classifier: Classifier) -> Judged:
    """The model's probabilities for each picture, the ones of an earlier time from the disk."""
    path = root / OPINIONS_FOLDER / f"{classifier.info.revision}.jsonl"
    found = _kept(path, len(classifier.info.labels))
    new = list({p.sha256: p for p in pictures if p.sha256 not in found}.values())
    if not new:
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(len(new))
    with ThreadPoolExecutor(READERS) as pool, path.open("ab") as file:
        file.write(b"\n")  # ends a line that a kill cut short
        for start in range(0, len(new), BATCH_SIZE):
            some = new[start : start + BATCH_SIZE]
            opened = list(pool.map(_open, some))
            rows = iter(classifier.probabilities([picture for picture in opened if picture]).round(6).tolist())
            for picture, pixels in zip(some, opened, strict=True):
                found[picture.sha256] = next(rows) if pixels else None
                file.write(json_line({"sha256": picture.sha256, "probabilities": found[picture.sha256]}))
                progress.step(f"Looking at the pictures: {progress.done + 1} of {len(new)}")
            file.flush()
    progress.clear()
    return found


def _kept(path: Path, labels: int) -> Judged:
    """What was judged earlier; lines that are cut short are judged again."""
    found: Judged = {}
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            row = json.loads(line)
            if row["probabilities"] is None or np.shape(row["probabilities"]) == (labels,):
                found[row["sha256"]] = row["probabilities"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _open(picture: Picture) -> Image.Image | None:
    try:
        return load(picture.path)
    except ImageError:
        return None
