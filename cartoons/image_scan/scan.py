"""Bytes to what is to be decoded of them: the format by the first bytes, whatever the name says."""

import struct
from collections.abc import Callable, Mapping

from cartoons.errors import ImageError
from cartoons.image_scan.bmp import scan_bmp
from cartoons.image_scan.gif import scan_gif
from cartoons.image_scan.heif import IMAGE_BRANDS, scan_heif
from cartoons.image_scan.jpeg import scan_jpeg
from cartoons.image_scan.kinds import no_picture
from cartoons.image_scan.limits import Scan
from cartoons.image_scan.png import SIGNATURE, scan_png
from cartoons.image_scan.tiff import scan_tiff
from cartoons.image_scan.webp import scan_webp

SCANNERS: Mapping[bytes, Callable[[bytes], Scan]] = {
    b"\xff\xd8\xff": scan_jpeg,
    SIGNATURE: scan_png,
    b"GIF87a": scan_gif,
    b"GIF89a": scan_gif,
    b"BM": scan_bmp,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"), scan_tiff),
}
BEFORE = b"\xef\xbb\xbf \t\r\n"
"""What badly made web pages put before the pictures that they send: a byte order mark, white space."""


def scan(data: bytes) -> Scan:
    """Raises ImageError, with a sentence for the user, for no picture, a damaged one, and one that costs too much."""
    scanner = _scanner(data)
    if not scanner and data[:1].strip(BEFORE) == b"":
        data = data.lstrip(BEFORE)
        scanner = _scanner(data)
    if not scanner:
        raise no_picture(data)
    try:
        return scanner(data)
    except (struct.error, ValueError, LookupError, ArithmeticError) as error:
        raise ImageError(f"The picture is damaged: what it says of itself makes no sense ({error}).") from error


def _scanner(data: bytes) -> Callable[[bytes], Scan] | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return scan_webp
    if data[4:8] == b"ftyp" and data[8:12] in IMAGE_BRANDS:
        return scan_heif
    return next((scanner for start, scanner in SCANNERS.items() if data.startswith(start)), None)
