"""decisions.jsonl: what a person said of which picture, a line each, never rewritten.

{"file_name": "donald duck/01ab.jpg", "sha256": "...", "action": "move", "to": "daisy duck", "at": "2026-11-24T12:59+00:00"}

The last word on a picture wins; "undo" takes the last one back.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cartoons.errors import DataError
from cartoons.files import json_line

DECISIONS_FILE = "decisions.jsonl"
KEEP, DELETE, MOVE, UNDO = "keep", "delete", "move", "undo"
ACTIONS = (KEEP, DELETE, MOVE, UNDO)


@dataclass(frozen=True)
class Decision:
    """One line of decisions.jsonl."""

    file_name: str
    """Where the picture was: its path below the root, with slashes."""
    sha256: str
    """Which picture it is: the `sha256` of its metadata, else of its file's bytes."""
    action: str
    """One of ACTIONS."""
    to: str = ""
    """The label that a "move" gives, else ""."""
    at: str = ""
    """When, as ISO 8601 in UTC."""


def now() -> str:
    """The present second, as `Decision.at` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append(root: Path, decision: Decision) -> None:
    """Add a line; when this returns it is on the disk. A line that a kill cut short before it gets its end first."""
    line = json_line(asdict(decision))
    with (root / DECISIONS_FILE).open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read(root: Path) -> list[Decision]:
    """Every decision in order, [] where there are none.

    What is no whole JSON was cut short by a kill, so nobody was told that it is written: it is passed over.
    Raises DataError for a whole line that is no decision.
    """
    path = root / DECISIONS_FILE
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}): mend it or take it away.") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        try:
            found.append(_checked(Decision(**row)))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} line {number} is not a decision ({error}): mend it or take it out.") from error
    return found


def _checked(decision: Decision) -> Decision:
    if not all(isinstance(value, str) for value in asdict(decision).values()):
        raise ValueError("every value must be text")
    if decision.action not in ACTIONS or (decision.action == MOVE) != bool(decision.to):
        raise ValueError(f"action {decision.action!r} to {decision.to!r}, but only a move goes to a label")
    return decision


def standing(root: Path) -> dict[str, Decision]:
    """The word that counts on each picture, by sha256."""
    return last_words(read(root))


def last_words(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The word that counts on each picture, by sha256; pictures in the order in which they were last spoken of."""
    said: dict[str, list[Decision]] = {}
    for decision in decisions:
        words = said.pop(decision.sha256, [])
        if decision.action != UNDO:
            words.append(decision)
        elif words:
            words.pop()
        if words:
            said[decision.sha256] = words
    return {sha256: words[-1] for sha256, words in said.items()}
