"""The same picture under several labels, and labels of hardly any different pictures: said before anything is trained."""

import shutil
from pathlib import Path

import pytest
from conftest import draw_shape, drawn_png

from cartoons import splits
from cartoons.dataset import Dataset
from cartoons.errors import DataError
from cartoons.training import run
from cartoons.training.config import TrainConfig


def make(root: Path, **first: tuple[int, int]) -> Path:
    """A folder of so many drawings per label, each unlike the others. first: the seed of the first one, and how many."""
    for label, (seed, count) in first.items():
        (root / label).mkdir(parents=True)
        for k in range(count):
            (root / label / f"{k}.png").write_bytes(drawn_png("scribble", seed + k, 160))
    return root


def one_artwork(root: Path, label: str, count: int, seed: int = 900) -> None:
    """The same drawing in so many sizes."""
    (root / label).mkdir(exist_ok=True)
    for k in range(count):
        draw_shape("scribble", seed, 160).resize((80 + 5 * k, 80 + 5 * k)).save(root / label / f"{seed}-{k}.png")


def opened(root: Path, caplog: pytest.LogCaptureFixture) -> tuple[Dataset, list[str]]:
    """The data as training takes it, and what was warned of."""
    with caplog.at_level("INFO", "train"):
        data = run.open_pictures(run.load(TrainConfig(root)))
    return data, [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_the_same_picture_under_two_labels_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "my toons", fox=(0, 12), frog=(100, 12), _other=(200, 12))
    shutil.copy(root / "fox/0.png", root / "frog/zero.png")
    shutil.copy(root / "fox/0.png", root / "fox/again.png")
    shutil.copy(root / "fox/1.png", root / "_other/one.png")
    draw_shape("scribble", 2, 160).transpose(0).resize((90, 90)).save(root / "frog/two.jpg", quality=80)
    data, warnings = opened(root, caplog)
    assert warnings == [
        "_other/one.png and fox/1.png are the same picture under different labels.",
        "fox/0.png, frog/zero.png and 1 more are the same picture under different labels.",
        "fox/2.png and frog/two.jpg look the same, but are under different labels.",
        "It is unclear what they show, so their 7 files are left out, of training and of measuring. Move or delete those "
        f"under a wrong label: python scrape.py review '{root}'",
    ]
    assert data.passed_over == {"the same picture under several labels": 7}
    assert data.counts == {"fox": 9, "frog": 12, "_other": 12}
    assert not {item.path.name for item in data.items} & {"zero.png", "one.png", "two.jpg", "again.png"}


def test_what_metadata_calls_one_artwork_may_show_several_characters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make(tmp_path / "d", fox=(0, 8), frog=(100, 8))
    rows = [f'{{"file_name": "{label}/0.png", "group": "scene"}}\n' for label in ("fox", "frog")]
    (root / "metadata.jsonl").write_text("".join(rows))
    data, warnings = opened(root, caplog)
    assert warnings == []
    assert len(data.items) == 16
    assert len({item.group for item in data.items}) == 15


def test_very_many_are_not_all_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "d", fox=(0, 20), frog=(100, 8))
    for k in range(14):
        shutil.copy(root / f"fox/{k}.png", root / f"frog/copy-{k}.png")
    one_artwork(root, "fox", 9)
    shutil.copy(root / "fox/900-0.png", root / "frog/900.png")
    _, warnings = opened(root, caplog)
    assert len(warnings) == 10 + 2
    assert warnings[-2] == "So it is with 5 more pictures: the report names them all."
    assert "their 38 files" in warnings[-1]
    assert max(map(len, warnings[:-1])) < 200


@pytest.mark.parametrize("frogs", [0, 8])
def test_a_label_that_is_another_is_refused(frogs: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "d", fox=(0, 8), owl=(0, 8), **({"frog": (100, frogs)} if frogs else {}))
    with pytest.raises(DataError) as refused:
        opened(root, caplog)
    assert str(refused.value) == (
        f"All 8 pictures of fox in {root} are under another label as well (owl), so none is left to train on. "
        f"Keep each under one label: python scrape.py review {root}"
    )


def test_too_few_are_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "d", fox=(0, 12), frog=(100, 8), owl=(8, 8))
    with pytest.raises(
        DataError, match=r"owl \(4\); each label needs at least 5 .*the same picture under several labels \(8\)"
    ):
        opened(root, caplog)


@pytest.mark.parametrize(
    ("artworks", "config", "says"),
    [
        (1, splits.SplitConfig(), "owl cannot be measured: its 8 pictures are copies of one another"),
        (1, splits.SplitConfig("group"), "owl cannot be measured: its 8 pictures are copies of one another"),
        (2, splits.SplitConfig(), "its 16 pictures are of 2 artworks"),
        (2, splits.SplitConfig(), "--rounds 2"),
    ],
)
def test_a_label_of_one_artwork_is_refused(
    artworks: int, config: splits.SplitConfig, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make(tmp_path / "d", fox=(0, 12), frog=(100, 12))
    for k in range(artworks):
        one_artwork(root, "owl", 8, seed=900 + k)
    data, _ = opened(root, caplog)
    with pytest.raises(DataError) as refused:
        splits.make_split(data.items, config)
    assert says in str(refused.value)
    if artworks > 1:
        splits.make_split(data.items, splits.SplitConfig(folds=2))


def test_few_artworks_and_one_character_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "d", fox=(0, 3), _other=(100, 12))
    one_artwork(root, "fox", 9)
    _, warnings = opened(root, caplog)
    assert warnings == [
        "fox has 12 pictures, but only 4 different ones, copies counted once: add others of it.",
        "fox is the only character here: the model learns to tell it from pictures of none (_other), and its accuracy among "
        "characters says nothing.",
    ]


@pytest.mark.parametrize(
    ("labels", "empty", "says"),
    [
        ({"fox": (0, 8), "frog": (100, 1)}, "", "frog (1); each label needs at least 5"),
        ({"fox": (0, 8)}, "", "holds one label only (fox): a classifier needs at least two folders"),
        (
            {"fox": (0, 8)},
            "ab",
            "holds one label only (fox) (no picture in a/ and b/): a classifier needs at least two folders",
        ),
        ({"_other": (0, 8)}, "", "holds one label only (_other)"),
    ],
)
def test_too_little_is_one_sentence(
    labels: dict[str, tuple[int, int]], empty: str, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make(tmp_path / "d", **labels)
    for name in empty:
        (root / name).mkdir()
    with pytest.raises(DataError) as refused:
        opened(root, caplog)
    assert says in str(refused.value)


def test_fewer_labels_than_folders_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(tmp_path / "d", fox=(0, 8), frog=(100, 8))
    for name in ("a", "b", "c", "d"):
        (root / name).mkdir()
    _, warnings = opened(root, caplog)
    assert len(warnings) == 5
    assert warnings[-1] == "So 2 of 6 folders of characters are labels of this model: fox/ and frog/."
