"""The store of what the frozen part sees: kept over trainings, not trusted where damaged, no larger than allowed."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, draw_shape, make_picture_folder
from PIL import Image

from cartoons import dataset
from cartoons.errors import DataError
from cartoons.splits import SplitConfig
from cartoons.training import feature_store
from cartoons.training.config import TrainConfig
from cartoons.training.feature_store import FeatureStore, find_folder
from cartoons.training.views import Views

SHAPE = (3, 2, 2)


def maps(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float16)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_written_is_read_again_by_the_same_network_alone(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, "one", SHAPE)
    assert not store.has("a 0")
    assert store.read("a 0") is None
    store.write("a 0", maps(0.5))
    assert store.has("a 0")
    again = FeatureStore(tmp_path, "one", SHAPE).read("a 0")
    assert again is not None
    np.testing.assert_array_equal(again, maps(0.5))
    assert FeatureStore(tmp_path, "another", SHAPE).read("a 0") is None
    assert store.size_bytes() == store.file_bytes


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 56, None])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: bytes | None) -> None:
    store = FeatureStore(tmp_path, "one", SHAPE)
    store.write("a 0", maps(0.5))
    [path] = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:] if damage is None else damage)
    assert store.read("a 0") is None
    store.write("a 0", maps(0.5))
    assert path.read_bytes() == whole


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, now = FeatureStore(tmp_path, "old", SHAPE), FeatureStore(tmp_path, "now", SHAPE)
    monkeypatch.setattr(feature_store, "MOST_BYTES", 6 * old.file_bytes)
    for k in range(4):
        old.write(f"a {k}", maps(k))
        os.utime(old._path(f"a {k}"), (k + 1000, k + 1000))
    now.write("b 0", maps(9))
    os.utime(now._path("b 0"), (1, 1))
    now.make_room(3)
    assert [old.has(f"a {k}") for k in range(4)] == [False, False, True, True]
    assert now.has("b 0")  # this run's own
    now.make_room(9)  # more than is allowed: what this run needs it gets
    assert not any(old.has(f"a {k}") for k in range(4))


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, "one", SHAPE)
    store.write("a 0", maps(1))
    for name, age_s in ((".dead.tmp", 2 * feature_store.LEFT_BEHIND_S), (".alive.tmp", 0)):
        left = files(tmp_path)[0].with_name(name)
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age_s,) * 2)
    store.make_room(1)
    assert sorted(path.suffix for path in files(tmp_path)) == ["", ".tmp"]


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, "one", (10**9, 10**3))
    with pytest.raises(
        DataError, match=r"needs 2000\.0 GB for what the frozen part sees, and [\d.]+ GB are free: name a folder"
    ):
        store.make_room(1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file takes no more of what the frozen part sees \(Not a directory\)"):
        FeatureStore(tmp_path / "file", "one", SHAPE).write("a 0", maps(1))


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"CARTOONS_CACHE": "{}/mine"}, "mine/features"),
        ({"CARTOONS_CACHE": "", "XDG_CACHE_HOME": "{}/xdg"}, "xdg/cartoon-classifier/features"),
        ({"CARTOONS_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "{}"}, ".cache/cartoon-classifier/features"),
        ({"CARTOONS_CACHE": "/dev/null/x"}, "work/features"),
        ({"CARTOONS_CACHE": "/proc/self/fd"}, "work/features"),
    ],
)
def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: str) -> None:
    (tmp_path / "work").mkdir()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert find_folder(tmp_path / "work") == tmp_path / place
    assert (tmp_path / place).is_dir()


def test_two_at_once_and_a_kill_leave_whole_files_only(tmp_path: Path) -> None:
    program = (
        "import itertools, numpy as np, pathlib, sys\n"
        "from cartoons.training.feature_store import FeatureStore\n"
        "store = FeatureStore(pathlib.Path(sys.argv[1]), 'one', (64, 64))\n"
        "for k in itertools.count(): store.write(f'a {k % 50}', np.full((64, 64), k % 50)); store.make_room(1)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT) for _ in range(2)]
    deadline = time.monotonic() + 120
    while len(files(tmp_path)) < 50 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [process.poll() for process in running] == [None, None]
    for process in running:
        process.kill()
        process.wait()
    store = FeatureStore(tmp_path, "one", (64, 64))
    for k in range(50):
        kept = store.read(f"a {k}")
        assert kept is not None
        assert (kept == k).all()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four drawings of each of three labels, one in four a cut-out."""
    folder = make_picture_folder(tmp_path / "pictures", per_label=8)
    for label in ("round", "square", "_other"):
        for k in (0, 4):
            cutout = draw_shape(label, k).convert("RGBA")
            cutout.putalpha(Image.new("L", cutout.size, 200))
            cutout.save(folder / label / f"{k}.png")
    return folder


