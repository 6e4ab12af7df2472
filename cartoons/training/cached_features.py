"""The recipes `fast` and `thorough`: a picture folder to a trained fastai Learner in a minute or a few on two CPU cores.

ImageNet weights; the first stages of the network stay as they are, so what they make of every picture, as it is and in
several augmented views, is computed once and kept on this machine; the other stages and a linear head are then fine-tuned on
that. Holding out one part after another, or training again, costs only that last step.
"""

import copy
import hashlib
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.data import WeightedDL
from fastai.data.core import DataLoaders
from fastai.learner import Callback, Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.torch_core import default_device, params, set_seed
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cartoons import image_modes, images
from cartoons.dataset import Dataset
from cartoons.images import load, square_pad, to_batch
from cartoons.onnx_graph import open_session
from cartoons.training import augment, redraw, views
from cartoons.training.callbacks import Checkpoint, EpochMetrics, FrozenNorm, RegMixup, bfloat16_convolutions
from cartoons.training.export import trace
from cartoons.training.feature_store import FeatureStore, find_folder
from cartoons.training.network import ADAMW, Network, build_learner, plain_loaders, portable, stages
from cartoons.training.outlier_classes import model_and_loss, outlier_classes, with_outlier_classes
from cartoons.training.recipes import CachedFeaturesRecipe
from cartoons.training.sampling import FeaturesDataset, likeness, sampling_weights
from cartoons.training.views import Views

PICTURES_AT_ONCE = 32
TAIL_BATCH_SIZE = 32


