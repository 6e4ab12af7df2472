"""What train.py refuses, before torch is loaded and before anything is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, draw_shape, make_picture_folder

from cartoons import dataset, model_folder
from cartoons.errors import DataError
from cartoons.splits import SplitConfig
from cartoons.training import run
from cartoons.training.arch import check_arch, check_weights
from cartoons.training.config import CONVERTED, WRITTEN, TrainConfig, check_others
from cartoons.training.lock import sole_training
from cartoons.training.recipes import FAST

HEAVY = {"torch", "fastai", "timm", "torchvision", "sklearn", "cleanlab", "matplotlib", "gradio", "huggingface_hub"}
"""What takes seconds to import."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Picture folders, and a finished model of others."""
    folder = tmp_path_factory.mktemp("here")
    make_picture_folder(folder / "ok")
    make_picture_folder(folder / "one", labels=("round",))
    make_picture_folder(folder / "owls", labels=("owl",))
    (folder / "empty").mkdir()
    (folder / "round").symlink_to("round")
    for name in ("README.md", "work/notes.txt"):
        (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "project" / name).write_text("mine")
    (folder / "text.pth").write_text("not weights at all")
    return folder


EMPTY = [
    ([], "--from-learner", "a .pkl, or user/repo on the Hub"),
    (["ok"], "--push", "USER/NAME"),
    (["ok"], "--deploy", "USER/SPACE"),
    (["ok", "--push", "a/b"], "--dataset", "USER/NAME"),
    (["ok"], "--out", "a folder"),
    (["--push", "a/b"], "--out", "a folder"),
    (["ok"], "--examples", "a folder of pictures"),
    (["ok"], "--weights", "a file"),
    (["ok"], "--arch", "the name of a network"),
]

UNKNOWN_NETWORKS = ("pretrained", ".", "../x", "url", "r3d_18", "resnet18.", "resnet18.none", "raft_small", "resnet18'")

