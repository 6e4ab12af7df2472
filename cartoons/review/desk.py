"""What the page asks for and tells, in plain values that JSON can hold: the pictures of a class, decisions, small copies."""

import base64
import hashlib
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cartoons.classifier import Classifier
from cartoons.errors import DataError
from cartoons.images import load
from cartoons.review import decisions, shelf
from cartoons.review.apply import apply
from cartoons.review.decisions import DELETE, KEEP, MOVE, UNDO, Decision
from cartoons.review.ranking import Opinion, in_order, opinions
from cartoons.review.shelf import Picture, labels_of, waits, word_on

SMALL_PX, LARGE_PX = 320, 1280
JPEG_QUALITY = 82
Told = dict[str, Any]


class Desk:
    """A picture folder under review. Pictures go by a key, not by a path. Safe to call from several threads."""

    def __init__(self, root: Path, classifier: Classifier | None, folder_of: Callable[[str], str] = str) -> None:
        """Read the folder and have the classifier look at it, if there is one. folder_of: as `apply` takes it.

        Raises DataError when there is nothing to review.
        """
        self.root, self._classifier, self._folder_of = root, classifier, folder_of
        self._lock = threading.RLock()
        self._labels: list[str] = []
        self._read()
        if not self._pictures:
            raise DataError(f"{root} holds no pictures: put the pictures of each character into a folder of its name.")

    def overview(self) -> Told:
        """The classes, with how many of each are there and are to be looked at, and how many decisions wait."""
        with self._lock:
            classes = [
                {"label": label, "pictures": len(keys), "to_look_at": sum(self._is_to_look_at(key) for key in keys)}
                for label, keys in self._classes.items()
            ]
            waiting = sum(waits(picture, self._word(picture)) for picture in self._pictures.values())
            model = self._classifier.info.name if self._classifier else ""
            return {"folder": self.root.resolve().name, "model": model, "classes": classes, "waiting": waiting}

    def cards(self, label: str, start: int, count: int) -> Told:
        """What there is to show of the pictures of a class from start on; {"cards": [...], "pictures": all of the class}."""
        with self._lock:
            keys = self._classes.get(label, [])
            return {"cards": [self._card(key) for key in keys[start : start + count]], "pictures": len(keys)}

    def decide(self, key: str, action: str, to: str) -> Told:
        """Write a decision down, then tell how the picture and everything stand."""
        if action not in (KEEP, DELETE, MOVE) or (action == MOVE) != (to in self._labels):
            raise DataError(f"There is no {action!r} to {to!r} here: reload the page.")
        with self._lock:
            picture = self._picture(key)
            if action == MOVE and to == picture.label:
                action, to = KEEP, ""
            self._write(Decision(picture.file_name, picture.sha256, action, to, decisions.now()))
            return {"card": self._card(key), "overview": self.overview()}

    def undo(self, key: str) -> Told:
        """Take back the decision on a picture, or with key "" the last one on any; tells as `decide`, and where it is.

        With nothing to take back it tells of no card.
        """
        with self._lock:
            key = key or self._last_decided()
            if not key or not self._can_undo(self._picture(key)):
                return {"overview": self.overview()}
            picture = self._picture(key)
            self._write(Decision(picture.file_name, picture.sha256, UNDO, "", decisions.now()))
            place = self._classes[picture.label].index(key)
            return {"card": self._card(key), "label": picture.label, "place": place, "overview": self.overview()}

    def apply(self) -> Told:
        """Carry out what waits; {"deleted": n, "moved": n, "overview": ...}."""
        with self._lock:
            try:
                done = apply(self.root, self._folder_of)
            finally:
                self._read()
            return {"deleted": done.deleted, "moved": done.moved, "overview": self.overview()}

    def picture(self, key: str, large: bool) -> str:
        """A data: URL of a copy of the picture, at most LARGE_PX or SMALL_PX a side. Raises ImageError for a broken one."""
        copy, side_px = load(self._picture(key).path), LARGE_PX if large else SMALL_PX
        copy.thumbnail((side_px, side_px))
        buffer = io.BytesIO()
        copy.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"

    def _read(self) -> None:
        """Everything from the disk, in the order to look at it; the classes stay, emptied ones too."""
        pictures = shelf.read(self.root)
        self._labels = labels_of(pictures, self._labels)
        self._said = decisions.read(self.root)
        self._standing = decisions.last_words(self._said)
        self._opinions = opinions(self.root, pictures, self._classifier) if self._classifier and pictures else None
        decided = {picture.file_name: bool(self._word(picture)) for picture in pictures}
        self._pictures = {_key(picture): picture for picture in pictures}
        self._classes = {
            label: [_key(p) for p in in_order([p for p in pictures if p.label == label], self._opinions, decided)]
            for label in self._labels
        }

    def _write(self, decision: Decision) -> None:
        try:
            decisions.append(self.root, decision)
        except OSError as error:
            raise DataError(
                f"The decision could not be written ({error}), so it does not count: mend that first."
            ) from error
        self._said.append(decision)
        self._standing = decisions.last_words(self._said)

    def _picture(self, key: str) -> Picture:
        if key not in self._pictures:
            raise DataError("That picture is no longer there: reload the page.")
        return self._pictures[key]

    def _word(self, picture: Picture) -> Decision | None:
        return word_on(picture, self._standing)

    def _can_undo(self, picture: Picture) -> bool:
        """Whether there is a decision on it that was not carried out yet."""
        word = self._word(picture)
        return word is not None and (word.action == KEEP or waits(picture, word))

    def _last_decided(self) -> str:
        """The key of the picture that was decided last, or ""."""
        mine = {picture.sha256: key for key, picture in self._pictures.items() if self._can_undo(picture)}
        return next((mine[sha256] for sha256 in reversed(self._standing) if sha256 in mine), "")

    def _is_to_look_at(self, key: str) -> bool:
        picture = self._pictures[key]
        doubted = self._opinions is None or self._opinions[picture.file_name].doubts
        return doubted and self._word(picture) is None

    def _card(self, key: str) -> Told:
        picture = self._pictures[key]
        word = self._word(picture)
        opinion: Opinion | None = self._opinions[picture.file_name] if self._opinions else None
        return {
            "key": key,
            "name": _clean(picture.path.name),
            "label": picture.label,
            "source": _clean(picture.source),
            "title": _clean(picture.title),
            "action": word.action if word else "",
            "to": word.to if word else "",
            "undoable": self._can_undo(picture),
            "looks_like": opinion.label if opinion else "",
            "probability": opinion.probability if opinion else 0.0,
            "suggested": opinion.suggested if opinion else "",
        }


def _key(picture: Picture) -> str:
    return hashlib.sha256(picture.file_name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _clean(words: str) -> str:
    """The words without halves of characters, which no page can hold."""
    return words.encode("utf-8", "replace").decode()
