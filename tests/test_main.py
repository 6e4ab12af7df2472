"""python -m cartoons: a folder to a table."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

ENV = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PATH": ""}


def run(*arguments: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cartoons", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ENV)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    folder = tmp_path / "mixed"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "duck").write_bytes((ROOT / "examples" / "donald-duck-1.png").read_bytes())
    (folder / "mouse, big.png").write_bytes((ROOT / "examples" / "mickey-mouse-2.png").read_bytes())
    (folder / "cut.png").write_bytes((ROOT / "examples" / "mickey-mouse-2.png").read_bytes()[:40])
    (folder / "notes.txt").write_text("nothing to see")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def test_every_file_has_a_row_and_a_bad_one_its_reason(mixed: Path) -> None:
    done = run(mixed)
    assert done.returncode == 0, done.stderr
    rows = {Path(row["file"]).name: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert list(rows) == ["cut.png", "duck", "mouse, big.png", "notes.txt"]
    assert rows["mouse, big.png"]["label"] == "mickey mouse"
    assert rows["mouse, big.png"]["known"] == "true"
    assert float(rows["mouse, big.png"]["probability"]) == float(rows["mouse, big.png"]["probability of mickey mouse"]) > 0.5
    assert rows["cut.png"]["label"] == rows["notes.txt"]["label"] == ""
    assert rows["notes.txt"]["reason"] == "not a picture but text"
    assert "damaged" in rows["cut.png"]["reason"]
    assert done.stderr == "2 pictures answered, 2 files without an answer: their rows say why.\n"


def test_how_many_were_answered_is_said_in_whole_sentences(mixed: Path) -> None:
    assert run(mixed / "cut.png").stderr == "0 pictures answered, 1 file without an answer: its row says why.\n"
    assert run(mixed / "deep").stderr == "1 picture answered.\n"


def test_json_lines_say_the_same(mixed: Path) -> None:
    rows = [json.loads(line) for line in run(mixed, "--json").stdout.splitlines()]
    assert [sorted(row) for row in rows] == [
        ["file", "reason"],
        *[["file", "known", "label", "probabilities", "unknown_score"]] * 2,
        ["file", "reason"],
    ]
    first, none = rows[2]["probabilities"]["mickey mouse"], 1 - sum(rows[2]["probabilities"].values())
    assert rows[2]["unknown_score"] == pytest.approx(none / (none + first))


REFUSED = [
    (["nowhere"], "nowhere is not a folder: give one that holds pictures."),
    (["empty"], "empty holds no picture"),
    (["pictures", "--model", "nonsense"], "nonsense is no model folder"),
    (["pictures", "--model", ""], "--model is empty: give a model folder, or USER/NAME"),
    (["pictures", "--model", "empty"], "cannot be read"),
]
REFUSE = f"from cartoons.__main__ import main; print(*map(main, {[arguments for arguments, _ in REFUSED]!r}))"


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes((ROOT / "examples" / "other-1.png").read_bytes())
    done = subprocess.run([sys.executable, "-c", REFUSE], cwd=tmp_path, env=ENV, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2"] * len(REFUSED)
    for (arguments, sentence), line in zip(REFUSED, done.stderr.splitlines(), strict=True):
        assert sentence in line, arguments
    done = run(*REFUSED[0][0], folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_reader_that_has_enough_ends_it(mixed: Path) -> None:
    command = f"{sys.executable} -m cartoons {mixed} | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("file,label,known")
    assert "Traceback" not in done.stderr
