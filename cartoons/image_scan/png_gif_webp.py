"""PNG and APNG (W3C PNG specification, third edition), GIF (GIF89a specification) and WebP (RFC 9649).

Kept are the pixels, their palette and transparency, and the first frames of an animation.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from cartoons.image_scan import RAW_BYTES, Scan, damaged, frames_allowed, orientation, too_costly, unread

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
MAX_PNG_CHUNKS = 100_000
MAX_METADATA_BYTES = 1 << 18
"""Longer texts and EXIF are passed over, and no more than this is unpacked of a compressed one."""
PNG_XMP, PNG_EXIF = b"XML:com.adobe.xmp", b"Raw profile type exif"
"""Keywords of the texts that can hold an orientation: XMP, and the EXIF that ImageMagick writes as hexadecimal digits."""

MAX_SUB_BLOCKS = 400_000
"""A GIF's sub-blocks hold up to 255 bytes, so 20 MB need 80,000 of them."""
GIF_IMAGE, GIF_TRAILER, GRAPHIC_CONTROL = 0x2C, 0x3B, b"\xf9"
_GIF_BLOCK = re.compile(rb"[\x21\x2c\x3b]")

MAX_WEBP_CHUNKS = 10_000
MAX_WEBP_PIXELS = 16_000_000
"""libwebp's decoder of animations, which Pillow uses for every file, takes up to 20 bytes per pixel."""
HAS_ALPHA, IS_ANIMATED = 0x10, 0x02
Chunk = tuple[bytes, memoryview]
Part = tuple[bytes, bytes | memoryview]


