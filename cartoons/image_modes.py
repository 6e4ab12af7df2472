"""Pixels of any mode and depth to 8-bit RGB or RGBA, in bands: what lies in between is never in memory whole.

Pictures above SHRUNK_PIXELS are scaled down on the way, as large JPEGs are by their decoder: no model sees more.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons.image_scan import ORIENTATION, tiff, unread
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

SAMPLE_KINDS = {1: "u", 2: "i", 3: "f"}
HORIZONTAL, FLOATING = 2, 3
"""Predictors of TIFF: what is stored are differences from the sample to the left, of floats byte by byte."""
ONE_CHANNEL = (tiff.SAMPLES, tiff.SAMPLE_FORMAT, tiff.PHOTOMETRIC, tiff.PREDICTOR, tiff.PLANAR)


def to_8_bit(picture: Image.Image) -> Image.Image:
    """A copy: RGBA where there is transparency, RGB where there is none."""
    width, height = picture.size
    factor = 1 if width * height <= SHRUNK_PIXELS else max(2, draft_scale(width, height))
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        bands = [np.asarray(_reduced(band, "I", factor)) for _, band in _bands(picture, factor)]
        return Image.fromarray(_scaled(bands, sixteen_bit=picture.mode.startswith("I;16"))).convert("RGB")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    if factor == 1:
        return picture.convert(mode)
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    for top, band in _bands(picture, factor):
        small.paste(_reduced(band, mode, factor).convert(mode), (0, top // factor))
    return small


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """A picture of this EXIF orientation made upright; an unknown one counts as upright."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def open_tiff_samples(data: bytes) -> Image.Image:
    """A TIFF of samples that Pillow has no mode for (RGB of floats, of 32 bits, signed ones), upright and in 8 bits.

    data: as `scan` gives it. Raises ImageError, naming them, for other samples.
    """
    directory = tiff.read_directory(data)
    bits = directory.numbers(tiff.BITS, (1,))
    channels = max(directory.number(tiff.SAMPLES, 1), len(bits))
    photometric, compression = directory.number(tiff.PHOTOMETRIC), directory.number(tiff.COMPRESSION, 1)
    kind = SAMPLE_KINDS.get(directory.number(tiff.SAMPLE_FORMAT, 1), "")
    colours = {0: 1, 1: 1, 2: 3}.get(photometric, 0)
    known = kind and colours and channels >= colours and set(bits) <= {8, 16, 32, 64} and len(set(bits)) == 1
    if not known or (kind == "f" and bits[0] == 8) or compression not in tiff.LOSSLESS:
        raise unread(
            f"a TIFF of {channels} channels of {bits[0]} bits (photometric interpretation {photometric}, "
            f"compression {compression})"
        )
    samples = _samples(directory, np.dtype(f"{directory.order}{kind}{bits[0] // 8}"), channels)[..., :colours]
    rows = max(1, BAND_PIXELS // samples.shape[1])
    pixels = _scaled([samples[top : top + rows] for top in range(0, len(samples), rows)])
    picture = Image.fromarray(pixels[..., 0] if colours == 1 else pixels).convert("RGB")
    if photometric == 0:  # 0 is white
        picture = Image.eval(picture, lambda value: 255 - value)
    picture = turned(picture, directory.number(ORIENTATION, 1))
    picture.format = "TIFF"
    return picture


def _scaled(bands: Sequence[NDArray[np.generic]], sixteen_bit: bool = False) -> NDArray[np.uint8]:
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


def _samples(directory: tiff.Directory, dtype: np.dtype[np.generic], channels: int) -> NDArray[np.generic]:
    """The samples, (height, width, channels), in the file's type: read as if each byte were a grey pixel."""
    planes = channels if directory.planes > 1 else 1
    bytes_per_pixel = channels // planes * dtype.itemsize
    changes: dict[int, tuple[int, ...]] = dict.fromkeys(ONE_CHANNEL, (1,))
    changes |= {tiff.WIDTH: (directory.number(tiff.WIDTH) * bytes_per_pixel,), tiff.BITS: (8,)}
    tile_bytes = directory.number(tiff.TILE_WIDTH) * bytes_per_pixel
    if tile_bytes:
        changes[tiff.TILE_WIDTH] = (tile_bytes,)
    samples = []
    for plane in range(planes):
        for tag in tiff.BLOCK_TAGS:
            if numbers := directory.numbers(tag):
                changes[tag] = numbers[len(numbers) * plane // planes : len(numbers) * (plane + 1) // planes]
        rows = _grey_rows(tiff.rewritten(directory, changes))
        step = tile_bytes or rows.shape[1]
        predictor = directory.number(tiff.PREDICTOR, 1)
        columns = (rows[:, left : left + step] for left in range(0, rows.shape[1], step))
        pieces = [_unpredicted(column, dtype, channels // planes, predictor) for column in columns]
        samples.append(np.concatenate(pieces, axis=1) if len(pieces) > 1 else pieces[0])
    return np.concatenate(samples, axis=2) if planes > 1 else samples[0]


def _grey_rows(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as opened:
        return np.asarray(opened)


def _unpredicted(rows: NDArray[np.uint8], dtype: np.dtype[np.generic], channels: int, predictor: int) -> NDArray[np.generic]:
    """A column of tiles, or whole rows, as (height, width, channels): differences added up (TIFF 6.0, section 14)."""
    height = len(rows)
    if predictor == FLOATING:
        summed = np.cumsum(rows.reshape(height, -1, channels), axis=1, dtype=np.uint8).reshape(height, dtype.itemsize, -1)
        samples = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
        return samples.reshape(height, -1, channels)
    samples = np.ascontiguousarray(rows).view(dtype).reshape(height, -1, channels)
    if predictor == HORIZONTAL:
        return np.cumsum(samples.astype(dtype.newbyteorder("=")), axis=1, dtype=dtype.newbyteorder("="))
    return samples
