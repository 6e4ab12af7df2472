"""The decisions carried out: pictures moved to another label's folder, or out of sight, and their rows rewritten.

Nothing is lost: what people delete goes to <root>/.scrape/removed. What is to be done is written down first, in
<root>/.scrape/applying.json, so that a kill at any moment is mended by applying again.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from cartoons import dataset_card, strict_json
from cartoons.errors import DataError
from cartoons.files import (
    HIDDEN,
    check_folder,
    check_regular,
    is_inside,
    numbered,
    sole_use,
    write_atomically,
    write_json_lines,
)
from cartoons.metadata import METADATA_FILE, Row, file_key, is_label, read_metadata
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


class _Rows(dict[PurePosixPath, dict[str, Row]]):
    """The rows of each metadata.jsonl by the folder below the root that it is in, read when they are asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__({PurePosixPath(): read_metadata(root / METADATA_FILE)})
        self._root = root

    def __missing__(self, folder: PurePosixPath) -> dict[str, Row]:
        rows = self[folder] = read_metadata(self._root / folder / METADATA_FILE)
        return rows

    def places(self, file_name: str) -> list[tuple[PurePosixPath, str]]:
        """Where a picture may have rows: folders and keys, the root first, and last the one that has the last word."""
        path = PurePosixPath(file_name)
        below = path.parents[-2::-1] if is_inside(self._root, file_name) else ()
        root = PurePosixPath(), file_key(file_name)
        return [root, *((folder, file_key(path.relative_to(folder).as_posix())) for folder in below)]

    def of(self, file_name: str) -> Row | None:
        """What is said of a picture, or None."""
        found = (self[folder][key] for folder, key in reversed(self.places(file_name)) if key in self[folder])
        return next(found, None)


def _plan(root: Path, decisions: Mapping[str, Sequence[Decision]], folder_of: Callable[[str], str]) -> list[Step]:
    """A step per picture with a pending decision, and per row of a deleted one that is gone. No two share a target.

    Raises DataError for a decision that would move what is no picture of the folder, or one out of the folder.
    """
    pictures, rows = read_pictures(root), _Rows(root)
    folders = label_folders(pictures)
    steps, file_names = list[Step](), {picture.file_name for picture in pictures}
    taken = {file_key(name).casefold() for name in file_names}
    for picture in pictures:
        decision = decision_on(picture, decisions, file_names)
        if decision is None or not is_pending(picture, decision):
            continue
        label = decision.to
        if picture.row and rows.of(picture.file_name) is None:
            raise DataError(
                f"{picture.path} has a row in metadata that is no {METADATA_FILE} and cannot be rewritten: write it as "
                f"{METADATA_FILE}, then apply again."
            )
        target = f"{REMOVED}/{picture.file_name}"
        if label:
            below = PurePosixPath(picture.file_name).relative_to(picture.folder)
            target = (PurePosixPath(label_folder(label, picture.split_folder, folders, folder_of)) / below).as_posix()
        if target != picture.file_name:
            target = _free(root, target, taken, picture, rows)
        elif rows.of(target) is None:
            raise DataError(
                f"{root / target} has its label from other metadata than {METADATA_FILE}: give it {label!r} there."
            )
        if not is_inside(root, target):
            raise DataError(
                f"{root / target} is not in {root} but where a link leads: take the link away, then apply again."
            )
        taken.add(file_key(target).casefold())
        steps.append(Step(picture.file_name, target, label))
    return steps + _without_file(root, set(map(file_key, file_names)), rows, decisions)


def _without_file(root: Path, here: Set[str], rows: _Rows, decisions: Mapping[str, Sequence[Decision]]) -> list[Step]:
    """A step per deleted picture that is none of those here, and whose row is still there."""
    steps = []
    for decision in chain.from_iterable(decisions.values()):
        name = decision.file_name
        row = rows.of(name) if decision.action == DELETE and file_key(name) not in here else None
        if row is not None and row.get("sha256", decision.sha256) == decision.sha256:
            if not is_inside(root, name) or (root / name).exists():
                raise DataError(
                    f"{root / DECISIONS_FILE} says to delete {name!r}, which is no picture of {root}: "
                    "take that line out, then apply again."
                )
            steps.append(Step(name, f"{REMOVED}/{name}", ""))
    return steps


def label_folders(pictures: Iterable[Picture]) -> dict[str, dict[str, str]]:
    """The folders of each label, without what is before them, by that: {"fox": {"train/": "fox", "valid/": "fox"}}."""
    folders: dict[str, dict[str, str]] = {}
    for picture in pictures:
        folder = picture.folder.removeprefix(picture.split_folder)
        folders.setdefault(picture.label, {}).setdefault(picture.split_folder, folder)
    return folders


def label_folder(
    label: str, split_folder: str, folders: Mapping[str, Mapping[str, str]], folder_of: Callable[[str], str]
) -> str:
    """The folder of a label below the root: that of the same part, or of another, or a new one; folders: `label_folders`."""
    if known := folders.get(label):
        return split_folder + known.get(split_folder, next(iter(known.values())))
    name = folder_of(label)
    if PurePosixPath(name).parts != (name,) or name.startswith((".", "/")):
        raise DataError(f"The label {label!r} cannot be the name of a folder: rename the label.")
    return split_folder + name


def _free(root: Path, wanted: str, taken: Set[str], picture: Picture, rows: _Rows) -> str:
    """The first of the paths that no file has yet, where capital letters make no difference either, nor another's row."""

    def is_free(name: str) -> bool:
        if file_key(name).casefold() in taken or (root / name).exists():
            return False
        row = rows.of(name)
        return row is None or row.get("sha256") == picture.sha256

    return next(filter(is_free, numbered(wanted)))


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


def _rewrite(root: Path, steps: Iterable[Step]) -> None:
    """The rows of moved pictures get their new file_name and label; those of deleted ones go.

    Of several rows of one picture that with the last word stays: in its file, or in the root's when the picture has left the
    folder of that. It is the last to be taken away, so that what a kill leaves is mended by applying again.
    """
    rows, changed = _Rows(root), set[PurePosixPath]()
    for step in steps:
        own = [(folder, rows[folder].pop(key)) for folder, key in rows.places(step.file_name) if key in rows[folder]]
        changed.update(folder for folder, _ in own)
        if own and step.label:
            (folder, row), target = own[-1], PurePosixPath(step.target)
            home = folder if target.is_relative_to(folder) else PurePosixPath()
            name = target.relative_to(home).as_posix()
            rows[home][file_key(name)] = row | {"file_name": name, "label": step.label}
            changed.add(home)
    for folder in sorted(changed, key=lambda folder: len(folder.parts)):
        write_json_lines(root / folder / METADATA_FILE, rows[folder].values())
