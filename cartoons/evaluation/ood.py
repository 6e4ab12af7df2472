"""Out-of-distribution detection: pictures of none of the characters, refused by the unknown score.

The score is 1 minus the highest character probability. Arrays are over held-out predictions: `score` from 0 to 1,
`is_character` and `is_photo` booleans, all (items,).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from cartoons.model_folder import OTHER_LABEL, UNKNOWN_RULE

FALSE_ACCEPT_RATE = 0.05
"""The unknown threshold lets this share of photographs through as characters, ..."""

LEAST_KEPT = 0.9
"""... but names at least this share of held-out character pictures; without photographs to go by, ..."""

KEPT_WITHOUT_PHOTOS = 0.95
"""... it names this share, the usual operating point (Hendrycks and Gimpel 2017; Liang et al. 2018)."""

CURVE_POINTS = 200

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def unknown_score(probabilities: Floats, labels: Sequence[str]) -> Floats:
    """1 minus the highest character probability: (n, labels) to (n,)."""
    characters = [i for i, label in enumerate(labels) if label != OTHER_LABEL]
    return np.asarray(1.0 - probabilities[:, characters].max(axis=1))


def unknown_threshold(score: Floats, is_character: Mask, is_photo: Mask) -> float:
    """Above it a picture is unknown: FALSE_ACCEPT_RATE on photographs, without refusing too many characters."""
    photographs = np.sort(score[~is_character & is_photo])
    if not len(photographs):
        return float(np.quantile(score[is_character], KEPT_WITHOUT_PHOTOS))
    lowest = photographs[int(FALSE_ACCEPT_RATE * len(photographs))]
    return float(max(np.nextafter(lowest, 0), np.quantile(score[is_character], LEAST_KEPT)))


def detection(score: Floats, is_character: Mask, is_photo: Mask, threshold: float) -> dict[str, Any]:
    """How well the score tells characters from photographs and from cartoons of other characters."""
    figures: dict[str, Any] = {
        "threshold": threshold,
        "rule": UNKNOWN_RULE,
        "characters_kept": float((score[is_character] <= threshold).mean()),
        "false_accept_rate": FALSE_ACCEPT_RATE,
    }
    for name, others in _kinds(is_character, is_photo).items():
        truth = np.r_[np.zeros(is_character.sum()), np.ones(others.sum())]
        figures[name] = {
            "pictures": int(others.sum()),
            "auroc": float(roc_auc_score(truth, np.r_[score[is_character], score[others]])),
            "refused": float((score[others] > threshold).mean()),
        }
    return figures


def roc_curves(score: Floats, is_character: Mask, is_photo: Mask) -> dict[str, dict[str, list[float]]]:
    """For each kind of picture "false_accept" against "kept", at most CURVE_POINTS points."""
    curves = {}
    for name, others in _kinds(is_character, is_photo).items():
        truth = np.r_[np.ones(is_character.sum()), np.zeros(others.sum())]
        false_accept, kept, _ = roc_curve(truth, -np.r_[score[is_character], score[others]])
        points = np.unique(np.linspace(0, len(kept) - 1, CURVE_POINTS).astype(int))
        curves[name] = {"false_accept": false_accept[points].tolist(), "kept": kept[points].tolist()}
    return curves


def _kinds(is_character: Mask, is_photo: Mask) -> dict[str, Mask]:
    """The pictures of none of the characters, by kind; kinds without pictures are left out."""
    kinds = {"photographs": ~is_character & is_photo, "unseen_cartoons": ~is_character & ~is_photo}
    return {name: mask for name, mask in kinds.items() if mask.any()}