REFUSED = [
    ([], "No picture folder was given"),
    (["missing"], "is not a folder"),
    (["one"], "one label only"),
    (["ok", "--epochs", "0"], "--epochs is 0"),
    (["ok", "--batch-size", "-1"], "--batch-size is -1"),
    (["ok", "--seed", "-1"], "--seed is -1"),
    (["ok", "--seed", str(2**32)], "--seed is 4294967296: give a whole number from 0 to 4294967295."),
    (["--names", "a", "--seed", str(2**64)], "--seed is 18446744073709551616: give a whole number from 0 to"),
    (["ok", "--rounds", "1"], "give at least 2"),
    (["ok", "--valid-pct", "1"], "between 0 and 1"),
    (["ok", "--split", "holdout", "--valid-pct", "2"], "between 0 and 1"),
    (["ok", "--arch", "no_such_net"], "knows a network 'no_such_net'"),
    *((["ok", "--arch", name], f"knows a network {name!r}") for name in UNKNOWN_NETWORKS),
    (["--from-learner", "missing.pkl"], "missing.pkl is neither a file nor a folder"),
    (["--from-learner", "missing/folder/of/it"], "is neither a file nor a folder"),
    (["--from-learner", "text.pth"], "text.pth is no pickle, not an exported fastai learner"),
    (["--from-learner", "empty"], "The folder empty has no .pkl: give one that holds a learner exported by fastai."),
    (["ok", "--weights", "missing.pth"], "is not a file"),
    (["ok", "--weights", "text.pth"], "cannot be read: give a state dict"),
    (["ok", "--out", "/dev/null/x"], "cannot be written"),
    (["ok", "--out", "/proc/x"], "/proc/x cannot be written"),
    (["--names", "a", "--out", "x" * 300], "cannot be written"),
    (["ok", "--rounds", "99999"], "--rounds is 99999, and the pictures can be held out in"),
    (["ok", "--out", "ok/model"], "would pass for a character"),
    (["round"], "round is not a folder"),
    (["ok", "--out", "round"], "round cannot be written"),
    (["ok", "--examples", "round"], "round is not a folder"),
    (["--from-learner", "~nobody-of-this-name/x.pkl"], "is neither a file nor a folder"),
    (["ok", "--out", "project"], "project holds README.md and no model, so that it may be yours, and would be overwritten"),
    (["--names", "a", "--out", "project"], "project holds README.md and no model"),
    (["--from-learner", "text.pth", "--out", "project"], "give another --out, or --force to overwrite it."),
    *(([*before, flag, ""], f"{flag} is empty: give {give}, or leave it out.") for before, flag, give in EMPTY),
    ([""], "FOLDER is empty: give a folder that holds one folder of pictures per character, or leave it out."),
    (["", "--names", "a"], "FOLDER is empty: "),
    (["ok", "--name", " "], "--name is empty: give a name, or leave it out."),
    (["ok", "--name", "\u200b\u202e"], "--name is empty: give a name, or leave it out."),
    (["--names", ""], "The name '' is empty"),
    (["ok", "--split", "source"], "take --split group"),
    (["ok", "--split", "folder"], "holds train/ and valid/"),
    (["ok", "--recipe", "slow"], "invalid choice: 'slow'"),
    (["--names", "a", "--from-learner", "b.pkl"], "--names searches pictures, in one process"),
    (["--names", "Bugs", "bugs"], "is given twice"),
    (["--names", "a", "--epochs", "0"], "--epochs is 0"),
    (["--names", "a", "--out", "/dev/null/x"], "cannot be written"),
    (["--out", "nowhere", "--push", "demo"], "'demo' is no name on the Hub"),
    (["--deploy", "demo"], "'demo' is no name on the Hub"),
    (["ok", "--push", "a/b", "--dataset", "bad"], "'bad' is no name on the Hub: give user/name"),
    (["ok", "--per-class", "9"], "--per-class has no effect without --names"),
    (["ok", "--examples", "missing"], "missing is not a folder: give pictures to try the model with"),
    (["ok", "--examples", "empty"], "--examples empty holds no picture that opens"),
    (["ok", "--examples", "owls"], "--examples owls holds pictures of owl, which the model does not have among its labels"),
    (["--deploy", "a/b", "--examples", "one"], "--examples has no effect without pictures to train on, or a model"),
    (["--examples", "one"], "--examples has no effect without pictures to train on, or a model"),
    (["ok", "--out", "nowhere", "--examples", "nowhere/examples"], "--examples nowhere/examples is nowhere/examples, where"),
    (["--out", "owned", "--examples", "owned/examples"], "--examples owned/examples is owned/examples, where"),
    (["--out", "owned", "--examples", "."], "--examples . holds owned/examples, where"),
    (["--out", "nowhere", "--examples", "one"], "nowhere/model.json cannot be read"),
    (["ok", "--private"], "--private has no effect without --push or --deploy"),
    (["ok", "--dataset", "a/b"], "--dataset has no effect without --push"),
    (["ok", "--deploy", "a/b", "--dataset", "a/b"], "--dataset has no effect without --push"),
    (["ok", "--valid-pct", "0.3", "--split", "group"], "--valid-pct has no effect with --split group"),
    (["ok", "--valid-pct", "0.3", "--split", "source"], "--valid-pct has no effect with --split source"),
    (["ok", "--valid-pct", "0.3", "--split", "folder"], "--valid-pct has no effect with --split folder"),
    (["ok", "--valid-pct", "0.3", "--rounds", "3"], "--valid-pct has no effect with --rounds"),
    (["ok", "--rounds", "3", "--split", "holdout"], "--rounds has no effect with --split holdout"),
    (["ok", "--rounds", "3", "--split", "folder"], "--rounds has no effect with --split folder"),
    (["ok", "--rounds", "3", "--recipe", "finetune"], "--rounds has no effect with --recipe finetune unless"),
    (["--push", "a/b", "--epochs", "3"], "--epochs has no effect without pictures to train on"),
    (["--push", "a/b", "--seed", "0"], "--seed has no effect without pictures to train on"),
    (["--deploy", "a/b", "--recipe", "fast"], "--recipe has no effect without pictures to train on"),
    (["--push", "a/b", "--name", "Toons"], "--name has no effect without pictures to train on"),
    (["--push", "a/b", "--force"], "--force has no effect without pictures to train on"),
    (["--from-learner", "x.pkl", "--epochs", "3"], "--epochs has no effect with --from-learner"),
    (["ok", "--from-learner", "x.pkl", "--split", "group"], "--split has no effect with --from-learner"),
    (["--from-learner", "x.pkl", "--per-class", "3"], "--per-class has no effect without --names"),
]

