"""Which of the good pictures stay, and the folder laid out so: kept ones in their label's folder, the others out of sight.

A picture and its copies, resizes and mirror images are one artwork. An artwork stays once, as its largest picture; one that
was found under two labels stays under neither, unless a person said which, or a search for none of the characters found one
of them after all: it is the character's. A label keeps its first artworks up to its limit.

Files move first, metadata.jsonl follows, the manifest comes last: a kill in between leaves each picture in one of two
places, and the next run goes on. A kept picture that a person took out of its folder, or moved to another label's, stays so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from cartoons.errors import DataError
from cartoons.files import HIDDEN, check_writable, sole_use, write_atomically, write_json_lines
from cartoons.folder_layout import split_folders
from cartoons.metadata import METADATA_FILE, read_metadata, says_photo
from cartoons.model_folder import OTHER_LABEL
from cartoons.near_duplicates import group_hashes
from cartoons.picture_files import is_hidden
from cartoons.review.decisions import DELETE, KEEP, Decision
from cartoons.scraping.config import folder_of
from cartoons.scraping.manifest import Attempt, Manifest, Status

COPIED = ("url", "page_url", "title", "author", "engine", "query", "license", "width", "height", "sha256", "phash", "group")
"""What a row of metadata.jsonl takes from its attempt as it is."""


def select(attempts: Sequence[Attempt], overrides: Mapping[str, str], limits: Mapping[str, int]) -> list[Attempt]:
    """The attempts with `status` and `reason` set by what becomes of them, and `group` by their artwork. Pure.

    attempts: in the order of the search; those without a picture come back as they are. overrides: by sha256 the label that
    a person gave, "" for a removed picture. limits: the most artworks of a label; one that is not named keeps all.
    """
    selected = list(attempts)
    good = [k for k, attempt in enumerate(attempts) if attempt.file]
    artworks: dict[int, list[int]] = {}
    for k, group in zip(good, _artworks([attempts[k] for k in good]), strict=True):
        artworks.setdefault(group, []).append(k)
    counts: Counter[str] = Counter()
    for members in sorted(artworks.values(), key=min):
        for k, attempt in zip(members, _one_of([attempts[k] for k in members], overrides, counts, limits), strict=True):
            selected[k] = attempt
    return selected


def kept_by_label(attempts: Iterable[Attempt]) -> Counter[str]:
    """How many pictures each label's folder holds."""
    return Counter(attempt.present_label for attempt in attempts if attempt.status == Status.KEPT)


def _artworks(good: Sequence[Attempt]) -> list[int]:
    """A number per picture, the same for pictures of one artwork."""
    if not good:
        return []
    hashes = np.array([[int(attempt.phash, 16), int(attempt.mirrored, 16)] for attempt in good], dtype=np.uint64)
    return [int(number) for number in group_hashes(hashes)]


def _one_of(
    members: Sequence[Attempt], overrides: Mapping[str, str], counts: Counter[str], limits: Mapping[str, int]
) -> list[Attempt]:
    """The pictures of one artwork, of which at most one is kept. counts: the artworks kept so far, by label."""
    overridden = [k for k, member in enumerate(members) if member.sha256 in overrides]
    best = max(overridden or range(len(members)), key=lambda k: (members[k].pixels, -k))
    override = overrides.get(members[best].sha256)
    group = members[best].sha256[:16]
    labels = sorted({member.label for member in members})
    searched_other = all(member.query for member in members if member.label == OTHER_LABEL)
    if not overridden and len(labels) == 2 and OTHER_LABEL in labels and searched_other:
        return _of_the_character(members, counts, limits)
    if override == "":
        return [replace(member, status=Status.REMOVED, reason="by a person", group=group) for member in members]
    if not override and len(labels) > 1:
        return [replace(member, status=Status.TWO_LABELS, reason=", ".join(labels), group=group) for member in members]
    label = override or labels[0]
    counts[label] += 1
    selected = [
        replace(member, status=Status.DUPLICATE, reason=f"of {members[best].file}", group=group) for member in members
    ]
    enough = not override and counts[label] > limits.get(label, counts[label])
    status, reason = (Status.SPARE, f"{limits[label]} others came before") if enough else (Status.KEPT, "")
    moved_to = label if label != members[best].label else ""
    selected[best] = replace(members[best], status=status, reason=reason, group=group, moved_to=moved_to)
    return selected


def _of_the_character(members: Sequence[Attempt], counts: Counter[str], limits: Mapping[str, int]) -> list[Attempt]:
    """The pictures of one artwork that was found for a character, and searched for `_other`."""
    mine = _one_of([member for member in members if member.label != OTHER_LABEL], {}, counts, limits)
    [group] = {member.group for member in mine}
    reason = f"shows a character: looks the same as a picture of {mine[0].label}"
    others = iter(mine)
    return [
        replace(member, status=Status.REJECTED, reason=reason, group=group) if member.label == OTHER_LABEL else next(others)
        for member in members
    ]


