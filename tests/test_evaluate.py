from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_shape
from PIL import Image

from cartoons.dataset import Item
from cartoons.evaluation import calibration, corruptions, intervals, metrics, ood
from cartoons.evaluation.calibration import Calibration
from cartoons.evaluation.metrics import HeldOutPredictions
from cartoons.training.augment import augment, on_scenery


def item(label: str, group: str, photo: bool = False) -> Item:
    return Item(Path("x.png"), label, "site", group, label, photo)


def predictions(items: list[Item], logits: list[list[float]], **corrupted: np.ndarray) -> HeldOutPredictions:
    return HeldOutPredictions.where_predicted(items, ("a", "b", "_other"), np.array(logits, dtype=float), corrupted)


def test_accuracy_is_balanced_and_ignores_other() -> None:
    items = [item("a", "1"), item("a", "2"), item("a", "3"), item("b", "4"), item("_other", "5")]
    logits = [[5, 0, 9], [5, 0, 0], [0, 5, 0], [0, 5, 0], [9, 0, 0]]
    out = predictions(items, logits)
    figures = metrics.accuracy(out)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["accuracy"] == pytest.approx(3 / 4)
    assert [row["recall"] for row in figures["per_class"].values()] == pytest.approx([2 / 3, 1])
    assert [row["precision"] for row in figures["per_class"].values()] == pytest.approx([1, 1 / 2])
    low, high = figures["per_class"]["a"]["recall_95"]
    assert 0 <= low < 2 / 3 < high <= 1
    assert figures["confusion"] == [[2, 1], [0, 1]]
    assert figures["pictures"] == {"a": 3, "b": 1}


def test_a_name_that_was_never_given_has_no_precision() -> None:
    figures = metrics.accuracy(predictions([item("a", "1"), item("b", "2")], [[0, 5, 0], [0, 5, 0]]))
    never, always = figures["per_class"].values()
    assert never == {"pictures": 1, "recall": 0.0, "recall_95": intervals.wilson(0, 1)}
    assert always["precision"] == 0.5


def test_the_interval_is_wider_when_pictures_are_alike() -> None:
    targets = np.array([0, 1] * 60)
    answers = np.where(np.arange(120) % 6 < 5, targets, 1 - targets)
    alone, alike = (
        metrics.accuracy(
            predictions(
                [item("ab"[k % 2], str(k % artworks)) for k in range(120)], [[*np.eye(2)[answer], 0] for answer in answers]
            )
        )["balanced_accuracy_95"]
        for artworks in (120, 6)
    )
    assert alone[0] < 5 / 6 < alone[1]
    assert alike[1] - alike[0] > 2 * (alone[1] - alone[0])


def test_three_of_three_do_not_say_that_it_is_always_right() -> None:
    items = [item("ab"[k % 2], str(k)) for k in range(6)]
    figures = metrics.accuracy(predictions(items, [[k % 2 == 0, k % 2 == 1, 0] for k in range(6)]))
    per_class = [row[key] for row in figures["per_class"].values() for key in ("recall_95", "precision_95")]
    for low, high in (figures["balanced_accuracy_95"], figures["accuracy_95"], *per_class):
        assert 0.4 < low < 0.7
        assert high == 1
    assert per_class[0][0] == pytest.approx(0.438, abs=1e-3)


@pytest.mark.parametrize(
    ("share", "pictures", "low", "high"),
    [(1, 3, 0.438, 1), (0, 3, 0, 0.562), (0.9, 10, 0.596, 0.982), (0.5, 1000, 0.469, 0.531), (0, 0, 0, 1)],
)
def test_wilsons_interval(share: float, pictures: int, low: float, high: float) -> None:
    assert intervals.wilson(share, pictures) == pytest.approx([low, high], abs=1e-3)


def test_intervals_of_no_width_that_older_versions_wrote_are_made_anew() -> None:
    sure = {"pictures": 3, "recall": 1.0, "recall_95": [1.0, 1.0], "precision": 0.5, "precision_95": [0.1, 0.9]}
    old = {"balanced_accuracy": 1.0, "balanced_accuracy_95": [1.0, 1.0], "per_class": {"a": sure, "b": sure}}
    new = intervals.without_empty_intervals(old)
    assert new["per_class"]["a"]["recall_95"] == intervals.wilson(1, 3)
    assert new["per_class"]["a"]["precision_95"] == [0.1, 0.9]
    assert intervals.wilson(1, 3)[0] < new["balanced_accuracy_95"][0] < intervals.wilson(1, 6)[0] + 0.01
    only = {"balanced_accuracy": 1.0, "balanced_accuracy_95": [1.0, 1.0]}
    assert intervals.without_empty_intervals(only)["balanced_accuracy_95"] is None


