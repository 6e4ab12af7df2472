"""The recipes `fast` and `thorough`: a picture folder to a trained fastai Learner in a minute or a few on two CPU cores.

ImageNet weights; the first stages of the network stay as they are, so what they make of every picture, as it is and in
several augmented views, is computed once and kept on disk; the other stages and a linear head are then fine-tuned on that.
Holding out one part after another costs only that last step again.
"""

import copy
import math
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.data import WeightedDL
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.torch_core import default_device, params, set_seed
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cartoons.dataset import Dataset
from cartoons.errors import DataError
from cartoons.files import write_atomically
from cartoons.images import load_cutout, on_white, square_pad, to_batch
from cartoons.onnx_graph import open_session
from cartoons.splits import Backgrounds
from cartoons.training.augment import augment, background
from cartoons.training.callbacks import Checkpoint, EpochMetrics, FrozenNorm
from cartoons.training.export import trace
from cartoons.training.network import ADAMW, Network, build_learner, plain_loaders, portable, stages
from cartoons.training.sampling import FeaturesDataset, sampling_weights

PICTURES_AT_ONCE = 32
BATCH_SIZE = 8
"""Pictures per run of the frozen part: what fits a CPU's cache is fastest."""


@dataclass(frozen=True)
class Recipe:
    """How to train. `views` counts the augmented variations of each picture, besides itself."""

    name: str = "fast"
    epochs: int = 4
    fewest_samples: int = 4000
    most_epochs: int = 40
    """A fit takes `epochs`, or as many as draw `fewest_samples` pictures, of few pictures at most `most_epochs`."""
    views: int = 4
    batch_size: int = 16
    body_lr: float = 1e-3
    head_lr: float = 3e-3
    dropout: float = 0.3
    label_smoothing: float = 0.1
    weight_decay: float = 0.05
    frozen_part: float = 0.6
    fits: int = 1
    """Of the same pictures in another order, from the same start; their weights are averaged (Wortsman et al. 2022, "Model
    soups"), which costs nothing where the model is used."""

    seed: int = 42


FAST = Recipe()
THOROUGH = Recipe(name="thorough", frozen_part=0.45, views=8, body_lr=5e-4, label_smoothing=0.0, fits=2)


