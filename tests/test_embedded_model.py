"""The model in model/: made by today's code, small enough, and asked about drawings that nobody trained on."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT

from bench.embed import DRAWINGS_TO_TRY, answer_drawings, embed
from cartoons.classifier import Classifier
from cartoons.errors import BundleError
from cartoons.images import load
from cartoons.model_card import model_card
from cartoons.model_folder import EMBEDDED_MODEL, FORMAT_VERSION, JSON_FILE, ONNX_FILE, VERSUS_RULE, ModelInfo

FEWEST_RIGHT = 31
LEAST_SURE = 0.6
"""Of an example on the page that shows a character."""
MOST_BYTES = 8e6


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(EMBEDDED_MODEL, trusted=True)


@pytest.fixture(scope="module")
def info(classifier: Classifier) -> ModelInfo:
    return classifier.info


def name_of(drawing: Path) -> str:
    """examples/bugs-bunny-1.png shows "bugs bunny"."""
    return drawing.stem.rpartition("-")[0].replace("-", " ")


def test_every_example_is_named_and_surely(classifier: Classifier) -> None:
    drawings = sorted(EXAMPLES.glob("*.png"))
    answers = classifier.predict([load(path) for path in drawings])
    wrong = {
        path.stem: (answer.label, answer.known, round(answer.unknown_score, 3))
        for path, answer in zip(drawings, answers, strict=True)
        if (answer.label if answer.known else "other") != name_of(path)
        or (answer.known and answer.probabilities[answer.label] < LEAST_SURE)
    }
    assert not wrong
    assert {name_of(path) for path in drawings} == {*classifier.info.characters, "other"}


def test_drawings_in_other_styles_are_answered_as_its_card_says(classifier: Classifier) -> None:
    assert len(list(DRAWINGS_TO_TRY.glob("*/*.png"))) == 40
    assert len(list((DRAWINGS_TO_TRY / "_other").glob("*.png"))) == 14
    found = answer_drawings(classifier)
    assert found["right"] >= FEWEST_RIGHT, found["wrong"]
    assert found == classifier.info.metrics["drawings"]


def test_only_a_model_of_today_and_of_the_drawn_characters_is_embedded(tmp_path: Path, colour_model: Path) -> None:
    with pytest.raises(BundleError, match="the drawings show _other, bugs bunny"):
        embed(colour_model, tmp_path / "model")
    shutil.copytree(EMBEDDED_MODEL, tmp_path / "old")
    described = json.loads((tmp_path / "old" / JSON_FILE).read_text())
    (tmp_path / "old" / JSON_FILE).write_text(json.dumps(described | {"format_version": 3}))
    with pytest.raises(BundleError, match="of format 3, not 4"):
        embed(tmp_path / "old", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_on_sources_it_never_saw_it_knows_them_and_knows_what_it_does_not_know(info: ModelInfo) -> None:
    figures, unknown = info.metrics, info.metrics["unknown"]
    assert figures["balanced_accuracy"] >= 0.96
    assert figures["calibration"]["ece_after"] <= 0.03
    assert unknown["characters"]["named"] >= 0.95
    assert unknown["photographs"]["auroc"] >= 0.99
    assert unknown["unseen_cartoons"]["auroc"] >= 0.96
    assert unknown["unseen_cartoons"]["refused"] >= 0.84


def test_it_was_made_by_todays_format_at_a_commit(info: ModelInfo) -> None:
    assert info.format_version == FORMAT_VERSION
    assert info.certain_threshold is not None
    assert info.unknown_rule == VERSUS_RULE
    assert len(info.commit) == 40, "made from files that no commit holds"
    assert (EMBEDDED_MODEL / ONNX_FILE).stat().st_size < MOST_BYTES
    assert (EMBEDDED_MODEL / "README.md").read_text() == model_card(info, folder=Path(EMBEDDED_MODEL.name))


@pytest.mark.slow
def test_its_card_names_no_file_that_is_not_there_and_its_program_runs() -> None:
    card = (EMBEDDED_MODEL / "README.md").read_text()
    assert not re.findall(r"`[\w-]+\.(?:pkl|toml|safetensors)`", card)
    assert "from_pretrained_fastai" not in card
    assert "In a clone of Cartoon Classifier" in card
    [served] = re.findall(r"^\$ python app\.py --model (.+)$", card, re.MULTILINE)
    assert (ROOT / served).samefile(EMBEDDED_MODEL)
    [program] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    program = program.replace("picture.png", str(EXAMPLES / "shinchan-1.png"))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("shinchan True {"), done.stderr


def test_it_shows_where_it_looked(classifier: Classifier) -> None:
    assert classifier.look(load(EXAMPLES / "mickey-mouse-2.png")).heat is not None


@pytest.mark.slow
def test_it_was_made_by_todays_recipe(info: ModelInfo) -> None:
    from cartoons.training.recipes import THOROUGH

    assert info.recipe == THOROUGH.name
    assert dict(info.hyperparameters) == asdict(THOROUGH)
