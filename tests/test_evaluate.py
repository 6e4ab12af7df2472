from pathlib import Path

import numpy as np
import pytest
from conftest import draw_shape

from cartoons import evaluate
from cartoons.augment import augment
from cartoons.dataset import Item


def item(label: str, group: str, photo: bool = False) -> Item:
    return Item(Path("x.png"), label, "site", group, label, photo)


def found(items: list[Item], logits: list[list[float]]) -> evaluate.OutOfFold:
    return evaluate.OutOfFold(items, ("a", "b", "_other"), np.array(logits, dtype=float))


def test_accuracy_is_balanced_and_ignores_other() -> None:
    items = [item("a", "1"), item("a", "2"), item("a", "3"), item("b", "4"), item("_other", "5")]
    logits = [[5, 0, 9], [5, 0, 0], [0, 5, 0], [0, 5, 0], [9, 0, 0]]
    out = found(items, logits)
    figures = evaluate.accuracy(out, out.is_character & out.judged)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["accuracy"] == pytest.approx(3 / 4)
    assert figures["recall"] == {"a": pytest.approx(2 / 3), "b": 1.0}
    assert figures["confusion"] == [[2, 1], [0, 1]]
    assert figures["pictures"] == {"a": 3, "b": 1}


def test_the_interval_is_wider_when_pictures_are_alike() -> None:
    targets = np.array([0, 1] * 60)
    answers = np.where(np.arange(120) % 6 < 5, targets, 1 - targets)
    alone = evaluate.bootstrap(targets, answers, [str(k) for k in range(120)])
    alike = evaluate.bootstrap(targets, answers, [str(k % 6) for k in range(120)])
    assert alone[0] < 5 / 6 < alone[1]
    assert alike[1] - alike[0] > 2 * (alone[1] - alone[0])


def test_the_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(4000, 3)) * 2
    targets = np.array([rng.choice(3, p=row) for row in evaluate.softmax(true)])
    assert evaluate.fit_temperature(true * 3, targets) == pytest.approx(3, rel=0.1)
    assert evaluate.expected_calibration_error(evaluate.softmax(true), targets) < 0.03
    assert evaluate.expected_calibration_error(evaluate.softmax(true * 3), targets) > 0.1


def test_unknown_figures() -> None:
    items = [item("a", "1"), item("b", "2"), item("_other", "3", photo=True), item("_other", "4")]
    out = found(items, [[8, 0, 0], [0, 8, 0], [0, 0, 8], [8, 0, 0]])
    metrics, temperature, threshold = evaluate.measure(out)
    assert metrics["unknown"]["photographs"] == {"pictures": 1, "auroc": 1.0, "refused": 1.0}
    assert metrics["unknown"]["unseen_cartoons"]["auroc"] == 0.5
    assert temperature > 0
    assert 0 <= threshold <= 1


def test_pictures_nobody_judged_do_not_count() -> None:
    items = [item("a", "1"), item("b", "2"), item("b", "3")]
    metrics, _, _ = evaluate.measure(found(items, [[8, 0, 0], [0, 8, 0], [np.nan] * 3]))
    assert metrics["pictures"] == {"a": 1, "b": 1}
    assert "photographs" not in metrics["unknown"]


def test_augmentation_depends_on_its_seed_alone() -> None:
    import random

    cutout = draw_shape("round", 1).convert("RGBA")
    cutout.putalpha(128)
    photo = draw_shape("square", 2)
    first, again, other = (augment(cutout, random.Random(seed), [photo], 48) for seed in (7, 7, 8))
    assert first.size == (48, 48)
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    for seed in range(60):  # odd shapes too
        assert augment(cutout.resize((3 + seed, 90 - seed)), random.Random(seed), [], 32).size == (32, 32)
