"""Files of every kind: the page answers them as the learner, whose opening is found out, or its card names their kind."""

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from crafted_images import UNIT, samples_tiff
from fastai.data.all import TransformBlock, get_image_files
from fastai.learner import Learner
from fastai.vision.all import (
    ImageBlock,
    ImageDataLoaders,
    IntToFloatTensor,
    Normalize,
    PILImage,
    PILImageBW,
    PILMask,
    Resize,
    ResizeMethod,
    aug_transforms,
    imagenet_stats,
)
from learners import block, exported, loaders, refuses, tiny
from pandas import DataFrame
from PIL import Image, ImageDraw, ImageOps

from cartoons.classifier import Classifier
from cartoons.convert.inference import FilePredictor, labels_of
from cartoons.convert.learner import convert
from cartoons.convert.pictures import write_probes
from cartoons.convert.pipeline import measure
from cartoons.errors import ExportError
from cartoons.images import load
from cartoons.model_card import model_card

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
USUAL = {"16-bit", "32-bit", "EXIF-turned", "animated", "large JPEG", "transparent"}
"""Kinds of files that fastai opens otherwise than the page."""


class PILImageRGBA(PILImage):
    _open_args = MappingProxyType({"mode": "RGBA"})


class PILImageHSV(PILImage):
    _open_args = MappingProxyType({"mode": "HSV"})


class Upright(PILImage):
    """Opened as the page does: upright, and on white."""

    @classmethod
    def create(cls, fn: object, **_: object) -> PILImage:
        picture = ImageOps.exif_transpose(Image.open(fn)).convert("RGBA")
        return cls(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))


def opened_by(function: Callable[[Path], object]) -> TransformBlock:
    return TransformBlock(type_tfms=function, batch_tfms=IntToFloatTensor)


def as_they_are(path: Path) -> PILImage:
    return PILImage(Image.open(path).copy())


def without_colour(path: Path) -> PILImage:
    return PILImage(Image.open(path).convert("L").convert("RGB"))


