"""Whatever people have: how folders are laid out, what lies among the pictures, and what is said of it."""

import io
import json
import os
import re
import time
from collections import Counter
from functools import cache
from itertools import cycle
from pathlib import Path

import pytest
from conftest import draw_shape

from cartoons import dataset
from cartoons.errors import DataError
from cartoons.folder_layout import Layout, split_folders
from cartoons.images import encoded
from cartoons.picture_files import PassedOver
from cartoons.picture_folder import PictureFolder
from cartoons.review.decisions import read_pictures
from cartoons.scraping.sources import from_folder

EACH = 5
NUMBERS = cycle(range(200))
VIDEO = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2"


def fill(root: Path, folders: str, count: int = EACH) -> Path:
    """Pictures in each of the folders, all different; "nothing" is a folder without any."""
    root.mkdir(exist_ok=True)
    for folder in folders.split():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for k in range(0 if folder.endswith("nothing") else count):
            picture(root / folder / f"{k}.png")
    return root


def picture(path: Path, form: str = "PNG") -> bytes:
    """A file with a drawing that none of the 199 files before it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn(next(NUMBERS), form))
    return path.read_bytes()


@cache
def drawn(seed: int, form: str) -> bytes:
    return encoded(draw_shape("lines", seed, 40), form)


def found(root: Path) -> dict[str, int]:
    """How many pictures each label has in each part: {"fox": 5} or {"train fox": 5, "valid fox": 5}."""
    return dict(Counter(f"{item.part} {item.label}".strip() for item in dataset.read(root).items))


BOTH = {"fox": 5, "owl": 5}
SPLIT = {"train fox": 5, "train owl": 5, "valid fox": 5, "valid owl": 5}
TRAIN = "train/fox train/owl "


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (TRAIN + "val/fox val/owl", SPLIT),
        (TRAIN + "valid/fox valid/owl test/fox test/owl", SPLIT),
        ("Training/fox Training/owl VALIDATION/fox VALIDATION/owl Testing/fox", SPLIT),
        ("train_set/fox train_set/owl dev-set/fox dev-set/owl test_set/fox", SPLIT),
        ("train2017/fox train2017/owl val2017/fox val2017/owl", SPLIT),
        (TRAIN + "train_2/fox val/fox val/owl", SPLIT | {"train fox": 10}),
        (TRAIN + "valid/fox valid/owl models @eaDir/x results/nothing .git/x", SPLIT),
        (TRAIN + "valid/fox valid/owl models/plots extra/fox extra/bear", SPLIT),
        (TRAIN + "valid/fox valid/owl test", SPLIT),
        (TRAIN, BOTH),
        (TRAIN + "test/fox test/owl", BOTH),
        (TRAIN + "val/nothing", BOTH),
        (TRAIN + "evaluation", BOTH),
        ("fox owl test/fox test/owl", BOTH),
        ("fox owl test", BOTH),
        ("fox owl val/fox val/owl", SPLIT),
        ("fox owl @eaDir/x __MACOSX/fox .cache/y fox/@eaDir fox/.thumbs owl/nothing nothing", BOTH),
        ("fox/train owl/train fox/val owl/val", SPLIT),
        ("fox/train owl/train fox/valid owl/valid fox/test owl/test", SPLIT),
        ("fox owl fox/validation owl/validation", SPLIT),
        ("fox/train owl/train", BOTH),
        ("dataset/fox dataset/owl", BOTH),
        ("my-data/images/train/fox my-data/images/train/owl my-data/images/val/fox my-data/images/val/owl", SPLIT),
        ("seg_train/seg_train/fox seg_train/seg_train/owl seg_test/seg_test/fox seg_test/seg_test/owl", BOTH),
        ("train/images/fox train/images/owl valid/images/fox valid/images/owl", SPLIT),
        ("fox/2019 fox/2020 owl", {"fox": 10, "owl": 5}),
        ("data/train-00000-of-00002/fox data/train-00001-of-00002/owl data/test-00000-of-00001/fox", BOTH),
        ("fox/images owl/images", BOTH),
        ("fox owl owl/a owl/b fox/a fox/b", {"fox": 15, "owl": 15}),
        ("site1/fox site1/owl site2/fox site2/bear", {"site1": 10, "site2": 10}),
    ],
)
def test_a_layout_is_understood(folders: str, expected: dict[str, int], tmp_path: Path) -> None:
    assert found(fill(tmp_path / "d", folders)) == expected


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        ("train test", r"holds test/ \(5 pictures\), train/ \(5 pictures\): parts of a split, but in them no folder for"),
        ("train valid test", "no folder for each label"),
        (
            "thomas percy train",
            r'is train/ a part of a split, or a character\? .* give its folder another name, such as "the train"',
        ),
        ("fox owl val", "is val/ a part of a split, or a character"),
        ("train/red train/blue thomas percy", "is train/ a part of a split, or a character"),
        (TRAIN + "train/test valid/fox valid/owl", "test/ would be a label beside fox/ and owl/, but is called as a part"),
        ("test/fox test/owl", "none to train on"),
        ("valid/fox valid/owl test/fox", "none to train on"),
        ("site1/fox site1/owl site2/fox site2/owl", "site1/ and site2/ hold folders of the same names, fox/ and owl/"),
        ("train/a/fox train/a/owl train/b/fox train/b/owl", "a/ and b/ hold folders of the same names"),
        ("2019/train/fox 2019/train/owl 2020/train/fox 2020/train/owl", "2019/ and 2020/ hold folders of the same names"),
        ("s1/fox s1/owl s1/bear s2/fox s2/owl s3/fox s3/bear", "hold folders of the same names, bear/, fox/ and owl/"),
        ("my_train/fox my_train/owl my_test/fox my_test/owl", "hold folders of the same names, fox/ and owl/"),
        ("fox/train owl", "fox/ holds train/, but owl/ holds no such folder"),
        ("Fox fox owl", "'Fox' and 'fox' in .* differ only in capital letters or characters that look alike"),
        ("fox-cub fox\u2011cub owl", "look alike: write both alike"),
        ("dexter's dexter\u2019s owl", "look alike: write both alike"),
        ("\ufb01sh fish owl", "look alike: write both alike"),
        ("train/Fox train/owl valid/fox valid/owl", "differ only in capital letters"),
        ("nothing", "holds no pictures in label folders"),
    ],
)
def test_a_layout_with_two_meanings_is_refused(folders: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as refused:
        dataset.read(fill(tmp_path / "d", folders))
    assert "\n" not in str(refused.value)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", TRAIN + "val/fox val/owl test/fox models/plots bear/nothing train/bear")
    (root / "stray.jpg").write_bytes(picture(root / "val" / "stray.png"))
    for file in (root / "train" / "bear").iterdir():
        file.write_bytes(VIDEO)
        file.rename(file.with_suffix(".mp4"))
    data = dataset.read(root)
    assert data.summary() == [
        f"{root}: 20 pictures of 2 labels: fox 10, owl 10.",
        "Split found: training 10, validation 10, test 5 (left out). Passed over: beside test/, train/ and val/ (5), "
        "in the test part of the split (5), not a picture but a video (5), in no folder of a label (2).",
    ]
    assert data.folder.warnings() == [
        "models/ (5 pictures) is left out: beside test/, train/ and val/.",
        "bear/ holds no picture (passed over: not a picture but a video (5)), so there is no label 'bear'.",
    ]


def test_links_are_followed_and_no_file_counts_twice(tmp_path: Path) -> None:
    elsewhere = fill(tmp_path / "elsewhere", "fox more")
    root = fill(tmp_path / "d", "owl")
    (root / "fox").symlink_to(elsewhere / "fox")
    (root / "owl" / "more").symlink_to(elsewhere / "more")
    (root / "owl" / "linked.png").symlink_to(picture_outside(tmp_path))
    assert found(root) == {"fox": 5, "owl": 11}
    for link, target in [
        ("owl/loop", "."),
        ("owl/up", ".."),
        ("owl/root", str(root)),
        ("owl/again.png", "0.png"),
        ("owl/twice", str(elsewhere / "more")),
        ("owl/nowhere.png", "gone.png"),
        ("owl/itself.png", "itself.png"),
        ("fox/fox.png", str(root / "owl" / "0.png")),
        ("owl/parent", str(tmp_path)),
    ]:
        (root / link).symlink_to(target)
    data = dataset.read(root)
    assert found(root) == {"fox": 5, "owl": 11}
    assert data.passed_over["a link that leads nowhere"] == 2
    assert data.passed_over["a link to a picture of another label"] >= 1


def test_a_label_without_pictures_is_named(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox")
    (root / "frog").mkdir()
    (root / "frog" / "1.mp4").write_bytes(VIDEO)
    with pytest.raises(DataError, match=r"one label only \(fox\) \(passed over: .* video \(1\); no picture in frog/\)"):
        dataset.read(root)
    fill(root, "owl test")
    assert dataset.read(root).folder.warnings() == [
        "test/ (5 pictures) is left out: without a label, in test/. If it is a character, give its folder another name, "
        'such as "the test".',
        "frog/ holds no picture (passed over: not a picture but a video (1)), so there is no label 'frog'.",
    ]


def test_very_many_folders_that_are_left_out_take_no_time(tmp_path: Path) -> None:
    left_out = {(f"{number}",): "beside train/" for number in range(5000)}
    layout = Layout({("train",): "train"}, left_out)
    files = [(*folder, f"{number}.png") for folder in left_out for number in range(4)]
    started_s = time.process_time()
    passed_over = [PassedOver(file, layout.place(file).left_out) for file in files]
    folder = PictureFolder(tmp_path, [], passed_over, {"/".join(name): reason for name, reason in left_out.items()})
    assert folder.warnings()[:1] == ["0/ (4 pictures) is left out: beside train/."]
    assert time.process_time() - started_s < 3


def test_folders_in_label_folders_are_said(tmp_path: Path) -> None:
    data = dataset.read(fill(tmp_path / "d", "fox/2019 fox/2020 owl/night bear bear/more"))
    assert data.folder.warnings() == [
        "fox/ holds no picture itself, but 2019/ and 2020/ with pictures: all of them are taken for 'fox'."
    ]


def picture_outside(folder: Path) -> Path:
    picture(folder / "outside.png")
    return folder / "outside.png"


def test_very_many_links_end(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", " ".join("abcdefgh"), count=1)
    for one in "abcdefgh":
        for other in "abcdefgh":
            (root / one / f"to-{other}").symlink_to(root / other)
    assert len(dataset.read_folder(root).pictures) == 8


CONTENTS = [
    ("a.jfif", "JPEG", True),
    ("a.jpe", "JPEG", True),
    ("a.JPG", "JPEG", True),
    ("a.jpg_large", "JPEG", True),
    ("a.webp_large", "WEBP", True),
    ("a.jpg?w=300", "JPEG", True),
    ("a.jpg!d", "JPEG", True),
    ("a.png;jsessionid=1", "PNG", True),
    ("a.jpg&name=large", "JPEG", True),
    ("a.txt", "JPEG", True),
    ("a.bmp.download", "BMP", True),
    ("a.gif:large", "GIF", True),
    ("a", "PNG", True),
    ("a.tif (1)", "TIFF", True),
    ("a.avif~", "AVIF", True),
    ("a.mpo", "MPO", True),
    (".a.png", "PNG", False),
    ("._a.jpg", "JPEG", False),
    ("Thumbs.db", "JPEG", False),
    ("desktop.ini", "PNG", False),
]


@pytest.mark.parametrize(("name", "form", "expected"), CONTENTS)
def test_content_says_what_a_picture_is(name: str, form: str, expected: bool, tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox owl")
    picture(root / "fox" / "deep" / name, form)
    assert found(root) == {"fox": 5 + expected, "owl": 5}
    assert (f"fox/deep/{name}" in {each.file_name for each in read_pictures(root)}) == expected
    assert len([hit for hit, _ in from_folder(root) if hit.label == "fox"]) == 5 + expected
    assert len(list(from_folder(root, "any"))) == 10 + expected
    if not expected:
        assert dataset.read(root).passed_over == {"hidden": 1}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.txt", b"a fox", "not a picture but text"),
        ("0.json", b'{"caption": "a fox"}', "not a picture but text"),
        ("0.csv", "é,ö".encode(), "not a picture but text"),
        ("cut.txt", b"x" * 511 + "é".encode(), "not a picture but text"),
        ("page.jpg?x", b"<!DOCTYPE html><p>gone</p>", "not a picture but a web page"),
        ("fox.svg", b'<?xml version="1.0"?>\n<svg xmlns="..."/>', "not a picture but an SVG drawing"),
        ("0.svg", b'<!-- by hand -->\n<svg xmlns="..."/>', "not a picture but an SVG drawing"),
        ("fox.mp4", VIDEO, "not a picture but a video"),
        ("fox.webm", b"\x1aE\xdf\xa3\x01", "not a picture but a video"),
        ("fox.psd", b"8BPS\0\1", "a picture in a format that is not read"),
        ("fox.jxl", b"\xff\x0a\xfa", "a picture in a format that is not read"),
        ("fox.ppm", b"P6\n9 9\n255\n\0", "a picture in a format that is not read"),
        ("fox.cr3", b"\0\0\0\x18ftypcrx \0", "a picture in a format that is not read"),
        ("fox.pdf", b"%PDF-1.7", "not a picture but a PDF"),
        ("all.zip", b"PK\x03\x04...", "not a picture but an archive"),
        ("BM.txt", b"BM is how a bitmap begins, and this text", "not a picture but text"),
        ("empty", b"", "not a picture but an empty file"),
        ("weights.pth", bytes(range(256)), "not a picture but a file of an unknown kind"),
    ],
)
def test_what_is_no_picture_is_counted_by_what_it_is(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox owl")
    (root / "fox" / name).write_bytes(content)
    assert dataset.read(root).passed_over == {reason: 1}
    said: list[str] = []
    assert len(list(from_folder(root, say=said.append))) == 10
    assert said == [f"Passed over in {root}: {reason} (1)."]


def test_other_things_than_files_do_no_harm(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox owl")
    os.mkfifo(root / "fox" / "pipe.png")
    (root / "fox" / "folder.png").mkdir()
    assert dataset.read(root).passed_over == {"not a regular file": 1}


def metadata(root: Path, content: bytes, name: str = "metadata.jsonl") -> dict[str, str]:
    """The source of every picture of fox/ that has one, by the file's name, when the folder has this metadata."""
    fill(root, "fox owl")
    (root / name).write_bytes(content)
    return {item.path.name: item.source for item in dataset.read(root).items if item.source}


