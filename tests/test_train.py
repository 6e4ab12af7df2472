"""Real training, tiny: the default network on drawn pictures, exported, described and served."""

import contextlib
import hashlib
import itertools
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, draw_shape, free_port, make_picture_folder
from huggingface_hub import ModelCard
from terminals import record, screen

from cartoons import dataset
from cartoons.classifier import Classifier
from cartoons.dataset import Item
from cartoons.errors import DataError, ExportError
from cartoons.images import load, square_pad
from cartoons.model_folder import VERSUS_RULE
from cartoons.splits import Fold, SplitConfig
from cartoons.training import config as config_module
from cartoons.training import run
from cartoons.training.config import TrainConfig
from cartoons.training.recipes import FAST

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn shapes, with what each of `_other` shows, and a broken picture among them."""
    folder = make_picture_folder(tmp_path_factory.mktemp("train") / "shapes", per_label=8)
    shown = ({"file_name": f"_other/{k}.png", "character": ("star", "cross")[k % 2]} for k in range(6))
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in shown))
    (folder / "round" / "broken.png").write_bytes(b"not a picture")
    return folder


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The picture folder and the model folder trained on it."""
    from train import train

    logging.getLogger("train").setLevel(logging.INFO)
    out = tmp_path_factory.mktemp("trained") / "model"
    train(tiny(data, out))
    return data, out


def tiny(data: Path, out: Path) -> TrainConfig:
    """A training that takes seconds."""
    return TrainConfig(data, out, "Shapes", "fast", epochs=9, split=SplitConfig(folds=2))


def command(data: Path, out: Path, *flags: str) -> list[str]:
    return [sys.executable, "-W", "ignore", str(ROOT / "train.py"), str(data), "--out", str(out), *flags]


def test_the_model_folder_serves_and_knows_the_shapes(trained: tuple[Path, Path]) -> None:
    classifier = Classifier.load(trained[1])
    assert classifier.info.labels == ("round", "square", "_other")
    answers = classifier.predict([draw_shape(kind, seed) for seed in range(100, 110) for kind in ("round", "square")])
    right = sum(answer.label == ("round", "square")[k % 2] for k, answer in enumerate(answers))
    assert right >= 17


def test_the_description_says_how_it_was_made(trained: tuple[Path, Path]) -> None:
    info = json.loads((trained[1] / "model.json").read_text())
    assert re.fullmatch(r"unknown|[0-9a-f]{40}\+?", info["commit"])
    assert info["hyperparameters"]["label_smoothing"] < 1
    assert 0 <= info["certain_threshold"] <= 1
    assert 0 <= info["unknown_threshold"] <= 1
    assert info["unknown_rule"] == VERSUS_RULE
    assert info["dataset"]["pictures"] == {"round": 8, "square": 8, "_other": 8}  # the broken one is left out
    assert info["metrics"]["parity"]["pictures"] == 24
    assert info["metrics"]["parity"]["largest_difference"] < (
        0.15 if info["metrics"]["precision"]["kept"] == "int8" else 1e-3
    )
    assert info["versions"]["fastai"]
    assert info["metrics"]["protocol"].startswith("in 2 parts")
    assert info["metrics"]["precision"]["kept"] in ("fp32", "fp16 weights", "int8")
    assert set(info["metrics"]["robustness"]) >= {"as they are", "grey", "on black"}
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
    assert info["sha256"] == {name: hashlib.sha256((trained[1] / name).read_bytes()).hexdigest() for name in info["sha256"]}
    assert info["sha256"].keys() == {"model.onnx", "model.pkl", "weights.safetensors"}


def test_the_chain_of_stages_is_the_network() -> None:
    import timm
    import torch
    from torch import nn

    from cartoons.training.network import stages

    for arch, fewest in (("tf_efficientnet_lite0", 10), ("resnet18", 10), ("vit_tiny_patch16_224", 1)):
        body = timm.create_model(arch, pretrained=False, num_classes=0).eval()
        body.forward = body.forward_features  # as fastai's TimmBody calls it
        sample = torch.rand(1, 3, 224, 224)
        chain = stages(body, sample)
        assert len(chain) >= fewest
        with torch.no_grad():
            torch.testing.assert_close(nn.Sequential(*chain)(sample), body(sample), atol=1e-4, rtol=1e-4)


