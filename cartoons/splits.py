"""Which pictures judge a model that never saw them: rounds of training and judging that keep artworks and sources whole.

A random split puts copies of one drawing on both sides and then measures memory (fastdup counted 20 % of ImageNet-21K's
validation set that way). Here a round trains on nothing that shares a group with what it judges.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.folder_layout import VALID
from cartoons.model_folder import OTHER_LABEL

ROUNDS = 5
KINDS = ("auto", "source", "group", "holdout", "folder")
Unit = tuple[str, str]
"""What is never cut in two: a source, a group, or a character among `_other`."""

Scenery = Sequence[Sequence[int]]
"""For each item, the items that a cut-out of it may be laid on in training."""


@dataclass(frozen=True)
class Round:
    """Train on `train`, then judge `judged`: indices into the items, sorted, disjoint and without a group in common."""

    name: str
    train: tuple[int, ...]
    judged: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """How a folder is measured: one round or several, in which each picture is judged once at most."""

    rounds: list[Round]
    protocol: str
    """The words for the card: "leaving ... out"."""

    def scenery(self, items: Sequence[Item]) -> Scenery:
        """Pictures of other labels that are judged in the same round as the item (or never, as it): the item is trained on
        in other rounds only, so no round sees behind a cut-out what it judges."""
        part = {i: number for number, round_ in enumerate(self.rounds) for i in round_.judged}
        labels = {item.label for item in items}
        parts_of: defaultdict[str, set[int]] = defaultdict(set)
        for i, item in enumerate(items):
            parts_of[item.group].add(part.get(i, -1))
        allowed: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        for k, other in enumerate(items):
            if len(parts_of[other.group]) == 1:
                for label in labels - {other.label}:
                    allowed[part.get(k, -1), label].append(k)
        return [allowed[part.get(i, -1), item.label] for i, item in enumerate(items)]

    def strangers_unseen(self, items: Sequence[Item]) -> bool:
        """True when every judged cartoon of `_other` was judged by a model that never saw its character."""
        named = [item.character if _unit(item)[0] == "character" else "" for item in items]
        judged_ones = [i for round_ in self.rounds for i in round_.judged if items[i].label == OTHER_LABEL]
        return any(named[i] for i in judged_ones) and all(
            items[i].is_photo or (named[i] and named[i] not in {named[k] for k in round_.train})
            for round_ in self.rounds
            for i in round_.judged
            if items[i].label == OTHER_LABEL
        )

    @property
    def is_holdout(self) -> bool:
        """True when one part is held out for good: the model that was measured is then the one that is kept."""
        return len(self.rounds) == 1


@dataclass(frozen=True)
class How:
    """What the command line says of the split."""

    kind: str = "auto"
    """One of KINDS; "auto" follows `train/` and `valid/` folders, else leaves sources out, or groups without sources."""
    valid_pct: float = 0.2
    rounds: int = ROUNDS
    seed: int = 42


def plan_for(items: Sequence[Item], how: How) -> Plan:
    """The plan that was asked for. Raises DataError, with what to do, when the folder does not allow it."""
    is_split = all(item.part for item in items)
    if not 0 < how.valid_pct < 1:
        raise DataError(f"--valid-pct is {how.valid_pct:g}: give a share between 0 and 1, such as 0.2.")
    if how.seed < 0:
        raise DataError(f"--seed is {how.seed}: give 0 or more.")
    if how.rounds < 2:
        raise DataError(f"--rounds is {how.rounds}: give at least 2, or measure once with --split holdout.")
    if how.kind == "folder" and not is_split:
        raise DataError("--split folder needs a folder that holds train/ and valid/: take another split.")
    if how.kind == "source" and not any(item.source for item in items):
        raise DataError("--split source needs a metadata.jsonl that gives each picture's source: take --split group.")
    if how.kind == "folder" or (how.kind == "auto" and is_split):
        return by_folder(items)
    if how.kind == "holdout":
        return holdout(items, how.valid_pct, how.seed)
    return by_source([replace(item, source="") for item in items] if how.kind == "group" else items, how.rounds)


def by_folder(items: Sequence[Item]) -> Plan:
    """The `train/` and `valid/` folders as they stand, but for copies of the second in the first."""
    judged = [i for i, item in enumerate(items) if item.part == VALID]
    round_ = _round("valid/", judged, items, frozenset())
    _check([round_], items)
    return Plan([round_], "on the folder valid/, training on what the folder train/ holds besides copies of that")


def holdout(items: Sequence[Item], valid_pct: float, seed: int) -> Plan:
    """About valid_pct (0 to 1) of each label's pictures in whole groups (`_other` in whole characters), drawn by seed."""
    round_ = _drawn(items, valid_pct, seed)
    _check([round_], items)
    return Plan([round_], f"on {valid_pct:.0%} of each label's pictures, held out in whole groups of alike pictures")


def _drawn(items: Sequence[Item], valid_pct: float, seed: int) -> Round:
    """The round of `holdout`, whether or not each label has pictures enough."""
    members = _members(items, [_unit(item) for item in items])
    units = [sorted(members)[k] for k in np.random.default_rng(seed).permutation(len(members))]
    total, held = Counter(item.label for item in items), Counter[str]()
    judged: list[int] = []
    for unit in units:
        mine = Counter(items[i].label for i in members[unit])
        if all(held[label] + count <= max(1, round(valid_pct * total[label])) for label, count in mine.items()):
            held += mine
            judged += members[unit]
    return _round("held-out groups", judged, items, frozenset())