ROW = b'{"file_name": "fox/0.png", "source": "a"}'


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + ROW,
        ROW + b"\r\n",
        b"\r\n\r\n" + ROW + b"\n\n   \n",
        ROW.replace(b"fox/0", b"./fox/0"),
        ROW.replace(b"fox/0", b"fox\\\\0"),
        ROW.replace(b"fox/0", b"fox//0"),
        ROW.replace(b"fox/0", b"owl/../fox/0"),
        b'{\n  "file_name": "fox/0.png",\n  "source": "a"\n}\n',
        b'{"file_name": "fox/0.png", "source": "a", "label": null}\n' + ROW,
        ROW + b" " + ROW.replace(b"fox/0", b"fox/none"),
        ROW + b"\r" + ROW.replace(b"fox/0", b"fox/none"),
    ],
)
def test_metadata_is_read_as_imagefolder_reads_it(content: bytes, tmp_path: Path) -> None:
    from datasets import load_dataset

    root = tmp_path / "d"
    assert metadata(root, content) == {"0.png": "a"}
    if b"none" not in content:  # it has no row without a picture
        loaded = load_dataset("imagefolder", data_dir=str(root), cache_dir=str(tmp_path / "cache"), split="train")
        assert {row["source"] for row in loaded} == {"a"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("metadata.csv", b"\xef\xbb\xbffile_name,source\r\nfox/0.png,a\r\n\r\n", {"0.png": "a"}),
        ("metadata.csv", b'source,file_name\n"a, b",./fox/1.png\nnull,fox/2.png\n', {"1.png": "a, b"}),
        ("fox/metadata.jsonl", ROW.replace(b"fox/", b""), {"0.png": "a"}),
        ("fox/metadata.csv", b"file_name,source\n3.png,007\n", {"3.png": "007"}),
        ("metadata.jsonl", ROW.replace(b'"a"', b"7"), {"0.png": "7"}),
        ("metadata.jsonl", ROW.replace(b'"a"', b"0"), {"0.png": "0"}),
        ("metadata.jsonl", ROW.replace(b'"a"', b"null"), {}),
        ("metadata.jsonl", ROW.replace(b'"a"', b"NaN"), {}),
        (".cache/metadata.jsonl", ROW, {}),
        ("models/metadata.csv", b"epoch,loss\n1,2\n", {}),
    ],
)
def test_metadata_in_other_ways(name: str, content: bytes, expected: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "d" / name).parent.mkdir(parents=True)
    assert metadata(tmp_path / "d", content, name) == expected


