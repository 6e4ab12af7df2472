"""Answers kept on disk, a JSON file each, so that nothing is asked twice."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from cartoons.errors import SearchError
from cartoons.files import write_atomically
from cartoons.search.engine import Found, Page


@dataclass(frozen=True)
class Question:
    """What an engine was asked for."""

    engine: str
    query: str
    license: str
    page: int

    @property
    def file_name(self) -> str:
        """To be read by people, and unlike that of any other question."""
        words = re.sub(r"[^a-z0-9]+", "-", self.query.lower()).strip("-")[:60]
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]
        return "-".join(filter(None, (self.engine, words, str(self.page), digest))) + ".json"


class AnswerCache:
    """A folder of answers; made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, question: Question) -> Page | None:
        """The answer that was kept; None when there is none, or its file is broken."""
        try:
            kept = json.loads((self._folder / question.file_name).read_bytes())
            page = Page(tuple(Found(**row) for row in kept["found"]), kept["more"])
            return page if kept["question"] == asdict(question) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, question: Question, page: Page) -> None:
        """Keep an answer. Raises SearchError when it cannot be written."""
        kept = {"question": asdict(question), **asdict(page)}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._folder / question.file_name, (json.dumps(kept, indent=1) + "\n").encode())
        except OSError as error:
            raise SearchError(
                f"The answers of the search cannot be kept in {self._folder} ({error}): make room, or choose another --out."
            ) from error
