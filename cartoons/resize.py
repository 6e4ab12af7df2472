"""A picture of any shape to a square: this project's own rule, and those of fastai's learners, which a model may name.

square = RESIZES["crop-bilinear"](picture, 224)    # what fastai's Resize(224) gives a validation picture, to the pixel
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image

from cartoons.images import square_pad

BILINEAR = Image.Resampling.BILINEAR
LONGEST_PADDED_PX = 4096
"""The padding rules pad before they scale, so a longer picture is scaled to this first: its square would fill the memory."""

EXTRA = 0.14
"""RandomResizedCrop makes validation pictures this much larger, rounded up to 8 px, before it crops their centre."""


def _crop(picture: Image.Image, size_px: int) -> Image.Image:
    """fastai's Resize(size): the central square, scaled."""
    side = max(1, int(min(length / size_px for length in picture.size) * size_px))  # rounds as fastai does
    left, top = (int(0.5 * (length - side)) for length in picture.size)
    return picture.crop((left, top, left + side, top + side)).resize((size_px, size_px), BILINEAR)


def _squish(picture: Image.Image, size_px: int) -> Image.Image:
    """fastai's Resize(size, ResizeMethod.Squish): the whole picture, stretched."""
    return picture.resize((size_px, size_px), BILINEAR)


def _squish_crop(picture: Image.Image, size_px: int) -> Image.Image:
    """fastai's RandomResizedCrop(size): the whole picture, stretched to a larger square, and the centre of that."""
    extra = math.ceil(size_px * EXTRA / 8) * 8
    margin = extra // 2
    return _squish(picture, size_px + extra).crop((margin, margin, margin + size_px, margin + size_px))


def _pad(picture: Image.Image, size_px: int, mode: Literal["constant", "reflect", "edge"]) -> Image.Image:
    """fastai's Resize(size, ResizeMethod.Pad): a square around the whole picture, scaled; mode: as of numpy.pad."""
    if (longest := max(picture.size)) > LONGEST_PADDED_PX:
        width, height = (max(1, round(length * LONGEST_PADDED_PX / longest)) for length in picture.size)
        picture = picture.resize((width, height), BILINEAR)
    side = int(max(length / size_px for length in picture.size) * size_px)  # rounds as fastai does, 1 px short at times
    left, top = (int(0.5 * (side - length)) for length in picture.size)
    box = (0, 0, min(side, picture.width), min(side, picture.height))
    pixels = np.asarray(picture.crop(box))
    height, width = pixels.shape[:2]
    margins = ((top, side - height - top), (left, side - width - left), (0, 0))
    return Image.fromarray(np.pad(pixels, margins, mode=mode)).resize((size_px, size_px), BILINEAR)


Resize = Callable[[Image.Image, int], Image.Image]


def _grey(resize: Resize, picture: Image.Image, size_px: int) -> Image.Image:
    """A rule for learners of greyscale pictures, fastai's PILImageBW: grey first, since the rounding is another after."""
    return resize(picture.convert("L").convert("RGB"), size_px)


FASTAI: Mapping[str, Resize] = {
    "crop-bilinear": _crop,
    "squish-bilinear": _squish,
    "squish-crop-bilinear": _squish_crop,
    "pad-black-bilinear": partial(_pad, mode="constant"),
    "pad-reflect-bilinear": partial(_pad, mode="reflect"),
    "pad-border-bilinear": partial(_pad, mode="edge"),
}
RESIZES: Mapping[str, Resize] = {
    "pad-white-bicubic": square_pad,
    **FASTAI,
    **{f"grey-{name}": partial(_grey, resize) for name, resize in FASTAI.items()},
}
"""Each rule that model.json may name: an RGB picture of any size and size_px to an RGB square of size_px."""