def test_parquet_is_read_too(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"file_name": ["fox/0.png"], "source": ["a"]}), buffer)
    assert metadata(tmp_path / "d", buffer.getvalue(), "metadata.parquet") == {"0.png": "a"}
    with pytest.raises(DataError, match=r"metadata.parquet cannot be read as Parquet"):
        metadata(tmp_path / "e", b"PAR1", "metadata.parquet")
    source = pyarrow.Array.from_buffers(pyarrow.string(), 1, pyarrow.array([b"caf\xe9"]).buffers())
    for name, column in (("text", source), ("date", pyarrow.array([2**31 - 1], pyarrow.date32()))):
        parquet.write_table(pyarrow.table({"file_name": ["fox/0.png"], "source": column}), buffer := io.BytesIO())
        with pytest.raises(DataError, match=r"metadata.parquet cannot be read as Parquet"):
            metadata(tmp_path / name, buffer.getvalue(), "metadata.parquet")


def twice(*labels: str) -> bytes:
    return b"\n".join(b'{"file_name": "fox/0.png", "label": "%s"}' % label.encode() for label in labels)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("metadata.jsonl", ROW + b'\n{"file_name": "fox/1.p', "line 2 is not a JSON object"),
        ("metadata.jsonl", ROW + b"\n\n\nnot json\n" + ROW, "line 4 is not a JSON object"),
        ("metadata.jsonl", ROW + b'\n["fox/1.png"]', "line 2 is not a JSON object"),
        ("metadata.jsonl", ROW + b'\n{"source": "a"}', "line 2 is not a JSON object with a file_name"),
        ("metadata.jsonl", b'{"file_name": 7}', "line 1 is not a JSON object with a file_name"),
        ("metadata.jsonl", b'{"file_name": null}', "line 1 is not a JSON object with a file_name"),
        ("metadata.jsonl", b'{"file_name": "fox/0.png", "label": ["a"]}', "line 1: the label is"),
        ("metadata.jsonl", twice("fox", "owl"), "line 2 gives fox/0.png the label 'owl', and an earlier line 'fox'"),
        ("metadata.jsonl", b"[" * 100_000, "line 1 is not a JSON object"),
        ("metadata.jsonl", "".join(["\ufeff", "a"]).encode("utf-16"), "cannot be read as UTF-8"),
        ("metadata.csv", b"file_name;label\nfox/0.png;a\n", "line 1 names no column file_name, but file_name;label"),
        ("metadata.csv", b"file_name,label\nfox/0.png,a\nfox/1.png,a,b\n", "line 3 has more cells"),
        ("metadata.csv", b"file_name,label\n,a\n", "line 2 is not a row with a file_name"),
        ("metadata.csv", b"", "names no column file_name"),
    ],
)
def test_broken_metadata_is_named_by_its_line(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(says)) as refused:
        metadata(tmp_path / "d", content, name)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_metadata_of_two_kinds_is_refused(tmp_path: Path) -> None:
    metadata(tmp_path / "d", ROW)
    with pytest.raises(DataError, match=r"holds metadata.csv and metadata.jsonl: keep the metadata in files of one kind"):
        metadata(tmp_path / "d", b"file_name,source\nfox/0.png,a\n", "metadata.csv")


