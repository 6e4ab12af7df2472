"""Out-of-fold logits to the figures of the card: accuracy with its interval, unknown detection, calibration.

Every picture is judged by a model that saw nothing of its source (characters) or of its character (other cartoons), so the
figures are about pictures from elsewhere, not about pictures like the ones trained on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_curve,
)

from cartoons.classifier import softmax
from cartoons.evaluation import calibration, ood
from cartoons.evaluation.bootstrap import interval, redrawn
from cartoons.evaluation.calibration import Calibration, label_weights
from cartoons.evaluation.held_out import OutOfFold
from cartoons.evaluation.ood import Thresholds

CURVE_POINTS = 200

Floats = NDArray[np.float64]


def measure(found: OutOfFold) -> tuple[dict[str, Any], Calibration, Thresholds]:
    """All figures as plain JSON values, the calibration that the model needs, and the thresholds of the unknown score."""
    judged, targets, other = found.judged, found.targets, found.other
    fitted = calibration.fit(found.logits[judged], targets[judged], other)
    score = ood.unknown_scores(found, fitted)
    thresholds = ood.choose_thresholds(found, score)
    figures: dict[str, Any] = accuracy(found, judged & found.is_character)
    figures["unknown"] = ood.unknown(found, score, thresholds)
    before, after = (confidence(found, probabilities) for probabilities in (softmax(found.logits), cross_fitted(found)))
    figures["calibration"] = {
        "ece_before": calibration.expected_calibration_error(*before),
        "ece_after": calibration.expected_calibration_error(*after),
        "temperature": fitted.temperature,
        "other_bias": fitted.other_bias,
    }
    return figures, fitted, thresholds


def confidence(found: OutOfFold, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Of the judged character pictures: the named character's probability, whether it is right, and how much each counts."""
    known = found.judged & found.is_character
    right = found.answers[known] == found.targets[known]
    return probabilities[known][:, found.columns].max(axis=1), right, label_weights(found.targets[known], None, 0)


def cross_fitted(found: OutOfFold) -> Floats:
    """Probabilities by calibrations fitted on other pictures: (items, labels), NaN where none judged the item."""
    probabilities, judged = np.full(found.logits.shape, np.nan), found.judged
    probabilities[judged] = calibration.cross_fitted(
        found.logits[judged], found.targets[judged], found.groups[judged], found.other
    )
    return probabilities


def accuracy(found: OutOfFold, known: NDArray[np.bool_]) -> dict[str, Any]:
    """Which character, among the characters: balanced accuracy with its interval, macro-F1, recall per character."""
    columns = found.columns
    names = [found.labels[i] for i in columns]
    targets, answers, groups = found.targets[known], found.answers[known], found.groups[known].tolist()
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


def sliced(found: OutOfFold, slices: Mapping[str, Floats]) -> dict[str, Any]:
    """Balanced accuracy over the characters for each robustness slice, all on the same sample of pictures."""
    columns = found.columns
    figures = {}
    for name, logits in slices.items():
        known = np.isfinite(logits).all(axis=1) & found.is_character
        if known.any():
            answers = np.array(columns)[logits[known][:, columns].argmax(axis=1)]
            recalls = [(answers[found.targets[known] == c] == c).mean() for c in np.unique(found.targets[known])]
            figures[name] = {"pictures": int(known.sum()), "balanced_accuracy": float(np.mean(recalls))}
    return figures


def curves(found: OutOfFold, fitted: Calibration) -> dict[str, Any]:
    """What the report draws: ROC of the unknown score for each kind of stranger, reliability before and after scaling."""
    score, known = ood.unknown_scores(found, fitted), found.judged & found.is_character
    rocs = {}
    for name, others in ood.strangers(found).items():
        truth = np.r_[np.ones(known.sum()), np.zeros(others.sum())]
        false_accept, kept, _ = roc_curve(truth, -np.r_[score[known], score[others]])
        some = np.unique(np.linspace(0, len(kept) - 1, CURVE_POINTS).astype(int))
        rocs[name] = {"false_accept": false_accept[some].tolist(), "kept": kept[some].tolist()}
    before, after = (
        calibration.reliability(*confidence(found, probabilities))
        for probabilities in (softmax(found.logits), cross_fitted(found))
    )
    return {"roc": rocs, "reliability": {"before": before, "after": after}}
