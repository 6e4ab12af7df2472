"""BMP (BITMAPINFOHEADER and its kin): the header is looked at, since Pillow decodes the compressed kind in Python."""

import struct

from cartoons.image_scan.kinds import no_picture
from cartoons.image_scan.limits import Scan, damaged, too_costly, unread

MAX_RLE_PIXELS = 4_000_000
MAX_RLE_BYTES = 1_000_000
HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
RAW, RLE8, RLE4, BITFIELDS = 0, 1, 2, 3


def scan_bmp(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or of a variant that Pillow does not read."""
    if len(data) < 26:
        raise damaged("a BMP", "it ends within its header")
    header_bytes, width, height = struct.unpack_from("<III", data, 14)
    bits, compression = 0, RAW
    if header_bytes == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_bytes in HEADER_SIZES and len(data) >= 54:
        bits, compression = struct.unpack_from("<HI", data, 28)
        height = 2**32 - height if data[25] == 0xFF else height
    else:
        raise no_picture(data)  # two letters alone are no sign
    if bits not in (1, 4, 8, 16, 24, 32):
        raise unread(f"a BMP of {bits} bits per pixel")
    if compression not in (RAW, RLE8, RLE4, BITFIELDS):
        raise unread(f"a BMP of compression {compression}")
    if compression in (RLE8, RLE4) and (width * height > MAX_RLE_PIXELS or len(data) > MAX_RLE_BYTES):
        raise too_costly("a run-length coded BMP", f"{width} x {height} pixels in {len(data) / 1e6:.1f} MB")
    return Scan(("BMP",), data, width, height)