REFUSE = f"""
import sys, train
for arguments in {[arguments for arguments, _ in REFUSED]!r}:
    code = train.main(arguments)
    print(code, *sorted({HEAVY - {"huggingface_hub"}!r} & sys.modules.keys()), flush=True)
    print("end", file=sys.stderr, flush=True)
"""


def test_what_can_be_refused_is_refused_in_a_sentence_before_torch_is_loaded(here: Path) -> None:
    before = sorted(here.rglob("*"))
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", REFUSE], cwd=here, env=env, capture_output=True, text=True)
    said = [part.strip().splitlines() for part in done.stderr.split("end\n")]
    assert len(said) == len(REFUSED) + 1, done.stderr
    for (arguments, says), loaded, lines in zip(REFUSED, done.stdout.splitlines(), said[:-1], strict=True):
        assert loaded == "2", (arguments, loaded)
        assert lines[-1].startswith("train.py: "), arguments
        assert says in lines[-1], (arguments, lines)
        assert len(lines) == 1 or arguments[0] == "ok" or lines[0].startswith("usage: "), (arguments, lines)
        assert "Traceback" not in "".join(lines)
        assert "--split" not in arguments or "Looking through" not in "".join(lines), arguments
    assert sorted(here.rglob("*")) == before  # no empty folder either


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = f"import sys, train; train.parser().format_help(); print(sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    before = os.times()
    assert subprocess.run([sys.executable, ROOT / "train.py", "--help"], capture_output=True).returncode == 0
    after = os.times()  # seconds of the processor: others may be using it as well
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1


@pytest.mark.parametrize(
    "arch",
    [
        "tf_efficientnet_lite0",
        "resnet34",
        "resnet18.a1_in1k",
        "squeezenet1_0",
        "tf_efficientnet_b1_ns",
        "vit_b_16",
        "densenet121",
        "hiera_tiny_224.mae_in1k_ft_in1k",
        "vit_base_patch16_clip_quickgelu_224.openai",
    ],
)
def test_networks_are_known_by_their_code(arch: str) -> None:
    check_arch(arch)


def test_weights_are_known_by_how_they_begin(tmp_path: Path) -> None:
    good = {"a.pth": b"PK\x03\x04", "b.pth": b"\x80\x02", "c.safetensors": b"\x10" + b"\0" * 7 + b"{}"}
    bad = {"d.pth": b"<!DOCTYPE html>", "e.safetensors": b"PK\x03\x04", "f.pth": b""}
    for name, data in {**good, **bad}.items():
        (tmp_path / name).write_bytes(data)
    for name in good:
        check_weights("x", tmp_path / name)
    for name in bad:
        with pytest.raises(DataError, match="cannot be read"):
            check_weights("x", tmp_path / name)


