"""Visitors' corrections under review: each picture in the class of the name that the visitor gave.

Only what a person keeps, or moves to another label, goes to the picture folder that a model learns from.
"""

import filecmp
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cartoons import dataset_card
from cartoons.classifier import Classifier
from cartoons.errors import DataError
from cartoons.files import append_json_lines, check_apart, numbered, sole_use, write_atomically
from cartoons.folder_layout import VALID
from cartoons.metadata import METADATA_FILE, clean_label, file_key, labels_by_folder
from cartoons.picture_files import walk
from cartoons.picture_folder import read_rows
from cartoons.review import decisions
from cartoons.review.apply import label_folder, label_folders
from cartoons.review.decisions import KEEP, MOVE, Picture
from cartoons.review.review import Answer, Review
from cartoons.serving.corrections import rows_of


@dataclass(frozen=True)
class _Taken:
    """A picture that is taken in: its file, and what it is in the picture folder."""

    source: Path
    file_name: str
    label: str
    needs_row: bool
    """Whether only a row of metadata can say that it has this label."""


class CorrectionsReview(Review):
    """A folder of `serving.corrections`, and the picture folder that takes in what is right of it."""

    def __init__(
        self, corrections: Path, root: Path, classifier: Classifier | None, folder_of: Callable[[str], str] = str
    ) -> None:
        """root: the picture folder. Raises DataError when there is no picture to look at, or for folders in one another."""
        check_apart(corrections, root, "--corrections")
        self._into = root
        super().__init__(corrections, classifier, folder_of)

    def overview(self) -> Answer:
        """As `Review.overview`; classes without pictures come last, and what is to be taken in waits as well."""
        with self._log.held():
            made = super().overview()
            classes = sorted(made["classes"], key=lambda each: not each["pictures"])
            return made | {"classes": classes, "waiting": made["waiting"] + len(self._accepted())}

    def apply(self) -> Answer:
        """As `Review.apply`; what is taken in counts as moved."""
        with self._log.held():
            done = super().apply()
            accepted = self._accepted()
            try:
                self._take_in(accepted)
            except OSError as error:
                raise DataError(f"{self._into} cannot be written ({error}): mend that, then apply again.") from error
            finally:
                self._read()
            return done | {"moved": len(accepted), "overview": self.overview()}

    def _read(self) -> None:
        self._labels = decisions.labels_of(decisions.read_pictures(self._into), self._labels)
        super()._read()

    def _is_doubted(self, key: str) -> bool:  # noqa: ARG002
        return True  # what strangers say is looked at one by one

    def _accepted(self) -> list[Picture]:
        """The pictures that a person has looked at, and found or put in their right class."""

        def is_accepted(picture: Picture) -> bool:
            decision = self._decision(picture)
            if decision is None:
                return False
            kept_here = decision.action == KEEP and decision.file_name == picture.file_name
            return kept_here or (decision.action == MOVE and decision.to == picture.label)

        return [picture for picture in self._pictures.values() if is_accepted(picture)]

    def _take_in(self, accepted: list[Picture]) -> None:
        with sole_use(self._into):
            taken = self._targets(accepted)
            for each in taken:
                target = self._into / each.file_name
                if each.needs_row:  # before the picture, which without it would have another label
                    row = {"file_name": each.file_name, "label": each.label}
                    append_json_lines(self._into / METADATA_FILE, row, sync=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_symlink() or not target.exists():
                    write_atomically(target, each.source.read_bytes())
                each.source.unlink()
            if any(each.needs_row for each in taken):
                dataset_card.update(self._into)

    def _targets(self, accepted: list[Picture]) -> list[_Taken]:
        """Where in the picture folder each goes: a file that is there has the same bytes and label.

        Raises DataError where that is the corrections' own folder, or where a row is needed that cannot be written.
        """
        pictures = decisions.read_pictures(self._into)
        split_folder = next((each.split_folder for each in pictures if each.part != VALID), "")
        labels = _labels_by_file(self._into, pictures)
        # of a folder with several labels a file needs a row that says which it is of
        in_folder, folders = labels_by_folder(labels), label_folders(pictures)
        taken, sources = list[_Taken](), dict[str, Path]()
        for picture in accepted:
            label = picture.label
            folder = PurePosixPath(label_folder(label, split_folder, folders, self._folder_of))
            check_apart(picture.path.parent, self._into / folder, "--corrections")
            for name in numbered((folder / picture.path.name).as_posix()):
                there = sources.get(name, self._into / name)
                is_same = there.is_file() and filecmp.cmp(there, picture.path, shallow=False)
                if labels.get(file_key(name), label) == label and (is_same or not there.exists()):
                    break
            of_folder = in_folder.get(file_key(str(folder)), {clean_label(folder.name)})
            needs_row = file_key(name) not in labels and (not folder.parts or of_folder != {label})
            labels[file_key(name)] = label
            sources[name] = picture.path
            taken.append(_Taken(picture.path, name, label, needs_row))
        self._check_metadata(taken)
        return taken

    def _check_metadata(self, taken: Sequence[_Taken]) -> None:
        """Raise DataError when a row is needed, but the folder's metadata is of another kind."""
        described = next((each for each in taken if each.needs_row), None)
        others = {parts[-1] for parts in walk(self._into).metadata if described} - {METADATA_FILE}
        if described and others:
            raise DataError(
                f"{described.source} needs a row that says {described.label!r}, but the metadata of {self._into} is in "
                f"{min(others)}: make that {METADATA_FILE}, then apply again."
            )


def _labels_by_file(root: Path, pictures: Iterable[Picture]) -> dict[str, str]:
    """The label of every file of a picture folder, of those that only a row names too, by `file_key`."""
    rows = read_rows(root, walk(root)).items()
    described = {name: label for name, row in rows if (label := clean_label(row.get("label")))}
    return described | {file_key(picture.file_name): picture.label for picture in pictures}


def without_picture(corrections: Path) -> str:
    """How many corrections came without a picture, in a line; "" for none. Raises DataError."""
    named, pictured = set[tuple[str, str]](), set[tuple[str, str]]()
    for row in rows_of(corrections):
        (pictured if row["file_name"] else named).add((row["sha256"], row["right"]))
    count = len(named - pictured)
    return f"Corrections without a picture, of which only the names are known: {count}, in {corrections}.\n" if count else ""
