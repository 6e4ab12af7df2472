"""The views of a picture that training sees: the picture itself, and augmented ones.

A view is a function of the picture's bytes, of its number, of whether it is a photograph of none of the characters, and, of
a cut-out, of the picture that it is laid on: so the same picture has the same views in every training, whatever else lies in
the folder.
"""

import bisect
import hashlib
import random
from collections.abc import Sequence, Set

from PIL import Image

from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.images import load_cutout, on_white, square_pad
from cartoons.model_folder import OTHER_LABEL
from cartoons.training.augment import augment, background
from cartoons.training.redraw import drawn, redrawn

FEWEST_BACKGROUNDS = 20
"""Of fewer pictures of `_other`, each would stand behind too many of the cut-outs."""


class Views:
    """The views of a folder's pictures, by the picture's index and the view's number; number 0 is the picture itself."""

    def __init__(self, items: Sequence[Item], size_px: int, count: int) -> None:
        """count: of the views of each picture, the picture itself included."""
        self.items, self.size_px, self.numbers = items, size_px, range(count)
        others = [index for index, item in enumerate(items) if item.label == OTHER_LABEL]
        self._has_others = len(others) >= FEWEST_BACKGROUNDS
        behind = others if self._has_others else range(len(items))
        self._ring = sorted((items[index].sha256, index) for index in behind)

    def name(self, index: int, number: int, is_cutout: bool) -> str:
        """Names a view by all that it is made of."""
        sha256 = self.items[index].sha256
        if not is_cutout:
            return f"{sha256} {number}{' drawn' if self._is_drawn(index, number) else ''}"
        behind = self.behind(index, number)
        return f"{sha256} {number} on {'' if behind is None else self.items[behind].sha256}"

    def behind(self, index: int, number: int) -> int | None:
        """The picture that a view of a cut-out may be laid on: one of `_other`, as a view of two characters would have one
        label; in a folder with fewer than FEWEST_BACKGROUNDS of those, one of another label. Nearly always the same one when
        pictures are added to the folder or taken out of it (consistent hashing, Karger et al. 1997). None for the picture
        itself, and for it drawn anew."""
        if number == 0 or _is_redrawn(number):
            return None
        item = self.items[index]
        start = bisect.bisect(self._ring, (_hash(f"{item.sha256} {number}"), 0))
        others = (self._ring[(start + k) % len(self._ring)][1] for k in range(len(self._ring)))
        fits = (o for o in others if o != index and (self._has_others or self.items[o].label != item.label))
        return next(fits, None)

    def seen_by(self, index: int, is_cutout: bool, train: Set[int]) -> list[int]:
        """The numbers of a picture's views without those laid on a picture that is not trained on."""
        return [n for n in self.numbers if not is_cutout or (behind := self.behind(index, n)) is None or behind in train]

    def draw(self, index: int, numbers: Sequence[int]) -> tuple[bool, list[Image.Image]]:
        """Whether a picture is a cut-out, and these views of it as RGB squares. Raises DataError if its file has changed."""
        cutout = load_cutout(self._bytes(index))
        is_cutout = cutout.mode == "RGBA"
        square = square_pad(on_white(cutout), self.size_px) if 0 in numbers else None
        cutout.thumbnail((3 * self.size_px // 2, 3 * self.size_px // 2), Image.Resampling.BICUBIC)
        return is_cutout, [square if n == 0 and square else self._augmented(cutout, index, n) for n in numbers]

    def _is_drawn(self, index: int, number: int) -> bool:
        """Every other augmented view of a photograph of none of the characters is made a drawing."""
        item = self.items[index]
        return item.is_photo and item.label == OTHER_LABEL and number % 2 == 1

    def _augmented(self, cutout: Image.Image, index: int, number: int) -> Image.Image:
        behind = self.behind(index, number) if cutout.mode == "RGBA" else None
        backgrounds = [] if behind is None else [background(self._bytes(behind))]
        rng = random.Random(f"{self.items[index].sha256} {number}")
        picture = drawn(cutout, rng) if cutout.mode == "RGB" and self._is_drawn(index, number) else cutout
        return augment(redrawn(picture, rng) if _is_redrawn(number) else picture, rng, backgrounds, self.size_px)

    def _bytes(self, index: int) -> bytes:
        item = self.items[index]
        data = item.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != item.sha256:
            raise DataError(f"{item.path} has changed since the training began: give the same command again.")
        return data


def _is_redrawn(number: int) -> bool:
    """Every fourth view is drawn anew."""
    return number % 4 == 3


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
