"""fastai callbacks: a checkpoint after every epoch, RegMixup, frozen batch normalisation, and the hardware a fit runs on.

Each epoch starts from a seed of its own, so that a run which was interrupted draws what an undisturbed one would have drawn.
"""

import copy
import io
import math
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import CancelEpochException, CancelFitException, CancelValidException
from fastai.distributed import DistributedDL, DistributedTrainer
from fastai.learner import Callback, Learner
from fastai.torch_core import get_model, num_distrib, set_seed
from torch import nn

from cartoons import progress
from cartoons.errors import DataError
from cartoons.files import write_atomically
from cartoons.training.run import is_main_process

EpochMetrics = dict[str, float]
"""One epoch: "epoch" (from 1), "train_loss", and, where pictures are held out, "valid_loss" and "balanced_accuracy"."""

SAVE_EVERY_S = 2.0
"""Epochs of few pictures take less time than saving does: then not each is saved."""

OVERRIDDEN = ((DistributedDL, "_broadcast"), (DistributedTrainer, "_wrap_dl"))
"""fastai's private methods that are overridden below; on_hardware refuses a fastai without them."""


class Checkpoint(Callback):  # type: ignore[misc]  # fastai has no types
    """Saves the state of a fit at `path` after an epoch and takes it from there; keeps the best epoch's weights.

    The best epoch is the one of the lowest validation loss; `patience` epochs without a better one end the fit. Without
    validation the last epoch counts.
    """

    order = 61  # after fastai's Recorder has the epoch's figures

    def __init__(self, path: Path, seed: int, epochs: tuple[int, int], patience: int | None = None) -> None:
        """epochs: those that earlier calls of the same fit have trained, and those of all its calls."""
        self.path, self.seed, self.epochs, self.patience = path, seed, epochs, patience
        self.rows: list[EpochMetrics] = []
        self.best: dict[str, Any] | None = None
        self.saved_s, self.stage = -math.inf, progress.current()

    def before_fit(self) -> None:
        """Take over an earlier run's state."""
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=False)
        except Exception:  # not there, or cut short by a power cut: the fit starts again
            return
        get_model(self.learn.model).load_state_dict(state["model"])
        self.learn.opt.load_state_dict(state["opt"])
        self.rows, self.best = state["rows"], state["best"]
        self.learn.recorder.smooth_loss.val, self.learn.recorder.smooth_loss.count = state["smooth_loss"]
        self.stage.skip(self._reached(len(self.rows)))

    def before_epoch(self) -> None:
        """Skip what is done, or seed what comes."""
        if self.epoch < len(self.rows):
            raise CancelEpochException
        if self._is_stale():
            raise CancelFitException
        seed = self.seed + self.epoch
        set_seed(seed, reproducible=True)
        loader = self.learn.dls.train
        getattr(loader, "dl", loader).rng = random.Random(seed)

    def after_batch(self) -> None:
        """Show how far the fit is."""
        if self.training:
            before, epochs = self.epochs
            note = f"epoch {before + self.epoch + 1} of {epochs}, loss {float(self.learn.smooth_loss):.2f}"
            self.stage.reach(self._reached(self.epoch + (self.iter + 1) / self.n_iter), note)

    def _reached(self, epoch: float) -> float:
        """How far the stage is when this call has trained so many epochs."""
        before, epochs = self.epochs
        return self.stage.whole + (before + epoch) / epochs

    def before_validate(self) -> None:
        """Nothing held out is nothing to validate on."""
        if len(self.learn.dls.valid_ds) == 0:
            raise CancelValidException

    def after_epoch(self) -> None:
        """Note the epoch and save."""
        if self.epoch < len(self.rows):
            return
        names = {"train_loss": "train_loss", "valid_loss": "valid_loss", "balanced_accuracy_score": "balanced_accuracy"}
        figures = dict(zip(self.learn.recorder.metric_names[1:-1], self.learn.recorder.values[-1], strict=False))
        row: EpochMetrics = {"epoch": self.epoch + 1}
        row |= {mine: float(figures[name]) for name, mine in names.items() if figures.get(name) is not None}
        if not all(math.isfinite(value) for value in row.values()):
            message = f"The loss is no number any more after epoch {self.epoch + 1}: take another --seed or --batch-size."
            raise DataError(message)
        self.rows.append(row)
        if "valid_loss" in row and row["valid_loss"] <= min(r["valid_loss"] for r in self.rows):
            self.best = copy.deepcopy(get_model(self.learn.model).state_dict())
        if time.monotonic() - self.saved_s >= SAVE_EVERY_S or self.epoch == self.n_epoch - 1:
            self._save()
            self.saved_s = time.monotonic()

    def after_fit(self) -> None:
        """Leave the best weights in the model."""
        if self.best is not None:
            get_model(self.learn.model).load_state_dict(self.best)

    def _is_stale(self) -> bool:
        losses = [row["valid_loss"] for row in self.rows if "valid_loss" in row]
        return self.patience is not None and bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= self.patience

    def _save(self) -> None:
        if not is_main_process():
            return
        model, opt = get_model(self.learn.model).state_dict(), self.learn.opt.state_dict()
        smooth = self.learn.recorder.smooth_loss
        state = {"model": model, "opt": opt, "rows": self.rows, "best": self.best, "smooth_loss": (smooth.val, smooth.count)}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(self.path, buffer.getvalue())


