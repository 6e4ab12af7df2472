"""Real training, tiny: the default network on drawn pictures, exported, described and served."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, draw_shape, make_picture_folder
from huggingface_hub import ModelCard

from cartoons.errors import DataError, ExportError
from cartoons.images import load
from cartoons.predict import Classifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A picture folder, with a broken picture in it, and the model folder trained on it."""
    from cartoons.learn import Recipe
    from train import train

    root = tmp_path_factory.mktemp("train")
    data = make_picture_folder(root / "shapes", per_label=8)
    (data / "round" / "broken.png").write_bytes(b"not a picture")
    logging.getLogger("train").setLevel(logging.INFO)
    train(data, root / "model", recipe=tiny(Recipe), name="Shapes")
    return data, root / "model"


def tiny(recipe: type) -> object:
    return recipe(epochs=1, fewest_samples=200, views=2)


def test_the_model_folder_serves_and_knows_the_shapes(trained: tuple[Path, Path]) -> None:
    classifier = Classifier.load(trained[1])
    assert classifier.info.labels == ("round", "square", "_other")
    answers = classifier.predict([draw_shape(kind, seed) for seed in range(100, 110) for kind in ("round", "square")])
    right = sum(answer.label == ("round", "square")[k % 2] for k, answer in enumerate(answers))
    assert right >= 17


def test_the_description_says_how_it_was_made(trained: tuple[Path, Path]) -> None:
    info = json.loads((trained[1] / "model.json").read_text())
    assert info["dataset"]["pictures"] == {"round": 8, "square": 8, "_other": 8}  # the broken one is left out
    assert info["metrics"]["parity"]["pictures"] == 24
    assert info["metrics"]["parity"]["largest_difference"] < 1e-3
    assert info["versions"]["fastai"]
    assert info["metrics"]["protocol"].startswith("in 5 folds")
    low, high = info["metrics"]["balanced_accuracy_95"]
    assert 0 <= low <= info["metrics"]["balanced_accuracy"] <= high <= 1


def test_the_card_is_valid(trained: tuple[Path, Path]) -> None:
    card = ModelCard.load(trained[1] / "README.md")
    info = json.loads((trained[1] / "model.json").read_text())
    [result] = [r for r in card.data.eval_results if r.metric_type == "balanced_accuracy"]
    assert result.metric_value == pytest.approx(info["metrics"]["balanced_accuracy"], abs=1e-4)
    assert card.data.pipeline_tag == "image-classification"
    assert "cartoon-classifier" in card.data.tags
    assert info["sha256"]["model.onnx"][:12] in card.text


def test_the_chain_of_stages_is_the_network() -> None:
    import timm
    import torch
    from torch import nn

    from cartoons.network import stages

    for arch, fewest in (("tf_efficientnet_lite0", 10), ("resnet18", 10), ("vit_tiny_patch16_224", 1)):
        body = timm.create_model(arch, pretrained=False, num_classes=0).eval()
        body.forward = body.forward_features  # as fastai's TimmBody calls it
        sample = torch.rand(1, 3, 224, 224)
        chain = stages(body, sample)
        assert len(chain) >= fewest
        with torch.no_grad():
            torch.testing.assert_close(nn.Sequential(*chain)(sample), body(sample), atol=1e-4, rtol=1e-4)


def test_packaged_weights_are_imagenets() -> None:
    import timm
    import torch

    from cartoons.network import load_packaged_weights

    body = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=1000)
    before = body.conv_stem.weight.clone()
    load_packaged_weights(body, "tf_efficientnet_lite0")
    assert not torch.equal(before, body.conv_stem.weight)
    with pytest.raises(DataError, match="does not fit"):
        load_packaged_weights(timm.create_model("resnet18", pretrained=False), "tf_efficientnet_lite0")


def test_the_same_seed_gives_the_same_model(trained: tuple[Path, Path], tmp_path: Path) -> None:
    from cartoons.learn import Recipe
    from train import train

    train(trained[0], tmp_path, recipe=tiny(Recipe), name="Shapes")
    pictures = [load(path) for path in sorted((trained[0] / "round").glob("?.png"))]
    first, second = (Classifier.load(folder).probabilities(pictures) for folder in (trained[1], tmp_path))
    np.testing.assert_allclose(first, second, atol=1e-3)


KILLED = """
import logging, sys
from pathlib import Path
from cartoons.learn import Recipe
from train import train
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
train(Path(sys.argv[1]), Path(sys.argv[2]), recipe=Recipe(epochs=1, fewest_samples=200, views=2), name="Shapes")
"""


def test_a_killed_measurement_goes_on_where_it_was(trained: tuple[Path, Path], tmp_path: Path) -> None:
    from cartoons.learn import Recipe
    from train import train

    command = [sys.executable, "-u", "-W", "ignore", "-c", KILLED, str(trained[0]), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(line.startswith("Measured 2 of") for line in process.stdout)
        process.kill()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.npy")}
    assert len(done) >= 2
    assert not (tmp_path / "model.json").exists()
    train(trained[0], tmp_path, recipe=tiny(Recipe), name="Shapes")
    assert {path: path.stat().st_mtime_ns for path in done} == done
    whole, resumed = (json.loads((folder / "model.json").read_text()) for folder in (trained[1], tmp_path))
    assert resumed["metrics"]["balanced_accuracy"] == pytest.approx(whole["metrics"]["balanced_accuracy"])
    assert resumed["dataset"] == whole["dataset"]


def test_the_parity_gate_refuses() -> None:
    from cartoons.export import compare

    same = np.array([[0.7, 0.3], [0.2, 0.8]])
    paths = [Path("one.png"), Path("two.png")]
    assert compare(same, same, paths).largest_difference == 0
    with pytest.raises(ExportError, match=r"1 of 2 pictures .* 0\.0020 \(two\.png\)"):
        compare(same, same + np.array([[0, 0], [0.002, -0.002]]), paths)
    with pytest.raises(ExportError, match="was not written"):
        compare(np.array([[0.5004, 0.4996]]), np.array([[0.4998, 0.5002]]), paths[:1])


def test_sampling_is_balanced() -> None:
    from cartoons.learn import sampling_weights

    labels = ["a"] * 10 + ["b"] * 30 + ["_other"] * 100
    weights = np.array(sampling_weights(labels))
    assert [weights[np.array(labels) == name].sum() for name in ("a", "b", "_other")] == pytest.approx([0.25, 0.25, 0.5])
    assert sum(sampling_weights(["a", "b", "b"])[1:]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "is not a folder"),
        (["one"], "one label only"),
        (["ok", "--arch", "no_such_net"], "knows no network 'no_such_net'"),
        (["ok", "--out", "/dev/null/x"], "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    make_picture_folder(tmp_path / "ok")
    make_picture_folder(tmp_path / "one", labels=("round",))
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("train.py: ")
    assert "Traceback" not in done.stderr