def test_a_finished_model_of_other_pictures_is_not_overwritten(tmp_path: Path, colour_model: Path) -> None:
    root, elsewhere = make_picture_folder(tmp_path / "shapes"), make_picture_folder(tmp_path / "others", per_label=7)
    config, info = TrainConfig(root, colour_model), model_folder.read(colour_model)[0]

    def state(config: TrainConfig = config) -> str:
        data = dataset.read(config.data)
        if run.finished(config, data):
            return "finished"
        try:
            run.check_overwrite(config, data)
        except DataError as error:
            assert str(error).endswith("other pictures (colours): give another --out, or --force to overwrite it.")
            return "refused"
        return "trained"

    def finish() -> None:
        data = dataset.read(root)
        run.note_finished(config, run.fingerprint(config, data), info, run.work_folder(config, data, "recipe"))

    assert state() == "refused"
    assert state(replace(config, force=True)) == "trained"
    finish()
    assert state() == "finished"
    assert state(replace(config, split=SplitConfig(seed=1))) == "trained"  # the same pictures in another way
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(run.RECIPES, "fast", replace(FAST, epochs=1))
        assert state(replace(config, recipe="fast")) == state() == "trained"  # by a recipe that has changed since
    assert state(replace(config, data=elsewhere)) == "refused"
    draw_shape("round", 999).save(root / "round" / "0.png")
    assert state() == "trained"  # the same folder
    finish()
    assert state() == "finished"
    (root / "metadata.jsonl").write_text('{"file_name": "round/1.png", "source": "elsewhere.example"}\n')
    assert state() == "trained"
    (colour_model / run.DONE_FILE).write_text("0123 4567")  # as older versions wrote it
    assert state() == "refused"
    model = json.loads((colour_model / "model.json").read_text())
    (colour_model / "model.json").write_text(json.dumps(model | {"dataset": {"sha256": dataset.read(root).content_hash}}))
    assert state() == "trained"  # the same pictures, whatever was noted
    (colour_model / "model.onnx").write_bytes(b"cut")
    assert state(replace(config, data=elsewhere)) == "trained"  # nothing whole is there


@pytest.mark.parametrize("name", [*WRITTEN, "report/index.html"])
def test_what_no_run_of_ours_wrote_is_not_overwritten(tmp_path: Path, name: str) -> None:
    root, out = make_picture_folder(tmp_path / "shapes"), tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    (out / "notes.txt").write_text("mine too, and in nobody's way")
    config = TrainConfig(root, out)
    with pytest.raises(DataError) as refused:
        config.check()
    assert f"holds {name.partition('/')[0]} and no model" in str(refused.value)
    replace(config, force=True).check()
    run.work_folder(config, dataset.read(root), "recipe")  # as a run leaves it that was cut short
    config.check()


