"""The dataset card: README.md of a scraped folder, with the front matter that the Hugging Face Hub reads.

Its text is in dataset_card.md, a Jinja2 template of Markdown. Front matter: https://huggingface.co/docs/hub/datasets-cards
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from cartoons.errors import counted
from cartoons.files import read_json_lines, write_atomically
from cartoons.markdown import code, markdown, plain
from cartoons.metadata import LICENCE_NAME, METADATA_FILE, Row, read_metadata
from cartoons.model_card import card_of
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import ATTEMPTS_FILE
from cartoons.search.engines import ENGINES, FOLDER

MOST_HOSTS = 20
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "n>1T")
"""The Hub's size categories, each ten times the one before; the first is of fewer than 1,000."""

ORIGINS = {True: "found by searching the web", False: "given as files or addresses"}
DTYPES = {str: "string", int: "int64", float: "float64", bool: "bool"}


def dataset_card(name: str, rows: Sequence[Row], attempts: Sequence[Row], *, with_pictures: bool = True) -> str:
    """README.md of a scraped folder: what it holds, where it is from and how to have a picture taken down.

    rows, attempts: those of metadata.jsonl and attempts.jsonl; nothing in them is trusted. with_pictures: the folder is
    published with its pictures, not as a manifest of addresses and hashes.
    """

    def counts(key: str, missing: str, show: Callable[[str], str] = markdown) -> list[tuple[str, int]]:
        found = Counter(str(row.get(key) or "") for row in rows)
        return [(show(words) if words else missing, count) for words, count in found.most_common()]

    hosts = counts("source", "not known", code)
    if rest := hosts[MOST_HOSTS:]:
        hosts[MOST_HOSTS:] = [(f"{len(rest):,} others", sum(count for _, count in rest))]
    is_searched = {row.get("engine") in ENGINES for row in rows or attempts}
    days = sorted({day for row in rows if (day := str(row.get("fetched_at") or "")[:10])})
    return card_of(
        _dataset_card_data(name, rows, with_pictures),
        "dataset_card.md",
        title=markdown(name),
        is_searched=True in is_searched,
        origins=[words for searched, words in ORIGINS.items() if searched in is_searched],
        pictures=len(rows),
        labels=sorted(counts("label", "")),
        days=markdown(days[0] if len(days) == 1 else f"from {days[0]} to {days[-1]}") if days else "",
        attempts=len(attempts),
        status=Counter(str(row.get("status") or "") for row in attempts),
        engines=counts("engine", "a list of addresses", lambda name: "a folder" if name == FOLDER else markdown(name)),
        hosts=hosts,
        licences=counts("license", "not stated"),
        counted=counted,
        with_pictures=with_pictures,
    )


def update(root: Path) -> None:
    """Write the card of a scraped folder anew, by the rows that are there now; any other folder keeps what it has."""
    tried = root / ATTEMPTS_FILE
    if tried.exists():
        rows = list(read_metadata(root / METADATA_FILE).values())
        last = {(row.get("label"), row.get("url")): row for _, row in read_json_lines(tried, strict=False)}
        write_atomically(root / "README.md", dataset_card(root.resolve().name, rows, list(last.values())).encode())


def _dataset_card_data(name: str, rows: Sequence[Row], with_pictures: bool) -> DatasetCardData:
    files = [{"split": "train", "path": ["*/*", METADATA_FILE] if with_pictures else [METADATA_FILE]}]
    config: dict[str, Any] = {"config_name": "default", "data_files": files}
    if with_pictures and (features := _features(rows)):
        config["features"] = features
    pictures = len(rows)
    return DatasetCardData(
        pretty_name=plain(name),
        license="other",
        license_name=LICENCE_NAME,
        task_categories=["image-classification"],
        size_categories=[next((words for k, words in enumerate(SIZES[:-1]) if pictures < 10 ** (k + 3)), SIZES[-1])],
        tags=["cartoon-classifier", "cartoons"],
        # Without rows the Hub would find nothing to read, so it is told of no files.
        configs=[config] if pictures else None,
    )


def _features(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What `datasets` makes of the columns, with the label as a ClassLabel; [] where it has to find that out itself.

    It takes features from here, all columns or none, and no label that is not named here.
    """
    labels = {str(row.get("label") or "") for row in rows}
    names = dict.fromkeys(name for row in rows for name in row)
    types = {name: {type(row[name]) for row in rows if row.get(name) is not None} for name in names}
    if any(plain(label) != label or not label for label in labels) or any(
        len(found) > 1 or not found <= DTYPES.keys() for found in types.values()
    ):
        return []
    classes = {str(k): label for k, label in enumerate(sorted(labels, key=lambda label: (label == OTHER_LABEL, label)))}
    columns = {name: DTYPES[next(iter(found), str)] for name, found in types.items() if name != "file_name"}
    dtypes = {"image": "image", **columns, "label": {"class_label": {"names": classes}}}
    return [{"name": name, "dtype": dtype} for name, dtype in dtypes.items()]
