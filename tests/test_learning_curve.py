"""How much more pictures would help: said only where it was measured, and where more did help."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cartoons.dataset import Item
from cartoons.evaluation import learning_curve
from cartoons.splits import Fold

LABELS = ("bugs bunny", "donald duck", "_other")


def collection(per_label: int, labels: Sequence[str] = LABELS, group_of: int = 1) -> list[Item]:
    return [
        Item(Path(f"{label}/{k}.png"), label, "", f"{label} {k // group_of}", label, False)
        for label in labels
        for k in range(per_label)
    ]


def folds(items: Sequence[Item], count: int = 1) -> list[Fold]:
    """A third is held out, or each third in turn."""
    parts = [[i for i in range(len(items)) if i % 3 == number] for number in range(3)]
    every = set(range(len(items)))
    return [Fold(str(k), tuple(sorted(every - set(parts[k]))), tuple(parts[k])) for k in range(count)]


def features(items: Sequence[Item], noise: float, channels: int = 40) -> np.ndarray:
    """Each label around a point of its own."""
    random = np.random.default_rng(0)
    middles = {label: random.normal(size=channels) for label in sorted({item.label for item in items})}
    return np.stack([middles[item.label] + noise * random.normal(size=channels) for item in items])


@pytest.mark.parametrize("count", [1, 3])
def test_what_helped_goes_on_helping(count: int) -> None:
    items = collection(60)
    curve = learning_curve.measure(features(items, 3.5), items, LABELS, folds(items, count), 0.99)
    assert curve is not None
    quarter, half, whole = curve["balanced_accuracy"]
    assert 0.5 < quarter <= half <= whole < 1
    assert curve["shares"] == [0.25, 0.5, 1.0]
    assert set(curve["recall"]) == {"bugs bunny", "donald duck"}
    assert 0.99 < curve["with_twice"] < 1
    assert curve["gains_most"] in (None, *LABELS[:2])
    words = learning_curve.in_words(curve)
    assert f"{quarter:.3f} with a quarter of the pictures, {half:.3f} with half and {whole:.3f} with all" in words
    assert f"from 0.990 to about {curve['with_twice']:.3f}." in words


@pytest.mark.parametrize(
    ("per_label", "labels", "noise", "reached"),
    [
        (27, LABELS, 3.5, 0.99),  # nine are held out of each
        (60, LABELS, 0.1, 0.9),  # all were found with a quarter of the pictures
        (60, LABELS, 1e6, 0.5),  # nothing to learn
        (60, LABELS, 3.5, 1.0),  # nothing to gain
        (60, LABELS, 3.5, 0.4),  # the head does better than the model
        (60, ("bugs bunny", "_other"), 3.5, 0.99),
    ],
)
def test_nothing_is_said_where_nothing_can_be(per_label: int, labels: Sequence[str], noise: float, reached: float) -> None:
    items = collection(per_label, labels)
    curve = learning_curve.measure(features(items, noise), items, labels, folds(items), reached)
    assert curve is None or (noise == 1e6 and curve["balanced_accuracy"][-1] < 0.7)


def test_a_part_is_whole_groups_of_every_label_and_in_the_larger_part() -> None:
    items = collection(36, group_of=4)
    [fold] = folds(items)
    parts = [set(learning_curve._part(items, fold, share, draw=1)) for share in learning_curve.SHARES]
    assert parts[0] < parts[1] < parts[2] == set(fold.train)
    for part in parts:
        groups = {items[i].group for i in part}
        assert part == {i for i in fold.train if items[i].group in groups}
        assert {items[i].label for i in part} == set(LABELS)
    one = [Item(Path(f"{label}.png"), label, "", label, label, False) for label in LABELS]
    assert learning_curve._part(one, Fold("", (0, 1, 2), ()), 0.25, 0) == [0, 1, 2]
