"""fastai learners of tiny networks made by hand, whose answers differ from picture to picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fastai.data.all import CategoryBlock, DataBlock, DataLoaders, RandomSplitter, get_image_files, parent_label
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.all import ImageBlock, ImageDataLoaders, Resize
from torch import nn

from cartoons.convert.learner import convert
from cartoons.errors import ConvertError


def loaders(folder: Path, item_tfms: object = None, batch_tfms: object = None, **options: object) -> ImageDataLoaders:
    return ImageDataLoaders.from_folder(
        folder, valid_pct=0.2, seed=1, item_tfms=item_tfms, batch_tfms=batch_tfms, bs=6, num_workers=0, **options
    )


def block(
    items: object,
    x: object = ImageBlock,
    y: object = CategoryBlock,
    get_y: Callable[..., object] = parent_label,
    **options: object,
) -> DataLoaders:
    """items: a folder of pictures, or a list of what get_x and get_y take."""
    found = {"get_items": get_image_files} if isinstance(items, Path) else {}
    made = DataBlock(
        blocks=(x, y), get_y=get_y, splitter=RandomSplitter(seed=1), **({"item_tfms": Resize(64)} | found | options)
    )
    return made.dataloaders(items, bs=6, num_workers=0)


def tiny(dls: DataLoaders, labels: int = 3, inner_scale: float = 1, channels: int = 3) -> Learner:
    torch.manual_seed(1)
    body = nn.Sequential(nn.Conv2d(channels, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, labels))
    with torch.no_grad():
        head[2].weight.mul_(20 / inner_scale)
        body[2].weight.mul_(inner_scale)
        body[2].bias.mul_(inner_scale)
    return Learner(dls, nn.Sequential(body, head), loss_func=CrossEntropyLossFlat())


def exported(learn: Learner, folder: Path, name: str = "export.pkl", **options: object) -> Path:
    learn.path = folder
    learn.export(name, **options)
    return folder / name


def refuses(learn: Learner, folder: Path) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(str(exported(learn, folder)), folder / "model")
    assert not (folder / "model").exists()
    assert "\n" not in str(refusal.value)
    return str(refusal.value)