def ece(probabilities: np.ndarray, targets: np.ndarray) -> float:
    right, weights = probabilities.argmax(axis=1) == targets, np.ones(len(targets))
    return calibration.expected_calibration_error(probabilities.max(axis=1), right, weights)


def test_the_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(4000, 3)) * 2
    targets = np.array([rng.choice(3, p=row) for row in metrics.softmax(true)])
    fitted = calibration.fit(true * 3, targets, None)
    assert fitted.temperature == pytest.approx(3, rel=0.1)
    assert fitted.other_bias == 0
    assert ece(metrics.softmax(true), targets) < 0.03
    assert ece(metrics.softmax(true * 3), targets) > 0.1


def test_a_model_trained_to_expect_other_is_less_timid_once_calibrated() -> None:
    rng = np.random.default_rng(0)
    targets = rng.choice(3, size=4000, p=[0.04, 0.06, 0.9])
    logits = rng.normal(size=(4000, 3)) * 1.5
    logits[np.arange(4000), targets] += 2.5
    logits[:, 2] += 2  # as if it had seen little but `_other`
    known = targets < 2
    before, fitted = metrics.softmax(logits)[known], calibration.fit(logits, targets, 2)
    after = fitted.probabilities(logits, 2)[known]
    right = logits[known][:, :2].argmax(axis=1) == targets[known]
    weights = calibration.label_weights(targets[known], None, 0)
    timid, fine = (calibration.expected_calibration_error(p[:, :2].max(axis=1), right, weights) for p in (before, after))
    assert timid > 0.3
    assert fine < 0.1
    assert fitted.other_bias < -2


def test_each_label_counts_the_same() -> None:
    weights = calibration.label_weights(np.array([0, 0, 0, 1, 2, 2]), 2, 0.2)
    assert weights == pytest.approx([0.4 / 3] * 3 + [0.4] + [0.1] * 2)
    assert calibration.label_weights(np.array([0, 1, 1]), None, 0.2) == pytest.approx([0.5, 0.25, 0.25])
    assert calibration.label_weights(np.array([2, 2]), 2, 0.2) == pytest.approx([0.5, 0.5])


def test_unknown_figures() -> None:
    items = [item("a", "1"), item("b", "2"), item("_other", "3", photo=True), item("_other", "4")]
    out = predictions(items, [[8, 0, 0], [0, 8, 0], [0, 0, 8], [8, 0, 0]])
    measured, fitted, thresholds = metrics.measure(out)
    figures = measured["unknown"]
    one_of_one = pytest.approx([0.207, 1.0], abs=1e-3)
    photographs = {"pictures": 1, "auroc": 1.0, "refused": 1.0, "refused_95": one_of_one, "certain": 0.0}
    assert figures["photographs"] == photographs
    assert figures["unseen_cartoons"]["auroc"] == 0.5
    assert figures["characters"]["right"] == figures["characters_kept"] == 1.0
    assert figures["characters"]["per_class"]["b"] == {"pictures": 1, "right": 1.0, "right_95": one_of_one}
    assert fitted.temperature > 0
    assert 0 <= thresholds.certain <= 1
    assert 0 <= thresholds.unknown <= 1


def test_strangers_of_one_character_count_once_and_those_without_a_name_each() -> None:
    known = [item(label, f"{label}{k}") for label in "ab" for k in range(50)]
    strangers = [item("_other", str(k)) for k in range(200)]
    logits = [[8, 0, 0]] * 50 + [[0, 8, 0]] * 50 + [[0, 0, 8]] * 200
    nameless = metrics.measure(predictions(known + strangers, logits))[0]["unknown"]["unseen_cartoons"]
    assert nameless["refused_95"] == pytest.approx(intervals.wilson(1.0, 200))
    named = [replace(each, character=f"hero{k % 2}") for k, each in enumerate(strangers)]
    of_two = metrics.measure(predictions(known + named, logits))[0]["unknown"]["unseen_cartoons"]
    assert of_two["refused_95"] == pytest.approx(intervals.wilson(1.0, 2))


