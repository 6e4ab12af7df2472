"""Which of the good pictures stay. Pure: the same attempts and human decisions give the same answer.

A picture and its copies, resizes and mirror images are one artwork. An artwork stays once, as its largest picture; one that
was found under two labels stays under neither, unless a person said which; a label keeps its first artworks up to its limit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cartoons.near_duplicates import group_hashes
from cartoons.scraping.manifest import Attempt, Status


def select(attempts: Sequence[Attempt], overrides: Mapping[str, str], limits: Mapping[str, int]) -> list[Attempt]:
    """The attempts with `status` and `reason` set by what becomes of them, and `group` by their artwork.

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