def jpegs_inverted(path: Path) -> PILImage:
    picture = Image.open(path).convert("RGB")
    return PILImage(ImageOps.invert(picture) if Path(path).suffix == ".jpg" else picture)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Files by kind, drawn by the test itself."""
    folder = tmp_path_factory.mktemp("files")
    picture = Image.new("RGB", (300, 200), (40, 90, 200))
    ImageDraw.Draw(picture).rectangle((10, 10, 120, 80), fill=(250, 220, 10))
    ImageDraw.Draw(picture).ellipse((150, 90, 290, 190), fill=(200, 20, 40))
    disc, turned, grey = Image.new("RGBA", (200, 200)), Image.Exif(), picture.convert("L")
    ImageDraw.Draw(disc).ellipse((40, 40, 160, 160), fill=(255, 200, 0, 255))
    turned[0x0112] = 6
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    made: dict[str, list[tuple[str, Image.Image, dict[str, object]]]] = {
        "": [
            ("rgb.png", picture, {}),
            ("rgb.jpg", picture, {"quality": 92}),
            ("grey.png", grey, {}),
            ("palette.png", picture.quantize(16), {}),
            ("cmyk.jpg", picture.convert("CMYK"), {}),
            ("1-bit.png", picture.convert("1"), {}),
        ],
        "transparent": [("disc.png", disc, {}), ("disc.webp", disc, {"lossless": True})],
        "EXIF-turned": [("turned.jpg", picture, {"exif": turned})],
        "16-bit": [("grey16.png", deep, {})],
    }
    for kind in made.values():
        for name, shown, options in kind:
            shown.save(folder / name, **options)
    return {kind: [folder / name for name, _, _ in named] for kind, named in made.items()}


def grey(folder: Path, item_tfms: object = None, batch_tfms: object = None, channels: int = 1) -> Learner:
    dls = loaders(folder, item_tfms or Resize(64), batch_tfms, img_cls=PILImageBW)
    return tiny(dls, channels=channels)


IMAGENET = Normalize.from_stats(*imagenet_stats)
OPENERS: dict[str, tuple[Callable[[Path], Learner], str, set[str]]] = {
    "colour": (lambda folder: tiny(loaders(folder, Resize(64))), "crop-bilinear", USUAL),
    "grey": (grey, "grey-crop-bilinear", USUAL),
    "grey, normalised": (
        lambda folder: grey(folder, batch_tfms=Normalize.from_stats([0.4], [0.3])),
        "grey-crop-bilinear",
        USUAL,
    ),
    "grey, three channels by normalisation": (
        lambda folder: grey(folder, Resize(64, ResizeMethod.Pad), IMAGENET, channels=3),
        "grey-pad-reflect-bilinear",
        USUAL,
    ),
    "grey, presized": (
        lambda folder: grey(folder, Resize(300), [*aug_transforms(size=64), IMAGENET], channels=3),
        "grey-crop-bilinear",
        USUAL,
    ),
    "grey by a function": (
        lambda folder: tiny(block(folder, x=opened_by(without_colour))),
        "grey-crop-bilinear",
        USUAL,
    ),
    "as the page": (
        lambda folder: tiny(block(folder, x=ImageBlock(cls=Upright))),
        "crop-bilinear",
        USUAL - {"EXIF-turned", "transparent"},
    ),
    "as they are": (
        lambda folder: tiny(block(folder, x=opened_by(as_they_are))),
        "crop-bilinear",
        USUAL | {"greyscale", "palette", "1-bit", "CMYK"},
    ),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_files_are_answered_as_by_the_learner_or_the_card_names_their_kind(
    shapes: Path, files: dict[str, list[Path]], tmp_path: Path, opener: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, rule, otherwise = OPENERS[opener]
    learn = make(shapes)
    info = convert(str(exported(learn, tmp_path)), tmp_path / "model")
    assert info.resize == rule
    assert set(info.metrics["parity"]["opened_otherwise"]) == otherwise
    card = model_card(info)
    for kind in otherwise:
        sentence = f"{kind[0].upper()}{kind[1:]} files: "
        assert sentence in card
        assert sentence in caplog.text
    assert ("fails on" in card) == (opener == "as they are")
    classifier = Classifier.load(tmp_path / "model")
    agreeing = [path for kind, paths in files.items() if kind not in otherwise for path in paths]
    for path in agreeing[: 2 if opener == "as they are" else None]:
        with learn.no_bar():
            wanted = learn.predict(path)[2]
        [answer] = classifier.probabilities([load(path)])
        np.testing.assert_allclose(answer, wanted, atol=1e-3, err_msg=path.name)


def test_the_owners_files_are_counted_by_kind(
    shapes: Path, files: dict[str, list[Path]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Their worst difference too, whatever that was on the drawn ones; what the page does not open is left out."""
    data = tmp_path / "data"
    (data / "more").mkdir(parents=True)
    for kind in files.values():
        for path in kind:
            (data / path.name).write_bytes(path.read_bytes())
    (data / "notes.txt").write_text("no picture")
    (data / "floats.tiff").write_bytes(samples_tiff(UNIT.astype(np.float32)))  # that Pillow does not open
    (data / "cut.jpg").write_bytes((data / "rgb.jpg").read_bytes()[:-40])
    (data / "more" / "disc.gif").write_bytes((data / "disc.png").read_bytes())
    learn = tiny(loaders(shapes, Resize(64)))
    source = str(exported(learn, tmp_path))
    drawn = convert(source, tmp_path / "model").metrics["parity"]
    parity = convert(source, tmp_path / "model", data=data).metrics["parity"]
    assert "notes.txt" in caplog.text
    assert parity["pictures"] == drawn["pictures"] + 13
    assert parity["opened_otherwise"]["unusual"] == {
        "pictures": 1,
        "not_opened": 1,
        "other_label": 0,
        "largest_difference": 0.0,
    }
    assert parity["opened_otherwise"]["plain RGB"]["not_opened"] == 1
    found, before = parity["opened_otherwise"]["transparent"], drawn["opened_otherwise"]["transparent"]
    assert found["pictures"] == before["pictures"] + 3
    with learn.no_bar():
        wanted = learn.predict(data / "disc.png")[2].numpy()
    [answer] = Classifier.load(tmp_path / "model").probabilities([load(data / "disc.png")])
    assert found["largest_difference"] >= np.abs(answer - wanted).max() - 1e-6
    assert found["other_label"] >= 3 * (answer.argmax() != wanted.argmax())
    assert json.loads((tmp_path / "model" / "model.json").read_text())["metrics"]["parity"] == parity