class FrozenNorm(Callback):  # type: ignore[misc]  # fastai has no types
    """Batch normalisation keeps its ImageNet statistics: a few hundred pictures would only spoil them."""

    def before_train(self) -> None:
        """Called by fastai after it has put the model into training mode."""
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


class RegMixup(Callback):  # type: ignore[misc]  # fastai has no types
    """Has the network learn from each batch and from half of its pictures, each mixed with another (Pinto et al. 2022, arXiv
    2206.14502, mix all, which takes a third longer): it is less sure between the labels then, and tells more of what has
    none of them."""

    def __init__(self, alpha: float) -> None:
        """alpha: of the Beta distribution (alpha, alpha) that a batch's share of mixing is drawn from."""
        self.shares = torch.distributions.Beta(alpha, alpha)

    def before_fit(self) -> None:
        """Put the two losses in the place of the one."""
        self.plain_loss, self.learn.loss_func = self.learn.loss_func, self._loss

    def after_fit(self) -> None:
        """Put it back."""
        self.learn.loss_func = self.plain_loss

    def before_batch(self) -> None:
        """Append half as many mixed pictures as there are."""
        if self.training:
            half = (len(self.x) + 1) // 2
            self.share, self.partners = float(self.shares.sample()), torch.randperm(len(self.x), device=self.x.device)[:half]
            self.learn.xb = (torch.cat([self.x, torch.lerp(self.x[self.partners], self.x[:half], self.share)]),)

    def _loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        plain, (logits, mixed) = self.plain_loss, (logits[: len(targets)], logits[len(targets) :])
        loss: torch.Tensor = plain(logits, targets)
        if len(mixed):
            loss = loss + self.share * plain(mixed, targets[: len(mixed)])
            loss = loss + (1 - self.share) * plain(mixed, targets[self.partners])
        return loss


def claim_device() -> None:
    """On a machine of several GPUs: from here on this process builds and trains on its own.

    Raises DataError for several processes without a GPU, unless accelerate was told to take processors.
    """
    if num_distrib() > 1 and not (torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU")):
        raise DataError(
            f"WORLD_SIZE says that {num_distrib()} processes train together, and there is no GPU for them: start train.py "
            "without accelerate launch or torchrun, and with WORLD_SIZE and RANK unset."
        )
    if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


@contextmanager
def on_hardware(learn: Learner) -> Iterator[None]:
    """Channels-last everywhere, half precision on a GPU, the other processes of `accelerate launch` where there are some."""
    learn.add_cb(ChannelsLast())
    if torch.cuda.is_available():
        learn.to_fp16()
    if num_distrib() > 1:
        for parent, method in OVERRIDDEN:
            if not hasattr(parent, method):
                raise DataError(
                    f"fastai {version('fastai')} has no {method} any more: install requirements-train.txt again."
                )
        learn.add_cb(Processes(sync_bn=False, mixed_precision="no"))  # timm's activations live in its own norm layers
    try:
        yield
    finally:
        learn.remove_cbs([Processes, ChannelsLast])


@contextmanager
def bfloat16_convolutions() -> Iterator[None]:
    """Meanwhile a processor that can multiplies the numbers of convolutions as bfloat16, in a third less time; others go on
    in fp32."""
    convolutions = torch.backends.mkldnn.conv  # type: ignore[attr-defined]  # torch's stubs lack it
    before, convolutions.fp32_precision = convolutions.fp32_precision, "bf16"
    try:
        yield
    finally:
        convolutions.fp32_precision = before


class Shards(DistributedDL):  # type: ignore[misc]  # fastai has no types
    """fastai's loader for several processes, on CPUs too: its own sends indices through CUDA alone."""

    def _broadcast(self, indices: Any, rank: int) -> list[int]:
        sent = torch.tensor(list(indices), device=self.device)
        torch.distributed.broadcast(sent, rank)
        return list(sent.tolist())


class Processes(DistributedTrainer):  # type: ignore[misc]  # fastai has no types
    """fastai's trainer for several processes, with loaders that work without CUDA."""

    def _wrap_dl(self, dl: Any) -> Any:
        return dl if isinstance(dl, DistributedDL) else Shards(dl, device=self.learn.model.device)