def test_a_network_is_asked_about_larger_squares_where_it_takes_any() -> None:
    from cartoons.training.network import find_network

    sizes = {arch: find_network(arch).scaled(8 / 7).size_px for arch in ("tf_efficientnet_lite0", "resnet18", "vit_b_16")}
    assert sizes == {"tf_efficientnet_lite0": 256, "resnet18": 256, "vit_b_16": 224}
    assert find_network("vit_tiny_patch16_224").scaled(8 / 7) == find_network("vit_tiny_patch16_224")
    assert find_network("tf_efficientnet_lite0").scaled(1) == find_network("tf_efficientnet_lite0")


def test_what_is_trained_on_small_squares_is_asked_about_larger_ones(data: Path, tmp_path: Path) -> None:
    from cartoons.training.cached_features import CachedFeaturesTrainer
    from cartoons.training.network import find_network, predict_logits

    pictures = run.open_pictures(dataset.read(data))
    recipe = replace(FAST, views=1, epochs=1, test_scale=8 / 7)
    trainer = CachedFeaturesTrainer(find_network("tf_efficientnet_lite0"), pictures, recipe, tmp_path)
    list(trainer.cache_features())
    trainer.fit(range(len(pictures.items)), tmp_path / "fit")
    some = [0, 9, len(pictures.items) - 1]
    paths = [pictures.items[i].path for i in some]
    squares = [square_pad(load(path), trainer.network.size_px) for path in paths]
    assert [square.size for square in squares] == [(256, 256)] * 3
    assert trainer.examples([0])[0][0].size == (224, 224)
    answers = trainer.predict(some)
    np.testing.assert_allclose(answers, trainer.predict_pictures(squares))
    np.testing.assert_allclose(answers, predict_logits(trainer.portable(), paths), atol=0.02)


def test_packaged_weights_are_imagenets() -> None:
    import timm
    import torch

    from cartoons.training.network import find_network, load_weights

    body = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    before = body.conv_stem.weight.clone()
    load_weights(body, find_network("tf_efficientnet_lite0"))
    assert not torch.equal(before, body.conv_stem.weight)
    with pytest.raises(DataError, match="does not fit tf_efficientnet_lite0 at"):
        load_weights(timm.create_model("resnet18", pretrained=False), find_network("tf_efficientnet_lite0"))


def test_weights_come_from_a_file_too(tmp_path: Path) -> None:
    import safetensors.torch
    import timm
    import torch

    from cartoons.training.arch import no_state_dict
    from cartoons.training.network import find_network, load_weights

    theirs, mine = (timm.create_model("resnet18", pretrained=False) for _ in range(2))
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "weights.pth")
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "weights.safetensors")
    for name in ("weights.pth", "weights.safetensors"):
        load_weights(mine, find_network("resnet18", tmp_path / name))
        assert torch.equal(mine.layer1[0].conv1.weight, theirs.layer1[0].conv1.weight)
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        load_weights(mine, find_network("resnet18", tmp_path / "broken.pth"))
    for k, other in enumerate((torch.nn.Linear(2, 2), [1, 2], {"a": 1}, {"state_dict": 3}, torch.zeros(2))):
        torch.save(other, tmp_path / f"{k}.pth")
        with pytest.raises(DataError) as refused:
            load_weights(mine, find_network("resnet18", tmp_path / f"{k}.pth"))
        assert str(refused.value) == no_state_dict(tmp_path / f"{k}.pth", "resnet18")  # not torch's advice to unpickle it
    with pytest.raises(DataError, match="is not a file"):
        find_network("resnet18", tmp_path / "missing.pth")
    assert not find_network("squeezenet1_0").is_timm  # one of torchvision's own
    assert find_network("tv_resnext50_32x4d").arch == "resnext50_32x4d.tv_in1k"  # its former name
    for name in ("tf_efficientnet_lite0.a1_in1k", "beit3_giant_patch14_224"):  # another's weights, and none at all
        with pytest.raises(DataError, match=f"knows a network '{name}' with ImageNet weights"):
            find_network(name)
    assert find_network("beit3_giant_patch14_224", tmp_path / "0.pth").size_px == 224


