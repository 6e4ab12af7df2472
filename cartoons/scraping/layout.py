"""The folder made as decided: kept pictures in their label's folder, the others out of sight, none lost.

Files move first, metadata.jsonl follows, the log comes last: a kill in between leaves each picture in one of two places, and
the next run goes on. A kept picture that a person took out of its folder, or put into another label's, stays so.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cartoons.errors import DataError
from cartoons.files import HIDDEN, write_atomically, write_lines
from cartoons.folder_layout import split_folders
from cartoons.metadata import METADATA_FILE, read_metadata
from cartoons.picture_files import is_hidden
from cartoons.review.decisions import DELETE, KEEP, Decision
from cartoons.scraping.labels import folder_of
from cartoons.scraping.manifest import KEPT, REMOVED, Attempt, Log
from cartoons.scraping.selection import Word

COPIED = ("url", "page_url", "title", "author", "engine", "query", "license", "width", "height", "sha256", "phash", "group")
"""What a row of metadata.jsonl takes from its attempt as it is."""


class Places:
    """Where each picture of a folder lies now, by its file's name. Raises DataError for a folder that is split already."""

    def __init__(self, root: Path) -> None:
        if parts := split_folders(root):
            spoken = " and ".join(f"{name}/" for name in parts)
            raise DataError(f"{root} is split into {spoken}, which scraping would mix up: give another --out.")
        self.spare = root / HIDDEN / "pictures"
        self.spare.mkdir(parents=True, exist_ok=True)
        self._root = root
        folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and not is_hidden(folder.name)]
        self._of = {
            path.name: path for folder in (self.spare, *folders) for path in folder.iterdir() if not is_hidden(path.name)
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

    def words(self, rows: Iterable[Attempt], said: Mapping[str, Decision]) -> dict[str, Word]:
        """What people want of pictures, by sha256: said on the review page, or done with a file manager."""
        rows = [row for row in rows if row.file]
        names = {folder_of(label): label for row in rows for label in (row.label, row.moved_to) if label}
        found = ((row.sha256, self._word(row, said.get(row.sha256), names)) for row in rows)
        return {sha256: word for sha256, word in found if word}

    def _word(self, row: Attempt, said: Decision | None, names: Mapping[str, str]) -> Word | None:
        """names: labels by their folders. Whoever moved a file after it was decided upon has the last word."""
        now = self._of.get(row.file)
        if now is None:
            return Word("") if row.status in (KEPT, REMOVED) or (said and said.action == DELETE) else None
        if now.parent == self.spare:
            return Word(said.to) if said and said.action != KEEP else None
        there = names.get(now.parent.name, now.parent.name)
        if said and said.action != KEEP and (said.file_name == f"{now.parent.name}/{now.name}" or said.to == there):
            return Word(said.to)
        return Word(there) if said or (row.status == KEPT and there != row.label) else None


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


def _others(path: Path, ours: set[str]) -> list[Mapping[str, object]]:
    """The rows of pictures that came to the folder in another way."""
    return [row for name, row in read_metadata(path).items() if str(name).rpartition("/")[2] not in ours]
