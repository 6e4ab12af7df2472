"""Held-out predictions to the figures of model.json: accuracy with intervals, unknown detection, calibration, robustness.

Every picture is predicted by a model that saw nothing of its source (characters) or of its character (other cartoons): the
figures are about pictures from elsewhere, not about pictures like the ones trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from cartoons.classifier import softmax
from cartoons.dataset import Item
from cartoons.evaluation import ood
from cartoons.evaluation.calibration import cross_scaled, expected_calibration_error, fit_temperature, reliability
from cartoons.evaluation.intervals import effective_number, mean_interval, wilson
from cartoons.model_folder import OTHER_LABEL

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOutPredictions:
    """Pictures, and for each the logits of a model that was not trained on it: (items, labels)."""

    items: Sequence[Item]
    labels: tuple[str, ...]
    logits: Floats
    corrupted: Mapping[str, Floats] = field(default_factory=dict)
    """For each corruption the logits of the pictures so changed, (items, labels); NaN where the sample did not reach."""

    @classmethod
    def where_predicted(
        cls, items: Sequence[Item], labels: tuple[str, ...], logits: Floats, corrupted: Mapping[str, Floats]
    ) -> "HeldOutPredictions":
        """The items that have logits; those whose row is NaN were in no test fold."""
        rows = np.flatnonzero(np.isfinite(logits).all(axis=1))
        return cls(
            [items[int(i)] for i in rows], labels, logits[rows], {name: values[rows] for name, values in corrupted.items()}
        )

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
    def characters(self) -> list[int]:
        """The columns of the logits that are characters."""
        return [i for i, label in enumerate(self.labels) if label != OTHER_LABEL]


def measure(predictions: HeldOutPredictions) -> tuple[dict[str, Any], float, float]:
    """All figures as plain JSON values, the temperature, and the threshold of the unknown score."""
    logits, targets, is_character = predictions.logits, predictions.targets, predictions.is_character
    temperature = fit_temperature(logits, targets)
    score = ood.unknown_score(softmax(logits / temperature), predictions.labels)
    photographs = np.array([item.is_photo for item in predictions.items])
    threshold = ood.unknown_threshold(score, is_character, photographs)
    scaled = softmax(cross_scaled(logits, targets, predictions.groups))
    figures: dict[str, Any] = {
        **accuracy(predictions),
        "unknown": ood.detection(score, is_character, photographs, threshold),
        "calibration": {
            "ece_before": expected_calibration_error(softmax(logits), targets),
            "ece_after": expected_calibration_error(scaled, targets),
            "temperature": temperature,
        },
        "robustness": robustness(predictions),
    }
    return figures, temperature, threshold


def accuracy(predictions: HeldOutPredictions) -> dict[str, Any]:
    """Which character, among the characters: balanced accuracy, accuracy, recall and precision with their 95 % intervals,
    in which each artwork counts once, so that fifty frames of one scene do not pass for fifty pictures; macro-F1."""
    columns, known = predictions.characters, predictions.is_character
    names = [predictions.labels[i] for i in columns]
    targets = predictions.targets[known]
    predicted = np.array(columns)[predictions.logits[known][:, columns].argmax(axis=1)]
    precisions, recalls, _, counts = precision_recall_fscore_support(targets, predicted, labels=columns, zero_division=0)
    groups = predictions.groups[known]
    recall_95, precision_95 = (
        [wilson(float(share), effective_number(groups[given == k])) for k, share in zip(columns, shares, strict=True)]
        for given, shares in ((targets, recalls), (predicted, precisions))
    )
    measured = np.flatnonzero(counts)
    return {
        "balanced_accuracy": float(balanced_accuracy_score(targets, predicted)),
        "balanced_accuracy_95": mean_interval(recalls[measured].tolist(), [recall_95[k] for k in measured]),
        "accuracy": float((targets == predicted).mean()),
        "accuracy_95": wilson(float((targets == predicted).mean()), effective_number(groups)),
        "macro_f1": float(f1_score(targets, predicted, labels=columns, average="macro")),
        "pictures": dict(zip(names, counts.tolist(), strict=True)),
        "per_class": {
            name: {
                "pictures": int(counts[k]),
                "precision": float(precisions[k]),
                "precision_95": precision_95[k],
                "recall": float(recalls[k]),
                "recall_95": recall_95[k],
            }
            for k, name in enumerate(names)
        },
        "confusion": confusion_matrix(targets, predicted, labels=columns).tolist(),
    }


def robustness(predictions: HeldOutPredictions) -> dict[str, Any]:
    """Balanced accuracy over the characters for each corruption, all on the same sample of pictures."""
    columns, figures = predictions.characters, {}
    for name, logits in predictions.corrupted.items():
        sample = np.isfinite(logits).all(axis=1) & predictions.is_character
        if sample.any():
            predicted, targets = np.array(columns)[logits[sample][:, columns].argmax(axis=1)], predictions.targets[sample]
            recalls = [(predicted[targets == label] == label).mean() for label in np.unique(targets)]
            figures[name] = {"pictures": int(sample.sum()), "balanced_accuracy": float(np.mean(recalls))}
    return figures


def curves(predictions: HeldOutPredictions, temperature: float) -> dict[str, Any]:
    """For the report: ROC of the unknown score for each kind of picture, reliability before and after scaling."""
    logits, targets = predictions.logits, predictions.targets
    score = ood.unknown_score(softmax(logits / temperature), predictions.labels)
    photographs = np.array([item.is_photo for item in predictions.items])
    scaled = softmax(cross_scaled(logits, targets, predictions.groups))
    return {
        "roc": ood.roc_curves(score, predictions.is_character, photographs),
        "reliability": {"before": reliability(softmax(logits), targets), "after": reliability(scaled, targets)},
    }
