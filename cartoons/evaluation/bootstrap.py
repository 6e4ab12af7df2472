"""Intervals by the bootstrap (Efron 1979), whole artworks redrawn: fifty frames of one scene are not fifty pictures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_ROUNDS = 2000

Floats = NDArray[np.float64]


def redrawn(
    targets: NDArray[np.int64], answers: NDArray[np.int64], groups: Sequence[str], columns: Sequence[int]
) -> dict[str, Floats]:
    """The bootstrap: "recall" and "precision" of each class, (rounds, classes). Whole groups (one artwork) are redrawn,
    label by label, so that fifty frames of one scene do not pass for fifty pictures."""
    rng = np.random.default_rng(0)
    confusion = np.zeros((BOOTSTRAP_ROUNDS, len(columns), len(columns)))
    for row, label in enumerate(columns):
        mine = targets == label
        _, group = np.unique(np.asarray(groups)[mine], return_inverse=True)
        answered = np.zeros((group.max() + 1, len(columns)))
        np.add.at(answered, (group, np.searchsorted(columns, answers[mine])), 1)
        times = rng.multinomial(len(answered), np.full(len(answered), 1 / len(answered)), size=BOOTSTRAP_ROUNDS)
        confusion[:, row] = times @ answered
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return {"recall": right / confusion.sum(axis=2), "precision": right / np.maximum(confusion.sum(axis=1), 1e-9)}


def drawn_shares(hits: NDArray[np.bool_], clusters: NDArray[np.str_]) -> Floats:
    """The bootstrap of a share of pictures: (rounds,). Whole clusters, named for each picture, are redrawn."""
    rng = np.random.default_rng(0)
    _, cluster = np.unique(clusters, return_inverse=True)
    pictures, hit = np.bincount(cluster), np.bincount(cluster, weights=hits)
    times = rng.multinomial(len(pictures), np.full(len(pictures), 1 / len(pictures)), size=BOOTSTRAP_ROUNDS)
    return np.asarray((times @ hit) / (times @ pictures))


def interval(values: Floats) -> list[float]:
    """The middle 95 % of redrawn values: [low, high]."""
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]
