"""An ONNX graph on the CPU with onnxruntime, checked before anything relies on it.

graph = Graph(onnx, labels=5, size_px=224)
logits, heat = graph.run(batch)            # (n, 5); (n, 5, rows, columns), or None
"""

import os
import re

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cartoons.errors import BundleError

INPUT_NAME = "pixels"
OUTPUT_NAME = "logits"
FEATURES_NAME = "features"
"""An output that a program may ask for: the pooled last feature map, (n, channels)."""

HEAT_NAME = "heat"
"""The output of models that can say where they looked: the logits of each cell of the last feature map."""

FLOAT32 = "tensor(float)"
REASONS = (
    (r"alloc", "it wants more memory than it may have"),
    (r"(?i)external.?data|SystemError", "it keeps weights in other files, which are not read"),
    (r"(?i)protobuf|ORT model", "it is no ONNX file"),
    (r"No Op registered for (\w+)|(\w+)\(-?\d+\) is not a registered", "onnxruntime does not know its operation"),
    (r"Opset (\d+)", "onnxruntime does not know its opset"),
)
"""What to look for in onnxruntime's long messages, and what it means; a group is what it means it of."""

MOST_THREADS = 4
"""For one picture: the network is small, and several pictures are worked on at once."""

AGAIN = "train or download it again."

Floats = NDArray[np.float32]
Shape = tuple[int | str | None, ...]


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(onnx: bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An ONNX graph ready to run on the CPU; threads: by default one per core, MOST_THREADS at most."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # else two pictures at once take longer than in turn
    options.intra_op_num_threads = threads or min(MOST_THREADS, available_cores())
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


class Graph:
    """A graph from float32 pixels (n, 3, size_px, size_px) to logits (n, labels), and to heat where it gives that.

    Safe to run from several threads at once.
    """

    def __init__(self, onnx: bytes, labels: int, size_px: int, *, threads: int | None = None) -> None:
        """Open and check it. Raises BundleError when it is another kind of graph, or gives no finite numbers.

        A graph of somebody else may also end the process, or never come back: `trial` is for those.
        """
        try:
            self._session = open_session(onnx, threads)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise BundleError(f"The model's ONNX graph cannot be loaded ({reason(error)}): {AGAIN}") from error
        self._check_kind(labels, size_px)
        self._check_answers(labels, size_px)

    def run(self, batch: Floats, *, heat: bool = False) -> tuple[Floats, Floats | None]:
        """Logits (n, labels) for a batch (n, 3, size_px, size_px), and heat (n, labels, rows, columns) if asked for."""
        logits, *rest = self._session.run(self._outputs if heat else self._outputs[:1], {self._input: batch})
        return logits, rest[0] if rest else None

    def _check_kind(self, labels: int, size_px: int) -> None:
        """What the graph says about itself: one input of the right shape, outputs for the labels that there are."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1:
            raise BundleError(f"The model's ONNX graph wants {len(inputs)} inputs, and a picture is one: {AGAIN}")
        self._input = inputs[0].name
        _check_node("takes", inputs[0], ("n", 3, size_px, size_px))
        self._outputs = [outputs[0].name]
        if len(outputs[0].shape) == 2 and not fits(tuple(outputs[0].shape), (None, labels)):
            raise BundleError(f"The graph answers {outputs[0].shape[1]} labels, model.json names {labels}: {AGAIN}")
        _check_node("answers", outputs[0], (None, labels))
        for output in outputs[1:]:
            if output.name == HEAT_NAME:
                self._outputs.append(HEAT_NAME)
                _check_node("gives heat of", output, (None, labels, None, None))

    def _check_answers(self, labels: int, size_px: int) -> None:
        """What it really answers for two pictures, a blank one and one that fades from dark to light."""
        pictures = np.zeros((2, 3, size_px, size_px), np.float32)
        pictures[1] = np.linspace(-2, 2, pictures[1].size).reshape(pictures[1].shape)
        try:
            answers = [answer for answer in self.run(pictures, heat=True) if answer is not None]
        except Exception as error:
            raise BundleError(f"The model's ONNX graph fails on a blank picture ({reason(error)}): {AGAIN}") from error
        for answer, wanted in zip(answers, ((2, labels), (2, labels, None, None)), strict=False):
            if not fits(answer.shape, wanted) or not answer.size:
                raise BundleError(f"The model's ONNX graph answers a blank picture with shape {answer.shape}: {AGAIN}")
            if not np.isfinite(answer).all():
                raise BundleError(f"The model's ONNX graph answers a blank picture with NaN or infinity: {AGAIN}")


def fits(shape: Shape, wanted: Shape) -> bool:
    """Whether a shape may be the wanted one: None is any length, and a name is a length to be known later."""
    if len(shape) != len(wanted):
        return False
    return all(
        want is None or not isinstance(length, int) or length == want for length, want in zip(shape, wanted, strict=True)
    )


def reason(error: Exception) -> str:
    """Why onnxruntime cannot, in a few words; its messages name its own source files, and whatever stands in the graph."""
    for pattern, words in REASONS:
        if found := re.search(pattern, str(error)):
            return " ".join([words, *filter(None, found.groups())])
    return type(error).__name__


def _check_node(does: str, node: onnxruntime.NodeArg, wanted: Shape) -> None:
    """Raise BundleError unless an input or output is of float32 and can have the shape; its own names are not repeated."""
    if node.type != FLOAT32 or not fits(tuple(node.shape), wanted):
        shape = [length if isinstance(length, int) else "n" for length in node.shape]
        asked = ["n" if length is None else length for length in wanted]
        raise BundleError(
            f"The model's ONNX graph {does} {node.type} {shape}, but by model.json it should be {FLOAT32} {asked}: {AGAIN}"
        )