class CachedFeaturesTrainer:
    """Holds the frozen part's views of every picture, and trains the rest on any subset of them."""

    def __init__(self, network: Network, data: Dataset, recipe: Recipe, backgrounds: Backgrounds, work: Path) -> None:
        """backgrounds: what cut-outs may be laid on; work: a folder for what `cache_features` and `fit` keep. Raises
        DataError when the network's ImageNet weights cannot be had."""
        self.network, self.data, self.recipe, self.backgrounds, self.work = network, data, recipe, backgrounds, work
        self.lr_finder: dict[str, Any] = {}
        self.device = default_device()
        self.learn = learn = build_learner(plain_loaders(data.items, data.labels, network), network, recipe.dropout)
        body, head = learn.model[0].to(self.device), learn.model[1].to(self.device)
        sample = torch.zeros(1, 3, network.size_px, network.size_px, device=self.device)
        chain = stages(body, sample)
        cut = math.ceil(len(chain) * recipe.frozen_part)
        self.stem, self.tail = nn.Sequential(*chain[:cut]).eval(), nn.Sequential(nn.Sequential(*chain[cut:]), head)
        self._session = open_session(trace(self.stem, sample, ["maps"]), threads=1) if self.device.type == "cpu" else None
        freeze_depthwise(self.tail)
        self._fresh = copy.deepcopy(self.tail.state_dict())
        self._targets = np.array([data.labels.index(item.label) for item in data.items])
        self._features: NDArray[np.float16] | None = None

    def cache_features(self) -> Iterator[int]:
        """Let the frozen part see every view of every picture; yields how many pictures are done. Resumes in `work`.

        The views lie in work/views.npy: float16, (pictures, views, channels, height, width). View 0 is the picture itself,
        the rest are augmented.
        """
        example = self._run_stem(np.zeros((1, 3, self.network.size_px, self.network.size_px), np.float32))
        shape = (len(self.data.items), 1 + self.recipe.views, *example.shape[1:])
        file, noted = self.work / "views.npy", self.work / "views.done"
        needed, free = 2 * math.prod(shape), shutil.disk_usage(self.work).free
        if needed > free and not file.exists():
            raise DataError(
                f"{self.work} needs {needed / 1e9:.1f} GB for what the frozen part sees, and {free / 1e9:.1f} GB are free: "
                "give an --out on a larger disk, or take --recipe finetune."
            )
        done = int(noted.read_text(encoding="utf-8")) if noted.exists() and file.exists() else 0
        self._features = np.lib.format.open_memmap(file, "r+" if done else "w+", np.float16, None if done else shape)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(done, len(self.data.items), PICTURES_AT_ONCE):
                stop = min(start + PICTURES_AT_ONCE, len(self.data.items))
                for index, maps in zip(range(start, stop), pool.map(self._features_of, range(start, stop)), strict=True):
                    self._features[index] = maps
                    yield index + 1
                self._features.flush()
                write_atomically(noted, str(stop).encode())

    def fit(self, train: Sequence[int], checkpoint: Path) -> list[EpochMetrics]:
        """Train the tail on the given pictures, recipe.fits times from its fresh state, and average the weights; learn.model
        then is the whole network. The rows are the last fit's."""
        states = []
        for number in range(self.recipe.fits):
            rows = self._fit_once(train, checkpoint.with_suffix(f".fit-{number}"), number)
            states.append(copy.deepcopy(self.tail.state_dict()))
        self.tail.load_state_dict(mean_state(states))
        self.learn.model.eval()
        return rows

    def _fit_once(self, train: Sequence[int], checkpoint: Path, number: int) -> list[EpochMetrics]:
        recipe, seed = self.recipe, self.recipe.seed + 1000 * number
        epochs = self._epochs_for(len(train))
        set_seed(seed, reproducible=True)
        self.tail.load_state_dict(self._fresh)
        chosen = np.asarray(sorted(train))
        data = FeaturesDataset(self._cached, self._targets, chosen)
        weights = sampling_weights([self.data.items[i].label for i in chosen])
        loader = WeightedDL(data, bs=min(recipe.batch_size, len(data)), wgts=weights, shuffle=True, num_workers=0)
        nothing = WeightedDL(FeaturesDataset(self._cached, self._targets, chosen[:0]), bs=1, wgts=[], num_workers=0)
        saving = Checkpoint(checkpoint, seed, (number * epochs, recipe.fits * epochs))
        learner = Learner(
            DataLoaders(loader, nothing, device=self.device),
            self.tail,
            loss_func=LabelSmoothingCrossEntropyFlat(eps=recipe.label_smoothing),
            splitter=lambda model: [params(model[0]), params(model[1])],
            opt_func=ADAMW,
            wd=recipe.weight_decay,
            cbs=[FrozenNorm(), saving, *([ChannelsLast()] if self._cached.ndim == 5 else [])],
        )
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(epochs, lr_max=slice(recipe.body_lr, recipe.head_lr))
        return saving.rows

    def portable(self) -> Learner:
        """The learner as now trained, on plain loaders, on the CPU: to export or to save."""
        return portable(self.learn, self.learn.dls)

    def close(self) -> None:
        """Let go of the views on disk, which some systems will not delete otherwise."""
        self._features = None

    def examples(self, indices: Sequence[int]) -> list[list[Image.Image]]:
        """For each item its square, then what training sees of it besides."""
        return [self._views_of(i) for i in indices]

    def predict(self, indices: Sequence[int]) -> NDArray[np.float64]:
        """What the network as now trained answers for pictures of the folder as they are: (len(indices), labels)."""
        return self._run_tail(self._cached[list(indices), 0])

    def predict_pictures(self, squares: Sequence[Image.Image]) -> NDArray[np.float64]:
        """What it answers for any RGB squares of size_px: (len(squares), labels)."""
        batches = [
            to_batch(squares[k : k + BATCH_SIZE], self.network.mean, self.network.std)
            for k in range(0, len(squares), BATCH_SIZE)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            maps = [part.astype(np.float16) for part in pool.map(self._run_stem, batches)]
        return self._run_tail(np.concatenate(maps)) if maps else self._run_tail(np.empty((0, 0), np.float16))

    @property
    def _cached(self) -> NDArray[np.float16]:
        assert self._features is not None, "cache_features() comes first"
        return self._features

    def _epochs_for(self, pictures: int) -> int:
        return max(self.recipe.epochs, min(self.recipe.most_epochs, math.ceil(self.recipe.fewest_samples / pictures)))

    def _views_of(self, index: int) -> list[Image.Image]:
        """The picture itself and its augmented views, as squares."""
        cutout = load_cutout(self.data.items[index].path)
        square = square_pad(on_white(cutout), self.network.size_px)
        cutout.thumbnail((3 * self.network.size_px // 2, 3 * self.network.size_px // 2), Image.Resampling.BICUBIC)
        rng = random.Random(f"{self.recipe.seed} {index}")
        behind = self.backgrounds[index] if cutout.mode == "RGBA" else ()
        backgrounds = [background(self.data.items[k].path) for k in rng.sample(behind, min(len(behind), self.recipe.views))]
        augmented = [augment(cutout, rng, backgrounds, self.network.size_px) for _ in range(self.recipe.views)]
        return [square, *augmented]

    def _features_of(self, index: int) -> NDArray[np.float16]:
        """What the frozen part makes of a picture's views: (views, channels, height, width)."""
        return self._run_stem(to_batch(self._views_of(index), self.network.mean, self.network.std)).astype(np.float16)

    @torch.no_grad()
    def _run_stem(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """On a CPU with onnxruntime, a core per picture, which is twice as fast there and agrees to 1e-6."""
        if self._session:
            return np.asarray(self._session.run(None, {self._session.get_inputs()[0].name: batch})[0])
        return np.asarray(self.stem(torch.from_numpy(batch).to(self.device)).cpu().numpy())

    @torch.no_grad()
    def _run_tail(self, maps: NDArray[np.float16]) -> NDArray[np.float64]:
        rows = [np.empty((0, len(self.learn.dls.vocab)))]
        for start in range(0, len(maps), 32):
            batch = torch.from_numpy(maps[start : start + 32]).float()
            rows.append(self.tail.eval()(batch.to(self.device)).cpu().double().numpy())
        return np.concatenate(rows)


def freeze_depthwise(model: nn.Module) -> None:
    """Freeze depthwise filters: their gradients are the slowest on a CPU, and gain nothing on few pictures."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.weight.requires_grad_(False)


def mean_state(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of the weights of several fits of one network."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }
