"""Real fastai learners, exported in the usual ways, become model folders that answer as they do; others say why not."""

import json
import logging
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, draw_shape, make_picture_folder
from conftest import Page as PageProcess
from fastai.data.all import CategoryBlock, DataBlock, MultiCategoryBlock, RandomSplitter, RegressionBlock, get_image_files
from fastai.learner import Learner
from fastai.losses import BCEWithLogitsLossFlat, CrossEntropyLossFlat
from fastai.vision.all import (
    ImageBlock,
    ImageDataLoaders,
    Normalize,
    PadMode,
    PILImage,
    RandomResizedCrop,
    Resize,
    ResizeMethod,
    Transform,
    aug_transforms,
    imagenet_stats,
    parent_label,
    resnet18,
    vision_learner,
)
from gradio_client import Client, handle_file
from hub_server import SHA, Hub
from huggingface_hub import ModelCard
from PIL import Image
from torch import nn

from cartoons.bundle import RESIZE_RULE, RESIZE_RULES
from cartoons.convert.learner import convert
from cartoons.errors import ConvertError, DataError, ExportError
from cartoons.images import load
from cartoons.predict import Classifier
from cartoons.resize import RESIZES

FASTAI = {
    "crop-bilinear": Resize,
    "squish-bilinear": lambda size: Resize(size, ResizeMethod.Squish),
    "squish-crop-bilinear": lambda size: RandomResizedCrop(size, min_scale=0.5),
    "pad-black-bilinear": lambda size: Resize(size, ResizeMethod.Pad, PadMode.Zeros),
    "pad-reflect-bilinear": lambda size: Resize(size, ResizeMethod.Pad),
    "pad-border-bilinear": lambda size: Resize(size, ResizeMethod.Pad, PadMode.Border),
}
OLD = '[build-system]\nrequires = ["setuptools>=40.8.0", "python=3.10.4", "fastai=2.7.13", "fastcore=1.5.29"]\n'


class Inverted(Transform):
    """Pictures as no rule gives them."""

    def encodes(self, x: PILImage) -> PILImage:
        return PILImage(Image.eval(x, lambda value: 255 - value))


class Squared(Transform):
    """Batches as no resizing gives them."""

    order = 20

    def encodes(self, x: torch.Tensor) -> torch.Tensor:
        return x**2 if x.dtype == torch.float32 else x


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_picture_folder(tmp_path_factory.mktemp("shapes") / "data")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loaders(folder: Path, item_tfms: object = None, batch_tfms: object = None) -> ImageDataLoaders:
    return ImageDataLoaders.from_folder(
        folder, valid_pct=0.2, seed=1, item_tfms=item_tfms, batch_tfms=batch_tfms, bs=6, num_workers=0
    )


def tiny(dls: ImageDataLoaders, labels: int = 3, inner_scale: float = 1) -> Learner:
    """A learner of a network made by hand, whose answers differ from picture to picture."""
    torch.manual_seed(1)
    body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, labels))
    with torch.no_grad():
        head[2].weight.mul_(20 / inner_scale)
        body[2].weight.mul_(inner_scale)
        body[2].bias.mul_(inner_scale)
    return Learner(dls, nn.Sequential(body, head), loss_func=CrossEntropyLossFlat())


def exported(learn: Learner, folder: Path, name: str = "export.pkl", **options: object) -> Path:
    learn.path = folder
    learn.export(name, **options)
    return folder / name


def test_the_rules_are_the_same_everywhere() -> None:
    assert tuple(RESIZES) == RESIZE_RULES
    assert RESIZE_RULES[0] == RESIZE_RULE
    assert set(FASTAI) | {RESIZE_RULE} == set(RESIZES)


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


@pytest.mark.parametrize("rule", RESIZE_RULES)
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (39_000, 1000), (2, 1)])
def test_each_rule_takes_any_shape_in_little_memory(rule: str, size: tuple[int, int]) -> None:
    square = RESIZES[rule](Image.new("RGB", size, "red"), 64)
    assert square.size == (64, 64)
    assert square.mode == "RGB"
    assert np.asarray(square)[..., 0].max() > 0  # there is red in it, however slim it was


