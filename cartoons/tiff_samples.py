"""TIFF of samples that Pillow has no mode for (RGB of floats, of 32 bits, signed ones), its rows read as bytes."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cartoons.image_modes import scaled, split_rows, turned
from cartoons.image_scan import tiff
from cartoons.image_scan.limits import unread
from cartoons.image_scan.orientation import ORIENTATION

KINDS = {1: "u", 2: "i", 3: "f"}
HORIZONTAL, FLOATING = 2, 3
"""Predictors: what is stored are differences from the sample to the left, of floats byte by byte."""
ONE_CHANNEL = (tiff.SAMPLES, tiff.SAMPLE_FORMAT, tiff.PHOTOMETRIC, tiff.PREDICTOR, tiff.PLANAR)


def open_samples(data: bytes) -> Image.Image:
    """The picture in 8 bits; data: as `scan` gives it. Raises ImageError, naming them, for other samples."""
    directory = tiff.read_directory(data)
    bits = directory.numbers(tiff.BITS, (1,))
    channels = max(directory.number(tiff.SAMPLES, 1), len(bits))
    photometric = directory.number(tiff.PHOTOMETRIC)
    kind = KINDS.get(directory.number(tiff.SAMPLE_FORMAT, 1), "")
    colours = {0: 1, 1: 1, 2: 3}.get(photometric, 0)
    known = kind and colours and channels >= colours and set(bits) <= {8, 16, 32, 64} and len(set(bits)) == 1
    if not known or (kind == "f" and bits[0] == 8) or directory.number(tiff.COMPRESSION, 1) not in tiff.LOSSLESS:
        raise unread(
            f"a TIFF of {channels} channels of {bits[0]} bits (photometric interpretation {photometric}, "
            f"compression {directory.number(tiff.COMPRESSION, 1)})"
        )
    samples = _samples(directory, np.dtype(f"{directory.order}{kind}{bits[0] // 8}"), channels)[..., :colours]
    pixels = scaled(split_rows(samples))
    picture = Image.fromarray(pixels[..., 0] if colours == 1 else pixels).convert("RGB")
    if photometric == 0:  # 0 is white
        picture = Image.eval(picture, lambda value: 255 - value)
    picture = turned(picture, directory.number(ORIENTATION, 1))
    picture.format = "TIFF"
    return picture


def _samples(directory: tiff.Directory, dtype: np.dtype[np.generic], channels: int) -> NDArray[np.generic]:
    """The samples, (height, width, channels), in the file's type."""
    width, height = directory.number(tiff.WIDTH), directory.number(tiff.HEIGHT)
    if directory.planes == 1:
        return _plane(directory, dtype, (height, width, channels), {})
    blocks = {tag: directory.numbers(tag) for tag in tiff.BLOCK_TAGS if tag in directory.entries}
    planes = []
    for plane in range(channels):
        own = {
            tag: numbers[len(numbers) * plane // channels : len(numbers) * (plane + 1) // channels]
            for tag, numbers in blocks.items()
        }
        planes.append(_plane(directory, dtype, (height, width, 1), own))
    return np.concatenate(planes, axis=2)


def _plane(
    directory: tiff.Directory, dtype: np.dtype[np.generic], shape: tuple[int, int, int], blocks: dict[int, tuple[int, ...]]
) -> NDArray[np.generic]:
    """One plane's samples: the file read as if each byte were a grey pixel, and what its predictor did undone."""
    _, width, channels = shape
    bytes_per_pixel = channels * dtype.itemsize
    tile_width = directory.number(tiff.TILE_WIDTH)
    changes: dict[int, tuple[int, ...]] = dict.fromkeys(ONE_CHANNEL, (1,))
    changes |= {tiff.WIDTH: (width * bytes_per_pixel,), tiff.BITS: (8,), **blocks}
    if tile_width:
        changes[tiff.TILE_WIDTH] = (tile_width * bytes_per_pixel,)
    with Image.open(io.BytesIO(tiff.rewritten(directory, changes)), formats=("TIFF",)) as opened:
        rows = np.asarray(opened)
    step = tile_width * bytes_per_pixel or rows.shape[1]
    pieces = [rows[:, left : left + step] for left in range(0, rows.shape[1], step)]
    predictor = directory.number(tiff.PREDICTOR, 1)
    return np.concatenate([_unpredicted(piece, dtype, channels, predictor) for piece in pieces], axis=1)


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
