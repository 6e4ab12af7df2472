"""Batch normalisation in fine-tuning on few pictures."""

from fastai.learner import Callback
from torch import nn


class FrozenNorm(Callback):  # type: ignore[misc]  # fastai has no types
    """Batch normalisation keeps its ImageNet statistics: a few hundred pictures would only spoil them."""

    def before_train(self) -> None:
        """Called by fastai after it has put the model into training mode."""
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
