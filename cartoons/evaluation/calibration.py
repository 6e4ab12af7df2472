"""Does "90 % sure" mean right nine times in ten? Temperature scaling, the calibration error, the reliability diagram."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from cartoons.classifier import softmax

ECE_BINS = 15

Floats = NDArray[np.float64]


def fit_temperature(logits: Floats, targets: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), between 0.05 and 20."""

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits / np.exp(log_temperature))[np.arange(len(targets)), targets]
        return float(-np.log(np.clip(chosen, 1e-12, 1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def cross_scaled(logits: Floats, targets: NDArray[np.int64], groups: NDArray[np.str_]) -> Floats:
    """Logits over a temperature that was fitted without them: each half's on the other half, artworks kept whole."""
    half = np.unique(groups, return_inverse=True)[1] % 2 == 0
    if half.all() or not half.any():
        return logits
    scaled = np.empty_like(logits)
    for part in (half, ~half):
        scaled[part] = logits[part] / fit_temperature(logits[~part], targets[~part])
    return scaled


def expected_calibration_error(probabilities: Floats, targets: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy over 15 equal-width bins (Naeini et al. 2015), from 0 to 1."""
    bins = reliability(probabilities, targets)
    return float(sum(abs(b["confidence"] - b["accuracy"]) * b["pictures"] for b in bins) / len(targets))


def reliability(probabilities: Floats, targets: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The reliability diagram: of each bin that holds pictures, mean confidence, share right, and how many."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [
        {
            "confidence": float(confidence[bins == b].mean()),
            "accuracy": float(right[bins == b].mean()),
            "pictures": int((bins == b).sum()),
        }
        for b in np.unique(bins)
    ]
