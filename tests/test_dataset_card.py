"""The dataset card: its numbers, its front matter as the Hub reads it, and words from the web that stay words."""

import json
import re
from pathlib import Path

import pytest
from conftest import draw_shape
from huggingface_hub import DatasetCard

from cartoons.dataset_card import dataset_card
from cartoons.images import encoded

EVIL = '"\n---\n# Taken | <script> [x](javascript:alert(1)) `code` **bold** \u2028\x00\ud800'


def row(label: str, k: int, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "file_name": f"{label}/{k}.jpg",
        "label": label,
        "url": f"https://a.example/{k}.jpg",
        "source": f"www.site{k % 30}.example",
        "license": "" if k % 2 else "CC BY-SA 4.0",
        "engine": "bing" if k % 3 else "duckduckgo",
        "fetched_at": f"2026-11-{1 + k % 28:02}T10:00:00+00:00",
    }
    return values | changes


ROWS = [row("bugs bunny", k) for k in range(40)] + [row("_other", k) for k in range(3)]
COUNTS = {
    "kept": 43,
    "failed": 1200,
    "refused": 5,
    "rejected": 6,
    "duplicate": 7,
    "two labels": 8,
    "removed": 9,
    "spare": 10,
}
ATTEMPTS = [{"status": status} for status, count in COUNTS.items() for _ in range(count)]


def card(**changes: object) -> str:
    return dataset_card("Four cartoon characters", ROWS, ATTEMPTS, **changes)  # type: ignore[arg-type]