@pytest.mark.slow
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
    assert info.name == "3 labels of shapes-18"
    assert set(info.metrics) == {"parity"}  # nothing else was measured
    classifier = Classifier.load(tmp_path / "model")
    for picture in (shapes / "round" / "0.png", shapes / "square" / "1.png", ROOT / "examples" / "shinchan-1.png"):
        with learn.no_bar():
            label, _, probabilities = learn.predict(picture)
        [answer] = classifier.probabilities([load(picture)])
        assert classifier.info.labels[answer.argmax()] == label
        np.testing.assert_allclose(answer, probabilities, atol=1e-3)
    assert classifier.predict([draw_shape("round", 5)])[0].known


@pytest.mark.slow
@pytest.mark.parametrize("rule", FASTAI)
def test_each_resize_method_is_found(shapes: Path, tmp_path: Path, rule: str) -> None:
    learn = tiny(loaders(shapes, FASTAI[rule](64), aug_transforms()))
    info = convert(str(exported(learn, tmp_path)), tmp_path / "model", data=shapes)
    assert (info.size_px, info.resize) == (64, rule)
    assert info.metrics["parity"]["pictures"] >= 34
    assert info.metrics["parity"]["largest_difference"] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "batch_tfms",
    [
        [
            *aug_transforms(size=64, min_scale=0.75),
            Normalize.from_stats(*imagenet_stats),
        ],  # averages areas first: 300 > 2 * 64
        aug_transforms(size=200),
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


@pytest.mark.slow
def test_heads_of_other_kinds(shapes: Path, tmp_path: Path) -> None:
    """One that wants the whole feature map, a network that is no body and head, a loss without an activation."""
    head = nn.Sequential(nn.Flatten(), nn.Linear(512 * 2 * 2, 3))
    learn = vision_learner(loaders(shapes, Resize(64)), resnet18, pretrained=False, custom_head=head)
    assert convert(str(exported(learn, tmp_path)), tmp_path / "flat").arch == "resnet18"

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = tiny(loaders(shapes, Resize(64))).model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inside(x)

    learn = Learner(loaders(shapes, Resize(64)), Net(), loss_func=nn.CrossEntropyLoss())
    assert convert(str(exported(learn, tmp_path)), tmp_path / "own", name="Mine").name == "Mine"
    assert Classifier.load(tmp_path / "own").info.arch == "Net"


def test_weights_that_half_precision_would_spoil_are_stored_in_full(shapes: Path, tmp_path: Path) -> None:
    sizes = []
    for scale in (1, 1e-7):  # the latter is 0 in half precision
        learn = tiny(loaders(shapes, Resize(64)), inner_scale=scale).to_fp16()  # as if trained so; converting undoes it
        info = convert(str(exported(learn, tmp_path)), tmp_path / "model")
        assert info.metrics["parity"]["largest_difference"] < 1e-3
        sizes.append((tmp_path / "model" / "model.onnx").stat().st_size)
    assert sizes[0] < 0.75 * sizes[1]


@pytest.mark.slow
def test_a_data_block_that_opens_pictures_in_its_own_way(shapes: Path, tmp_path: Path) -> None:
    rows = [{"file": path, "label": path.parent.name} for path in get_image_files(shapes)]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda row: row["file"],
        get_y=lambda row: row["label"],
        splitter=RandomSplitter(seed=1),
        item_tfms=Resize(64),
    )
    learn = tiny(block.dataloaders(rows, bs=6, num_workers=0))
    assert convert(str(exported(learn, tmp_path)), tmp_path / "model", data=shapes).labels == ("_other", "round", "square")


def refuses(learn: Learner, folder: Path) -> str:
    with pytest.raises(ConvertError) as refusal:
        convert(str(exported(learn, folder)), folder / "model")
    assert not (folder / "model").exists()
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("item_tfms", "batch_tfms", "says"),
    [
        ([Resize(64), Inverted()], None, "No resize rule"),
        (Resize((48, 64)), None, "64 x 48"),
        (Resize(64), [Squared()], "no fixed resizing"),
    ],
)
def test_pictures_prepared_in_a_way_of_its_own(
    shapes: Path, tmp_path: Path, item_tfms: object, batch_tfms: object, says: str
) -> None:
    assert says in refuses(tiny(loaders(shapes, item_tfms, batch_tfms)), tmp_path)


def test_pictures_left_in_their_own_sizes(shapes: Path, tmp_path: Path) -> None:
    assert "do not bring pictures to one size" in refuses(tiny(loaders(shapes)), tmp_path)


def of_kind(folder: Path, target: object, get_y: Callable[[Path], object], loss: object = None) -> Learner:
    block = DataBlock(
        blocks=(ImageBlock, target),
        get_items=get_image_files,
        get_y=get_y,
        splitter=RandomSplitter(seed=1),
        item_tfms=Resize(64),
    )
    learn = tiny(block.dataloaders(folder, bs=6, num_workers=0))
    learn.loss_func = loss or learn.loss_func
    return learn


