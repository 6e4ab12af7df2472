"""A fastai Learner to a model folder, behind the parity gate: it is written only if both give the same answers."""

import io
import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from fastai.learner import Learner
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from cartoons import model_folder, progress
from cartoons.classifier import BATCH_SIZE, Classifier, softmax
from cartoons.errors import ExportError
from cartoons.images import load
from cartoons.model_folder import ModelInfo
from cartoons.onnx_graph import FEATURES_NAME, HEAT_NAME, INPUT_NAME, OUTPUT_NAME
from cartoons.training import network
from cartoons.training.fastai_export import save_learner

OPSET = 17
HALF_FROM = 1024
"""Weights of at least this many numbers are stored as float16: half the size, computed in float32 all the same."""


@dataclass(frozen=True)
class Gate:
    """How far the exported model may be from the learner: a picture is wrong when a probability is off by more than
    `tolerance`, or the label differs where that cannot be why; `most_wrong` is the share that may be wrong."""

    tolerance: float
    most_wrong: float


EXACT = Gate(1e-3, 0.0)


@dataclass(frozen=True)
class Parity:
    """How far the exported model's probabilities are from the learner's."""

    pictures: int
    largest_difference: float


class WithHeatMap(nn.Module):
    """A network that also says where it looked: its head asked about every cell of the last feature map by itself.

    For a head of average pooling and one linear layer that is the class activation map (Zhou et al. 2016); for any other
    head it answers the same question: what would the network say if the whole picture looked like this cell?
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n, 3, height, width) to logits (n, labels), features (n, channels) and heat (n, labels, rows, columns)."""
        maps = self.body(pixels)
        rows, columns = maps.shape[2:]
        cells = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1], 1, 1)
        heat = self.head(cells).reshape(-1, rows, columns, self.head(maps).shape[1]).permute(0, 3, 1, 2)
        return self.head(maps), maps.mean((2, 3)), heat


def to_onnx(model: nn.Module, size_px: int, *, half: bool = True) -> bytes:
    """A network as an ONNX graph: float32 pixels (n, 3, size_px, size_px) to logits (n, labels), and, where it has maps,
    features and heat.

    half: large weights are rounded to float16 in the network itself, so that the graph can store half the bytes of the
    very same numbers; for that the exporter must not fold batch normalisation into them (onnxruntime does so when it loads).
    """
    model = model.cpu().eval()
    fix_padding(model, size_px)
    if half:
        round_to_half(model)
    sample = torch.zeros(1, 3, size_px, size_px)
    if has_feature_maps(model, size_px):
        body, head = model.children()
        graph = trace(WithHeatMap(body, head).eval(), sample, [OUTPUT_NAME, FEATURES_NAME, HEAT_NAME])
    else:
        graph = trace(model, sample, [OUTPUT_NAME])
    return store_half(graph) if half else graph


@torch.no_grad()
def shift_other_logit(model: nn.Module, labels: int, amount: float) -> None:
    """Add `amount` to the logit of `_other`, the last label, for good, in the biases of the last linear layer, in place.

    labels: how many there are; the layer has more outputs where `_other` is several classes.
    """
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    last.bias[labels - 1 :] += amount


@torch.no_grad()
def fix_padding(model: nn.Module, size_px: int) -> None:
    """Replace, in place, convolutions that work out TensorFlow's padding at every picture (timm's Conv2dSame) by ones that
    know it: the size never changes, and the arithmetic would stay in the graph, where int8 rounds it to another size."""
    sizes: dict[nn.Module, tuple[int, int]] = {}
    convolutions: list[Any] = [module for module in model.modules() if type(module).__name__ == "Conv2dSame"]
    hooks = [
        module.register_forward_pre_hook(lambda module, given: sizes.__setitem__(module, tuple(given[0].shape[2:])))
        for module in convolutions
    ]
    model(torch.zeros(1, 3, size_px, size_px))
    for hook in hooks:
        hook.remove()
    for module in convolutions:
        module.forward = _padded(module, sizes[module])


