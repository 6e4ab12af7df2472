"""TIFF 6.0: the first picture's tags that pixels need, in a directory of their own; nothing else in the file is reached.

Strips and tiles are counted, and their lengths added up, since many may point at one block.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cartoons.image_scan import ORIENTATION, RAW_BYTES, Scan, damaged, too_costly, unread

MAX_STRIPS = 65_536
MAX_TILE_PIXELS = 16_000_000
MAX_ENTRIES = 1_000
MAX_OVERLAP = 4
"""How many times the file's length all strips or tiles together may have: blank tiles share a block at times."""
MAX_SCANS = 4
LAB = 8
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS = 256, 257, 258, 259, 262, 273
SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, PREDICTOR = 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, COLOUR_MAP, FILL_ORDER = 338, 339, 347, 320, 266
SUBFILE_TYPE, SUB_DIRECTORIES, DNG_VERSION = 254, 330, 50706
MAX_TAG_BYTES = {
    **dict.fromkeys((WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, ROWS_PER_STRIP, PLANAR, PREDICTOR), 64),
    **dict.fromkeys((TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT, FILL_ORDER, ORIENTATION), 64),
    **dict.fromkeys((292, 293, 332, 334, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532), 64),
    **dict.fromkeys((273, 279, 324, 325), 4 * MAX_STRIPS),
    COLOUR_MAP: 6 << 16,
    JPEG_TABLES: 1 << 16,
}
"""The tags that are kept, beside fax options, inks, the tables of both ways to store JPEG, and how YCbCr is meant."""
TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}
RAW_COMPRESSION, OLD_JPEG, JPEG, SIXTEEN_BIT, LZMA = 1, 6, 7, 32771, 34925
BLOCK_TAGS = (STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES)
LOSSLESS = {RAW_COMPRESSION, 5, 8, 32773, 32946, LZMA, 50000}
COMPRESSIONS = LOSSLESS | {2, 3, 4, OLD_JPEG, JPEG, SIXTEEN_BIT, 32809, 34676, 34677, 50001}
_PROGRESSIVE = re.compile(rb"\xff[\xc2\xca]\x00[\x0b\x0e\x11\x14]\x08")


@dataclass(frozen=True)
class Directory:
    """The tags of the first picture that are kept."""

    data: bytes
    order: str
    entries: dict[int, tuple[int, int, bytes]]
    """Of each tag: type, count, and value as it stands in the file."""

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The tag's values, where they are whole numbers."""
        kind, count, value = self.entries.get(tag, (0, 0, b""))
        return struct.unpack(f"{self.order}{count}{TYPES[kind]}", value) if kind in (1, 3, 4) else default

    def number(self, tag: int, default: int = 0) -> int:
        """The tag's first value."""
        return self.numbers(tag, (default,))[0]

    @property
    def planes(self) -> int:
        """How many sets of strips or tiles there are: one per channel where channels lie apart."""
        return self.number(SAMPLES, 1) if self.number(PLANAR, 1) == 2 else 1

    @property
    def block_tags(self) -> tuple[int, int]:
        """The tags of the offsets and of the lengths of tiles or else strips."""
        return BLOCK_TAGS[2:] if TILE_OFFSETS in self.entries else BLOCK_TAGS[:2]


