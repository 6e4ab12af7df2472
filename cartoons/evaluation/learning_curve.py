"""How much more pictures would help: what a linear head learns from a part of them, and a power law through that.

The head sees what the ImageNet network makes of the pictures as they are: it learns in a second, where the model takes
minutes, and how fast its errors become fewer with more pictures tells how fast the model's will.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cartoons.dataset import Item
from cartoons.evaluation.calibration import Floats
from cartoons.evaluation.intervals import TOO_FEW
from cartoons.model_folder import OTHER_LABEL
from cartoons.splits import Fold

SHARES = (0.25, 0.5, 1.0)
"""Of what a fold trains on, in whole groups of each label."""

DRAWS = 4
"""How often a part is drawn, all folds together: which pictures are in it matters much."""

REGULARISATION = 0.01
"""LogisticRegression's C, for features of mean 0 and deviation 1."""

STEPS = 100
NOISE, FEWEST_GAINED = 0.01, 2
"""Less balanced accuracy than this is no gain; fewer held-out pictures more name no character that gained most."""


def measure(
    features: Floats, items: Sequence[Item], labels: Sequence[str], folds: Sequence[Fold], reached: float
) -> dict[str, Any] | None:
    """The curve as plain JSON values, and what it promises of twice as many pictures; None where it can promise nothing.

    features: (items, channels); reached: the model's own balanced accuracy. It promises nothing where a character has fewer
    held-out pictures than TOO_FEW, or where more pictures did not help, or where nothing is left to gain, or where the head
    does better than the model: that lacks training then, not pictures.
    """
    characters = [label for label in labels if label != OTHER_LABEL]
    held_out = Counter(items[i].label for fold in folds for i in fold.held_out)
    if len(characters) < 2 or min(held_out[label] for label in characters) < TOO_FEW or reached >= 1:
        return None
    recall = {label: np.zeros(len(SHARES)) for label in characters}
    draws = math.ceil(DRAWS / len(folds))
    for fold in folds:
        for draw in range(draws):
            for k, share in enumerate(SHARES):
                found = _found(features, items, fold, _part(items, fold, share, draw))
                for label in characters:
                    recall[label][k] += found[label] / draws / held_out[label]
    accuracy = np.mean(list(recall.values()), axis=0)
    gains = {label: float(shares[-1] - shares[0]) for label, shares in recall.items()}
    if accuracy[-1] - accuracy[0] < NOISE or (np.diff(accuracy) < 0).any() or accuracy[-1] > reached:
        return None
    rate = -float(np.polyfit(np.log(SHARES), np.log(1 - accuracy), 1)[0])
    most = max(gains, key=lambda label: gains[label])
    return {
        "shares": list(SHARES),
        "balanced_accuracy": accuracy.tolist(),
        "recall": {label: shares.tolist() for label, shares in recall.items()},
        "reached": reached,
        "with_twice": 1 - (1 - reached) / 2**rate,
        "gains_most": most if gains[most] * held_out[most] >= FEWEST_GAINED else None,
    }


def in_words(curve: Mapping[str, Any], write: Callable[[str], str] = str) -> str:
    """What the curve says, in a sentence or two; write: a label as it is written there."""
    quarter, half, whole = (f"{accuracy:.3f}" for accuracy in curve["balanced_accuracy"])
    most = f" {write(curve['gains_most'])} gained most." if curve.get("gains_most") else ""
    return (
        f"A linear head on the ImageNet network reaches {quarter} with a quarter of the pictures, {half} with half and "
        f"{whole} with all: at that rate, twice as many may bring this model from {curve['reached']:.3f} to about "
        f"{curve['with_twice']:.3f}.{most}"
    )


def _part(items: Sequence[Item], fold: Fold, share: float, draw: int) -> list[int]:
    """A share of what a fold trains on, at least one group of each label; the smaller are parts of the larger ones."""
    order = np.random.default_rng(draw)
    groups: dict[str, list[str]] = {}
    for i in fold.train:
        groups.setdefault(items[i].label, []).append(items[i].group)
    taken: set[tuple[str, str]] = set()
    for label, mine in sorted(groups.items()):
        distinct = sorted(set(mine))
        shuffled = [distinct[k] for k in order.permutation(len(distinct))]
        taken |= {(label, group) for group in shuffled[: math.ceil(share * len(distinct))]}
    return [i for i in fold.train if (items[i].label, items[i].group) in taken]


def _found(features: Floats, items: Sequence[Item], fold: Fold, part: list[int]) -> Counter[str]:
    """How many held-out pictures of each character a head finds that was trained on a part, among the characters."""
    from sklearn.linear_model import LogisticRegression  # the card wants words alone, where there is no scikit-learn

    given = features[part]
    mean, deviation = given.mean(axis=0), given.std(axis=0) + 1e-3
    head = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=STEPS)
    head.fit((given - mean) / deviation, [items[i].label for i in part])
    known = [i for i in fold.held_out if items[i].label != OTHER_LABEL]
    sure = head.predict_proba((features[known] - mean) / deviation)
    sure[:, head.classes_ == OTHER_LABEL] = -1
    named = head.classes_[sure.argmax(axis=1)]
    return Counter(items[i].label for i, name in zip(known, named, strict=True) if items[i].label == name)
