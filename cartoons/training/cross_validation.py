"""Rounds of training and judging: every answer is from a model that never saw the picture, and is on disk once given."""

import hashlib
import io
import logging
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from fastai.learner import Learner
from fastai.torch_core import num_distrib, rank_distrib
from numpy.typing import NDArray
from PIL import Image

from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.evaluation.corruptions import CORRUPTIONS
from cartoons.evaluation.metrics import HeldOutPredictions
from cartoons.files import write_atomically
from cartoons.images import load_cutout, square_pad
from cartoons.model_folder import OTHER_LABEL
from cartoons.progress import Progress, spoken_time
from cartoons.splits import Backgrounds, Fold, Split
from cartoons.training import cached_features, finetune
from cartoons.training.callbacks import EpochMetrics, OnEpoch
from cartoons.training.network import Network

CORRUPTED_PICTURES = 200
"""About how many character pictures are also judged grey, cropped, and so on."""

WORK = "work"
"""The folder, in the model folder, that an interrupted run leaves behind."""

STATE_FORMAT = 2
"""Of what lies in it: a newer program starts anew."""

log = logging.getLogger("train")

Floats = NDArray[np.float64]
Recipe = cached_features.Recipe | finetune.Recipe


class Trainer(Protocol):
    """What a recipe offers: train on any of the pictures from the same fresh start, then judge others."""

    items: Sequence[Item]
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    lr_finder: dict[str, Any]
    """The learning-rate finder's curve, where the recipe looks for one."""

    @property
    def learn(self) -> Learner:
        """The whole network as last trained."""

    @property
    def epochs(self) -> int:
        """About how many epochs a fit takes."""

    def fit(self, train: Sequence[int], checkpoint: Path, on_epoch: OnEpoch) -> list[EpochMetrics]:
        """Train on these items; resumes from `checkpoint`, a path without suffix. One row per epoch."""

    def close(self) -> None:
        """Nothing is judged any more."""

    def portable(self) -> Learner:
        """The learner as now trained, on plain loaders, on the CPU."""

    def examples(self, indices: Sequence[int]) -> list[list[Image.Image]]:
        """For each item its square, then what training sees of it besides."""

    def predict(self, indices: Sequence[int]) -> Floats:
        """Logits of items: (len(indices), labels)."""

    def predict_pictures(self, squares: Sequence[Image.Image]) -> Floats:
        """Logits of RGB squares of size_px: (len(squares), labels)."""


@dataclass(frozen=True)
class CrossValidation:
    """The result of training and predicting fold by fold."""

    predictions: HeldOutPredictions
    history: list[EpochMetrics] | None
    """The epochs of the last fit, if its network is still there."""


AfterRound = Callable[[int], None]
RECIPES: dict[str, Recipe] = {
    "fast": cached_features.Recipe(),
    "thorough": cached_features.Recipe(name="thorough", frozen_part=0.45, views=8, body_lr=5e-4),
    "finetune": finetune.Recipe(),
}


def choose_recipe(name: str, epochs: int | None, batch_size: int | None, seed: int) -> Recipe:
    """The recipe of that name with other numbers where given; "auto" is `finetune` with a GPU or on several processes.

    Raises DataError for numbers that cannot be.
    """
    for flag, value in (("--epochs", epochs), ("--batch-size", batch_size)):
        if value is not None and value < 1:
            raise DataError(f"{flag} is {value}: give 1 or more.")
    if name == "auto":
        name = "finetune" if torch.cuda.is_available() or num_distrib() > 1 else "fast"
    recipe = RECIPES[name]
    changes: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    if isinstance(recipe, cached_features.Recipe):
        if num_distrib() > 1:
            message = f"--recipe {name} runs in one process: start it without accelerate launch, or take --recipe finetune."
            raise DataError(message)
        if epochs is not None:
            changes["fewest_samples"] = 0
    return replace(recipe, **{field: value for field, value in changes.items() if value is not None})


