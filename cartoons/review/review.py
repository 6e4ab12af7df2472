"""A picture folder under review: what its page shows, asks and is told, as plain values."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cartoons.classifier import Classifier
from cartoons.errors import DataError
from cartoons.images import jpeg_url, load
from cartoons.metadata import text
from cartoons.model_folder import OTHER_LABEL
from cartoons.review import decisions
from cartoons.review.apply import apply
from cartoons.review.decisions import DELETE, KEEP, MOVE, UNDO, Decision, Picture
from cartoons.review.opinions import Opinions
from cartoons.review.ranking import SURE, UNSEEN, Opinion, in_order

SMALL_PX, LARGE_PX = 320, 1280
JPEG_QUALITY = 82
FIRST_LOOK_S = 2.0
"""So long the model looks before the page is shown; a folder of a few pictures is in its last order then."""
Answer = dict[str, Any]
"""Plain values that JSON can hold."""
GONE = "That picture is no longer there: reload the page."
CARRIED_OUT = (
    "The last decision was applied: a deleted picture is in .scrape/removed (in .scrape/pictures, if scrape.py filled the "
    "folder since), a moved one is under its new label. Move it back from there, start scrape.py review again, and press U: "
    "else the next Apply does the same once more."
)


class Review:
    """A picture folder under review. The page knows pictures by a key, not by a path. Safe to call from several threads."""

    def __init__(self, root: Path, classifier: Classifier | None, folder_of: Callable[[str], str] = str) -> None:
        """Read the folder, and let the classifier look at it, if there is one. folder_of: as `apply` takes it.

        Raises DataError when there is nothing to review.
        """
        self.root, self._folder_of = root, folder_of
        self._log = decisions.DecisionLog(root)
        self._labels: list[str] = []
        self._order = 0
        self._opinions = Opinions(root, classifier, self._log.lock, self._sort) if classifier else None
        with self._log.held():
            self._read()
            thread = self._opinions.thread if self._opinions else None
        if not self._pictures:
            raise DataError(f"{root} holds no pictures: put the pictures of each character into a folder of its name.")
        if thread:
            thread.join(FIRST_LOOK_S)

    def overview(self) -> Answer:
        """Every class, what is to be looked at and what waits; how far the model is with its looking, and `order`, a number
        that changes when the pictures of the classes are in another order.
        """
        with self._log.held():
            classes = [self._class(label, keys) for label, keys in self._classes.items()]
            waiting = sum(decisions.is_pending(picture, self._decision(picture)) for picture in self._pictures.values())
            opinions = self._opinions
            return {
                "folder": self.root.resolve().name,
                "model": opinions.name if opinions else "",
                "classes": classes,
                "waiting": waiting,
                "sure": len(self._acceptable()),
                "sure_percent": round(100 * SURE),
                "order": self._order,
                "looked_at": len(opinions.by_file) if opinions else len(self._pictures),
                "is_looking": bool(opinions and opinions.thread),
                "trouble": opinions.trouble if opinions else "",
            }

    def _class(self, label: str, keys: Sequence[str]) -> Answer:
        undecided = [key for key in keys if self._is_undecided(key)]
        return {
            "label": label,
            "pictures": len(keys),
            "doubted": sum(map(self._is_doubted, keys)),
            "to_look_at": sum(map(self._is_doubted, undecided)),
            "undecided": len(undecided),
            "sure": sum(self._opinion(key).is_sure for key in undecided),
        }

    def cards(self, label: str, start: int, count: int) -> Answer:
        """What there is to show of the pictures of a class from start on; {"cards": [...], "pictures": all of the class}."""
        with self._log.held():
            keys = self._classes.get(label, [])
            return {"cards": [self._card(key) for key in keys[start : start + count]], "pictures": len(keys)}

    def decide_all(self, keys: Sequence[str], action: str, to: str) -> Answer:
        """Write a decision on pictures down in one go, which is undone in one go; {"cards": [...], "overview": ...}."""
        if action not in (KEEP, DELETE, MOVE) or (action == MOVE) != (to in self._labels):
            raise DataError(f"There is no {action!r} to {to!r} here: reload the page.")
        with self._log.held():
            stay = {key for key in keys if action == MOVE and to == self._picture(key).label}
            self._write({key: (KEEP, "") if key in stay else (action, to) for key in keys})
            return {"cards": [self._card(key) for key in keys], "overview": self.overview()}

    def accept(self) -> Answer:
        """Move every undecided picture that looks exactly like another label there; {"decided": n, "overview": ...}.

        Those of `_other` are left to the eye: what is drawn like a character may well be none.
        """
        with self._log.held():
            return self._decided({key: (MOVE, self._opinion(key).suggested) for key in self._acceptable()})

    def keep_rest(self, label: str) -> Answer:
        """Keep every undecided picture of a class; answers as `accept`."""
        with self._log.held():
            mine = self._classes.get(label, [])
            keys = [key for key in mine if self._is_undecided(key) or not self._pictures[key].path.exists()]
            return self._decided(dict.fromkeys(keys, (KEEP, "")))

    def _decided(self, actions: dict[str, tuple[str, str]]) -> Answer:
        if actions:
            self._write(actions)
        return {"decided": len(actions), "overview": self.overview()}

    def next_doubt(self, key: str) -> Answer:
        """The next picture to look at after this one, of this class and then of the others; {} when none is left."""
        with self._log.held():
            keys = [each for keys in self._classes.values() for each in keys]
            start = keys.index(key) + 1 if key in keys else 0
            found = next((each for each in (*keys[start:], *keys[:start]) if self._is_to_look_at(each)), None)
            return self.place(found) if found else {}

    def place(self, key: str) -> Answer:
        """Where a picture is shown: {"label": its class, "place": from 0}."""
        with self._log.held():
            label = self._picture(key).label
            return {"label": label, "place": self._classes[label].index(key)}

    def undo(self, key: str) -> Answer:
        """Take back the decision on a picture, or with key "" the last one, or all that were made in one go with it.

        {"card": the last of them, "label" and "place": where it is, "undone": how many, "overview": ...}. With nothing to
        take back there is no card, but `why`.
        """
        with self._log.held():
            last = decisions.last_made(self._log.decisions)
            keys = [key] if key else self._keys_of(last)
            keys = [each for each in keys if self._can_undo(self._picture(each))]
            if not keys:
                return {"overview": self.overview(), "why": CARRIED_OUT if last else "There is nothing to undo."}
            self._write(dict.fromkeys(keys, (UNDO, "")))
            shown = {"card": self._card(keys[-1]), **self.place(keys[-1])}
            return {**shown, "undone": len(keys), "overview": self.overview()}

    def apply(self) -> Answer:
        """Carry out what waits; {"deleted": n, "moved": n, "overview": ...}."""
        with self._log.held():
            try:
                done = apply(self.root, self._folder_of)
            finally:
                self._read()
            return {"deleted": done.deleted, "moved": done.moved, "overview": self.overview()}

    def picture(self, key: str, large: bool) -> Answer:
        """{"url": a data: URL of a copy, at most LARGE_PX or SMALL_PX a side}. Raises ImageError for a broken one."""
        return {"url": jpeg_url(load(self._picture(key).path), LARGE_PX if large else SMALL_PX, JPEG_QUALITY)}

    def _read(self) -> None:
        """Everything from the disk, in the order to look at it; the classes stay, emptied ones too."""
        pictures = decisions.read_pictures(self.root)
        self._labels = decisions.labels_of(pictures, self._labels)
        self._log.update()
        self._pictures = {picture.key: picture for picture in pictures}
        self._file_names = {picture.file_name for picture in pictures}
        if self._opinions and pictures:
            self._opinions.update(pictures, decisions.labels_of(pictures))
        self._sort()

    def _sort(self) -> None:
        pictures, opinions = list(self._pictures.values()), self._opinions.by_file if self._opinions else None
        decided = {picture.file_name: bool(self._decision(picture)) for picture in pictures}
        self._classes = {
            label: [p.key for p in in_order([p for p in pictures if p.label == label], opinions, decided)]
            for label in self._labels
        }
        self._order += 1

    def _write(self, actions: dict[str, tuple[str, str]]) -> None:
        """actions: by picture what is decided, and the label it moves to or "". Raises DataError, with nothing written."""
        now, made = datetime.now(UTC).isoformat(timespec="microseconds"), []
        for key, (action, to) in actions.items():
            picture = self._picture(key)
            undone = self._decision(picture) if action == UNDO else None
            made.append(Decision((undone or picture).file_name, picture.sha256, action, to, now))
        try:
            if not all(self._pictures[key].path.exists() for key in actions):
                self._read()  # another page, or a person, has moved it
                raise DataError(GONE)
            decisions.append(self.root, *made)
        except OSError as error:
            why = f"The decision could not be written ({error}), so it does not count: mend that first."
            raise DataError(why) from error
        self._log.update()

    def _picture(self, key: str) -> Picture:
        if key not in self._pictures:
            raise DataError(GONE)
        return self._pictures[key]

    def _decision(self, picture: Picture) -> Decision | None:
        return decisions.decision_on(picture, self._log.standing, self._file_names)

    def _can_undo(self, picture: Picture) -> bool:
        """Whether there is a decision on it that was not carried out yet."""
        decision = self._decision(picture)
        return decision is not None and (decision.action == KEEP or decisions.is_pending(picture, decision))

    def _keys_of(self, made: Sequence[Decision]) -> list[str]:
        """The keys of the pictures that these decisions count for."""
        keys = {decision: key for key, picture in self._pictures.items() if (decision := self._decision(picture))}
        return [keys[decision] for decision in made if decision in keys]

    def _opinion(self, key: str) -> Opinion:
        return self._opinions[self._picture(key)] if self._opinions else UNSEEN

    def _is_doubted(self, key: str) -> bool:
        return self._opinions is None or self._opinion(key).doubts

    def _is_undecided(self, key: str) -> bool:
        return self._decision(self._pictures[key]) is None

    def _is_to_look_at(self, key: str) -> bool:
        return self._is_doubted(key) and self._is_undecided(key)

    def _acceptable(self) -> list[str]:
        """The undecided pictures of characters that look exactly like another label."""
        keys = (key for label, keys in self._classes.items() if label != OTHER_LABEL for key in keys)
        return [key for key in keys if self._opinion(key).is_sure and self._is_undecided(key)]

    def _card(self, key: str) -> Answer:
        picture = self._pictures[key]
        decision, opinion = self._decision(picture), self._opinion(key)
        shown = {"name": picture.path.name, "source": picture.source, "title": text(picture.row.get("title"))}
        return {name: value.encode("utf-8", "replace").decode() for name, value in shown.items()} | {
            "key": key,
            "label": picture.label,
            "action": decision.action if decision else "",
            "to": decision.to if decision else "",
            "undoable": self._can_undo(picture),
            "looks_like": opinion.label,
            "probability": opinion.probability,
            "suggested": opinion.suggested,
        }