def _unit(item: Item) -> Unit:
    """What a picture is held out with, wherever it comes from."""
    unnamed = item.label != OTHER_LABEL or item.is_photo or item.character == OTHER_LABEL
    return ("group", item.group) if unnamed else ("character", item.character)


def watched(items: Sequence[Item], train: Sequence[int], pct: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices split once more, in whole groups: what to train on, and what to watch in order to stop; a label of few and
    large groups is not watched."""
    round_ = _drawn([items[i] for i in train], pct, seed)
    return [train[k] for k in round_.train], [train[k] for k in round_.judged]


def by_source(items: Sequence[Item], rounds: int = ROUNDS) -> Plan:
    """Leave sources out: each picture of a character is judged by a model that saw nothing of its source.

    A label with one source only is held out in whole groups instead, `_other` in whole characters (in groups where it is
    not said which, and photographs).
    Without any source, everything is held out in groups. A held-out source gives no `_other` pictures to its round either.
    """
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        sources[item.label].add(item.source)

    def unit(item: Item) -> Unit:
        several = item.label != OTHER_LABEL and item.source and len(sources[item.label]) > 1
        return ("source", item.source) if several else _unit(item)

    units = [unit(item) for item in items]
    made = []
    for number, judged in enumerate(_spread(items, units, rounds), 1):
        held = frozenset(units[i][1] for i in judged if units[i][0] == "source")
        made.append(_round(f"part {number}", judged, items, held))
    _check(made, items)
    left_out = len({name for kind, name in units if kind == "source"})
    return Plan(made, _protocol(items, sources, left_out, len(made)))


def leaked_by_random_split(items: Sequence[Item], valid_pct: float, seed: int) -> tuple[int, int]:
    """Of the pictures that a random split would judge: how many have a picture of the same artwork in training, and all."""
    order = np.random.default_rng(seed).permutation(len(items))
    count = round(valid_pct * len(items))
    trained = {items[i].group for i in order[count:]}
    return sum(items[i].group in trained for i in order[:count]), count


def _members(items: Sequence[Item], units: Sequence[Unit]) -> dict[Unit, list[int]]:
    members: defaultdict[Unit, list[int]] = defaultdict(list)
    for i in range(len(items)):
        members[units[i]].append(i)
    return members


def _spread(items: Sequence[Item], units: Sequence[Unit], rounds: int) -> list[list[int]]:
    """Whole units into at most `rounds` parts: the largest share of a label first, to the part that holds least of it."""
    members = _members(items, units)
    total = Counter(item.label for item in items)
    shares = {
        unit: {label: count / total[label] for label, count in Counter(items[i].label for i in mine).items()}
        for unit, mine in members.items()
    }
    loads = [Counter[str]() for _ in range(rounds)]
    parts: list[list[int]] = [[] for _ in range(rounds)]
    for unit in sorted(members, key=lambda unit: (-max(shares[unit].values()), unit)):
        k = min(range(rounds), key=lambda k: (sum(loads[k][label] for label in shares[unit]), k))
        loads[k].update(shares[unit])
        parts[k] += members[unit]
    return [sorted(part) for part in parts if part]


def _round(name: str, judged: Sequence[int], items: Sequence[Item], held_sources: frozenset[str]) -> Round:
    """A round without leaks: nothing is trained on that shares a group with what is judged, or is `_other` of a held
    source."""
    out, groups = set(judged), {items[i].group for i in judged}
    train = tuple(
        i
        for i, item in enumerate(items)
        if i not in out and item.group not in groups and not (item.label == OTHER_LABEL and item.source in held_sources)
    )
    trained = {items[i].label for i in train}
    return Round(name, train, tuple(sorted(i for i in judged if items[i].label in trained)))


def _check(rounds: Sequence[Round], items: Sequence[Item]) -> None:
    """Refuse a plan that would leave a character unmeasured or untaught."""
    judged = {items[i].label for round_ in rounds for i in round_.judged}
    trained = {items[i].label for round_ in rounds for i in round_.train}
    for label in sorted({item.label for item in items} - {OTHER_LABEL}):
        if label not in judged or label not in trained:
            raise DataError(
                f"{label} cannot be measured: no picture of it can be held out while another, of another artwork, is "
                "trained on; add pictures from elsewhere."
            )


def _protocol(items: Sequence[Item], sources: dict[str, set[str]], left_out: int, rounds: int) -> str:
    """How by_source measures, for the card."""
    characters = sorted({item.label for item in items if item.label != OTHER_LABEL})
    single = [label for label in characters if len(sources[label]) < 2]
    by_group = "in whole groups of alike pictures"
    if not left_out:
        return f"in {rounds} parts, held out in turn {by_group}"
    words = f"leaving whole sources out ({left_out} sources, {rounds} rounds of training)"
    return f"{words}; {', '.join(single)}, of one source, {by_group}" if single else words
