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

from cartoons.classifier import softmax, unknown_score
from cartoons.dataset import Item
from cartoons.evaluation import calibration, ood
from cartoons.evaluation.calibration import Calibration, Floats, label_weights
from cartoons.evaluation.intervals import effective_number, mean_interval, wilson
from cartoons.evaluation.ood import Thresholds
from cartoons.model_folder import OTHER_LABEL, UNKNOWN_RULE, ModelInfo


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

    @property
    def other(self) -> int | None:
        """The column of `_other`, if there is one."""
        return self.labels.index(OTHER_LABEL) if OTHER_LABEL in self.labels else None

    @property
    def named(self) -> NDArray[np.int64]:
        """The column of each item's likeliest character: (items,)."""
        return np.asarray(np.array(self.characters)[self.logits[:, self.characters].argmax(axis=1)])

    def scored(self, fitted: Calibration) -> ood.Scored:
        """What out-of-distribution detection needs to know of them."""
        targets = self.targets
        clusters = [item.other_character or item.group for item in self.items]
        probabilities = fitted.probabilities(self.logits, self.other)
        return ood.Scored(
            score=unknown_score(probabilities, self.labels, ood.rule_for(self.labels)),
            doubt=unknown_score(probabilities, self.labels, UNKNOWN_RULE),
            targets=targets,
            is_character=self.is_character,
            is_photo=np.array([item.is_photo for item in self.items]),
            is_right=self.named == targets,
            clusters=np.array(clusters),
        )

    def confidence(self, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
        """Of the character pictures: the named character's probability, whether it is right, and how much each counts."""
        known, targets = self.is_character, self.targets
        right = self.named[known] == targets[known]
        return probabilities[known][:, self.characters].max(axis=1), right, label_weights(targets[known], None, 0)

    def cross_fitted(self) -> Floats:
        """Probabilities by calibrations fitted on other pictures: (items, labels)."""
        return calibration.cross_fitted(self.logits, self.targets, self.groups, self.other)


def measure(predictions: HeldOutPredictions) -> tuple[dict[str, Any], Calibration, Thresholds]:
    """All figures as plain JSON values, the calibration that the model needs, and the thresholds of the unknown score."""
    fitted = calibration.fit(predictions.logits, predictions.targets, predictions.other)
    scored = predictions.scored(fitted)
    thresholds = ood.choose_thresholds(scored)
    before, after = (
        calibration.expected_calibration_error(*predictions.confidence(probabilities))
        for probabilities in (softmax(predictions.logits), predictions.cross_fitted())
    )
    figures: dict[str, Any] = {
        **accuracy(predictions),
        "unknown": ood.detection(scored, thresholds, predictions.labels),
        "calibration": {
            "ece_before": before,
            "ece_after": after,
            "temperature": fitted.temperature,
            "other_bias": fitted.other_bias,
        },
        "robustness": robustness(predictions),
    }
    return figures, fitted, thresholds


def rightly_named(predictions: HeldOutPredictions, info: ModelInfo) -> list[Item]:
    """The pictures that a model so measured answers rightly ("none of these" for `_other`), the surest first."""
    scored = predictions.scored(Calibration(info.temperature, info.metrics["calibration"]["other_bias"]))
    refused = scored.score > info.unknown_threshold
    right = np.where(scored.is_character, scored.is_right & ~refused, refused)
    doubt = np.where(scored.is_character, scored.doubt, 1 - scored.score)
    return [predictions.items[k] for k in np.argsort(doubt, kind="stable") if right[k]]


def accuracy(predictions: HeldOutPredictions) -> dict[str, Any]:
    """Which character, among the characters: balanced accuracy, accuracy, recall and precision with their 95 % intervals,
    in which each artwork counts once, so that fifty frames of one scene do not pass for fifty pictures; macro-F1.

    A name that was never given has no precision.
    """
    columns, known = predictions.characters, predictions.is_character
    names = [predictions.labels[i] for i in columns]
    targets = predictions.targets[known]
    predicted = predictions.named[known]
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
                "recall": float(recalls[k]),
                "recall_95": recall_95[k],
                **({"precision": float(precisions[k]), "precision_95": precision_95[k]} if columns[k] in predicted else {}),
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


def curves(predictions: HeldOutPredictions, fitted: Calibration) -> dict[str, Any]:
    """For the report: ROC of the unknown score for each kind of picture, reliability before and after calibration."""
    before, after = (
        calibration.reliability(*predictions.confidence(probabilities))
        for probabilities in (softmax(predictions.logits), predictions.cross_fitted())
    )
    return {"roc": ood.roc_curves(predictions.scored(fitted)), "reliability": {"before": before, "after": after}}
