"""The pictures of a folder, and decisions.jsonl: what a person decided about which, a line each, never rewritten.

{"file_name": "donald duck/01ab.jpg", "sha256": "...", "action": "move", "to": "daisy duck", "at": "2026-11-24T12:59+00:00"}

The last decision about a picture counts, of two copies that about each; "undo" takes the last one back.
"""

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit

from cartoons.errors import DataError
from cartoons.files import append_json_lines, read_json_lines
from cartoons.metadata import is_label, text
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import file_sha256
from cartoons.picture_folder import LabelledPicture, check_labels, in_words, read_folder

DECISIONS_FILE = "decisions.jsonl"
KEEP, DELETE, MOVE, UNDO = ACTIONS = ("keep", "delete", "move", "undo")


@dataclass(frozen=True)
class Picture(LabelledPicture):
    """A picture file of the folder, with what its metadata says of it."""

    sha256: str
    """As its metadata says, else of the file's bytes, else of its path: names the picture wherever it is moved."""

    @property
    def source(self) -> str:
        """Where it is from: a host or another name; "" where unknown."""
        with suppress(ValueError):
            return text(self.row.get("source")) or urlsplit(text(self.row.get("url"))).hostname or ""
        return ""

    @property
    def split_folder(self) -> str:
        """What is before the label's folder: "train/" or "valid/" in a folder that is split so, else ""."""
        return self.folder[: self.folder.rfind("/") + 1]

    @property
    def key(self) -> str:
        """What the page calls it by: its path, hashed."""
        return hashlib.sha256(os.fsencode(self.file_name)).hexdigest()[:16]


@dataclass(frozen=True)
class Decision:
    """One line of decisions.jsonl."""

    file_name: str
    """Where the picture was: its path below the root, with slashes."""
    sha256: str
    """Which picture it is: `Picture.sha256`."""
    action: str
    """One of ACTIONS."""
    to: str = ""
    """The label that a "move" gives, else ""."""
    at: str = ""
    """When, as ISO 8601 in UTC, with microseconds: what was decided in one go has one time, and is undone in one go."""

    def __post_init__(self) -> None:
        if not all(isinstance(value, str) for value in vars(self).values()):
            raise ValueError("every value must be text")
        if self.action not in ACTIONS or (self.action == MOVE) != bool(self.to):
            raise ValueError(f"action {self.action!r} to {self.to!r}, but only a move goes to a label")
        if self.to and not is_label(self.to):
            raise ValueError(f"the label {self.to!r} cannot be written down as text, on one line")


_History = dict[tuple[str, str], list[tuple[int, Decision]]]
"""The decisions on each copy, by sha256 and file_name, with the number of each in the order in which they were made."""


def read_pictures(root: Path) -> list[Picture]:
    """Every picture below the label folders, sorted by path; links that lead out of the root are left out.

    Raises DataError where the root is no folder, its metadata is broken, or a label cannot be written down.
    """
    pictures, inside = read_folder(root).pictures, root.resolve()
    check_labels(root, {picture.label for picture in pictures})
    described = (_described(each) for each in pictures if each.path.resolve().is_relative_to(inside))
    return [picture for picture in described if picture]


def not_shown(root: Path) -> list[str]:
    """What of the folder `read_pictures` passes over and why, a sentence each. Raises DataError as that does."""
    folder, inside = read_folder(root), root.resolve()
    reasons = Counter(each.reason for each in folder.passed_over)
    if outside := sum(not each.path.resolve().is_relative_to(inside) for each in folder.pictures):
        reasons["a link to a picture that is not in the folder"] = outside
    return [*folder.warnings(), *([f"Not shown: {in_words(reasons)}."] if reasons else [])]


def labels_of(pictures: Iterable[Picture], more: Iterable[str] = ()) -> list[str]:
    """Every label, and more of them, once: the characters alphabetically, then `_other` if it is there."""
    return sorted({*more, *(picture.label for picture in pictures)}, key=lambda label: (label == OTHER_LABEL, label))


def append(root: Path, *new: Decision) -> None:
    """Add a line each; when this returns they are on the disk."""
    append_json_lines(root / DECISIONS_FILE, *map(asdict, new), sync=True)


