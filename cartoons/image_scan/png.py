"""PNG and APNG (W3C PNG specification, third edition): header, palette, transparency and pixels are kept, no more."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cartoons.image_scan.limits import RAW_BYTES, Scan, damaged, frames_allowed, too_costly, unread
from cartoons.image_scan.orientation import orientation, orientation_exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
MAX_METADATA_BYTES = 1 << 18
"""Longer texts and EXIF are passed over, and no more than this is unpacked of a compressed one."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass
class _Parts:
    """What is kept of a file."""

    header: bytes
    frames_allowed: int
    tables: list[bytes] = field(default_factory=list)
    """PLTE and tRNS, whole chunks."""
    pixels: list[memoryview] = field(default_factory=list)
    frames: list[tuple[memoryview, list[memoryview]]] = field(default_factory=list)
    """Of an APNG: each frame's control and data; the data of the first may be `pixels`."""
    pixels_are_a_frame: bool = False
    exif: bytes = b""
    xmp: bytes = b""


def scan_png(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or whose header is not right."""
    chunks = _chunks(data)
    kind, header = next(chunks, (b"", b""))
    if kind == b"CgBI":
        raise unread("a PNG in the form that only Apple's programs read (CgBI)")
    if kind != b"IHDR" or len(header) != 13:
        raise damaged("a PNG", "it does not begin with its header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in DEPTHS.get(colour, ()) or interlaced > 1 or not width or not height:
        raise damaged("a PNG", f"its header says {width} x {height} pixels, {depth} bits, colour type {colour}")
    parts = _Parts(bytes(header), frames_allowed(width, height))
    for kind, body in chunks:
        _keep(kind, body, parts)
    if not parts.pixels:
        raise damaged("a PNG", "it ends before its first pixel")
    most = min(RAW_BYTES // 3, RAW_BYTES * 8 // (depth * CHANNELS[colour]))
    frames = len(parts.frames) + (not parts.pixels_are_a_frame)
    return Scan(("PNG",), b"".join(_written(parts)), width, height, most, frames=frames)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each chunk, to the end of the picture or of the file. Checksums are not looked at."""
    view = memoryview(data)
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND" or not kind.isalpha():
            return
        yield kind, view[at + 8 : at + 8 + length]
        at += 12 + length
    raise too_costly("a PNG", f"more than {MAX_CHUNKS} chunks")


def _keep(kind: bytes, body: memoryview, parts: _Parts) -> None:
    if kind == b"IDAT":
        parts.pixels.append(body)
    elif kind in (b"PLTE", b"tRNS") and not parts.pixels and len(body) <= 768:
        parts.tables.append(_chunk(kind, body))
    elif kind == b"fcTL" and len(body) == 26 and len(parts.frames) < parts.frames_allowed:
        parts.pixels_are_a_frame |= not parts.pixels
        parts.frames.append((body, []))
    elif kind == b"fdAT" and parts.frames and len(parts.frames) < parts.frames_allowed:
        parts.frames[-1][1].append(body[4:])
    elif kind == b"eXIf" and len(body) <= MAX_METADATA_BYTES:
        parts.exif = parts.exif or bytes(body).removeprefix(b"Exif\0\0")
    elif kind in (b"iTXt", b"zTXt", b"tEXt") and len(body) <= MAX_METADATA_BYTES:
        _keep_text(kind, bytes(body), parts)


def _keep_text(kind: bytes, body: bytes, parts: _Parts) -> None:
    """The two texts that can hold an orientation: XMP, and the EXIF that ImageMagick writes as hexadecimal digits."""
    keyword, _, text = body.partition(b"\0")
    if keyword not in (b"XML:com.adobe.xmp", b"Raw profile type exif") or not text:
        return
    packed = kind == b"zTXt" or (kind == b"iTXt" and text[0] == 1)
    if kind == b"iTXt":
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        text = text[1:]
    try:
        if packed:
            text = zlib.decompressobj().decompress(text, MAX_METADATA_BYTES)
        if keyword == b"XML:com.adobe.xmp":
            parts.xmp = parts.xmp or text
        else:
            exif = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
            parts.exif = parts.exif or exif.removeprefix(b"Exif\0\0")
    except (zlib.error, ValueError):
        return  # a damaged text costs nobody the picture


def _written(parts: _Parts) -> Iterator[bytes]:
    """The file that is decoded: what was kept, with checksums and numbers of its own."""
    yield SIGNATURE + _chunk(b"IHDR", parts.header) + b"".join(parts.tables)
    turned = orientation(parts.exif, parts.xmp)
    if turned != 1:
        yield _chunk(b"eXIf", orientation_exif(turned))
    frames = parts.frames if len(parts.frames) > parts.pixels_are_a_frame else []
    if frames:
        yield _chunk(b"acTL", struct.pack(">II", len(frames), 0))
    number = 0
    if frames and parts.pixels_are_a_frame:
        yield _chunk(b"fcTL", struct.pack(">I", number) + frames[0][0][4:])
        frames, number = frames[1:], 1
    yield _chunk(b"IDAT", b"".join(parts.pixels))
    for control, pieces in frames:
        yield _chunk(b"fcTL", struct.pack(">I", number) + control[4:])
        yield _chunk(b"fdAT", struct.pack(">I", number + 1) + b"".join(pieces))
        number += 2
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
