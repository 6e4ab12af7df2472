"""Names to a link, as a person types it: search engines, image hosts and the Hub on loopback, killed on the way."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, wait_until
from gradio_client import Client, handle_file
from loopback_services import DrawnPictures, LoopbackServices, draw_figure, loopback_services

import scrape
from cartoons.scraping.config import folder_of_names

KINDS = {"bugs bunny": "round", "donald duck": "square"}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[LoopbackServices]:
    with loopback_services(tmp_path, DrawnPictures(KINDS)) as running:
        yield running


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for it, while the process runs."""

    def look() -> None:
        assert process.poll() is None, process.communicate()
        if not condition():
            raise OSError

    wait_until(look, 120)


LINK: tuple[object, ...] = (ROOT / "train.py", "--names", *KINDS, "--per-class", "8", "--epochs", "1")
LINK += ("--push", "toon/cartoons", "--deploy", "toon/cartoons")

SAID = (
    r"\d of 4: (pictures|training|push|deploy)",
    r"data/\S+: bugs bunny 8, donald duck 8, _other 8\. Look: .* Clean: python scrape.py .* Train: python train.py data/\S+",
    r"data/\S+: 24 pictures of 3 labels: bugs bunny 8, donald duck 8, _other 8\.",
    r"Split found: none\. Passed over: nothing\.",
    r"Looking through 24 pictures\.",
    r"24 pictures of 3 labels, \d+ of them alike to others\.",
    r"What the frozen part sees of .*",
    r"[\w /]+(: .*)?, \d+ (s|min)( left.*)?",  # where a stage takes long
    r"Judged \d pictures by models that never saw them\.",
    r"A random split would have judged \d of \d pictures by a model that was trained on a copy\.",
    r"A linear head on the ImageNet network reaches .*",
    r"None of these pictures states a licence .* --engines openverse,commons\. Or give train\.py --examples DIR\.",
    r"Its page shows no examples to try it with, as no picture states .*: python train.py --out runs/\S+ --examples DIR",
    r"The exported model answers .* differently from the learner, .* Taking fp16 weights instead of int8\.",
    r"Held out once, at random: \d of 24 pictures\. Pictures of a source .*, about \d+ (s|min) longer: python .* source",
    r"runs/\S+ was trained on exactly these pictures in exactly this way: already trained\.",
    r"runs/\S+: balanced accuracy .* See it: python app.py --model runs/\S+",
    r"http://127.0.0.1:\d+/toon/cartoons: revision [0-9a-f]{12}\.",
    r"Uploading \d+ files to toon/cartoons, for ZeroGPU\.",
    r"  (Installing gradio|Built\.)",
    r"toon/cartoons: (building|running)",
    r"(On the Hub|The page|It says|Python|HTML) +.*",
)
"""Every line that the command may print."""


def assert_only_ours(done: subprocess.CompletedProcess[str]) -> None:
    """Each line is one of SAID, and said once."""
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert not [line for line in lines if not any(re.fullmatch(pattern, line) for pattern in SAID)]
    assert sorted(set(lines)) == sorted(lines)