class CachedFeaturesTrainer:
    """Has the frozen part see the views of every picture, and trains the rest on any subset of them."""

    def __init__(self, network: Network, data: Dataset, recipe: CachedFeaturesRecipe, work: Path) -> None:
        """work: a folder for what `fit` keeps. Raises DataError when the network's ImageNet weights cannot be had."""
        self.data, self.recipe, self.work = data, recipe, work
        self._train_network, self.network = network, network.scaled(recipe.test_scale)
        self.lr_finder: dict[str, Any] = {}
        self.computed = 0
        self.device = default_device()
        dls = plain_loaders(data.items, data.labels, self.network)
        self.learn = learn = build_learner(dls, self.network, recipe.dropout)
        self._targets, last = outlier_classes(data.items, data.labels), len(data.labels) - 1
        has_classes = bool(recipe.outlier_share and (self._targets > last).any())
        if has_classes:
            learn.model[1] = with_outlier_classes(learn.model[1], int(self._targets.max()) + 1)
        body, head = learn.model[0].to(self.device), learn.model[1].to(self.device)
        sample = torch.zeros(1, 3, network.size_px, network.size_px, device=self.device)
        chain = stages(body, sample)
        cut = math.ceil(len(chain) * recipe.frozen_part)
        self.stem, self.tail = nn.Sequential(*chain[:cut]).eval(), nn.Sequential(nn.Sequential(*chain[cut:]), head)
        self._trained, self._loss = self.tail, LabelSmoothingCrossEntropyFlat(eps=recipe.label_smoothing)
        if has_classes:
            self._trained, self._loss = model_and_loss(self.tail, recipe.outlier_share, recipe.label_smoothing)
        else:
            self._targets = self._targets.clip(max=last)
        self._sessions = {
            size_px: open_session(trace(self.stem, torch.zeros(1, 3, size_px, size_px), ["maps"]), threads=1)
            for size_px in {network.size_px, self.network.size_px}
            if self.device.type == "cpu"
        }
        freeze_depthwise(self.tail)
        self._fresh = copy.deepcopy(self.tail.state_dict())
        self._views = Views(data.items, network.size_px, 1 + recipe.views)
        maps = self._run_stem(sample.cpu().numpy())
        self.store = FeatureStore(find_folder(work), self._stem_hash(), maps.shape[1:])
        self._is_cutout: dict[int, bool] = {}
        self._untrained: NDArray[np.float64] | None = None

    def cache_features(self) -> Iterator[int]:
        """Let the frozen part see every view of every picture that it has not seen; yields how many pictures are done.

        Raises DataError when there is no room for it.
        """
        missing = {i: numbers for i in range(len(self.data.items)) if (numbers := self._missing(i))}
        self.computed = len(missing)
        self.store.make_room(sum(map(len, missing.values())))
        done, waiting = len(self.data.items) - len(missing), list(missing)
        yield done
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(waiting), PICTURES_AT_ONCE):
                some = waiting[start : start + PICTURES_AT_ONCE]
                for _ in pool.map(lambda i: self._compute(i, missing[i]), some):
                    done += 1
                    yield done

    def fit(self, train: Sequence[int], checkpoint: Path) -> list[EpochMetrics]:
        """Train the tail on the given pictures from its fresh state; learn.model then is the whole network.

        Where the recipe has a second fit, the weights of both are averaged, and the rows are those of one after the other.
        """
        recipe, order = self.recipe, sorted(train)
        epochs = max(recipe.epochs, min(recipe.most_epochs, math.ceil(recipe.fewest_samples / len(order))))
        second = round(recipe.second_fit * epochs)
        saving = Checkpoint(checkpoint.with_suffix(".fit"), recipe.seed, (0, epochs + second))
        self._fit_once(order, epochs, [saving, *([RegMixup(recipe.regmixup)] if recipe.regmixup else [])])
        rows = saving.rows
        if second:
            first, share = copy.deepcopy(self.tail.state_dict()), second / (epochs + second)
            saving = Checkpoint(checkpoint.with_suffix(".second-fit"), recipe.seed, (epochs, epochs + second))
            self._fit_once(order, second, [saving])
            rows = [*rows, *(row | {"epoch": row["epoch"] + epochs} for row in saving.rows)]
            now = self.tail.state_dict()
            self.tail.load_state_dict({name: torch.lerp(w.float(), now[name].float(), share) for name, w in first.items()})
        self.learn.model.eval()
        return rows

    def _fit_once(self, order: Sequence[int], epochs: int, callbacks: Sequence[Callback]) -> None:
        recipe, trained = self.recipe, set(order)
        set_seed(recipe.seed, reproducible=True)
        self.tail.load_state_dict(self._fresh)
        seen = [self._views.seen_by(i, self._is_cutout[i], trained) for i in order]
        data = FeaturesDataset(self._maps, seen, self._targets, np.asarray(order))
        weights = self._weights(order)
        loader = WeightedDL(data, bs=min(recipe.batch_size, len(data)), wgts=weights, shuffle=True, num_workers=0)
        nothing = FeaturesDataset(self._maps, [], self._targets, np.asarray(order[:0]))
        learner = Learner(
            DataLoaders(loader, WeightedDL(nothing, bs=1, wgts=[], num_workers=0), device=self.device),
            self._trained,
            loss_func=self._loss,
            splitter=lambda model: [params(model[0]), params(model[1])],
            opt_func=ADAMW,
            wd=recipe.weight_decay,
            cbs=[FrozenNorm(), *callbacks, *([ChannelsLast()] if len(self.store.shape) == 3 else [])],
        )
        with bfloat16_convolutions(), learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(epochs, lr_max=slice(recipe.body_lr, recipe.head_lr))

    def portable(self) -> Learner:
        """The learner as now trained, on plain loaders, on the CPU: to export or to save."""
        return portable(self.learn, self.learn.dls)

    def examples(self, indices: Sequence[int]) -> list[list[Image.Image]]:
        """For each item its square, then what training sees of it besides."""
        return [self._views.draw(i, self._views.numbers)[1] for i in indices]

    def predict(self, indices: Sequence[int]) -> NDArray[np.float64]:
        """What the network as now trained answers for pictures of the folder as they are: (len(indices), labels)."""
        return self._run(self.tail, self._test_maps(indices))

    def predict_pictures(self, squares: Sequence[Image.Image]) -> NDArray[np.float64]:
        """What it answers for any RGB squares of network.size_px: (len(squares), labels)."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return self._run(self.tail, pool.map(self._maps_of, squares))

    def imagenet_features(self) -> NDArray[np.float64]:
        """What the network made of every picture before it was trained: (items, channels), as the last layer takes them."""
        if self._untrained is None:
            untrained = copy.deepcopy(self.tail)
            untrained.load_state_dict(self._fresh)
            layers = itertools.takewhile(lambda layer: not isinstance(layer, nn.Linear), untrained[1].children())
            body = nn.Sequential(untrained[0], *layers)
            self._untrained = self._run(body, (self._maps(i, 0) for i in range(len(self.data.items))))
        return self._untrained

    def _weights(self, order: Sequence[int]) -> NDArray[np.float64]:
        """How often each of these pictures is drawn."""
        items = [self.data.items[i] for i in order]
        like = likeness(self.imagenet_features()[order], items) if self.recipe.hard_others else np.zeros(len(order))
        return sampling_weights([item.label for item in items], like)

    def _stem_hash(self) -> str:
        """Names all that the maps of a view depend on besides its name: weights, stages, numbers, and the code of views."""
        numbers = replace(self._train_network, weights=None)
        digest = hashlib.sha256(f"{numbers} {self.stem} {version('timm')} {version('pillow')}".encode())
        for tensor in self.stem.state_dict().values():
            digest.update(tensor.cpu().numpy().tobytes())
        for module in (augment, image_modes, images, redraw, views):
            digest.update(Path(str(module.__file__)).read_bytes())
        return digest.hexdigest()

    def _missing(self, index: int) -> list[int]:
        """The numbers of a picture's views that are not in the store, which also tells whether it is a cut-out."""
        for is_cutout in (False, True):
            missing = [n for n in self._views.numbers if not self.store.has(self._views.name(index, n, is_cutout))]
            if len(missing) < len(self._views.numbers):
                self._is_cutout[index] = is_cutout
                return missing
        return list(self._views.numbers)

    def _compute(self, index: int, numbers: Sequence[int]) -> list[NDArray[np.float16]]:
        """Let the frozen part see these views of a picture, and keep what it makes of them."""
        self._is_cutout[index], squares = self._views.draw(index, numbers)
        maps = [self._maps_of(square) for square in squares]
        for number, each in zip(numbers, maps, strict=True):
            self.store.write(self._views.name(index, number, self._is_cutout[index]), each)
        return maps

    def _maps(self, index: int, number: int) -> NDArray[np.float16]:
        """What the frozen part makes of a view: from the store, or anew when it is not there any more or damaged."""
        maps = self.store.read(self._views.name(index, number, self._is_cutout[index]))
        return self._compute(index, [number])[0] if maps is None else maps

    def _test_maps(self, indices: Sequence[int]) -> Iterator[NDArray[np.float16]]:
        """What it makes of pictures as they are, in squares of the size that the model is asked about."""
        if self.network == self._train_network:
            yield from (self._maps(i, 0) for i in indices)
            return

        def of(index: int) -> NDArray[np.float16]:
            return self._maps_of(square_pad(load(self.data.items[index].path), self.network.size_px))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(indices), PICTURES_AT_ONCE):
                yield from pool.map(of, indices[start : start + PICTURES_AT_ONCE])

    def _maps_of(self, square: Image.Image) -> NDArray[np.float16]:
        """What it makes of one RGB square; one at a time is what fits a CPU's cache."""
        return np.asarray(self._run_stem(to_batch([square], self.network.mean, self.network.std))[0], np.float16)

    @torch.no_grad()
    def _run_stem(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """On a CPU with onnxruntime, a core per picture, which is twice as fast there and agrees to 1e-6."""
        if session := self._sessions.get(batch.shape[-1]):
            return np.asarray(session.run(None, {session.get_inputs()[0].name: batch})[0])
        return np.asarray(self.stem(torch.from_numpy(batch).to(self.device)).cpu().numpy())

    @torch.no_grad()
    def _run(self, model: nn.Module, maps: Iterable[NDArray[np.float16]]) -> NDArray[np.float64]:
        rows, left = [], iter(maps)
        while batch := list(itertools.islice(left, TAIL_BATCH_SIZE)):
            given = torch.from_numpy(np.stack(batch)).float().to(self.device)
            rows.append(model.eval()(given).cpu().double().numpy())
        return np.concatenate(rows) if rows else np.empty((0, len(self.learn.dls.vocab)))


def freeze_depthwise(model: nn.Module) -> None:
    """Freeze depthwise filters: their gradients are the slowest on a CPU, and gain nothing on few pictures."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.weight.requires_grad_(False)
