"""JPEG (ITU-T T.81): only what libjpeg needs is kept, up to the end of the first picture.

Comments, thumbnails, profiles, the second picture of an MPO file and whatever follows the end are left out. What a scan
costs does not show in its length: a few bytes can visit a million empty blocks, so the visits are counted.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cartoons.errors import ImageError
from cartoons.image_scan.limits import Scan, damaged, too_costly, unread
from cartoons.image_scan.orientation import orientation, orientation_exif

MAX_SCANS = 100
MAX_SEGMENTS = 5_000
MAX_BLOCK_VISITS = 30_000_000
"""Blocks of 8 x 8 pixels that all scans together may visit: the usual ten scans of 40 megapixels visit 5 to 15 million."""
MAX_DECODER_BYTES = 320_000_000
"""Coefficients that a progressive JPEG keeps, and the pixels as decoded."""
PICTURES_COMPARED = 3
"""How many pictures are in memory when it is measured how much of a cut-off one is there."""
DRAFT_PX = 1024
"""JPEGs are decoded at 1/2, 1/4 or 1/8 scale while both sides stay at or above this: faster, and no model sees more."""

SOI, EOI, SOS, DHT, DQT, DRI, TEM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD, 0x01
APP0, APP1, APP14 = 0xE0, 0xE1, 0xEE
FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Neither a stuffed zero nor a restart marker: those lie within a scan."""
_FILL = b"\xff" * 4096


@dataclass
class _Parts:
    """What is kept of a file, in order."""

    kept: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])
    frame: "_Frame | None" = None
    exif: bytes = b""
    xmp: bytes = b""
    scans: int = 0
    visits: int = 0
    begun: dict[int, int] = field(default_factory=dict)
    """Of each component: bit n is set once a scan of coefficient n has begun."""
    cut: bool = False
    before_last_scan: int = 0
    """How many of `kept` come before the last scan."""
    refines: bool = False
    """Whether the last scan only makes coefficients more exact that are there already."""


@dataclass(frozen=True)
class _Frame:
    """A frame header (SOF): the size, and each component's sampling factors by its identifier."""

    progressive: bool
    width: int
    height: int
    sampling: dict[int, tuple[int, int]]

    def blocks(self, components: list[int]) -> int:
        """How many blocks a scan of these components visits."""
        across, down = (max(factors[axis] for factors in self.sampling.values()) for axis in (0, 1))
        if len(components) == 1:
            h, v = self.sampling[components[0]]
            return _ceil(_ceil(self.width * h, across), 8) * _ceil(_ceil(self.height * v, down), 8)
        units = _ceil(self.width, 8 * across) * _ceil(self.height, 8 * down)
        return units * sum(self.sampling[one][0] * self.sampling[one][1] for one in components)