def test_two_runs_do_not_write_into_one_folder(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with sole_training(out):
        for made_of in (["ok"], ["--from-learner", "text.pth"]):
            asked = [sys.executable, str(ROOT / "train.py"), *made_of, "--out", str(out)]
            done = subprocess.run(asked, cwd=here, capture_output=True, text=True)
            assert done.returncode == 2, done.stderr
            said = f"train.py: {out} is in use by another train.py: wait until that is done, or give another --out."
            assert done.stderr.strip() == said
        monkeypatch.setenv("RANK", "1")
        with sole_training(out):  # another process of the same accelerate launch
            pass
        monkeypatch.delenv("RANK")
        with pytest.raises(DataError, match="in use"), sole_training(out):
            pass
    assert not out.exists()
    left = out / run.WORK / "fold-0.fit"
    with sole_training(out):
        left.write_bytes(b"an hour")
    assert list(out.rglob("*")) == [left.parent, left]


def test_examples_are_not_changed_while_a_model_is_made(here: Path, colour_model: Path) -> None:
    asked = [sys.executable, str(ROOT / "train.py"), "--out", str(colour_model), "--examples", str(here / "one")]
    before = (colour_model / "model.json").read_bytes()
    with sole_training(colour_model):
        done = subprocess.run(asked, cwd=here, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert f"{colour_model} is in use by another train.py: wait" in done.stderr
    assert (colour_model / "model.json").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_while_it_loads_leaves_nothing_and_says_by_which_signal(tmp_path: Path, number: int) -> None:
    loads = (
        "import sys, time, pathlib; from cartoons import console, ctrl_c; from cartoons.training.lock import sole_training\n"
    )
    loads += "def work():\n with sole_training(pathlib.Path('a/b')): print(flush=True); time.sleep(60)\n"
    loads += "ctrl_c.end_at_once(); console.run('x', work)"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", loads], cwd=tmp_path, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
    assert process.returncode == 128 + number
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "value"), [("RANK", "x"), ("WORLD_SIZE", ""), ("LOCAL_RANK", "-1")])
def test_a_process_that_has_no_number_is_refused(here: Path, name: str, value: str) -> None:
    asked = [sys.executable, str(ROOT / "train.py"), "ok"]
    done = subprocess.run(asked, cwd=here, env=os.environ | {name: value}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"train.py: {name} is {value!r}, where accelerate launch gives a number: unset it.\n"


@pytest.mark.parametrize("rank", ["0", "1"])
def test_none_of_several_processes_searches_pictures(here: Path, rank: str) -> None:
    asked = [sys.executable, str(ROOT / "train.py"), "--names", "fox", "owl"]
    env = os.environ | {"RANK": rank, "WORLD_SIZE": "2"}
    done = subprocess.run(asked, cwd=here, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("train.py: --names searches pictures, in one process")


def test_of_several_processes_the_first_alone_changes_examples(here: Path, colour_model: Path) -> None:
    asked = [sys.executable, str(ROOT / "train.py"), "--out", str(colour_model), "--examples", str(here / "one")]
    done = subprocess.run(asked, env=os.environ | {"RANK": "1", "WORLD_SIZE": "2"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not (colour_model / "examples").exists()


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    kept = ["model.onnx", "report/pictures/a.jpg", "examples/.mine.tmp", "work/0123456789abcdef/fold-0.fit"]
    left = [str(Path(each).parent / f".{Path(each).name}.17-4.tmp") for each in kept]
    for name in (*kept, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with sole_training(tmp_path):
        pass
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_a_killed_run_locks_nobody_out(tmp_path: Path) -> None:
    waits = "import sys, time, pathlib; from cartoons.training.lock import sole_training\n"
    waits += "with sole_training(pathlib.Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    asked = [sys.executable, "-c", waits, str(tmp_path / "out")]
    with subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DataError, match="in use"), sole_training(tmp_path / "out"):
            pass
        process.kill()
    written = tmp_path / "out" / "model.onnx"
    written.write_bytes(b"of a conversion, which goes on without --force")
    check_others(tmp_path / "out", CONVERTED, force=False)
    written.unlink()
    with sole_training(tmp_path / "out"):
        pass
    assert not (tmp_path / "out").exists()
    written.parent.mkdir()
    written.write_bytes(b"of somebody")
    with pytest.raises(DataError, match=r"holds model\.onnx and no model"):
        check_others(tmp_path / "out", CONVERTED, force=False)


def test_a_learner_left_by_a_run_that_failed_is_no_hindrance(tmp_path: Path) -> None:
    root, out = make_picture_folder(tmp_path / "shapes"), tmp_path / "out"
    out.mkdir()
    TrainConfig(root, out).check()
    for name in ("model.pkl", "pyproject.toml", "weights.safetensors"):
        (out / name).write_bytes(b"left")
    TrainConfig(root, out).check()


@pytest.mark.parametrize(
    ("flags", "split", "longer"),
    [
        ([], SplitConfig("auto"), "train.py ok"),
        (["--seed", "3"], SplitConfig("auto", seed=3), "train.py ok --seed 3"),
        (["--recipe", "finetune"], SplitConfig("auto"), "train.py ok --recipe finetune"),
        (["--rounds", "3"], SplitConfig("auto", folds=3), ""),
        (["--valid-pct", "0.3"], SplitConfig("holdout", 0.3), ""),
        (["--split", "group"], SplitConfig("group"), ""),
        (["--split", "source", "--rounds", "4"], SplitConfig("source", folds=4), ""),
    ],
)
def test_what_is_held_out(flags: list[str], split: SplitConfig, longer: str) -> None:
    import train

    argv = ["ok", *flags]
    config = train.config_of(train.parser().parse_args(argv), argv)
    assert config.split == split
    assert config.folds_command == (f"python {longer}" if longer else "")


def test_how_to_measure_in_folds_is_said_once_and_with_its_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make_picture_folder(tmp_path / "shapes")
    data, config = dataset.read(root), TrainConfig(root, folds_command="python train.py shapes")
    with caplog.at_level("INFO", "train"):
        run.suggest_folds(config, data, 4, 30.0)
        run.suggest_folds(replace(config, folds_command=""), data, 4, 30.0)
        from_sites = replace(data, items=[replace(item, source="a.example") for item in data.items])
        run.suggest_folds(config, from_sites, 4, 0)
    held_out, longer = "Held out once, at random: 4 of 18 pictures.", "python train.py shapes --split"
    assert caplog.messages == [
        f"{held_out} All of them, in turn, about 2 min longer: {longer} group",
        f"{held_out} Pictures of a source it never saw may do worse; to measure on such: {longer} source",
    ]


def test_a_run_keeps_what_others_left_half_done(tmp_path: Path, colour_model: Path) -> None:
    root = make_picture_folder(tmp_path / "shapes")
    data, info = dataset.read(root), model_folder.read(colour_model)[0]
    config = TrainConfig(root, colour_model)
    mine, other = run.work_folder(config, data, "fast"), run.work_folder(replace(config, arch="resnet18"), data, "fast")
    assert mine != other
    (other / "fold-0.fit").write_bytes(b"an hour")
    (mine / "fold-0.fit").write_bytes(b"a minute")
    assert run.work_folder(config, data, "fast") == mine
    run.note_finished(config, "made of", info, mine)
    assert (other / "fold-0.fit").exists()
    assert not mine.exists()
    (other / "fold-0.fit").unlink()
    run.remove_empty(colour_model)
    assert not (colour_model / run.WORK).exists()
    assert (colour_model / "model.onnx").exists()


START = "compiled = compile(open(sys.argv[0]).read(), 'train.py', 'exec'); print(flush=True); exec(compiled)"


@pytest.mark.slow
def test_an_interrupt_while_it_loads_is_one_line(here: Path, tmp_path: Path) -> None:
    """Also while torch is loaded, which is when the first stage of a training begins."""
    arguments = [str(ROOT / "train.py"), "ok", "--out", str(tmp_path / "out"), "--epochs", "100"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = {arguments}; {START}"
    for after_s in (0.05, 0.15, 0.3, 0.6, 1.2, 2.4, 4.8):
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(after_s)
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1]
        assert process.returncode == 130, (after_s, errors)
        assert "Traceback" not in errors, (after_s, errors)
        assert errors.splitlines()[-1] == "Stopped. The same command goes on from here.", (after_s, errors)


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (
            ["bugs bunny", "donald duck", "mickey mouse", "shinchan", "_other"],
            "Bugs Bunny, Donald Duck, Mickey Mouse and Shinchan",
        ),
        ([f"character {k}" for k in range(16)], "Character 0, Character 1 and 14 more"),
        (["mcdonald's", "日本", "_other"], "Mcdonald's and 日本"),
        (["fox"], "Fox"),
        (["x" * 255, "y" * 255, "z"], f"X{'x' * 28}… and 2 more"),
    ],
)
def test_a_model_is_called_by_its_characters_unless_its_owner_says(labels: list[str], name: str) -> None:
    assert run.name_of(labels) == name
