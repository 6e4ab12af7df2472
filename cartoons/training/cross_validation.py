"""Cross-validation: each held-out picture is predicted by a model that never saw it; a fold that is done is on disk."""

import io
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from fastai.torch_core import num_distrib

from cartoons import progress
from cartoons.console import spoken_time
from cartoons.dataset import Dataset
from cartoons.errors import DataError
from cartoons.evaluation.corruptions import CORRUPTIONS
from cartoons.evaluation.metrics import HeldOutPredictions
from cartoons.files import write_atomically
from cartoons.images import load_cutout, square_pad
from cartoons.model_folder import OTHER_LABEL
from cartoons.progress import Stage
from cartoons.splits import Fold, Split
from cartoons.training import cached_features, finetune, quantize
from cartoons.training.callbacks import EpochMetrics, claim_device
from cartoons.training.config import TrainConfig
from cartoons.training.network import find_network
from cartoons.training.recipes import RECIPES, CachedFeaturesRecipe, FinetuneRecipe, Recipe
from cartoons.training.run import is_main_process, work_folder

CORRUPTED_PICTURES = 200
"""About how many character pictures are also predicted grey, cropped, and so on."""

log = logging.getLogger("train")


Trainer = cached_features.CachedFeaturesTrainer | finetune.FinetuneTrainer


@dataclass(frozen=True)
class CrossValidation:
    """The result of training and predicting fold by fold."""

    predictions: HeldOutPredictions
    history: list[EpochMetrics] | None
    """The epochs of the last fit, if its network is still there."""
    seconds: float = 0.0
    """How long that fit took."""


def choose_recipe(config: TrainConfig) -> Recipe:
    """The recipe, with the numbers that were given instead of its own. Raises DataError for one that cannot be here."""
    several = num_distrib() > 1
    is_auto = config.recipe == "auto"
    recipe = RECIPES[("finetune" if torch.cuda.is_available() or several else "fast") if is_auto else config.recipe]
    changes: dict[str, Any] = {"epochs": config.epochs, "batch_size": config.batch_size, "seed": config.split.seed}
    if isinstance(recipe, CachedFeaturesRecipe):
        if several:
            raise DataError(
                f"--recipe {recipe.name} runs in one process: start it without accelerate launch, or take --recipe finetune."
            )
        if config.epochs is not None:
            changes["fewest_samples"] = 0
    return replace(recipe, **{field: value for field, value in changes.items() if value is not None})


def make_trainer(config: TrainConfig, data: Dataset) -> Trainer:
    """The recipe's trainer, ready to fit. Raises DataError when the ImageNet weights cannot be had."""
    claim_device()
    network, recipe = find_network(config.arch, config.weights), choose_recipe(config)
    work = work_folder(config, data, recipe)
    if isinstance(recipe, FinetuneRecipe):
        return finetune.FinetuneTrainer(network, data, recipe, work)
    trainer = cached_features.CachedFeaturesTrainer(network, data, recipe, work)
    started = time.monotonic()
    with progress.stage("computing features", len(data.items), "pictures") as stage:
        cached = trainer.cache_features()
        stage.skip(next(cached))
        for done in cached:
            stage.reach(done)
    log.info(
        "What the frozen part sees of %d of them took %s to compute; %s keeps it for later trainings (%.1f MB).",
        *(trainer.computed, spoken_time(time.monotonic() - started), trainer.store.folder, trainer.store.size_bytes() / 1e6),
    )
    return trainer


def cross_validate(trainer: Trainer, split: Split, fits: Stage) -> CrossValidation:
    """Train on each fold and predict what it holds out; finished folds are taken from the work folder.

    fits: of which each fold is a step.
    On several processes all train, and the first predicts and writes. The precisions are compared on the first fold.
    """
    data, work, history, seconds = trainer.data, trainer.work, None, 0.0
    shape = (len(data.items), len(data.labels))
    logits, corrupted = np.full(shape, np.nan), {name: np.full(shape, np.nan) for name in CORRUPTIONS}
    done = {path.name for path in work.glob("fold-*.npz")}  # asked once, so that several processes agree
    for number, fold in enumerate(split.folds):
        path = work / f"fold-{number}.npz"
        if path.name not in done:
            started = time.monotonic()
            fits.what, fits.whole = "training" if split.is_holdout else f"fold {number + 1} of {len(split.folds)}", number
            history = trainer.fit(fold.train, work / f"fold-{number}")
            seconds = time.monotonic() - started
            if not is_main_process():
                continue
            if number == 0:
                with fits.paused(), progress.stage("comparing precisions"):
                    quantize.compare_precisions(trainer.portable(), trainer.network, data, fold, work)
            sample = corruption_sample(fold, data, CORRUPTED_PICTURES // len(split.folds), number)
            write_atomically(path, _predictions(trainer, fold, sample))
            if not split.is_holdout:
                for checkpoint in work.glob(f"fold-{number}.[!n]*"):
                    checkpoint.unlink()
        else:
            fits.skip(number + 1)
        with np.load(path) as arrays:
            logits[list(fold.held_out)] = arrays["held_out"]
            for name, values in corrupted.items():
                values[arrays["sample"]] = arrays[name]
    predictions = HeldOutPredictions.where_predicted(data.items, data.labels, logits, corrupted)
    log.info("Judged %d pictures by models that never saw them.", len(predictions.items))
    return CrossValidation(predictions, history, seconds)


def fit_final(trainer: Trainer, split: Split, results: CrossValidation, fits: Stage) -> list[EpochMetrics]:
    """Train the model that is kept: on all pictures, or, under a hold-out, the one that was measured."""
    history = results.history if split.is_holdout else None
    if history is None:
        started = time.monotonic()
        train, name = (split.folds[0].train, "fold-0") if split.is_holdout else (range(len(trainer.data.items)), "whole")
        fits.what, fits.whole = "training" if split.is_holdout else "training on all of them", len(split.folds)
        history = trainer.fit(train, trainer.work / name)
        log.info("Trained on %d pictures in %s.", len(train), spoken_time(time.monotonic() - started))
    return history


def corruption_sample(fold: Fold, data: Dataset, count: int, seed: int) -> list[int]:
    """About `count` of the fold's held-out character pictures, the same number of each character where there are as many."""
    by_label: dict[str, list[int]] = {}
    for i in fold.held_out:
        if data.items[i].label != OTHER_LABEL:
            by_label.setdefault(data.items[i].label, []).append(i)
    each = max(1, count // max(1, len(by_label)))
    rng = random.Random(seed)
    return sorted(i for mine in by_label.values() for i in rng.sample(mine, min(each, len(mine))))


def _predictions(trainer: Trainer, fold: Fold, sample: Sequence[int]) -> bytes:
    """A fold's logits as the bytes of an .npz file."""
    arrays: dict[str, Any] = {"held_out": trainer.predict(fold.held_out), "sample": np.array(sample, dtype=np.int64)}
    cutouts = [load_cutout(trainer.data.items[i].path) for i in sample]
    for name, corrupt in progress.track(CORRUPTIONS.items(), "judging changed pictures", "ways"):
        arrays[name] = trainer.predict_pictures([square_pad(corrupt(each), trainer.network.size_px) for each in cutouts])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
