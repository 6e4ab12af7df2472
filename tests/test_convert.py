"""Real fastai learners, exported in the usual ways, become model folders that answer as they do; others say why not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, draw_shape
from fastai.data.all import MultiCategoryBlock, RegressionBlock, parent_label
from fastai.learner import Learner
from fastai.losses import BCEWithLogitsLossFlat, CrossEntropyLossFlat
from fastai.vision.all import (
    Normalize,
    PadMode,
    PILImage,
    PILImageBW,
    RandomResizedCrop,
    Resize,
    ResizeMethod,
    Transform,
    aug_transforms,
    imagenet_stats,
    resnet18,
    vision_learner,
)
from learners import block, exported, loaders, refuses, tiny
from pandas import DataFrame
from PIL import Image
from torch import nn

from cartoons.classifier import Classifier
from cartoons.convert.inference import FilePredictor, labels_of
from cartoons.convert.learner import convert
from cartoons.convert.pictures import write_probes
from cartoons.convert.pipeline import measure
from cartoons.errors import ConvertError, ExportError
from cartoons.images import load
from cartoons.model_folder import RESIZE_RULE, RESIZE_RULES
from cartoons.resize import RESIZES

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
FASTAI: dict[str, Callable[[int], Transform]] = {
    "crop-bilinear": Resize,
    "squish-bilinear": lambda size: Resize(size, ResizeMethod.Squish),
    "squish-crop-bilinear": lambda size: RandomResizedCrop(size, min_scale=0.5),
    "pad-black-bilinear": lambda size: Resize(size, ResizeMethod.Pad, PadMode.Zeros),
    "pad-reflect-bilinear": lambda size: Resize(size, ResizeMethod.Pad),
    "pad-border-bilinear": lambda size: Resize(size, ResizeMethod.Pad, PadMode.Border),
}


class Inverted(Transform):
    """Pictures as no rule gives them."""

    def encodes(self, x: PILImage) -> PILImage:
        return PILImage(Image.eval(x, lambda value: 255 - value))


class Failing(Transform):
    """Pictures that are refused at length, where nobody trains on them."""

    split_idx = 1

    def encodes(self, _: PILImage) -> PILImage:
        raise ValueError("no\npicture\n" + "x" * 5000)


class Squared(Transform):
    """Batches as no resizing gives them."""

    order = 20

    def encodes(self, x: torch.Tensor) -> torch.Tensor:
        return x**2 if x.dtype == torch.float32 else x


def test_the_rules_are_the_same_everywhere() -> None:
    assert tuple(RESIZES) == RESIZE_RULES
    assert RESIZE_RULES[0] == RESIZE_RULE
    assert {RESIZE_RULE, *FASTAI, *(f"grey-{rule}" for rule in FASTAI)} == set(RESIZES)


@pytest.mark.parametrize("rule", FASTAI)
def test_each_rule_gives_fastais_pixels(rule: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        width, height = (int(side) for side in rng.integers(2, 200, 2))
        size_px = int(rng.choice([32, 33, 64, 100, 224, rng.integers(16, 250)]))
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        wanted = FASTAI[rule](size_px)(PILImage(picture.copy()), split_idx=1)
        np.testing.assert_array_equal(
            np.asarray(RESIZES[rule](picture, size_px)), np.asarray(wanted), f"{picture} {size_px}"
        )
        grey = FASTAI[rule](size_px)(PILImageBW(picture.convert("L")), split_idx=1)
        mine = np.asarray(RESIZES[f"grey-{rule}"](picture, size_px))
        np.testing.assert_array_equal(mine, np.stack([np.asarray(grey)] * 3, axis=-1), f"{picture} {size_px}")


@pytest.mark.parametrize("rule", RESIZE_RULES[:7])  # the grey ones are the same after
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (39_000, 1000), (2, 1)])
def test_each_rule_takes_any_shape_in_little_memory(rule: str, size: tuple[int, int]) -> None:
    square = RESIZES[rule](Image.new("RGB", size, "red"), 64)
    assert square.size == (64, 64)
    assert square.mode == "RGB"
    assert np.asarray(square)[..., 0].max() > 0  # there is red in it, however slim it was


def test_a_learner_of_the_usual_tutorial(shapes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(1)
    learn = vision_learner(loaders(shapes, Resize(64), Normalize.from_stats(*imagenet_stats)), resnet18, pretrained=False)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, 1e-3)
    (tmp_path / "shapes-18").mkdir()
    path = exported(learn, tmp_path / "shapes-18")
    info = convert(str(path), tmp_path / "model", data=shapes)
    assert "runs the code in it" in caplog.text
    assert info.labels == ("_other", "round", "square")
    assert (info.size_px, info.resize, info.arch, info.recipe) == (64, "crop-bilinear", "resnet18", "converted")
    np.testing.assert_allclose((info.mean, info.std), imagenet_stats, atol=1e-5)
    assert info.name == "Round and Square"
    assert set(info.metrics) == {"parity"}  # nothing else was measured
    classifier = Classifier.load(tmp_path / "model")
    for picture in (shapes / "round" / "0.png", shapes / "square" / "1.png", ROOT / "examples" / "shinchan-1.png"):
        with learn.no_bar():
            label, _, probabilities = learn.predict(picture)
        [answer] = classifier.probabilities([load(picture)])
        assert classifier.info.labels[answer.argmax()] == label
        np.testing.assert_allclose(answer, probabilities, atol=1e-3)
    assert classifier.predict([draw_shape("round", 5)])[0].known


@pytest.mark.parametrize("rule", RESIZE_RULES[1:])
def test_each_resize_method_is_found(shapes: Path, tmp_path: Path, rule: str) -> None:
    cls = PILImageBW if rule.startswith("grey") else PILImage
    dls = loaders(shapes, FASTAI[rule.removeprefix("grey-")](64), aug_transforms(), img_cls=cls)
    learn, probes = tiny(dls), write_probes(tmp_path)
    found = measure(FilePredictor(learn, labels_of(dls), probes), probes)
    assert (found.size_px, found.resize, found.resample) == (64, rule, None)
    assert found.one_channel == (cls is PILImageBW)


@pytest.mark.parametrize(
    "batch_tfms",
    [
        [
            *aug_transforms(size=64, min_scale=0.75),
            Normalize.from_stats(*imagenet_stats),
        ],  # averages areas first: 300 > 2 * 64
        aug_transforms(size=(96, 64)),
    ],
)
def test_presizing_moves_into_the_graph(shapes: Path, tmp_path: Path, batch_tfms: object) -> None:
    learn = tiny(loaders(shapes, Resize(300), batch_tfms))
    info = convert(str(exported(learn, tmp_path)), tmp_path / "model")
    assert (info.size_px, info.resize) == (300, "crop-bilinear")
    assert info.metrics["parity"]["largest_difference"] < 1e-3
    with learn.no_bar():
        _, _, wanted = learn.predict(shapes / "round" / "0.png")
    [answer] = Classifier.load(tmp_path / "model").probabilities([load(shapes / "round" / "0.png")])
    np.testing.assert_allclose(answer, wanted, atol=1e-3)


def test_heads_of_other_kinds(shapes: Path, tmp_path: Path) -> None:
    """One that wants the whole feature map, a network that is no body and head, a loss without an activation."""
    head = nn.Sequential(nn.Flatten(), nn.Linear(512 * 2 * 2, 3))
    dls = loaders(shapes, Resize(64), img_cls=PILImageBW)
    learn = vision_learner(dls, resnet18, pretrained=False, custom_head=head, n_in=1)
    assert convert(str(exported(learn, tmp_path)), tmp_path / "flat").arch == "resnet18"

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = tiny(loaders(shapes, Resize(64))).model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inside(x)

    learn = Learner(loaders(shapes, Resize(64)), Net(), loss_func=nn.CrossEntropyLoss())
    assert convert(str(exported(learn, tmp_path)), tmp_path / "own", name="Mine\n too").name == "Mine too"
    assert Classifier.load(tmp_path / "own").info.arch == "Net"


def test_weights_that_half_precision_would_spoil_are_stored_in_full(shapes: Path, tmp_path: Path) -> None:
    sizes = []
    for scale in (1, 1e-7):  # the latter is 0 in half precision
        learn = tiny(loaders(shapes, Resize(64)), inner_scale=scale).to_fp16()  # as if trained so; converting undoes it
        info = convert(str(exported(learn, tmp_path)), tmp_path / "model")
        assert info.metrics["parity"]["largest_difference"] < 1e-3
        sizes.append((tmp_path / "model" / "model.onnx").stat().st_size)
    assert sizes[0] < 0.75 * sizes[1]


@pytest.mark.parametrize(
    ("item_tfms", "batch_tfms", "says"),
    [
        ([Resize(64), Inverted()], None, "No resize rule"),
        ([Resize(64), Failing()], None, "fail on a picture (ValueError: no picture xxx"),
        (Resize((48, 64)), None, "64 x 48"),
        (Resize(12), None, "12 x 12 pixels"),
        (Resize(64), [Squared()], "no fixed resizing"),
        (None, None, "do not bring pictures to one size"),
    ],
)
def test_pictures_prepared_in_a_way_of_its_own(
    shapes: Path, tmp_path: Path, item_tfms: object, batch_tfms: object, says: str
) -> None:
    learn = tiny(loaders(shapes, Resize(64), None))
    learn.dls = loaders(shapes, item_tfms, batch_tfms)
    said = refuses(learn, tmp_path)
    assert says in said
    assert len(said) < 700


LABELS: list[tuple[list[object], str]] = [
    (["", "b", "c"], "Label 0 of the learner is empty ('')"),
    (["a", " \t", "c"], "Label 1 of the learner is empty (' \\t')"),
    (["a", "b", "\u200b"], "Label 2 of the learner is empty"),
    (["a", None, "c"], "Label 1 of the learner is empty (None)"),
    ([0.0, 1.0, float("nan")], "Label 2 of the learner is empty (nan)"),
    ([("a", "b"), "b", "c"], "Label 0 of the learner is no text but a tuple"),
    (["a", b"b", "c"], "Label 1 of the learner is no text but a bytes"),
    (["a\nb", "b", "c"], "holds a line break"),
    (["a", "b\x1b[31m", "c"], "holds a line break or another control character ('b\\x1b[31m')"),
    ([1, "1", "c"], "Label 1 of the learner, '1', looks like another, 1"),
    (["cat", "cat ", "c"], "Label 1 of the learner, 'cat ', looks like another, 'cat'"),
    (["caf\u00e9", "b", "cafe\u0301"], "Label 2 of the learner"),
]


@pytest.mark.parametrize(("labels", "says"), LABELS)
def test_labels_that_nobody_could_read(shapes: Path, tmp_path: Path, labels: list[object], says: str) -> None:
    learn = tiny(loaders(shapes, Resize(64)))
    for place, label in enumerate(labels):
        learn.dls.vocab.items[place] = label
    said = refuses(learn, tmp_path)
    assert says in said
    place = int(said.split("vocab.items[")[1].split("]")[0])
    learn.dls.vocab.items[place] = "another one"  # as the sentence says
    assert labels_of(learn.dls)[place] == "another one"


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 1, 2], ("0", "1", "2")),
        ([np.int64(3), np.float32(0.5), np.True_], ("3", "0.5", "True")),
        ([False, True, "maybe"], ("False", "True", "maybe")),
        (["bugs bunny", "しんちゃん", "👩‍🎤"], ("bugs bunny", "しんちゃん", "👩‍🎤")),
    ],
)
def test_labels_as_text(shapes: Path, labels: list[object], text: tuple[str, ...]) -> None:
    dls = loaders(shapes, Resize(64))
    for place, label in enumerate(labels):
        dls.vocab.items[place] = label
    assert labels_of(dls) == text


def test_a_label_for_pictures_without_one(shapes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from fastai.data.all import CategoryBlock

    learn = tiny(block(shapes, y=CategoryBlock(vocab=["_other", "round", "square"], add_na=True)), labels=4)
    info = convert(str(exported(learn, tmp_path)), tmp_path / "model")
    assert info.labels == ("#na#", "_other", "round", "square")
    assert "The label #na# is fastai's for pictures without one" in caplog.text


def test_learners_that_are_no_classifiers(shapes: Path, tmp_path: Path) -> None:
    regression = block(shapes, y=RegressionBlock(n_out=1), get_y=lambda path: float(path.stem))
    several = block(shapes, y=MultiCategoryBlock, get_y=lambda path: [path.parent.name, path.stem])
    one = block(shapes, get_y=lambda _: "round")
    assert "RegressionSetup" in refuses(tiny(regression), tmp_path)
    assert "several labels at once" in refuses(tiny(several), tmp_path)
    assert "knows 1 label (round)" in refuses(tiny(one, labels=1), tmp_path)
    sigmoid = tiny(block(shapes, get_y=parent_label))
    sigmoid.loss_func = BCEWithLogitsLossFlat()
    assert "do not sum to 1" in refuses(sigmoid, tmp_path)
    assert "for 3 labels" in refuses(tiny(loaders(shapes, Resize(64)), labels=5), tmp_path)


def test_a_learner_of_a_table(tmp_path: Path) -> None:
    from fastai.tabular.all import TabularDataLoaders, tabular_learner

    table = DataFrame({"width": range(20), "label": ["a", "b"] * 10})
    dls = TabularDataLoaders.from_df(table, y_names="label", cont_names=["width"], bs=4, num_workers=0)
    assert "not pairs of one picture and one label" in refuses(tabular_learner(dls), tmp_path)


def test_a_difference_is_noticed_and_nothing_written(shapes: Path, tmp_path: Path) -> None:
    """A network that answers by the batch it is in cannot be exported faithfully."""

    class Crowd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = tiny(loaders(shapes, Resize(64))).model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inside(x) + torch.eye(3)[len(x) % 3] * 9

    learn = Learner(loaders(shapes, Resize(64)), Crowd(), loss_func=CrossEntropyLossFlat())
    with pytest.raises(ExportError, match="not written"):
        convert(str(exported(learn, tmp_path)), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_no_room_for_the_drawings(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    path = exported(tiny(loaders(shapes, Resize(64))), tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConvertError, match=r"No temporary folder can be made .*set TMPDIR"):
        convert(str(path), tmp_path / "model")
