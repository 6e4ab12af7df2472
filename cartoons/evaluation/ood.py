"""Out-of-distribution detection: pictures of none of the characters, refused by the unknown score.

Where there is `_other` the score compares it with the likeliest character alone: two characters that are alike make a name
doubtful, and not the picture one of neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from cartoons.evaluation.calibration import Floats, label_weights
from cartoons.evaluation.intervals import effective_number, mean_interval, wilson
from cartoons.model_folder import OTHER_LABEL, UNKNOWN_RULE, VERSUS_RULE

NAMED_SHARE = 0.95
"""The unknown threshold leaves this share of held-out character pictures named, each character counting the same: the usual
operating point (Hendrycks and Gimpel 2017; Liang et al. 2018)."""

RIGHT_SHARE = 0.97
"""Below the stricter threshold this share of the names is right, where each character and all of `_other` count the same."""

CURVE_POINTS = 200

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """Held-out predictions as far as they matter here. All are (items,)."""

    score: Floats
    """The unknown score, from 0 to 1."""
    doubt: Floats
    """1 minus the highest character probability."""
    targets: NDArray[np.int64]
    """The label's column."""
    is_character: Mask
    is_photo: Mask
    is_right: Mask
    """The likeliest character is the label."""
    clusters: NDArray[np.str_]
    """What of the pictures is alike: an artwork; among cartoons of `_other` that somebody named, a character."""


@dataclass(frozen=True)
class Thresholds:
    """Above `unknown`, of the unknown score, the page does not know; above `certain`, of the doubt, it says "perhaps"."""

    unknown: float
    certain: float


def rule_for(labels: Sequence[str]) -> str:
    """Which unknown score a model of these labels has."""
    return VERSUS_RULE if OTHER_LABEL in labels else UNKNOWN_RULE


def choose_thresholds(scored: Scored) -> Thresholds:
    """Both thresholds from held-out predictions."""
    known = scored.is_character
    order = np.argsort(scored.score[known])
    kept = np.cumsum(label_weights(scored.targets[known], None, 0)[order])
    unknown = scored.score[known][order][int(np.searchsorted(kept[:-1], NAMED_SHARE - 1e-9))]
    named = np.flatnonzero(scored.score <= unknown)
    order = named[np.argsort(scored.doubt[named], kind="stable")]
    weights = label_weights(scored.targets, None, 0)[order]
    good = np.flatnonzero(np.cumsum(weights * scored.is_right[order]) >= RIGHT_SHARE * np.cumsum(weights))
    return Thresholds(float(unknown), float(scored.doubt[order][good[-1]]) if len(good) else 0.0)


def detection(scored: Scored, thresholds: Thresholds, labels: Sequence[str]) -> dict[str, Any]:
    """How well the score tells characters from photographs and from cartoons of other characters, and at what price."""
    score, known, characters = scored.score, scored.is_character, _named(scored, thresholds, labels)
    figures: dict[str, Any] = {
        "threshold": thresholds.unknown,
        "rule": rule_for(labels),
        "named_share": NAMED_SHARE,
        "right_share": RIGHT_SHARE,
        "characters": characters,
        "characters_kept": characters["named"],
        "certain_right": _right_share(scored, _is_certain(scored, thresholds)),
    }
    for name, others in _kinds(scored).items():
        truth = np.r_[np.zeros(known.sum()), np.ones(others.sum())]
        refused = score[others] > thresholds.unknown
        figures[name] = {
            "pictures": int(others.sum()),
            "auroc": float(roc_auc_score(truth, np.r_[score[known], score[others]])),
            "refused": float(refused.mean()),
            "refused_95": wilson(float(refused.mean()), effective_number(scored.clusters[others])),
            "certain": float(_is_certain(scored, thresholds)[others].mean()),
        }
    return figures


def _named(scored: Scored, thresholds: Thresholds, labels: Sequence[str]) -> dict[str, Any]:
    """Of pictures of the characters, each character counting the same: the share named, named right, and named without
    "perhaps"; and of each character the share named right."""
    named, certain = scored.score <= thresholds.unknown, _is_certain(scored, thresholds)
    right = scored.is_right & named
    masks = {labels[k]: scored.targets == k for k in np.unique(scored.targets[scored.is_character])}
    rows: dict[str, dict[str, Any]] = {}
    named_95 = list[list[float]]()
    for label, mine in masks.items():
        share = float(right[mine].mean())
        number = effective_number(scored.clusters[mine])
        rows[label] = {"pictures": int(mine.sum()), "right": share, "right_95": wilson(share, number)}
        named_95.append(wilson(float(named[mine].mean()), number))

    def balanced(hits: Mask) -> float:
        return float(np.mean([hits[mine].mean() for mine in masks.values()]))

    return {
        "pictures": int(scored.is_character.sum()),
        "named": balanced(named),
        "named_95": mean_interval([float(named[mine].mean()) for mine in masks.values()], named_95),
        "right": balanced(right),
        "right_95": mean_interval([row["right"] for row in rows.values()], [row["right_95"] for row in rows.values()]),
        "certain": balanced(certain),
        "per_class": rows,
    }


def _right_share(scored: Scored, named: Mask) -> float | None:
    """How much of what is so named is right, where each character and all of `_other` count the same."""
    weights = label_weights(scored.targets, None, 0)[named]
    return float(np.average(scored.is_right[named], weights=weights)) if len(weights) else None


def _is_certain(scored: Scored, thresholds: Thresholds) -> Mask:
    """Which pictures are named without "perhaps"."""
    return np.asarray((scored.score <= thresholds.unknown) & (scored.doubt <= thresholds.certain))


def roc_curves(scored: Scored) -> dict[str, dict[str, list[float]]]:
    """For each kind of picture "false_accept" against "kept", at most CURVE_POINTS points."""
    curves, score, is_character = {}, scored.score, scored.is_character
    for name, others in _kinds(scored).items():
        truth = np.r_[np.ones(is_character.sum()), np.zeros(others.sum())]
        false_accept, kept, _ = roc_curve(truth, -np.r_[score[is_character], score[others]])
        points = np.unique(np.linspace(0, len(kept) - 1, CURVE_POINTS).astype(int))
        curves[name] = {"false_accept": false_accept[points].tolist(), "kept": kept[points].tolist()}
    return curves


def _kinds(scored: Scored) -> dict[str, Mask]:
    """The pictures of none of the characters, by kind; kinds without pictures are left out."""
    other, is_photo = ~scored.is_character, scored.is_photo
    kinds = {"photographs": other & is_photo, "unseen_cartoons": other & ~is_photo}
    return {name: mask for name, mask in kinds.items() if mask.any()}
