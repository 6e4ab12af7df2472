"""A learner's file, wherever it is and whoever saved it: opened, or the real reason why not; from there to the page."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from conftest import Page as PageProcess
from fastai.vision.all import Resize, aug_transforms, resnet18, vision_learner
from gradio_client import Client, handle_file
from hub_server import SHA, Hub
from huggingface_hub import ModelCard
from learners import block, exported, loaders, tiny

from cartoons.convert.learner import convert
from cartoons.convert.unpickle import load_learner_file
from cartoons.errors import ConvertError, DataError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
OLD = '[build-system]\nrequires = ["setuptools>=40.8.0", "python=3.10.4", "fastai=2.7.13", "fastcore=1.5.29"]\n'


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


def renamed(source: Path, target: Path, module: str, name: str) -> Path:
    """A learner's file, its paths pickled as another Python or another operating system does it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry).replace(b"cpathlib\nPosixPath\n", f"c{module}\n{name}\n".encode()))
    return target


@pytest.mark.parametrize(
    ("module", "name"), [("pathlib", "WindowsPath"), ("pathlib._local", "WindowsPath"), ("pathlib._local", "PosixPath")]
)
def test_a_learner_of_another_operating_system(shapes: Path, tmp_path: Path, module: str, name: str) -> None:
    learn = tiny(block(shapes, get_x=lambda path: path))  # the loader then knows of which class its items are
    path = renamed(exported(learn, tmp_path), tmp_path / "theirs.pkl", module, name)
    assert name.encode() in path.read_bytes()
    there = load_learner_file(path)
    assert isinstance(there.path, Path)
    assert issubclass(Path(shapes).__class__, there.dls.valid_ds.tls[0].types[0])
    if module == "pathlib":
        assert convert(str(path), tmp_path / "model").labels == ("_other", "round", "square")


def test_a_pure_path_of_python_3_13(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.pkl", b"cpathlib._local\nPureWindowsPath\n(S'C:\\\\'\nS'mine'\ntR.")
    with pytest.raises(ConvertError, match="holds a PureWindowsPath"):
        convert(str(path), tmp_path / "model")


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
    learn = tiny(block(shapes, get_y=label_of_shape))
    by_name = exported(learn, tmp_path, "by-name.pkl", pickle_module=pickle)
    whole = exported(learn, tmp_path, "whole.pkl")
    monkeypatch.delattr(main, "label_of_shape")
    with pytest.raises(ConvertError, match="needs label_of_shape, which was defined in the notebook"):
        convert(str(by_name), tmp_path / "model")
    assert convert(str(whole), tmp_path / "model").name == "Round and Square"


def test_a_module_of_the_maker(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shape_labels.py").write_text("def label(path):\n    return path.parent.name\n")
    monkeypatch.syspath_prepend(tmp_path)
    import shape_labels  # type: ignore[import-not-found]

    path = exported(tiny(block(shapes, get_y=shape_labels.label)), tmp_path)
    del sys.modules["shape_labels"]
    monkeypatch.undo()
    with pytest.raises(ConvertError, match="needs the module shape_labels"):
        convert(str(path), tmp_path / "model")


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


def test_a_learner_on_the_hub(shapes: Path, tmp_path: Path) -> None:
    learner = exported(tiny(loaders(shapes, Resize(64))), tmp_path).read_bytes()
    files = {"model.pkl": learner, "pyproject.toml": OLD.encode(), "README.md": b"# card", "data.bin": b"never fetched"}
    sources = ("toon/model", f"toon/model@{SHA}", "toon/model@v9", "toon/other", "toon/graph")
    with Hub(files=files) as hub:
        hub.add("model", "toon/graph").commit({"model.onnx": b"", "pyproject.toml": OLD.encode()})
        said = from_hub(hub, tmp_path, *sources)
        fetched = {line.rpartition("toon/")[2] for line in hub.asked if "/resolve/" in line}
    assert {line.partition("/")[0] for line in fetched} == {"model"}
    assert {line.rpartition("/")[2] for line in fetched} == {"model.pkl", "pyproject.toml"}
    assert said[:2] == ["Round and Square|crop-bilinear|fastai 2.7.13"] * 2
    assert "no such revision" in said[2]
    assert "no such model" in said[3]
    assert "no .pkl" in said[4]
    assert json.loads((tmp_path / "model" / "model.json").read_text())["versions"]["converted_from"] == "fastai 2.7.13"


def test_from_the_command_line_to_the_page(shapes: Path, tmp_path: Path) -> None:
    dls = loaders(shapes, Resize(128), aug_transforms())
    file = exported(vision_learner(dls, resnet18, pretrained=False), tmp_path)
    out = tmp_path / "theirs"
    arguments = [sys.executable, "-W", "ignore", str(ROOT / "train.py"), "--from-learner", str(file), "--out", str(out)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "runs the code in it" in done.stderr
    assert "The learner opens files of some kinds in another way than the page:\n16-bit files: " in done.stderr
    assert "plain RGB files are answered as by the learner" in done.stdout
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
