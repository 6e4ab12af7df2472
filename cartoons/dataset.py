"""The picture folder as training takes it: pictures with labels, sources, groups and hashes, read once and passed on.

<root>/<label>/<name>.jpg                  "_other" holds pictures of none of the characters
<root>/train/<label>/..., <root>/valid/... the same, split by whoever made it; folder_layout.py knows other ways
<root>/metadata.jsonl                      optional; a row per picture: file_name, label, source, group, character, style
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cartoons.console import command
from cartoons.errors import DataError, counted
from cartoons.folder_layout import TRAIN, spoken
from cartoons.metadata import alike_key, clean_label, says_photo, text
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import file_sha256
from cartoons.picture_folder import LabelledPicture, PictureFolder, check_labels, in_words, read_folder

FEWEST_PER_LABEL = 5
LABELS_SHOWN = 30
CONFLICTS_SHOWN = 10
COPIES_SHOWN = 4
IN_CONFLICT = "the same picture under several labels"


@dataclass(frozen=True)
class Item:
    """One picture of the folder. Fields without metadata: source "", character as the label, group a hash of the file.

    A character is spelt in small letters, so that Minnie is minnie.
    """

    path: Path
    label: str
    source: str
    group: str
    character: str
    is_photo: bool
    part: str = ""
    """"train" or "valid" in a folder that is split so, else ""."""
    sha256: str = field(default="", repr=False)
    """Of the file's bytes; "" for one that cannot be read."""

    @property
    def other_character(self) -> str:
        """The character of a drawing of `_other`, where metadata names it, else ""."""
        return "" if self.label != OTHER_LABEL or self.is_photo or self.character == OTHER_LABEL else self.character


@dataclass(frozen=True)
class Unreadable:
    """A picture that does not open."""

    item: Item
    error: str
    reason: str
    """The same in a few words, to be counted: "damaged"."""


