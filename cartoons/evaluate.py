"""Out-of-fold logits to the figures of the card: accuracy with its interval, unknown detection, calibration.

Every picture is judged by a model that saw nothing of its source (characters) or of its character (other cartoons), so the
figures are about pictures from elsewhere, not about pictures like the ones trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, recall_score, roc_auc_score

from cartoons.bundle import OTHER_LABEL
from cartoons.dataset import Item
from cartoons.predict import softmax

BOOTSTRAP_ROUNDS = 2000
ECE_BINS = 15
KEPT_CHARACTERS = 0.95
"""The unknown threshold is set so that this share of unseen character pictures is still answered with a name: the usual
operating point for out-of-distribution detection (Hendrycks and Gimpel 2017; Liang et al. 2018)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OutOfFold:
    """Items, and for each the logits of a model that was not trained on it: (items, labels), NaN where none judged it."""

    items: Sequence[Item]
    labels: tuple[str, ...]
    logits: Floats

    @property
    def targets(self) -> NDArray[np.int64]:
        """The index of each item's label: (items,)."""
        return np.array([self.labels.index(item.label) for item in self.items])

    @property
    def is_character(self) -> NDArray[np.bool_]:
        """False for `_other`: (items,)."""
        return np.array([item.label != OTHER_LABEL for item in self.items])

    @property
    def judged(self) -> NDArray[np.bool_]:
        """True where some model that had not seen the item answered: (items,)."""
        return np.asarray(np.isfinite(self.logits).all(axis=1))


def fit_temperature(logits: Floats, targets: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), between 0.05 and 20."""

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits / np.exp(log_temperature))[np.arange(len(targets)), targets]
        return float(-np.log(np.clip(chosen, 1e-12, 1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def measure(found: OutOfFold) -> tuple[dict[str, Any], float, float]:
    """All figures as plain JSON values, the temperature, and the threshold of the unknown score."""
    judged, targets = found.judged, found.targets
    temperature = fit_temperature(found.logits[judged], targets[judged])
    probabilities = np.full(found.logits.shape, np.nan)
    probabilities[judged] = softmax(found.logits[judged] / temperature)
    score = unknown_score(probabilities, found.labels)
    known = judged & found.is_character
    threshold = float(np.quantile(score[known], KEPT_CHARACTERS))
    figures: dict[str, Any] = accuracy(found, known)
    figures["unknown"] = unknown(found, score, known, threshold)
    figures["calibration"] = calibration(found)
    return figures, temperature, threshold


def unknown_score(probabilities: Floats, labels: Sequence[str]) -> Floats:
    """1 minus the highest character probability: (n,)."""
    columns = [i for i, label in enumerate(labels) if label != OTHER_LABEL]
    return np.asarray(1.0 - probabilities[:, columns].max(axis=1))


def accuracy(found: OutOfFold, known: NDArray[np.bool_]) -> dict[str, Any]:
    """Which character, among the characters: balanced accuracy with its interval, macro-F1, recall per character."""
    columns = [i for i, label in enumerate(found.labels) if label != OTHER_LABEL]
    names = [found.labels[i] for i in columns]
    targets = found.targets[known]
    answers = np.array(columns)[found.logits[known][:, columns].argmax(axis=1)]
    groups = [item.group for item, keep in zip(found.items, known, strict=True) if keep]
    recalls = recall_score(targets, answers, labels=columns, average=None, zero_division=0)
    return {
        "balanced_accuracy": float(balanced_accuracy_score(targets, answers)),
        "balanced_accuracy_95": bootstrap(targets, answers, groups),
        "accuracy": float((targets == answers).mean()),
        "macro_f1": float(f1_score(targets, answers, labels=columns, average="macro")),
        "recall": {name: float(recall) for name, recall in zip(names, recalls, strict=True)},
        "pictures": {name: int((targets == i).sum()) for name, i in zip(names, columns, strict=True)},
        "confusion": confusion_matrix(targets, answers, labels=columns).tolist(),
    }


def bootstrap(targets: NDArray[np.int64], answers: NDArray[np.int64], groups: Sequence[str]) -> list[float]:
    """95 % percentile interval of the balanced accuracy; whole groups (one artwork) are redrawn, label by label."""
    rng = np.random.default_rng(0)
    per_label = []
    for label in np.unique(targets):
        mine = targets == label
        _, group = np.unique(np.asarray(groups)[mine], return_inverse=True)
        hits = np.bincount(group, weights=(answers == targets)[mine])
        sizes = np.bincount(group)
        drawn = rng.integers(len(sizes), size=(BOOTSTRAP_ROUNDS, len(sizes)))
        per_label.append(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.percentile(np.mean(per_label, axis=0), [2.5, 97.5])
    return [float(low), float(high)]


def unknown(found: OutOfFold, score: Floats, known: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """How well the unknown score tells characters from photographs and from cartoons of characters never seen."""
    figures: dict[str, Any] = {"characters_kept": float((score[known] <= threshold).mean())}
    photo = np.array([item.is_photo for item in found.items])
    for name, kind in (("photographs", photo), ("unseen_cartoons", ~photo)):
        others = found.judged & ~found.is_character & kind
        if others.any():
            figures[name] = {
                "pictures": int(others.sum()),
                "auroc": float(
                    roc_auc_score(np.r_[np.zeros(known.sum()), np.ones(others.sum())], np.r_[score[known], score[others]])
                ),
                "refused": float((score[others] > threshold).mean()),
            }
    return figures


def calibration(found: OutOfFold) -> dict[str, float]:
    """Expected calibration error before and after temperature scaling, each half's temperature fitted on the other."""
    judged = np.flatnonzero(found.judged)
    logits, targets = found.logits[judged], found.targets[judged]
    half = np.arange(len(judged)) % 2 == 0
    scaled = np.empty_like(logits)
    for part in (half, ~half):
        scaled[part] = logits[part] / fit_temperature(logits[~part], targets[~part])
    return {
        "ece_before": expected_calibration_error(softmax(logits), targets),
        "ece_after": expected_calibration_error(softmax(scaled), targets),
    }


def expected_calibration_error(probabilities: Floats, targets: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy over 15 equal-width bins (Naeini et al. 2015), from 0 to 1."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).sum() for b in np.unique(bins)]
    return float(sum(gaps) / len(targets))
