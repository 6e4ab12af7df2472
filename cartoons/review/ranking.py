"""Which pictures to look at first: those whose label a model doubts, highest loss first.

Its probabilities are kept in <root>/.scrape/opinions/<revision>.jsonl, so that a picture is classified once per model.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cartoons.classifier import BATCH_SIZE, Classifier
from cartoons.errors import DataError, ImageError
from cartoons.files import HIDDEN, append_json_lines, read_json_lines
from cartoons.images import load
from cartoons.metadata import alike_key, text
from cartoons.model_folder import OTHER_LABEL, ModelInfo
from cartoons.review.decisions import Picture

CACHE_FOLDER = Path(HIDDEN, "opinions")
READERS = 4
LEAST = 1e-12
SURE = 0.9
"""The probability above which a suggestion is one to accept without looking at each."""

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
    def is_sure(self) -> bool:
        """Whether the suggestion may be taken without a look: the picture looks exactly like that label."""
        return self.suggested == self.label != "" and self.probability > SURE

    @property
    def doubts(self) -> bool:
        """Whether a person should look at the picture."""
        return bool(self.suggested) or math.isinf(self.loss)


UNSEEN = Opinion("", 0.0, 0.0, "")
"""Of a picture that the model has not looked at yet."""


def check_model(root: Path, labels: Sequence[str], info: ModelInfo) -> None:
    """Raise DataError when the model knows none of the folder's characters, however they are spelt."""
    characters = {alike_key(label) for label in labels if label != OTHER_LABEL}
    if characters.isdisjoint(map(alike_key, info.characters)) and (characters or OTHER_LABEL not in info.labels):
        raise DataError(
            f"The model {info.name} knows {', '.join(info.labels)}, but {root} holds {', '.join(labels)}: "
            "give a model of these labels, or none."
        )


def opinion(label: str, row: Sequence[float] | None, labels: Sequence[str], info: ModelInfo) -> Opinion:
    """A picture's opinion from its probabilities over info.labels. labels: those that the folder has.

    A label that the model does not know is as likely as it is that the picture shows none of the model's characters.
    """
    if row is None:
        return Opinion("", 0.0, math.inf, "")
    spelt = {alike_key(name): name for name in labels}
    by_label = {spelt.get(alike_key(name), name): share for name, share in zip(info.labels, row, strict=True)}
    own = by_label.get(label, 1 - max(share for name, share in by_label.items() if name != OTHER_LABEL))
    likeliest = max(by_label, key=lambda name: by_label[name])
    others = [name for name in labels if name != label and by_label.get(name, 0) > own]
    suggested = max(others, key=lambda name: by_label[name], default="")
    return Opinion(likeliest, by_label[likeliest], -math.log(max(own, LEAST)), suggested)


def in_order(
    pictures: Sequence[Picture], opinions: Mapping[str, Opinion] | None, decided: Mapping[str, bool]
) -> list[Picture]:
    """Pictures of one label in the order to look at them: undecided ones first, of these doubted ones, highest loss first.

    Pictures that have no opinion yet come last. Without opinions: as in the folder, but pictures of one artwork beside each
    other. decided: by file_name.
    """
    if opinions is None:
        first: dict[str, int] = {}
        places = {p.file_name: first.setdefault(text(p.row.get("group")) or p.file_name, k) for k, p in enumerate(pictures)}
        return sorted(pictures, key=lambda p: (decided[p.file_name], places[p.file_name]))

    def place(picture: Picture) -> tuple[bool, bool, float, str]:
        mine = opinions.get(picture.file_name, UNSEEN)
        return decided[picture.file_name], not mine.doubts, -mine.loss, picture.file_name

    return sorted(pictures, key=place)


def cached(root: Path, info: ModelInfo) -> Probabilities:
    """The model's probabilities of an earlier time; broken lines are passed over, to be made again."""
    known: Probabilities = {}
    for _, row in read_json_lines(_cache_path(root, info), strict=False):
        with suppress(ValueError, KeyError, TypeError):
            if row["probabilities"] is None or np.shape(row["probabilities"]) == (len(info.labels),):
                known[row["sha256"]] = row["probabilities"]
    return known


def classified(root: Path, pictures: Sequence[Picture], classifier: Classifier) -> Iterator[Probabilities]:
    """The model's probabilities for these pictures, a batch at a time, each on the disk when it is given.

    A file that was taken away meanwhile has none. Raises OSError when they cannot be written.
    """
    new, path = list({picture.sha256: picture for picture in pictures}.values()), _cache_path(root, classifier.info)
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(new), BATCH_SIZE):
            batch = new[start : start + BATCH_SIZE]
            opened = list(zip(batch, pool.map(_open, batch), strict=True))
            rows = iter(classifier.probabilities([image for _, image in opened if image]).round(6).tolist())
            made = {each.sha256: next(rows) if image else None for each, image in opened if image or each.path.exists()}
            path.parent.mkdir(parents=True, exist_ok=True)
            append_json_lines(path, *({"sha256": sha256, "probabilities": row} for sha256, row in made.items()))
            yield made


def _cache_path(root: Path, info: ModelInfo) -> Path:
    return root / CACHE_FOLDER / f"{info.revision}.jsonl"


def _open(picture: Picture) -> Image.Image | None:
    try:
        return load(picture.path)
    except ImageError:
        return None
