"""Names to a link, as a person types it: search engines, image hosts and the Hub on loopback, killed on the way."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, make_picture_folder, wait_until
from gradio_client import Client, handle_file
from town import Pictures, Town, drawn, town

import scrape
from cartoons.scraping.config import folder_of_names

KINDS = {"bugs bunny": "round", "donald duck": "square"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, Pictures(KINDS)) as made:
        yield made


def happens(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for it, while the process runs."""

    def look() -> None:
        assert process.poll() is None, process.communicate()
        if not condition():
            raise OSError

    wait_until(look, 120)


LINK: tuple[object, ...] = (ROOT / "train.py", "--names", *KINDS, "--per-class", "8", "--epochs", "1")
LINK += ("--push", "toon/cartoons", "--deploy", "toon/cartoons")


@pytest.mark.slow
def test_names_to_a_link_in_one_command_that_a_kill_only_delays(here: Town) -> None:
    with here.start(*LINK, OMP_NUM_THREADS="1") as killed:
        happens(lambda: list(here.folder.glob("runs/*/work/*/views.done")), killed)
        killed.kill()
    asked, model = here.asked(), here.hub.repos
    assert not model

    done = here.run(*LINK, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert here.asked() == asked
    stages = [line for line in done.stdout.splitlines() if re.match(r"\d of \d: ", line)]
    assert stages == ["1 of 4: pictures", "2 of 4: training", "3 of 4: push", "4 of 4: deploy"]
    page = here.hub.repos["space", "toon/cartoons"].host
    assert f"On the Hub  {here.hub.url}/spaces/toon/cartoons" in done.stdout
    assert f"The page    {page}" in done.stdout
    drawn("round", 77).save(here.folder / "mine.png")
    said = Client(page, verbose=False).predict(handle_file(here.folder / "mine.png"), api_name="/classify")
    assert said["label"] in KINDS
    assert said["model"]["name"] == "bugs bunny, donald duck"
    repo = here.hub.repos["model", "toon/cartoons"]
    assert json.loads(repo.files["model.json"])["dataset"]["pictures"] == {**dict.fromkeys(KINDS, 8), "_other": 8}
    for name, data in repo.files.items():
        assert not [place for place in (ROOT, here.folder) if str(place).encode() in data], name

    here.world.asked.clear()
    files = {path: path.stat().st_mtime_ns for path in here.folder.glob("runs/**/*") if path.is_file()}
    uploads, heads = here.hub.count("PUT"), [each.head for each in here.hub.repos.values()]
    again = here.run(*LINK, OMP_NUM_THREADS="1")
    assert again.returncode == 0, again.stderr
    assert "already trained" in again.stderr
    assert not here.world.asked
    assert files == {path: path.stat().st_mtime_ns for path in files}
    assert here.hub.count("PUT") == uploads
    assert [each.head for each in here.hub.repos.values()] == heads
    assert again.stdout.splitlines()[-5:-3] == done.stdout.splitlines()[-5:-3]


@pytest.mark.slow
def test_who_could_not_publish_is_told_before_anything_is_searched(here: Town) -> None:
    done = here.run(*LINK[:-4], "--deploy", "toon/cartoons", token="")
    assert done.returncode == 2
    assert "toon/cartoons cannot be pushed to: nobody is logged in" in done.stderr
    assert not here.world.asked


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
def test_scraping_ends_with_the_command_even_by_kill(here: Town) -> None:
    here.pictures.is_held = True
    with here.start("-c", FILL, "8", "bugs bunny") as killed:
        happens(here.asked, killed)
        killed.kill()
        killed.communicate(timeout=20)  # until nobody has these pipes any more


@pytest.mark.slow
def test_an_interrupt_of_the_command_alone_reaches_the_scraping(here: Town) -> None:
    here.pictures.is_held = True
    with here.start("-c", FILL, "8", "bugs bunny") as stopped:
        happens(here.asked, stopped)
        stopped.send_signal(signal.SIGINT)
        said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 130
    assert said.count("Stopped. The same command goes on from here.") == 1
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_name_that_stays_short_is_trained_on_if_it_has_enough(here: Town) -> None:
    here.pictures.counts["bugs bunny"] = 2
    done = here.run("-c", FILL, "12", "bugs bunny")
    assert done.returncode == 0, done.stderr
    assert re.search(r"bugs bunny: [56] of 12 pictures", done.stderr)
    assert "Going on with the pictures there are." in done.stderr
    here.pictures.counts["donald duck"] = 1
    done = here.run("-c", FILL, "6", "bugs bunny", "donald duck")
    assert done.stderr.splitlines()[-1].startswith(
        "refused: Too few pictures were found of donald duck (3); training needs at least 5: spell a"
    )
    assert here.run("-c", FILL, "0", "bugs bunny").returncode == 2


@pytest.mark.slow
def test_a_scraping_that_was_ended_from_outside_says_so(here: Town) -> None:
    here.pictures.is_held = True
    with here.start("-c", FILL, "8", "bugs bunny") as process:
        happens(here.asked, process)
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


@pytest.mark.slow
def test_a_model_is_trained_again_when_anything_is_new(tmp_path: Path, colour_model: Path) -> None:
    from cartoons import dataset, model_folder
    from cartoons.training.cross_validation import RECIPES
    from cartoons.training.run import DONE_FILE, Settings, done_before, order_of

    root = make_picture_folder(tmp_path / "shapes")
    settings = Settings(RECIPES["fast"])
    assert done_before(dataset.read(root), colour_model, settings) is None
    info, _ = model_folder.read(colour_model)
    (colour_model / DONE_FILE).write_text(f"{order_of(dataset.read(root), settings)} {info.revision}")
    assert done_before(dataset.read(root), colour_model, settings) == info
    assert done_before(dataset.read(root), colour_model, replace(settings, recipe=replace(settings.recipe, seed=1))) is None
    drawn("round", 999).save(root / "round" / "0.png")
    assert done_before(dataset.read(root), colour_model, settings) is None
    (colour_model / DONE_FILE).write_text(f"{order_of(dataset.read(root), settings)} {info.revision}")
    (root / "metadata.jsonl").write_text('{"file_name": "round/1.png", "source": "elsewhere.example"}\n')
    assert done_before(dataset.read(root), colour_model, settings) is None
    (colour_model / DONE_FILE).write_text(f"{order_of(dataset.read(root), settings)} {info.revision}")
    (colour_model / "model.onnx").write_bytes(b"cut")
    assert done_before(dataset.read(root), colour_model, settings) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--names", "a", "--from-learner", "b.pkl"], "--names searches pictures, in one process"),
        (["--names", "Bugs", "bugs"], "is given twice"),
        (["--deploy", "demo"], "'demo' is no name on the Hub"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    from train import main

    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("train.py: ")
    assert says in error
    assert error.count("\n") == 1