def test_what_is_said_without_perhaps_is_measured() -> None:
    items = [item("ab"[k % 2], str(k)) for k in range(200)] + [item("_other", str(k)) for k in range(200, 300)]
    pictures = replace(
        scored(items, np.r_[np.zeros(200), np.ones(100)]), is_right=np.r_[np.arange(200) % 20 > 0, [False] * 100]
    )
    figures = ood.detection(pictures, ood.Thresholds(0.5, 0.5), ("a", "b", "_other"))
    assert figures["certain_right"] == pytest.approx(0.95)
    assert figures["characters"]["named"] == 1.0
    low, high = figures["characters"]["named_95"]
    assert 0.95 < low < high == 1.0
    none_certain = ood.detection(pictures, ood.Thresholds(0.5, -1.0), ("a", "b", "_other"))
    assert none_certain["certain_right"] is None


def test_two_characters_that_are_alike_make_a_name_doubtful_and_not_unknown() -> None:
    items = [item("a", "1"), item("b", "2"), item("_other", "3"), item("_other", "4", photo=True)]
    out = predictions(items, [[5, 4.9, 0], [4.9, 5, 0], [3, 0, 3], [0, 0, 6]])
    pictures = out.scored(Calibration(1.0))
    assert (pictures.score[:2] < 0.01).all() and (pictures.doubt[:2] > 0.45).all()
    assert pictures.score[2] == pytest.approx(0.5)
    shifted = out.scored(Calibration(2.0, other_bias=-3.0))
    assert (np.argsort(shifted.score) == np.argsort(pictures.score)).all()  # the calibration's bias does not reorder them


def scored(items: list[Item], score: np.ndarray) -> ood.Scored:
    targets = np.array([("a", "b", "_other").index(each.label) for each in items])
    known = targets < 2
    return ood.Scored(score, score, targets, known, ~known, known, np.array([each.group for each in items]))


def test_the_threshold_names_95_percent_of_each_character_alike() -> None:
    items = [item("a", str(k)) for k in range(900)] + [item("b", str(k)) for k in range(900, 1000)]
    score = np.r_[np.linspace(0, 0.5, 900), np.linspace(0, 1, 100)]  # b is the harder one, and of few pictures
    kept = score <= ood.choose_thresholds(scored(items, score)).unknown
    assert (kept[:900].mean() + kept[900:].mean()) / 2 == pytest.approx(0.95, abs=0.01)
    assert kept.mean() > 0.98


@pytest.mark.parametrize(("strangers", "certain"), [(0, 0.95), (100, 0.5)])
def test_below_the_stricter_threshold_names_are_right(strangers: int, certain: float) -> None:
    items = [item("ab"[k % 2], str(k)) for k in range(200)] + [item("_other", str(k)) for k in range(200, 200 + strangers)]
    score = np.r_[np.linspace(0, 1, 200), np.linspace(0.5, 1, strangers)]  # no stranger is surer than half
    pictures = scored(items, score)
    thresholds = ood.choose_thresholds(pictures)
    assert thresholds.certain == pytest.approx(certain, abs=0.04)
    assert thresholds.certain <= thresholds.unknown
    named, weights = score <= thresholds.certain, calibration.label_weights(pictures.targets, None, 0)
    assert weights[named & pictures.is_right].sum() >= 0.97 * weights[named].sum()


def test_the_curves_of_the_report() -> None:
    items = [item("a", "1"), item("b", "2"), item("_other", "3", photo=True), item("_other", "4")]
    out = predictions(items, [[8, 0, 0], [0, 8, 0], [0, 0, 8], [8, 0, 0]])
    drawn = metrics.curves(out, Calibration(1.0))
    assert drawn["roc"]["photographs"]["kept"][1:] == [0.5, 1.0, 1.0] or drawn["roc"]["photographs"]["kept"][-1] == 1.0
    assert drawn["roc"]["photographs"]["false_accept"][0] == 0.0
    assert sum(b["pictures"] for b in drawn["reliability"]["before"]) == 2


def test_robustness_is_measured_on_the_sample_alone() -> None:
    items = [item("a", "1"), item("a", "2"), item("b", "3"), item("_other", "4")]
    grey = np.array([[8, 0, 0], [np.nan] * 3, [8, 0, 0], [np.nan] * 3])
    assert metrics.robustness(predictions(items, [[8, 0, 0]] * 4, grey=grey)) == {
        "grey": {"pictures": 2, "balanced_accuracy": 0.5}
    }