def test_learners_that_are_no_classifiers(shapes: Path, tmp_path: Path) -> None:
    assert "RegressionSetup" in refuses(of_kind(shapes, RegressionBlock(n_out=1), lambda path: float(path.stem)), tmp_path)
    several = of_kind(shapes, MultiCategoryBlock, lambda path: [path.parent.name, path.stem])
    assert "several labels at once" in refuses(several, tmp_path)
    sigmoid = of_kind(shapes, CategoryBlock, parent_label, BCEWithLogitsLossFlat())
    assert "do not sum to 1" in refuses(sigmoid, tmp_path)
    assert "for 3 labels" in refuses(tiny(loaders(shapes, Resize(64)), labels=5), tmp_path)


def test_a_learner_of_a_table(tmp_path: Path) -> None:
    from fastai.tabular.all import TabularDataLoaders, tabular_learner
    from pandas import DataFrame

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


def zipped(path: Path, code: bytes) -> Path:
    """A file as torch.save writes it, holding pickle code."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"data.pkl": code, "version": b"3\n", "byteorder": b"little"}.items():
            archive.writestr(f"archive/{name}", data)
    return path


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (b"cfastcore.dispatch\nTypeDispatch\n.", "saved by fastai before 2.8"),
        (b"cno_such_module.x\nThing\n.", "needs the module no_such_module"),
        (b"c__main__\nno_such_function\n.", "needs no_such_function, which was defined in the notebook"),
        (b"cfastai.learner\nNoSuchName\n.", "needs NoSuchName of fastai.learner"),
        (b"cbuiltins\nint\n(S'x'\ntR.", "could not be unpickled (ValueError"),
    ],
)
def test_the_real_reason_and_the_versions_are_told(tmp_path: Path, code: bytes, says: str) -> None:
    path = zipped(tmp_path / "export.pkl", code)
    with pytest.raises(ConvertError) as bare:
        convert(str(path), tmp_path / "model")
    assert says in str(bare.value)
    (tmp_path / "pyproject.toml").write_text(OLD)
    with pytest.raises(ConvertError) as told:
        convert(str(tmp_path), tmp_path / "model")
    if "__main__" not in code.decode():
        assert "saved with fastai 2.7.13 and python 3.10.4" in str(told.value)
    (tmp_path / "pyproject.toml").write_text("no toml [")
    with pytest.raises(ConvertError) as damaged:
        convert(str(path), tmp_path / "model")
    assert str(damaged.value) == str(bare.value)


def test_files_that_hold_no_learner(tmp_path: Path) -> None:
    path = tmp_path / "export.pkl"
    torch.save({"weights": torch.zeros(3)}, path)
    cases = {
        "holds a dict": path.read_bytes(),
        "cut short": path.read_bytes()[:-200],
        "a plain pickle": pickle.dumps({"a": 1}),
        "no pickle": b"<html>Not found</html>",
        "empty": b"",
        "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    }
    for says, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(ConvertError, match=says):
            convert(str(path), tmp_path / "model")


def test_sources_that_are_none(tmp_path: Path) -> None:
    for source in (tmp_path / "missing.pkl", "models/missing.pkl", "a/b/c"):
        with pytest.raises(ConvertError, match="neither a file nor a folder"):
            convert(str(source), tmp_path / "model")
    with pytest.raises(ConvertError, match=r"no \.pkl"):
        convert(str(tmp_path), tmp_path / "model")
    for name in ("one.pkl", "two.pkl"):
        (tmp_path / name).touch()
    with pytest.raises(ConvertError, match=r"one\.pkl, two\.pkl"):
        convert(str(tmp_path), tmp_path / "model")
    with pytest.raises(DataError, match="not a folder"):
        convert(str(tmp_path), tmp_path / "model", data=tmp_path / "nowhere")


def test_a_function_of_the_notebook(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pickle stores it by name alone, as fastai's exports long did; today's export puts the function into the file."""
    main = sys.modules["__main__"]

    def label_of_shape(path: Path) -> str:
        return path.parent.name

    label_of_shape.__module__, label_of_shape.__qualname__ = "__main__", "label_of_shape"
    monkeypatch.setattr(main, "label_of_shape", label_of_shape, raising=False)
    learn = of_kind(shapes, CategoryBlock, label_of_shape)
    by_name = exported(learn, tmp_path, "by-name.pkl", pickle_module=pickle)
    whole = exported(learn, tmp_path, "whole.pkl")
    monkeypatch.delattr(main, "label_of_shape")
    with pytest.raises(ConvertError, match="needs label_of_shape, which was defined in the notebook"):
        convert(str(by_name), tmp_path / "model")
    assert convert(str(whole), tmp_path / "model").name == "3 labels of whole"