def test_the_hub_reads_its_front_matter() -> None:
    read = DatasetCard(card()).data.to_dict()
    assert read == {
        "pretty_name": "Four cartoon characters",
        "license": "other",
        "license_name": "as-stated-for-each-picture",
        "task_categories": ["image-classification"],
        "size_categories": ["n<1K"],
        "tags": ["cartoon-classifier", "cartoons"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": ["*/*", "metadata.jsonl"]}],
                "features": [
                    {"name": "image", "dtype": "image"},
                    {"name": "label", "dtype": {"class_label": {"names": {"0": "bugs bunny", "1": "_other"}}}},
                    *({"name": name, "dtype": "string"} for name in ("url", "source", "license", "engine", "fetched_at")),
                ],
            }
        ],
    }
    assert re.fullmatch(r"[a-z0-9.-]+", read["license_name"])


@pytest.mark.parametrize(
    "odd", [{"label": ""}, {"label": "a\x1b"}, {"width": "wide"}, {"tags": ["a"]}, {"label": None}], ids=repr
)
def test_columns_of_several_kinds_are_left_for_the_loader_to_find_out(odd: dict[str, object]) -> None:
    read = DatasetCard(dataset_card("x", [row("fox", 1, width=3), row("fox", 2, width=3) | odd], [])).data
    assert "features" not in read.configs[0]


@pytest.mark.parametrize(("pictures", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10_000, "10K<n<100K")])
def test_the_size_is_told_in_the_words_of_the_hub(pictures: int, size: str) -> None:
    read = DatasetCard(dataset_card("x", [row("fox", 1)] * pictures, [])).data
    assert read.size_categories == [size]
    assert (read.get("configs") is None) == (pictures == 0)


def test_the_numbers_are_all_there() -> None:
    text = card()
    assert "43 pictures of 2 labels, found by searching the web, fetched from 2026-11-01 to 2026-11-28." in text
    assert "| bugs bunny | 40 |\n" in text
    assert "| \\_other (none of the characters) | 3 |\n" in text
    assert "and 1,288 addresses tried" in text
    for words in ("1,200 could not be had", "5 were left alone", "left out: 6", "7 left out", "under neither: 8"):
        assert words in text
    assert "People took out 9, and 10 good ones were not needed" in text
    assert "| CC BY-SA 4.0 | 22 |\n| not stated | 21 |" in text
    assert "Found by bing 28, duckduckgo 15." in text
    assert "| `www.site0.example` | 3 |\n" in text
    hosts = re.findall(r"^\| (?:`www|\d+ others).*\| (\d+) \|$", text, re.MULTILINE)
    assert len(hosts) == 21
    assert sum(map(int, hosts)) == 43


def test_what_nobody_searched_for_is_not_said_to_be_searched() -> None:
    given = [row("fox", 1, engine="folder"), row("fox", 2, engine="")]
    text = dataset_card("x", given, [{"status": "kept", "engine": each["engine"]} for each in given])
    assert "2 pictures of 1 label, given as files or addresses, fetched" in text
    assert "1. The files or addresses that were given: 2.\n" in text
    assert "Labels are those that were given: unless" in text
    assert "From a folder 1, a list of addresses 1." in text
    assert "search" not in text.lower()
    both = dataset_card("x", [*given, row("fox", 3)], [{"status": "kept"}])
    assert "3 pictures of 1 label, found by searching the web or given as files or addresses, fetched" in both
    assert dataset_card("x", [], []).count("0 pictures of 0 labels.\n") == 1


def test_how_to_take_a_picture_down_and_what_not_to_do_is_always_said() -> None:
    for text in (card(), card(with_pictures=False), dataset_card("x", [], [])):
        assert "open a discussion on this repository" in text
        assert "## What it must not be used for" in text
        assert not re.search(r"TODO|More Information Needed|example\.com|\[your|<your", text)


def test_a_manifest_says_that_it_holds_no_pictures_and_is_read_as_rows() -> None:
    text = card(with_pictures=False)
    assert "The pictures are not published here" in text
    assert DatasetCard(text).data.to_dict()["configs"][0]["data_files"][0]["path"] == ["metadata.jsonl"]
    assert "imagefolder" not in text


@pytest.mark.parametrize("key", ["label", "source", "license", "engine", "fetched_at"])
def test_words_from_the_web_stay_words(key: str) -> None:
    text = dataset_card(EVIL, [row("fox", 1) | {key: EVIL}], [])
    read = DatasetCard(text).data
    assert read.pretty_name == '" --- # Taken | <script> [x](javascript:alert(1)) `code` **bold**'
    assert read.license == "other"
    body = text.split("\n---\n", 1)[1]
    outside = re.sub(r"`[^`\n]*`", "", body)  # a host is code
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[x|^---|^# Taken|(?<!\\)\*\*bold", outside, re.MULTILINE)
    assert text.replace("\n", "").isprintable()
    assert all(line.count("|") - line.count("\\|") == 3 for line in body.split("\n") if line.startswith("|"))


@pytest.mark.slow
@pytest.mark.parametrize("with_pictures", [True, False])
def test_the_real_loader_reads_the_folder_as_the_card_says(tmp_path: Path, with_pictures: bool) -> None:
    import datasets  # takes seconds, and only this test needs it

    root = tmp_path / "folder"
    rows = [row(label, k) for label in ("bugs bunny", "_other", "日本 #1", "yes") for k in range(2)]
    rows = [each | {"width": 9, "height": None, "group": ""} for each in rows]
    for each in rows if with_pictures else []:
        path = root / str(each["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(draw_shape("round", seed=1), "JPEG"))
    (root / ".scrape" / "pictures").mkdir(parents=True)
    (root / ".scrape" / "pictures" / "spare.jpg").write_bytes(b"spare")
    (root / "metadata.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    (root / "attempts.jsonl").write_text('{"status": "failed"}\n')
    (root / "README.md").write_text(dataset_card("x", rows, [], with_pictures=with_pictures))
    read = datasets.load_dataset(str(root), split="train", cache_dir=str(tmp_path / "cache"))
    label = read.features["label"]
    names = label.names if with_pictures else None
    assert names == (["bugs bunny", "yes", "日本 #1", "_other"] if with_pictures else None)
    assert sorted(names[k] if names else k for k in read["label"]) == sorted(str(each["label"]) for each in rows)
    assert sorted(read["url"]) == sorted(str(each["url"]) for each in rows)
    assert ("image" in read.column_names) == with_pictures
    if with_pictures:
        assert read[0]["image"].size == (96, 96)
