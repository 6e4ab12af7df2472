"""A picture folder on the Hugging Face Hub: the list of its pictures; the pictures too, where all may be shared."""

import re
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cartoons.cards import dataset_card
from cartoons.errors import DataError
from cartoons.files import HIDDEN, write_atomically, write_lines
from cartoons.hub.push import publish_dataset
from cartoons.metadata import METADATA_FILE, read_metadata
from cartoons.scraping.manifest import Log

SHAREABLE = re.compile(r"cc0|cc[ -]?by|pdm|public domain|apache|mit\b|no known copyright", re.IGNORECASE)


def publish(root: Path, repo: str, *, with_pictures: bool, private: bool) -> str:
    """The link of the Hub data set `repo` ("user/name"), which now holds the card and the list, or the pictures too.

    Raises DataError when there is nothing to publish or a licence does not allow it, HubError when the Hub does not take it.
    """
    rows = list(read_metadata(root / METADATA_FILE).values())
    if not rows:
        raise DataError(f"{root} holds no pictures with metadata: scrape some before you publish them.")
    stated = [str(row.get("license") or "none stated") for row in rows]
    closed = Counter(name for name in stated if not SHAREABLE.match(name))
    if with_pictures and closed:
        spoken = ", ".join(f"{name} ({count})" for name, count in closed.most_common(5))
        raise DataError(
            f"{closed.total()} of {len(rows)} pictures may not be shared (licence: {spoken}): publish without "
            "--with-pictures, or take them out first."
        )
    folder = root / HIDDEN / "published"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    public = [_public(row) for row in rows]
    write_lines(folder / METADATA_FILE, public)
    attempts = [asdict(row) for row in Log(root).rows.values()]
    card = dataset_card(repo.rpartition("/")[2], public, attempts, with_pictures=with_pictures)
    write_atomically(folder / "README.md", card.encode())
    if with_pictures:
        for row in rows:
            (folder / row["file_name"]).parent.mkdir(exist_ok=True)
            shutil.copy2(root / row["file_name"], folder / row["file_name"])
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return publish_dataset(folder, files, repo, private=private)


def _public(row: dict[str, Any]) -> dict[str, Any]:
    """A row without this machine's paths."""
    return {name: "" if str(value).startswith("file:") else value for name, value in row.items()}
