"""A fastai Learner to a model folder, behind the parity gate: it is written only if both give the same answers."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from fastai.learner import Learner
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from cartoons import bundle
from cartoons.bundle import ModelInfo
from cartoons.errors import ExportError
from cartoons.images import load
from cartoons.predict import INPUT_NAME, OUTPUT_NAME, Classifier, softmax

TOLERANCE = 1e-3
OPSET = 17
HALF_FROM = 1024
"""Weights of at least this many numbers are stored as float16: half the size, computed in float32 all the same."""


@dataclass(frozen=True)
class Parity:
    """How far the exported model's probabilities are from the learner's."""

    pictures: int
    largest_difference: float


def to_onnx(learn: Learner, size_px: int) -> bytes:
    """The learner's network as an ONNX graph: float32 pixels (n, 3, size_px, size_px) to logits (n, labels).

    Large weights are rounded to float16 in the learner itself, so that the graph can store half the bytes of the very same
    numbers; for that the exporter must not fold batch normalisation into them (onnxruntime does so when it loads).
    """
    model = learn.model.cpu().eval()
    round_to_half(model)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its successor, which writes weights to a side file
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, size_px, size_px),),
            buffer,  # type: ignore[arg-type]  # a file object is fine for the tracing exporter
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "n"}, OUTPUT_NAME: {0: "n"}},
        )
    return store_half(buffer.getvalue())


@torch.no_grad()
def round_to_half(model: nn.Module) -> None:
    """Round every parameter of at least HALF_FROM numbers to the nearest float16, in place."""
    for parameter in model.parameters():
        if parameter.numel() >= HALF_FROM:
            parameter.copy_(parameter.half().float())


def store_half(graph_bytes: bytes) -> bytes:
    """The same graph with its large float32 weights stored as float16 behind a Cast, which onnxruntime folds on loading."""
    model = onnx.load_from_string(graph_bytes)
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < HALF_FROM:
            continue
        name, stored = weight.name, f"{weight.name}_half"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def check_parity(learn: Learner, classifier: Classifier, paths: Sequence[Path]) -> Parity:
    """Compare the learner (its own data loader) with the classifier (the page's path) on every picture.

    Raises ExportError when a label differs or a probability is off by more than 1e-3.
    """
    with learn.no_bar():
        raw, _ = learn.get_preds(dl=learn.dls.test_dl([(path, "") for path in paths]), act=lambda x: x)
    theirs = softmax(raw.numpy().astype(np.float64) / classifier.info.temperature)
    mine = classifier.probabilities([load(path) for path in paths])
    return compare(theirs, mine, paths)


def compare(theirs: NDArray[np.float64], mine: NDArray[np.float64], paths: Sequence[Path]) -> Parity:
    """The gate itself, on two arrays of probabilities (n, labels)."""
    gap = np.abs(theirs - mine).max(axis=1)
    wrong = np.flatnonzero((theirs.argmax(axis=1) != mine.argmax(axis=1)) | (gap > TOLERANCE))
    if len(wrong):
        worst = int(wrong[gap[wrong].argmax()])
        raise ExportError(
            f"The exported model answers {len(wrong)} of {len(paths)} pictures differently from the learner, "
            f"by up to {gap[worst]:.4f} ({paths[worst]}); the model folder was not written."
        )
    return Parity(len(paths), float(gap.max()))


def export(learn: Learner, info: ModelInfo, paths: Sequence[Path], folder: Path) -> ModelInfo:
    """Write the model folder if the parity gate lets it pass; returns the info as written. Raises ExportError."""
    graph = to_onnx(learn, info.size_px)
    parity = check_parity(learn, Classifier(info, graph), paths)
    return bundle.write(folder, replace(info, metrics={**info.metrics, "parity": asdict(parity)}), graph)
