"""MODEL_REPO against a loopback Hub, with the real client in its own process: some model always answers, and says why."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, Page, free_port
from hub_server import SHA, Hub

EMBEDDED = json.loads((ROOT / "model" / "model.json").read_text())["name"]
ASK = """
import os, sys, time
import app
for asked in sys.argv[1:]:
    repo, _, revision = asked.partition("@")
    started = time.monotonic()
    classifier, notice = app.choose_model(repo, revision or None, timeout_s=4)
    print(classifier.info.name, notice, round(time.monotonic() - started), sep="|", flush=True)
os._exit(0)  # the client's own threads would wait for the server
"""
PRELOAD = """
import sys
from huggingface_hub import hf_hub_download
for name in ("model.onnx", "model.json"):
    hf_hub_download("toon/model", name, revision=sys.argv[1])
"""

pytestmark = pytest.mark.slow


def choose_each(hub: Hub | str, cache: Path, *asked: str) -> list[tuple[str, str, int]]:
    """For each user/name or user/name@revision: the model that would answer, the notice, the seconds it took to decide."""
    env = (hub if isinstance(hub, Hub) else Hub(url=hub)).env(cache)
    command = [sys.executable, "-c", ASK, *asked]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.strip().splitlines()[-len(asked) :]]
    return [(name, notice, int(seconds)) for name, notice, seconds in rows]


def choose(hub: Hub | str, cache: Path, asked: str = "toon/model") -> tuple[str, str, int]:
    return choose_each(hub, cache, asked)[0]


@pytest.fixture
def files(colour_model: Path) -> dict[str, bytes]:
    extra = {"README.md": b"# card", "model.pkl": b"never fetched", "report/figure.png": b"never fetched"}
    return {path.name: path.read_bytes() for path in colour_model.iterdir()} | extra


def test_the_hub_model_answers_and_only_its_two_files_are_fetched(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        hub.repos["model", "toon/model"].tags["v1"] = SHA
        answers = choose_each(hub, tmp_path, "toon/model", "toon/model@v1", f"toon/model@{SHA}")
        assert [answer[:2] for answer in answers] == [("colours", "")] * 3
        fetched = {line.rpartition("/")[2] for line in hub.asked if "/resolve/" in line}
        assert fetched == {"model.onnx", "model.json"}
        gets = [line for line in hub.asked if line.startswith("GET") and "model.onnx" in line]
        assert len(gets) == 1  # then it came from the cache


EXAMPLES_OF = """
import sys
from cartoons.hub.pull import pull
print(*sorted(path.name for path in (pull("toon/model") / "examples").glob("*")))
"""


def test_the_examples_that_model_json_names_come_with_it(tmp_path: Path, files: dict[str, bytes]) -> None:
    names = ("fox-1.jpg", "gone-1.jpg", "huge-1.jpg")
    described = json.loads(files["model.json"]) | {"examples": [{"file_name": name} for name in names]}
    shown = {f"examples/{name}": b"picture" for name in ("fox-1.jpg", "huge-1.jpg", "not-named-1.jpg")}
    with Hub(files=files | shown | {"model.json": json.dumps(described).encode()}) as hub:
        hub.sizes["examples/huge-1.jpg"] = 2**30
        command, env = [sys.executable, "-c", EXAMPLES_OF], os.environ | hub.env(tmp_path)
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        assert done.stdout.split() == ["fox-1.jpg"], done.stderr
        hub.fail("GET .*/fox-1.jpg", times=99, status=500)
        assert choose(hub, tmp_path / "another")[:2] == ("colours", "")  # it answers without them


def test_unreachable_without_and_with_a_cached_copy(tmp_path: Path, files: dict[str, bytes]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    name, notice, _ = choose(nobody, tmp_path)
    assert name == EMBEDDED
    assert "cannot be reached" in notice
    assert "embedded model" in notice
    with Hub(files=files) as hub:
        choose(hub, tmp_path)
    name, notice, _ = choose(nobody, tmp_path)
    assert name == "colours"
    assert "cached earlier" in notice


def test_each_refusal_is_told_while_another_model_answers(tmp_path: Path, files: dict[str, bytes]) -> None:
    says = {401: "private", 402: "402", 403: "private", 404: "404", 409: "409", 429: "429", 500: "500"}
    with Hub(files=files) as hub:
        for status in says:
            hub.fail(f"toon/of-{status}$", times=99, status=status)
        answers = choose_each(hub, tmp_path, *(f"toon/of-{status}" for status in says))
    for (name, notice, _), words in zip(answers, says.values(), strict=True):
        assert name == EMBEDDED
        assert words in notice


def test_a_missing_repository_and_a_missing_revision(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        answers = choose_each(hub, tmp_path, "toon/other", "toon/model@v9", "a/b/c", "nonsense")
    notices = [notice for _, notice, _ in answers]
    assert "no such model" in notices[0]
    assert "no such revision" in notices[1]
    assert "not a valid model name" in notices[2]
    assert notices[3].startswith("MODEL_REPO is 'nonsense', not a valid model name: set it to user/name")


def test_a_tampered_model_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files | {"model.onnx": files["model.onnx"][:-1] + b"x"}) as hub:
        name, notice, _ = choose(hub, tmp_path)
    assert name == EMBEDDED
    assert "altered or cut short" in notice


def test_a_repository_that_holds_a_pickle_only_is_refused(tmp_path: Path) -> None:
    with Hub(files={"model.pkl": b"x"}) as hub:
        name, notice, _ = choose(hub, tmp_path)
        assert not any("model.pkl" in line for line in hub.asked)
    assert name == EMBEDDED
    assert "python train.py --from-learner toon/model --out runs/theirs" in notice


def test_a_newer_format_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    newer = json.dumps(json.loads(files["model.json"]) | {"format_version": 99}).encode()
    with Hub(files=files | {"model.json": newer}) as hub:
        name, notice, _ = choose(hub, tmp_path)
    assert name == EMBEDDED
    assert "update the program" in notice


def test_a_dripping_server_cannot_hold_the_page_back(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files, drip_s=20) as hub:
        name, notice, seconds = choose(hub, tmp_path)
    assert name == EMBEDDED
    assert "its download takes more than 4 s, and goes on in the background for the next start" in notice
    assert seconds < 10


SLOW = """
import os, sys, time
import app
_, notice = app.choose_model("toon/model", None, timeout_s=2)
print(notice, flush=True)
while not app.choose_model("toon/model", None, timeout_s=2)[0].info.name == "colours":
    time.sleep(0.2)
