"""Does "90 % sure" mean right nine times in ten? Temperature scaling, the calibration error, the reliability diagram."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cartoons.classifier import softmax

ECE_BINS = 15
OTHER_SHARE = 0.05
"""How much all of `_other` counts when the probabilities are calibrated; each character has the same of the rest."""

MOST_BIAS = 10.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities: softmax((logits + other_bias on the column of `_other`) / temperature)."""

    temperature: float
    other_bias: float = 0.0

    def probabilities(self, logits: Floats, other: int | None) -> Floats:
        """Logits (n, labels) as probabilities; other: the column of `_other`, None where there is none."""
        return softmax((logits + self.other_bias * (np.arange(logits.shape[1]) == other)) / self.temperature)


def label_weights(targets: NDArray[np.int64], other: int | None, other_share: float) -> Floats:
    """A weight per picture, together 1: each character counts the same, and all of `_other` has other_share."""
    counts = np.bincount(targets)
    characters = np.count_nonzero(np.delete(counts, other) if other is not None and other < len(counts) else counts)
    if other is None or not (targets == other).any():
        return np.asarray(1 / counts[targets] / characters)
    if not characters:
        return np.full(len(targets), 1 / len(targets))
    share = np.where(targets == other, other_share, (1 - other_share) / characters)
    return np.asarray(share / counts[targets])


def fit(logits: Floats, targets: NDArray[np.int64], other: int | None) -> Calibration:
    """The calibration of least log loss: temperature scaling (Guo et al. 2017) and one bias, characters weighing the same.

    `_other` has OTHER_SHARE of the weight: a model trained with half its draws from `_other` expects it half the time, and
    is far too timid on a page that is shown its characters. The temperature is between 0.05 and 20.
    """
    weights = label_weights(targets, other, OTHER_SHARE)
    has_bias = other is not None and (targets == other).any() and (targets != other).any()

    def calibration(values: Floats) -> Calibration:
        bias = float(np.clip(values[1], -MOST_BIAS, MOST_BIAS)) if has_bias else 0.0
        return Calibration(float(np.exp(np.clip(values[0], np.log(0.05), np.log(20)))), bias)

    def loss(values: Floats) -> float:
        chosen = calibration(values).probabilities(logits, other)[np.arange(len(targets)), targets]
        return float(-(weights * np.log(np.clip(chosen, 1e-12, 1))).sum())

    return calibration(minimize(loss, np.zeros(2), method="Nelder-Mead").x)


def cross_fitted(logits: Floats, targets: NDArray[np.int64], groups: NDArray[np.str_], other: int | None) -> Floats:
    """Probabilities by a calibration fitted without them: each half's on the other half, artworks kept whole."""
    half = np.unique(groups, return_inverse=True)[1] % 2 == 0
    if half.all() or not half.any():
        return fit(logits, targets, other).probabilities(logits, other)
    probabilities = np.empty_like(logits)
    for part in (half, ~half):
        probabilities[part] = fit(logits[~part], targets[~part], other).probabilities(logits[part], other)
    return probabilities


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_], weights: Floats) -> float:
    """Mean gap between confidence (0 to 1) and the share right, over 15 equal-width bins (Naeini et al. 2015), from 0 to 1.

    weights: how much each picture counts, (n,).
    """
    bins = reliability(confidence, right, weights)
    return float(sum(abs(b["confidence"] - b["accuracy"]) * b["weight"] for b in bins))


def reliability(confidence: Floats, right: NDArray[np.bool_], weights: Floats) -> list[dict[str, Any]]:
    """The reliability diagram: of each bin that holds pictures, mean confidence, share right, weight, and how many."""
    weights = weights / weights.sum()
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [
        {
            "confidence": float(np.average(confidence[bins == b], weights=weights[bins == b])),
            "accuracy": float(np.average(right[bins == b], weights=weights[bins == b])),
            "weight": float(weights[bins == b].sum()),
            "pictures": int((bins == b).sum()),
        }
        for b in np.unique(bins)
    ]
