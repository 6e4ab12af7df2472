"""Visitors' corrections under review: each picture in the class of the name that the visitor gave.

Only what a person keeps, or moves to another label, goes to the picture folder that a model learns from.
"""

import filecmp
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from cartoons.classifier import Classifier
from cartoons.errors import DataError
from cartoons.files import check_apart, sole_use, write_atomically
from cartoons.folder_layout import VALID
from cartoons.review import decisions
from cartoons.review.apply import label_folder, numbered
from cartoons.review.decisions import KEEP, MOVE, Picture
from cartoons.review.review import Answer, Review
from cartoons.serving.corrections import rows_of


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
        with self._lock:
            made = super().overview()
            classes = sorted(made["classes"], key=lambda each: not each["pictures"])
            return made | {"classes": classes, "waiting": made["waiting"] + len(self._accepted())}

    def apply(self) -> Answer:
        """As `Review.apply`; what is taken in counts as moved."""
        with self._lock:
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
            for source, file_name in self._targets(accepted):
                target = self._into / file_name
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_symlink() or not target.exists():
                    write_atomically(target, source.read_bytes())
                source.unlink()

    def _targets(self, accepted: list[Picture]) -> list[tuple[Path, str]]:
        """Each picture's file, and where in the picture folder it goes: a file that is there has the same bytes.

        Raises DataError where that is the corrections' own folder.
        """
        pictures, targets = decisions.read_pictures(self._into), dict[str, Path]()
        split_folder = next((each.split_folder for each in pictures if each.part != VALID), "")
        steps = []
        for picture in accepted:
            folder = PurePosixPath(label_folder(picture.label, split_folder, pictures, self._folder_of))
            check_apart(picture.path.parent, self._into / folder, "--corrections")
            for file_name in numbered((folder / picture.path.name).as_posix()):
                there = targets.get(file_name, self._into / file_name)
                if not there.exists() or (there.is_file() and filecmp.cmp(there, picture.path, shallow=False)):
                    break
            targets[file_name] = picture.path
            steps.append((picture.path, file_name))
        return steps


def without_picture(corrections: Path) -> str:
    """How many corrections came without a picture, in a line; "" for none. Raises DataError."""
    count = sum(not row.get("file_name") for row in rows_of(corrections))
    return f"Corrections without a picture, of which only the names are known: {count}, in {corrections}.\n" if count else ""
