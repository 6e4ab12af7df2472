"""The decisions carried out: pictures moved to another label's folder, or out of sight, and metadata.jsonl rewritten.

Nothing is lost: what people delete goes to <root>/.scrape/removed. What is to be done is written down first, in
<root>/.scrape/applying.json, so that a kill at any moment is mended by applying again.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from cartoons.errors import DataError
from cartoons.files import sole_use, write_atomically, write_lines
from cartoons.metadata import METADATA_FILE, file_key, read_metadata
from cartoons.review import shelf
from cartoons.review.decisions import DELETE, Decision, standing
from cartoons.review.shelf import Picture, waits, word_on

JOURNAL = Path(".scrape", "applying.json")
REMOVED = ".scrape/removed"


@dataclass(frozen=True)
class Applied:
    """How many pictures were taken out and how many went to another label."""

    deleted: int
    moved: int


@dataclass(frozen=True)
class Step:
    """One picture's way."""

    file_name: str
    target: str
    """Where it goes, below the root, with slashes."""
    label: str
    """Its new label; "" for a deleted one."""


def apply(root: Path, folder_of: Callable[[str], str] = str) -> Applied:
    """Carry out every decision that waits, and first what a killed run left half done.

    folder_of: the name of the folder to make for a label that has none. Raises DataError when files cannot be moved, or when
    that name would lead elsewhere, or while the folder is being filled.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give a folder that holds one folder of pictures per character.")
    try:
        with sole_use(root):
            left = _carry_out(root)
            steps = _plan(root, standing(root), folder_of)
            if steps:
                write_atomically(root / JOURNAL, json.dumps([asdict(step) for step in steps]).encode())
                _carry_out(root)
    except OSError as error:
        raise DataError(f"The pictures of {root} cannot be moved ({error}): mend that, then apply again.") from error
    done = [*left, *steps]
    return Applied(deleted=sum(not step.label for step in done), moved=sum(bool(step.label) for step in done))


def _plan(root: Path, said: dict[str, Decision], folder_of: Callable[[str], str]) -> list[Step]:
    """A step per waiting picture, and per row of one that was to be deleted and is gone already. No two have one target."""
    pictures, rows = shelf.read(root), read_metadata(root / METADATA_FILE)
    steps: list[Step] = []
    taken: set[str] = set()
    for picture in pictures:
        word = word_on(picture, said)
        if word is None or not waits(picture, word):
            continue
        label = "" if word.action == DELETE else word.to
        wanted = f"{REMOVED}/{picture.file_name}"
        if label:
            below = PurePosixPath(picture.file_name).relative_to(picture.folder)
            wanted = (PurePosixPath(_folder(label, picture.top, pictures, folder_of)) / below).as_posix()
        if wanted == picture.file_name and file_key(wanted) not in rows:
            raise DataError(
                f"{root / wanted} has its label from other metadata than {METADATA_FILE}: give it {label!r} there."
            )
        target = wanted if wanted == picture.file_name else _free(root, wanted, taken)
        taken.add(target)
        steps.append(Step(picture.file_name, target, label))
    without_file = rows.keys() - {file_key(picture.file_name) for picture in pictures}
    gone = [word for word in said.values() if word.action == DELETE and file_key(word.file_name) in without_file]
    return steps + [
        Step(word.file_name, f"{REMOVED}/{word.file_name}", "")
        for word in gone
        if rows[file_key(word.file_name)].get("sha256", word.sha256) == word.sha256
    ]


def _folder(label: str, top: str, pictures: Sequence[Picture], folder_of: Callable[[str], str]) -> str:
    """The folder of a label below the root: where its pictures of the same part are, or of another part, or a new one."""
    mine = [picture for picture in pictures if picture.label == label]
    for picture in sorted(mine, key=lambda picture: picture.top != top):
        return top + picture.folder.removeprefix(picture.top)
    name = folder_of(label)
    if PurePosixPath(name).parts != (name,) or name.startswith((".", "/")):
        raise DataError(f"The label {label!r} cannot be the name of a folder: rename the label.")
    return top + name


def _free(root: Path, wanted: str, taken: set[str]) -> str:
    """The wanted path, or the same with -2, -3... where there is a file already."""
    path, number = PurePosixPath(wanted), 1
    target = path
    while target.as_posix() in taken or (root / target).exists():
        number += 1
        target = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return target.as_posix()


def _carry_out(root: Path) -> list[Step]:
    """Do what the journal says, as far as it is not done, and forget the journal; gives its steps."""
    journal = root / JOURNAL
    if not journal.exists():
        return []
    steps = [Step(**row) for row in json.loads(journal.read_bytes())]
    for step in steps:
        source, target = root / step.file_name, root / step.target
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
    _rewrite(root / METADATA_FILE, steps)
    journal.unlink()
    return steps


def _rewrite(path: Path, steps: Iterable[Step]) -> None:
    """The rows of moved pictures get their new file_name and label; those of deleted ones go."""
    if not path.exists():
        return
    rows = read_metadata(path)
    for step in steps:
        row = rows.pop(file_key(step.file_name), None)
        if row and step.label:
            rows[step.target] = row | {"file_name": step.target, "label": step.label}
    write_lines(path, rows.values())