def test_on_a_terminal_it_gives_the_same_model_and_is_never_silent(trained: tuple[Path, Path], tmp_path: Path) -> None:
    flags = ("--recipe", "fast", "--epochs", "9", "--rounds", "2", "--name", "Shapes")
    shown = record(command(trained[0], tmp_path / "again", *flags), CARTOONS_CACHE=str(tmp_path))
    assert shown.returncode == 0, shown.text
    pictures = [load(path) for path in sorted((trained[0] / "round").glob("?.png"))]
    first, second = (Classifier.load(folder).probabilities(pictures) for folder in (trained[1], tmp_path / "again"))
    np.testing.assert_allclose(first, second, atol=1e-3)
    whole, again = (json.loads((out / "model.json").read_text())["metrics"] for out in (trained[1], tmp_path / "again"))
    assert whole["balanced_accuracy"] == again["balanced_accuracy"]
    assert whole["confusion"] == again["confusion"]

    live = shown.live_lines()
    assert shown.longest_silence_s() < max(2, shown.seconds / 20)  # a machine with more to do is slow at all of it
    assert max(map(len, live)) <= 80
    said = "\n".join(live)
    for part in ("computing features: ", "fold 1 of 2 ", "fold 2 of 2 ", "checking the export: ", "report"):
        assert part in said
    assert re.search(r"fold 2 of 2 .* \d+ s left", said)
    assert re.search(r"epoch \d of 9", said)  # which of them, the machine decides: some are over in a blink
    left = screen(shown.text)  # no live line, nor what is left of one
    assert left[0] == f"{trained[0]}: 25 pictures of 3 labels: round 9, square 8, _other 8."
    assert left[-1].startswith(f"{tmp_path / 'again'}: balanced accuracy")
    assert not [line for line in left if re.match(r"[-\\|/] |.* (s|min) left", line)]


def test_the_learner_goes_on_where_this_project_is_not(trained: tuple[Path, Path], tmp_path: Path) -> None:
    program = tmp_path / "load.py"
    program.write_text(
        "import sys, json, warnings; warnings.simplefilter('ignore')\n"
        "from huggingface_hub import from_pretrained_fastai\n"
        "learn = from_pretrained_fastai(sys.argv[1])\n"
        "assert 'cartoons' not in sys.modules\n"
        "assert all(p.requires_grad for p in learn.model.parameters())\n"
        "from PIL import Image\n"
        "with learn.no_bar():\n"
        "    assert learn.predict(Image.open(sys.argv[2]))[0] == learn.predict(sys.argv[2])[0]\n"
        "    print(json.dumps([learn.predict(p)[2].tolist() for p in sys.argv[2:]]))\n"
    )
    pictures = sorted(str(path) for path in trained[0].glob("*/[0-3].png"))
    folder = trained[1]  # huggingface_hub takes a local folder only where its path looks like a repository's name
    asked = [sys.executable, program, folder.name, *pictures]
    done = subprocess.run(asked, cwd=folder.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    classifier = Classifier.load(trained[1])
    mine = classifier.logits([load(path) for path in pictures])
    mine = np.exp(mine) / np.exp(mine).sum(axis=1, keepdims=True)  # the learner knows no temperature
    tolerance = 0.15 if classifier.info.metrics["precision"]["kept"] == "int8" else 1e-3
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), mine, atol=tolerance)


def test_fast_trains_all_behind_the_frozen_part_but_depthwise_filters(trained: tuple[Path, Path]) -> None:
    import safetensors.torch
    import timm
    import torch

    from cartoons.training.export import HALF_FROM
    from cartoons.training.network import find_network, load_weights

    body = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    load_weights(body, find_network("tf_efficientnet_lite0"))
    imagenet = body.state_dict()
    now = safetensors.torch.load_file(trained[1] / "weights.safetensors")
    if json.loads((trained[1] / "model.json").read_text())["metrics"]["precision"]["kept"] == "fp16 weights":
        imagenet = {name: each.half().float() if each.numel() >= HALF_FROM else each for name, each in imagenet.items()}
    same = {name: torch.equal(now[f"0.model.{name}"], tensor) for name, tensor in imagenet.items() if "conv" in name}
    last = {name: kept for name, kept in same.items() if name.startswith("blocks.6.")}
    assert len(last) == 3
    assert {name: kept for name, kept in last.items() if "conv_dw" in name} == {"blocks.6.0.conv_dw.weight": True}
    assert sum(last.values()) == 1
    assert all(kept for name, kept in same.items() if name.startswith(("conv_stem", "blocks.0.", "blocks.1.")))