def test_a_view_is_the_same_whatever_else_lies_in_the_folder(pictures: Path) -> None:
    items = dataset.read(pictures).items
    whole, part = Views(items, 64, 5), Views(items[1:], 64, 5)
    kinds = []
    for k in range(len(items) - 1):
        is_cutout, views = part.draw(k, part.numbers)
        kinds.append(is_cutout)
        for number in part.numbers:
            if part.name(k, number, is_cutout) == whole.name(k + 1, number, is_cutout):
                [same] = whole.draw(k + 1, [number])[1]
                assert np.array_equal(views[number], same)
            else:
                assert is_cutout
                assert whole.behind(k + 1, number) == 0  # the picture that was taken out
    assert kinds.count(True) == 5


def test_photographs_of_none_of_the_characters_are_seen_as_drawings_too(pictures: Path) -> None:
    items = dataset.read(pictures).items
    index = next(k for k, item in enumerate(items) if item.label == "_other" and not Views(items, 64, 1).draw(k, [0])[0])
    cartoons = Views(items, 64, 4)
    photographs = Views([replace(item, is_photo=True) for item in items], 64, 4)
    for number in range(4):
        is_same = cartoons.draw(index, [number])[1][0].tobytes() == photographs.draw(index, [number])[1][0].tobytes()
        assert (
            is_same == (number % 2 == 0) == (cartoons.name(index, number, False) == photographs.name(index, number, False))
        )


def test_no_view_shows_behind_a_cutout_what_is_not_trained_on(pictures: Path) -> None:
    items = dataset.read(pictures).items
    views, train = Views(items, 64, 9), set(range(0, len(items), 2))
    for index in train:
        seen = views.seen_by(index, True, train)
        assert seen[0] == 0
        assert views.seen_by(index, False, train) == list(range(9))
        behind = [views.behind(index, number) for number in seen[1:]]
        assert all(other in train and items[other].label != items[index].label for other in behind if other is not None)
    assert any(len(views.seen_by(index, True, train)) < 9 for index in train)


def test_a_cutout_is_laid_on_pictures_of_none_of_the_characters_where_there_are_enough(pictures: Path) -> None:
    items = dataset.read(pictures).items
    few = Views(items, 64, 9)
    laid = [n for n in range(1, 9) if n not in (3, 7)]  # those are drawn anew, on nothing
    assert all(items[few.behind(k, n) or 0].label != item.label for k, item in enumerate(items) for n in laid)
    assert {few.behind(k, n) for k in range(len(items)) for n in (0, 3, 7)} == {None}
    others = [item for item in items if item.label == "_other"]
    enough = [*items, *(replace(item, sha256=f"{k}{item.sha256}") for item in others for k in range(20))]
    views = Views(enough, 64, 9)
    behind = {(k, n): views.behind(k, n) for k in range(len(enough)) for n in laid}
    assert {enough[other or 0].label for other in behind.values()} == {"_other"}
    assert all(other != k for (k, _), other in behind.items())
    assert len(set(behind.values())) > 20


def test_a_file_that_changed_meanwhile_is_not_taken_for_the_old_one(pictures: Path) -> None:
    views = Views(dataset.read(pictures).items, 64, 2)
    draw_shape("round", 99).save(views.items[0].path)
    with pytest.raises(DataError, match=r"has changed since the training began: give the same command again"):
        views.draw(0, [0])


@pytest.mark.slow
def test_only_pictures_that_are_new_are_computed(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cartoons.training.cross_validation import make_trainer

    monkeypatch.setenv("CARTOONS_CACHE", str(tmp_path / "cache"))

    def computed(out: str, **changes: object) -> int:
        config = replace(TrainConfig(pictures, tmp_path / out, recipe="fast", epochs=1), **changes)  # type: ignore[arg-type]
        trainer = make_trainer(config, dataset.read(pictures))
        assert not list(trainer.work.iterdir())  # type: ignore[attr-defined]
        return trainer.computed  # type: ignore[attr-defined,no-any-return]

    assert computed("first") == 24
    assert computed("first") == 0
    assert computed("second", epochs=2, split=SplitConfig("group", folds=3, seed=7)) == 0
    shutil.copytree(pictures / "round", pictures / "again")  # of another label, the same bytes
    for k, path in enumerate(sorted((pictures / "again").iterdir())):
        draw_shape("lines", 50 + k).save(path)
    new = computed("third")
    assert 8 <= new <= 8 + 6  # of the six cut-outs some are laid on new pictures
    shutil.rmtree(pictures / "again")
    assert computed("fourth") == 0
    whole = {path: path.read_bytes() for path in files(tmp_path / "cache")}
    for path in whole:
        path.write_bytes(b"damaged" if hash(path) % 2 else bytes(len(whole[path])))
    trainer = make_trainer(TrainConfig(pictures, tmp_path / "fifth", recipe="fast", epochs=1), dataset.read(pictures))
    trainer.fit(range(24), tmp_path / "fifth" / "fit")
    assert np.isfinite(trainer.predict(range(24))).all()
    for path in files(tmp_path / "cache"):
        path.unlink()
    trainer.fit(range(24), tmp_path / "fifth" / "other")
    assert any(path.read_bytes() == whole[path] for path in files(tmp_path / "cache"))