def _padded(module: Any, size: tuple[int, int]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The convolution of such a module for maps of this (height, width) alone: as much padding as keeps size / stride."""
    sides: list[int] = []
    for length, kernel, stride, dilation in zip(size, module.kernel_size, module.stride, module.dilation, strict=True):
        missing = max(0, (math.ceil(length / stride) - 1) * stride + (kernel - 1) * dilation + 1 - length)
        sides = [missing // 2, missing - missing // 2, *sides]

    def forward(maps: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(maps, sides)
        return nn.functional.conv2d(padded, module.weight, module.bias, module.stride, 0, module.dilation, module.groups)

    return forward


def trace(model: nn.Module, sample: torch.Tensor, outputs: Sequence[str]) -> bytes:
    """A module in evaluation mode as a float32 ONNX graph from "pixels" to `outputs`, for batches of any size."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its successor, which writes weights to a side file
        torch.onnx.export(
            model,
            (sample,),
            buffer,  # type: ignore[arg-type]  # a file object is fine for the tracing exporter
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=[INPUT_NAME],
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in (INPUT_NAME, *outputs)},
        )
    return buffer.getvalue()


@torch.no_grad()
def has_feature_maps(model: nn.Module, size_px: int) -> bool:
    """Whether a network is a body that gives feature maps and a head that takes any size of them, as fastai's are."""
    if not (isinstance(model, nn.Sequential) and len(model) == 2):
        return False
    maps = model[0](torch.zeros(1, 3, size_px, size_px))
    if not (isinstance(maps, torch.Tensor) and maps.ndim == 4 and min(maps.shape[2:]) > 1):
        return False
    try:
        return bool(model[1](maps[:, :, :1, :1]).shape == model[1](maps).shape)
    except Exception:  # a converted network is anyone's code
        return False  # a head that flattens the maps wants all of their cells


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
        with np.errstate(over="ignore"):
            if not np.array_equal(values, values.astype(np.float16)):
                continue  # a buffer, such as the running mean of a wide layer, that nobody rounded
        name, stored = weight.name, f"{weight.name}_half"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def check_parity(learn: Learner, classifier: Classifier, paths: Sequence[Path], gate: Gate) -> Parity:
    """Compare the learner (its own loader) with the classifier (the page's path) on every picture. Raises ExportError."""
    theirs, mine = [], []
    with progress.stage("checking the export", len(paths), "pictures") as stage:
        for start in range(0, len(paths), BATCH_SIZE):
            batch = paths[start : start + BATCH_SIZE]
            theirs.append(softmax(network.predict_logits(learn, batch) / classifier.info.temperature))
            mine.append(classifier.probabilities([load(path) for path in batch]))
            stage.reach(start + len(batch))
    return compare(np.concatenate(theirs), np.concatenate(mine), paths, gate)


def compare(theirs: NDArray[np.float64], mine: NDArray[np.float64], paths: Sequence[Path], gate: Gate = EXACT) -> Parity:
    """The gate itself, on two arrays of probabilities (n, labels)."""
    gap = np.abs(theirs - mine).max(axis=1)
    lead = np.diff(np.sort(theirs, axis=1)[:, -2:], axis=1)[:, 0]
    excused = (lead < 2 * gate.tolerance) & (gate.tolerance > EXACT.tolerance)
    differs = (theirs.argmax(axis=1) != mine.argmax(axis=1)) & ~excused
    wrong = np.flatnonzero(differs | ~(gap <= gate.tolerance))  # not a number is wrong too
    if len(wrong) > gate.most_wrong * len(paths) or not np.isfinite(gap).all():
        worst = int(wrong[np.nan_to_num(gap[wrong], nan=np.inf).argmax()])
        raise ExportError(
            f"The exported model answers {len(wrong)} of {len(paths)} pictures differently from the learner, "
            f"by up to {gap[worst]:.4f} ({paths[worst]}); the model folder was not written."
        )
    return Parity(len(paths), float(gap.max()))


def export(learn: Learner, info: ModelInfo, graph: bytes, paths: Sequence[Path], folder: Path, gate: Gate) -> ModelInfo:
    """Write the model folder if the parity gate lets it pass; returns the info as written. Raises ExportError."""
    parity = check_parity(learn, Classifier(info, graph), paths, gate)
    learner = save_learner(learn, folder, {"arch": info.arch, "labels": json.dumps(info.labels)})
    metrics = {**info.metrics, "parity": asdict(parity)}
    return model_folder.write(folder, replace(info, metrics=metrics, sha256=learner), graph)