def test_swapped_labels_are_found() -> None:
    from cartoons.evaluation import label_issues  # cleanlab takes a second to import

    rng = np.random.default_rng(0)
    items = [item("ab"[k % 2], str(k)) for k in range(80)] + [item("_other", str(k)) for k in range(80, 120)]
    truth = np.array([k % 2 for k in range(80)] + [2] * 40)
    truth[[4, 17]] = [1, 0]  # in the wrong folder
    logits = rng.normal(size=(120, 3)) * 0.5
    logits[np.arange(120), truth] += 5
    out = predictions(items, logits.tolist())
    assert {row["label"] + row["suggested"] for row in label_issues.mislabelled(out, Calibration(1.0))} == {"ab", "ba"}
    assert len(label_issues.mislabelled(out, Calibration(1.0))) == 2
    worst = label_issues.top_losses(out, Calibration(1.0))
    assert {row["label"] + row["answer"] for row in worst[:2]} == {"ab", "ba"}
    assert worst[0]["loss"] >= worst[1]["loss"] > worst[2]["loss"]


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_every_corruption_gives_a_picture(name: str) -> None:
    cutout = draw_shape("round", 1).convert("RGBA")
    cutout.putalpha(128)
    for picture in (cutout, draw_shape("square", 2), draw_shape("square", 3).resize((3, 90))):
        changed = corruptions.CORRUPTIONS[name](picture)
        assert changed.mode == "RGB"
        if name != corruptions.AS_THEY_ARE:
            assert changed.size != picture.size or changed.tobytes() != picture.convert("RGB").tobytes()


def test_pictures_in_no_test_fold_do_not_count() -> None:
    items = [item("a", "1"), item("b", "2"), item("b", "3")]
    measured, _, _ = metrics.measure(predictions(items, [[8, 0, 0], [0, 8, 0], [np.nan] * 3]))
    assert measured["pictures"] == {"a": 1, "b": 1}
    assert "photographs" not in measured["unknown"]


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


def test_a_picture_drawn_anew_depends_on_its_seed_alone_and_keeps_what_is_dark() -> None:
    import random

    from cartoons.training.redraw import redrawn

    cutout = draw_shape("round", 1).convert("RGBA")
    assert redrawn(cutout, random.Random(7)).tobytes() == redrawn(cutout, random.Random(7)).tobytes()
    bar = np.full((120, 240, 4), (250, 240, 90, 255), np.uint8)
    bar[40:43] = (0, 0, 0, 255)
    seen = set()
    for seed in range(40):
        drawing = redrawn(Image.fromarray(bar), random.Random(seed))
        grey = np.asarray(drawing.convert("L"), float)
        assert (drawing.mode, drawing.size) == ("RGB", (240, 120))
        assert grey[40:43].mean() + 40 < grey[:30].mean()  # the bar is still there
        saturation = np.asarray(drawing.convert("HSV"))[..., 1].max()
        seen.add("colours" if saturation > 60 else "pencil" if grey[:30].std() > 0.5 else "outlines")
    assert seen == {"colours", "pencil", "outlines"}
    for seed in range(60):  # odd shapes too
        assert redrawn(cutout.resize((1 + seed, 90 - seed)), random.Random(seed)).size == (1 + seed, 90 - seed)


def test_a_cutout_is_seen_alone_and_in_crowds() -> None:
    import random

    from sklearn.cluster import DBSCAN

    cutout, blue = Image.new("RGBA", (60, 60), (255, 0, 0, 255)), Image.new("RGB", (60, 60), (0, 0, 255))
    cutout.paste((0, 255, 0, 255), (24, 24, 36, 36))  # its one eye
    eyes = []
    for seed in range(60):
        scene = np.asarray(on_scenery(cutout, random.Random(seed), [blue]), dtype=int)
        green = np.argwhere(scene[..., 1] - np.maximum(scene[..., 0], scene[..., 2]) > 100)
        eyes.append(len(set(DBSCAN(eps=1.5, min_samples=1).fit(green).labels_)) if len(green) else 0)
    assert min(eyes) == 1  # never outside
    assert 5 < sum(count > 1 for count in eyes) < 30
    assert max(eyes) <= 5


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"balanced_accuracy": 0.9, "balanced_accuracy_95": [0.8, 0.95]}, "0.900 (0.800 to 0.950)"),
        ({"balanced_accuracy": 0.9}, "0.900"),
        (
            {"balanced_accuracy": 1.0, "per_class": {"fox": {"pictures": 1}, "frog": {"pictures": 40}}},
            "too few to say, with 1 held-out picture of fox (10 are needed): 1.000",
        ),
        (
            {
                "balanced_accuracy": 1.0,
                "per_class": {"fox": {"pictures": 30, "recall": 1.0}},
                "unknown": {"characters": {"per_class": {"fox": {"pictures": 30, "right": 0.9, "right_95": [0.74, 0.97]}}}},
            },
            "0.900 (0.740 to 0.970)",
        ),
    ],
)
def test_the_terminal_says_when_it_is_too_few_to_say(metrics: dict[str, object], words: str) -> None:
    assert intervals.in_words(metrics) == words
