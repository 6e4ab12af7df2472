"""The recipes against the usual one, on pictures that none of them saw: accuracy, and time to the usual one's accuracy.

    python -m bench.training [FOLDER] [RECIPE...]

The usual one is the course notebook's: the DataBlock with a random split and a centre crop, `vision_learner` with fastai's
own head, `fine_tune(8, freeze_epochs=3)`, no groups; with the same network and ImageNet weights as the others. All train on
the same pictures and are judged on the same held-out groups after every epoch, and as kept; the judging is not timed, all
else is: opening pictures, features (of the held-out ones as well), the learning-rate finder.
"""

import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fastai.vision.all import (
    Callback,
    CategoryBlock,
    DataBlock,
    ImageBlock,
    Learner,
    RandomSplitter,
    Resize,
    aug_transforms,
    parent_label,
    vision_learner,
)
from sklearn.metrics import balanced_accuracy_score

from cartoons import dataset, near_duplicates, progress, splits
from cartoons.dataset import Dataset, Item
from cartoons.packages import ROOT
from cartoons.splits import Fold, SplitConfig
from cartoons.training.arch import DEFAULT_ARCH
from cartoons.training.config import TrainConfig
from cartoons.training.cross_validation import Trainer, make_trainer
from cartoons.training.network import find_network, load_weights
from cartoons.training.recipes import RECIPES

FOLDER = ROOT.parent / "shared" / "data" / "five"
EPOCHS, FREEZE_EPOCHS = 8, 3
SEED = 42
NEAR = 0.005
"""As accurate as the usual recipe: at most this much below its final balanced accuracy."""


@dataclass
class Course:
    """Balanced accuracy on the held-out pictures against the seconds spent, epoch by epoch."""

    name: str
    seconds: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    judging_s: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def note(self, judge: Callable[[], float]) -> None:
        """After an epoch: judge, off the clock."""
        now = time.perf_counter()
        self.seconds.append(now - self.started - self.judging_s)
        self.accuracy.append(judge())
        self.judging_s += time.perf_counter() - now
        print(f"  {self.name}: {self.seconds[-1]:.0f} s, {self.accuracy[-1]:.3f}", flush=True)

    def until(self, accuracy: float) -> float:
        """Seconds until that accuracy was there at the end of an epoch; infinite when it never was."""
        return next((s for s, a in zip(self.seconds, self.accuracy, strict=True) if a >= accuracy), float("inf"))


class Watch(Callback):
    """Tells a Course of every epoch of the usual recipe."""

    order = 70

    def __init__(self, course: Course, paths: Sequence[Path], truth: Sequence[str]) -> None:
        self.course, self.paths, self.truth = course, paths, truth

    def after_epoch(self) -> None:
        learn, loaders = self.learn, self.learn.dls
        self.course.note(lambda: judged_by(learn, loaders, self.paths, self.truth))


def judged_by(learn: Learner, loaders: object, paths: Sequence[Path], truth: Sequence[str]) -> float:
    """Balanced accuracy of the network as it is now, through its own loader, without disturbing its training."""
    import torch

    model, answers = learn.model.eval(), []
    with torch.no_grad():
        for batch in loaders.test_dl(list(paths)):  # type: ignore[attr-defined]  # fastai has no types
            answers += model(batch[0]).argmax(dim=1).tolist()
    return float(balanced_accuracy_score(truth, [loaders.vocab[k] for k in answers]))  # type: ignore[attr-defined]


def usual(items: Sequence[Item], fold: Fold) -> Course:
    """The course notebook's recipe."""
    course = Course("usual")
    paths, truth = [items[i].path for i in fold.held_out], [items[i].label for i in fold.held_out]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=lambda _: [items[i].path for i in fold.train],
        splitter=RandomSplitter(valid_pct=0.2, seed=SEED),
        get_y=parent_label,
        item_tfms=Resize(224),
        batch_tfms=aug_transforms(),
    )
    dls = block.dataloaders(FOLDER, bs=32, num_workers=0)
    learn = vision_learner(dls, DEFAULT_ARCH, pretrained=False, cbs=Watch(course, paths, truth))
    load_weights(learn.model[0].model, find_network(DEFAULT_ARCH))
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(EPOCHS, freeze_epochs=FREEZE_EPOCHS)
    return course


class Judged(progress.Stage):
    """The stage of a fit, which does something after the last batch of each epoch."""

    def __init__(self, what: str, after_epoch: Callable[[], None]) -> None:
        super().__init__(what, 1)
        self._after_epoch = after_epoch

    def reach(self, done: float, note: str = "") -> None:
        super().reach(done, note)
        epochs = int(note.replace(",", "").split()[3])  # "epoch 3 of 17, loss 0.43"
        if math.isclose(done * epochs, round(done * epochs), abs_tol=1e-6):
            self._after_epoch()


def ours(name: str, data: Dataset, fold: Fold) -> Course:
    """A recipe of this project."""
    course = Course(name)
    truth = [data.items[i].label for i in fold.held_out]
    with tempfile.TemporaryDirectory() as out:
        os.environ["CARTOONS_CACHE"] = out  # an empty one: features are timed
        trainer = make_trainer(TrainConfig(FOLDER, Path(out), recipe=name, split=SplitConfig(seed=SEED)), data)

        def judge() -> float:
            return accuracy(trainer, fold, truth, data.labels)

        with progress.show([Judged("training", lambda: course.note(judge))]):
            trainer.fit(fold.train, trainer.work / "fit")
        course.note(judge)  # a recipe may keep another epoch than its last
    return course


def accuracy(trainer: Trainer, fold: Fold, truth: Sequence[str], labels: tuple[str, ...]) -> float:
    """Balanced accuracy on the held-out pictures."""
    return float(balanced_accuracy_score(truth, np.array(labels)[trainer.predict(fold.held_out).argmax(axis=1)]))


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    names = sys.argv[2:] or ["fast", "thorough", "finetune"]
    if not folder.is_dir():
        print(f"{folder} is not here: the recipes are not compared.")
        return 0
    if unknown := set(names) - RECIPES.keys():
        print(f"{', '.join(sorted(unknown))}: no recipe; there are {', '.join(RECIPES)}.", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    data = near_duplicates.group_near_duplicates(dataset.read(folder))
    split = splits.holdout(data.items, 0.2, SEED)
    [fold] = split.folds
    print(f"{len(fold.train)} pictures to train on, {len(fold.held_out)} held out in whole groups, {folder.name}")
    peer = usual(data.items, fold)
    courses = [peer, *(ours(name, data, fold) for name in names)]
    print("| recipe | balanced accuracy | seconds in all | seconds to the usual one's accuracy | ratio |")
    print("|---|---|---|---|---|")
    aim = peer.accuracy[-1] - NEAR
    for course in courses:
        until = course.until(aim)
        print(
            f"| {course.name} | {course.accuracy[-1]:.3f} | {course.seconds[-1]:.0f} | {until:.0f} | "
            f"{peer.until(aim) / until:.1f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