def test_rows_without_a_picture_are_counted(tmp_path: Path) -> None:
    metadata(tmp_path / "d", ROW + ROW.replace(b"fox/0", b"fox/gone") + ROW.replace(b"fox/0", b"/fox/1"))
    assert dataset.read(tmp_path / "d").folder.warnings() == ["2 of the 3 rows of metadata are of no picture that is here."]
    metadata(tmp_path / "one", ROW + ROW.replace(b"fox/0", b"fox/gone"))
    assert dataset.read(tmp_path / "one").folder.warnings() == ["1 of the 2 rows of metadata is of no picture that is here."]


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("café", "cafe\u0301"),
        ("cafe\u0301", "café"),
        ("red fox", " red  fox "),
        ("red fox", "red\u00a0fox"),
        ("red fox", "red\u3000fox\ufeff"),
        ("red fox", "red\u200b fo\u00adx"),
        ("red fox ", "red fox"),
        ("red\u00a0fox", "red fox"),
        ("7", 7),
        ("7", 7.0),
    ],
)
def test_labels_that_look_alike_are_one(folder: str, label: object, tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "owl")
    for k in range(EACH):
        picture(root / folder / f"é{k}.png")
    picture(root / "elsewhere" / "1.png")
    row = f'{{"file_name": "elsewhere/1.png", "label": {label!r}}}'.replace("'", '"').replace("\\x", "\\u00")
    (root / "metadata.jsonl").write_text(row)
    clean = {"café": "café", "cafe\u0301": "café", "7": "7"}.get(folder, "red fox")
    assert found(root) == {clean: 6, "owl": 5}
    assert {each.label for each in read_pictures(root)} == {clean, "owl"}


