"""A package that is not installed is a sentence with the command that installs it, before anything is written."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

from cartoons import packages

BARE = [sys.executable, "-S"]
"""A Python that finds no package but those of PYTHONPATH."""


def run(command: list[str], here: Path, *installed: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = {"PYTHONPATH": os.pathsep.join(map(str, installed))} if installed else {}
    return subprocess.run(command, cwd=here, env=env | path, capture_output=True, text=True, timeout=60)


def all_but(folder: Path, *left_out: str) -> Path:
    """A folder of all packages that are installed here but those whose names begin so."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(left_out):
            (folder / entry.name).symlink_to(entry)
    return folder


def check_sentence(done: subprocess.CompletedProcess[str], here: Path, says: str, requirements: str) -> None:
    """One line, exit code 2, nothing written, and a command whose file is there."""
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"[^\n]*{says}[^\n]*\n", done.stderr), done.stderr
    [named] = [word for word in re.split(r"[\s,]+", done.stderr) if word.endswith(".txt")]
    assert (here / shlex.split(named)[0]).resolve() == ROOT / requirements
    assert not list(here.iterdir())


@pytest.mark.parametrize("script", ["scrape.py", "train.py"])
def test_help_needs_no_package(script: str, tmp_path: Path) -> None:
    done = run([*BARE, str(ROOT / script), "--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script} ")


@pytest.mark.parametrize(
    ("words", "requirements"),
    [
        (["scrape.py", "fox"], "requirements-train.txt"),
        (["scrape.py", "review", str(ROOT / "tests" / "drawings")], "requirements-train.txt"),
        (["train.py", str(ROOT / "tests" / "drawings")], "requirements-train.txt"),
        (["train.py", "--names", "fox"], "requirements-train.txt"),
        (["train.py", "--from-learner", "a.pkl"], "requirements-train.txt"),
        (["app.py"], "requirements.txt"),
        (["app.py", "--help"], "requirements.txt"),
    ],
)
def test_without_any_package_there_is_a_sentence(words: list[str], requirements: str, tmp_path: Path) -> None:
    done = run([*BARE, str(ROOT / words[0]), *words[1:]], tmp_path)
    check_sentence(done, tmp_path, "not installed for .*start it with .venv/bin/python", requirements)


@pytest.mark.slow
def test_the_package_that_is_missing_is_named_and_no_folder_begun(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    page = all_but(tmp_path / "page", "ddgs", "torch", "fastai")
    done = run([*BARE, str(ROOT / "scrape.py"), "fox"], here, page)
    check_sentence(done, here, "scrape.py: ddgs is not installed", "requirements-train.txt")
    done = run([*BARE, str(ROOT / "train.py"), str(ROOT / "tests" / "drawings")], here, page)
    check_sentence(done, here, "train.py: ddgs, fastai, torch and torchvision are not installed", "requirements-train.txt")


@pytest.mark.slow
def test_in_an_environment_of_its_own_the_command_installs_there(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    here, python = tmp_path / "here", tmp_path / "env" / "bin" / "python"
    here.mkdir()
    done = run([str(python), str(ROOT / "train.py"), "pictures"], here)
    check_sentence(done, here, f"{re.escape(str(python))} -m pip install -r ", "requirements-train.txt")


def test_here_nothing_is_missing() -> None:
    assert packages.missing(packages.TRAINING) == []
