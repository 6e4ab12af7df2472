import json
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import change_json, colour_graph, colour_info, plain
from PIL import Image

from cartoons import model_folder
from cartoons.classifier import Classifier
from cartoons.errors import BundleError
from cartoons.model_folder import VERSUS_RULE


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = model_folder.write(tmp_path, colour_info(), colour_graph())
    info, onnx = model_folder.read(tmp_path)
    assert info == written
    assert onnx == colour_graph()
    assert len(info.revision) == 12
    assert info.characters == ("red fox", "green frog")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.onnx"]


def test_an_altered_graph_is_refused(colour_model: Path) -> None:
    data = bytearray((colour_model / "model.onnx").read_bytes())
    data[-9] ^= 1
    (colour_model / "model.onnx").write_bytes(data)
    with pytest.raises(BundleError, match="altered or cut short"):
        Classifier.load(colour_model)


def test_a_newer_format_is_refused(colour_model: Path) -> None:
    change_json(colour_model, format_version=model_folder.FORMAT_VERSION + 1)
    with pytest.raises(BundleError, match="update the program"):
        Classifier.load(colour_model)


def test_the_first_format_had_one_threshold(colour_model: Path) -> None:
    path = colour_model / "model.json"
    values = json.loads(path.read_text()) | {"format_version": 1, "unknown_threshold": 0.3}
    for name in ("certain_threshold", "commit", "hyperparameters"):
        del values[name]
    path.write_text(json.dumps(values))
    info = Classifier.load(colour_model).info
    assert (info.unknown_threshold, info.certain_threshold, info.commit) == (0.3, None, "unknown")


def test_a_graph_that_is_none_is_refused(tmp_path: Path) -> None:
    model_folder.write(tmp_path, colour_info(), b"not a graph")
    with pytest.raises(BundleError, match="cannot be loaded"):
        Classifier.load(tmp_path)


def test_a_graph_of_other_labels_is_refused(tmp_path: Path) -> None:
    model_folder.write(tmp_path, colour_info(labels=("red", "green")), colour_graph())
    with pytest.raises(BundleError, match="answers 3 labels"):
        Classifier.load(tmp_path)


def test_the_answer(colour_model: Path) -> None:
    red, blue, green = Classifier.load(colour_model).predict([plain("red"), plain("blue"), plain("lime")])
    assert (red.label, green.label) == ("red fox", "green frog")
    assert red.known
    assert not blue.known
    assert list(red.probabilities) == ["red fox", "green frog"]
    assert red.probabilities["red fox"] > 0.99
    assert sum(blue.probabilities.values()) < 0.01  # the rest is "none of these"
    assert blue.unknown_score == pytest.approx(1 - max(blue.probabilities.values()))


def test_none_of_these_is_weighed_against_the_likeliest_character_alone(colour_model: Path) -> None:
    two = Image.new("RGB", (32, 32), "red")
    two.paste("lime", (0, 0, 16, 32))
    before, lost = Classifier.load(colour_model, trusted=True).predict([two, plain("blue")])
    change_json(colour_model, unknown_rule=VERSUS_RULE)
    after, refused = Classifier.load(colour_model, trusted=True).predict([two, plain("blue")])
    assert after.probabilities == before.probabilities
    assert (before.unknown_score > 0.4, after.unknown_score < 0.1, lost.known, refused.known) == (True, True, False, False)
    first = max(after.probabilities.values())
    other = 1 - sum(after.probabilities.values())
    assert after.unknown_score == pytest.approx(other / (other + first))


def test_any_batch_gives_what_single_pictures_give(colour_model: Path) -> None:
    classifier = Classifier.load(colour_model, trusted=True)
    rng = np.random.default_rng(0)
    pictures = [plain(f"#{rng.integers(0, 1 << 24):06x}", (20 + k, 50)) for k in range(37)]
    together = classifier.probabilities(pictures)
    alone = np.concatenate([classifier.probabilities([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1)
    assert classifier.predict([]) == []


def test_temperature_softens(tmp_path: Path) -> None:
    tops = []
    for temperature in (1.0, 5.0):
        model_folder.write(tmp_path, colour_info(temperature=temperature), colour_graph())
        tops.append(Classifier.load(tmp_path, trusted=True).predict([plain("#ff8800")])[0].probabilities["red fox"])
    assert tops[0] > tops[1] > 1 / 3


def test_threads_share_one_classifier(colour_model: Path) -> None:
    classifier = Classifier.load(colour_model, trusted=True)
    wanted = classifier.predict([plain("red"), plain("lime")])
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(30):
            if classifier.predict([plain("red"), plain("lime")]) != wanted:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_model_without_a_heat_map_still_answers(colour_model: Path) -> None:
    look = Classifier.load(colour_model, trusted=True).look(plain("red"))
    assert look.answer.label == "red fox"
    assert look.heat is None


def test_the_heat_says_where_the_named_colour_is() -> None:
    picture = plain("white")
    picture.paste((255, 0, 0), (0, 0, 32, 64))
    look = Classifier(colour_info(), colour_graph(heat=True)).look(picture)
    assert look.answer.label == "red fox"
    assert look.square.size == (32, 32)
    assert look.heat is not None
    assert look.heat.shape == (4, 4)
    assert look.heat[:, 0].min() > 0.9
    assert look.heat[:, 3].max() < 0.5
