"""A picture's bytes before Pillow sees them: what costs too much is refused, what pixels do not need is left out.

scan.py          bytes -> Scan: the format, the true size, and the bytes that are worth decoding; BMP; what no picture is
jpeg.py          JPEG
png_gif_webp.py  PNG and APNG, GIF, WebP
tiff.py          TIFF
heif.py          AVIF and HEIC: their boxes, and the size of all that is decoded
bitstreams.py    the sizes that AV1 and HEVC streams state of themselves, and numbers of any length

Here is what they share: Scan, the limits, the sentences of a refusal, the orientation in EXIF and XMP.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cartoons.errors import ImageError

MAX_SIDE_PX = 65_535
"""The longest side: as long as a JPEG's can be."""

RAW_BYTES = 120_000_000
"""Most bytes that a picture's samples may unpack to, at its own bits per sample: 40 megapixels of 8-bit RGB."""

FRAMES = 16
FRAMES_PIXELS = 16_000_000
"""At most so many frames of an animation are looked at, and so many pixels of them, when its first ones are blank."""

ORIENTATION = 0x0112
SHORT, LONG = 3, 4
MAX_XMP_BYTES = 1 << 20
_IN_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


@dataclass(frozen=True)
class Scan:
    """A file's true size, and the bytes that are to be decoded in place of the whole file."""

    formats: tuple[str, ...]
    """Pillow's name of the format; two where only decoding can tell."""
    data: bytes
    width: int
    height: int
    """As stored, before the picture is turned upright."""
    most_pixels: int = RAW_BYTES // 3
    """What decoding this format costs allows no more than this."""
    frames: int = 1
    """How many frames `data` holds."""
    orientation: int = 1
    """What `data` no longer says: how the picture is to be turned, 1 (upright) to 8 as EXIF numbers it."""
    scaled_by_decoder: bool = False
    """A sequential JPEG: decoded at 1/2, 1/4 or 1/8, its full size never is in memory."""
    before_cut: bytes | None = None
    """Of a JPEG whose last scan is cut off: the file without that scan, empty where it is the only one."""


def damaged(kind: str, what: str) -> ImageError:
    """The error for a file that breaks the rules of its format: kind with its article."""
    return ImageError(f"This is {kind} that is damaged or cut short: {what}. Get the whole file, or save it again.")


def unread(kind: str, instead: str = "JPEG or PNG") -> ImageError:
    """The error for a whole file of a variant that no decoder here reads: kind with its article."""
    return ImageError(f"This is {kind}, which is not read here: save it as {instead}.")


def too_costly(kind: str, what: str) -> ImageError:
    """The error for a file that would take too long, or too much memory, to decode: kind with its article."""
    return ImageError(f"This is {kind} with {what}: too costly to open safely, so save it again.")


def frames_allowed(width: int, height: int) -> int:
    """How many frames of this size are looked at: 1 to FRAMES."""
    return max(1, min(FRAMES, FRAMES_PIXELS // max(1, width * height)))


def orientation(exif: bytes, xmp: bytes) -> int:
    """1 to 8, from EXIF or else XMP; 1 where neither says anything that can be read."""
    for tag, kind, _, value in exif_entries(exif):
        if tag == ORIENTATION and kind in (SHORT, LONG):
            return value if 1 <= value <= 8 else 1
    found = _IN_XMP.search(xmp[:MAX_XMP_BYTES])
    return int(found[1]) if found else 1


def exif_entries(exif: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and value or its place of each entry of the first directory (TIFF 6.0's structure)."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if not order or len(exif) < 8:
        return
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return
    (count,) = struct.unpack_from(order + "H", exif, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", exif, at)
        yield tag, kind, values, struct.unpack_from(order + ("H" if kind == SHORT else "I"), exif, at + 8)[0]