def read_decisions(root: Path) -> list[Decision]:
    """Every decision in order, [] where there are none. Raises DataError for a whole line that is no decision."""
    path, decisions = root / DECISIONS_FILE, []
    for number, row in read_json_lines(path, strict=False):
        try:
            decisions.append(Decision(**row))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} line {number} is not a decision ({error}): mend it or take it out.") from error
    return decisions


def latest_decisions(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that was made last about each picture or a copy of it, by sha256; the last one is the last."""
    return {sha256: mine[-1] for sha256, mine in standing_decisions(decisions).items()}


class DecisionLog:
    """decisions.jsonl as it was read last: other pages write into it too. Whoever reads or changes it holds the lock."""

    def __init__(self, root: Path) -> None:
        self.lock = threading.RLock()
        self.decisions: list[Decision] = []
        self.standing: Mapping[str, Sequence[Decision]] = {}
        self._path, self._read_at = root / DECISIONS_FILE, (0, 0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, with the decisions as they are now. Raises DataError as `read_decisions` does."""
        with self.lock:
            self.update()
            yield

    def update(self) -> None:
        """Read the file again where it is another one by now. Raises DataError as `read_decisions` does."""
        now = (0, 0)
        if self._path.is_file():
            status = self._path.stat()
            now = status.st_mtime_ns, status.st_size
        if now != self._read_at:
            self.decisions = read_decisions(self._path.parent)
            self.standing, self._read_at = standing_decisions(self.decisions), now


def standing_decisions(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """The decisions that count, by sha256 in the order in which they were made: one for each copy of a picture.

    A copy is known by its file_name.
    """
    standing: dict[str, list[Decision]] = {}
    for _, decision in sorted((stack[-1] for stack in _not_undone(decisions).values()), key=itemgetter(0)):
        mine_before = standing.pop(decision.sha256, [])
        standing[decision.sha256] = [*mine_before, decision]
    return standing


def _not_undone(decisions: Iterable[Decision]) -> _History:
    """The decisions that were not taken back."""
    history: _History = {}
    for number, decision in enumerate(decisions):
        mine = decision.sha256, decision.file_name
        if decision.action != UNDO:
            history.setdefault(mine, []).append((number, decision))
        elif undone := mine if mine in history else _last_of(decision.sha256, history):
            history[undone].pop()
            if not history[undone]:
                del history[undone]
    return history


def _last_of(sha256: str, history: _History) -> tuple[str, str] | None:
    """Which copy was decided about last: earlier versions took a decision back by where the picture was by then."""
    copies = [copy for copy in history if copy[0] == sha256]
    return max(copies, key=lambda copy: history[copy][-1][0], default=None)


def last_made(decisions: Iterable[Decision]) -> list[Decision]:
    """What was decided last and not taken back: one decision, or all that were made in one go."""
    standing = [decision for _, decision in sorted(chain(*_not_undone(decisions).values()), key=itemgetter(0))]
    at = standing[-1].at if standing else ""
    in_one_go = "." in at  # earlier versions wrote whole seconds, in which several were made
    return [decision for decision in standing if decision.at == at] if in_one_go else standing[-1:]


def decision_on(
    picture: Picture, decisions: Mapping[str, Sequence[Decision]], file_names: Container[str]
) -> Decision | None:
    """The decision that counts for this file: a copy elsewhere in the folder is not deleted, moved or kept with it.

    That is the last of its own, or that moved it here, else one that kept it where it was before a person moved it.
    decisions: as `standing_decisions` gives them; file_names: of the pictures that are in the folder.
    """
    mine = decisions.get(picture.sha256, ())
    for decision in reversed(mine):
        moved_here = decision.action == MOVE and decision.to == picture.label and decision.file_name not in file_names
        if moved_here or decision.file_name == picture.file_name:
            return decision
    kept = (each for each in reversed(mine) if each.action == KEEP and each.file_name not in file_names)
    return next(kept, None)


def is_pending(picture: Picture, decision: Decision | None) -> bool:
    """Whether applying that decision would do something to the picture."""
    if decision is None or decision.action == KEEP:
        return False
    return decision.action == DELETE or decision.to != picture.label


def _described(picture: LabelledPicture) -> Picture | None:
    """A file with its sha256; None when it was taken away while the folder was being read."""
    sha256 = text(picture.row.get("sha256")) or file_sha256(picture.path)
    if not sha256 and not picture.path.exists():
        return None
    return Picture(**vars(picture), sha256=sha256 or hashlib.sha256(os.fsencode(picture.file_name)).hexdigest())
