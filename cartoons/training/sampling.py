"""Which picture training sees next, and which view of it."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from cartoons.dataset import Item
from cartoons.model_folder import OTHER_LABEL

PARTS = 4
"""In which `likeness` leaves sources out."""

REGULARISATION, STEPS = 30, 400
"""LogisticRegression's C, for features of length 1, and most steps."""

LEAST_LIKENESS = 0.1
"""A picture of `_other` that looks like no character counts as if it were so like one."""


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


def sampling_weights(labels: Sequence[str], likeness: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each picture is drawn: half of all draws are `_other` if there is one, the rest is shared evenly.

    likeness: by which the draws of `_other` are shared among its pictures, so that what is most like a character comes most
    often (Jiang et al. 2023, arXiv 2306.02031, on diverse and informative outliers).
    """
    is_other = np.array([label == OTHER_LABEL for label in labels])
    counts = {label: labels.count(label) for label in set(labels)}
    share = (0.5 if is_other.any() else 1.0) / max(1, len(counts.keys() - {OTHER_LABEL}))
    weights = np.array([share / counts[label] for label in labels])
    hard = LEAST_LIKENESS + np.asarray(likeness)[is_other]
    weights[is_other] = (0.5 if len(counts) > 1 else 1.0) * hard / hard.sum()
    return weights


def likeness(features: NDArray[np.float64], items: Sequence[Item]) -> NDArray[np.float64]:
    """How probable it is by its ImageNet features (items, channels) that each picture shows a character, from 0 to 1.

    Said by linear classifiers, each of which never saw the picture's source; 0 for all where there is nothing to learn from.
    """
    shows, found = np.array([item.label != OTHER_LABEL for item in items]), np.zeros(len(items))
    sources = [item.source or item.group for item in items]
    if shows.all() or len(set(sources)) < PARTS:
        return found
    normal = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    for seen, unseen in GroupKFold(PARTS).split(normal, groups=sources):
        if len(set(shows[seen])) == 2:
            head = LogisticRegression(C=REGULARISATION, max_iter=STEPS).fit(normal[seen], shows[seen])
            found[unseen] = head.predict_proba(normal[unseen])[:, 1]
    return found
