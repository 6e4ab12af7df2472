"""The pictures of a folder with the label and the metadata of each, and what is passed over."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from cartoons.errors import DataError, counted
from cartoons.files import check_folder
from cartoons.folder_layout import (
    TEST,
    TRAIN,
    VALID,
    Layout,
    Place,
    layout_of,
    part_of,
    renaming,
    shown_name,
    spoken,
)
from cartoons.metadata import Row, clean_label, file_key, is_label, labels_by_folder, read_metadata
from cartoons.model_folder import MAX_LABEL
from cartoons.picture_files import READ_ALREADY, File, Parts, PassedOver, Walk, walk

FOLDERS_SHOWN, LABEL_SHOWN = 10, 40
SPOKEN_PARTS = {TRAIN: "training", VALID: "validation", TEST: "test"}


@dataclass(frozen=True)
class LabelledPicture:
    """A file that may be a picture, not opened yet."""

    path: Path
    file_name: str
    """Its path below the root, with slashes."""
    folder: str
    """The label's folder below the root, with slashes: "fox", or "train/fox"; "" where only the metadata gives a label."""
    label: str
    part: str
    """TRAIN or VALID in a folder that is split so, else ""."""
    row: Row
    """What the metadata says of it."""


@dataclass(frozen=True)
class PictureFolder:
    """What a folder was taken for."""

    root: Path
    pictures: list[LabelledPicture]
    """Sorted by path."""
    passed_over: list[PassedOver]
    left_out: dict[str, str]
    """Folders of pictures that were left out, and why."""
    parts: Counter[str] = field(default_factory=Counter)
    """How many pictures each part of the split holds, the left-out test part too; "" counts those of none."""
    rows: int = 0
    """Of metadata."""
    unmatched_rows: int = 0
    emptied: dict[str, Counter[str]] = field(default_factory=dict)
    """Label folders without a picture: how many of their files were passed over, by reason."""

    def split_words(self) -> str:
        """The split that was found, in words."""
        if not self.parts.keys() & SPOKEN_PARTS.keys():
            return "none"
        words = [f"{SPOKEN_PARTS[part]} {self.parts[part]:,}" for part in (TRAIN, VALID, TEST) if self.parts[part]]
        return ", ".join(words) + (" (left out)" if self.parts[TEST] else "")

    def passed_over_words(self) -> str:
        """What was passed over and which label folders are without a picture, in brackets; "" for nothing."""
        words = [f"passed over: {in_words(Counter(each.reason for each in self.passed_over))}"] if self.passed_over else []
        words += [f"no picture in {spoken(self.emptied)}"] if self.emptied else []
        return f" ({'; '.join(words)})" if words else ""

    def warnings(self) -> list[str]:
        """A sentence for everything that a person who made this folder may not have meant."""
        sentences, left_out = [], _below(self.passed_over, (tuple(name.split("/")) for name in self.left_out))
        for (name, why), reasons in zip(self.left_out.items(), left_out.values(), strict=True):
            advice = f" {renaming(name)}." if part_of(name) else ""
            sentences.append(f"{shown_name(name)} ({counted(reasons[why], 'picture')}) is left out: {why}.{advice}")
        for name, reasons in self.emptied.items():
            why = f"passed over: {in_words(reasons)}" if reasons else "it is empty"
            sentences.append(f"{shown_name(name)} holds no picture ({why}), so there is no label {name!r}.")
        for (folder, label), inner in self._inner_folders().items():
            holds = f"{shown_name(folder)} holds no picture itself, but {spoken(inner)} with pictures"
            sentences.append(f"{holds}: all of them are taken for {label!r}.")
        if len(sentences) > FOLDERS_SHOWN:
            sentences[FOLDERS_SHOWN:] = [f"So it is with {counted(len(sentences) - FOLDERS_SHOWN, 'more folder')}."]
        if self.unmatched_rows:
            are = "is" if self.unmatched_rows == 1 else "are"
            sentences.append(
                f"{self.unmatched_rows:,} of the {self.rows:,} rows of metadata {are} of no picture that is here."
            )
        return sentences

    def _inner_folders(self) -> dict[tuple[str, str], list[str]]:
        """The folders in those label folders that hold several and no picture right in them."""
        inner: dict[tuple[str, str], set[str]] = {}
        for each in self.pictures:
            below = each.file_name.removeprefix(each.folder).lstrip("/").rpartition("/")[0]
            if each.folder:
                inner.setdefault((each.folder, each.label), set()).add(below.partition("/")[0])
        several = {which: {name for name in names if not part_of(name)} for which, names in inner.items()}
        return {which: sorted(names) for which, names in several.items() if len(names) > 1 and "" not in names}


def read_folder(root: Path) -> PictureFolder:
    """Every picture of the folder with its label, sorted by path, and what was passed over.

    Raises DataError when the root is no folder, could be meant in two ways, or holds broken metadata.
    """
    check_folder(root)
    below = walk(root)
    rows = read_rows(root, below)
    labels = {file.parts: clean_label(rows.get(_key(file.parts), {}).get("label")) for file in below.files}
    described = {parts: label for parts, label in labels.items() if label}
    unlinked = {file.real for file in below.files if not file.is_linked}
    again = {file.parts for file in below.files if file.is_linked and file.real in unlinked}
    layout = layout_of(root, [file.parts for file in below.files], described, again)
    pictures, passed_over, parts = _labelled(root, below.files, layout, rows)
    is_split = parts[TRAIN] and parts[VALID]
    pictures = [replace(each, part=(each.part or TRAIN) if is_split else "") for each in pictures]
    here = {_key(file.parts) for file in below.files} | {_key(each.parts) for each in below.passed_over}
    passed_over = sorted([*below.passed_over, *passed_over])
    return PictureFolder(
        root,
        sorted(pictures, key=lambda each: PurePosixPath(each.file_name).parts),
        passed_over,
        {"/".join(folder): reason for folder, reason in layout.left_out.items()},
        parts,
        len(rows),
        len(rows.keys() - here),
        _emptied(below, layout, {each.folder.rpartition("/")[2] for each in pictures}, passed_over),
    )


