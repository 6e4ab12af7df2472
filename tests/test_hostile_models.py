"""Model folders as anybody might make them: each is one BundleError of one sentence, quickly, or a model that answers."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, change_json, colour_graph, colour_info, plain
from hostile_graphs import GRAPHS, NO_ANSWER
from hub_server import Hub

from cartoons import model_folder
from cartoons.classifier import Classifier
from cartoons.errors import BundleError
from cartoons.model_folder import VERSUS_RULE
from cartoons.onnx_graph import try_in_subprocess

NUMBERS = {"nothing": None, "true": True, "text": "1", "list": [1], "object": {}}


def refusal(folder: Path, words: str, load: Callable[[Path], object] = Classifier.load) -> str:
    """What `Classifier.load` says: a line, and nothing of onnxruntime's or this machine's files."""
    with pytest.raises(BundleError, match=words) as caught:
        load(folder)
    message = str(caught.value)
    assert len(message) < 600
    assert message.isprintable()
    assert not re.search(r"\.cc|::|onnxruntime_src|Traceback|site-packages", message)
    assert "/" not in message.replace(str(folder), "")[1:]
    return message


def wrong_values() -> dict[str, dict[str, Any]]:
    """Changes of model.json, each of which makes it no description of a model."""
    texts = {"nothing": None, "number": 5, "empty": "", "spaces": "  ", "list": ["a"], "bell": "a\x07b", "lines": "a\nb"}
    texts |= {"half": "\ud800", "long": "a" * 1_000_000}
    wrong = {
        "labels": NUMBERS
        | {"none": [], "alike": ["a", "a"], "only _other": ["_other"], "many": [str(k) for k in range(10**6)]},
        "size_px": NUMBERS | {"zero": 0, "huge": 10**9, "half": 32.5, "negative": -32, "long": 10**300},
        "mean": NUMBERS
        | {"two": [0, 0], "four": [0] * 4, "true": [True, 0, 0], "huge": [1e38, 0, 0], "long": [10**300, 0, 0]},
        "std": NUMBERS | {"zero": [0, 1, 1], "tiny": [1e-300, 1, 1], "negative": [-1, 1, 1]},
        "temperature": NUMBERS | {"zero": 0, "tiny": 1e-308, "huge": 1e308, "negative": -1},
        "unknown_threshold": NUMBERS | {"low": -0.1, "high": 1.1},
        **dict.fromkeys(("name", "created", "arch", "recipe", "resize", "unknown_rule"), texts),
        "dataset": {"nothing": None, "list": [], "text": "a"},
        "metrics": {"nothing": None, "list": [], "number": 5},
        "versions": {"nothing": None, "list": [], "numbers": {"onnx": 1}},
        "sha256": {
            "nothing": None,
            "list": ["0" * 64],
            "none": {},
            "a list": {"model.onnx": ["0" * 64]},
            "short": {"model.onnx": "0"},
            "no digits": {"model.onnx": "<b>" + "0" * 61},
        },
        "format_version": {"nothing": None, "true": True, "text": "1", "half": 1.5, "zero": 0, "negative": -1},
        "surprise": {"unknown": 1},
    }
    changes = {f"{field}: {kind}": {field: value} for field, kinds in wrong.items() for kind, value in kinds.items()}
    return changes | {f"a label: {kind}": {"labels": ["a", value]} for kind, value in texts.items()}


@pytest.mark.parametrize("change", wrong_values().values(), ids=list(wrong_values()))
def test_a_wrong_value_is_refused(colour_model: Path, change: dict[str, Any]) -> None:
    change_json(colour_model, **change)
    assert next(iter(change)) in refusal(colour_model, "is not a valid model description")


def test_a_rule_about_other_pictures_needs_that_label(colour_model: Path) -> None:
    change_json(colour_model, unknown_rule=VERSUS_RULE, labels=["red", "green", "blue"])
    assert "unknown_rule is about _other" in refusal(colour_model, "is not a valid model description")


@pytest.mark.parametrize("name", ["labels", "size_px", "mean", "std", "temperature", "name", "sha256", "format_version"])
def test_a_missing_value_is_named(colour_model: Path, name: str) -> None:
    values = json.loads((colour_model / "model.json").read_text())
    del values[name]
    (colour_model / "model.json").write_text(json.dumps(values))
    refusal(colour_model, f"it has no {name}")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda text: text[:-3], "delimiter"),
        (lambda text: text[:0], "Expecting value"),
        (lambda text: "[" * len(text) * 400, "nested too deeply"),
        (lambda text: text.replace('"metrics": {', '"metrics": {"a":' + "[" * 200_000 + "]" * 200_000), "nested too deeply"),
        (lambda text: text.replace('"metrics": {', '"metrics": {"a":' + "[" * 100 + "]" * 100), "nested too deeply"),
        (lambda text: f"[{text}]", "must be an object"),
        (lambda text: text[:0] + "5", "must be an object"),
        (lambda text: text.replace("0.5", "1" + "0" * 400), "no finite number"),
        (lambda text: text.replace("0.5", "NaN"), "NaN, which is no finite number"),
        (lambda text: text.replace("0.5", "-Infinity"), "no finite number"),
        (lambda text: text.replace("0.5", "1e999"), "no finite number"),
        (lambda text: text.replace("0.5", "1" * 5000), "no finite number"),
        (lambda text: text.replace('"metrics": {', '"metrics": {"auroc": NaN'), "no finite number"),
        (lambda text: text.replace('"size_px"', '"mean": [0, 0, 0], "size_px"'), "'mean' more than once"),
        (lambda text: "\ufeff" + text, "byte order mark"),
        (lambda text: text.encode("utf-16"), "not UTF-8"),
        (lambda text: text.replace("colours", "\xe9").encode("latin-1"), "not UTF-8"),
        (lambda text: text + "\0", "Extra data"),
    ],
)  # fmt: skip
def test_json_that_is_none_is_refused(colour_model: Path, make: Any, words: str) -> None:
    path = colour_model / "model.json"
    made = make(path.read_text())
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    refusal(colour_model, words)


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device", "huge", "link to nothing", "link to itself"])
def test_what_is_no_file_is_refused_at_once(colour_model: Path, name: str, kind: str) -> None:
    path, started = colour_model / name, time.monotonic()
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "huge":
            with path.open("wb") as file:
                file.truncate(10 * 2**30)
        case "link to nothing":
            path.symlink_to("nothing")
        case "link to itself":
            path.symlink_to(name)
    refusal(colour_model, name)
    assert time.monotonic() - started < 5


def test_links_to_files_are_followed(colour_model: Path) -> None:
    """The Hub's cache is made of them."""
    for name in model_folder.FILES:
        (colour_model / name).rename(colour_model / f"blob-{name}")
        (colour_model / name).symlink_to(f"blob-{name}")
    assert model_folder.read(colour_model)[0].name == "colours"