def scan_tiff(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or of a variant that no decoder here reads."""
    directory = read_directory(data)
    width, height = directory.number(WIDTH), directory.number(HEIGHT)
    if not width or not height:
        raise damaged("a TIFF", "it does not state its size")
    if (compression := directory.number(COMPRESSION, 1)) not in COMPRESSIONS:
        raise unread(f"a TIFF of compression {compression}")
    bits = directory.numbers(BITS, (1,))
    samples = max(directory.number(SAMPLES, 1), len(bits))
    sample_bits = sum(bits) if len(bits) == samples else bits[0] * samples
    if not 0 < sample_bits <= 1024:
        raise unread(f"a TIFF of {samples} channels of {bits[0]} bits")
    _check_blocks(directory, (width, height), sample_bits)
    if compression in (JPEG, OLD_JPEG):
        _check_jpeg(directory)
    slow = compression == LZMA or directory.number(PHOTOMETRIC) == LAB
    most = min(RAW_BYTES // 3, RAW_BYTES * 8 // sample_bits) // (2 if slow else 1)
    return Scan(("TIFF",), rewritten(directory), width, height, most)


def rewritten(directory: Directory, changes: Mapping[int, Sequence[int]] | None = None) -> bytes:
    """The file with a directory of the kept tags at its end in place of its own.

    changes: tags with other whole numbers, for reading the pixels as one channel.
    """
    dropped = (EXTRA_SAMPLES, ORIENTATION) if changes else ()
    tags = {tag: entry for tag, entry in directory.entries.items() if tag not in dropped}
    for tag, numbers in (changes or {}).items():
        tags[tag] = (4, len(numbers), struct.pack(f"{directory.order}{len(numbers)}I", *numbers))
    order, start = directory.order, len(directory.data) + len(directory.data) % 2
    values_at = start + 6 + 12 * len(tags)
    entries, values = [struct.pack(order + "H", len(tags))], b""
    for tag, (kind, count, value) in sorted(tags.items()):
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", values_at + len(values))
        entries.append(struct.pack(order + "HHI", tag, kind, count) + field)
        values += value + bytes(len(value) % 2) if len(value) > 4 else b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return b"".join([header, memoryview(directory.data)[8:], bytes(start - len(directory.data)), *entries, bytes(4), values])


def read_directory(data: bytes) -> Directory:
    """The first directory's kept tags. Raises ImageError for a camera's raw picture, whose first one is a thumbnail."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        raise unread("a BigTIFF")
    if data[8:10] == b"CR":
        raise unread("a camera's raw picture (CR2)", "JPEG")
    start = struct.unpack_from(order + "I", data, 4)[0] if len(data) >= 8 else 0
    if not 0 < start <= len(data) - 2:
        raise damaged("a TIFF", "its directory of tags is not there")
    (count,) = struct.unpack_from(order + "H", data, start)
    if count > MAX_ENTRIES:
        raise too_costly("a TIFF", f"{count} tags")
    entries: dict[int, tuple[int, int, bytes]] = {}
    signs = set()
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, at)
        size = struct.calcsize("=" + TYPES.get(kind, "")) * length
        place = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if 0 < size <= MAX_TAG_BYTES.get(tag, 0) and place + size <= len(data):
            entries.setdefault(tag, (kind, length, data[place : place + size]))
        elif tag in BLOCK_TAGS and size > 4 * MAX_STRIPS:
            raise too_costly("a TIFF", f"{length} strips or tiles")
        elif tag in (SUB_DIRECTORIES, DNG_VERSION) or (tag == SUBFILE_TYPE and 1 in data[place : place + 4]):
            signs.add(tag)
    if DNG_VERSION in signs or {SUBFILE_TYPE, SUB_DIRECTORIES} <= signs:
        raise unread("a camera's raw picture", "JPEG")
    return Directory(data, order, entries)


def _check_blocks(directory: Directory, size: tuple[int, int], sample_bits: int) -> None:
    """Raises ImageError for too many strips or tiles, too large ones, or ones that lie on top of each other."""
    width, height = size
    across, down = directory.number(TILE_WIDTH), directory.number(TILE_HEIGHT)
    offsets_tag, lengths_tag = directory.block_tags
    if offsets_tag not in directory.entries:
        raise damaged("a TIFF", "it does not say where its pixels are")
    if offsets_tag == STRIP_OFFSETS:
        across, down = width, max(1, min(height, directory.number(ROWS_PER_STRIP, height)))
    elif not across or not down:
        raise damaged("a TIFF", "its tiles have no size")
    elif across * down > max(MAX_TILE_PIXELS * 24 // max(24, sample_bits), 2 * width * height):
        raise too_costly("a TIFF", f"tiles of {across} x {down} for {width} x {height} pixels")
    blocks = -(-width // across) * -(-height // down) * directory.planes
    if blocks > MAX_STRIPS:
        raise too_costly("a TIFF", f"{blocks} strips or tiles")
    lengths = directory.numbers(lengths_tag)
    if blocks > 1 and directory.number(COMPRESSION, 1) != RAW_COMPRESSION and not lengths:
        raise damaged("a TIFF", "it does not say how long its strips or tiles are")
    if sum(lengths) > MAX_OVERLAP * len(directory.data):
        raise too_costly("a TIFF", "many strips or tiles in one place")


def _check_jpeg(directory: Directory) -> None:
    """Raises ImageError for strips or tiles that are no plain JPEGs: each may hold a scan per channel, no more."""
    data = directory.data
    if _PROGRESSIVE.search(data):
        raise too_costly("a TIFF", "progressive JPEG within")
    offsets_tag, lengths_tag = directory.block_tags
    offsets = directory.numbers(offsets_tag, (0,))
    lengths = directory.numbers(lengths_tag, (len(data),) * len(offsets))
    for offset, length in zip(offsets, lengths, strict=False):
        if data.count(b"\xff\xda", offset, offset + length) > MAX_SCANS:
            raise too_costly("a TIFF", f"more than {MAX_SCANS} JPEG scans in a strip or tile")
