"""Any fastai vision learner to a model folder that the page serves: no retraining, and the same answers.

    convert("user/repo", Path("runs/mine"))        a learner on the Hugging Face Hub
    convert("export.pkl", Path("runs/mine"))       what learn.export() wrote

The learner answers drawn pictures, the examples and, if given, a folder of pictures; the model folder is written only if
the exported model answers all of them alike. What was never measured, such as how good the learner is, is not invented.
"""

import copy
import datetime
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from fastai.learner import Learner
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cartoons import bundle
from cartoons.bundle import ModelInfo
from cartoons.convert.pipeline import Pipeline, labels_of, loader, measure, probes
from cartoons.convert.unpickle import find, load_learner_file, versions_beside
from cartoons.errors import ConvertError, DataError, ExportError, ImageError
from cartoons.hub.pull import LEARNER_FILES
from cartoons.images import load
from cartoons.predict import Classifier, softmax
from cartoons.training.export import Parity, compare, to_onnx

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
AT_ONCE = 8
"""Pictures held in memory together while the two models answer."""

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

    name: as the page shows it; data: a folder of pictures on which both must agree, besides the drawn ones.
    Raises CartoonError, with nothing written, when the learner cannot be loaded, is no picture classifier, prepares its
    pictures in a way of its own, or answers otherwise than its exported model.
    """
    if data is not None and not data.is_dir():
        raise DataError(f"{data} is not a folder: give a folder of pictures to compare on, or none.")
    path = find(source)
    learn = load_learner_file(path)
    labels, pipeline = labels_of(learn.dls), measure(learn.dls)
    answers(learn, probes())  # so that a learner that cannot answer is refused in words, not by the exporter
    log.info("%d labels; pictures become %d px by %s.", len(labels), pipeline.size_px, pipeline.resize)
    info = ModelInfo(
        labels=labels,
        size_px=pipeline.size_px,
        mean=pipeline.mean,
        std=pipeline.std,
        temperature=1.0,
        unknown_threshold=1.0,  # nothing was measured that could say when it does not know
        name=name or f"{len(labels)} labels of {_called(source)}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=arch_of(learn),
        recipe="converted",
        resize=pipeline.resize,
        versions=_versions(path),
    )
    graph = as_onnx(learn, pipeline, half=True)
    try:
        parity = check(learn, Classifier(info, graph), data)
    except ExportError:
        log.info("Stored in half precision it answers otherwise than the learner, so it is stored in full.")
        graph = as_onnx(learn, pipeline, half=False)
        parity = check(learn, Classifier(info, graph), data)
    return bundle.write(out, replace(info, metrics={"parity": asdict(parity)}), graph)


def as_onnx(learn: Learner, pipeline: Pipeline, *, half: bool) -> bytes:
    """The learner's network as an ONNX graph over normalised squares; the network itself stays as it is."""
    try:
        network = copy.deepcopy(learn.model).eval()
        front = pipeline.resample or nn.Identity()
        if shows_where(network, front, pipeline.size_px):
            network = nn.Sequential(nn.Sequential(front, network[0]), network[1])
        else:
            network = Whole(front, network)
        return to_onnx(network, pipeline.size_px, half=half)
    except Exception as error:  # the exporter raises all sorts, and the network is anyone's code
        raise ConvertError(
            f"The network ({arch_of(learn)}) cannot be written as ONNX ({type(error).__name__}: {error}): "
            "serve it with fastai itself, or train another network."
        ) from error


@torch.no_grad()
def shows_where(network: nn.Module, front: nn.Module, size_px: int) -> bool:
    """Whether the network is a body and a head that also answers a single cell of the body's maps, as most heads do."""
    if not (isinstance(network, nn.Sequential) and len(network) == 2):
        return False
    maps = network[0](front(torch.zeros(1, 3, size_px, size_px)))
    if not (isinstance(maps, torch.Tensor) and maps.ndim == 4):
        return False
    try:
        return bool(network[1](maps[:, :, :1, :1]).shape == network[1](maps).shape)
    except Exception:  # a head of another kind wants all cells
        return False


def check(learn: Learner, classifier: Classifier, data: Path | None) -> Parity:
    """The parity gate: the learner, by its own data loader, and the classifier on every picture.

    Raises ExportError when a label differs or a probability is off by more than the gate allows.
    """
    found = [compare(answers(learn, shown), classifier.probabilities(shown), names) for names, shown in pictures(data)]
    return Parity(sum(part.pictures for part in found), max(part.largest_difference for part in found))


def pictures(data: Path | None) -> Iterator[tuple[list[Path], list[Image.Image]]]:
    """Drawn pictures, the examples, and those of `data`, as names and RGB pictures, AT_ONCE at a time."""
    drawn = probes()
    yield [Path(f"drawn picture {k}") for k in range(len(drawn))], drawn
    names: list[Path] = []
    shown: list[Image.Image] = []
    for path in [*sorted(EXAMPLES.glob("*.png")), *sorted(data.rglob("*") if data else [])]:
        try:
            if path.is_file():
                shown.append(load(path))
                names.append(path)
        except ImageError as error:
            log.warning("Left out %s: %s", path, error)
        if len(names) == AT_ONCE:
            yield names, shown
            names, shown = [], []
    if names:
        yield names, shown


def answers(learn: Learner, shown: Sequence[Image.Image]) -> NDArray[np.float64]:
    """The learner's own probabilities for RGB pictures, (n, labels)."""
    try:
        with learn.no_bar(), learn.no_logging():
            given = learn.get_preds(dl=loader(learn.dls, shown))[0].numpy().astype(np.float64)
    except Exception as error:
        raise ConvertError(f"The learner itself cannot answer a picture ({type(error).__name__}: {error}).") from error
    probabilities = given if hasattr(learn.loss_func, "activation") else softmax(given)
    labels = labels_of(learn.dls)
    if probabilities.shape[1:] != (len(labels),):
        raise ConvertError(f"The network answers {given.shape[1:]} numbers for {len(labels)} labels: it is no classifier.")
    if np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise ConvertError(
            f"The learner's probabilities do not sum to 1 (its loss is {type(learn.loss_func).__name__}): "
            "only classifiers with one label per picture can be converted."
        )
    return probabilities


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


def _called(source: str) -> str:
    """What a learner is called: the last word of its Hub name, its folder's name, or its file's if that says anything."""
    path = Path(source).expanduser()
    if path.is_file() and path.name not in LEARNER_FILES:
        return path.stem
    if path.exists():
        return (path if path.is_dir() else path.parent).resolve().name
    return source.partition("@")[0].rpartition("/")[2]
