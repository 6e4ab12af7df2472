"""Held-out predictions: pictures, and what a model that was not trained on them says of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartoons.dataset import Item
from cartoons.model_folder import OTHER_LABEL

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OutOfFold:
    """Items, and for each the logits of a model that was not trained on it: (items, labels), NaN where none judged it."""

    items: Sequence[Item]
    labels: tuple[str, ...]
    logits: Floats

    @property
    def targets(self) -> NDArray[np.int64]:
        """The index of each item's label: (items,)."""
        return np.array([self.labels.index(item.label) for item in self.items])

    @property
    def is_character(self) -> NDArray[np.bool_]:
        """False for `_other`: (items,)."""
        return np.array([item.label != OTHER_LABEL for item in self.items])

    @property
    def columns(self) -> list[int]:
        """The indices of the characters among the labels."""
        return [i for i, label in enumerate(self.labels) if label != OTHER_LABEL]

    @property
    def other(self) -> int | None:
        """The index of `_other` among the labels, if it is one."""
        return self.labels.index(OTHER_LABEL) if OTHER_LABEL in self.labels else None

    @property
    def groups(self) -> NDArray[np.str_]:
        """Each item's artwork: (items,)."""
        return np.array([item.group for item in self.items])

    @property
    def judged(self) -> NDArray[np.bool_]:
        """True where some model that had not seen the item answered: (items,)."""
        return np.asarray(np.isfinite(self.logits).all(axis=1))

    @property
    def answers(self) -> NDArray[np.int64]:
        """The index of each item's likeliest character: (items,)."""
        return np.asarray(np.array(self.columns)[np.nan_to_num(self.logits)[:, self.columns].argmax(axis=1)])

    @property
    def clusters(self) -> NDArray[np.str_]:
        """What is alike among the items, and redrawn together: an artwork; among cartoons of `_other`, a character."""
        is_stranger = [item.label == OTHER_LABEL and not item.is_photo for item in self.items]
        return np.array(
            [item.character if other else item.group for item, other in zip(self.items, is_stranger, strict=True)]
        )
