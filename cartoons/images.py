"""Bytes in, safe RGB pictures out: the one loader and the one resize of scraping, training and serving.

picture = load("photo.heic")             # PIL, mode RGB, upright, transparency on white
square = square_pad(picture, 224)        # PIL, 224 x 224, the whole picture on white
batch = to_batch([square], mean, std)    # float32, (1, 3, 224, 224)
"""

import functools
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cartoons.errors import ImageError

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000
DRAFT_PX = 1024
"""JPEGs are decoded at 1/2, 1/4 or 1/8 scale while both sides stay at or above this: faster, and no model sees more."""

JPEG_PIXELS_FACTOR = 4
"""A baseline JPEG may have this many times the pixel limit, because draft mode never decodes them all."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
FORMATS_SPOKEN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
WHITE = (255, 255, 255)

Pixels = NDArray[np.float32]


def load(
    source: bytes | str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Open a picture from bytes or a path as upright 8-bit RGB, transparency on white, the first frame of an animation.

    Its `format` is the file's. As `load_cutout`, which see for limits and errors.
    """
    cutout = load_cutout(source, max_bytes=max_bytes, max_pixels=max_pixels)
    picture = on_white(cutout)
    picture.format = cutout.format
    return picture


def load_cutout(
    source: bytes | str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """As `load`, but a picture with transparency stays RGBA, for training to paste it on other backgrounds.

    Size is checked before reading and the pixel count before decoding. Large JPEGs come reduced (`DRAFT_PX`).
    Raises ImageError, with a sentence for the user, for anything that is not a whole picture within the limits.
    """
    data = source if isinstance(source, bytes) else _read(Path(source), max_bytes)
    if not data:
        raise ImageError("The file is empty (0 bytes): give a picture.")
    if len(data) > max_bytes:
        raise ImageError(_too_many_bytes(len(data), max_bytes))
    _register_formats()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_pixels(opened, max_pixels)
            opened.load()
            picture = _to_8_bit(_upright(opened))
            picture.format = opened.format
            return picture
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"The picture has too many pixels to open safely: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"This is not a picture but {_looks_like(data)}: give {FORMATS_SPOKEN}.") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct.error...
        raise ImageError(f"The picture is damaged or cut short and cannot be decoded ({error}).") from error


def size_by_header(data: bytes) -> tuple[int, int]:
    """Width and height that a file's header states, before it is turned upright. Raises ImageError for no picture."""
    _register_formats()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            return opened.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"The picture has too many pixels to open safely: {error}") from error
    except Exception as error:
        raise ImageError(f"This is not a picture but {_looks_like(data)}: give {FORMATS_SPOKEN}.") from error


def opened_as_load(picture: Image.Image) -> Image.Image:
    """What `load` makes of a file, of a picture that somebody else has opened with PIL."""
    return on_white(_to_8_bit(_upright(picture)))


def on_white(picture: Image.Image) -> Image.Image:
    """An RGBA cut-out laid on white; an RGB picture as it is."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*WHITE, 255)), picture).convert("RGB")


def square_pad(picture: Image.Image, size_px: int) -> Image.Image:
    """Scale the whole picture to fit a square of size_px and centre it on white: nothing is cropped or stretched."""
    scale = size_px / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    fitted = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    square = Image.new("RGB", (size_px, size_px), WHITE)
    square.paste(fitted, ((size_px - width) // 2, (size_px - height) // 2))
    return square


def to_batch(squares: Sequence[Image.Image], mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Equal-sized RGB pictures to a float32 batch (n, 3, height, width): value/255, minus mean, over std per channel."""
    stacked = np.stack([np.asarray(square, dtype=np.float32) for square in squares])
    scaled = (stacked / 255.0 - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)


def _read(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file, never more than max_bytes of them."""
    try:
        if not path.is_file():
            raise ImageError(f"{path} is not a file: give the path of a picture.")
        size = path.stat().st_size
        if size > max_bytes:
            raise ImageError(_too_many_bytes(size, max_bytes))
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"The picture {path} cannot be read ({error}).") from error


def _too_many_bytes(size: int, limit: int) -> str:
    return f"The file has {size / 2**20:.1f} MB, more than the {limit / 2**20:.0f} MB allowed: give a smaller picture."


@functools.cache
def _register_formats() -> None:
    """Teach Pillow its own rarer formats and HEIC when a picture is opened: importing this module changes nothing."""
    from pillow_heif import register_heif_opener

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the limits here are stricter
    Image.init()
    register_heif_opener()


def _check_pixels(opened: Image.Image, max_pixels: int) -> None:
    """Refuse by the header, before any decoding; put large JPEGs into draft mode."""
    width, height = opened.size
    is_jpeg = opened.format in ("JPEG", "MPO")
    # A progressive JPEG keeps all its coefficients in memory whatever the scale, so it gets no extra allowance.
    streams = is_jpeg and not opened.info.get("progressive")
    limit = max_pixels * (JPEG_PIXELS_FACTOR if streams else 1)
    if width * height > limit:
        raise ImageError(
            f"The picture has {width} x {height} = {width * height / 1e6:.0f} megapixels, "
            f"more than the {limit / 1e6:.0f} allowed: give a smaller one."
        )
    if is_jpeg:
        opened.draft(None, (DRAFT_PX, DRAFT_PX))


def _upright(opened: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; unreadable EXIF counts as none, since the picture itself is whole."""
    try:
        return ImageOps.exif_transpose(opened)
    except Exception:
        return opened


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGBA where there is transparency, to RGB where there is none."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _deep_grey_to_rgb(picture)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _deep_grey_to_rgb(picture: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits: Pillow would clip it to white, so its range is scaled to 0..255."""
    values = np.asarray(picture).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if picture.mode.startswith("I;16") or (values.min() >= 0 and 255 < values.max() <= 65535):
        values = values / 257.0
    elif values.min() < 0 or values.max() > 255:
        values = (values - values.min()) / (values.max() - values.min()) * 255.0
    elif values.max() <= 1.0:
        values = values * 255.0
    return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")


def _looks_like(data: bytes) -> str:
    """What a file that is no picture seems to be, in words."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"%pdf"):
        return "a PDF"
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return "a web page"
    try:
        data[:512].decode("utf-8")
    except UnicodeDecodeError:
        return "a file of another kind"
    return "a file of another kind" if b"\x00" in data[:512] else "text"
