"""MODEL_REPO against a loopback Hub, with the real client in its own process: some model always answers, and says why."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, free_port
from hub_server import SHA, Hub

EMBEDDED = json.loads((ROOT / "model" / "model.json").read_text())["name"]
ASK = """
import os, time
from pathlib import Path
import app
from cartoons import hub
started = time.monotonic()
repo, revision = os.environ["MODEL_REPO"], os.environ.get("MODEL_REVISION")
real = hub.pull
hub.pull = lambda repo, revision: real(repo, revision, timeout_s=4)
classifier, notice = app.choose_model(repo, revision)
print(classifier.info.name, notice, round(time.monotonic() - started), sep="|", flush=True)
os._exit(0)  # the client's own threads would wait for the server
"""

pytestmark = pytest.mark.slow


def choose(hub_url: str, cache: Path, repo: str = "toon/model", revision: str = "") -> tuple[str, str, int]:
    """The name of the model that would answer, the notice, and the seconds it took to decide."""
    env = {
        "MODEL_REPO": repo,
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    } | ({"MODEL_REVISION": revision} if revision else {})
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    name, notice, seconds = done.stdout.strip().splitlines()[-1].split("|")
    return name, notice, int(seconds)


@pytest.fixture
def files(colour_model: Path) -> dict[str, bytes]:
    extra = {"README.md": b"# card", "model.pkl": b"never fetched", "report/figure.png": b"never fetched"}
    return {path.name: path.read_bytes() for path in colour_model.iterdir()} | extra


def test_the_hub_model_answers_and_only_its_two_files_are_fetched(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        assert choose(hub.url, tmp_path)[:2] == ("colours", "")
        assert choose(hub.url, tmp_path, revision=SHA)[:2] == ("colours", "")
        fetched = {line.rpartition("/")[2] for line in hub.asked if "/resolve/" in line}
        assert fetched == {"model.onnx", "model.json"}
        gets = [line for line in hub.asked if line.startswith("GET") and "model.onnx" in line]
        assert len(gets) == 1  # the second time it came from the cache


def test_unreachable_without_and_with_a_cached_copy(tmp_path: Path, files: dict[str, bytes]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    name, notice, _ = choose(nobody, tmp_path)
    assert name == EMBEDDED
    assert "cannot be reached" in notice
    assert "embedded model" in notice
    with Hub(files=files) as hub:
        choose(hub.url, tmp_path)
    name, notice, _ = choose(nobody, tmp_path)
    assert name == "colours"
    assert "cached earlier" in notice


@pytest.mark.parametrize(("status", "says"), [(401, "private"), (403, "private"), (404, "404"), (500, "500")])
def test_refusals(tmp_path: Path, files: dict[str, bytes], status: int, says: str) -> None:
    with Hub(files=files, status=status) as hub:
        name, notice, _ = choose(hub.url, tmp_path)
    assert name == EMBEDDED
    assert says in notice


def test_a_missing_repository_and_a_missing_revision(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        assert "no such model" in choose(hub.url, tmp_path, repo="toon/other")[1]
        assert "no such revision" in choose(hub.url, tmp_path, revision="v9")[1]
        assert "not a valid model name" in choose(hub.url, tmp_path, repo="a/b/c")[1]


def test_a_tampered_model_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files | {"model.onnx": files["model.onnx"][:-1] + b"x"}) as hub:
        name, notice, _ = choose(hub.url, tmp_path)
    assert name == EMBEDDED
    assert "altered or cut short" in notice


def test_a_repository_that_holds_a_pickle_only_is_refused(tmp_path: Path) -> None:
    with Hub(files={"model.pkl": b"x"}) as hub:
        name, notice, _ = choose(hub.url, tmp_path)
        assert not any("model.pkl" in line for line in hub.asked)
    assert name == EMBEDDED
    assert "never runs a pickle" in notice


def test_a_newer_format_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    newer = json.dumps(json.loads(files["model.json"]) | {"format_version": 99}).encode()
    with Hub(files=files | {"model.json": newer}) as hub:
        name, notice, _ = choose(hub.url, tmp_path)
    assert name == EMBEDDED
    assert "update the program" in notice


def test_a_dripping_server_cannot_hold_the_page_back(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files, drip_s=20) as hub:
        name, notice, seconds = choose(hub.url, tmp_path)
    assert name == EMBEDDED
    assert "more than 4 s" in notice
    assert seconds < 10


def test_a_cut_connection(tmp_path: Path, files: dict[str, bytes]) -> None:
    started = time.monotonic()
    with Hub(files=files, cut=True) as hub:
        name, _, _ = choose(hub.url, tmp_path)
    assert name == EMBEDDED
    assert time.monotonic() - started < 60
