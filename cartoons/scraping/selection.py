"""Which of the good pictures stay. Pure: the same attempts and human decisions give the same answer.

A picture and its copies, resizes and mirror images are one artwork. An artwork stays once, as its largest picture; one that
was found under two labels stays under neither, unless a person said which; a label keeps its first `per_label` artworks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cartoons.near_duplicates import group_hashes
from cartoons.scraping.manifest import DUPLICATE, KEPT, REMOVED, SPARE, TWO_LABELS, Attempt


@dataclass(frozen=True)
class Word:
    """What a person said of a picture: that it stays under this label, or, with "", that it goes."""

    label: str


def decide(attempts: Sequence[Attempt], words: Mapping[str, Word], per_label: int) -> list[Attempt]:
    """The attempts with their fate as `status` and `reason`, and their artwork as `group`.

    attempts: in the order of the search, label by label; those without a picture come back as they are. words: by sha256.
    """
    decided = list(attempts)
    good = [k for k, attempt in enumerate(attempts) if attempt.file]
    artworks: dict[int, list[int]] = {}
    for k, group in zip(good, _artworks([attempts[k] for k in good]), strict=True):
        artworks.setdefault(group, []).append(k)
    counts: dict[str, int] = {}
    for members in sorted(artworks.values(), key=min):
        for k, attempt in zip(members, _fates([attempts[k] for k in members], words, counts, per_label), strict=True):
            decided[k] = attempt
    return decided


def _artworks(good: Sequence[Attempt]) -> list[int]:
    """A number per picture, the same for pictures of one artwork."""
    if not good:
        return []
    hashes = np.array([[int(attempt.phash, 16), int(attempt.mirrored, 16)] for attempt in good], dtype=np.uint64)
    return [int(number) for number in group_hashes(hashes)]


def _fates(members: Sequence[Attempt], words: Mapping[str, Word], counts: dict[str, int], per_label: int) -> list[Attempt]:
    """What becomes of the pictures of one artwork; counts: how many artworks each label keeps so far."""
    spoken = [k for k, member in enumerate(members) if member.sha256 in words]
    best = max(spoken or range(len(members)), key=lambda k: (members[k].pixels, -k))
    said = words.get(members[best].sha256)
    group = members[best].sha256[:16]
    labels = sorted({member.label for member in members})
    if said and not said.label:
        return [replace(member, status=REMOVED, reason="by a person", group=group) for member in members]
    if not said and len(labels) > 1:
        return [replace(member, status=TWO_LABELS, reason=", ".join(labels), group=group) for member in members]
    label = said.label if said else labels[0]
    counts[label] = counts.get(label, 0) + 1
    fates = [replace(member, status=DUPLICATE, reason=f"of {members[best].file}", group=group) for member in members]
    enough = counts[label] > per_label and not said
    status, reason = (SPARE, f"{per_label} others came before") if enough else (KEPT, "")
    moved_to = label if label != members[best].label else ""
    fates[best] = replace(members[best], status=status, reason=reason, group=group, moved_to=moved_to)
    return fates