def scan_jpeg(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that libjpeg does not read."""
    parts = _Parts()
    buffered = False
    for marker, body, end in _segments(data, parts):
        if marker in FRAME_HEADERS:
            parts.frame = _frame(marker, body, parts.frame)
        elif marker == SOS:
            components = _components(body, parts.frame)
            assert parts.frame
            buffered |= parts.frame.progressive or len(components) < len(parts.frame.sampling)
            _count(parts, components, body[-3:])
            parts.kept += [_segment(marker, body), memoryview(data)[end : _scan_end(data, end, parts)]]
            if not buffered:
                break  # every component is there: what follows is no part of the picture
            continue
        elif marker == APP1:
            _metadata(body, parts)
            continue
        elif not _needed(marker, body):
            continue
        parts.kept.append(_segment(marker, body))
    return _found(parts, buffered)


def draft_scale(width: int, height: int) -> int:
    """1, 2, 4 or 8: by how much a JPEG of this size is scaled down while it is decoded."""
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or min(width, height) // DRAFT_PX >= scale)


def _segments(data: bytes, parts: _Parts) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and end of each segment before the end of the picture."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        while data.startswith(_FILL, at):  # any number of FF may go before a marker
            at += len(_FILL) - 1
        found = _MARKER.search(data, at)
        if not found or len(data) < found.end() + 2:
            parts.cut = True
            return
        marker, at = data[found.end() - 1], found.end()
        if marker == EOI:
            return
        if marker in (SOI, TEM):
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            parts.cut = True
            return
        at += length
        yield marker, data[at - length + 2 : at], at
    raise too_costly("a JPEG", f"more than {MAX_SEGMENTS} segments")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _needed(marker: int, body: bytes) -> bool:
    """Tables, and what says how colours are stored."""
    if marker in (APP0, APP14):
        return body.startswith((b"JFIF\0", b"Adobe"))
    return marker in (DHT, DQT, DRI)


def _metadata(body: bytes, parts: _Parts) -> None:
    if body.startswith(b"Exif\0\0"):
        parts.exif = parts.exif or body.removeprefix(b"Exif\0\0")
    elif body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        parts.xmp = parts.xmp or body


def _frame(marker: int, body: bytes, before: _Frame | None) -> _Frame:
    if marker in (0xC9, 0xCA):
        raise unread("a JPEG with arithmetic coding")
    if marker > 0xC2:
        raise unread("a lossless or hierarchical JPEG")
    if before or len(body) < 6:
        raise damaged("a JPEG", "its frame header is short, or there are two")
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise unread(f"a JPEG of {bits} bits per sample")
    if not height:
        raise unread("a JPEG that states its height only at its end")
    if count not in (1, 3, 4) or len(body) < 6 + 3 * count or not width:
        raise damaged("a JPEG", f"{count} components of {width} x {height} pixels")
    sampling = {body[at]: (body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, 6 + 3 * count, 3)}
    if len(sampling) < count or not all(1 <= factor <= 4 for factors in sampling.values() for factor in factors):
        raise damaged("a JPEG", "its frame header contradicts itself")
    return _Frame(marker == 0xC2, width, height, sampling)


def _components(body: bytes, frame: _Frame | None) -> list[int]:
    if not frame:
        raise damaged("a JPEG", "its pixels come before their size")
    components = list(body[1 : 1 + 2 * body[0] : 2]) if body else []
    if not components or len(body) < 4 + 2 * len(components) or not set(components) <= frame.sampling.keys():
        raise damaged("a JPEG", "a scan names components that are not there")
    return components


def _count(parts: _Parts, components: list[int], spectrum: bytes) -> None:
    """spectrum: first and last coefficient, and the bits before and after (T.81, B.2.3)."""
    assert parts.frame
    for one in components:
        parts.begun[one] = parts.begun.get(one, 0) | (1 << min(spectrum[1], 63) + 1) - (1 << min(spectrum[0], 63))
    parts.refines = parts.frame.progressive and spectrum[2] >> 4 > 0
    parts.scans += 1
    parts.visits += parts.frame.blocks(components)
    parts.before_last_scan = len(parts.kept)
    if parts.scans > MAX_SCANS:
        raise too_costly("a JPEG", f"more than {MAX_SCANS} scans")
    if parts.scans > 1 and parts.visits > MAX_BLOCK_VISITS:
        raise too_costly("a JPEG", f"too many scans for {parts.frame.width} x {parts.frame.height} pixels")


def _scan_end(data: bytes, start: int, parts: _Parts) -> int:
    """Where the scan's coded data ends. A marker that cannot follow a scan counts as a cut: libjpeg stops there too."""
    found = _MARKER.search(data, start)
    parts.cut |= not found or data[found.end() - 1] not in (EOI, SOS, DHT, DQT, DRI, 0xDC, *range(APP0, 0xF0), 0xFE)
    return found.start() if found else len(data)


def _found(parts: _Parts, buffered: bool) -> Scan:
    frame = parts.frame
    if not frame or not parts.scans:
        raise damaged("a JPEG", "it ends before its first pixel")
    scale = draft_scale(frame.width, frame.height)
    decoded = frame.width * frame.height // scale**2
    coefficients = 128 * sum(frame.blocks([one]) for one in frame.sampling) if buffered else 0
    taken = coefficients + 4 * decoded * (PICTURES_COMPARED if parts.cut else 1)
    if taken > MAX_DECODER_BYTES:
        megapixels = frame.width * frame.height / 1e6
        raise ImageError(
            f"The JPEG has {frame.width} x {frame.height} = {megapixels:.0f} megapixels and takes "
            f"{taken / 1e6:.0f} MB to decode, more than the {MAX_DECODER_BYTES / 1e6:.0f} allowed: "
            "give a smaller one."
        )
    turned = orientation(parts.exif, parts.xmp)
    exif = [_segment(APP1, b"Exif\0\0" + orientation_exif(turned))] if turned != 1 else []
    pieces = [parts.kept[0], *exif, *parts.kept[1:], b"\xff\xd9"]
    return Scan(
        ("JPEG",),
        b"".join(pieces),
        frame.width,
        frame.height,
        scaled_by_decoder=not buffered,
        before_cut=_before_cut(parts) if parts.cut and not parts.refines else None,
    )


def _before_cut(parts: _Parts) -> bytes:
    """The file without its last scan, for comparing how far that one came. Raises ImageError where others are missing."""
    assert parts.frame
    if any(parts.begun.get(one, 0) != (1 << 64) - 1 for one in parts.frame.sampling):
        raise damaged("a JPEG", "it ends before every part of the picture has come")
    return b"".join([*parts.kept[: parts.before_last_scan], b"\xff\xd9"]) if parts.scans > 1 else b""


def _ceil(number: int, by: int) -> int:
    return -(-number // by)
