"""fp32, fp16 weights or int8: each is tried on held-out pictures, and the smaller one is kept only where it costs nothing.

Static quantisation to 8 bits (Jacob et al. 2018) as onnxruntime does it, per channel, calibrated on training pictures.
"""

import copy
import json
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from fastai.learner import Learner
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import nn

from cartoons import progress
from cartoons.classifier import softmax
from cartoons.dataset import Dataset, Item
from cartoons.errors import ExportError
from cartoons.files import named, write_atomically
from cartoons.images import load, square_pad, to_batch
from cartoons.model_folder import OTHER_LABEL, ModelInfo
from cartoons.onnx_graph import INPUT_NAME, open_session
from cartoons.splits import Fold, Split
from cartoons.training.export import EXACT, Gate, export, round_to_half, shift_other_logit, to_onnx
from cartoons.training.network import Network

FP32, FP16, INT8 = "fp32", "fp16 weights", "int8"
MOST_LOST = 0.002
"""A candidate may lose this much balanced accuracy and AUROC against fp32 (shares, not points)."""

CLEARLY_FASTER = 0.95
INT8_GATE = Gate(0.15, 0.01)
"""int8 is another model, whose own accuracy was measured: what the gate stops is disagreement on many pictures."""

IN_FLOAT = {"Gemm", "MatMul", "GlobalAveragePool", "ReduceMean"}
"""Operations of the head, which stay in float32: they take no time, and every answer goes through them."""

COMPARED_PICTURES = 300
CALIBRATION_PICTURES = 100
PARITY_PICTURES = 5000
"""Pictures that the parity gate looks at: all that were held out, up to this many."""

PRECISION_FILE = "precision.json"
TIMED_RUNS = 30

Pixels = NDArray[np.float32]
log = logging.getLogger("train")


@dataclass(frozen=True)
class Candidate:
    """What one precision costs and gives, on held-out pictures."""

    name: str
    megabytes: float
    milliseconds: float
    balanced_accuracy: float
    """0 where no picture of a character was held out."""
    auroc: float | None
    """Of the highest character probability, where `_other` pictures were held out."""
    one_picture: float = 0.0
    """What a single picture of the rarest character is worth in balanced accuracy: no less can be told."""


def compare_precisions(learn: Learner, network: Network, data: Dataset, fold: Fold, work: Path) -> None:
    """Try every precision of a network on pictures that it has not seen.

    Writes to work/precision.json "kept", the name of the one to keep, and "candidates", what each costs and gives.
    """
    held_out = compared_pictures(fold, data.items)
    pixels, targets = to_pixels(network, data, held_out), [data.items[i].label for i in held_out]
    calibration = calibration_pixels(network, data, fold.train)
    candidates = []
    for name in (FP32, FP16, INT8):
        graph = make_graph(learn.model, network.size_px, name, calibration)
        candidates.append(measure(name, graph, data.labels, pixels, targets))
    precision = {"kept": choose(candidates).name, "candidates": [asdict(candidate) for candidate in candidates]}
    write_atomically(work / PRECISION_FILE, json.dumps(precision).encode())


