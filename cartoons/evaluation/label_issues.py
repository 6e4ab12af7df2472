"""The pictures to look at first: those the model was most wrong about, and those that are probably in the wrong folder.

Both by held-out predictions. The second is confident learning (Northcutt et al. 2021, "Confident Learning: Estimating
Uncertainty in Dataset Labels") as cleanlab does it.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues

from cartoons.evaluation.calibration import Calibration, Floats
from cartoons.evaluation.metrics import HeldOutPredictions

MOST_SHOWN = 40


def top_losses(predictions: HeldOutPredictions, fitted: Calibration) -> list[dict[str, Any]]:
    """The wrong answers, then the others, each by how little its own label got: path, label, answer, probability, loss."""
    targets, probabilities = predictions.targets, fitted.probabilities(predictions.logits, predictions.other)
    losses = -np.log(np.clip(probabilities[np.arange(len(targets)), targets], 1e-12, 1))
    wrong = probabilities.argmax(axis=1) != targets
    worst = np.lexsort((-losses, ~wrong))[:MOST_SHOWN]
    rows = _rows(predictions, probabilities, worst, "answer")
    return [row | {"loss": float(loss)} for row, loss in zip(rows, losses[worst], strict=True)]


def mislabelled(predictions: HeldOutPredictions, fitted: Calibration) -> list[dict[str, Any]]:
    """The pictures whose label is probably wrong, likeliest first: path, label, suggested, probability."""
    targets, probabilities = predictions.targets, fitted.probabilities(predictions.logits, predictions.other)
    if len(np.unique(targets)) < len(predictions.labels):
        return []  # confident learning needs each label's own pictures to know how sure the model usually is
    issues = find_label_issues(targets, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    rows = _rows(predictions, probabilities, issues[:MOST_SHOWN], "suggested")
    return [row for row in rows if row["suggested"] != row["label"]]


def _rows(predictions: HeldOutPredictions, probabilities: Floats, which: Iterable[int], name: str) -> list[dict[str, Any]]:
    return [
        {
            "path": str(predictions.items[k].path),
            "label": predictions.items[k].label,
            name: predictions.labels[probabilities[k].argmax()],
            "probability": float(probabilities[k].max()),
        }
        for k in which
    ]
