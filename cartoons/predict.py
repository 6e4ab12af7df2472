"""Pictures to answers with onnxruntime alone: no torch, no fastai, no pickle.

classifier = Classifier.load(Path("model"))
[answer] = classifier.predict([load("who.png")])
answer.label, answer.known, answer.probabilities
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from cartoons import bundle
from cartoons.bundle import ModelInfo
from cartoons.errors import BundleError
from cartoons.images import square_pad, to_batch

INPUT_NAME = "pixels"
OUTPUT_NAME = "logits"
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
    """1 minus the highest character probability: 0 is certain, 1 is like nothing trained on."""
    known: bool
    """False when unknown_score is above the model's threshold: the page then says that it does not know."""


class Classifier:
    """A verified model, ready to answer. Safe to call from several threads at once."""

    def __init__(self, info: ModelInfo, onnx: bytes, *, threads: int | None = None) -> None:
        """Wrap an ONNX graph (bytes) described by info; threads: per-picture CPU threads, the machine's cores by default."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
            inputs, outputs = self._session.get_inputs()[0], self._session.get_outputs()[0]
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise BundleError(f"The model's ONNX graph cannot be loaded ({error}): train or download it again.") from error
        if outputs.shape[-1] != len(info.labels):
            raise BundleError(f"The graph answers {outputs.shape[-1]} labels, model.json names {len(info.labels)}.")
        self._input, self._output = inputs.name, outputs.name
        self.info = info

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> "Classifier":
        """Load a model folder, verifying its hash and format. Raises BundleError."""
        info, onnx = bundle.read(folder)
        return cls(info, onnx, threads=threads)

    def predict(self, pictures: Sequence[Image.Image]) -> list[Prediction]:
        """One Prediction per RGB picture of any size, in order; an empty sequence gives an empty list."""
        return [self._answer(row) for row in self.probabilities(pictures)]

    def probabilities(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Calibrated probabilities over all labels, `_other` included: (n, labels), each row summing to 1."""
        return softmax(self.logits(pictures) / self.info.temperature)

    def logits(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
        """The graph's raw output for RGB pictures of any size: (n, labels)."""
        info = self.info
        rows = [np.empty((0, len(info.labels)))]
        for start in range(0, len(pictures), BATCH_SIZE):
            squares = [square_pad(picture, info.size_px) for picture in pictures[start : start + BATCH_SIZE]]
            batch = to_batch(squares, info.mean, info.std)
            rows.append(self._session.run([self._output], {self._input: batch})[0].astype(np.float64))
        return np.concatenate(rows)

    def _answer(self, row: NDArray[np.float64]) -> Prediction:
        """A row of probabilities over all labels as a Prediction over the characters."""
        by_label = dict(zip(self.info.labels, row.tolist(), strict=True))
        ranked = sorted(self.info.characters, key=lambda label: -by_label[label])
        score = 1.0 - by_label[ranked[0]]
        return Prediction(
            label=ranked[0],
            probabilities={label: by_label[label] for label in ranked},
            unknown_score=score,
            known=score <= self.info.unknown_threshold,
        )


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of logits to rows of probabilities, (n, labels)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
