"""Pictures to answers with onnxruntime alone: no torch, no fastai, no pickle.

classifier = Classifier.load(Path("model"))
[answer] = classifier.predict([load("who.png")])
answer.label, answer.known, answer.probabilities
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons import model_folder
from cartoons.images import to_batch
from cartoons.model_folder import OTHER_LABEL, UNKNOWN_RULE, ModelInfo
from cartoons.onnx_graph import Graph, try_in_subprocess
from cartoons.resize import RESIZES

BATCH_SIZE = 16
"""Pictures per run of the graph: more are split, so that memory stays flat whatever the request."""


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture."""

    label: str
    """The likeliest character."""
    probabilities: dict[str, float]
    """Each character's probability, highest first; what is missing from 1 is "none of these"."""
    unknown_score: float
    """From 0, surely one of the characters, to 1, surely none of them: `unknown_score` by the model's rule."""
    known: bool
    """False when unknown_score is above the model's unknown_threshold: the page then says that it does not know."""


@dataclass(frozen=True)
class Look:
    """An answer and what it came from."""

    answer: Prediction
    square: Image.Image
    """The picture as the network saw it: RGB, size_px on each side."""
    heat: NDArray[np.float64] | None
    """(rows, columns) over the square, from 0 to 1: how probable the named character were if all of the square looked like
    this cell. None when the model has no such output."""


class Classifier:
    """A verified model, ready to answer. Safe to call from several threads at once."""

    def __init__(self, info: ModelInfo, onnx: bytes, *, threads: int | None = None) -> None:
        """Wrap an ONNX graph (bytes) described by info; threads: per-picture CPU threads, the machine's cores by default."""
        self._graph = Graph(onnx, len(info.labels), info.size_px, threads=threads)
        self.info = info
        self.folder: Path | None = None
        """Where it was loaded from."""

    @classmethod
    def load(cls, folder: Path, *, trusted: bool = False, threads: int | None = None) -> "Classifier":
        """Load a model folder, verifying its hash and format. Raises BundleError.

        The graph is tried in a process of its own first, which takes half a second, unless the folder is trusted as this
        program is.
        """
        info, onnx = model_folder.read(folder)
        if not trusted:
            try_in_subprocess(onnx, len(info.labels), info.size_px)
        loaded = cls(info, onnx, threads=threads)
        loaded.folder = folder
        return loaded

    def predict(self, pictures: Sequence[Image.Image]) -> list[Prediction]:
        """One Prediction per RGB picture of any size, in order; an empty sequence gives an empty list."""
        return [self._answer(row) for row in self.probabilities(pictures)]

    def probabilities(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Calibrated probabilities over all labels, `_other` included: (n, labels), each row summing to 1."""
        return softmax(self.logits(pictures) / self.info.temperature)

    def logits(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
        """The graph's raw output for RGB pictures of any size: (n, labels)."""
        info, resize = self.info, RESIZES[self.info.resize]
        rows = [np.empty((0, len(info.labels)))]
        for start in range(0, len(pictures), BATCH_SIZE):
            squares = [resize(picture, info.size_px) for picture in pictures[start : start + BATCH_SIZE]]
            batch = to_batch(squares, info.mean, info.std)
            rows.append(self._graph.run(batch)[0].astype(np.float64))
        return np.concatenate(rows)

    def look(self, picture: Image.Image) -> "Look":
        """The answer for one RGB picture of any size, and where in it the network saw the character that it names."""
        square = RESIZES[self.info.resize](picture, self.info.size_px)
        logits, heat = self._graph.run(to_batch([square], self.info.mean, self.info.std), heat=True)
        answer = self._answer(softmax(logits.astype(np.float64) / self.info.temperature)[0])
        if heat is None:
            return Look(answer, square, None)
        cells = softmax(np.moveaxis(heat[0].astype(np.float64), 0, -1) / self.info.temperature)
        return Look(answer, square, cells[..., self.info.labels.index(answer.label)])

    def _answer(self, row: NDArray[np.float64]) -> Prediction:
        """A row of probabilities over all labels as a Prediction over the characters."""
        by_label = dict(zip(self.info.labels, row.tolist(), strict=True))
        ranked = sorted(self.info.characters, key=lambda label: -by_label[label])
        score = float(unknown_score(row, self.info.labels, self.info.unknown_rule))
        return Prediction(
            label=ranked[0],
            probabilities={label: by_label[label] for label in ranked},
            unknown_score=score,
            known=score <= self.info.unknown_threshold,
        )


def unknown_score(probabilities: NDArray[np.float64], labels: Sequence[str], rule: str) -> NDArray[np.float64]:
    """How much a picture looks like none of the characters: probabilities (..., labels) to (...), from 0 to 1."""
    highest = probabilities[..., [label != OTHER_LABEL for label in labels]].max(axis=-1)
    if rule == UNKNOWN_RULE:
        return np.asarray(1 - highest)
    other = probabilities[..., labels.index(OTHER_LABEL)]
    return np.asarray(other / (other + highest))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of logits to rows of probabilities, (n, labels)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