def compared_pictures(fold: Fold, items: Sequence[Item]) -> list[int]:
    """At most COMPARED_PICTURES that were held out, half of them of characters where there are so many."""
    draw, known = random.Random(0), [i for i in fold.held_out if items[i].label != OTHER_LABEL]
    others = [i for i in fold.held_out if items[i].label == OTHER_LABEL]
    count = max(COMPARED_PICTURES // 2, COMPARED_PICTURES - len(others))
    known = draw.sample(known, min(count, len(known)))
    return known + draw.sample(others, min(COMPARED_PICTURES - len(known), len(others)))


def export_smallest(learn: Learner, info: ModelInfo, data: Dataset, split: Split, folder: Path) -> ModelInfo:
    """Write the model folder in the precision that the comparison chose, if the parity gate lets it pass.

    An int8 graph that the gate stops is replaced by one with fp16 weights. Raises ExportError when that is stopped too.
    """
    held_out = [i for fold in split.folds for i in fold.held_out]
    compared = held_out if len(held_out) <= PARITY_PICTURES else random.Random(0).sample(held_out, PARITY_PICTURES)
    paths, kept = [data.items[i].path for i in compared], info.metrics["precision"]["kept"]
    if OTHER_LABEL in info.labels:
        shift_other_logit(learn.model, len(info.labels), info.metrics["calibration"]["other_bias"])
    train = split.folds[0].train if split.is_holdout else range(len(data.items))
    graph = make_graph(learn.model, info.size_px, kept, calibration_pixels(info, data, train) if kept == INT8 else ())
    if kept == INT8:
        try:
            return export(learn, info, graph, paths, folder, INT8_GATE)
        except ExportError as error:
            log.warning("%s Taking fp16 weights instead of int8.", error)
            kept, graph = FP16, make_graph(learn.model, info.size_px, FP16, ())
            info = replace(info, metrics={**info.metrics, "precision": {**info.metrics["precision"], "kept": kept}})
    if kept == FP16:
        round_to_half(learn.model)
    return export(learn, info, graph, paths, folder, EXACT)


def make_graph(model: nn.Module, size_px: int, precision: str, calibration: Sequence[Pixels]) -> bytes:
    """A copy of the network as an ONNX graph of that precision; calibration: single pictures (1, 3, size_px, size_px)."""
    with progress.stage(f"writing the network as {precision}"):
        graph = to_onnx(copy.deepcopy(model), size_px, half=precision == FP16)
        return quantize_to_int8(graph, calibration) if precision == INT8 else graph


def calibration_pixels(network: Network | ModelInfo, data: Dataset, train: Sequence[int]) -> list[Pixels]:
    """Some of the pictures trained on, for int8 to see how large its numbers become."""
    return to_pixels(network, data, random.Random(0).sample(train, min(CALIBRATION_PICTURES, len(train))))


def to_pixels(network: Network | ModelInfo, data: Dataset, indices: Sequence[int]) -> list[Pixels]:
    """Pictures as the graph takes them, one by one."""
    squares = (square_pad(load(data.items[i].path), network.size_px) for i in indices)
    tracked = progress.track(squares, "reading pictures", "pictures", len(indices))
    return [to_batch([square], network.mean, network.std) for square in tracked]


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """The fastest that loses next to nothing against fp32; where none is clearly faster, the smallest.

    fp16 weights compute in float32 all the same, so their time is fp32's, whatever the clock said.
    """
    base = next(candidate for candidate in candidates if candidate.name == FP32)

    def loses_little(candidate: Candidate) -> bool:
        lost = base.balanced_accuracy - candidate.balanced_accuracy
        lost_auroc = (base.auroc or 0) - (candidate.auroc or 0)
        return lost < max(MOST_LOST, 1.01 * candidate.one_picture) and lost_auroc < MOST_LOST

    good = [candidate for candidate in candidates if loses_little(candidate)]
    if any(candidate.name == FP16 for candidate in good):
        good.remove(base)
    fastest = min(candidate.milliseconds for candidate in good)
    return min((c for c in good if c.milliseconds * CLEARLY_FASTER <= fastest), key=lambda candidate: candidate.megabytes)


def measure(name: str, graph: bytes, labels: Sequence[str], pictures: Sequence[Pixels], targets: Sequence[str]) -> Candidate:
    """Run a graph on every picture and time it."""
    session = open_session(graph)
    asked = progress.track(pictures, f"trying {name}", "pictures")
    logits = np.concatenate([session.run(None, {INPUT_NAME: pixels})[0] for pixels in asked]).astype(np.float64)
    times = []
    for pixels in [pictures[k % len(pictures)] for k in range(TIMED_RUNS)]:
        started = time.perf_counter()
        session.run(None, {INPUT_NAME: pixels})
        times.append((time.perf_counter() - started) * 1000)
    characters = np.array([label != OTHER_LABEL for label in labels])
    probabilities = softmax(logits)[:, characters]
    known = np.array([target != OTHER_LABEL for target in targets])
    names = np.array(labels)[characters]
    size = len(graph) / 1e6
    if not known.any():
        return Candidate(name, size, median(times), 0.0, None)
    right = balanced_accuracy_score(np.array(targets)[known], names[probabilities[known].argmax(axis=1)])
    auroc = None if known.all() else float(roc_auc_score(known, probabilities.max(axis=1)))
    counts = Counter(np.array(targets)[known].tolist())
    one_picture = 1 / (min(counts.values()) * len(counts))
    return Candidate(name, size, median(times), float(right), auroc, one_picture)


def quantize_to_int8(graph: bytes, calibration: Sequence[Pixels]) -> bytes:
    """A float32 graph with 8-bit weights and activations between quantise and dequantise nodes."""
    quiet = logging.getLogger()
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # onnxruntime advises, through the root logger, what is done here already
    try:
        with tempfile.TemporaryDirectory() as folder, named(Path(folder)):
            given, ready, made = (Path(folder) / name for name in ("given.onnx", "ready.onnx", "made.onnx"))
            given.write_bytes(graph)
            quant_pre_process(given, ready, skip_symbolic_shape=True)
            quantize_static(
                ready,
                made,
                _CalibrationReader(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                nodes_to_exclude=_head(onnx.load(ready).graph),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            return made.read_bytes()
    finally:
        quiet.setLevel(level)


def _head(graph: onnx.GraphProto) -> list[str]:
    """The names of the nodes that stay in float32: IN_FLOAT, and all that follows a linear layer, as sums of its outputs."""
    names, after = [], set[str]()
    for node in graph.node:  # each behind those that it takes from
        follows = not after.isdisjoint(node.input)
        if follows or node.op_type == "Gemm":
            after.update(node.output)
        if follows or node.op_type in IN_FLOAT:
            names.append(node.name)
    return names


class _CalibrationReader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands pictures to the calibration one by one."""

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        self._feeds: Iterator[dict[str, Pixels]] = progress.track(
            [{INPUT_NAME: pixels} for pixels in pictures], "calibrating int8", "pictures"
        )

    def get_next(self) -> dict[str, Pixels] | None:
        """The next picture, None at the end."""
        return next(self._feeds, None)
