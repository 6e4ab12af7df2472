"""JPEG (ITU-T T.81): only what libjpeg needs is kept, up to the end of the first picture.

Comments, thumbnails, profiles, the second picture of an MPO file and whatever follows the end are left out. What a scan
costs does not show in its length: a few bytes can visit a million empty blocks, so the visits are counted.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cartoons.errors import ImageError
from cartoons.image_scan import Scan, damaged, orientation, too_costly, unread

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
MAX_PIXELS_FACTOR = 4
"""A sequential JPEG may have this many times the pixel limit of other formats."""

SOI, EOI, SOS, DHT, DQT, DNL, DRI, TEM, COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDC, 0xDD, 0x01, 0xFE
APP0, APP1, APP14, APP15 = 0xE0, 0xE1, 0xEE, 0xEF
FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
AFTER_SCAN = {EOI, SOS, DHT, DQT, DNL, DRI, *range(APP0, APP15 + 1), COM}
XMP = b"http://ns.adobe.com/xap/1.0/\0"
END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Neither a stuffed zero nor a restart marker: those lie within a scan."""
_FILL = b"\xff" * 4096


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


@dataclass
class _File:
    """What is kept of a file, in order, and what its scans come to."""

    data: bytes
    kept: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])
    frame: _Frame | None = None
    metadata: dict[bytes, bytes] = field(default_factory=dict)
    scans: int = 0
    visits: int = 0
    buffered: bool = False
    """Whether a decoder must keep every coefficient until the last scan."""
    exact: dict[int, int] = field(default_factory=dict)
    """Of each component: bit n is set once a scan has begun that sends the last bit of coefficient n."""
    cut: bool = False
    before_last_scan: int = 0
    """How many of `kept` come before the last scan."""
    refines: bool = False
    """Whether the last scan only makes coefficients more exact that are there already."""

    def segments(self) -> Iterator[tuple[int, memoryview, int]]:
        """Marker, the whole segment, and where it ends, of each one before the end of the picture."""
        at = 2
        for _ in range(MAX_SEGMENTS):
            while self.data.startswith(_FILL, at):  # any number of FF may go before a marker
                at += len(_FILL) - 1
            found = _MARKER.search(self.data, at)
            marker, at = (self.data[found.end() - 1], found.end()) if found else (SOI, len(self.data))
            if marker == EOI:
                return
            if marker in (SOI, TEM) and len(self.data) >= at + 2:
                continue
            length = int.from_bytes(self.data[at : at + 2], "big")
            if length < 2 or at + length > len(self.data):
                self.cut = True
                return
            at += length
            yield marker, memoryview(self.data)[at - length - 2 : at], at
        raise too_costly("a JPEG", f"more than {MAX_SEGMENTS} segments")

    def add_scan(self, body: bytes, end: int) -> None:
        """body: of its header, which says the components, first and last coefficient, and bits before and after (B.2.3)."""
        if not self.frame:
            raise damaged("a JPEG", "its pixels come before their size")
        components = list(body[1 : 1 + 2 * body[0] : 2]) if body else []
        if not components or len(body) < 4 + 2 * len(components) or not set(components) <= self.frame.sampling.keys():
            raise damaged("a JPEG", "a scan names components that are not there")
        first, last, bits = body[-3:]
        for one in components if bits & 15 == 0 else ():
            self.exact[one] = self.exact.get(one, 0) | (1 << min(last, 63) + 1) - (1 << min(first, 63))
        self.buffered |= self.frame.progressive or len(components) < len(self.frame.sampling)
        self.refines = self.frame.progressive and bits >> 4 > 0
        self.scans += 1
        self.visits += self.frame.blocks(components)
        self.before_last_scan = len(self.kept)
        if self.scans > MAX_SCANS:
            raise too_costly("a JPEG", f"more than {MAX_SCANS} scans")
        if self.scans > 1 and self.visits > MAX_BLOCK_VISITS:
            raise too_costly("a JPEG", f"too many scans for {self.frame.width} x {self.frame.height} pixels")
        found = _MARKER.search(self.data, end)
        # A marker that cannot follow a scan counts as a cut: libjpeg stops there too.
        self.cut |= not found or self.data[found.end() - 1] not in AFTER_SCAN
        start = end - len(body) - 4
        self.kept.append(memoryview(self.data)[start : found.start() if found else len(self.data)])

    def before_cut(self) -> bytes | None:
        """The file without its last scan, to see how far that one came; None if it only makes exact what is there.

        Raises ImageError where other scans are missing.
        """
        if self.frame and any(self.exact.get(one, 0) != (1 << 64) - 1 for one in self.frame.sampling):
            raise damaged("a JPEG", "it ends before the last of its scans has begun")
        if self.refines:
            return None
        return b"".join([*self.kept[: self.before_last_scan], END]) if self.scans > 1 else b""


def scan_jpeg(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that libjpeg does not read."""
    file = _File(data)
    for marker, segment, end in file.segments():
        body = bytes(segment[4:])
        if marker == SOS:
            file.add_scan(body, end)
            if not file.buffered:
                break  # every component is there: what follows is no part of the picture
        elif marker in FRAME_HEADERS:
            file.frame = _frame(marker, body, file.frame)
            file.kept.append(segment)
        elif marker in (DHT, DQT, DRI) or (marker in (APP0, APP14) and body.startswith((b"JFIF\0", b"Adobe"))):
            file.kept.append(segment)
        elif marker == APP1 and body.startswith((b"Exif\0\0", XMP)):
            file.metadata.setdefault(body[:4], body)
    frame = file.frame
    if not frame or not file.scans:
        raise damaged("a JPEG", "it ends before its first pixel")
    _check_memory(file, frame)
    return Scan(
        ("JPEG",),
        b"".join([*file.kept, END]),
        frame.width,
        frame.height,
        orientation=orientation(file.metadata.get(b"Exif", b""), file.metadata.get(XMP[:4], b"")),
        scaled_by_decoder=not file.buffered,
        before_cut=file.before_cut() if file.cut else None,
    )


def draft_scale(width: int, height: int) -> int:
    """1, 2, 4 or 8: by how much a JPEG of this size is scaled down while it is decoded."""
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or min(width, height) // DRAFT_PX >= scale)


def jpeg_pixel_limit(max_pixels: int, width: int, height: int) -> int:
    """How many pixels a sequential JPEG of this size may have: more than others, since it is scaled while it is decoded."""
    return max_pixels * min(MAX_PIXELS_FACTOR, draft_scale(width, height) ** 2)


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


def _check_memory(file: _File, frame: _Frame) -> None:
    decoded = frame.width * frame.height // draft_scale(frame.width, frame.height) ** 2
    coefficients = 128 * sum(frame.blocks([one]) for one in frame.sampling) if file.buffered else 0
    taken = coefficients + 4 * decoded * (PICTURES_COMPARED if file.cut else 1)
    if taken > MAX_DECODER_BYTES:
        megapixels = frame.width * frame.height / 1e6
        raise ImageError(
            f"The JPEG has {frame.width} x {frame.height} = {megapixels:.0f} megapixels and takes "
            f"{taken / 1e6:.0f} MB to decode, more than the {MAX_DECODER_BYTES / 1e6:.0f} allowed: "
            "give a smaller one."
        )


def _ceil(number: int, by: int) -> int:
    return -(-number // by)