@dataclass(frozen=True)
class Dataset:
    """A picture folder, read once and passed on."""

    folder: PictureFolder
    items: tuple[Item, ...]
    """Sorted by path."""
    unreadable: tuple[Unreadable, ...] = ()
    """Known once near_duplicates has opened every picture: those are no items any more."""
    conflicts: tuple[tuple[Item, ...], ...] = ()
    """Known then too, and no items any more: pictures that lie under several labels, all copies of each."""

    @cached_property
    def counts(self) -> Counter[str]:
        """The number of pictures of each label."""
        return Counter(item.label for item in self.items)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the model's order: the characters alphabetically, then `_other` if it is there."""
        return tuple(sorted(self.counts, key=lambda label: (label == OTHER_LABEL, label)))

    @property
    def content_hash(self) -> str:
        """sha256 over each readable picture's label and bytes, in an order of its own: names this data set exactly."""
        lines = sorted(f"{item.label}\t{item.sha256}" for item in self.items if item.sha256)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def near_duplicates(self) -> int:
        """The number of pictures that share an artwork with another."""
        groups = Counter(item.group for item in self.items)
        return sum(count for count in groups.values() if count > 1)

    @property
    def passed_over(self) -> dict[str, int]:
        """How many files and folders are not used, by reason, the most common first."""
        return dict((Counter(each.reason for each in self.folder.passed_over) + self._left_out).most_common())

    @property
    def _left_out(self) -> Counter[str]:
        """How many files were left out once they had been opened, by reason."""
        counts = Counter(each.reason for each in self.unreadable)
        return counts + Counter({IN_CONFLICT: sum(map(len, self.conflicts))})

    def summary(self) -> list[str]:
        """What the folder was taken for, a sentence each."""
        counts = self.counts
        labels = [f"{label} {counts[label]:,}" for label in self.labels]
        if len(labels) > LABELS_SHOWN:
            labels = [*labels[:LABELS_SHOWN], f"{len(labels) - LABELS_SHOWN} more"]
        pictures = f"{self.folder.root}: {len(self.items):,} pictures of {len(counts):,} labels: {', '.join(labels)}."
        passed_over = in_words(self.passed_over) or "nothing"
        return [pictures, f"Split found: {self.folder.split_words()}. Passed over: {passed_over}."]

    def warnings(self) -> list[str]:
        """A sentence for every picture under several labels, and for what makes a poor model of opened pictures."""
        root, characters = self.folder.root, [label for label in self.labels if label != OTHER_LABEL]
        sentences = [self._conflict_words(copies) for copies in self.conflicts[:CONFLICTS_SHOWN]]
        if (more := len(self.conflicts) - CONFLICTS_SHOWN) > 0:
            sentences.append(f"So it is with {more:,} more picture{'s' if more > 1 else ''}: the report names them all.")
        if self.conflicts:
            files = f"their {sum(map(len, self.conflicts)):,} files are left out, of training and of measuring"
            advice = f"Move or delete those under a wrong label: {command('python', 'scrape.py', 'review', root)}"
            sentences.append(f"It is unclear what they show, so {files}. {advice}")
        spelt = {alike_key(label).replace("_", " "): label for label in characters}
        misplaced = Counter(spelt.get(item.other_character.replace("_", " ")) for item in self.items)
        for label in filter(None, misplaced):
            pictures = f"{counted(misplaced[label], 'picture')} of {label}, by the metadata"
            sentences.append(f"{OTHER_LABEL} holds {pictures}, and so teaches not to know {label}: move them to its folder.")
        for label in self.labels:
            artworks = len({item.group for item in self.items if item.label == label})
            if artworks < FEWEST_PER_LABEL and (artworks > 1 or label == OTHER_LABEL):  # a character of one is refused
                what = f"{label} has {self.counts[label]} pictures, but only {artworks} different"
                sentences.append(f"{what} {'ones' if artworks > 1 else 'one'}, copies counted once: add others of it.")
        if len(characters) == 1:
            what = f"{characters[0]} is the only character here: the model learns to tell it from pictures of none"
            sentences.append(f"{what} ({OTHER_LABEL}), and its accuracy among characters says nothing.")
        if len(self.folder.emptied) > 1:
            folders = f"{len(characters)} of {len(characters) + len(self.folder.emptied)} folders"
            sentences.append(f"So {folders} of characters are labels of this model: {spoken(characters)}.")
        return sentences

    def _conflict_words(self, copies: Sequence[Item]) -> str:
        """Which files are the same picture, one of each label first."""
        first = list({item.label: item for item in reversed(copies)}.values())
        shown = [self.shown_path(item) for item in sorted(first, key=lambda item: item.path)[:COPIES_SHOWN]]
        more = [f"{len(copies) - len(shown)} more"] if len(copies) > len(shown) else []
        names = [*shown, *more]
        same = "are the same picture" if len({item.sha256 for item in copies}) == 1 else "look the same, but are"
        return f"{', '.join(names[:-1])} and {names[-1]} {same} under different labels."

    def shown_path(self, item: Item) -> str:
        """A picture's path below the root; escaped where it cannot be printed on one line."""
        path = item.path.relative_to(self.folder.root).as_posix()
        return path if path.isprintable() else repr(path)

    def check(self) -> None:
        """Raises DataError for what could only end in a useless model, such as one label, or too few pictures of one."""
        root, counts = self.folder.root, self.counts
        not_used = self.folder.passed_over_words()
        if self._left_out:
            not_used = f" (left out: {in_words(self._left_out)})"
        self._check_conflicts()
        if not counts:
            raise DataError(
                f"{root} holds no pictures in label folders{not_used}: put the pictures of each character into a folder of "
                "its name."
            )
        check_labels(root, counts)
        if len(counts) < 2:
            raise DataError(
                f"{root} holds one label only ({next(iter(counts))}){not_used}: a classifier needs at least two folders: "
                f"add one of another character, or {OTHER_LABEL} with pictures of none."
            )
        first: dict[str, str] = {}
        for label in counts:
            if (other := first.setdefault(alike_key(label), label)) != label:
                raise DataError(
                    f"The labels {other!r} and {label!r} in {root} differ only in capital letters or characters that look "
                    "alike: write both alike."
                )
        if few := sorted(label for label, count in counts.items() if count < FEWEST_PER_LABEL):
            listed = ", ".join(f"{label} ({counts[label]})" for label in few)
            raise DataError(f"Too few pictures in {root}: {listed}; each label needs at least {FEWEST_PER_LABEL}{not_used}.")

    def _check_conflicts(self) -> None:
        """Raises DataError for a label of which nothing is left, because all its pictures are under another one too."""
        lost = Counter(item.label for copies in self.conflicts for item in copies)
        for label in sorted(lost.keys() - self.counts.keys()):
            others = {item.label for copies in self.conflicts if label in {i.label for i in copies} for item in copies}
            raise DataError(
                f"All {lost[label]} pictures of {label} in {self.folder.root} are under another label as well "
                f"({', '.join(sorted(others - {label}))}), so none is left to train on. Keep each under one label: "
                f"{command('python', 'scrape.py', 'review', self.folder.root)}"
            )


def read(root: Path) -> Dataset:
    """Every picture below the label folders, sorted by path. Raises DataError when nothing could be trained on it."""
    folder = read_folder(root)
    if folder.parts.total() and not folder.parts[TRAIN] + folder.parts[""]:
        raise DataError(
            f"{root} holds parts of a split to judge a model by ({folder.split_words()}), but none to train on: give the "
            "folder that holds train/ as well, or one of label folders."
        )
    data = Dataset(folder, tuple(map(_item, folder.pictures)))
    data.check()
    return data


def _item(picture: LabelledPicture) -> Item:
    row, sha256 = picture.row, file_sha256(picture.path)
    return Item(
        path=picture.path,
        label=picture.label,
        source=text(row.get("source")),
        group=text(row.get("group")) or sha256 or str(picture.path),
        character=alike_key(clean_label(row.get("character"))) or picture.label,
        is_photo=says_photo(f"{row.get('character', '')} {row.get('style', '')}"),
        part=picture.part,
        sha256=sha256,
    )