print("the next start has it")
"""


def test_a_slow_download_is_there_for_the_next_start_and_holds_no_program_back(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    with Hub(files=files | {"model.json": files["model.json"] + b" " * 40_000}, drip_s=0.5) as hub:
        command = [sys.executable, "-c", SLOW]
        env = os.environ | hub.env(tmp_path)
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.strip().splitlines()
    assert "goes on in the background" in first
    assert last == "the next start has it"
    assert "has now been downloaded" in done.stderr


@pytest.mark.parametrize(
    ("path", "fault", "says"),
    [
        ("GET /api/models", {"silent_s": 30}, "took more than 4 s to answer"),
        ("GET /api/models", {"drip_s": 1}, "took more than 4 s to answer"),
        ("HEAD .*model.json", {"silent_s": 30}, "goes on in the background"),
        ("GET .*/model.json", {"drip_s": 1}, "goes on in the background"),
        ("GET .*/model.onnx", {"silent_s": 30}, "goes on in the background"),
    ],
    ids=["silent listing", "dripping listing", "silent about a file", "dripping file", "silent file"],
)
def test_a_silent_or_dripping_hub_holds_neither_the_start_nor_the_end_back(
    tmp_path: Path, files: dict[str, bytes], path: str, fault: dict[str, float], says: str
) -> None:
    with Hub(files=files) as hub:
        hub.fail(path, times=99, **fault)
        command = [sys.executable, "-c", ASK.replace("os._exit(0)", ""), "toon/model"]
        env, started = os.environ | hub.env(tmp_path), time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
        seconds = time.monotonic() - started
    name, notice, _ = done.stdout.strip().split("|")
    assert name == EMBEDDED
    assert says in notice
    assert seconds < 15


def test_the_page_is_up_within_15_s_of_a_silent_hub_and_says_why(tmp_path: Path, files: dict[str, bytes]) -> None:
    seconds = []
    with Hub(files=files) as hub:
        hub.fail("GET /api/models", times=99, silent_s=40)
        for env in ({}, {"MODEL_REPO": "toon/model"}):
            started = time.monotonic()
            page = Page(env=hub.env(tmp_path) | env)
            seconds.append(time.monotonic() - started)
            text = urllib.request.urlopen(page.url, timeout=10).read().decode()
            said = page.stop()
    without, waited = seconds
    assert waited < max(15, 2 * without + 9)  # a busy machine starts any page late
    assert "took more than 8 s to answer. Answering with the embedded model." in said
    assert "took more than 8 s to answer. Answering with the embedded model." in text


def test_a_file_that_is_listed_as_huge_is_not_downloaded(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, size in {"model.onnx": 10 * 2**30, "model.json": 10 * 2**30}.items():
        with Hub(files=files, sizes={name: size}) as hub:
            answer, notice, _ = choose(hub, tmp_path)
            assert not [line for line in hub.asked if "/resolve/" in line]
        assert answer == EMBEDDED
        assert f"has a {name} of 10,240 MB" in notice


def test_a_refused_model_is_told_without_a_path_of_this_machine(tmp_path: Path, files: dict[str, bytes]) -> None:
    values = json.loads(files["model.json"])
    refused = {"temperature": 1e-308, "sha256": {"model.onnx": "0" * 64}, "size_px": 64, "labels": ["a", "b"]}
    with Hub(files=files) as hub:
        for name, value in refused.items():
            changed = json.dumps(values | {name: value}).encode()
            hub.add("model", f"toon/{name}").commit(files | {"model.json": changed})
        answers = choose_each(hub, tmp_path, *(f"toon/{name}" for name in refused))
    for name, (answer, notice, _) in zip(refused, answers, strict=True):
        assert answer == EMBEDDED
        assert notice.startswith(f"The model toon/{name} on the Hub is not used: ")
        assert "/tmp" not in notice
        assert "snapshots" not in notice


def test_a_cut_connection(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        hub.fail("GET .*/resolve/", times=99, cut=True)
        name, notice, seconds = choose(hub, tmp_path)
    assert name == EMBEDDED
    assert notice
    assert seconds < 10


def test_a_connection_cut_once_is_taken_up_where_it_was(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        hub.fail("GET .*/model.onnx", cut=True)
        assert choose(hub, tmp_path)[:2] == ("colours", "")
        assert hub.count("GET", "model.onnx") == 2


def test_bytes_that_changed_on_the_way_are_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        hub.fail("GET .*/model.onnx", corrupt=True)
        name, notice, _ = choose(hub, tmp_path)
    assert name == EMBEDDED
    assert "altered or cut short" in notice


def test_a_bad_new_version_leaves_the_good_old_one(tmp_path: Path, files: dict[str, bytes]) -> None:
    with Hub(files=files) as hub:
        choose(hub, tmp_path)
        hub.repos["model", "toon/model"].commit({"model.onnx": files["model.onnx"][:-1] + b"x"})
        name, notice, _ = choose(hub, tmp_path)
    assert name == "colours"
    assert "altered or cut short" in notice
    assert "cached earlier" in notice


def test_a_preloaded_commit_asks_the_hub_nothing(tmp_path: Path, files: dict[str, bytes]) -> None:
    """What preload_from_hub of a Space does at its build."""
    with Hub(files=files) as hub:
        env = os.environ | hub.env(tmp_path)
        subprocess.run([sys.executable, "-c", PRELOAD, SHA], env=env, check=True)
        hub.asked.clear()
        assert choose(hub, tmp_path, f"toon/model@{SHA}")[:2] == ("colours", "")
        assert hub.asked == []