def make_trainer(
    network: Network, items: Sequence[Item], labels: Sequence[str], recipe: Recipe, backgrounds: Backgrounds, work: Path
) -> Trainer:
    """The recipe's trainer, ready to fit. Raises DataError when the ImageNet weights cannot be had."""
    if isinstance(recipe, finetune.Recipe):
        return finetune.FinetuneTrainer(network, items, labels, recipe, work)
    trainer = cached_features.CachedFeaturesTrainer(network, items, labels, recipe, backgrounds, work)
    progress, started = Progress(len(items)), time.monotonic()
    for done in trainer.cache_features():
        progress.show(f"what the frozen part sees: {done} of {len(items)} pictures")
    progress.clear()
    log.info("What the frozen part sees of them is there after %s.", spoken_time(time.monotonic() - started))
    return trainer


def work_folder(parent: Path, content: str, items: Sequence[Item], settings: object) -> Path:
    """Where an interrupted run of the same data (its hash, its items) and settings finds its state; others' are removed."""
    described = f"{STATE_FORMAT} {content} {items} {settings}"
    folder = parent / hashlib.sha256(described.encode()).hexdigest()[:16]
    for other in parent.glob("*"):
        if other != folder and not is_helper():
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_helper() -> bool:
    """True on every process but the first of `accelerate launch`."""
    return bool(rank_distrib())


def cross_validate(
    trainer: Trainer, split: Split, labels: tuple[str, ...], work: Path, progress: Progress, after: AfterRound
) -> CrossValidation:
    """Train and judge round by round. Finished rounds are taken from `work`; `after` is called while a round's model is
    there. On several processes all train, and the first judges and writes."""
    shape, history = (len(trainer.items), len(labels)), None
    logits, corrupted = np.full(shape, np.nan), {name: np.full(shape, np.nan) for name in CORRUPTIONS}
    done = {path.name for path in work.glob("round-*.npz")}  # asked once, so that several processes agree
    for number, fold in enumerate(split.folds):
        path = work / f"round-{number}.npz"
        if path.name not in done:
            name = f"{fold.name} of {len(split.folds)}"
            history = trainer.fit(fold.train, work / f"round-{number}", ticking(progress, name))
            if is_helper():
                continue
            after(number)
            sample = sampled(fold, trainer.items, CORRUPTED_PICTURES // len(split.folds), number)
            write_atomically(path, _packed(trainer, fold, sample))
            if not split.is_holdout:
                for checkpoint in work.glob(f"round-{number}.[!n]*"):
                    checkpoint.unlink()
        else:
            for _ in range(trainer.epochs):
                progress.step(f"{fold.name}: done before", at_once=True)
        with np.load(path) as kept:
            logits[list(fold.held_out)] = kept["judged"]
            for name, changed in corrupted.items():
                changed[kept["sample"]] = kept[name]
    return CrossValidation(HeldOutPredictions.where_predicted(trainer.items, labels, logits, corrupted), history)


def ticking(progress: Progress, name: str) -> OnEpoch:
    """A callback that shows each epoch on the live line."""

    def on_epoch(row: EpochMetrics) -> None:
        figures = f"training loss {row['train_loss']:.3f}"
        if "balanced_accuracy" in row:
            figures += f", held-out balanced accuracy {row['balanced_accuracy']:.3f}"
        progress.step(f"{name}: epoch {row['epoch']:.0f}, {figures}")

    return on_epoch


def sampled(fold: Fold, items: Sequence[Item], count: int, seed: int) -> list[int]:
    """About `count` of the round's judged character pictures, the same number of each character where there are as many."""
    by_label: dict[str, list[int]] = {}
    for i in fold.held_out:
        if items[i].label != OTHER_LABEL:
            by_label.setdefault(items[i].label, []).append(i)
    each = max(1, count // max(1, len(by_label)))
    rng = random.Random(seed)
    return sorted(i for mine in by_label.values() for i in rng.sample(mine, min(each, len(mine))))


def _packed(trainer: Trainer, fold: Fold, sample: Sequence[int]) -> bytes:
    """A round's answers as the bytes of an .npz file."""
    arrays: dict[str, Any] = {"judged": trainer.predict(fold.held_out), "sample": np.array(sample, dtype=np.int64)}
    cutouts = [load_cutout(trainer.items[i].path) for i in sample]
    for name, change in CORRUPTIONS.items():
        arrays[name] = trainer.predict_pictures([square_pad(change(cutout), trainer.size_px) for cutout in cutouts])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
