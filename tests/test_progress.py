"""What is said of how far something is."""

import sys
import time

import pytest

from cartoons import progress
from cartoons.progress import Stage
from cartoons.scraping.manifest import Attempt, Status
from cartoons.scraping.progress import ScrapeProgress


def begun(seconds: float, **values: float) -> Stage:
    """A stage of 10 steps that began so long ago."""
    stage = Stage("training", 10, **values)  # type: ignore[arg-type]
    stage._started_s -= seconds
    return stage


def test_what_is_left_is_measured_by_the_steps_that_took_time() -> None:
    assert begun(5).left_s() is None
    assert Stage("loading").left_s() is None
    stage = begun(5)
    stage.reach(2)
    assert stage.left_s() == pytest.approx(20, abs=0.5)
    stage = begun(5)
    stage.skip(4)  # done before
    stage.reach(6)
    assert stage.left_s() == pytest.approx(10, abs=0.5)
    stage = begun(5)
    with stage.paused():
        time.sleep(0.5)
    stage.reach(2)
    assert stage.left_s() == pytest.approx(20, abs=0.5)
    stage.reach(2)
    stage._reached_s -= 3  # so long ago
    stage._started_s -= 3
    assert stage.left_s() == pytest.approx(17, abs=0.5)
    stage.reach(10)
    assert stage.left_s() == 0


def test_the_innermost_stage_is_shown_and_the_outer_one_again_after_it() -> None:
    with progress.stage("exporting"):
        assert [progress.current().name() for _ in progress.track("abc", "checking", "pictures")] == [
            f"checking: {k} of 3 pictures" for k in range(3)
        ]
        assert progress.current().name() == "exporting"
    assert progress.current().name() == ""


def test_a_file_gets_a_plain_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.1)
    with progress.display():
        for k in progress.track(range(1000), "checking", "pictures"):
            if k == 3:
                time.sleep(0.25)
                break
    with progress.display(is_wanted=False), progress.stage("unwatched"):
        time.sleep(0.25)
    said = capsys.readouterr().err.splitlines()
    assert 1 <= len(said) <= 3
    assert all(line.startswith("checking: 3 of 1000 pictures, ") and line.endswith(" s left") for line in said)


@pytest.mark.parametrize(("label", "total"), [("red fox", 200), ("a very long name of somebody", 2000), ("fox", None)])
def test_a_label_is_a_line_that_moves_as_pictures_are_kept(label: str, total: int | None) -> None:
    bars = ScrapeProgress()
    with bars.shown():
        bars.expect(label, total)
        lines = progress._shown[-1]
        bars.planned([Attempt(label, f"https://a.example/{k}", Status.PLANNED) for k in range(900)])
        for k in range(90):
            bars.tried(Attempt(label, f"https://a.example/{k}", Status.GOOD, file="x" if k % 3 else ""))
        name = label[:18] + (": 60" if total is None else f": 60 of {total}")
        assert [line.name() for line in lines] == [name]
        assert lines[0].state().endswith(", 90 of 900 tried, 30 bad")
        assert len(f"- {name} {'━' * 12 if total else ''} {lines[0].state()}") <= 80
        bars.selected([])
        assert lines[0].done == 0
        bars.say("Look.")
    print("end", file=sys.stderr)
