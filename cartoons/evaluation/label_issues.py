"""The pictures to look at first: those the model was most wrong about, and those that are probably in the wrong folder.

Both are judged out of fold. For the second, confident learning (Northcutt et al. 2021, "Confident Learning: Estimating
Uncertainty in Dataset Labels") as cleanlab does it.
"""

from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues

from cartoons.evaluation.calibration import Calibration
from cartoons.evaluation.held_out import OutOfFold

MOST_SHOWN = 40


def top_losses(found: OutOfFold, fitted: Calibration) -> list[dict[str, Any]]:
    """The judged pictures whose own label got the least probability, worst first."""
    judged = np.flatnonzero(found.judged)
    probabilities, targets = fitted.probabilities(found.logits[judged], found.other), found.targets[judged]
    losses = -np.log(np.clip(probabilities[np.arange(len(judged)), targets], 1e-12, 1))
    return [
        {
            "path": str(found.items[judged[k]].path),
            "label": found.items[judged[k]].label,
            "answer": found.labels[probabilities[k].argmax()],
            "probability": float(probabilities[k].max()),
            "loss": float(losses[k]),
        }
        for k in np.argsort(-losses)[:MOST_SHOWN]
    ]


def mislabelled(found: OutOfFold, fitted: Calibration) -> list[dict[str, Any]]:
    """The pictures whose label is probably wrong, likeliest first."""
    judged = np.flatnonzero(found.judged)
    probabilities, targets = fitted.probabilities(found.logits[judged], found.other), found.targets[judged]
    if len(np.unique(targets)) < len(found.labels):
        return []  # confident learning needs each label's own pictures to know how sure the model usually is
    issues = find_label_issues(targets, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        {
            "path": str(found.items[judged[k]].path),
            "label": found.items[judged[k]].label,
            "suggested": found.labels[probabilities[k].argmax()],
            "probability": float(probabilities[k].max()),
        }
        for k in issues[:MOST_SHOWN]
        if probabilities[k].argmax() != targets[k]
    ]
