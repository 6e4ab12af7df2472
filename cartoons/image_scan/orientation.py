"""How a picture is to be turned, from its EXIF (TIFF 6.0's structure) or its XMP, at a cost that does not grow with them."""

import re
import struct
from collections.abc import Iterator

ORIENTATION = 0x0112
SHORT, LONG = 3, 4
MAX_XMP_BYTES = 1 << 20
_IN_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """1 (upright) to 8, as EXIF numbers them; 1 where neither says anything that can be read."""
    for order, tag, kind, entry in _entries(exif):
        if tag == ORIENTATION and kind in (SHORT, LONG):
            (value,) = struct.unpack_from(order + ("H" if kind == SHORT else "I"), exif, entry + 8)
            return int(value) if 1 <= value <= 8 else 1
    found = _IN_XMP.search(xmp[:MAX_XMP_BYTES])
    return int(found[1]) if found else 1


def orientation_exif(turned: int) -> bytes:
    """EXIF, without its "Exif" header, that holds this orientation and nothing else."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ORIENTATION, SHORT, 1, turned, 0, 0)


def tag_bytes(exif: bytes) -> int:
    """How many bytes the first directory's tags hold together, at most: many may point at one block."""
    counts = (struct.unpack_from(order + "I", exif, entry + 4)[0] for order, _, _, entry in _entries(exif))
    return sum(8 * min(len(exif), count) for count in counts)


def _entries(exif: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Byte order, tag, type and place of each entry of the first directory; `exif` comes without its "Exif" header."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2], "")
    if not order or len(exif) < 8:
        return
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return
    (count,) = struct.unpack_from(order + "H", exif, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        yield order, *struct.unpack_from(order + "HH", exif, entry), entry