def test_a_module_of_the_maker(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shape_labels.py").write_text("def label(path):\n    return path.parent.name\n")
    monkeypatch.syspath_prepend(tmp_path)
    import shape_labels  # type: ignore[import-not-found]

    path = exported(of_kind(shapes, CategoryBlock, shape_labels.label), tmp_path)
    del sys.modules["shape_labels"]
    monkeypatch.undo()
    with pytest.raises(ConvertError, match="needs the module shape_labels"):
        convert(str(path), tmp_path / "model")


def test_unreadable_pictures_of_the_folder_are_left_out(
    shapes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("no picture")
    draw_shape("round", 3).save(tmp_path / "data" / "one.png")
    with caplog.at_level(logging.WARNING):
        info = convert(str(exported(tiny(loaders(shapes, Resize(64))), tmp_path)), tmp_path / "m", data=tmp_path / "data")
    assert info.metrics["parity"]["pictures"] == 6 + len(list((ROOT / "examples").glob("*.png"))) + 1
    assert "notes.txt" in caplog.text


FROM_HUB = """
import sys
from pathlib import Path
from cartoons.convert.learner import convert
from cartoons.errors import CartoonError
for source in sys.argv[2:]:
    try:
        info = convert(source, Path(sys.argv[1]))
        print(info.name, info.resize, info.versions.get("converted_from"), sep="|")
    except CartoonError as error:
        print(error)
"""


def from_hub(hub: Hub, folder: Path, *sources: str) -> list[str]:
    env = hub.env(folder / "cache") | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", FROM_HUB, folder / "model", *sources]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_learner_on_the_hub(shapes: Path, tmp_path: Path) -> None:
    learner = exported(tiny(loaders(shapes, Resize(64))), tmp_path).read_bytes()
    files = {"model.pkl": learner, "pyproject.toml": OLD.encode(), "README.md": b"# card", "data.bin": b"never fetched"}
    with Hub(files=files) as hub:
        said = from_hub(hub, tmp_path, "toon/model", f"toon/model@{SHA}", "toon/model@v9", "toon/other")
        fetched = {line.rpartition("/")[2] for line in hub.asked if "/resolve/" in line}
        assert fetched == {"model.pkl", "pyproject.toml"}
    assert said[:2] == ["3 labels of model|crop-bilinear|fastai 2.7.13"] * 2
    assert "no such revision" in said[2]
    assert "no such model" in said[3]
    assert json.loads((tmp_path / "model" / "model.json").read_text())["versions"]["converted_from"] == "fastai 2.7.13"


@pytest.mark.slow
def test_a_hub_model_without_a_learner(tmp_path: Path) -> None:
    with Hub(files={"model.onnx": b"", "pyproject.toml": OLD.encode()}) as hub:
        [said] = from_hub(hub, tmp_path, "toon/model")
        assert not any("/resolve/" in line for line in hub.asked)
    assert "no .pkl" in said


@pytest.mark.slow
def test_from_the_command_line_to_the_page(shapes: Path, tmp_path: Path) -> None:
    dls = loaders(shapes, Resize(128), aug_transforms())
    file = exported(vision_learner(dls, resnet18, pretrained=False), tmp_path)
    out = tmp_path / "theirs"
    arguments = [sys.executable, "-W", "ignore", str(ROOT / "train.py"), "--from-learner", str(file), "--out", str(out)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "runs the code in it" in done.stderr
    assert done.stdout.strip().endswith(f"See it: python app.py --model {out}")
    card = ModelCard.load(out / "README.md")
    assert "Not measured" in card.text
    assert card.data.eval_results is None
    page = PageProcess("--model", str(out))
    try:
        answer = Client(page.url, verbose=False).predict(handle_file(shapes / "round" / "0.png"), api_name="/classify")
    finally:
        page.stop()
    assert set(answer["probabilities"]) == {"round", "square"}
    assert answer["known"]
    wrong = subprocess.run([*arguments[:5], str(shapes), "--out", str(out)], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].startswith("train.py: ")
