"""Intervals by the bootstrap (Efron 1979), whole artworks resampled: fifty frames of one scene are not fifty pictures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_SAMPLES = 2000

Floats = NDArray[np.float64]


def resampled_classes(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], groups: NDArray[np.str_], columns: Sequence[int]
) -> dict[str, Floats]:
    """Resampled "recall" and "precision" of each class, (samples, classes). Whole groups (one artwork) are resampled, label
    by label, so that fifty frames of one scene do not pass for fifty pictures."""
    rng = np.random.default_rng(0)
    confusion = np.zeros((BOOTSTRAP_SAMPLES, len(columns), len(columns)))
    for row, label in enumerate(columns):
        mine = targets == label
        _, group = np.unique(groups[mine], return_inverse=True)
        counts = np.zeros((group.max() + 1, len(columns)))
        np.add.at(counts, (group, np.searchsorted(columns, predicted[mine])), 1)
        times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=BOOTSTRAP_SAMPLES)
        confusion[:, row] = times @ counts
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return {"recall": right / confusion.sum(axis=2), "precision": right / np.maximum(confusion.sum(axis=1), 1e-9)}


def resampled_share(hits: NDArray[np.bool_], clusters: NDArray[np.str_]) -> Floats:
    """Resampled shares of hits among pictures: (samples,). Whole clusters, named for each picture, are resampled."""
    rng = np.random.default_rng(0)
    _, cluster = np.unique(clusters, return_inverse=True)
    pictures, hit = np.bincount(cluster), np.bincount(cluster, weights=hits)
    times = rng.multinomial(len(pictures), np.full(len(pictures), 1 / len(pictures)), size=BOOTSTRAP_SAMPLES)
    return np.asarray((times @ hit) / (times @ pictures))


def interval(values: Floats) -> list[float]:
    """The middle 95 % of resampled values: [low, high]."""
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]
