"""Splits: which pictures are held out to measure a model on, with artworks and sources kept whole.

A random split puts copies of one drawing on both sides and then measures memory (fastdup counted 20 % of ImageNet-21K's
validation set that way). Here no fold trains on a picture that shares a group with a held-out one.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from cartoons.dataset import Item
from cartoons.errors import DataError, counted
from cartoons.folder_layout import VALID
from cartoons.model_folder import OTHER_LABEL

FOLDS = 5
MAX_SEED = 2**32 - 1
"""The largest that every library takes."""

ELSEWHERE = ": pictures from elsewhere may do worse"
"""Behind a protocol that has pictures of the same sources on both sides."""

KINDS = ("auto", "source", "group", "holdout", "folder")
Unit = tuple[str, str]
"""What is never cut in two: ("source", its name), ("group", ...), or ("character", ...) among `_other`."""


@dataclass(frozen=True)
class Fold:
    """Indices into the items, sorted, disjoint and without a group in common: train on one part, measure on the other."""

    name: str
    train: tuple[int, ...]
    held_out: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """One fold (a hold-out) or several (cross-validation); each picture is held out once at most."""

    folds: list[Fold]
    protocol: str
    """How the model is measured, for the card: "leaving ... out"."""

    @property
    def is_holdout(self) -> bool:
        """True when one part is held out for good: the model that was measured is then the one that is kept."""
        return len(self.folds) == 1

    def other_characters_unseen(self, items: Sequence[Item]) -> bool:
        """True when every held-out cartoon of `_other` is of a character that its fold does not train on."""
        characters = [item.other_character for item in items]
        held_out = set[str]()
        for fold in self.folds:
            mine = {characters[i] for i in fold.held_out if items[i].label == OTHER_LABEL and not items[i].is_photo}
            if "" in mine or mine & {characters[i] for i in fold.train}:
                return False
            held_out |= mine
        return bool(held_out)


@dataclass(frozen=True)
class SplitConfig:
    """What the command line says of the split."""

    kind: str = "auto"
    """One of KINDS; "auto" follows `train/` and `valid/` folders, else holds out once, or, where folds are given, leaves
    sources out in turn, or groups without sources."""
    valid_pct: float = 0.2
    folds: int | None = None
    """None: FOLDS, where there are several."""
    seed: int = 42

    def check(self) -> None:
        """Raises DataError for numbers that no folder allows."""
        if not 0 < self.valid_pct < 1:
            raise DataError(f"--valid-pct is {self.valid_pct:g}: give a share between 0 and 1, such as 0.2.")
        if not 0 <= self.seed <= MAX_SEED:
            raise DataError(f"--seed is {self.seed}: give a whole number from 0 to {MAX_SEED}.")
        if self.folds is not None and self.folds < 2:
            raise DataError(f"--rounds is {self.folds}: give at least 2, or measure once with --split holdout.")


def make_split(items: Sequence[Item], config: SplitConfig) -> Split:
    """The split that was asked for. Raises DataError, with what to do, when the folder does not allow it."""
    config.check()
    check_kind(items, config)
    if config.kind == "folder" or (config.kind == "auto" and all(item.part for item in items)):
        return by_folder(items)
    if config.kind == "holdout" or (config.kind == "auto" and config.folds is None):
        return holdout(items, config.valid_pct, config.seed)
    in_groups = [replace(item, source="") for item in items] if config.kind == "group" else items
    split = by_source(in_groups, config.folds or FOLDS)
    if config.folds and len(split.folds) < config.folds:
        most = counted(len(split.folds), "part")
        raise DataError(
            f"--rounds is {config.folds}, and the pictures can be held out in {most}: give no more, or leave it out."
        )
    return split


def check_kind(items: Sequence[Item], config: SplitConfig) -> None:
    """Raises DataError for a kind of split of which the items do not say enough, whether or not they open."""
    if config.kind == "folder" and not all(item.part for item in items):
        raise DataError("--split folder needs a folder that holds train/ and valid/: take another split.")
    if config.kind == "source" and not any(item.source for item in items):
        raise DataError("--split source needs a metadata.jsonl that gives each picture's source: take --split group.")


def by_folder(items: Sequence[Item]) -> Split:
    """Hold the folder `valid/` out, and train on `train/` but for near-duplicates of that."""
    fold = _fold("valid/", [i for i, item in enumerate(items) if item.part == VALID], items)
    _check([fold], items)
    return Split([fold], "on the folder valid/, training on what the folder train/ holds besides copies of that")


def holdout(items: Sequence[Item], valid_pct: float, seed: int) -> Split:
    """Hold out about valid_pct (0 to 1) of each label's pictures in whole groups (`_other` in whole characters)."""
    fold = _random_fold(items, valid_pct, seed)
    _check([fold], items)
    words = f"on {valid_pct:.0%} of each label's pictures, drawn at random in whole groups of alike ones{ELSEWHERE}"
    return Split([fold], words)


def by_source(items: Sequence[Item], folds: int = FOLDS) -> Split:
    """Leave sources out: each picture of a character is held out together with all others of its source.

    A label with one source only is held out in whole groups instead, `_other` in whole characters (in groups where the
    character is not known, and photographs); so is everything when there are no sources. Of a held-out source the fold gets
    no `_other` pictures either.
    """
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        sources[item.label].add(item.source)

    def unit(item: Item) -> Unit:
        several = item.label != OTHER_LABEL and item.source and len(sources[item.label]) > 1
        return ("source", item.source) if several else _unit(item)

    units = [unit(item) for item in items]
    made = []
    for number, held_out in enumerate(_balanced(items, units, folds), 1):
        made.append(_fold(f"part {number}", held_out, items, {units[i][1] for i in held_out if units[i][0] == "source"}))
    _check(made, items)
    return Split(made, _protocol(items, units, sources, len(made)))


