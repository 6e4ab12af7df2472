"""Where the network looked, as a CSS mask over the picture: it stays bright where it spoke for the answer."""

import base64

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons.images import encoded

LONGEST_PX = 64
"""Of the mask: the browser scales it to the picture, and a heat map has a few cells only."""

DIMMEST = 0.2
"""The opacity of the picture where the heat is 0."""

SQUISH_CROPPED = 224 / 256
"""The share of each side that squish-crop keeps, at 224 px; other sizes differ by less than a cell."""


def mask_url(heat: NDArray[np.float64], picture_size: tuple[int, int], resize_rule: str) -> str:
    """The mask of a picture of that size (width, height) as a data: URL of a PNG, its alpha the light.

    heat: (rows, columns) over the square that `resize_rule` made of the picture, any scale from 0.
    """
    light = Image.fromarray((heat / max(float(heat.max()), 1e-9) * 255).round().astype(np.uint8))
    over_picture = _over_picture(light, picture_size, resize_rule)
    alpha = over_picture.point([round(255 * DIMMEST + value * (1 - DIMMEST)) for value in range(256)])
    mask = Image.merge("LA", (Image.new("L", alpha.size), alpha))
    return f"data:image/png;base64,{base64.b64encode(encoded(mask, 'PNG')).decode()}"


def _over_picture(light: Image.Image, picture_size: tuple[int, int], resize_rule: str) -> Image.Image:
    """The light over the square laid back over the picture: what the square cut off stays dark."""
    scale = LONGEST_PX / max(picture_size)
    width, height = (max(1, round(side * scale)) for side in picture_size)
    if "pad" in resize_rule:
        square = (max(width, height),) * 2
    elif "squish-crop" in resize_rule:
        square = (round(width * SQUISH_CROPPED), round(height * SQUISH_CROPPED))
    elif "squish" in resize_rule:
        square = (width, height)
    else:
        square = (min(width, height),) * 2
    laid = Image.new("L", (width, height))
    resized = light.resize((max(1, square[0]), max(1, square[1])), Image.Resampling.BICUBIC)
    laid.paste(resized, ((width - resized.width) // 2, (height - resized.height) // 2))
    return laid
