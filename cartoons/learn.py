"""A picture folder to a trained fastai Learner, in minutes on two CPU cores.

The recipe: ImageNet weights; the first stages of the network stay as they are, so what they make of every picture, as it
is and in several augmented views, is computed once; the other stages and a linear head are then fine-tuned on that. Leaving
one source out at a time costs only that last step again.
"""

import copy
import math
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback
from fastai.callback.data import WeightedDL
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.torch_core import default_device, params, set_seed
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cartoons.augment import augment
from cartoons.bundle import OTHER_LABEL
from cartoons.dataset import Item
from cartoons.errors import ImageError
from cartoons.images import load, load_cutout, on_white, square_pad, to_batch
from cartoons.network import stages


@dataclass(frozen=True)
class Recipe:
    """How to train. `views` counts the augmented variations of each picture, besides itself and its mirror image."""

    name: str = "fast"
    epochs: int = 4
    fewest_samples: int = 4000
    views: int = 8
    batch_size: int = 16
    body_lr: float = 3e-4
    head_lr: float = 3e-3
    dropout: float = 0.3
    label_smoothing: float = 0.1
    weight_decay: float = 0.05
    frozen_part: float = 0.45
    seed: int = 42


FAST = Recipe()


class FrozenNorm(Callback):  # type: ignore[misc]  # fastai has no types
    """Batch normalisation keeps its ImageNet statistics: a few hundred pictures would only spoil them."""

    def before_train(self) -> None:
        """Called by fastai after it has put the model into training mode."""
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


@dataclass(frozen=True)
class Views:
    """What the frozen part makes of each picture: float16, (views, pictures, channels, height, width).

    View 0 is the picture itself, view 1 its mirror image, the rest are augmented.
    """

    values: NDArray[np.float16]
    targets: NDArray[np.int64]


