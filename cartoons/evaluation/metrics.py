"""Out-of-fold logits to the figures of the card: accuracy with its interval, unknown detection, calibration.

Every picture is judged by a model that saw nothing of its source (characters) or of its character (other cartoons), so the
figures are about pictures from elsewhere, not about pictures like the ones trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from cartoons.classifier import softmax
from cartoons.dataset import Item
from cartoons.evaluation.calibration import cross_scaled, expected_calibration_error, fit_temperature, reliability
from cartoons.model_folder import OTHER_LABEL, UNKNOWN_RULE

BOOTSTRAP_ROUNDS = 2000
FALSE_ACCEPT_RATE = 0.05
"""The unknown threshold lets this share of photographs through as characters, ..."""

LEAST_KEPT = 0.9
"""... but names at least this share of unseen character pictures; without photographs to go by, ..."""

KEPT_WITHOUT_PHOTOS = 0.95
"""... it names this share, the usual operating point (Hendrycks and Gimpel 2017; Liang et al. 2018)."""

CURVE_POINTS = 200

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
    def groups(self) -> NDArray[np.str_]:
        """Each item's artwork: (items,)."""
        return np.array([item.group for item in self.items])

    @property
    def judged(self) -> NDArray[np.bool_]:
        """True where some model that had not seen the item answered: (items,)."""
        return np.asarray(np.isfinite(self.logits).all(axis=1))


def measure(found: OutOfFold) -> tuple[dict[str, Any], float, float]:
    """All figures as plain JSON values, the temperature, and the threshold of the unknown score."""
    judged, targets = found.judged, found.targets
    temperature = fit_temperature(found.logits[judged], targets[judged])
    score, known = unknown_scores(found, temperature), judged & found.is_character
    threshold = unknown_threshold(found, score, known)
    figures: dict[str, Any] = accuracy(found, known)
    figures["unknown"] = unknown(found, score, known, threshold)
    scaled = softmax(cross_scaled(found.logits[judged], targets[judged], found.groups[judged]))
    figures["calibration"] = {
        "ece_before": expected_calibration_error(softmax(found.logits[judged]), targets[judged]),
        "ece_after": expected_calibration_error(scaled, targets[judged]),
        "temperature": temperature,
    }
    return figures, temperature, threshold


def unknown_threshold(found: OutOfFold, score: Floats, known: NDArray[np.bool_]) -> float:
    """Above it the page does not know: set at FALSE_ACCEPT_RATE on photographs, without refusing too many characters."""
    photographs = strangers(found).get("photographs")
    if photographs is None:
        return float(np.quantile(score[known], KEPT_WITHOUT_PHOTOS))
    lowest = np.sort(score[photographs])[int(FALSE_ACCEPT_RATE * photographs.sum())]
    return float(max(np.nextafter(lowest, 0), np.quantile(score[known], LEAST_KEPT)))


def unknown_scores(found: OutOfFold, temperature: float) -> Floats:
    """Each item's unknown score: (items,), NaN where none judged it."""
    probabilities = np.full(found.logits.shape, np.nan)
    probabilities[found.judged] = softmax(found.logits[found.judged] / temperature)
    return unknown_score(probabilities, found.labels)


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
    precisions, recalls, _, _ = precision_recall_fscore_support(targets, answers, labels=columns, zero_division=0)
    drawn = redrawn(targets, answers, groups, columns)
    counts = {name: int((targets == i).sum()) for name, i in zip(names, columns, strict=True)}
    return {
        "balanced_accuracy": float(balanced_accuracy_score(targets, answers)),
        "balanced_accuracy_95": interval(drawn["recall"].mean(axis=1)),
        "accuracy": float((targets == answers).mean()),
        "macro_f1": float(f1_score(targets, answers, labels=columns, average="macro")),
        "pictures": counts,
        "per_class": {
            name: {
                "pictures": counts[name],
                "precision": float(precisions[k]),
                "precision_95": interval(drawn["precision"][:, k]),
                "recall": float(recalls[k]),
                "recall_95": interval(drawn["recall"][:, k]),
            }
            for k, name in enumerate(names)
        },
        "confusion": confusion_matrix(targets, answers, labels=columns).tolist(),
    }


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


def interval(values: Floats) -> list[float]:
    """The middle 95 % of redrawn values: [low, high]."""
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]


def sliced(found: OutOfFold, slices: Mapping[str, Floats]) -> dict[str, Any]:
    """Balanced accuracy over the characters for each robustness slice, all on the same sample of pictures."""
    columns = [i for i, label in enumerate(found.labels) if label != OTHER_LABEL]
    figures = {}
    for name, logits in slices.items():
        known = np.isfinite(logits).all(axis=1) & found.is_character
        if known.any():
            answers = np.array(columns)[logits[known][:, columns].argmax(axis=1)]
            recalls = [(answers[found.targets[known] == c] == c).mean() for c in np.unique(found.targets[known])]
            figures[name] = {"pictures": int(known.sum()), "balanced_accuracy": float(np.mean(recalls))}
    return figures


def unknown(found: OutOfFold, score: Floats, known: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """How well the unknown score tells characters from photographs and from cartoons of characters never seen."""
    figures: dict[str, Any] = {
        "threshold": threshold,
        "rule": UNKNOWN_RULE,
        "characters_kept": float((score[known] <= threshold).mean()),
        "false_accept_rate": FALSE_ACCEPT_RATE,
    }
    for name, others in strangers(found).items():
        truth = np.r_[np.zeros(known.sum()), np.ones(others.sum())]
        figures[name] = {
            "pictures": int(others.sum()),
            "auroc": float(roc_auc_score(truth, np.r_[score[known], score[others]])),
            "refused": float((score[others] > threshold).mean()),
        }
    return figures


def curves(found: OutOfFold, temperature: float) -> dict[str, Any]:
    """What the report draws: ROC of the unknown score for each kind of stranger, reliability before and after scaling."""
    judged, targets = found.judged, found.targets
    score, known = unknown_scores(found, temperature), judged & found.is_character
    rocs = {}
    for name, others in strangers(found).items():
        truth = np.r_[np.ones(known.sum()), np.zeros(others.sum())]
        false_accept, kept, _ = roc_curve(truth, -np.r_[score[known], score[others]])
        some = np.unique(np.linspace(0, len(kept) - 1, CURVE_POINTS).astype(int))
        rocs[name] = {"false_accept": false_accept[some].tolist(), "kept": kept[some].tolist()}
    scaled = softmax(cross_scaled(found.logits[judged], targets[judged], found.groups[judged]))
    before = reliability(softmax(found.logits[judged]), targets[judged])
    return {"roc": rocs, "reliability": {"before": before, "after": reliability(scaled, targets[judged])}}


def strangers(found: OutOfFold) -> dict[str, NDArray[np.bool_]]:
    """The judged pictures of none of the characters, by kind; kinds without pictures are left out."""
    photo = np.array([item.is_photo for item in found.items])
    others = found.judged & ~found.is_character
    kinds = {"photographs": others & photo, "unseen_cartoons": others & ~photo}
    return {name: mask for name, mask in kinds.items() if mask.any()}
