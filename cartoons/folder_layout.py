"""What the folders of a picture folder are: labels, parts of a split (`train/`, `val/`, `test/`...), or neither.

    fox/ frog/                        labels
    train/fox/ val/fox/ test/fox/     a split, its labels below; `test` is left out, other folders beside it too
    fox/train/ fox/val/               labels, each split
    anything/fox/ anything/frog/      the same in one folder more

A name of a part is never taken for a label: a folder that could be read in two ways is refused, with what was seen.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from cartoons.errors import DataError, counted
from cartoons.picture_files import Parts, is_hidden

TRAIN, VALID, TEST = "train", "valid", "test"
PART_WORDS = {
    TRAIN: ("train", "training"),
    VALID: ("valid", "validation", "val", "dev"),
    TEST: ("test", "testing", "eval", "evaluation"),
}
"""The words of a folder's name that say which part of a split it holds, as `datasets` knows them."""

PICTURE_WORDS = ("images?", "imgs?", "pictures?", "photos?", "data", "dataset")
_PART_NAME = re.compile(
    rf"(?:(?:seg|{'|'.join(PICTURE_WORDS)})[-_. ]*)?"
    rf"({'|'.join(word for words in PART_WORDS.values() for word in sorted(words, key=len, reverse=True))})"
    rf"(?:[-_. ]*(?:set|split|folder|\d+(?:-of-\d+)?|{'|'.join(PICTURE_WORDS)}))*"
)
_WRAPPER_NAME = re.compile("|".join(PICTURE_WORDS))
STRAY_SHARE = 0.1
"""Fewer of a folder's pictures than this lie right in it by mistake: its labels may be its own folders."""

SHOWN = 8

Children = dict[str, list[Parts]]
"""The folders in a folder, by name, with the pictures below each."""


@dataclass(frozen=True)
class Place:
    """Where a picture belongs."""

    folder: Parts | None
    """Its label folder, None where it lies in none."""
    part: str = ""
    """TRAIN, VALID or TEST, "" for no split."""
    inner: Parts = ()
    """The folders between its label folder and it, without those of the split."""
    left_out: str = ""
    """Why it is left out whatever its label is, "" where it is not."""


@dataclass(frozen=True)
class Layout:
    """What each folder is."""

    tops: dict[Parts, str]
    """The folders that hold label folders, by path, each with the part of the split that it holds, "" for no split."""
    left_out: dict[Parts, str] = field(default_factory=dict)
    """Folders with pictures that are none of these, and why they are left out."""
    is_split_inside: bool = False
    """Whether each label folder holds folders of the parts."""

    def place(self, picture: Parts) -> Place:
        """Where a picture belongs."""
        above = [picture[:depth] for depth in range(len(picture), -1, -1)]
        if reason := next((self.left_out[folder] for folder in above if folder in self.left_out), ""):
            return Place(None, left_out=reason)
        top = next((folder for folder in above if folder in self.tops), picture[:-1])
        folder, inner, part = picture[: len(top) + 1], picture[len(top) + 1 : -1], self.tops.get(top, "")
        if folder == picture:
            return Place(None, part)
        if self.is_split_inside:
            own = part_of(inner[0]) if inner else ""
            part, inner = own or TRAIN, inner[1:] if own else inner
        return Place(folder, part, inner)


def part_of(name: str) -> str:
    """The part of a split that a folder of this name holds: TRAIN, VALID or TEST; "" for any other name."""
    match = _PART_NAME.fullmatch(name.strip().casefold())
    return next((part for part, words in PART_WORDS.items() if match and match[1] in words), "")


def split_folders(root: Path) -> list[str]:
    """The names of folders in the root that part it, if those are two parts at least, whatever they hold.

    In small letters only: "Train" may be a character's folder, "train" scraping gives another name.
    """
    names = sorted(path.name for path in root.iterdir() if path.is_dir() and not is_hidden(path.name))
    names = [name for name in names if part_of(name) and name == name.lower()]
    return names if len({part_of(name) for name in names}) > 1 else []


def layout_of(root: Path, pictures: Sequence[Parts], described: Mapping[Parts, str], again: Set[Parts]) -> Layout:
    """How the folder is laid out. described: the labels that the metadata gives, wherever the pictures lie; again: links to
    pictures that lie in the folder as well. A folder called "Train" whose pictures have the label "Train" is no part.

    Raises DataError, with what was seen and what to do, when its folders could mean different things.
    """
    prefix = _unwrapped((), pictures, lambda name: not part_of(name))
    children = _children(prefix, pictures)
    characters = {picture[-2] for picture, label in described.items() if picture[-2:-1] == (label,)}
    parts = {name: part for name in children if (part := part_of(name)) and name not in characters}
    depth = len(prefix) + 2
    labelled = {name: part for name, part in parts.items() if any(len(p) > depth or p in described for p in children[name])}
    others = [name for name in children if name not in parts]
    where = shown_name(str(root.joinpath(*prefix))) if prefix else root
    _check_parts(f"{where} holds {_counted(children)}", children, parts, labelled)
    tops = {_inside((*prefix, name), children[name]): part for name, part in labelled.items()}
    left_out = {(*prefix, name): f"without a label, in {shown_name(name)}" for name in parts if name not in labelled}
    if others and TRAIN not in tops.values():
        tops[prefix] = TRAIN if VALID in tops.values() else ""
    elif labelled:
        left_out = {(*prefix, name): f"beside {spoken(labelled)}" for name in others} | left_out
    layout = Layout(tops or {prefix: ""}, left_out)
    undescribed = [picture for picture in pictures if picture not in described]
    once = [picture for picture in undescribed if picture not in again]
    if not labelled:
        layout = replace(layout, is_split_inside=_is_split_inside(root, _placed(layout, once)))
    folders = {place.folder[-1] for picture in undescribed if (place := layout.place(picture)).folder}
    if named := sorted(name for name in folders if part_of(name) and name not in characters):
        what = f"{shown_name(named[0])} would be a label beside {spoken(sorted(folders - {named[0]}))}"
        raise DataError(f"In {root}, {what}, but is called as a part of a split. {renaming(named[0])}.")
    _check_inner_folders(root, _placed(layout, once))
    return layout


