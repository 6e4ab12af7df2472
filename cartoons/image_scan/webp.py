"""WebP (RFC 9649): the pixels, their transparency and the first frames; the size is the one that the bitstream states."""

import struct
from collections.abc import Iterator

from cartoons.image_scan.limits import Scan, damaged, frames_allowed, too_costly
from cartoons.image_scan.orientation import orientation, orientation_exif

MAX_CHUNKS = 10_000
MAX_WEBP_PIXELS = 16_000_000
"""libwebp's decoder of animations, which Pillow uses for every file, takes up to 20 bytes per pixel."""
HAS_ALPHA, HAS_EXIF, IS_ANIMATED = 0x10, 0x08, 0x02
Chunk = tuple[bytes, memoryview]


def scan_webp(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no picture. RIFF's own length is not looked at."""
    chunks = list(_chunks(memoryview(data)[12:]))
    by_kind = dict(reversed(chunks))
    turned = orientation(bytes(by_kind.get(b"EXIF", b"")).removeprefix(b"Exif\0\0"), bytes(by_kind.get(b"XMP ", b"")))
    frames = [body for kind, body in chunks if kind == b"ANMF"]
    header = by_kind.get(b"VP8X", memoryview(b""))
    if frames and len(header) >= 10:
        width, height = _canvas(header)
        frames = frames[: frames_allowed(width, height)]
        sizes = [(width, height), *(_pixels_size(list(_chunks(body[16:]))) for body in frames)]
        width, height = (max(size[axis] for size in sizes) for axis in (0, 1))
        kept = [(b"ANIM", by_kind.get(b"ANIM", memoryview(bytes(6)))), *((b"ANMF", body) for body in frames)]
        flags = IS_ANIMATED | header[0] & HAS_ALPHA
        canvas = bytes(header[4:10])
    else:
        width, height = _pixels_size(chunks)
        kept = [(kind, body) for kind, body in chunks if kind in (b"ALPH", b"VP8 ", b"VP8L")]
        flags = header[0] & HAS_ALPHA if header else HAS_ALPHA * _lossless_alpha(by_kind.get(b"VP8L", header))
        canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    if turned != 1:
        kept.append((b"EXIF", memoryview(orientation_exif(turned))))
        flags |= HAS_EXIF
    written = b"".join(_chunk(kind, body) for kind, body in [(b"VP8X", memoryview(bytes([flags, 0, 0, 0]) + canvas)), *kept])
    return Scan(
        ("WEBP",),
        struct.pack("<4sI4s", b"RIFF", len(written) + 4, b"WEBP") + written,
        width,
        height,
        MAX_WEBP_PIXELS,
        frames=max(1, len(frames)),
    )


def _chunks(view: memoryview) -> Iterator[Chunk]:
    at = 0
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(view):
            return
        kind, length = struct.unpack_from("<4sI", view, at)
        if kind in (b"VP8 ", b"VP8L", b"ALPH") and at + 8 + length > len(view):
            raise damaged("a WebP", f"{at + 8 + length - len(view)} bytes are missing")
        yield kind, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise too_costly("a WebP", f"more than {MAX_CHUNKS} chunks")


def _chunk(kind: bytes, body: memoryview) -> bytes:
    return struct.pack("<4sI", kind, len(body)) + body + bytes(len(body) % 2)


def _canvas(header: memoryview) -> tuple[int, int]:
    return int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1


def _lossless_alpha(bitstream: memoryview) -> bool:
    """Whether a VP8L bitstream says that it has transparency."""
    return len(bitstream) >= 5 and bool(bitstream[4] & 0x10)


def _pixels_size(chunks: list[Chunk]) -> tuple[int, int]:
    """The size in the header of the VP8 or VP8L bitstream."""
    for kind, body in chunks:
        if kind == b"VP8 " and len(body) >= 10 and bytes(body[3:6]) == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF or 1, height & 0x3FFF or 1
        if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            (bits,) = struct.unpack_from("<I", body, 1)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise damaged("a WebP", "it ends before its first pixel")
