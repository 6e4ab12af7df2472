"""What stands beside the pictures: the data set's card and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cartoons.cards import dataset_card
from cartoons.files import write_atomically
from cartoons.metadata import METADATA_FILE, read_metadata
from cartoons.report import scrape_report
from cartoons.scraping.manifest import Attempt


def write(root: Path, rows: Sequence[Attempt], troubles: Mapping[str, Sequence[str]]) -> None:
    """README.md and report.html of a folder, from its rows and its metadata. troubles: of searching, by label."""
    kept = list(read_metadata(root / METADATA_FILE).values())
    labels = list(dict.fromkeys(row.label for row in rows))
    said = list(dict.fromkeys(sentence for sentences in troubles.values() for sentence in sentences))
    attempts = [asdict(row) for row in rows]
    scrape_report.write(root, labels, attempts, kept, said)
    write_atomically(root / "README.md", dataset_card(root.resolve().name, kept, attempts).encode())
