"""The picture folder as training takes it: pictures with labels, sources, groups and hashes, read once and passed on.

<root>/<label>/<name>.jpg                  "_other" holds pictures of none of the characters
<root>/train/<label>/..., <root>/valid/... the same, split by whoever made it; folder_layout.py knows other ways
<root>/metadata.jsonl                      optional; a row per picture: file_name, label, source, group, character, style
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cartoons.errors import DataError
from cartoons.folder_layout import TRAIN
from cartoons.metadata import alike_key, clean_label, text
from cartoons.model_folder import OTHER_LABEL
from cartoons.picture_files import PassedOver, file_sha256
from cartoons.picture_folder import LabelledPicture, PictureFolder, check_labels, in_words, read_folder

FEWEST_PER_LABEL = 5
LABELS_SHOWN = 30


@dataclass(frozen=True)
class Item:
    """One picture of the folder. Fields without metadata: source "", character as the label, group a hash of the file."""

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


@dataclass(frozen=True)
class Dataset:
    """A picture folder, read once."""

    folder: PictureFolder
    items: tuple[Item, ...]
    """Sorted by path."""

    @property
    def root(self) -> Path:
        """The folder."""
        return self.folder.root

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def passed_over(self, more: Iterable[PassedOver] = ()) -> dict[str, int]:
        """How many files and folders are not used, by reason, the most common first. more: found when opened."""
        return dict(Counter(each.reason for each in (*self.folder.passed_over, *more)).most_common())

    def lines(self) -> list[str]:
        """What the folder was taken for, a sentence each."""
        counts = Counter(item.label for item in self.items)
        labels = [f"{label} {counts[label]:,}" for label in labels_of(self.items)]
        if len(labels) > LABELS_SHOWN:
            labels = [*labels[:LABELS_SHOWN], f"{len(labels) - LABELS_SHOWN} more"]
        told = f"{self.root}: {len(self):,} pictures of {len(counts):,} labels: {', '.join(labels)}."
        passed = in_words(self.passed_over()) or "nothing"
        return [told, f"Split found: {self.folder.split_words()}. Passed over: {passed}."]


def read(root: Path) -> Dataset:
    """Every picture below the label folders, sorted by path. Raises DataError when nothing could be trained on it."""
    folder = read_folder(root)
    if folder.parts.total() and not folder.parts[TRAIN] + folder.parts[""]:
        raise DataError(
            f"{root} holds parts of a split to judge a model by ({folder.split_words()}), but none to train on: give the "
            "folder that holds train/ as well, or one of label folders."
        )
    check(root, Counter(picture.label for picture in folder.pictures), folder.passed_over_words())
    return Dataset(folder, tuple(map(_item, folder.pictures)))


def check(root: Path, counts: Mapping[str, int], seen: str) -> None:
    """Refuse before any training what could only end in a useless model.

    counts: the pictures of each label; seen: what was passed over, in brackets, or "".
    """
    if not counts:
        raise DataError(
            f"{root} holds no pictures in label folders{seen}: put the pictures of each character into a folder of its name."
        )
    check_labels(root, counts)
    if len(counts) < 2:
        raise DataError(
            f"{root} holds one label only ({next(iter(counts))}){seen}: a classifier needs at least two folders."
        )
    first: dict[str, str] = {}
    for label in counts:
        if (other := first.setdefault(alike_key(label), label)) != label:
            raise DataError(
                f"The labels {other!r} and {label!r} in {root} differ only in capital letters or characters that look "
                "alike: write both alike."
            )
    if few := sorted(label for label, count in counts.items() if count < FEWEST_PER_LABEL):
        spoken = ", ".join(f"{label} ({counts[label]})" for label in few)
        raise DataError(f"Too few pictures in {root}: {spoken}; each label needs at least {FEWEST_PER_LABEL}{seen}.")


def labels_of(items: Iterable[Item]) -> tuple[str, ...]:
    """The labels in the model's order: the characters alphabetically, then `_other` if it is there."""
    found = {item.label for item in items}
    return tuple(sorted(found - {OTHER_LABEL})) + ((OTHER_LABEL,) if OTHER_LABEL in found else ())


def content_hash(items: Iterable[Item]) -> str:
    """sha256 over each picture's label and bytes, in an order of its own: names this data set exactly."""
    lines = sorted(f"{item.label}\t{item.sha256}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _item(picture: LabelledPicture) -> Item:
    row, sha256 = picture.row, file_sha256(picture.path)
    return Item(
        path=picture.path,
        label=picture.label,
        source=text(row.get("source")),
        group=text(row.get("group")) or sha256 or str(picture.path),
        character=clean_label(row.get("character")) or picture.label,
        is_photo="photo" in f"{row.get('character', '')} {row.get('style', '')}".lower(),
        part=picture.part,
        sha256=sha256,
    )
