"""What a scan finds, and the limits that the formats share."""

from dataclasses import dataclass

from cartoons.errors import ImageError

MAX_SIDE_PX = 65_535
"""The longest side: as long as a JPEG's can be."""

RAW_BYTES = 120_000_000
"""Most bytes that a picture's samples may unpack to, at its own bits per sample: 40 megapixels of 8-bit RGB."""

FRAMES = 16
FRAMES_PIXELS = 16_000_000
"""At most so many frames of an animation are looked at, and so many pixels of them, when its first ones are blank."""


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
    scaled_by_decoder: bool = False
    """A sequential JPEG: decoded at 1/2, 1/4 or 1/8, its full size never is in memory."""
    before_cut: bytes | None = None
    """Of a JPEG whose last scan is cut off: the file without that scan, empty where it is the only one."""


KINDS = {"AVIF": "an AVIF", "HEIF": "a HEIC", "WEBP": "a WebP"}
"""Formats as they are spoken of, where that is not their name in Pillow."""


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
