"""The decisions carried out: pictures moved to another label's folder, or out of sight, and metadata.jsonl rewritten.

Nothing is lost: what people delete goes to <root>/.scrape/removed. What is to be done is written down first, in
<root>/.scrape/applying.json, so that a kill at any moment is mended by applying again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from cartoons import dataset_card, strict_json
from cartoons.errors import DataError
from cartoons.files import HIDDEN, check_folder, check_regular, is_inside, sole_use, write_atomically, write_json_lines
from cartoons.metadata import METADATA_FILE, file_key, is_label, read_metadata
from cartoons.review.decisions import (
    DECISIONS_FILE,
    DELETE,
    Decision,
    Picture,
    decision_on,
    is_pending,
    read_decisions,
    read_pictures,
    standing_decisions,
)

JOURNAL = Path(HIDDEN, "applying.json")
REMOVED = f"{HIDDEN}/removed"


@dataclass(frozen=True)
class Applied:
    """How many pictures were taken out and how many went to another label."""

    deleted: int
    moved: int


@dataclass(frozen=True)
class Step:
    """A picture's file_name below the root, its target there, and its new label, "" for a deleted one."""

    file_name: str
    target: str
    label: str

    def __post_init__(self) -> None:
        if not all(isinstance(value, str) for value in asdict(self).values()):
            raise ValueError("every value must be text")
        if self.label and not is_label(self.label):
            raise ValueError(f"the label {self.label!r} cannot be written down as text, on one line")


def apply(root: Path, folder_of: Callable[[str], str] = str) -> Applied:
    """Carry out every decision that waits, and first what a killed run left half done.

    folder_of: the name of the folder to make for a label that has none. Raises DataError when files cannot be moved, or when
    that name would lead elsewhere, or while the folder is being filled.
    """
    check_folder(root)
    try:
        with sole_use(root, fills_labels=False):
            left = _carry_out(root, is_left=True)
            steps = _plan(root, standing_decisions(read_decisions(root)), folder_of)
            if steps:
                write_atomically(root / JOURNAL, json.dumps([asdict(step) for step in steps]).encode())
                _carry_out(root)
    except OSError as error:
        raise DataError(f"The pictures of {root} cannot be moved ({error}): mend that, then apply again.") from error
    labels = [step.label for step in (*left, *steps)]
    return Applied(deleted=labels.count(""), moved=len(labels) - labels.count(""))


def _plan(root: Path, decisions: Mapping[str, Sequence[Decision]], folder_of: Callable[[str], str]) -> list[Step]:
    """A step per picture with a pending decision, and per row of a deleted one that is gone. No two share a target.

    Raises DataError for a decision that would move what is no picture of the folder, or one out of the folder.
    """
    pictures, rows = read_pictures(root), read_metadata(root / METADATA_FILE)
    steps, file_names = list[Step](), {picture.file_name for picture in pictures}
    taken = {file_key(name).casefold() for name in file_names}
    for picture in pictures:
        decision = decision_on(picture, decisions, file_names)
        if decision is None or not is_pending(picture, decision):
            continue
        label = decision.to
        target = f"{REMOVED}/{picture.file_name}"
        if label:
            below = PurePosixPath(picture.file_name).relative_to(picture.folder)
            target = (PurePosixPath(label_folder(label, picture.split_folder, pictures, folder_of)) / below).as_posix()
        if target != picture.file_name:
            target = _free(root, target, taken)
        elif file_key(target) not in rows:
            raise DataError(
                f"{root / target} has its label from other metadata than {METADATA_FILE}: give it {label!r} there."
            )
        if not is_inside(root, target):
            raise DataError(
                f"{root / target} is not in {root} but where a link leads: take the link away, then apply again."
            )
        taken.add(file_key(target).casefold())
        steps.append(Step(picture.file_name, target, label))
    without_file = rows.keys() - set(map(file_key, file_names))
    for decision in chain.from_iterable(decisions.values()):
        key = file_key(decision.file_name)
        if decision.action == DELETE and key in without_file and rows[key].get("sha256", decision.sha256) == decision.sha256:
            if not is_inside(root, decision.file_name) or (root / decision.file_name).exists():
                raise DataError(
                    f"{root / DECISIONS_FILE} says to delete {decision.file_name!r}, which is no picture of {root}: "
                    "take that line out, then apply again."
                )
            steps.append(Step(decision.file_name, f"{REMOVED}/{decision.file_name}", ""))
    return steps


def label_folder(label: str, split_folder: str, pictures: Sequence[Picture], folder_of: Callable[[str], str]) -> str:
    """The folder of a label below the root: where its pictures of the same part are, or of another part, or a new one."""
    for picture in sorted(pictures, key=lambda picture: picture.split_folder != split_folder):
        if picture.label == label:
            return split_folder + picture.folder.removeprefix(picture.split_folder)
    name = folder_of(label)
    if PurePosixPath(name).parts != (name,) or name.startswith((".", "/")):
        raise DataError(f"The label {label!r} cannot be the name of a folder: rename the label.")
    return split_folder + name


def numbered(wanted: str) -> Iterator[str]:
    """A path, and the same with -2, -3..., without end."""
    path = PurePosixPath(wanted)
    yield wanted
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()


def _free(root: Path, wanted: str, taken: set[str]) -> str:
    """The first of the paths that no file has yet, where capital letters make no difference either."""
    free = (each for each in numbered(wanted) if file_key(each).casefold() not in taken)
    return next(target for target in free if not (root / target).exists())


def _carry_out(root: Path, *, is_left: bool = False) -> list[Step]:
    """Do what the journal says, and forget the journal; gives the steps that are done.

    is_left: by a killed run: what that did not come to may have been taken back since, so it is planned anew if it stands.
    Raises DataError, before anything is moved, for a journal that is damaged or leads out of the folder.
    """
    journal = root / JOURNAL
    if not journal.exists():
        return []
    steps = _read_journal(journal)
    names = [name for step in steps for name in (step.file_name, step.target)]
    if outside := [name for name in names if not is_inside(root, name)]:
        raise DataError(f"{journal} names {outside[0]!r}, which is not in {root}: take it away, then apply again.")
    steps = [step for step in steps if not (is_left and (root / step.file_name).exists())]
    for step in steps:
        source, target = root / step.file_name, root / step.target
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
    _rewrite(root / METADATA_FILE, steps)
    dataset_card.update(root)
    journal.unlink()
    return steps


def _read_journal(journal: Path) -> list[Step]:
    """The steps of a journal, at least one. Raises DataError for a damaged one."""
    check_regular(journal)
    try:
        rows = strict_json.loads(journal.read_bytes())
        if not isinstance(rows, list) or not rows:
            raise ValueError("it holds no list of steps")
        return [Step(**row) for row in rows]
    except (TypeError, ValueError) as error:
        raise DataError(f"{journal} is damaged ({error}): take it away, then apply again.") from error


def _rewrite(path: Path, steps: Iterable[Step]) -> None:
    """The rows of moved pictures get their new file_name and label; those of deleted ones go."""
    if not path.exists():
        return
    rows = read_metadata(path)
    for step in steps:
        row = rows.pop(file_key(step.file_name), None)
        if row and step.label:
            rows[step.target] = row | {"file_name": step.target, "label": step.label}
    write_json_lines(path, rows.values())
