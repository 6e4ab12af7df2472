"""What stays as ImageNet made it when a network is fine-tuned on few pictures."""

from fastai.learner import Callback
from torch import nn


class FrozenNorm(Callback):  # type: ignore[misc]  # fastai has no types
    """Batch normalisation keeps its ImageNet statistics: a few hundred pictures would only spoil them."""

    def before_train(self) -> None:
        """Called by fastai after it has put the model into training mode."""
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def freeze_depthwise(model: nn.Module) -> None:
    """Depthwise filters stay too: their gradients are the slowest on a CPU, and gain nothing on few pictures."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.weight.requires_grad_(False)
