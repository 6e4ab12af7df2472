"""Bytes in, safe RGB pictures out: the one loader and the one resize of scraping, training and serving.

picture = load("photo.heic")             # PIL, mode RGB, upright, transparency on white
square = square_pad(picture, 224)        # PIL, 224 x 224, the whole picture on white
batch = to_batch([square], mean, std)    # float32, (1, 3, 224, 224)
"""

import base64
import functools
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFile, UnidentifiedImageError

from cartoons.errors import ImageError
from cartoons.image_modes import open_tiff_samples, to_8_bit, turned
from cartoons.image_scan import MAX_SIDE_PX, ORIENTATION, Scan, damaged
from cartoons.image_scan.jpeg import DRAFT_PX, jpeg_pixel_limit
from cartoons.image_scan.scan import scan

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000

SMALLEST_SHARE = 0.9
"""A JPEG that lacks its end is opened when so much of the picture is there; the rest is grey.

A progressive one may lack part of its last scan, no more; where that scan only makes coefficients exact, any part of it.
"""

WHITE = (255, 255, 255)

Pixels = NDArray[np.float32]


def load(source: bytes | str | os.PathLike[str]) -> Image.Image:
    """Open a picture from bytes or a path as upright 8-bit RGB, transparency on white, the first frame of an animation.

    Its `format` is the file's. As `load_cutout`, which see for limits and errors.
    """
    cutout = load_cutout(source)
    picture = on_white(cutout)
    picture.format = cutout.format
    return picture


def load_cutout(source: bytes | str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """As `load`, but a picture with transparency stays RGBA, for training to paste it on other backgrounds.

    Size is checked before reading and the pixel count before decoding. Large JPEGs come reduced (`DRAFT_PX`).
    Raises ImageError, with a sentence for the user, for anything that is not a whole picture within the limits.
    """
    data = source if isinstance(source, bytes) else _read(Path(source))
    if not data:
        raise ImageError("The file is empty (0 bytes): give a picture.")
    _check_bytes(len(data))
    scanned = scan(data)
    _check_pixels(scanned, max_pixels)
    return _decoded(scanned)


def size_by_header(data: bytes) -> tuple[int, int]:
    """Width and height as a file stores them, not yet turned upright. Raises ImageError for what the scan refuses."""
    scanned = scan(data)
    return scanned.width, scanned.height


def opened_as_load(picture: Image.Image) -> Image.Image:
    """What `load` makes of a file, of a picture that somebody else has opened with PIL."""
    return on_white(_upright(picture))


def on_white(picture: Image.Image) -> Image.Image:
    """An RGBA cut-out laid on white; an RGB picture as it is."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*WHITE, 255)), picture).convert("RGB")


def square_pad(picture: Image.Image, size_px: int) -> Image.Image:
    """Scale the whole picture to fit a square of size_px and centre it on white: nothing is cropped or stretched."""
    scale = size_px / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    fitted = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    square = Image.new("RGB", (size_px, size_px), WHITE)
    square.paste(fitted, ((size_px - width) // 2, (size_px - height) // 2))
    return square


def to_batch(squares: Sequence[Image.Image], mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Equal-sized RGB pictures to a float32 batch (n, 3, height, width): value/255, minus mean, over std per channel."""
    width, height = squares[0].size
    batch = np.empty((len(squares), 3, height, width), np.float32)
    for planes, square in zip(batch, squares, strict=True):
        planes[...] = np.asarray(square).transpose(2, 0, 1)
    middle, spread = (np.asarray(values, np.float32)[:, None, None] for values in (mean, std))
    batch *= 1 / (255 * spread)
    batch -= middle / spread
    return batch


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as the bytes of a file; kind: as Pillow names it. options: as Image.save takes them."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_url(picture: Image.Image, side_px: int, quality: int) -> str:
    """A picture as a data: URL of a JPEG of at most side_px a side. The picture itself is made small."""
    picture.thumbnail((side_px, side_px))
    return f"data:image/jpeg;base64,{base64.b64encode(encoded(picture, 'JPEG', quality=quality)).decode()}"


def _read(path: Path) -> bytes:
    """The bytes of a regular file, never more than MAX_BYTES and one of them."""
    try:
        if not path.is_file():
            raise ImageError(f"{path} is not a file: give the path of a picture.")
        _check_bytes(path.stat().st_size)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"The picture {path} cannot be read ({error}).") from error


def _check_bytes(size: int) -> None:
    if size > MAX_BYTES:
        raise ImageError(
            f"The file has {size / 2**20:.1f} MB, more than the {MAX_BYTES / 2**20:.0f} MB allowed: give a smaller picture."
        )


