"""Bytes to a picture worth keeping: whole, large enough, no banner, not one flat colour; small, and without metadata."""

import hashlib
import threading
from dataclasses import dataclass

from PIL import Image, ImageStat

from cartoons.errors import ImageError
from cartoons.images import encoded, load_cutout, on_white, size_by_header
from cartoons.near_duplicates import HASHED_PX, perceptual_hash
from cartoons.scraping.config import STORED_PX

SHORTEST_PX = 96
WIDEST_ASPECT = 4.0
MOST_PIXELS = 25_000_000
LARGE_PIXELS = 6_000_000
"""Pictures above this are opened one at a time, so that a dozen at once cannot fill the memory."""
FLAT_DEVIATION = 3.0
"""Standard deviation (of 255) below which every channel counts as one colour."""
QUALITY = 90

_one_large = threading.Lock()


@dataclass(frozen=True)
class CleanImage:
    """A picture as it will be stored."""

    data: bytes
    file: str
    """The file's name, made of sha256."""
    width: int
    height: int
    pixels: int
    """Of the picture as it came: width times height."""
    sha256: str
    """Of the size and the RGB pixels, before encoding."""
    phash: str
    mirrored: str
    """The perceptual hashes, of the picture and of its mirror image: 16 hexadecimal digits."""


def clean_image(data: bytes, originals: bool = False) -> CleanImage:
    """The picture in these bytes, decoded with the project's limits; originals: keep the bytes as they came.

    Raises ImageError, saying why, for a picture that is not to be kept.
    """
    width, height = size_by_header(data)
    if min(width, height) < SHORTEST_PX:
        raise ImageError(f"too small: {width} x {height} pixels, and {SHORTEST_PX} are needed on each side")
    if max(width, height) > WIDEST_ASPECT * min(width, height):
        raise ImageError(f"a strip: {width} x {height} pixels, more than {WIDEST_ASPECT:g} to 1")
    if width * height > LARGE_PIXELS:
        with _one_large:
            return _decoded(data, width * height, originals)
    return _decoded(data, width * height, originals)


def _decoded(data: bytes, pixels: int, originals: bool) -> CleanImage:
    cutout = load_cutout(data, max_pixels=MOST_PIXELS)
    suffix = f".{(cutout.format or '').lower()}".replace(".jpeg", ".jpg").replace(".heif", ".heic").replace(".mpo", ".jpg")
    if not originals:
        cutout.thumbnail((STORED_PX, STORED_PX), Image.Resampling.HAMMING, reducing_gap=3.0)
    picture = on_white(cutout)
    small = picture.reduce(max(1, max(picture.size) // HASHED_PX))
    if max(ImageStat.Stat(small.resize((32, 32), Image.Resampling.BOX)).stddev) < FLAT_DEVIATION:
        raise ImageError("one flat colour")
    data, suffix = (data, suffix) if originals else _encoded(cutout, picture)
    sha256 = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    return CleanImage(
        data,
        f"{sha256[:16]}{suffix}",
        *picture.size,
        pixels,
        sha256,
        f"{perceptual_hash(small):016x}",
        f"{perceptual_hash(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):016x}",
    )


def _encoded(cutout: Image.Image, picture: Image.Image) -> tuple[bytes, str]:
    """JPEG; WebP for a cut-out, whose transparency training makes use of. Bytes and suffix."""
    if cutout.mode == "RGBA" and cutout.getchannel("A").getextrema() != (255, 255):
        return encoded(cutout, "WEBP", quality=QUALITY, method=2, exif=b"", icc_profile=b"", xmp=b""), ".webp"
    return encoded(picture, "JPEG", quality=QUALITY, exif=b"", icc_profile=None), ".jpg"
