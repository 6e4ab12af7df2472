"""The recipe `finetune`: fast.ai's fine_tune on any network, with batch augmentation on the device.

A head trained on the frozen network first, then the whole of it with a lower learning rate for the body, in the one-cycle
schedules of `Learner.fine_tune`; in half precision on a GPU, channels-last, on several processes under `accelerate launch`,
and going on from the last epoch when it was interrupted.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.schedule import valley  # with it come Learner.fit_one_cycle and lr_find
from fastai.data.all import Transform
from fastai.learner import Learner
from fastai.torch_core import num_distrib, set_seed
from fastai.vision.all import PILImage
from numpy.typing import NDArray
from PIL import Image

from cartoons import progress
from cartoons.dataset import Dataset, Item
from cartoons.files import write_atomically
from cartoons.images import load, load_cutout, on_white, square_pad
from cartoons.splits import split_validation
from cartoons.training.augment import background, on_scenery
from cartoons.training.callbacks import Checkpoint, EpochMetrics, FrozenNorm, on_hardware
from cartoons.training.network import (
    LabelOf,
    Network,
    augmented_on_device,
    build_learner,
    data_block,
    plain_loaders,
    portable,
    predict_logits,
)
from cartoons.training.recipes import FinetuneRecipe

GPU_WORKERS = 8
FEWEST_STEPS, MOST_STEPS = 20, 100
"""Batches that the learning-rate finder looks at: two passes over the pictures, within this."""

BODY_SLOWER = 4
"""How many times lower the body's learning rate is than the head's. fine_tune's own 100 leaves the body as good as frozen
under a linear head, which then has nothing to learn with."""

USUAL_LR, LOWEST_LR, HIGHEST_LR = 3e-3, 2e-3, 1e-2
"""What the finder suggests is kept within this: on a few hundred pictures its curve can be misread."""


class Cutout(PILImage):  # type: ignore[misc]  # fastai has no types
    """A picture with its transparency, and the file it came from."""

    @classmethod
    def create(cls, fn: Path | str | bytes | Image.Image, **_: Any) -> "Cutout":
        """Open a path, or wrap a PIL picture. Raises ImageError."""
        picture = cls(fn.copy() if isinstance(fn, Image.Image) else load_cutout(fn))
        picture.file = fn if isinstance(fn, Path) else None
        return picture


class OnScenery(Transform):  # type: ignore[misc]  # fastai has no types
    """In training only: lays cut-outs on pictures of other labels and on drawn scenes."""

    split_idx, order = 0, -2

    def __init__(self, items: Sequence[Item], trained: Sequence[Item]) -> None:
        """items: all; trained: those trained on, which alone may be seen behind a cut-out."""
        self.labels = {item.path: item.label for item in items}
        self.behind = {
            label: [item.path for item in trained if item.label != label] for label in {item.label for item in items}
        }

    def encodes(self, x: Cutout) -> PILImage:
        """Called by fastai for each picture."""
        if x.mode != "RGBA" or x.file is None:
            return PILImage(on_white(x))
        others = self.behind[self.labels[x.file]]
        behind = [background(random.choice(others))] if others else []
        return PILImage(on_scenery(x, random.Random(random.random()), behind))


class OnWhite(Transform):  # type: ignore[misc]  # fastai has no types
    """What OnScenery left alone, on white."""

    order = -1

    def encodes(self, x: PILImage) -> PILImage:
        """Called by fastai for each picture."""
        return PILImage(on_white(x))


class FinetuneTrainer:
    """Trains the whole network on any part of the pictures."""

    def __init__(self, network: Network, data: Dataset, recipe: FinetuneRecipe, work: Path) -> None:
        """work: a folder for the state of interrupted fits."""
        self.network, self.data, self.recipe, self.work = network, data, recipe, work
        self.lr_finder: dict[str, Any] = {}
        """The learning-rate finder's curve: "lr", "loss" and "suggested"."""
        self._learn: Learner | None = None

    @property
    def learn(self) -> Learner:
        """The learner as last trained."""
        assert self._learn is not None, "fit() comes first"
        return self._learn

    def fit(self, train: Sequence[int], checkpoint: Path) -> list[EpochMetrics]:
        """fine_tune from ImageNet weights. A part of `train` is watched instead: the epoch that is best on it is kept."""
        recipe = self.recipe
        set_seed(recipe.seed, reproducible=True)
        train, valid = split_validation(self.data.items, train, recipe.watched_pct, recipe.seed)
        lr = self._learning_rate(train, valid)
        set_seed(recipe.seed, reproducible=True)
        learn = self._learn = self._fresh(train, valid)
        patience = recipe.patience if valid else None
        epochs = recipe.freeze_epochs + recipe.epochs
        head = Checkpoint(checkpoint.with_suffix(".head"), recipe.seed, (0, epochs))
        whole = Checkpoint(checkpoint.with_suffix(".whole"), recipe.seed + 500, (recipe.freeze_epochs, epochs), patience)
        with on_hardware(learn), learn.no_bar(), learn.no_logging():
            learn.freeze()
            learn.fit_one_cycle(recipe.freeze_epochs, slice(lr), pct_start=0.99, cbs=head)
            learn.unfreeze()
            learn.add_cb(FrozenNorm())
            learn.fit_one_cycle(recipe.epochs, slice(lr / BODY_SLOWER, lr), pct_start=0.3, div=5.0, cbs=whole)
        learn.model.eval()
        return [*head.rows, *(row | {"epoch": row["epoch"] + recipe.freeze_epochs} for row in whole.rows)]

    def portable(self) -> Learner:
        """The learner as now trained, on plain loaders, on the CPU: to export or to save."""
        return portable(self.learn, plain_loaders(self.data.items, self.data.labels, self.network))

    def examples(self, indices: Sequence[int]) -> list[list[Image.Image]]:
        """For each item its square, then what training sees of it besides."""
        return [
            [square_pad(load(self.data.items[i].path), self.network.size_px), *self._augmented(self.data.items[i].path)]
            for i in indices
        ]

    def _augmented(self, path: Path, count: int = 4) -> list[Image.Image]:
        """Draws of the training loader, back as pictures."""
        loader = self.learn.dls.test_dl([path] * count, bs=count, num_workers=0)
        with loader.dataset.set_split_idx(0):
            decoded = loader.decode(loader.one_batch())[0].clamp(0, 1).cpu().numpy()
        return [Image.fromarray((pixels.transpose(1, 2, 0) * 255).round().astype(np.uint8)) for pixels in decoded]

    def imagenet_features(self) -> None:
        """None: the whole network would have to see every picture again."""

    def predict(self, indices: Sequence[int]) -> NDArray[np.float64]:
        """What the network as now trained answers for pictures of the folder as they are: (len(indices), labels)."""
        return predict_logits(self.learn, [self.data.items[i].path for i in indices])

    def predict_pictures(self, squares: Sequence[Image.Image]) -> NDArray[np.float64]:
        """What it answers for any RGB squares of size_px: (len(squares), labels)."""
        return predict_logits(self.learn, squares)

    def _fresh(self, train: Sequence[int], valid: Sequence[int]) -> Learner:
        trained = [self.data.items[i] for i in train]
        counts = Counter(item.label for item in trained)
        held_out = range(len(train), len(train) + len(valid))
        block = data_block(self.data.labels, self.network, LabelOf(self.data.items), augmented_on_device(), held_out)
        block.item_tfms = [*block.item_tfms, OnScenery(self.data.items, trained), OnWhite()]
        block.type_tfms = ((Cutout.create,), block.type_tfms[1])
        dls = block.dataloaders(
            [self.data.items[i].path for i in (*train, *valid)],
            path=self.work,
            bs=min(self.recipe.batch_size, len(train)),
            drop_last=False,
            num_workers=min(GPU_WORKERS, len(trained)) if torch.cuda.is_available() else 0,
        )
        weights = [len(trained) / (len(counts) * max(1, counts[label])) for label in self.data.labels]
        learn = build_learner(dls, self.network, self.recipe.dropout, weights)
        learn.wd = self.recipe.weight_decay
        return learn

    def _learning_rate(self, train: Sequence[int], valid: Sequence[int]) -> float:
        """The finder's suggestion (Smith 2017; fastai's valley), looked for once and noted in `work`; on several processes,
        which the finder knows nothing of, USUAL_LR."""
        noted = self.work / "lr_finder.json"
        if num_distrib() > 1:
            return USUAL_LR
        if not noted.exists():
            learn = self._fresh(train, valid)
            learn.freeze()
            with learn.no_bar(), learn.no_logging(), progress.stage("looking for a learning rate"):
                steps = min(MOST_STEPS, max(FEWEST_STEPS, 2 * len(learn.dls.train)))
                suggested = learn.lr_find(num_it=steps, suggest_funcs=valley, show_plot=False).valley
            lrs, losses = (list(map(float, values)) for values in (learn.recorder.lrs, learn.recorder.losses))
            found = {"lr": lrs, "loss": losses, "suggested": min(HIGHEST_LR, max(LOWEST_LR, suggested))}
            write_atomically(noted, json.dumps(found).encode())
        self.lr_finder = json.loads(noted.read_text(encoding="utf-8"))
        return float(self.lr_finder["suggested"])
