"""Any fastai vision learner to a model folder that the page serves: no retraining, and the same answers.

    convert("user/repo", Path("runs/mine"))        a learner on the Hugging Face Hub
    convert("export.pkl", Path("runs/mine"))       what learn.export() wrote

The learner is asked about files: drawings of every kind of file, the examples and, if given, a folder of pictures. The model
folder is written only if the page answers plain RGB files alike; kinds of files that the learner opens in another way than
the page are named in model.json and on the card. What was never measured, such as how good it is, is not invented.
"""

import copy
import datetime
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from fastai.learner import Learner
from torch import nn

from cartoons import model_folder
from cartoons.classifier import Classifier
from cartoons.convert.inference import FilePredictor, labels_of
from cartoons.convert.learner_file import find
from cartoons.convert.parity import Answered, ask, check
from cartoons.convert.pictures import write_kinds, write_probes
from cartoons.convert.pipeline import Pipeline, measure
from cartoons.convert.unpickle import load_learner_file, versions_beside
from cartoons.errors import ConvertError, ExportError, in_a_line
from cartoons.examples import DRAWINGS
from cartoons.files import check_folder, check_writable, named, write_atomically
from cartoons.model_card import differing_files, model_card
from cartoons.model_folder import ModelInfo
from cartoons.training.export import has_feature_maps, to_onnx
from cartoons.training.run import VERSIONS_OF, name_of

UNKNOWN = "#na#"
"""fastai's own label for pictures that have none (add_na=True)."""

log = logging.getLogger("convert")


class Whole(nn.Module):
    """A network of which only the answer is of use: no part of it can be asked about a part of the picture."""

    def __init__(self, front: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.front, self.network = front, network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to logits (n, labels)."""
        answer: torch.Tensor = self.network(self.front(pixels))
        return answer


def convert(source: str, out: Path, name: str | None = None, data: Path | None = None) -> ModelInfo:
    """Turn a learner (a .pkl, a folder holding one, or user/repo on the Hub) into the model folder `out`.

    name: as the page shows it; data: a folder of pictures on which both are compared, besides the drawn ones.
    Raises CartoonError, with nothing written, when the learner cannot be loaded, is no picture classifier, prepares its
    pictures in a way of its own, or answers otherwise than its exported model.
    """
    if data is not None:
        check_folder(data, "a folder of pictures to compare on, or none")
    path = find(source)
    learn = load_learner_file(path)
    labels = labels_of(learn.dls)
    with _temporary_folder() as place, named(Path(place)):
        folder = Path(place)
        probes, kinds = write_probes(folder), write_kinds(folder)
        learner = FilePredictor(learn, labels, [*probes, kinds[0]])
        pipeline = measure(learner, probes)
        log.info("%d labels; pictures become %d px by %s.", len(labels), pipeline.size_px, pipeline.resize)
        theirs = sorted(file for file in data.rglob("*") if file.is_file()) if data else []
        answers = ask(learner, [*probes, *kinds, *sorted(DRAWINGS.glob("*.png")), *theirs], folder)
        info = replace(
            _described(learn, labels, pipeline),
            name=name or name_of(labels),
            versions=_versions(path),
        )
        graph, parity = _checked(learn, pipeline, info, answers)
    check_writable(out)
    written = model_folder.write(out, replace(info, metrics={"parity": parity}), graph)
    write_atomically(out / "README.md", model_card(written, folder=out).encode())
    if UNKNOWN in info.labels:
        log.warning("The label %s is fastai's for pictures without one: as with the learner, it can be an answer.", UNKNOWN)
    if said := differing_files(written):
        log.warning("The learner opens files of some kinds in another way than the page:")
    for sentence in said:
        log.warning("%s", sentence)
    return written


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="drawn-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ConvertError(f"No temporary folder can be made ({error}): set TMPDIR to one that can be written.") from error


def _described(learn: Learner, labels: tuple[str, ...], pipeline: Pipeline) -> ModelInfo:
    """What the learner itself says for model.json."""
    return ModelInfo(
        labels=labels,
        size_px=pipeline.size_px,
        mean=pipeline.mean,
        std=pipeline.std,
        temperature=1.0,
        unknown_threshold=1.0,  # nothing was measured that could say when it does not know
        name="",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=arch_of(learn),
        recipe="converted",
        resize=pipeline.resize,
    )


def _checked(
    learn: Learner, pipeline: Pipeline, info: ModelInfo, answers: Sequence[Answered]
) -> tuple[bytes, dict[str, Any]]:
    """The learner's network as a graph that passes the gate, in half precision if it does so, and what the gate found."""
    graph = as_onnx(learn, pipeline, half=True)
    try:
        return graph, check(answers, Classifier(info, graph))
    except ExportError:
        log.info("Stored in half precision it answers otherwise than the learner, so it is stored in full.")
        graph = as_onnx(learn, pipeline, half=False)
        return graph, check(answers, Classifier(info, graph))


def as_onnx(learn: Learner, pipeline: Pipeline, *, half: bool) -> bytes:
    """The learner's network as an ONNX graph over normalised squares; the network itself stays as it is."""
    try:
        network = copy.deepcopy(learn.model).eval()
        front = pipeline.front()
        whole: nn.Module = Whole(front, network)
        if isinstance(network, nn.Sequential) and len(network) == 2:
            parts = nn.Sequential(nn.Sequential(front, network[0]), network[1])
            whole = parts if has_feature_maps(parts, pipeline.size_px) else whole
        return to_onnx(whole, pipeline.size_px, half=half)
    except Exception as error:  # the exporter raises all sorts, and the network is anyone's code
        raise ConvertError(
            f"The network ({arch_of(learn)}) cannot be written as ONNX ({in_a_line(error)}): "
            "serve it with fastai itself, or train another network."
        ) from error


def arch_of(learn: Learner) -> str:
    """The network's name as far as it is known: fastai's vision_learner keeps it, a timm body does, else its class."""
    arch = getattr(learn, "arch", None)
    if arch is not None:
        return arch if isinstance(arch, str) else str(getattr(arch, "__name__", type(arch).__name__))
    for module in learn.model.modules():
        if config := getattr(module, "default_cfg", None):
            return str(config.get("architecture") or type(module).__name__)
    return type(learn.model).__name__


def _versions(path: Path) -> dict[str, str]:
    """The libraries' versions here, and the learner's fastai where the file beside it says so."""
    then = versions_beside(path).get("fastai")
    return {package: version(package) for package in VERSIONS_OF} | ({"converted_from": f"fastai {then}"} if then else {})
