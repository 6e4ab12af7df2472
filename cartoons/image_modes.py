"""Pixels of any mode and depth to 8-bit RGB or RGBA, in bands: what lies in between is never in memory whole.

Pictures above SHRUNK_PIXELS are scaled down on the way, as large JPEGs are by their decoder: no model sees more.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons.image_scan.jpeg import draft_scale

SHRUNK_PIXELS = 16_000_000
BAND_PIXELS = 1_000_000

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""

CONVERTED_FIRST = ("1", "P", "PA", "LA", "La", "RGBA", "RGBa", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes whose pixels cannot be averaged as they are stored, or would not mean the same."""


def to_8_bit(picture: Image.Image) -> Image.Image:
    """A copy: RGBA where there is transparency, RGB where there is none."""
    factor = shrink_factor(picture.size)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        bands = [np.asarray(_reduced(band, "I", factor)) for _, band in _bands(picture, factor)]
        return Image.fromarray(scaled(bands, sixteen_bit=picture.mode.startswith("I;16"))).convert("RGB")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    if factor == 1:
        return picture.convert(mode)
    small = Image.new(mode, (-(-picture.width // factor), -(-picture.height // factor)))
    for top, band in _bands(picture, factor):
        small.paste(_reduced(band, mode, factor).convert(mode), (0, top // factor))
    return small


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """A picture of this EXIF orientation made upright; an unknown one counts as upright."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def shrink_factor(size: tuple[int, int]) -> int:
    """1 up to SHRUNK_PIXELS; above, as a JPEG of this size is scaled down, and at least to SHRUNK_PIXELS."""
    width, height = size
    return 1 if width * height <= SHRUNK_PIXELS else max(2, draft_scale(width, height))


def scaled(bands: Sequence[NDArray[np.generic]], sixteen_bit: bool = False) -> NDArray[np.uint8]:
    """Deep samples to 0..255: 16-bit ones by 257, others by their own range where they leave 0..255, or stay within 0..1.

    bands: the picture's rows from the top, in any type. Not-a-number and infinity count as 0.
    """
    extremes = [(values.min(), values.max()) for values in map(_finite, bands)]
    low, high = min(pair[0] for pair in extremes), max(pair[1] for pair in extremes)
    shift, divisor, factor = 0.0, 1.0, 1.0
    if sixteen_bit or (low >= 0 and 255 < high <= 65535):
        divisor = 257.0
    elif low < 0 or high > 255:
        shift, divisor, factor = low, (high - low) or 1.0, 255.0
    elif high <= 1.0:
        factor = 255.0
    rows = []
    for values in map(_finite, bands):
        values -= shift
        values /= divisor
        values *= factor
        rows.append(values.round(out=values).astype(np.uint8))
    return np.concatenate(rows)


def split_rows(values: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    """Rows of samples, (height, width, channels), as the bands that `scaled` takes."""
    rows = max(1, BAND_PIXELS // values.shape[1])
    return [values[top : top + rows] for top in range(0, len(values), rows)]


def _finite(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """A copy in double precision."""
    copy = values.astype(np.float64)
    return copy if np.isfinite(copy).all() else np.nan_to_num(copy, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _reduced(band: Image.Image, mode: str, factor: int) -> Image.Image:
    """Squares of factor x factor pixels averaged; mode: what averages well, for a band that does not."""
    if factor == 1:
        return band
    return (band.convert(mode) if band.mode in CONVERTED_FIRST else band).reduce(factor)


def _bands(picture: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Bands of rows from the top, multiples of factor: where each begins, and its pixels."""
    rows = factor * max(1, BAND_PIXELS // picture.width // factor)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))