@contextmanager
def open_folder(root: Path) -> Iterator[None]:
    """Make the folder, for this run alone; when nothing was put there, it is removed again. Raises DataError."""
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        check_writable(root)
        with sole_use(root):
            yield
    except OSError as error:
        raise DataError(f"{root} cannot be filled ({error}): mend that, and the same command goes on from here.") from error
    finally:
        hidden = root / HIDDEN
        _remove_empty(hidden / "pictures", hidden / "searches")
        if hidden.is_dir() and [path.name for path in hidden.iterdir()] == ["lock"]:
            (hidden / "lock").unlink()
        _remove_empty(hidden, *new)


def _remove_empty(*folders: Path) -> None:
    """Remove each folder that is there and holds nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


class PictureStore:
    """Where each picture of a folder lies now, by its file's name."""

    def __init__(self, root: Path, attempts: Iterable[Attempt]) -> None:
        """attempts: of the manifest: of a kept picture, a copy that a person put elsewhere is not its file.

        Raises DataError for a folder that is split already, or whose metadata is broken.
        """
        if parts := split_folders(root):
            spoken = " and ".join(f"{name}/" for name in parts)
            raise DataError(f"{root} is split into {spoken}, which scraping would mix up: give another --out.")
        read_metadata(root / METADATA_FILE)  # lay_out adds to it, when all is downloaded: what is broken is told now
        self._root, self._spare = root, root / HIDDEN / "pictures"
        self._spare.mkdir(parents=True, exist_ok=True)
        folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and not is_hidden(folder.name)]
        paths = [path for folder in (self._spare, *folders) for path in folder.iterdir() if not is_hidden(path.name)]
        kept = [root / folder_of(each.present_label) / each.file for each in attempts if each.status == Status.KEPT]
        self._paths = {path.name: path for path in (*paths, *set(kept).intersection(paths))}

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def check_folder(self, label: str) -> None:
        """Raises DataError where a file has the name of the label's folder."""
        folder = self._root / folder_of(label)
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder} is a file, and pictures of {label} go into a folder of that name: rename it.")

    def add(self, name: str, data: bytes) -> None:
        """Store a picture out of sight, until it is selected."""
        if name not in self:
            write_atomically(self._spare / name, data)
            self._paths[name] = self._spare / name

    def lay_out(self, selected: Sequence[Attempt], manifest: Manifest) -> None:
        """Move the pictures, then write metadata.jsonl and the manifest."""
        kept = {attempt.file: attempt for attempt in selected if attempt.status == Status.KEPT}
        for name in {attempt.file for attempt in selected if attempt.file} - kept.keys():
            self._move(name, self._spare)
        for name, attempt in kept.items():
            self._move(name, self._root / folder_of(attempt.present_label))
        ours = {attempt.file for attempt in (*manifest.attempts.values(), *selected)}
        path = self._root / METADATA_FILE
        before = [(name.rpartition("/")[2], row) for name, row in read_metadata(path).items()]
        others = [row for file, row in before if file not in ours]
        more = dict(before)  # columns that a person added
        write_json_lines(path, [*(more.get(file, {}) | _metadata(attempt) for file, attempt in kept.items()), *others])
        manifest.update(selected)

    def _move(self, name: str, folder: Path) -> None:
        if (now := self._paths.get(name)) and now.parent != folder:
            folder.mkdir(exist_ok=True)
            self._paths[name] = now.replace(folder / name)
            if now.parent != self._spare:
                _remove_empty(now.parent)

    def overrides(self, attempts: Iterable[Attempt], decisions: Mapping[str, Decision]) -> dict[str, str]:
        """By sha256 the label that a person gave a picture, "" for one that a person took out.

        Both are done on the review page (decisions, by sha256) or with a file manager; who moved a file last is obeyed.
        """
        attempts = [attempt for attempt in attempts if attempt.file]
        labels = {folder_of(label): label for each in attempts for label in (each.label, each.moved_to) if label}
        overrides = ((each.sha256, self._override(each, decisions.get(each.sha256), labels)) for each in attempts)
        return {sha256: label for sha256, label in overrides if label is not None}

    def _override(self, attempt: Attempt, decision: Decision | None, labels: Mapping[str, str]) -> str | None:
        """labels: by their folders."""
        path = self._paths.get(attempt.file)
        if path is None:
            is_gone = attempt.status in (Status.KEPT, Status.REMOVED) or (decision and decision.action == DELETE)
            return "" if is_gone else None
        if path.parent == self._spare:
            return decision.to if decision and decision.action != KEEP else None
        present = labels.get(path.parent.name, path.parent.name)
        is_decided = decision and (decision.file_name == f"{path.parent.name}/{path.name}" or decision.to == present)
        if decision and decision.action != KEEP and is_decided:
            return decision.to
        return present if decision or (attempt.status == Status.KEPT and present != attempt.label) else None


def _metadata(attempt: Attempt) -> dict[str, object]:
    label = attempt.present_label
    placed = {"file_name": f"{folder_of(label)}/{attempt.file}", "label": label}
    copied = {name: getattr(attempt, name) for name in COPIED}
    style = "photo" if label == OTHER_LABEL and says_photo(attempt.query) else ""
    return placed | copied | {"style": style, "source": attempt.source, "fetched_at": attempt.fetched_at}
