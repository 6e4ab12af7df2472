"""README.md and docs/ do what they say: their programs run as they stand and print what stands below them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Page
from starlette.requests import Request

from cartoons.answer_table import head
from cartoons.classifier import Classifier
from cartoons.model_folder import EMBEDDED_MODEL
from cartoons.serving.lean_api import Metrics

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNERS = {
    "python": [sys.executable, "{file}"],
    "javascript": ["node", "{file}"],
    "bash": ["bash", "{file}"],
}
SUFFIXES = {"python": ".py", "javascript": ".mjs", "bash": ".sh"}
NUMBER = re.compile(r"\d+\.\d+")


PROGRAM = re.compile(rf"```({'|'.join(RUNNERS)})\n(.*?)```\n\n```\n(.*?)```", re.DOTALL)
PROGRAMS = [program for page in PAGES for program in PROGRAM.findall(page.read_text())]


def without_time(text: str) -> str:
    """Neither the milliseconds of one answer nor line breaks are promised."""
    return re.sub(r"\s+", "", re.sub(r'"milliseconds": ?[\d.]+', "", text))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "program", "promised"), PROGRAMS, ids=[language for language, _, _ in PROGRAMS])
def test_the_programs_print_what_the_readme_says(
    language: str, program: str, promised: str, page: Page, tmp_path: Path
) -> None:
    if not shutil.which(RUNNERS[language][0]):
        pytest.skip(f"{RUNNERS[language][0]} is not installed")
    file = tmp_path / f"program{SUFFIXES[language]}"
    file.write_text(program.replace("http://127.0.0.1:7860", page.url))
    command = [part.format(file=file) for part in RUNNERS[language]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    got, wanted = without_time(done.stdout), without_time(promised)
    assert NUMBER.sub("#", got) == NUMBER.sub("#", wanted)
    for mine, theirs in zip(NUMBER.findall(got), NUMBER.findall(wanted), strict=True):
        assert float(mine) == pytest.approx(float(theirs), abs=1e-3)  # another CPU rounds otherwise


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 180


def test_every_language_has_a_program() -> None:
    assert {language for language, _, _ in PROGRAMS} == set(RUNNERS)


def test_the_formats_are_those_that_are_written() -> None:
    api, serving = ((ROOT / "docs" / name).read_text() for name in ("api.md", "serving.md"))
    assert ",".join(head(Classifier.load(EMBEDDED_MODEL, trusted=True).info.characters)) in api.splitlines()
    metrics = Metrics()
    metrics.observe("/predict", "known", 0.1)
    names = set(re.findall(r"^# TYPE (\w+)", bytes(metrics.response(Request({"type": "http"})).body).decode(), re.MULTILINE))
    assert not [name for name in names if not name.endswith("_created") and f"`{name}`" not in serving]


def test_the_figures_are_the_models() -> None:
    info = json.loads((ROOT / "model" / "model.json").read_text())
    metrics, unknown = info["metrics"], info["metrics"]["unknown"]
    low, high = metrics["balanced_accuracy_95"]
    pictures = info["dataset"]["pictures"]
    words = re.sub(r"\s+", " ", README)
    for sentence in [
        f"balanced accuracy over the four characters is **{metrics['balanced_accuracy']:.3f}** "
        f"(95 % interval {low:.3f} to {high:.3f})",
        f"still names {unknown['characters_kept']:.1%}",
        f"refuses {unknown['photographs']['refused']:.1%} of photographs",
        f"{unknown['unseen_cartoons']['refused']:.1%} of cartoon characters",
        f"(AUROC {unknown['photographs']['auroc']:.3f} and {unknown['unseen_cartoons']['auroc']:.3f})",
        f"on {sum(n for label, n in pictures.items() if label != '_other')} pictures of the four characters",
        f"{pictures['_other']:,} of none of them",
        f"Of {metrics['drawings']['pictures']} drawings of ours",
        f"{metrics['drawings']['right']} are answered right",
    ]:
        assert sentence in words
    assert f"revision {(info['sha256']['model.onnx'])[:12]}" in words