def _children(folder: Parts, pictures: Iterable[Parts]) -> Children:
    children: Children = {}
    for picture in pictures:
        if picture[: len(folder)] == folder and len(picture) > len(folder) + 1:
            children.setdefault(picture[len(folder)], []).append(picture)
    return children


def _unwrapped(folder: Parts, pictures: Sequence[Parts], may_wrap: Callable[[str], bool]) -> Parts:
    """The folder, or what it wraps: one folder that holds no picture itself but folders of them."""
    while len(children := _children(folder, pictures)) == 1:
        [(name, below)] = children.items()
        if not may_wrap(name) or any(len(picture) == len(folder) + 2 for picture in below):
            break
        folder = (*folder, name)
    return folder


def _inside(part: Parts, pictures: Sequence[Parts]) -> Parts:
    """Where the label folders of a part are: in it, or in a folder in it that is called as a part or "images"."""
    return _unwrapped(part, pictures, lambda name: bool(part_of(name) or _WRAPPER_NAME.fullmatch(name.casefold())))


def _check_parts(seen: str, children: Children, parts: Mapping[str, str], labelled: Mapping[str, str]) -> None:
    """Refuse folders that are called as parts of a split and may be characters, or hold no labels."""
    others = {name: pictures for name, pictures in children.items() if name not in parts}
    if parts and not labelled and not others:
        raise DataError(
            f"{seen}: parts of a split, but in them no folder for each label; put the pictures of each character into "
            "a folder of its name, in each part, or name their labels in a metadata.jsonl."
        )
    direct = [name for name, pictures in others.items() if any(picture[-2] == name for picture in pictures)]
    doubtful = []
    if TRAIN not in labelled.values():
        doubtful = [name for name in parts if others and name not in labelled and parts[name] != TEST]
    elif set(labelled.values()) == {TRAIN} and len(direct) > 1:
        doubtful = list(labelled)
    if doubtful:
        raise DataError(
            f"{seen}: is {shown_name(doubtful[0])} a part of a split, or a character? {renaming(doubtful[0])}; if it is a "
            "part, put its pictures into a folder per label in it, and the other folders into train/."
        )


def _placed(layout: Layout, pictures: Iterable[Parts]) -> dict[str, Counter[str]]:
    """Each label folder's name with the folders right in it and the number of pictures in each, "" for its own."""
    folders: dict[str, Counter[str]] = {}
    for place in map(layout.place, pictures):
        if place.folder:
            folders.setdefault(place.folder[-1], Counter())[place.inner[0] if place.inner else ""] += 1
    return folders


def _is_split_inside(root: Path, folders: Mapping[str, Counter[str]]) -> bool:
    """Whether every label folder holds folders of parts. Raises DataError when only some do."""
    parts = {label: sorted(name for name in inner if part_of(name)) for label, inner in folders.items()}
    split, whole = [label for label in parts if parts[label]], [label for label in parts if not parts[label]]
    if split and whole:
        raise DataError(
            f"In {root}, {shown_name(split[0])} holds {spoken(parts[split[0]])}, but {shown_name(whole[0])} holds no such "
            "folder: split every label so, or none."
        )
    return bool(split)


def _check_inner_folders(root: Path, folders: Mapping[str, Counter[str]]) -> None:
    """Refuse label folders whose own folders look like the labels."""
    inner = [{name for name in names if name and not part_of(name)} for names in folders.values()]
    holders = Counter(name for names in inner for name in names)
    shared = {name for name, count in holders.items() if count > max(1, len(inner) / 2)}
    if (
        len(shared) > 1
        and all(names & shared for names in inner)
        and all(names[""] < STRAY_SHARE * names.total() for names in folders.values())
    ):
        labels, same = spoken(sorted(folders)), spoken(sorted(shared))
        raise DataError(
            f"In {root}, {labels} hold folders of the same names, {same}: which of them are the labels? If {same} are, put "
            f"the pictures of each into one folder of that name; if {labels} are, put their pictures right into them."
        )


def shown_name(name: str) -> str:
    """A folder's name in a sentence: "train/"; escaped where it cannot be printed on one line."""
    return f"{name if name.isprintable() else repr(name)}/"


def renaming(name: str) -> str:
    """What to do with a folder that is called as a part of a split and is none."""
    return f'If it is a character, give its folder another name, such as "the {name.strip()}"'


def spoken(names: Iterable[str]) -> str:
    """Folders in words: "train/, val/ and test/"."""
    shown = _first([shown_name(name) for name in names], "more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _counted(children: Children) -> str:
    counts = [f"{shown_name(name)} ({counted(len(pictures), 'picture')})" for name, pictures in children.items()]
    return ", ".join(_first(counts, "more folders"))


def _first(words: list[str], more: str) -> list[str]:
    return words if len(words) <= SHOWN else [*words[: SHOWN - 1], f"{len(words) - SHOWN + 1} {more}"]
