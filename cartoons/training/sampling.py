"""Which picture training sees next, and which view of it."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cartoons.model_folder import OTHER_LABEL


class FeaturesDataset:
    """A random view of a picture, and its label, for fastai's DataLoader."""

    n_inp = 1
    """Told, so that fastai does not draw a picture to find out: a resumed fit would then draw others."""

    def __init__(
        self,
        maps: Callable[[int, int], NDArray[np.float16]],
        seen: Sequence[Sequence[int]],
        targets: NDArray[np.int64],
        chosen: NDArray[np.int64],
    ) -> None:
        """maps: of a picture's index and the view's number; seen: for each chosen picture the views to draw from."""
        self.maps, self.seen, self.targets, self.chosen = maps, seen, targets, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        index, view = int(self.chosen[k]), random.choice(self.seen[k])
        return torch.from_numpy(self.maps(index, view).astype(np.float32)), torch.tensor(self.targets[index])


def sampling_weights(labels: Sequence[str]) -> list[float]:
    """How often each picture is drawn: half of all draws are `_other` if there is one, the rest is shared evenly."""
    counts = {label: labels.count(label) for label in set(labels)}
    characters = len(counts.keys() - {OTHER_LABEL})
    other = 0.5 if OTHER_LABEL in counts and characters else 0.0
    share = {label: (1 - other) / characters for label in counts if label != OTHER_LABEL} | {OTHER_LABEL: other or 1.0}
    return [share[label] / counts[label] for label in labels]