def test_file_names_match_in_any_unicode_form(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox owl")
    picture(root / "fox" / "cafe\u0301.png")
    picture(root / "owl" / "caf\u00e9.png")
    rows = [("fox/caf\u00e9.png", "a"), ("owl/cafe\u0301.png", "b")]
    lines = [f'{{"file_name": "{name}", "source": "{source}"}}\n' for name, source in rows]
    (root / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")
    assert {item.source for item in dataset.read(root).items} == {"", "a", "b"}


@pytest.mark.parametrize("where", ["", "images/", "train/"])
def test_labels_from_metadata_alone(where: str, tmp_path: Path) -> None:
    """One folder of pictures, and the labels in its metadata, as the Hub has many."""
    root = fill(tmp_path / "d", where or ".", count=12)
    lines = [f'{{"file_name": "{k}.png", "label": {["0", "1"][k % 2]}}}\n' for k in range(10)]
    (root / where / "metadata.jsonl").write_text("".join(lines))
    assert found(root) == {"0": 5, "1": 5}
    assert sum(dataset.read(root).passed_over.values()) == 2


def test_a_character_that_is_called_as_a_part_is_one_where_its_metadata_says_so(tmp_path: Path) -> None:
    """As scrape.py writes it: it renames a folder "train", but not "Train", which `datasets` takes for no part."""
    root = fill(tmp_path / "d", "Train Test Percy")
    rows = [
        f'{{"file_name": "{name}/{k}.png", "label": "{name}"}}\n' for name in ("Train", "Test", "Percy") for k in range(5)
    ]
    (root / "metadata.jsonl").write_text("".join(rows))
    picture(root / "Train" / "mine.png")
    assert found(root) == {"Train": 6, "Test": 5, "Percy": 5}
    assert split_folders(root) == []
    assert dataset.read(root).folder.warnings() == []


def test_nothing_is_said_of_what_scraping_writes(tmp_path: Path) -> None:
    root = fill(tmp_path / "d", "fox owl .scrape/pictures")
    for name in ("attempts.jsonl", "README.md", "report.html", "urls.parquet", "decisions.jsonl"):
        (root / name).write_text("{}")
    data = dataset.read(root)
    assert (data.passed_over, data.folder.warnings()) == ({}, [])
    assert data.summary()[1] == "Split found: none. Passed over: nothing."


def test_labels_that_no_model_could_have_are_refused(tmp_path: Path) -> None:
    root, label = fill(tmp_path / "d", "fox owl"), "y" * 255
    rows = [{"file_name": path.relative_to(root).as_posix(), "label": label} for path in root.glob("owl/*")]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset.read(root).check()
    (root / "metadata.jsonl").write_text("".join(json.dumps(row | {"label": f"{label}y"}) + "\n" for row in rows))
    with pytest.raises(DataError) as refused:
        dataset.read(root).check()
    assert str(refused.value) == (
        f"The label {'y' * 40!r}... in {root} has 256 characters, more than the 255 that a label may have: "
        "give a shorter one where metadata states it."
    )


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for name in (os.fsdecode(b"a\xff"), "\u200b"):
        root = fill(tmp_path / "d", "fox owl")
        for k in range(EACH):
            picture(root / name / f"{k}.png")
        with pytest.raises(DataError, match="cannot be written down as text"):
            dataset.read(root)
