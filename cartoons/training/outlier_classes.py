"""The pictures of `_other` by what they show: training tells them apart, and the answer adds them up to one label again.

Hierarchical outlier detection (Roy et al. 2022, arXiv 2104.03829): "none of these" is no class of things that look alike. A
network that has to know Minnie from Goofy, and both from photographs, is harder to fool.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cartoons.dataset import Item
from cartoons.model_folder import OTHER_LABEL

FEWEST_OF_CLASS = 2
"""What has fewer pictures shares one class of `_other`."""


def outlier_classes(items: Sequence[Item], labels: Sequence[str]) -> NDArray[np.int64]:
    """The number of each picture's class: that of its label, and of `_other`, which comes last among the labels, that number
    or a higher one, by the character that metadata.jsonl names; photographs are one class, and so is what is left."""
    shown = ["photo" if item.is_photo else item.character for item in items]
    counts = Counter(name for name, item in zip(shown, items, strict=True) if item.label == OTHER_LABEL)
    names = sorted(name for name, count in counts.items() if count >= FEWEST_OF_CLASS and name != OTHER_LABEL)
    numbers = {name: len(labels) + k for k, name in enumerate(names)}
    return np.array(
        [
            numbers.get(name, len(labels) - 1) if item.label == OTHER_LABEL else labels.index(item.label)
            for name, item in zip(shown, items, strict=True)
        ]
    )


class SumOfOthers(nn.Module):
    """The logits of all classes to those of the labels: `_other` has the sum of its classes' probabilities."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters = characters

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """(n, characters and classes of `_other`) to (n, characters + 1)."""
        others = torch.logsumexp(logits[:, self.characters :], dim=1, keepdim=True)
        return torch.cat([logits[:, : self.characters], others], dim=1)


class HierarchicalLoss(nn.Module):
    """Cross-entropy of the labels, with `share` of it replaced by that of all classes."""

    def __init__(self, of_labels: SumOfOthers, share: float, label_smoothing: float) -> None:
        super().__init__()
        self.of_labels, self.share = of_labels, share
        self.cross_entropy = nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def forward(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """The mean over a batch: logits (n, classes), and the number of each picture's class, (n,)."""
        labels = classes.clamp(max=self.of_labels.characters)
        by_label, by_class = self.cross_entropy(self.of_labels(logits), labels), self.cross_entropy(logits, classes)
        return torch.lerp(by_label, by_class, self.share)


def with_outlier_classes(head: nn.Sequential, classes: int) -> nn.Sequential:
    """A head that ends in a linear layer over the labels, with one over all classes in its place, and their sum."""
    *layers, last = head
    assert isinstance(last, nn.Linear)
    linear = nn.Linear(last.in_features, classes)
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return nn.Sequential(*layers, linear, SumOfOthers(last.out_features - 1))


def model_and_loss(tail: nn.Sequential, share: float, label_smoothing: float) -> tuple[nn.Sequential, HierarchicalLoss]:
    """Of stages and such a head, what is to be trained, which gives the logits of all classes, and its loss."""
    *layers, total = tail[1].children()
    assert isinstance(total, SumOfOthers)
    return nn.Sequential(tail[0], nn.Sequential(*layers)), HierarchicalLoss(total, share, label_smoothing)
