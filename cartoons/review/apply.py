"""The decisions carried out: pictures moved to another label's folder, or out of sight, and every metadata.jsonl rewritten.

Nothing is lost: what people delete goes to <root>/.scrape/removed. What is to be done is written down first, in
<root>/.scrape/applying.json, so that a kill at any moment is mended by applying again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from itertools import chain, count, product
from pathlib import Path, PurePosixPath

from cartoons import dataset_card, strict_json
from cartoons.errors import DataError
from cartoons.files import HIDDEN, check_folder, check_regular, is_inside, sole_use, write_atomically, write_json_lines
from cartoons.metadata import METADATA_FILE, Row, file_key, is_label, read_metadata
from cartoons.picture_files import Parts, walk
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
    pictures, files = read_pictures(root), _metadata_files(root)
    rows = {
        file_key(PurePosixPath(*folder, name).as_posix()): row for folder in files for name, row in files[folder].items()
    }
    steps, file_names = list[Step](), {picture.file_name for picture in pictures}
    taken = {file_key(name).casefold() for name in file_names}
    for picture in pictures:
        decision = decision_on(picture, decisions, file_names)
        if decision is None or not is_pending(picture, decision):
            continue
        label = decision.to
        if picture.row and file_key(picture.file_name) not in rows:
            raise DataError(
                f"{picture.path} has a row in metadata that is no {METADATA_FILE} and cannot be rewritten: write it as "
                f"{METADATA_FILE}, then apply again."
            )
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
    return steps + _without_file(root, rows.keys() - set(map(file_key, file_names)), rows, decisions)


def _without_file(
    root: Path, keys: Set[str], rows: Mapping[str, Row], decisions: Mapping[str, Sequence[Decision]]
) -> list[Step]:
    """A step per deleted picture that is gone and whose row, one of the keys, is still there."""
    steps = []
    for decision in chain.from_iterable(decisions.values()):
        key = file_key(decision.file_name)
        if decision.action == DELETE and key in keys and rows[key].get("sha256", decision.sha256) == decision.sha256:
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
    _rewrite(root, steps)
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


def _metadata_files(root: Path) -> dict[Parts, dict[str, Row]]:
    """The rows of every metadata.jsonl by the folder that it is in: the root, whether it has one or not, comes first."""
    folders = [(), *(parts[:-1] for parts in walk(root).metadata if parts[-1] == METADATA_FILE and len(parts) > 1)]
    return {folder: read_metadata(root.joinpath(*folder, METADATA_FILE)) for folder in folders}


def _rewrite(root: Path, steps: Iterable[Step]) -> None:
    """The rows of moved pictures get their new file_name and label; those of deleted ones go.

    A row stays in its file, or goes to the root's when the picture has left the folder of that; the root's is written first,
    so that a kill between the two leaves the row in both, and applying again mends that.
    """
    files, changed = _metadata_files(root), set[Parts]()
    for step, (folder, rows) in product(steps, files.items()):
        source, target = PurePosixPath(step.file_name), PurePosixPath(step.target)
        if not source.is_relative_to(below := PurePosixPath(*folder)):
            continue
        row = rows.pop(file_key(source.relative_to(below).as_posix()), None)
        if row is None:
            continue
        changed.add(folder)
        if step.label:
            home = folder if target.is_relative_to(below) else ()
            name = target.relative_to(PurePosixPath(*home)).as_posix()
            files[home][name] = row | {"file_name": name, "label": step.label}
            changed.add(home)
    for folder in sorted(changed, key=len):
        write_json_lines(root.joinpath(*folder, METADATA_FILE), files[folder].values())