def test_the_report_is_there(trained: tuple[Path, Path]) -> None:
    report = json.loads((trained[1] / "report" / "report.json").read_text())
    assert report["left_out"][0][0].endswith("broken.png")
    assert len(report["history"]) == 9
    assert (trained[1] / "report" / "index.html").stat().st_size > 1000
    assert not (trained[1] / "work").exists()


def test_killed_at_random_it_finishes_as_if_undisturbed(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Killed at a random moment of three stages; KILLS=10 for ten kills. `trained` is the run that nothing disturbed."""
    data, whole, out, rng = *trained, tmp_path / "killed", random.Random(0)
    as_trained = command(data, out, "--recipe", "fast", "--epochs", "9", "--rounds", "2", "--name", "Shapes")
    stages = itertools.cycle(("work/*/fold-0.fit", "work/*/fold-1.npz", "model.json"))
    for stage in itertools.islice(stages, int(os.environ.get("KILLS", "3"))):
        with subprocess.Popen(as_trained, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not list(out.glob(stage)):
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.5))
            process.kill()
        assert not (out / ".trained").exists()
    done = subprocess.run(as_trained, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: balanced accuracy")
    first, second = (json.loads((folder / "model.json").read_text()) for folder in (whole, out))
    assert first["metrics"]["confusion"] == second["metrics"]["confusion"]
    assert first["dataset"] == second["dataset"]
    pictures = [load(path) for path in sorted(data.glob("round/?.png"))]
    mine, theirs = (Classifier.load(folder).probabilities(pictures) for folder in (whole, out))
    np.testing.assert_allclose(mine, theirs, atol=0.02)


def test_a_finished_epoch_is_not_trained_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cartoons import dataset, progress
    from cartoons.near_duplicates import group_near_duplicates
    from cartoons.training import callbacks
    from cartoons.training.callbacks import EpochMetrics
    from cartoons.training.cross_validation import make_trainer

    monkeypatch.setattr(callbacks, "SAVE_EVERY_S", 0)

    config = TrainConfig(data, tmp_path / "out", recipe="fast", epochs=4, split=SplitConfig(seed=1))
    pictures = group_near_duplicates(dataset.read(data))

    class StopError(Exception):
        pass

    class Stopping(progress.Stage):
        def reach(self, done: float, note: str = "") -> None:
            super().reach(done, note)
            if note.partition(",")[0] not in seen:
                seen.append(note.partition(",")[0])
                if len(seen) > stop_after:
                    raise StopError("stopped")

    seen: list[str] = []
    stop_after = 99

    def fit() -> tuple[list[EpochMetrics], np.ndarray]:
        trainer = make_trainer(config, pictures)
        seen.clear()
        rows: list[EpochMetrics] = []
        with contextlib.suppress(StopError), progress.show([Stopping("training", 1)]):
            rows = trainer.fit(range(len(pictures.items)), tmp_path / "fit")
        return rows, trainer.predict(range(4))

    stop_after = 3
    fit()
    stop_after = 99
    resumed, answers = fit()
    assert seen == ["epoch 4 of 4"]
    for checkpoint in tmp_path.glob("fit.fit"):
        checkpoint.unlink()
    undisturbed, wanted = fit()
    assert seen == [f"epoch {k} of 4" for k in range(1, 5)]
    assert [row["train_loss"] for row in resumed] == pytest.approx([row["train_loss"] for row in undisturbed], rel=1e-3)
    np.testing.assert_allclose(answers, wanted, atol=0.02)


def test_a_recipe_is_found_by_its_name_and_takes_other_numbers() -> None:
    from cartoons.training.cross_validation import RECIPES, choose_recipe

    for name in ("fast", "thorough", "finetune"):
        config = TrainConfig(Path("x"), recipe=name, epochs=2, batch_size=7, split=SplitConfig(seed=5))
        recipe = choose_recipe(config)
        assert (recipe.name, recipe.epochs, recipe.batch_size, recipe.seed) == (name, 2, 7, 5)
        assert choose_recipe(TrainConfig(Path("x"), recipe=name)).batch_size == RECIPES[name].batch_size
    assert {"auto", *RECIPES} == set(config_module.RECIPES)


@pytest.fixture(scope="session")
def finetuned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finetuned") / "model"
    flags = ("--recipe", "finetune", "--epochs", "3", "--batch-size", "8", "--valid-pct", "0.25")
    done = subprocess.run(command(data, out, *flags), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_finetune_trains_the_whole_network(finetuned: Path) -> None:
    info = json.loads((finetuned / "model.json").read_text())
    assert info["recipe"] == "finetune"
    assert "25% of each label's pictures" in info["metrics"]["protocol"]
    assert info["metrics"]["balanced_accuracy"] >= 0.75
    report = json.loads((finetuned / "report" / "report.json").read_text())
    assert 2e-3 <= report["lr_finder"]["suggested"] <= 1e-2
    assert [row["epoch"] for row in report["history"]] == [1, 2, 3, 4, 5, 6]
    assert report["history"][-1]["valid_loss"] > 0


def test_a_temporary_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource
    import tempfile

    from cartoons.training.quantize import quantize_to_int8

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError) as refused:
            quantize_to_int8(bytes(2000), [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(refused.value.filename).startswith(str(tmp_path))


def test_a_learner_for_which_the_disk_has_no_room_gets_a_sentence(tmp_path: Path) -> None:
    import resource

    from fastai.vision.all import Resize
    from learners import loaders, tiny

    from cartoons.training.fastai_export import save_learner

    learn = tiny(loaders(make_picture_folder(tmp_path / "shapes"), Resize(64)))
    (tmp_path / "out").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DataError, match=r"out/model\.pkl cannot be written \(.*\): see that the disk has room"):
            save_learner(learn, tmp_path / "out", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "out").iterdir())


def test_several_processes_without_a_gpu_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from cartoons.training.callbacks import claim_device

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    with pytest.raises(DataError, match="WORLD_SIZE says that 2 processes train together, and there is no GPU for them"):
        claim_device()
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    claim_device()


def test_two_processes_agree_with_one(data: Path, finetuned: Path, tmp_path: Path) -> None:
    # accelerate launch starts several processes for GPUs alone; this is what it does then
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    flags = ("--recipe", "finetune", "--epochs", "3", "--batch-size", "4", "--valid-pct", "0.25")
    done = subprocess.run(
        [*launch, *command(data, tmp_path / "two", *flags)[3:]],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("balanced accuracy") == 1  # the helper is silent
    one, two = (json.loads((out / "model.json").read_text())["metrics"] for out in (finetuned, tmp_path / "two"))
    assert two["protocol"] == one["protocol"]
    assert abs(two["balanced_accuracy"] - one["balanced_accuracy"]) <= 0.25  # of four pictures in all


def test_each_picture_is_seen_once_an_epoch() -> None:
    from cartoons.training.callbacks import Shards

    class Given(Shards):
        """As the processes of one run, which get the same order from the first of them."""

        def _broadcast(self, *_: object) -> list[int]:
            return list(order)

    from fastai.data.core import TfmdDL

    order = np.random.default_rng(0).permutation(24).tolist()
    loader = TfmdDL(list(range(24)), bs=4, shuffle=True)
    shares = [Given(loader, rank=rank, world_size=2).get_idxs() for rank in (0, 1)]
    assert sorted([*shares[0], *shares[1]]) == list(range(24))


def test_int8_is_kept_only_where_it_costs_nothing() -> None:
    from cartoons.training.quantize import Candidate, choose

    fp32 = Candidate("fp32", 18.8, 8.0, 0.960, 0.98)
    fp16 = Candidate("fp16 weights", 9.4, 8.1, 0.960, 0.98)
    assert choose([fp32, fp16, Candidate("int8", 5.0, 4.5, 0.9585, 0.979)]).name == "int8"
    assert choose([fp32, fp16, Candidate("int8", 5.0, 4.5, 0.950, 0.98)]).name == "fp16 weights"
    assert choose([fp32, fp16, Candidate("int8", 5.0, 4.5, 0.960, 0.97)]).name == "fp16 weights"
    assert choose([fp32, fp16, Candidate("int8", 5.0, 12.0, 0.960, 0.98)]).name == "fp16 weights"
    one_of_25 = 1 / (4 * 25)  # a single picture of a character of which 25 were tried says nothing
    assert choose([fp32, fp16, Candidate("int8", 5.0, 4.5, 0.950, 0.98, one_of_25)]).name == "int8"
    assert choose([fp32, fp16, Candidate("int8", 5.0, 4.5, 0.940, 0.98, one_of_25)]).name == "fp16 weights"


def test_precisions_are_compared_on_characters_however_many_others_were_held_out() -> None:
    from cartoons.training.quantize import compared_pictures

    items = [Item(Path(f"{k}.png"), "a" if k < 8 else "_other", "", str(k), "", False) for k in range(4000)]
    compared = compared_pictures(Fold("all", (), tuple(range(4000))), items)
    assert len(set(compared)) == len(compared) == 300
    assert set(range(8)) < set(compared)
    assert compared_pictures(Fold("few", (), (0, 9)), items) == [0, 9]
    many = compared_pictures(Fold("many", (), tuple(range(4000))), [replace(item, label="a") for item in items])
    assert len(set(many)) == 300


def test_the_heat_map_comes_with_the_answer(trained: tuple[Path, Path]) -> None:
    classifier = Classifier.load(trained[1])
    look = classifier.look(draw_shape("round", 3))
    assert look.answer == classifier.predict([draw_shape("round", 3)])[0]
    assert look.square.size == (224, 224)
    assert look.heat is not None
    assert look.heat.shape == (7, 7)
    assert 0 <= look.heat.min() < look.heat.max() <= 1


def test_one_graph_gives_logits_features_and_heat(trained: tuple[Path, Path]) -> None:
    from cartoons.onnx_graph import open_session

    session = open_session((trained[1] / "model.onnx").read_bytes())
    assert [output.name for output in session.get_outputs()] == ["logits", "features", "heat"]
    logits, features, heat = session.run(None, {"pixels": np.zeros((2, 3, 224, 224), np.float32)})
    assert (logits.shape, features.shape, heat.shape) == ((2, 3), (2, 1280), (2, 3, 7, 7))


def test_what_the_others_show_is_learned_and_added_up_in_the_graph(trained: tuple[Path, Path]) -> None:
    import safetensors.torch

    weights = safetensors.torch.load_file(trained[1] / "weights.safetensors")
    [last] = [each for name, each in weights.items() if name.startswith("1.") and name.endswith("weight")]
    assert last.shape == (5, 1280)  # round, square, cross, star, and the two of which nothing is known
    assert json.loads((trained[1] / "model.json").read_text())["hyperparameters"]["outlier_share"] > 0


def test_the_parity_gate_refuses() -> None:
    from cartoons.training.export import compare

    same = np.array([[0.7, 0.3], [0.2, 0.8]])
    paths = [Path("one.png"), Path("two.png")]
    assert compare(same, same, paths).largest_difference == 0
    with pytest.raises(ExportError, match=r"1 of 2 pictures .* 0\.0020 \(two\.png\)"):
        compare(same, same + np.array([[0, 0], [0.002, -0.002]]), paths)
    with pytest.raises(ExportError, match="was not written"):
        compare(np.array([[0.5004, 0.4996]]), np.array([[0.4998, 0.5002]]), paths[:1])


def test_the_gate_of_int8_asks_for_many_disagreements() -> None:
    from cartoons.training.export import compare
    from cartoons.training.quantize import INT8_GATE

    theirs = np.array([[0.9, 0.1]] * 400)
    paths = [Path("a.png")] * 400
    for others, passes in ((0, True), (4, True), (5, False)):  # one in a hundred
        mine = theirs.copy()
        mine[:others] = [0.2, 0.8]
        with contextlib.nullcontext() if passes else pytest.raises(ExportError, match=f"{others} of 400"):
            assert compare(theirs, mine, paths, INT8_GATE).pictures == 400
    mine[0] = np.nan
    with pytest.raises(ExportError):
        compare(theirs, mine, paths, INT8_GATE)


def test_sampling_is_balanced() -> None:
    from cartoons.training.sampling import sampling_weights

    labels = ["a"] * 10 + ["b"] * 30 + ["_other"] * 100
    like = np.linspace(0, 1, 140)
    weights = sampling_weights(labels, like)
    assert [weights[np.array(labels) == name].sum() for name in ("a", "b", "_other")] == pytest.approx([0.25, 0.25, 0.5])
    assert set(weights[:10]) == {0.025}
    assert list(weights[40:]) == sorted(weights[40:])
    assert weights[-1] > 2 * weights[40]
    assert sampling_weights(["a", "b", "b"], np.zeros(3))[1:].sum() == pytest.approx(0.5)


def test_others_like_a_character_are_found_by_what_was_learned_from_other_sources() -> None:
    from cartoons.training.sampling import likeness

    def item(label: str, source: str) -> Item:
        return Item(Path("x.png"), label, source, source, label, False)

    characters = [item("fox", f"site {k}") for k in range(20)]
    others = [item("_other", f"page {k}") for k in range(20)]
    features = np.random.default_rng(0).normal(0, 0.1, (40, 8))
    features[:20, 0] += 1  # what shows a character,
    features[20:, 1] += 1  # and what shows none,
    features[20:23] = features[:3]  # but for three that look like one
    like = likeness(features, [*characters, *others])
    assert like[20:23].min() > like[23:].max()
    assert set(likeness(features[:20], characters)) == {0.0}
    assert set(likeness(features[19:21], [characters[0], others[0]])) == {0.0}  # of too few sources to leave one out


def test_others_are_classed_by_what_they_show() -> None:
    from cartoons.training.outlier_classes import outlier_classes

    def item(label: str, character: str, is_photo: bool = False) -> Item:
        return Item(Path("x.png"), label, "", "", character, is_photo)

    labels = ("a", "b", "_other")
    shown = [item("a", "a"), item("b", "b"), *[item("_other", name) for name in ("owl", "b", "owl", "fox", "b", "elk")]]
    photos = [item("_other", "a tree", is_photo=True), item("_other", "_other", is_photo=True)]
    assert outlier_classes(shown + photos, labels).tolist() == [0, 1, 4, 3, 4, 2, 3, 2, 5, 5]
    unknown = [item("a", "a"), *[item("_other", "_other")] * 3]
    assert outlier_classes(unknown, labels).tolist() == [0, 2, 2, 2]
    assert outlier_classes(shown[:2], labels[:2]).tolist() == [0, 1]


def test_the_classes_of_others_add_up_to_one_label_and_are_learned_apart() -> None:
    import torch
    from torch import nn

    from cartoons.training.outlier_classes import SumOfOthers, model_and_loss, with_outlier_classes

    head = with_outlier_classes(nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), 7)
    assert head(torch.randn(2, 6)).tolist() == [pytest.approx([0, 0, np.log(5)])] * 2
    nn.init.normal_(head[1].weight)
    features, classes = torch.randn(4, 6), torch.tensor([0, 1, 2, 6])
    trained, loss = model_and_loss(nn.Sequential(nn.Identity(), head), share=0.25, label_smoothing=0.0)
    logits = trained(features)
    of_all, of_labels = logits.softmax(1), head(features).softmax(1)
    assert logits.shape == (4, 7)
    torch.testing.assert_close(of_labels, torch.cat([of_all[:, :2], of_all[:, 2:].sum(1, keepdim=True)], 1))
    picked, labels = of_all[range(4), classes], of_labels[range(4), classes.clamp(max=2)]
    torch.testing.assert_close(loss(logits, classes), -(0.75 * labels.log() + 0.25 * picked.log()).mean())
    assert isinstance(head[-1], SumOfOthers)


def test_int8_leaves_the_head_in_float() -> None:
    import onnx
    import torch
    from torch import nn

    from cartoons.training.export import to_onnx
    from cartoons.training.outlier_classes import with_outlier_classes
    from cartoons.training.quantize import quantize_to_int8

    body = nn.Sequential(nn.Conv2d(3, 8, 3, 4), nn.ReLU(), nn.Conv2d(8, 8, 3, 2))
    head = with_outlier_classes(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)), 5)
    pixels = [np.random.default_rng(k).normal(size=(1, 3, 64, 64)).astype(np.float32) for k in range(4)]
    graph = onnx.load_from_string(quantize_to_int8(to_onnx(nn.Sequential(body, head), 64, half=False), pixels)).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    assert "QuantizeLinear" in made_by.values()
    assert {each.name: made_by[each.name] for each in graph.output if made_by[each.name] == "DequantizeLinear"} == {}
    sums = [node for node in graph.node if node.op_type in ("Gemm", "ReduceLogSumExp", "Slice", "Concat")]
    assert {made_by.get(name) for node in sums for name in node.input} & {"DequantizeLinear"} == set()

    class Doubled(nn.Module):
        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            return torch.cat([maps, maps], 1)

    body = nn.Sequential(nn.Conv2d(3, 4, 3, 4), nn.ReLU(), Doubled(), nn.Conv2d(8, 8, 3, 2))  # of a body, it is in int8
    graph = onnx.load_from_string(quantize_to_int8(to_onnx(nn.Sequential(body, head), 64, half=False), pixels)).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    joined = [[made_by.get(name) for name in node.input] for node in graph.node if node.op_type == "Concat"]
    assert ["DequantizeLinear"] * 2 in joined


def test_regmixup_adds_mixed_pictures_to_what_is_trained_on_alone() -> None:
    import torch
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from torch import nn

    from cartoons.training.callbacks import RegMixup

    seen: dict[bool, set[int]] = {True: set(), False: set()}
    losses = []

    class Watch(Callback):  # type: ignore[misc]
        def after_pred(self) -> None:
            seen[self.training].add(len(self.pred))

        def after_loss(self) -> None:
            if self.training:
                plain = nn.functional.cross_entropy
                (clean, mixed), share, order = self.pred.split(len(self.y)), mixing.share, mixing.partners
                half, pictures = self.y[: len(mixed)], self.x[: len(self.y)]
                assert torch.equal(self.x[len(self.y) :], torch.lerp(pictures[order], pictures[: len(mixed)], share))
                expected = plain(clean, self.y) + share * plain(mixed, half) + (1 - share) * plain(mixed, self.y[order])
                losses.append(float((self.loss_grad - expected).detach()))

    mixing = RegMixup(10.0)
    data = [(torch.randn(3), torch.tensor(k % 2)) for k in range(7)]
    dls = DataLoaders(DataLoader(data, bs=4), DataLoader(data, bs=4))
    learner = Learner(dls, nn.Linear(3, 2), loss_func=nn.CrossEntropyLoss(), cbs=[mixing, Watch()])
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)
    assert seen == {True: {6, 5}, False: {4, 3}}
    assert losses == pytest.approx([0, 0], abs=1e-6)
    assert isinstance(learner.loss_func, nn.CrossEntropyLoss)


def test_a_label_of_copies_alone_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be refused before torch is loaded is in test_train_config.py."""
    from train import main

    make_picture_folder(tmp_path / "copies")
    for k in range(1, 6):
        shutil.copy(tmp_path / "copies" / "round" / "0.png", tmp_path / "copies" / "round" / f"{k}.png")
    monkeypatch.chdir(tmp_path)
    assert main(["copies"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("train.py: ")
    assert "round cannot be measured" in error
    assert not list(tmp_path.glob("runs/model/work/*/*.fit*"))  # before any epoch


def test_the_first_lines_say_what_the_folder_was_taken_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from cartoons.training.run import load, open_pictures

    root = make_picture_folder(tmp_path / "d")
    (root / "round" / "notes.txt").write_text("a note")
    (root / "torn").mkdir()
    torn = (root / "round" / "0.png").read_bytes()[:90]
    for k in range(25):
        (root / "torn" / f"{k}.png").write_bytes(torn)
    with caplog.at_level(logging.INFO, "train"):
        opened = open_pictures(load(TrainConfig(root)))
    assert (len(opened.items), len(opened.unreadable)) == (18, 25)
    assert opened.passed_over == {"damaged": 25, "not a picture but text": 1}
    said = caplog.messages
    assert said[:3] == [
        f"{root}: 43 pictures of 4 labels: round 6, square 6, torn 25, _other 6.",
        "Split found: none. Passed over: not a picture but text (1).",
        "Looking through 43 pictures.",
    ]
    assert sum(line.startswith("Left out /") for line in said) == 20
    assert said[-3:] == [
        "So it is with 5 more: the report names them all.",
        "Left out, in all: damaged (25).",
        "None of the 25 pictures of torn can be opened, so it is no label of this model.",
    ]


def test_the_command_line_shows_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, ROOT / "train.py", "missing"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("train.py: missing is not a folder")
    assert "Traceback" not in done.stderr