@functools.cache
def _register_formats() -> None:
    """Teach Pillow its own rarer formats and HEIC when a picture is opened: importing this module changes nothing."""
    from pillow_heif import register_heif_opener

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the limits here are stricter
    Image.init()
    register_heif_opener()


def _check_pixels(scanned: Scan, max_pixels: int) -> None:
    """Refuse by the size that the bytes state, before any decoding."""
    width, height = scanned.width, scanned.height
    if max(width, height) > MAX_SIDE_PX:
        raise ImageError(f"The picture has {width} x {height} pixels, and {MAX_SIDE_PX} are allowed on a side: crop it.")
    limit = min(max_pixels, scanned.most_pixels)
    if scanned.scaled_by_decoder:
        limit = jpeg_pixel_limit(max_pixels, width, height)
    if width * height > limit:
        raise ImageError(
            f"The picture has {width} x {height} = {width * height / 1e6:.0f} megapixels, "
            f"more than the {limit / 1e6:.0f} allowed: give a smaller one."
        )


def _decoded(scanned: Scan) -> Image.Image:
    """The upright picture in 8 bits; of an animation, the first frame that shows something."""
    try:
        opened = _opened(scanned, scanned.data)
        if not opened:
            return open_tiff_samples(scanned.data)
        with opened:
            if scanned.before_cut is not None:
                _check_cut(scanned, opened)
            picture = turned(_shown_frame(opened, scanned.frames), scanned.orientation)
            picture.format = opened.format
            return picture
    except ImageError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct.error...
        raise ImageError(f"The picture is damaged or cut short and cannot be decoded ({error}).") from error


def _opened(scanned: Scan, data: bytes) -> ImageFile.ImageFile | None:
    """Pillow's view of the file, large JPEGs in draft mode; None for a TIFF of samples that Pillow has no mode for."""
    _register_formats()
    try:
        opened = Image.open(io.BytesIO(data), formats=scanned.formats)
    except UnidentifiedImageError as error:
        if scanned.formats == ("TIFF",):
            return None
        kind = {"AVIF": "an AVIF", "HEIF": "a HEIC", "WEBP": "a WebP"}.get(scanned.formats[0], f"a {scanned.formats[0]}")
        raise damaged(kind, "its header is not right") from error
    if scanned.formats == ("JPEG",):
        opened.draft(None, (DRAFT_PX, DRAFT_PX))
    return opened


def _check_cut(scanned: Scan, opened: Image.Image) -> None:
    """Raises ImageError unless the last scan of a JPEG without its end came far enough: it changed most of the rows."""
    if scanned.before_cut and (earlier := _opened(scanned, scanned.before_cut)):
        before = earlier.copy()
    else:
        before = Image.new(opened.mode, opened.size, (128,) * len(opened.getbands()))  # as decoders fill what is missing
    opened.load()
    differences = functools.reduce(ImageChops.lighter, ImageChops.difference(opened, before).split())
    share = _share_above(differences.point(lambda value: 255 * (value > 2)))
    if share < SMALLEST_SHARE:
        raise ImageError(
            f"The JPEG is cut short: {share:.0%} of the picture is there, and {SMALLEST_SHARE:.0%} are needed: "
            "get the whole file."
        )


def _share_above(changed: Image.Image) -> float:
    """The share of the picture up to the last change, in the order in which JPEG stores blocks: rows of 16 pixels."""
    box = changed.getbbox()
    if not box:
        return 0.0
    top = (box[3] - 1) // 16 * 16
    last = changed.crop((0, top, changed.width, box[3])).getbbox()
    return (top + (box[3] - top) * (last[2] if last else 0) / changed.width) / changed.height


def _shown_frame(opened: Image.Image, frames: int) -> Image.Image:
    """The first of this many frames that shows something; the first one where none does, or a later one is damaged."""
    picture = first = _upright(opened)
    for number in range(1, frames):
        if _shows_something(picture):
            return picture
        try:
            opened.seek(number)
            picture = _upright(opened)
        except Exception:
            return first
    return picture if picture is first or _shows_something(picture) else first


def _shows_something(picture: Image.Image) -> bool:
    """Whether it is more than one flat colour, on white."""
    return any(low != high for low, high in (channel.getextrema() for channel in on_white(picture).split()))


def _upright(opened: Image.Image) -> Image.Image:
    """In 8 bits, turned as its EXIF says; unreadable EXIF counts as none, since the picture itself is whole."""
    picture = to_8_bit(opened)
    try:
        orientation = opened.getexif().get(ORIENTATION, 1)
    except Exception:
        return picture
    return turned(picture, orientation)