def scan_png(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or whose header is not right."""
    chunks = _png_chunks(data)
    header, width, height, bits = _png_header(chunks)
    tables = [(b"IHDR", header)]
    pixels: list[memoryview] = []
    frames: list[tuple[memoryview, list[memoryview]]] = []  # control and data, which may be `pixels`
    metadata: dict[bytes, bytes] = {}
    most_frames = frames_allowed(width, height)
    for kind, body in chunks:
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in (b"PLTE", b"tRNS") and not pixels and len(body) <= 768:
            tables.append((kind, body))
        elif kind == b"fcTL" and len(body) == 26 and len(frames) < most_frames:
            frames.append((body, [] if pixels or frames else pixels))
        elif kind == b"fdAT" and frames and len(frames) < most_frames:
            frames[-1][1].append(body[4:])
        elif kind in (b"eXIf", b"iTXt", b"zTXt", b"tEXt") and len(body) <= MAX_METADATA_BYTES:
            _keep_png_metadata(kind, bytes(body), metadata)
    if not pixels:
        raise damaged("a PNG", "it ends before its first pixel")
    kept: list[Part] = [*tables, *_png_frames(pixels, frames), (b"IEND", b"")]
    return Scan(
        ("PNG",),
        PNG_SIGNATURE + b"".join(_png_chunk(kind, body) for kind, body in kept),
        width,
        height,
        min(RAW_BYTES // 3, RAW_BYTES * 8 // bits),
        frames=len(frames) + (not frames or frames[0][1] is not pixels),
        orientation=orientation(metadata.get(PNG_EXIF, b""), metadata.get(PNG_XMP, b"")),
    )


def _png_chunks(data: bytes) -> Iterator[Chunk]:
    """Type and content of each chunk, to the end of the picture or of the file. Checksums are not looked at."""
    view = memoryview(data)
    at = len(PNG_SIGNATURE)
    for _ in range(MAX_PNG_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND" or not kind.isalpha():
            return
        yield kind, view[at + 8 : at + 8 + length]
        at += 12 + length
    raise too_costly("a PNG", f"more than {MAX_PNG_CHUNKS} chunks")


def _png_header(chunks: Iterator[Chunk]) -> tuple[memoryview, int, int, int]:
    """The header, the width and height that it states, and the bits per pixel."""
    kind, header = next(chunks, (b"", memoryview(b"")))
    if kind == b"CgBI":
        raise unread("a PNG in the form that only Apple's programs read (CgBI)")
    if kind != b"IHDR" or len(header) != 13:
        raise damaged("a PNG", "it does not begin with its header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in PNG_DEPTHS.get(colour, ()) or interlaced > 1 or not width or not height:
        raise damaged("a PNG", f"its header says {width} x {height} pixels, {depth} bits, colour type {colour}")
    return header, width, height, depth * PNG_CHANNELS[colour]


def _png_chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _keep_png_metadata(kind: bytes, body: bytes, metadata: dict[bytes, bytes]) -> None:
    """Sets PNG_EXIF or PNG_XMP to what the first chunk of each says."""
    keyword, _, text = (PNG_EXIF, b"", body) if kind == b"eXIf" else body.partition(b"\0")
    if keyword not in (PNG_XMP, PNG_EXIF) or not text:
        return
    packed = kind == b"zTXt" or (kind == b"iTXt" and text[0] == 1)
    if kind == b"iTXt":
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        text = text[1:]
    try:
        if packed:
            text = zlib.decompressobj().decompress(text, MAX_METADATA_BYTES)
        if keyword == PNG_EXIF and kind != b"eXIf":
            text = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except (zlib.error, ValueError):
        return  # a damaged text costs nobody the picture
    metadata[keyword] = metadata.get(keyword) or text


def _png_frames(
    pixels: list[memoryview], frames: list[tuple[memoryview, list[memoryview]]]
) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of pixels, with numbers of their own."""
    first_is_a_frame = bool(frames) and frames[0][1] is pixels
    if len(frames) <= first_is_a_frame:
        frames = []
    else:
        yield b"acTL", struct.pack(">II", len(frames), 0)
    if not frames or not first_is_a_frame:
        yield b"IDAT", b"".join(pixels)
    number = 0
    for control, pieces in frames:
        yield b"fcTL", struct.pack(">I", number) + control[4:]
        if pieces is pixels:
            yield b"IDAT", b"".join(pixels)
        else:
            number += 1
            yield b"fdAT", struct.pack(">I", number) + b"".join(pieces)
        number += 1


def scan_gif(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no frame."""
    if len(data) < 13:
        raise damaged("a GIF", "it ends within its header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _gif_palette_bytes(flags)
    kept = [data[:at]]
    frames = blocks = 0
    while found := _GIF_BLOCK.search(data, at):
        start, kind = found.start(), data[found.start()]
        if kind == GIF_TRAILER or (frames and frames >= frames_allowed(width, height)):
            break
        at = start + 2
        if kind == GIF_IMAGE:
            if start + 10 > len(data):
                break
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, start + 1)
            if frames and (left + across > width or top + down > height):
                break  # Pillow would enlarge the picture for it
            width, height = max(width, left + across), max(height, top + down)
            at = start + 11 + _gif_palette_bytes(flags)
            frames += 1
        while at < len(data) and data[at]:  # sub-blocks, each behind its length
            at += 1 + data[at]
            blocks += 1
            if blocks >= MAX_SUB_BLOCKS:
                raise too_costly("a GIF", f"more than {MAX_SUB_BLOCKS} blocks")
        at += 1
        if kind == GIF_IMAGE or data[start + 1 : start + 2] == GRAPHIC_CONTROL:
            kept.append(data[start:at])
    if not frames:
        raise damaged("a GIF", "it ends before its first frame")
    return Scan(("GIF",), b"".join([*kept, b";"]), width, height, frames=frames)


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def scan_webp(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no picture. RIFF's own length is not looked at."""
    chunks = list(_webp_chunks(memoryview(data)[12:]))
    first = dict(reversed(chunks))
    frames = [body for kind, body in chunks if kind == b"ANMF"]
    header = first.get(b"VP8X", memoryview(b""))
    if frames and len(header) >= 10:
        canvas = tuple(int.from_bytes(header[at : at + 3], "little") + 1 for at in (4, 7))
        frames = frames[: frames_allowed(*canvas)]
        sizes = [canvas, *(_webp_size(_webp_chunks(body[16:])) for body in frames)]
        width, height = (max(sides) for sides in zip(*sizes, strict=True))
        kept: list[Part] = [(b"ANIM", first.get(b"ANIM", memoryview(bytes(6)))), *((b"ANMF", body) for body in frames)]
        flags = IS_ANIMATED | header[0] & HAS_ALPHA
    else:
        canvas = width, height = _webp_size(chunks)
        kept = [(kind, body) for kind, body in chunks if kind in (b"ALPH", b"VP8 ", b"VP8L")]
        lossless = first.get(b"VP8L", b"")
        flags = (header[0] if header else lossless[4] if len(lossless) >= 5 else 0) & HAS_ALPHA
    extended: bytes | memoryview = bytes([flags, 0, 0, 0]) + b"".join((side - 1).to_bytes(3, "little") for side in canvas)
    written = b"WEBP" + b"".join(_webp_chunk(kind, body) for kind, body in [(b"VP8X", extended), *kept])
    return Scan(
        ("WEBP",),
        struct.pack("<4sI", b"RIFF", len(written)) + written,
        width,
        height,
        MAX_WEBP_PIXELS,
        frames=max(1, len(frames)),
        orientation=orientation(bytes(first.get(b"EXIF", b"")), bytes(first.get(b"XMP ", b""))),
    )


def _webp_chunks(view: memoryview) -> Iterator[Chunk]:
    at = 0
    for _ in range(MAX_WEBP_CHUNKS):
        if at + 8 > len(view):
            return
        kind, length = struct.unpack_from("<4sI", view, at)
        if kind in (b"VP8 ", b"VP8L", b"ALPH") and at + 8 + length > len(view):
            raise damaged("a WebP", f"{at + 8 + length - len(view)} bytes are missing")
        yield kind, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise too_costly("a WebP", f"more than {MAX_WEBP_CHUNKS} chunks")


def _webp_chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return struct.pack("<4sI", kind, len(body)) + body + bytes(len(body) % 2)


def _webp_size(chunks: Iterable[Chunk]) -> tuple[int, int]:
    """The size in the header of the VP8 or VP8L bitstream."""
    for kind, body in chunks:
        if kind == b"VP8 " and len(body) >= 10 and bytes(body[3:6]) == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF or 1, height & 0x3FFF or 1
        if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            (bits,) = struct.unpack_from("<I", body, 1)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise damaged("a WebP", "it ends before its first pixel")
