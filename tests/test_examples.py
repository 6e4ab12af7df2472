"""The pictures to try a model with: who chooses them, where they are shown, and what becomes of broken and hostile ones."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT, change_json, colour_graph, colour_info, plain
from PIL import Image

from cartoons import dataset, examples, model_folder
from cartoons.classifier import Classifier
from cartoons.errors import BundleError, DataError
from cartoons.examples import captions, of_model
from cartoons.images import encoded
from cartoons.metadata import may_be_shared
from cartoons.model_card import model_card
from cartoons.model_folder import Example, ModelInfo
from cartoons.page.words import about_examples
from cartoons.training import run
from cartoons.training.config import TrainConfig
from cartoons.training.examples import check_apart, of_owner, store_of_owner, store_of_training

RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"
LABELS = ("red fox", "green frog", "_other")


@pytest.mark.parametrize(
    ("stated", "may"),
    [
        *((text, True) for text in ("CC BY-SA 4.0", "cc-by-nc-nd-3.0", "CC0", "cc0-1.0", "CC BY", "PDM", "Public domain")),
        *((text, True) for text in ("Apache-2.0", "MIT", "MIT License", "No known copyright restrictions")),
        *((text, True) for text in ("https://creativecommons.org/licenses/by/4.0/", "CC Zero")),
        *((text, False) for text in ("", None, "All rights reserved", "not CC BY", "unknown", "CC bypass", "cc", 4)),
        *((text, False) for text in ("mit freundlicher Genehmigung", "Apache helicopter fans", "free for personal use")),
    ],
)
def test_which_licences_let_a_picture_be_shown(stated: object, may: bool) -> None:
    assert may_be_shared({"license": stated}) == may


@cache
def test_a_file_that_is_no_example_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "fox.png").write_bytes(plain_png("red")[:40])
    with pytest.raises(DataError, match="holds no picture that opens"):
        of_owner(tmp_path)
    assert caplog.messages[0].startswith(f"Not an example: {tmp_path / 'fox.png'}: ")


def plain_png(colour: str) -> bytes:
    return encoded(plain(colour, (600, 400)), "PNG")


def owned(root: Path, **files: str) -> Path:
    """A folder of pictures of one colour; "__" in a name is a slash, "_" a space."""
    for name, colour in files.items():
        path = root / f"{name.replace('__', '/').replace('_', ' ')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plain_png(colour))
    return root


@pytest.mark.parametrize(
    ("files", "stored"),
    [
        ({"red_fox__a": RED, "green_frog__b": GREEN}, {"green-frog-1.jpg": "green frog", "red-fox-1.jpg": "red fox"}),
        ({"Red_Fox__a": RED}, {"red-fox-1.jpg": "red fox"}),
        ({"red_fox_1": RED, "Green-Frog": GREEN}, {"green-frog-1.jpg": "green frog", "red-fox-1.jpg": "red fox"}),
        ({"red-fox_-_3": RED}, {"red-fox-1.jpg": "red fox"}),
        ({"holiday": RED, "party": GREEN}, {"example-1.jpg": "", "example-2.jpg": ""}),
        ({f"red_fox__{k}": RED for k in range(20)}, {f"red-fox-{k}.jpg": "red fox" for k in range(1, 13)}),
        ({"green_frog__wrong": RED}, {"green-frog-1.jpg": "green frog"}),  # the owner's word counts
    ],
)
def test_the_owner_chooses(colour_model: Path, tmp_path: Path, files: dict[str, str], stored: dict[str, str]) -> None:
    (colour_model / "README.md").write_text(model_card(model_folder.read(colour_model)[0]))
    info = store_of_owner(colour_model, model_folder.read(colour_model)[0], owned(tmp_path / "mine", **files))
    assert info == model_folder.read(colour_model)[0]
    assert {each.file_name: each.label for each in info.examples} == stored
    assert {path.name for path in (colour_model / "examples").iterdir()} == stored.keys()
    for path, _ in of_model(info, colour_model):
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("JPEG", (512, 341))
            assert not picture.getexif()
    assert (colour_model / "README.md").read_text() == model_card(info, folder=colour_model)
    again = store_of_owner(colour_model, info, colour_model / "examples")  # the folder itself
    assert [each.label for each in again.examples] == [each.label for each in info.examples]


def test_a_file_may_be_called_by_any_label(tmp_path: Path) -> None:
    labels = {"spider-man": "Spider-Man 1", "agent 47": "agent_47", "r2-d2": "R2-D2-3", "_other": "_other 2"}
    for name in (*labels.values(), "agent 47 2", "spiders 1"):
        (tmp_path / f"{name}.png").write_bytes(plain_png("red"))
    found = {each.path.stem: each.label for each in of_owner(tmp_path, labels)}
    assert found == {name: label for label, name in labels.items()} | {"agent 47 2": "agent 47", "spiders 1": ""}


def test_other_peoples_files_among_the_examples_stay(colour_model: Path, tmp_path: Path) -> None:
    mine = owned(tmp_path / "mine", red_fox__a=RED)
    (colour_model / "examples").mkdir()
    for name in ("holiday.jpg", "red-fox-1.jpg"):
        (colour_model / "examples" / name).write_bytes(b"the only copy")
    info = model_folder.read(colour_model)[0]
    for _ in range(2):
        info = store_of_owner(colour_model, info, mine)
        assert [each.file_name for each in info.examples] == ["red-fox-2.jpg"]
    info = store_of_owner(colour_model, info, owned(tmp_path / "frogs", green_frog__a=GREEN))
    left = {path.name for path in (colour_model / "examples").iterdir()}
    assert left == {"holiday.jpg", "red-fox-1.jpg", "green-frog-1.jpg"}
    assert (colour_model / "examples" / "red-fox-1.jpg").read_bytes() == b"the only copy"


def test_a_training_over_an_older_model_knows_its_examples(colour_model: Path, tmp_path: Path) -> None:
    data = owned(tmp_path / "data", **{f"{label}__{k}": RED for label in ("red_fox", "green_frog") for k in range(8)})
    config = TrainConfig(data, colour_model)
    old = store_of_owner(colour_model, model_folder.read(colour_model)[0], owned(tmp_path / "mine", red_fox__a=RED))
    more = {name: getattr(old, name) for name in ("size_px", "mean", "std", "temperature", "unknown_threshold", "recipe")}
    assert run.describe(config, dataset.read(data), **more).examples == old.examples
    assert run.describe(replace(config, out=tmp_path / "new"), dataset.read(data), **more).examples == ()


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("out/examples", "--examples out/examples is out/examples, where the model's own are written: give pictures of an"),
        ("link", "--examples link is out/examples, where"),
        ("out/examples/mine", "--examples out/examples/mine lies in out/examples, where"),
        ("out", "--examples out holds out/examples, where"),
        (".", "--examples . holds out/examples, where"),
    ],
)
def test_the_owners_folder_is_another_than_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out/examples/mine").mkdir(parents=True)
    Path("link").symlink_to("out/examples")
    with pytest.raises(DataError) as refused:
        check_apart(Path(folder), Path("out"))
    assert says in str(refused.value)
    check_apart(Path("out2"), Path("out"))
    check_apart(None, Path("out"))


def test_nothing_that_a_camera_wrote_is_published(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x8825] = "my home", {1: "N"}
    plain(RED).save(tmp_path / "a.jpg", exif=exif, comment=b"my street", icc_profile=b"profile")
    data = examples.small_jpeg(tmp_path / "a.jpg")
    assert not [word for word in (b"my home", b"my street", b"profile", b"Exif") if word in data]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no picture that opens: put some there, or leave --examples out"),
        ({"a.png": b"no picture"}, "holds no picture that opens"),
        ({"owl/a.png": None}, "holds pictures of owl, which the model does not have among its labels (_other, green frog"),
        (None, "is not a folder: give pictures to try the model with"),
    ],
)
def test_a_folder_of_nothing_usable_is_one_sentence(
    tmp_path: Path, files: dict[str, bytes | None] | None, says: str
) -> None:
    root = tmp_path / "mine"
    for name, data in (files or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data or (EXAMPLES / "other-1.png").read_bytes())
    if files is not None:
        root.mkdir(exist_ok=True)
    with pytest.raises(DataError) as refused:
        of_owner(root, LABELS)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_of_the_trainings_pictures_those_that_may_be_shared_and_are_named_rightly(
    colour_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "train")
    root = tmp_path / "data"
    rows = []
    for label, colour in (("red fox", RED), ("green frog", GREEN), ("_other", BLUE)):
        (root / label).mkdir(parents=True)
        for k in range(8):
            name = f"{label}/{k}.png"
            plain(colour if k else RED, (64 + k, 64)).save(root / name)
            row = {"file_name": name, "label": label, "group": f"{label}{k // 2}", "license": "CC BY 4.0" if k < 6 else ""}
            rows.append(row | {"author": "Ann", "page_url": "https://a.example/1"})
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = dataset.read(root)
    surest = sorted(data.items, key=lambda item: item.path.name == "1.png")
    info = store_of_training(colour_model, model_folder.read(colour_model)[0], data, surest)
    found = {path.name: (example.label, Image.open(path).size[0]) for path, example in of_model(info, colour_model)}
    assert found == {  # of a group the first; the frog that is red is left out, one without a licence too
        "red-fox-1.jpg": ("red fox", 64),
        "red-fox-2.jpg": ("red fox", 66),
        "green-frog-1.jpg": ("green frog", 66),
        "green-frog-2.jpg": ("green frog", 68),
        "other-1.jpg": ("_other", 66),
        "other-2.jpg": ("_other", 68),
    }
    assert info.examples[0] == Example("red-fox-1.jpg", "red fox", "CC BY 4.0", "Ann", "https://a.example/1")
    assert "no examples" not in caplog.text
    none = store_of_training(colour_model, info, data, [item for item in data.items if item.path.name > "6"])
    assert none.examples == ()
    assert not list((colour_model / "examples").iterdir())
    assert "as no held-out picture whose licence lets it be shown is named rightly" in caplog.text


def test_a_model_without_examples_says_so_and_what_to_type(
    colour_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "train")
    for label, colour in (("red fox", RED), ("green frog", GREEN)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for k in range(dataset.FEWEST_PER_LABEL):
            plain(colour, (64 + k, 64)).save(tmp_path / "data" / label / f"{k}.png")
    data = dataset.read(tmp_path / "data")
    assert store_of_training(colour_model, model_folder.read(colour_model)[0], data, data.items).examples == ()
    [said] = caplog.messages
    assert "no examples to try it with, as no picture states a licence that lets it be shown" in said
    assert said.endswith(f": python train.py --out {colour_model} --examples DIR")


def folder_with(folder: Path, *shown: dict[str, str]) -> ModelInfo:
    change_json(folder, examples=list(shown))
    (folder / "examples").mkdir(exist_ok=True)
    return model_folder.read(folder)[0]


HOSTILE = {
    "empty-1.jpg": b"",
    "text-1.jpg": b"hello",
    "script-1.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "cut-1.png": (EXAMPLES / "other-1.png").read_bytes()[:3000],
}


def test_broken_and_hostile_files_are_left_out_in_a_sentence_each(
    colour_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [*HOSTILE, "gone-1.jpg", "passwd-1.jpg", "good-1.png"]
    info = folder_with(colour_model, *({"file_name": name, "label": "red fox"} for name in names))
    for name, data in HOSTILE.items():
        (colour_model / "examples" / name).write_bytes(data)
    (colour_model / "examples" / "passwd-1.jpg").symlink_to("/etc/passwd")
    shutil.copy(EXAMPLES / "other-1.png", colour_model / "examples" / "good-1.png")
    shutil.copy(EXAMPLES / "other-1.png", colour_model / "examples" / "not-listed-1.png")
    assert [path.name for path, _ in of_model(info, colour_model)] == ["good-1.png"]
    assert len(caplog.messages) == len(names) - 1
    assert all(message.startswith("An example of the model is left out: ") for message in caplog.messages)


@pytest.mark.parametrize(
    "shown",
    [
        "no list",
        [{"file_name": "../../etc/passwd"}],
        [{"file_name": "a/b.jpg"}],
        [{"file_name": "x.svg"}],
        [{"label": "red fox"}],
        [{"file_name": "a-1.jpg", "label": 3}],
        [{"file_name": "a-1.jpg", "path": "/etc/passwd"}],
        [{"file_name": "a-1.jpg", "author": "\x1b[31m"}],
        [{"file_name": f"a-{k}.jpg"} for k in range(13)],
    ],
)
def test_a_model_json_that_names_what_no_example_can_be_is_refused(colour_model: Path, shown: object) -> None:
    change_json(colour_model, examples=shown)
    with pytest.raises(BundleError, match="examples must"):
        model_folder.read(colour_model)


def test_the_drawings_are_the_embedded_models_alone(colour_model: Path, tmp_path: Path) -> None:
    embedded = model_folder.read(ROOT / "model")[0]
    assert len(of_model(embedded, tmp_path)) == len(list(EXAMPLES.glob("*.png")))
    assert next(captions(of_model(embedded, None))) == "Drawing 1 of bugs bunny"
    same_labels = replace(colour_info(), labels=embedded.labels[:3])
    same_labels = model_folder.write(colour_model, same_labels, colour_graph())
    assert of_model(same_labels, colour_model) == []
    assert Classifier.load(colour_model, trusted=True).folder == colour_model


def test_labels_and_authors_stay_words_on_the_page() -> None:
    evil = '"><script>alert(1)</script>'
    shown = [
        (Path("a-1.jpg"), Example("a-1.jpg", evil, "CC BY 4.0", evil, f"https://a.example/{evil}")),
        (Path("a-2.jpg"), Example("a-2.jpg", evil, "CC BY 4.0", "", "javascript:alert(1)")),
    ]
    page = about_examples(shown)
    assert "<script" not in page
    assert "javascript:" not in page
    assert page.count("<a ") == 1
    assert (
        about_examples([(Path("x.jpg"), Example("x.jpg", "_other"))])
        == "<ul hidden><li>Picture 1 of none of these</li></ul>"
    )