@pytest.mark.slow
def test_names_to_a_link_in_one_command_that_a_kill_only_delays(services: LoopbackServices) -> None:
    with services.start(*LINK, OMP_NUM_THREADS="1") as killed:
        wait_for(lambda: list(services.folder.glob("cache/features/*/*")), killed)
        killed.kill()
    requested, model = services.pictures_requested(), services.hub.repos
    assert not model

    done = services.run(*LINK, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert_only_ours(done)
    assert services.pictures_requested() == requested
    stages = [line for line in done.stdout.splitlines() if re.match(r"\d of \d: ", line)]
    assert stages == ["1 of 4: pictures", "2 of 4: training", "3 of 4: push", "4 of 4: deploy"]
    page = services.hub.repos["space", "toon/cartoons"].host
    assert f"On the Hub  {services.hub.url}/spaces/toon/cartoons" in done.stdout
    assert f"The page    {page}" in done.stdout
    draw_figure("round", 77).save(services.folder / "mine.png")
    said = Client(page, verbose=False).predict(handle_file(services.folder / "mine.png"), api_name="/classify")
    assert said["label"] in KINDS
    assert said["model"]["name"] == "Bugs Bunny and Donald Duck"
    repo = services.hub.repos["model", "toon/cartoons"]
    assert json.loads(repo.files["model.json"])["dataset"]["pictures"] == {**dict.fromkeys(KINDS, 8), "_other": 8}
    for name, data in repo.files.items():
        assert not [place for place in (ROOT, services.folder) if str(place).encode() in data], name

    services.web.requests.clear()
    files = {path: path.stat().st_mtime_ns for path in services.folder.glob("runs/**/*") if path.is_file()}
    uploads, heads = services.hub.count("PUT"), [each.head for each in services.hub.repos.values()]
    again = services.run(*LINK, OMP_NUM_THREADS="1")
    assert again.returncode == 0, again.stderr
    assert_only_ours(again)
    assert "already trained" in again.stderr
    assert not services.web.requests
    assert files == {path: path.stat().st_mtime_ns for path in files}
    assert services.hub.count("PUT") == uploads
    assert [each.head for each in services.hub.repos.values()] == heads
    assert again.stdout.splitlines()[-5:-3] == done.stdout.splitlines()[-5:-3]


@pytest.mark.slow
def test_who_could_not_publish_is_told_before_anything_is_searched(services: LoopbackServices) -> None:
    done = services.run(*LINK[:-4], "--deploy", "toon/cartoons", token="")
    assert done.returncode == 2
    assert "toon/cartoons cannot be pushed to: nobody is logged in" in done.stderr
    assert not services.web.requests


FILL = """
import logging, sys
from pathlib import Path
from cartoons.errors import CartoonError
from cartoons.scraping.config import run_script
logging.basicConfig(level=logging.INFO)
try:
    sys.exit(run_script(Path("pictures"), sys.argv[2:], int(sys.argv[1])))
except CartoonError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems let a child live on")
def test_scraping_ends_with_the_command_even_by_kill(services: LoopbackServices) -> None:
    services.pictures.is_held = True
    with services.start("-c", FILL, "8", "bugs bunny") as killed:
        wait_for(services.pictures_requested, killed)
        killed.kill()
        killed.communicate(timeout=20)  # until nobody has these pipes any more


@pytest.mark.slow
def test_an_interrupt_of_the_command_alone_reaches_the_scraping(services: LoopbackServices) -> None:
    services.pictures.is_held = True
    with services.start("-c", FILL, "8", "bugs bunny") as stopped:
        wait_for(services.pictures_requested, stopped)
        stopped.send_signal(signal.SIGINT)
        said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 130
    assert said.count("Stopped. The same command goes on from here.") == 1
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_name_that_stays_short_is_trained_on_if_it_has_enough(services: LoopbackServices) -> None:
    services.pictures.counts["bugs bunny"] = 2
    done = services.run("-c", FILL, "12", "bugs bunny")
    assert done.returncode == 0, done.stderr
    assert re.search(r"bugs bunny: [56] of 12 pictures", done.stderr)
    assert "Going on with the pictures there are." in done.stderr
    services.pictures.counts["donald duck"] = 1
    done = services.run("-c", FILL, "6", "bugs bunny", "donald duck")
    assert done.stderr.splitlines()[-1].startswith(
        "refused: Too few pictures were found of donald duck (3); training needs at least 5: spell a"
    )
    assert services.run("-c", FILL, "0", "bugs bunny").returncode == 2


@pytest.mark.slow
def test_a_scraping_that_was_ended_from_outside_says_so(services: LoopbackServices) -> None:
    services.pictures.is_held = True
    with services.start("-c", FILL, "8", "bugs bunny") as process:
        wait_for(services.pictures_requested, process)
        [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        said = process.communicate(timeout=20)[1]
    assert "refused: scrape.py was ended by signal 9: the same command goes on from there." in said


def test_each_set_of_names_has_a_folder_of_its_own() -> None:
    sets = (["a b", "c"], ["a", "b c"], ["a-b", "c"], ["a", "b", "c"], ["a_b", "c"], ["A b", "c"])
    places = {folder_of_names(labels) for labels in sets}
    assert len(places) == len(sets)
    assert all(re.fullmatch(r"[\w-]+", place) for place in places)
    assert folder_of_names(["bugs bunny", "donald duck"]).startswith("bugs-bunny_donald-duck-")


def test_scraping_goes_the_way_that_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert (scrape.configure(["fox"]).proxy, scrape.configure(["fox"]).ca) == ("", "")
    monkeypatch.setenv("https_proxy", "http://small:1")
    monkeypatch.setenv("SSL_CERT_FILE", "company.pem")
    assert (scrape.configure(["fox"]).proxy, scrape.configure(["fox"]).ca) == ("http://small:1", "company.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://large:1")
    assert scrape.configure(["fox"]).proxy == "http://large:1"
    assert scrape.configure(["fox", "--proxy", ""]).proxy == ""
