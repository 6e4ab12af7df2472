"""Where a network is trained: a CPU, a GPU in half precision, or several processes that share the pictures."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.distributed import DistributedDL, DistributedTrainer
from fastai.learner import Learner
from fastai.torch_core import num_distrib


def claim_device() -> None:
    """On a machine of several GPUs: from here on this process builds and trains on its own."""
    if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


@contextmanager
def on_hardware(learn: Learner) -> Iterator[None]:
    """Channels-last everywhere, half precision on a GPU, the other processes of `accelerate launch` where there are some."""
    learn.add_cb(ChannelsLast())
    if torch.cuda.is_available():
        learn.to_fp16()
    if num_distrib() > 1:
        learn.add_cb(Processes(sync_bn=False, mixed_precision="no"))  # timm's activations live in its own norm layers
    try:
        yield
    finally:
        learn.remove_cbs([Processes, ChannelsLast])


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