class Trainer:
    """Holds the frozen part's views of every picture, and trains the rest on any subset of them."""

    def __init__(self, learn: Learner, items: Sequence[Item], labels: Sequence[str], recipe: Recipe) -> None:
        """Compute the views: the slow part, done once. items must all be readable (see `readable`)."""
        self.learn, self.items, self.recipe = learn, items, recipe
        self.device = default_device()
        body, head = learn.model[0].to(self.device), learn.model[1].to(self.device)
        config = body.model.default_cfg
        self.size_px: int = config["input_size"][-1]
        self.mean, self.std = tuple(config["mean"]), tuple(config["std"])
        chain = stages(body, torch.zeros(1, 3, self.size_px, self.size_px, device=self.device))
        cut = math.ceil(len(chain) * recipe.frozen_part)
        self.stem, self.tail = nn.Sequential(*chain[:cut]), nn.Sequential(nn.Sequential(*chain[cut:]), head)
        self._fresh = copy.deepcopy(self.tail.state_dict())
        targets = np.array([list(labels).index(item.label) for item in items])
        self.views = Views(self._all_views(), targets)

    def fit(self, train: Sequence[int]) -> None:
        """Train the tail from its fresh state on the given pictures; learn.model then is the whole trained network."""
        recipe = self.recipe
        set_seed(recipe.seed, reproducible=True)
        self.tail.load_state_dict(self._fresh)
        chosen = np.asarray(sorted(train))
        data = _ViewsDataset(self.views, chosen)
        weights = sampling_weights([self.items[i].label for i in chosen])
        loader = WeightedDL(data, bs=min(recipe.batch_size, len(data)), wgts=weights, shuffle=True, num_workers=0)
        learner = Learner(
            DataLoaders(loader, loader, device=self.device),
            self.tail,
            loss_func=LabelSmoothingCrossEntropyFlat(eps=recipe.label_smoothing),
            splitter=lambda model: [params(model[0]), params(model[1])],
            wd=recipe.weight_decay,
            cbs=[FrozenNorm(), ChannelsLast()],
        )
        epochs = max(recipe.epochs, math.ceil(recipe.fewest_samples / len(data)))
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(epochs, lr_max=slice(recipe.body_lr, recipe.head_lr))
        self.learn.model.eval()

    @torch.no_grad()
    def logits(self, indices: Sequence[int]) -> NDArray[np.float64]:
        """What the network as now trained answers for the pictures themselves: (len(indices), labels)."""
        rows = []
        for start in range(0, len(indices), 32):
            values = self.views.values[0, list(indices[start : start + 32])]
            batch = torch.from_numpy(values).float().to(self.device, memory_format=torch.channels_last)
            rows.append(self.tail.eval()(batch).cpu().numpy())
        return np.concatenate(rows).astype(np.float64)

    def _all_views(self) -> NDArray[np.float16]:
        cutouts = [_thumbnail(load_cutout(item.path), 2 * self.size_px) for item in self.items]
        sources = {item.source for item in self.items if item.label != OTHER_LABEL}
        backgrounds = [
            on_white(cutout)
            for cutout, item in zip(cutouts, self.items, strict=True)
            if item.label == OTHER_LABEL and item.is_photo and item.source not in sources
        ]

        def augmented(view: int) -> Callable[[int], Image.Image]:
            def one(index: int) -> Image.Image:
                rng = random.Random(f"{self.recipe.seed} {view} {index}")
                return augment(cutouts[index], rng, backgrounds, self.size_px)

            return one

        def plain(index: int) -> Image.Image:
            return square_pad(load(self.items[index].path), self.size_px)

        def mirrored(index: int) -> Image.Image:
            return plain(index).transpose(Image.Transpose.FLIP_LEFT_RIGHT)

        makers = [plain, mirrored, *(augmented(view) for view in range(self.recipe.views))]
        return np.stack([self._run_stem(make) for make in makers])

    @torch.no_grad()
    def _run_stem(self, make: Callable[[int], Image.Image]) -> NDArray[np.float16]:
        """make(index) for every picture, through the frozen part, eight at a time: what fits a CPU's cache is fastest."""
        stem = self.stem.to(memory_format=torch.channels_last).eval()
        rows = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            squares = pool.map(make, range(len(self.items)))
            for start in range(0, len(self.items), 8):
                some = [next(squares) for _ in range(min(8, len(self.items) - start))]
                batch = torch.from_numpy(to_batch(some, self.mean, self.std))
                rows.append(stem(batch.to(self.device, memory_format=torch.channels_last)).half().cpu().numpy())
        return np.concatenate(rows)


class _ViewsDataset:
    """A random view of a picture, and its label, for fastai's DataLoader."""

    def __init__(self, views: Views, chosen: NDArray[np.int64]) -> None:
        self.views, self.chosen = views, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        index, view = self.chosen[k], random.randrange(len(self.views.values))
        return torch.from_numpy(self.views.values[view, index]).float(), torch.tensor(self.views.targets[index])


def sampling_weights(labels: Sequence[str]) -> list[float]:
    """How often each picture is drawn: half of all draws are `_other` if there is one, the rest is shared evenly."""
    counts = {label: labels.count(label) for label in set(labels)}
    characters = len(counts.keys() - {OTHER_LABEL})
    other = 0.5 if OTHER_LABEL in counts and characters else 0.0
    share = {label: (1 - other) / characters for label in counts if label != OTHER_LABEL} | {OTHER_LABEL: other or 1.0}
    return [share[label] / counts[label] for label in labels]


def readable(items: Sequence[Item]) -> tuple[list[Item], list[tuple[Path, str]]]:
    """The items whose picture opens, and the rest with the reason."""
    good, bad = [], []
    for item in items:
        try:
            load(item.path)
            good.append(item)
        except ImageError as error:
            bad.append((item.path, str(error)))
    return good, bad


def _thumbnail(cutout: Image.Image, side_px: int) -> Image.Image:
    """At most side_px on the longer side: what augmentation needs, and memory for thousands of pictures."""
    cutout.thumbnail((side_px, side_px), Image.Resampling.BICUBIC)
    return cutout
