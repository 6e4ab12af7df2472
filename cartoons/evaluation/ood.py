"""Out-of-distribution pictures: when the model says that it does not know, and what that costs on its own characters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from cartoons.evaluation.bootstrap import drawn_shares, interval
from cartoons.evaluation.calibration import Calibration, label_weights
from cartoons.evaluation.held_out import OutOfFold
from cartoons.model_folder import UNKNOWN_RULE

Floats = NDArray[np.float64]

NAMED_SHARE = 0.95
"""The unknown threshold leaves this share of unseen character pictures named, each character counting the same: the usual
operating point (Hendrycks and Gimpel 2017; Liang et al. 2018)."""

RIGHT_SHARE = 0.97
"""Below the stricter threshold this share of the names is right, where each character and all of `_other` count the same."""


@dataclass(frozen=True)
class Thresholds:
    """Of the unknown score, 0 to 1: above `unknown` the page does not know, above `certain` it says "perhaps"."""

    unknown: float
    certain: float


def choose_thresholds(found: OutOfFold, score: Floats) -> Thresholds:
    """Both thresholds from the unknown scores (items,) of pictures that the model did not see."""
    judged, known = found.judged, found.judged & found.is_character
    order = np.argsort(score[known])
    kept = np.cumsum(label_weights(found.targets[known], None, 0)[order])
    unknown = score[known][order][int(np.searchsorted(kept[:-1], NAMED_SHARE - 1e-9))]
    order = np.argsort(score[judged], kind="stable")
    weights = label_weights(found.targets[judged], found.other, 1 / len(found.labels))[order]
    right = weights * (found.answers[judged] == found.targets[judged])[order]
    good = np.flatnonzero((np.cumsum(right) >= RIGHT_SHARE * np.cumsum(weights)) & (score[judged][order] <= unknown))
    certain = score[judged][order][good[-1]] if len(good) else 0.0
    return Thresholds(float(unknown), float(certain))


def unknown_scores(found: OutOfFold, fitted: Calibration) -> Floats:
    """Each item's unknown score: (items,), NaN where none judged it."""
    return np.asarray(1.0 - fitted.probabilities(found.logits, found.other)[:, found.columns].max(axis=1))


def unknown(found: OutOfFold, score: Floats, thresholds: Thresholds) -> dict[str, Any]:
    """What the unknown score makes of characters, photographs and cartoons of characters never seen, at both thresholds."""
    known = found.judged & found.is_character
    figures: dict[str, Any] = {
        "threshold": thresholds.unknown,
        "rule": UNKNOWN_RULE,
        "named_share": NAMED_SHARE,
        "certain_threshold": thresholds.certain,
        "right_share": RIGHT_SHARE,
        "characters": (characters := named(found, score, thresholds)),
        "characters_kept": characters["named"],
    }
    for name, others in strangers(found).items():
        truth = np.r_[np.zeros(known.sum()), np.ones(others.sum())]
        refused = score[others] > thresholds.unknown
        figures[name] = {
            "pictures": int(others.sum()),
            "auroc": float(roc_auc_score(truth, np.r_[score[known], score[others]])),
            "refused": float(refused.mean()),
            "refused_95": interval(drawn_shares(refused, found.clusters[others])),
            "certain": float((score[others] <= thresholds.certain).mean()),
        }
    return figures


def named(found: OutOfFold, score: Floats, thresholds: Thresholds) -> dict[str, Any]:
    """What becomes of pictures of the characters, each character counting the same: the share named at all, named right, and
    named without "perhaps"; and of each character the share named right."""
    known = found.judged & found.is_character
    right = (found.answers == found.targets) & (score <= thresholds.unknown)
    masks = {found.labels[column]: known & (found.targets == column) for column in found.columns}
    masks = {name: mine for name, mine in masks.items() if mine.any()}
    drawn = {name: drawn_shares(right[mine], found.clusters[mine]) for name, mine in masks.items()}

    def balanced(hits: NDArray[np.bool_]) -> float:
        return float(np.mean([hits[mine].mean() for mine in masks.values()]))

    return {
        "pictures": int(known.sum()),
        "named": balanced(score <= thresholds.unknown),
        "right": balanced(right),
        "right_95": interval(np.mean(list(drawn.values()), axis=0)),
        "certain": balanced(score <= thresholds.certain),
        "per_class": {
            name: {"pictures": int(mine.sum()), "right": float(right[mine].mean()), "right_95": interval(drawn[name])}
            for name, mine in masks.items()
        },
    }


def strangers(found: OutOfFold) -> dict[str, NDArray[np.bool_]]:
    """The judged pictures of none of the characters, by kind; kinds without pictures are left out."""
    photo = np.array([item.is_photo for item in found.items])
    others = found.judged & ~found.is_character
    kinds = {"photographs": others & photo, "unseen_cartoons": others & ~photo}
    return {name: mask for name, mask in kinds.items() if mask.any()}
