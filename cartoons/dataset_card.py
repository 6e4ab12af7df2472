"""The dataset card: README.md of a scraped folder, with the front matter that the Hugging Face Hub reads.

Its text is in dataset_card.md, a Jinja2 template of Markdown. Front matter: https://huggingface.co/docs/hub/datasets-cards
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

from cartoons.markdown import code, markdown, plain
from cartoons.model_card import counted, text_of

TEMPLATE = Path(__file__).with_name("dataset_card.md")
MOST_HOSTS = 20
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "n>1T")
"""The Hub's size categories, each ten times the one before; the first is of fewer than 1,000."""

Row = Mapping[str, Any]


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
    days = sorted({day for row in rows if (day := str(row.get("fetched_at") or "")[:10])})
    return text_of(
        DatasetCard.from_template(
            _dataset_card_data(name, len(rows), with_pictures),
            str(TEMPLATE),
            title=markdown(name),
            pictures=len(rows),
            labels=sorted(counts("label", "")),
            days=markdown(days[0] if len(days) == 1 else f"from {days[0]} to {days[-1]}") if days else "",
            attempts=len(attempts),
            status=Counter(str(row.get("status") or "") for row in attempts),
            engines=counts("engine", "no engine"),
            hosts=hosts,
            licences=counts("license", "not stated"),
            counted=counted,
            with_pictures=with_pictures,
        )
    )


def _dataset_card_data(name: str, pictures: int, with_pictures: bool) -> DatasetCardData:
    files = [{"split": "train", "path": ["*/*", "metadata.jsonl"] if with_pictures else ["metadata.jsonl"]}]
    return DatasetCardData(
        pretty_name=plain(name),
        license="other",
        license_name="as-stated-for-each-picture",
        task_categories=["image-classification"],
        size_categories=[next((words for k, words in enumerate(SIZES[:-1]) if pictures < 10 ** (k + 3)), SIZES[-1])],
        tags=["cartoon-classifier", "cartoons"],
        # Without rows the Hub would find nothing to read, so it is told of no files.
        configs=[{"config_name": "default", "data_files": files}] if pictures else None,
    )
