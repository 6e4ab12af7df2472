"""The folder made as decided: kept pictures in their label's folder, the others out of sight, none lost.

Files move first, metadata.jsonl follows, the log comes last: a kill in between leaves each picture in one of two places, and
the next run goes on. A kept picture that a person took out of its folder, or put into another label's, stays so.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cartoons.bundle import write_atomically
from cartoons.dataset import METADATA_FILE
from cartoons.gather.attempts import KEPT, REMOVED, Attempt, Log, whole_lines, write_lines
from cartoons.gather.decide import Word
from cartoons.gather.labels import folder_of

HIDDEN = ".scrape"
COPIED = ("url", "page_url", "title", "author", "engine", "query", "license", "width", "height", "sha256", "phash", "group")
"""What a row of metadata.jsonl takes from its attempt as it is."""


class Places:
    """Where each picture of a folder lies now, by its file's name."""

    def __init__(self, root: Path) -> None:
        self.spare = root / HIDDEN / "pictures"
        self.spare.mkdir(parents=True, exist_ok=True)
        self._root = root
        folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
        self._of = {
            path.name: path
            for folder in (self.spare, *folders)
            for path in folder.iterdir()
            if not path.name.startswith(".")
        }

    def __contains__(self, name: str) -> bool:
        return name in self._of

    def add(self, name: str, data: bytes) -> None:
        """Store a picture out of sight, until it is decided upon."""
        if name not in self:
            write_atomically(self.spare / name, data)
            self._of[name] = self.spare / name

    def hide(self, name: str) -> None:
        """Move a picture out of sight."""
        self._put(name, self.spare)

    def show(self, name: str, label: str) -> None:
        """Move a picture into its label's folder."""
        self._put(name, self._root / folder_of(label))

    def _put(self, name: str, folder: Path) -> None:
        if (now := self._of.get(name)) and now.parent != folder:
            folder.mkdir(exist_ok=True)
            self._of[name] = now.replace(folder / name)

    def by_hand(self, rows: Iterable[Attempt], labels: Iterable[str]) -> dict[str, Word]:
        """What a person did with a file manager to pictures that were kept, by sha256."""
        names = {folder_of(label): label for label in labels}
        words = {}
        for row in rows:
            now = self._of.get(row.file)
            if row.status in (KEPT, REMOVED) and now is None:
                words[row.sha256] = Word("")
            elif row.status == KEPT and now and now.parent != self.spare:
                there = names.get(now.parent.name, now.parent.name)
                if there != row.label:
                    words[row.sha256] = Word(there)
        return words


def settle(root: Path, places: Places, decided: Sequence[Attempt], log: Log) -> None:
    """Move the pictures, then write metadata.jsonl and the log."""
    kept = {row.file: row for row in decided if row.status == KEPT}
    for name in {row.file for row in decided if row.file} - kept.keys():
        places.hide(name)
    for name, row in kept.items():
        places.show(name, row.moved_to or row.label)
    ours = {row.file for row in log.rows.values()} | {row.file for row in decided}
    write_lines(root / METADATA_FILE, [*map(_metadata, kept.values()), *_others(root / METADATA_FILE, ours)])
    log.rewrite(decided)


def _metadata(row: Attempt) -> dict[str, object]:
    label = row.moved_to or row.label
    facts = {name: getattr(row, name) for name in COPIED}
    placed = {"file_name": f"{folder_of(label)}/{row.file}", "label": label}
    return placed | facts | {"source": row.source, "fetched_at": row.fetched_at}


def _others(path: Path, ours: set[str]) -> list[dict[str, object]]:
    """The rows of pictures that came to the folder in another way."""
    rows = [json.loads(line) for line in whole_lines(path)]
    return [row for row in rows if str(row["file_name"]).rpartition("/")[2] not in ours]


def words_of(standing: Mapping[str, tuple[str, str]]) -> dict[str, Word]:
    """Decisions of the review page, (action, label) by sha256, as words; "keep" without a label says nothing about it."""
    return {sha256: Word(label) for sha256, (action, label) in standing.items() if action == "delete" or label}