def split_validation(items: Sequence[Item], train: Sequence[int], pct: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on split once more, in whole groups: those still to train on, and those to stop early by (none of a
    label of few and large groups)."""
    fold = _random_fold([items[i] for i in train], pct, seed)
    return [train[k] for k in fold.train], [train[k] for k in fold.held_out]


def leaked_by_random_split(items: Sequence[Item], valid_pct: float, seed: int) -> tuple[int, int]:
    """Of the pictures that a random split would hold out: those with a picture of the same group in training, and all."""
    order, count = _permutation(len(items), seed), round(valid_pct * len(items))
    trained = {items[i].group for i in order[count:]}
    return sum(items[i].group in trained for i in order[:count]), count


def _permutation(count: int, seed: int) -> list[int]:
    import numpy as np  # which the command line's help need not load

    return list(np.random.default_rng(seed).permutation(count))


def _unit(item: Item) -> Unit:
    """What a picture is held out with, whatever its source."""
    return ("character", item.other_character) if item.other_character else ("group", item.group)


def _members(units: Sequence[Unit]) -> dict[Unit, list[int]]:
    members: defaultdict[Unit, list[int]] = defaultdict(list)
    for i, unit in enumerate(units):
        members[unit].append(i)
    return members


def _random_fold(items: Sequence[Item], valid_pct: float, seed: int) -> Fold:
    """The fold of `holdout`, whether or not each label has pictures enough."""
    members = _members([_unit(item) for item in items])
    units = [sorted(members)[k] for k in _permutation(len(members), seed)]
    total, counts = Counter(item.label for item in items), Counter[str]()
    held_out: list[int] = []
    for unit in units:
        more = Counter(items[i].label for i in members[unit])
        if all(counts[label] + count <= max(1, round(valid_pct * total[label])) for label, count in more.items()):
            counts += more
            held_out += members[unit]
    return _fold("held-out groups", held_out, items)


def _balanced(items: Sequence[Item], units: Sequence[Unit], folds: int) -> list[list[int]]:
    """Whole units into at most `folds` parts: the largest share of a label first, to the part that holds least of it."""
    members = _members(units)
    total = Counter(item.label for item in items)
    shares = {
        unit: {label: count / total[label] for label, count in Counter(items[i].label for i in indices).items()}
        for unit, indices in members.items()
    }
    loads = [Counter[str]() for _ in range(min(folds, len(members)))]
    parts: list[list[int]] = [[] for _ in loads]
    for unit in sorted(members, key=lambda unit: (-max(shares[unit].values()), unit)):
        k = min(range(len(loads)), key=lambda k: (sum(loads[k][label] for label in shares[unit]), k))
        loads[k].update(shares[unit])
        parts[k] += members[unit]
    return [sorted(part) for part in parts if part]


def _fold(name: str, held_out: Sequence[int], items: Sequence[Item], sources: Set[str] = frozenset()) -> Fold:
    """A fold without leaks: it trains on nothing that shares a group with what is held out, nor on `_other` pictures of the
    held-out sources; a label that it does not train on is not held out either."""
    out, groups = set(held_out), {items[i].group for i in held_out}
    train = tuple(
        i
        for i, item in enumerate(items)
        if i not in out and item.group not in groups and not (item.label == OTHER_LABEL and item.source in sources)
    )
    trained = {items[i].label for i in train}
    return Fold(name, train, tuple(sorted(i for i in held_out if items[i].label in trained)))


def _check(folds: Sequence[Fold], items: Sequence[Item]) -> None:
    """Raises DataError for a character that no fold holds out, or none trains on."""
    held_out = {items[i].label for fold in folds for i in fold.held_out}
    trained = {items[i].label for fold in folds for i in fold.train}
    for label in sorted({item.label for item in items} - {OTHER_LABEL} - (held_out & trained)):
        mine = [item for item in items if item.label == label]
        artworks = len({item.group for item in mine})
        several = artworks > 1 and len(folds) == 1 and not all(item.part for item in items)
        raise DataError(
            f"{label} cannot be measured: its {len(mine)} pictures are "
            f"{f'of {artworks} artworks' if artworks > 1 else 'copies of one another'}, and none can be held out while "
            f"another artwork is trained on; add pictures of it from elsewhere{', or take --rounds 2' if several else ''}."
        )


def _protocol(items: Sequence[Item], units: Sequence[Unit], sources: dict[str, set[str]], folds: int) -> str:
    """How by_source measures, for the card. units: what each picture is held out with; sources: by label."""
    left_out = len({name for kind, name in units if kind == "source"})
    by_group = "in whole groups of alike pictures"
    if not left_out:
        return f"in {folds} parts, held out in turn {by_group}{ELSEWHERE}"
    single = [label for label in sorted(sources.keys() - {OTHER_LABEL}) if len(sources[label]) < 2]
    parts = [f"{', '.join(single)}, of one source, {by_group}"] if single else []
    unstated = sum(not item.source for item in items if item.label not in (OTHER_LABEL, *single))
    if unstated:
        parts.append(f"{unstated} of the characters' pictures, without a source, {by_group}")
    return "; ".join([f"leaving whole sources out ({counted(left_out, 'source')}, {folds} rounds of training)", *parts])
