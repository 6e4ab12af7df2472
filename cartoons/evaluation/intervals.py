"""95 % intervals of measured shares, from counts, and when those are too few."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cartoons.errors import counted

TOO_FEW = 10
"""With fewer held-out pictures of a character, it is too few to say how good the model is."""

Z = 1.959964
"""The normal distribution has 95 % of its mass within so many standard deviations."""


def wilson(share: float, pictures: float) -> list[float]:
    """The score interval (Wilson 1927) of a share, from 0 to 1, of so many independent pictures: [low, high]."""
    if not pictures:
        return [0.0, 1.0]
    spread = Z * Z / pictures
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return [max(0.0, middle - half) if share else 0.0, min(1.0, middle + half) if share < 1 else 1.0]


def effective_number(groups: Iterable[str]) -> float:
    """How many independent pictures these are worth, each given by its artwork (Kish 1965)."""
    counts = Counter(groups).values()
    return sum(counts) ** 2 / sum(count * count for count in counts) if counts else 0.0


def mean_interval(shares: Sequence[float], intervals: Sequence[Sequence[float]]) -> list[float]:
    """The interval of a mean of independent shares, from theirs (Zou and Donner 2008): [low, high]."""
    mean = sum(shares) / len(shares)
    below, above = (
        math.sqrt(sum((p - pair[end]) ** 2 for p, pair in zip(shares, intervals, strict=True))) for end in (0, 1)
    )
    return [mean - below / len(shares), mean + above / len(shares)]


def too_few(per_class: Mapping[str, Mapping[str, Any]]) -> tuple[str, int] | None:
    """The character with the fewest held-out pictures, and how many those are, if they are too few to say anything."""
    counts = {label: row["pictures"] for label, row in per_class.items() if row.get("pictures") is not None}
    fewest = min(counts, key=lambda label: counts[label], default=None)
    return (fewest, counts[fewest]) if fewest is not None and counts[fewest] < TOO_FEW else None


def without_empty_intervals(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics with each interval of no width made anew: older versions redrew pictures (bootstrap), and of 3 of 3 said
    1.00 to 1.00."""
    rows: dict[str, dict[str, Any]] = {}
    for label, row in (metrics.get("per_class") or {}).items():
        pictures, recall, precision = (row.get(key) or 0 for key in ("pictures", "recall", "precision"))
        named = pictures * recall / precision if precision else 0
        made = {"recall_95": wilson(recall, pictures), "precision_95": wilson(precision, named)}
        rows[label] = dict(row) | {key: pair for key, pair in made.items() if _is_empty(row.get(key))}
    changed: dict[str, Any] = {"per_class": rows} if rows else {}
    if _is_empty(metrics.get("balanced_accuracy_95")):
        judged = [row for row in rows.values() if row.get("pictures") and row.get("recall") is not None]
        recalls = [row["recall"] for row in judged]
        intervals = [row.get("recall_95") or wilson(row["recall"], row["pictures"]) for row in judged]
        changed["balanced_accuracy_95"] = mean_interval(recalls, intervals) if recalls else None
    return dict(metrics) | changed


def of_one_character(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics, with the share named right for the accuracy among characters, which of one character is always 1."""
    rows = ((metrics.get("unknown") or {}).get("characters") or {}).get("per_class") or {}
    if len(rows) != 1 or len(metrics.get("per_class") or {}) != 1:
        return dict(metrics)
    [(label, row)] = rows.items()
    found = {"pictures": row["pictures"], "recall": row["right"], "recall_95": row["right_95"]}
    always_one = ("accuracy", "accuracy_95", "macro_f1", "confusion", "robustness")
    return {
        **{key: value for key, value in metrics.items() if key not in always_one},
        **{"balanced_accuracy": row["right"], "balanced_accuracy_95": row["right_95"], "per_class": {label: found}},
    }


def in_words(metrics: Mapping[str, Any]) -> str:
    """The balanced accuracy, or of one character the share named right, for a terminal: "0.959 (0.928 to 0.987)", or that it
    is too few to say, and of what."""
    metrics = of_one_character(without_empty_intervals(metrics))
    number, pair = f"{metrics['balanced_accuracy']:.3f}", metrics.get("balanced_accuracy_95")
    number += f" ({pair[0]:.3f} to {pair[1]:.3f})" if pair else ""
    if not (few := too_few(metrics.get("per_class") or {})):
        return number
    return f"too few to say, with {counted(few[1], 'held-out picture')} of {few[0]} ({TOO_FEW} are needed): {number}"


def _is_empty(pair: Sequence[float] | None) -> bool:
    return bool(pair) and pair is not None and pair[0] == pair[1]