def rows(folder: Path) -> list[dict[str, object]]:
    return [{"file": path, "label": path.parent.name} for path in get_image_files(folder)]


def table(folder: Path) -> ImageDataLoaders:
    named = DataFrame([(f"{path.parent.name}/{path.name}", path.parent.name) for path in get_image_files(folder)])
    return ImageDataLoaders.from_df(named, folder, item_tfms=Resize(64), bs=6, num_workers=0)


def lists(folder: Path) -> ImageDataLoaders:
    paths = get_image_files(folder)
    labels = [path.parent.name for path in paths]
    return ImageDataLoaders.from_lists(folder, paths, labels, item_tfms=Resize(64), bs=6, num_workers=0)


WAYS_IN: dict[str, Callable[[Path], object]] = {
    "a table": table,
    "lists": lists,
    "rows": lambda folder: block(rows(folder), get_x=lambda row: row["file"], get_y=lambda row: row["label"]),
    "rows that open the picture themselves": lambda folder: block(
        rows(folder), get_x=lambda row: PILImage.create(row["file"]), get_y=lambda row: row["label"]
    ),
    "names": lambda folder: block(
        [f"{path.parent.name}/{path.name}" for path in get_image_files(folder)],
        get_x=lambda name, folder=str(folder): f"{folder}/{name}",
        get_y=lambda name: name.split("/")[0],
    ),
    "another file beside it": lambda folder: block(folder, get_x=lambda path: path.with_suffix(".png")),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_learners_take_a_file_in_their_own_ways(shapes: Path, tmp_path: Path, way: str) -> None:
    dls = WAYS_IN[way](shapes)
    probes = write_probes(tmp_path)
    Image.open(probes[0]).save(tmp_path / "plain.jpg")
    learner = FilePredictor(tiny(dls), labels_of(dls), [*probes, tmp_path / "plain.jpg"])
    assert measure(learner, probes).resize == "crop-bilinear"
    assert learner.labels == ("_other", "round", "square")


@pytest.mark.parametrize(
    ("cls", "channels", "says"),
    [
        (PILMask, 1, "64 x 64 pixels of no channels"),
        (PILImageRGBA, 4, "64 x 64 pixels of 4 channels"),
        (PILImageHSV, 3, "No resize rule of this project gives the pixels that the learner makes of a file"),
        (PILImage, 1, "cannot answer a picture"),
    ],
)
def test_pictures_opened_in_a_way_of_its_own(shapes: Path, tmp_path: Path, cls: type, channels: int, says: str) -> None:
    assert says in refuses(tiny(block(shapes, x=ImageBlock(cls=cls)), channels=channels), tmp_path)


def test_plain_files_that_the_learner_opens_otherwise(shapes: Path, tmp_path: Path) -> None:
    learn = tiny(block(shapes, x=opened_by(jpegs_inverted)))
    with pytest.raises(ExportError, match=r"plain\.jpg\); the model folder was not written"):
        convert(str(exported(learn, tmp_path)), tmp_path / "model")
    assert not (tmp_path / "model").exists()