def read_rows(root: Path, below: Walk) -> dict[str, Row]:
    """What every metadata file says, by the picture's path below the root; one deeper down has the last word.

    Files in folders without pictures describe something else.
    """
    with_pictures = {file.parts[:k] for file in below.files for k in range(len(file.parts))}
    files = [parts for parts in below.metadata if parts[:-1] in with_pictures]
    if len(kinds := sorted({parts[-1] for parts in files})) > 1:
        raise DataError(f"{root} holds {' and '.join(kinds)}: keep the metadata in files of one kind.")
    return {
        _key((*parts[:-1], name)): row
        for parts in sorted(files, key=len)
        for name, row in read_metadata(root.joinpath(*parts)).items()
    }


def check_labels(root: Path, labels: Iterable[str]) -> None:
    """Raises DataError for a label that cannot be written down, or is longer than a model's may be."""
    for label in labels:
        if len(label) > MAX_LABEL:
            raise DataError(
                f"The label {label[:LABEL_SHOWN]!r}... in {root} has {len(label):,} characters, more than the {MAX_LABEL} "
                "that a label may have: give a shorter one where metadata states it."
            )
        if not is_label(label):
            raise DataError(f"The label {label!r} in {root} cannot be written down as text: rename its folder.")


def in_words(counts: Mapping[str, int]) -> str:
    """Reasons with their numbers: "hidden (3), a file that cannot be read (1)"."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{reason} ({count:,})" for reason, count in ordered)


def _key(parts: Parts) -> str:
    return file_key("/".join(parts))


def _labelled(
    root: Path, files: Iterable[File], layout: Layout, rows: Mapping[str, Row]
) -> tuple[list[LabelledPicture], list[PassedOver], Counter[str]]:
    """Each picture with its label, those passed over, and the number of pictures in each part of the split."""
    folder_labels = _folder_labels(rows)
    pictures, passed_over, parts = list[LabelledPicture](), list[PassedOver](), Counter[str]()
    label_of: dict[tuple[str, str], str] = {}
    for file in sorted(files, key=lambda file: file.is_linked):  # of a file and a link to it, the file counts
        place, row = layout.place(file.parts), rows.get(_key(file.parts), {})
        label = clean_label(row.get("label"))
        if not label and place.folder:
            label = folder_labels.get(_key(place.folder), clean_label(place.folder[-1]))
        reason = place.left_out or _why_not(place, label, label_of.get((place.part, file.real)))
        if not place.left_out and (not reason or place.part == TEST):
            parts[place.part] += 1
        if reason:
            passed_over.append(PassedOver(file.parts, reason))
            continue
        label_of[place.part, file.real] = label
        folder, path = "/".join(place.folder or ()), root.joinpath(*file.parts)
        pictures.append(LabelledPicture(path, "/".join(file.parts), folder, label, place.part, row))
    return pictures, passed_over, parts


def _why_not(place: Place, label: str, earlier: str | None) -> str:
    """Why a picture is passed over, "" where it is not. earlier: the label of the same file by another path."""
    if place.part == TEST:
        return "in the test part of the split"
    if not label:
        return "without a label, in a folder of several" if place.folder else "in no folder of a label"
    if earlier is None:
        return ""
    return READ_ALREADY if earlier == label else "a link to a picture of another label"


def _folder_labels(rows: Mapping[str, Row]) -> dict[str, str]:
    """The label of each folder that the metadata knows, "" where it knows several: what is put there is of it.

    A folder that is called as one of its labels is of that.
    """
    labels = labels_by_folder({name: label for name, row in rows.items() if (label := clean_label(row.get("label")))})
    known = set().union(*labels.values())
    own = {folder: clean_label(PurePosixPath(folder).name) for folder in labels}
    return {
        folder: next(iter(mine)) if len(mine) == 1 else own[folder] if own[folder] in known else ""
        for folder, mine in labels.items()
    }


def _emptied(below: Walk, layout: Layout, kept: Set[str], passed_over: Collection[PassedOver]) -> dict[str, Counter[str]]:
    """Label folders, by name, of which no picture is kept, and what was passed over in them, by reason."""

    def is_emptied(folder: Parts) -> bool:
        place = layout.place((*folder, ""))
        return place.folder == folder and not place.left_out and place.part != TEST and folder[-1] not in kept

    emptied: dict[str, Counter[str]] = {}
    for folder, reasons in _below(passed_over, filter(is_emptied, below.folders)).items():
        emptied.setdefault(folder[-1], Counter()).update(reasons)
    return emptied


def _below(passed_over: Iterable[PassedOver], folders: Iterable[Parts]) -> dict[Parts, Counter[str]]:
    """How much was passed over in each of these folders, by reason."""
    counts = {folder: Counter[str]() for folder in folders}
    for each in passed_over:
        for depth in range(len(each.parts) + 1):
            if (folder := each.parts[:depth]) in counts:
                counts[folder][each.reason] += 1
    return counts