def test_nothing_is_written_that_would_be_refused(tmp_path: Path) -> None:
    for change in ({"temperature": float("nan")}, {"labels": ("a", "a")}, {"metrics": {"auroc": float("inf")}}):
        with pytest.raises(BundleError):
            model_folder.write(tmp_path / "model", colour_info(**change), colour_graph())
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("given", "written"), [("a\nb\ud800", "a b?"), ("a" * 2000, "a" * 1000), ("", "?")])
def test_a_name_that_is_no_line_of_text_is_written_as_one(tmp_path: Path, given: str, written: str) -> None:
    assert model_folder.write(tmp_path, colour_info(name=given), colour_graph()).name == written
    assert model_folder.read(tmp_path)[0].name == written


@pytest.mark.slow
@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_that_is_none_of_ours_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, words = GRAPHS[kind]
    folder = tmp_path / "model"
    model_folder.write(folder, colour_info(), make())
    for place in (tmp_path, folder):
        (place / "secret.bin").write_bytes(bytes(36))
    monkeypatch.chdir(folder)
    if NO_ANSWER in words:
        refusal(folder, words, lambda folder: try_in_subprocess((folder / "model.onnx").read_bytes(), 3, 32, time_limit_s=3))
    else:
        refusal(folder, words)


@pytest.mark.slow
def test_the_page_answers_with_its_own_model_instead(tmp_path: Path) -> None:
    names = ["an endless loop", "100 GB", "weights in any file", "NaN"]
    ask = (
        "import sys, app\n"
        "for repo in sys.argv[1:]:\n"
        "    classifier, notice = app.choose_model(repo, None)\n"
        "    print(classifier.info.name, notice, sep='|')\n"
    )
    with Hub() as hub:
        for k, name in enumerate(names):
            folder = tmp_path / f"of-{k}"
            model_folder.write(folder, colour_info(), GRAPHS[name][0]())
            hub.add("model", f"toon/of-{k}").commit({path.name: path.read_bytes() for path in folder.iterdir()})
        command = [sys.executable, "-c", ask, *(f"toon/of-{k}" for k in range(len(names)))]
        env = os.environ | hub.env(tmp_path / "cache")
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True)
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        answering, notice = line.split("|")
        assert answering == model_folder.read(ROOT / "model")[0].name
        assert re.search(GRAPHS[name][1], notice)
        assert "/" not in notice.replace("toon/of-", "")


def test_a_graph_that_cannot_be_tried_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(BundleError, match="cannot be tried in a process of its own"):
        try_in_subprocess(colour_graph(), 3, 32)


@pytest.mark.slow
def test_a_trusted_model_starts_no_process(monkeypatch: pytest.MonkeyPatch, colour_model: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert Classifier.load(ROOT / "model", trusted=True).info.name
    assert Classifier.load(colour_model, trusted=True).predict([plain("red")])[0].label == "red fox"
