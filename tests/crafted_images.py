"""Files made to cost much, or to look damaged while their pixels are whole: a name, the bytes, what is to come of them.

Nothing is stored: each maker builds its bytes, from the format's own rules or by altering what Pillow writes.
"""

# ruff: noqa: E501 - tables read best with a file on each line
import lzma
import random
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pillow_heif
from PIL import Image

from cartoons.images import encoded

pillow_heif.register_heif_opener()

QUICK_HEIC = {"enc_params": {"preset": "ultrafast"}}

OPENED = ""
"""The outcome of a file that is to open."""


@dataclass(frozen=True)
class Crafted:
    """A file: what it is called, how it is made, and "" where it opens or the words that it is refused with."""

    name: str
    make: Callable[[], bytes]
    refused: str = OPENED


def photo(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A gradient with some texture: no flat rows."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [(x * 200 // width + (y % 7) * 4), (y * 200 // height + (x % 5) * 6), ((x + y) % 97 * 2)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8)).convert(mode)


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_header(width: int, height: int, sof: int = 0xC2, bits: int = 8, components: int = 1) -> bytes:
    """Everything before the first scan: tables in which every code is one bit long and means nothing to do."""
    frame = struct.pack(">BHHB", bits, height, width, components)
    frame += b"".join(bytes([one + 1, 0x11, 0]) for one in range(components))
    tables = b"".join(
        segment(0xC4, bytes([kind]) + bytes([1]) + bytes(15) + value) for kind, value in ((0, b"\0"), (16, b"\xe0"))
    )
    return b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64)) + segment(sof, frame) + tables


def repeated_scans(width: int, height: int, size: int) -> bytes:
    """A progressive JPEG whose one scan of blocks without content is sent again and again."""
    scan = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + b"\x00" * (width * height // 64 // 16384 // 8 * 15 + 40)
    first = segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + b"\x00" * (width * height // 64 // 8 + 2)
    return jpeg_header(width, height) + first + scan * max(1, (size - len(first)) // len(scan)) + b"\xff\xd9"


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def resized_jpeg(width: int, height: int, **options: object) -> bytes:
    return encoded(Image.new("RGB", (width, height), "teal"), "JPEG", **options)


def altered(data: bytes, pattern: bytes, replacement: bytes) -> bytes:
    changed = re.sub(pattern, lambda _: replacement, data, count=1, flags=re.DOTALL)
    assert changed != data
    return changed


def exif_of_many_tags() -> bytes:
    entries = b"".join(struct.pack("<HHII", 0x9000 + one, 7, 60_000, 8) for one in range(5_400))
    return segment(0xE1, (b"Exif\0\0II*\0" + struct.pack("<IH", 8, 5_400) + entries)[:65_000])


def mpf(pictures: int) -> bytes:
    """The directory of a Multi-Picture file: as many pictures, each the first one again."""
    entries = struct.pack("<HHII", 0xB001, 4, 1, pictures) + struct.pack("<HHII", 0xB002, 7, 16 * pictures, 50)
    return segment(0xE2, (b"MPF\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4) + bytes(16 * pictures))[:65_000])


# PNG


def chunk(kind: bytes, body: bytes = b"", crc: int | None = None) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)


def png(width: int, height: int, depth: int = 8, colour: int = 2, extra: bytes = b"", interlace: int = 0) -> bytes:
    """A PNG of zeros, with chunks of one's own before the pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer = zlib.compressobj(1)
    row = bytes(1 + (width * depth * channels + 7) // 8)
    rows = max(1, 10_000_000 // len(row))
    packed = (
        b"".join(packer.compress(row * rows) for top in range(0, height + height * interlace // 2, rows)) + packer.flush()
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", packed) + chunk(b"IEND")


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def zeros(megabytes: int) -> bytes:
    """That much of nothing, packed: one packed megabyte many times over."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = ((megabytes << 20) % 65_521) << 16 | 1
    return b"\x78\xda" + block * megabytes + b"\x03\0" + struct.pack(">I", checksum)


def with_pixels(packed: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND")


def apng(frames: int, first: Image.Image, later: Image.Image, size: int = 0) -> bytes:
    data = encoded(first, "PNG", save_all=True, append_images=[later], duration=50)
    if frames == 2:
        return data
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0))
    return data[:-12] + (control + chunk(b"fdAT", bytes(4 + size))) * frames + data[-12:]


# TIFF

TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}


def tiff(tags: dict[int, tuple[int, int, bytes | int]], pixels: bytes = b"", order: str = "<", next_at: int = 0) -> bytes:
    """A TIFF of these tags: type, count, and value or (an int) the offset of the value; the pixels begin at 8."""
    start = 8 + len(pixels) + len(pixels) % 2
    values_at = start + 6 + 12 * len(tags)
    entries, values = struct.pack(order + "H", len(tags)), b""
    for tag, (kind, count, value) in sorted(tags.items()):
        entries += struct.pack(order + "HHI", tag, kind, count)
        if isinstance(value, int):
            entries += struct.pack(order + "I", value)
        elif len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", values_at + len(values))
            values += value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + pixels.ljust(start - 8, b"\0") + entries + struct.pack(order + "I", next_at) + values


def shorts(*values: int) -> tuple[int, int, bytes]:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def longs(*values: int) -> tuple[int, int, bytes]:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def tiff_tags(width: int, height: int, bits: tuple[int, ...] = (8,), **_: int) -> dict[int, tuple[int, int, bytes | int]]:
    photometric = 2 if len(bits) >= 3 else 1
    size = width * height * sum(bits) // 8
    return {
        256: longs(width), 257: longs(height), 258: shorts(*bits), 259: shorts(1), 262: shorts(photometric),
        273: longs(8), 277: shorts(len(bits)), 278: longs(height), 279: longs(size),
    }  # fmt: skip


def samples_tiff(values: np.ndarray, *, order: str = "<", predictor: int = 1, planar: int = 1, tile: int = 0) -> bytes:
    """A deflated TIFF of these samples, (height, width, channels), as other programs write them and Pillow does not."""
    height, width, channels = values.shape
    values = values.astype(values.dtype.newbyteorder(order))
    side_x, side_y = (tile, tile) if tile else (width, height)
    padded = np.pad(values, ((0, -height % side_y), (0, -width % side_x), (0, 0)))
    planes = [padded] if planar == 1 else np.split(padded, channels, axis=2)
    blocks = [
        zlib.compress(predicted(plane[top : top + side_y, left : left + side_x], predictor))
        for plane in planes
        for top in range(0, height, side_y)
        for left in range(0, width, side_x)
    ]
    offsets = np.cumsum([8, *map(len, blocks)])[:-1].tolist()
    tags = tiff_tags(width, height, (8 * values.itemsize,) * channels)
    tags |= {259: shorts(8), 284: shorts(planar), 317: shorts(predictor)}
    tags[339] = shorts(*[{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * channels)
    for tag in (273, 278, 279) if tile else ():
        del tags[tag]
    tags |= {322: longs(tile), 323: longs(tile)} if tile else {}
    tags[324 if tile else 273], tags[325 if tile else 279] = longs(*offsets), longs(*map(len, blocks))
    if order == ">":
        tags = {tag: (kind, count, swapped(kind, value)) for tag, (kind, count, value) in tags.items()}
    return tiff(tags, b"".join(blocks), order)


def strips(count: int, length: int = 0) -> bytes:
    """As many rows, each a strip of its own, packed; length: of each strip as the file claims it."""
    packed = zlib.compress(bytes(100))
    places = {273: longs(*[8] * count), 279: longs(*[length or len(packed)] * count)}
    return tiff(tiff_tags(100, count) | {259: shorts(8), 278: longs(1)} | places, packed.ljust(length, b"\0"))


def tiles(width: int, height: int, side: int, pixels: bytes) -> bytes:
    tags = tiff_tags(width, height)
    for tag in (273, 278, 279):
        del tags[tag]
    tags |= {259: shorts(8), 322: longs(side), 323: longs(side), 324: longs(8), 325: longs(len(pixels))}
    return tiff(tags, zlib.compress(pixels))


def lzma_tiff(width: int, height: int, strip_rows: int) -> bytes:
    """CMYK of nothing, in strips that are packed alike, each in a place of its own."""
    packed = lzma.compress(bytes(4 * width * strip_rows), check=lzma.CHECK_NONE, preset=0)
    count = height // strip_rows
    tags = tiff_tags(width, height, (8, 8, 8, 8)) | {259: shorts(34_925), 262: shorts(5), 278: longs(strip_rows)}
    tags |= {273: longs(*(8 + len(packed) * one for one in range(count))), 279: longs(*[len(packed)] * count)}
    return tiff(tags, packed * count)


def jpeg_tiff(jpeg: bytes, side: int) -> bytes:
    return tiff(tiff_tags(side, side) | {259: shorts(7), 279: longs(len(jpeg))}, jpeg)


def swapped(kind: int, value: bytes | int) -> bytes | int:
    return (
        np.frombuffer(value, f"<u{TIFF_SIZES[kind]}").astype(f">u{TIFF_SIZES[kind]}").tobytes()
        if isinstance(value, bytes)
        else value
    )


def predicted(block: np.ndarray, predictor: int) -> bytes:
    """A block's bytes, as differences: of samples (2), or of bytes, the most significant ones first (3)."""
    height, width, channels = block.shape
    if predictor == 2:
        whole = block.astype(block.dtype.newbyteorder("="))
        block = np.diff(whole, axis=1, prepend=np.zeros((height, 1, channels), whole.dtype)).astype(block.dtype)
    elif predictor == 3:
        big = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(">"))).view(np.uint8)
        rows = big.reshape(height, width * channels, block.itemsize).transpose(0, 2, 1).reshape(height, -1, channels)
        block = np.diff(rows, axis=1, prepend=np.zeros((height, 1, channels), np.uint8))
    return block.tobytes()


# GIF, WebP, BMP, AVIF and HEIC


def gif_extension(size: int, label: int = 0xFE, block: int = 255) -> bytes:
    return bytes([0x21, label]) + (bytes([block]) + b" " * block) * (size // (block + 1)) + b"\0"


def gif_frame(width: int, height: int) -> bytes:
    """A frame's image block; of a size that costs much to make, only its first pixel."""
    if width * height <= 4_000_000:
        data = encoded(Image.new("P", (width, height)), "GIF")
        return data[data.index(b"\x2c\0\0\0\0") : -1]
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + b"".join(blocks) + b";"


def riff(*chunks: tuple[bytes, bytes], length: int | None = None) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4 if length is None else length) + b"WEBP" + body


def riff_length(data: bytes, length: int) -> bytes:
    return data[:4] + struct.pack("<I", length) + data[8:]


def webp_frames(count: int, width: int, height: int) -> bytes:
    """An animation of one tiny frame many times over, on a canvas of any size."""
    tiny = encoded(Image.new("RGB", (2, 2), "red"), "WEBP", lossless=True)[12:]
    frame = bytes(6) + struct.pack("<I", 1)[:3] * 2 + b"\x0a\0\0\0" + tiny
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff((b"VP8X", b"\x02\0\0\0" + size), (b"ANIM", bytes(6)), *[(b"ANMF", frame)] * count)


def bmp(width: int, height: int, bits: int, pixels: bytes, compression: int = 0, palette: bytes = b"") -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(pixels), 0, 0, 54 + len(palette)) + header + palette + pixels


def claiming(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose boxes claim another size than its bitstream has."""
    return re.sub(rb"ispe\0\0\0\0.{8}", b"ispe" + bytes(4) + struct.pack(">II", width, height), data, flags=re.DOTALL)


def many_items(count: int) -> bytes:
    """A HEIC with this many more items in its list."""
    data = encoded(photo(), "HEIF")
    meta, at = data.index(b"meta") - 4, data.index(b"iinf") - 4
    size, items = struct.unpack_from(">I", data, at)[0], struct.unpack_from(">H", data, at + 12)[0]
    extra = b"".join(struct.pack(">I4sIHH4sB", 21, b"infe", 2 << 24, 100 + one, 0, b"hvc1", 0) for one in range(count))
    listed = struct.pack(">I", size + len(extra)) + data[at + 4 : at + 12] + struct.pack(">H", items + count)
    grown = struct.pack(">I", struct.unpack_from(">I", data, meta)[0] + len(extra))
    return data[:meta] + grown + data[meta + 4 : at] + listed + data[at + 14 : at + size] + extra + data[at + size :]


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heif(*boxes: bytes, brand: bytes = b"heic") -> bytes:
    """A file of these boxes in its meta box, whose primary item is the first."""
    return box(b"ftyp", brand + bytes(4) + brand) + box(b"meta", bytes(4) + box(b"pitm", bytes(5) + b"\1") + b"".join(boxes))


def nested_grids(count: int) -> bytes:
    """Items of which each is a grid of all those of the next level, of three levels of so many."""
    numbers = [range(1, 2), *(range(2 + level * count, 2 + (level + 1) * count) for level in range(3))]
    infos = b"".join(
        box(b"infe", struct.pack(">IHH4sB", 2 << 24, one, 0, b"grid" if one < 2 + 2 * count else b"hvc1", 0))
        for one in range(1, 2 + 3 * count)
    )
    parts = b"".join(
        box(b"dimg", struct.pack(f">HH{count}H", one, count, *below)) for level, below in pairwise(numbers) for one in level
    )
    hvcc = encoded(photo(), "HEIF").partition(b"hvcC")[2][:300]
    shared = b"".join(struct.pack(">HBB", one, 1, 1) for one in range(2 + 2 * count, 2 + 3 * count))
    properties = box(b"ipco", box(b"hvcC", hvcc)) + box(b"ipma", struct.pack(">II", 0, count) + shared)
    infos = struct.pack(">IH", 0, 1 + 3 * count) + infos
    return heif(box(b"iinf", infos), box(b"iref", bytes(4) + parts), box(b"iprp", properties))


def many_associations(size: int) -> bytes:
    """A HEIC whose one item has property 1 again and again."""
    entries = (b"\0\1\xff" + b"\1" * 255) * (size // 258)
    return heif(box(b"iprp", box(b"ipco", b"") + box(b"ipma", struct.pack(">II", 0, size // 258) + entries)))


def cut(data: bytes, missing: int) -> bytes:
    return data[: len(data) - missing]


def blank_first(kind: str, blank: Image.Image) -> bytes:
    return encoded(
        blank, kind, save_all=True, append_images=[photo(mode="RGBA"), photo(mode="RGBA")], duration=50, disposal=2
    )


COSTLY = "too costly to open safely"
TOO_LARGE = "megapixels"
CUT_SHORT = "damaged or cut short|cut short"
DEEP = np.arange(64 * 48 * 3, dtype=np.float32).reshape(48, 64, 3)

COSTS = [
    Crafted("JPEG 8000x5000, scans repeated, 200 KB", lambda: repeated_scans(8000, 5000, 200_000), COSTLY),
    Crafted("JPEG 8000x5000, scans repeated, 2 MB", lambda: repeated_scans(8000, 5000, 2_000_000), COSTLY),
    Crafted("JPEG 8000x5000, 99 scans", lambda: repeated_scans(8000, 5000, 78_000 + 98 * 116), COSTLY),
    Crafted("JPEG 65500x2040", lambda: resized_jpeg(65_500, 2_040), TOO_LARGE),
    Crafted("JPEG 38000x1040, progressive", lambda: resized_jpeg(38_000, 1_040, progressive=True)),
    Crafted("JPEG 38000x1040, progressive CMYK", lambda: encoded(Image.new("CMYK", (38_000, 1_040)), "JPEG", progressive=True), "MB to decode"),
    Crafted("JPEG 12600x12600", lambda: resized_jpeg(12_600, 12_600, quality=30)),
    Crafted("JPEG 20 MB of FF", lambda: b"\xff\xd8" + b"\xff" * 19_900_000, CUT_SHORT),
    Crafted("JPEG 15 MB of FF before its tables", lambda: with_segments(encoded(photo(), "JPEG"), b"\xff" * 15_000_000)),
    Crafted("JPEG 4,000,000 empty segments", lambda: with_segments(encoded(photo(), "JPEG"), b"\xff\xfe\0\2" * 4_000_000), COSTLY),
    Crafted("JPEG 19 MB of comments", lambda: with_segments(encoded(photo(), "JPEG"), *[segment(0xFE, bytes(65_000))] * 290)),
    Crafted("JPEG 19 MB of stuffed zeros", lambda: encoded(photo(), "JPEG")[:-2] + b"\xff\0" * 9_500_000 + b"\xff\xd9"),
    Crafted("JPEG EXIF of 5,400 tags on one block", lambda: with_segments(encoded(photo(), "JPEG"), exif_of_many_tags())),
    Crafted("JPEG MPO of 5,000 pictures", lambda: with_segments(encoded(photo(), "JPEG"), mpf(5_000))),
    Crafted("JPEG arithmetic", lambda: jpeg_header(8000, 5000, 0xC9) + segment(0xDA, bytes(6)) + bytes(99), "arithmetic coding"),
    Crafted("JPEG height at its end", lambda: jpeg_header(64, 0, 0xC0) + bytes(99), "states its height only at its end"),
    Crafted("JPEG 12 bits", lambda: jpeg_header(64, 64, 0xC1, bits=12) + bytes(99), "12 bits per sample"),
    Crafted("PNG 1x40000000", lambda: png(1, 40_000_000, 8, 0), "65535 are allowed on a side"),
    Crafted("PNG 8000x5000", lambda: png(8_000, 5_000)),
    Crafted("PNG 8000x5000, interlaced", lambda: png(8_000, 5_000, interlace=1)),
    Crafted("PNG 8000x5000, RGBA", lambda: png(8_000, 5_000, colour=6), TOO_LARGE),
    Crafted("PNG 6000x5000, RGBA", lambda: png(6_000, 5_000, colour=6)),
    Crafted("PNG 8000x5000, RGBA of 16 bits", lambda: png(8_000, 5_000, 16, 6), TOO_LARGE),
    Crafted("PNG 5000x3000, RGBA of 16 bits", lambda: png(5_000, 3_000, 16, 6)),
    Crafted("PNG 8000x5000, grey of 16 bits", lambda: png(8_000, 5_000, 16, 0)),
    Crafted("PNG 65000x600, grey of 16 bits", lambda: png(65_000, 600, 16, 0)),
    Crafted("PNG 8000x5000, palette", lambda: png(8_000, 5_000, 8, 3, chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(9)))),
    Crafted("PNG 1,000,000 chunks", lambda: with_chunks(encoded(photo(), "PNG"), chunk(b"teXt") * 1_000_000), COSTLY),
    Crafted("PNG pixels that unpack to 1 GB", lambda: with_pixels(zeros(1024))),
    Crafted("PNG text that unpacks to 1 GB", lambda: with_chunks(encoded(photo(), "PNG"), chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zeros(200)))),
    Crafted("PNG profile that unpacks to 1 GB", lambda: with_chunks(encoded(photo(), "PNG"), chunk(b"iCCP", b"x\0\0" + zeros(1024)))),
    Crafted("APNG 40,000 frames, blank at first", lambda: apng(40_000, Image.new("RGBA", (64, 48)), photo(mode="RGBA"))),
    Crafted("GIF 5 MB of comment blocks", lambda: gif(64, 48, gif_extension(5_000_000), gif_frame(64, 48))),
    Crafted("GIF 15 MB of comment blocks of 1 byte", lambda: gif(64, 48, gif_extension(15_000_000, block=1), gif_frame(64, 48)), COSTLY),
    Crafted("GIF 15 MB of nothing", lambda: gif(64, 48, bytes(15_000_000), gif_frame(64, 48))),
    Crafted("GIF 65535x65535 screen", lambda: gif(65_535, 65_535, gif_frame(1, 1)), TOO_LARGE),
    Crafted("GIF 1x1 screen, 65535x65535 frame", lambda: gif(1, 1, gif_frame(65_535, 65_535)), TOO_LARGE),
    Crafted("GIF 8000x5000", lambda: encoded(Image.new("P", (8_000, 5_000), 1), "GIF")),
    Crafted("GIF 700,000 frames", lambda: gif(64, 48, *[gif_frame(1, 1)] * 700_000)),
    Crafted("GIF 2000x2000, 1,000 frames", lambda: gif(2_000, 2_000, *[gif_frame(2_000, 2_000)] * 1_000)),
    Crafted("TIFF of 240,000 strips", lambda: tiff(tiff_tags(100, 240_000) | {278: longs(1), 273: longs(*[8] * 240_000), 279: longs(*[100] * 240_000)}, bytes(100)), COSTLY),
    Crafted("TIFF of 60,000 strips, packed", lambda: strips(60_000)),
    Crafted("TIFF of 60,000 strips, each 19 MB", lambda: strips(60_000, 19_000_000), COSTLY),
    Crafted("TIFF of 2,000 tags on one 19 MB block", lambda: tiff(tiff_tags(64, 48) | {40_000 + tag: (7, 19_000_000, 8) for tag in range(2_000)}, bytes(19_000_000)), COSTLY),
    Crafted("TIFF of 900 tags on one 19 MB block", lambda: tiff(tiff_tags(64, 48) | {40_000 + tag: (7, 19_000_000, 8) for tag in range(900)}, bytes(19_000_000))),
    Crafted("TIFF 16x16 with a 44720 tile", lambda: tiles(16, 16, 44_720, b"\0" * 256), COSTLY),
    Crafted("TIFF of 1x1 tiles", lambda: tiles(8_000, 5_000, 1, b"\0" * 256), COSTLY),
    Crafted("TIFF 8000x5000 of 32-bit whole numbers", lambda: encoded(Image.new("I", (8_000, 5_000), 70_000), "TIFF", compression="tiff_adobe_deflate"), TOO_LARGE),
    Crafted("TIFF 6000x5000 of 32-bit whole numbers", lambda: encoded(Image.new("I", (6_000, 5_000), 70_000), "TIFF", compression="tiff_adobe_deflate")),
    Crafted("TIFF 6000x5000 of floats", lambda: encoded(Image.new("F", (6_000, 5_000), 0.5), "TIFF", compression="tiff_adobe_deflate")),
    Crafted("TIFF 3000x3000, RGB of floats", lambda: samples_tiff(np.zeros((3_000, 3_000, 3), np.float32))),
    Crafted("TIFF 8000x5000, LZW", lambda: encoded(Image.new("RGB", (8_000, 5_000)), "TIFF", compression="tiff_lzw")),
    Crafted("TIFF 5000x3000, CMYK, LZMA", lambda: lzma_tiff(5_000, 3_000, 100)),
    Crafted("TIFF 5000x4000, LAB", lambda: encoded(Image.new("LAB", (5_000, 4_000)), "TIFF", compression="tiff_adobe_deflate")),
    Crafted("TIFF 8000x5000, JPEG", lambda: encoded(Image.new("RGB", (8_000, 5_000)), "TIFF", compression="jpeg")),
    Crafted("TIFF with progressive JPEG", lambda: jpeg_tiff(repeated_scans(4000, 4000, 200_000), 4000), COSTLY),
    Crafted("TIFF directory that follows itself", lambda: tiff(tiff_tags(4, 4), bytes(16), next_at=24)),
    Crafted("BigTIFF", lambda: b"II+\0\x08\0\0\0\x10" + bytes(99), "BigTIFF"),
    Crafted("WebP 16383x16383", lambda: encoded(Image.new("RGB", (4_200, 4_200)), "WEBP", lossless=True, method=0), TOO_LARGE),
    Crafted("WebP 4000x4000", lambda: encoded(photo(4_000, 4_000), "WEBP", lossless=True, method=0)),
    Crafted("WebP 16777216x200 canvas", lambda: webp_frames(1, 16_777_216, 200), "65535 are allowed on a side"),
    Crafted("WebP 5,000 frames", lambda: webp_frames(5_000, 64, 48)),
    Crafted("WebP 2,000,000 chunks", lambda: riff((b"VP8X", bytes(10)), *[(b"JUNK", b"")] * 2_000_000), COSTLY),
    Crafted("WebP 3900x4000 frames", lambda: webp_frames(5_000, 3_900, 4_000)),
    Crafted("BMP run-length coded, 6500x6000", lambda: bmp(6_500, 6_000, 8, b"\0\0" * 6_000, 1, bytes(1024)), COSTLY),
    Crafted("BMP run-length coded, 5 MB", lambda: bmp(2_000, 2_000, 8, b"\1\1" * 2_500_000, 1, bytes(1024)), COSTLY),
    Crafted("BMP run-length coded, 2000x2000", lambda: bmp(2_000, 2_000, 8, b"\1\1\0\0" * 2_000, 1, bytes(1020))),
    Crafted("BMP 12000x3300 of 1 bit", lambda: bmp(12_000, 3_300, 1, bytes(1500 * 3_300), 0, b"\0\0\0\0\1\2\3\0")),
    Crafted("AVIF 8000x5000 that claims 64x48", lambda: claiming(encoded(Image.new("RGB", (8_000, 5_000)), "AVIF", speed=10), 64, 48), TOO_LARGE),
    Crafted("AVIF 5000x4000", lambda: encoded(Image.new("RGB", (5_000, 4_000)), "AVIF", speed=10, subsampling="4:4:4")),
    Crafted("AVIF 64x48 that claims 60000x60000", lambda: claiming(encoded(photo(), "AVIF"), 60_000, 60_000), TOO_LARGE),
    Crafted("HEIC 8000x5000 that claims 64x48", lambda: claiming(encoded(Image.new("L", (8_000, 5_000)), "HEIF", **QUICK_HEIC), 64, 48), TOO_LARGE),
    Crafted("HEIC 6000x4000", lambda: encoded(Image.new("RGB", (6_000, 4_000)), "HEIF", **QUICK_HEIC)),
    Crafted("HEIC 2,000 items", lambda: many_items(2_000), COSTLY),
    Crafted("HEIC of grids of 60 grids of 60 grids of 60 tiles", lambda: nested_grids(60), COSTLY),
    Crafted("HEIC 7 MB of property associations", lambda: many_associations(7_000_000), COSTLY),
    Crafted("HEIC 900,000 boxes", lambda: encoded(photo(), "HEIF") + b"\0\0\0\x08free" * 900_000, COSTLY),
]  # fmt: skip
"""Files that cost much with a decoder that takes what comes: each is to be answered within a second and 400 MB."""


def cut_jpeg(share: float, mode: str = "RGB", **options: object) -> bytes:
    """A JPEG of 320 x 240 pixels that ends after this share of its bytes."""
    data = encoded(photo(320, 240, mode), "JPEG", **options)
    return data[: int(len(data) * share)]


def progressive_cut(scans: int) -> bytes:
    """A progressive JPEG that ends in the middle of its nth scan; -1: of the last one."""
    data = encoded(photo(320, 240), "JPEG", progressive=True)
    starts = [found.start() for found in re.finditer(b"\xff\xda", data)] + [len(data)]
    return data[: (starts[scans - 1 if scans > 0 else -2] + starts[scans]) // 2]


def late(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with these chunks between its pixels and its end."""
    return data[:-12] + b"".join(chunks) + data[-12:]


def pixels_16(order: str) -> bytes:
    rgb = np.asarray(photo()).astype(f"{order}u2") * 257
    return rgb.astype(f"{order}u2").tobytes()


def png_16(colour: int) -> bytes:
    rgb = np.asarray(photo()).astype(np.uint16) * 257
    whole = rgb if colour == 2 else np.dstack([rgb, np.full((48, 64), 65_535, np.uint16)])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in whole)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 16, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def bmp_rows(picture: Image.Image, raw: str) -> bytes:
    return picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", raw)


def bmp_16() -> bytes:
    red, green, blue = (np.asarray(channel).astype(np.uint16) for channel in photo().split())
    packed = (red >> 3 << 11) | (green >> 2 << 5) | blue >> 3
    return bmp(64, 48, 16, packed[::-1].astype("<u2").tobytes(), 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))


def bmp_run_length() -> bytes:
    few = photo().quantize(64)
    rows = np.asarray(few)[::-1].tolist()
    runs = b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in rows)
    colours = few.getpalette("RGB") or []
    palette = b"".join(bytes(colours[at : at + 3][::-1]) + b"\0" for at in range(0, len(colours), 3))
    return bmp(64, 48, 8, runs + b"\0\1", 1, palette.ljust(1024, b"\0"))


PNG = encoded(photo(), "PNG")
JPEG = encoded(photo(), "JPEG", quality=95)
UNIT = np.asarray(photo()).astype(np.float64) / 255
RUBBISH = random.Random(1).randbytes(5_000)

WHOLE = [
    Crafted("PNG text of 2 MB", lambda: with_chunks(PNG, chunk(b"tEXt", b"Comment\0" + b"x" * 2_000_000))),
    Crafted("PNG text of 2 MB, packed", lambda: with_chunks(PNG, chunk(b"zTXt", b"Comment\0\0" + zeros(2)))),
    Crafted("PNG text that does not unpack", lambda: with_chunks(PNG, chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + RUBBISH))),
    Crafted("PNG text, wrong checksum", lambda: with_chunks(PNG, chunk(b"tEXt", b"Title\0x", crc=1))),
    Crafted("PNG profile, wrong checksum", lambda: with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + zlib.compress(b"p"), crc=1))),
    Crafted("PNG profile that does not unpack", lambda: with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + RUBBISH))),
    Crafted("PNG profile without a name", lambda: with_chunks(PNG, chunk(b"iCCP", b""))),
    Crafted("PNG resolution too short", lambda: with_chunks(PNG, chunk(b"pHYs", b"\0"), chunk(b"gAMA", b""))),
    Crafted("PNG EXIF of rubbish", lambda: with_chunks(PNG, chunk(b"eXIf", RUBBISH))),
    Crafted("PNG text after the pixels, cut", lambda: cut(late(PNG, chunk(b"tEXt", b"Title\0" + RUBBISH)), 1_000)),
    Crafted("PNG text after the pixels, wrong checksum", lambda: late(PNG, chunk(b"iTXt", b"Title\0x", crc=1))),
    Crafted("PNG without its end", lambda: cut(PNG, 12)),
    Crafted("PNG and rubbish", lambda: PNG + RUBBISH),
    Crafted("PNG 16 bits", lambda: png_16(2)),
    Crafted("PNG 16 bits and transparency", lambda: png_16(6)),
    Crafted("PNG animation control of rubbish", lambda: with_chunks(PNG, chunk(b"acTL", b"\xff" * 8), chunk(b"fcTL", b"\xff" * 26))),
    Crafted("JPEG without its end", lambda: cut(JPEG, 2)),
    Crafted("JPEG without its last 40 bytes", lambda: cut(JPEG, 40)),
    Crafted("JPEG and rubbish", lambda: JPEG + RUBBISH),
    Crafted("JPEG after a byte order mark", lambda: b"\xef\xbb\xbf\r\n" + JPEG),
    Crafted("JPEG EXIF of rubbish", lambda: with_segments(JPEG, segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + RUBBISH))),
    Crafted("JPEG profile of rubbish", lambda: with_segments(JPEG, segment(0xE2, b"ICC_PROFILE\0"), segment(0xE2, b"ICC_PROFILE\0\xff\xff" + RUBBISH))),
    Crafted("JPEG Photoshop block of rubbish", lambda: with_segments(JPEG, segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0"))),
    Crafted("JPEG MPO directory of rubbish", lambda: with_segments(JPEG, segment(0xE2, b"MPF\0" + RUBBISH))),
    Crafted("JPEG with 2 MB of XMP", lambda: with_segments(JPEG, *[segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(64_000))] * 32)),
    Crafted("JPEG CMYK", lambda: encoded(photo(mode="CMYK"), "JPEG", quality=95)),
    Crafted("GIF without its end", lambda: cut(encoded(photo(), "GIF"), 1)),
    Crafted("GIF and rubbish", lambda: encoded(photo(), "GIF") + RUBBISH),
    Crafted("WebP of the wrong length", lambda: riff_length(encoded(photo(), "WEBP", quality=95), 12)),
    Crafted("WebP of a greater length", lambda: riff_length(encoded(photo(), "WEBP", quality=95), 1 << 30)),
    Crafted("WebP and rubbish", lambda: encoded(photo(), "WEBP", quality=95) + RUBBISH),
    Crafted("WebP profile of rubbish", lambda: encoded(photo(), "WEBP", quality=95, icc_profile=RUBBISH, exif=RUBBISH)),
    Crafted("AVIF and rubbish", lambda: encoded(photo(), "AVIF", quality=90) + RUBBISH),
    Crafted("HEIC and rubbish", lambda: encoded(photo(), "HEIF", quality=90) + RUBBISH),
    Crafted("BMP top down", lambda: bmp(64, -48, 24, photo().tobytes("raw", "BGR"))),
    Crafted("BMP 16 bits", bmp_16),
    Crafted("BMP run-length coded", bmp_run_length),
    Crafted("BMP and rubbish", lambda: encoded(photo(), "BMP") + RUBBISH),
    Crafted("TIFF floats", lambda: samples_tiff(UNIT.astype(np.float32))),
    Crafted("TIFF floats, big-endian", lambda: samples_tiff(UNIT.astype(np.float32), order=">")),
    Crafted("TIFF floats, predicted", lambda: samples_tiff(UNIT.astype(np.float32), predictor=3)),
    Crafted("TIFF floats, predicted, tiles", lambda: samples_tiff(UNIT.astype(np.float32), predictor=3, tile=32)),
    Crafted("TIFF floats, planes", lambda: samples_tiff(UNIT.astype(np.float32), planar=2)),
    Crafted("TIFF floats, planes, predicted, tiles", lambda: samples_tiff(UNIT.astype(np.float32), planar=2, predictor=3, tile=32)),
    Crafted("TIFF half floats", lambda: samples_tiff(UNIT.astype(np.float16))),
    Crafted("TIFF double floats", lambda: samples_tiff(UNIT)),
    Crafted("TIFF floats of 0 to 255", lambda: samples_tiff((UNIT * 255).astype(np.float32))),
    Crafted("TIFF floats, one not a number", lambda: samples_tiff(np.where(UNIT > 0.99, np.nan, UNIT).astype(np.float32))),
    Crafted("TIFF 32 bits, predicted", lambda: samples_tiff((UNIT * (2**32 - 1)).astype(np.uint32), predictor=2)),
    Crafted("TIFF 16 bits", lambda: samples_tiff((UNIT * 65_535).astype(np.uint16), predictor=2)),
    Crafted("TIFF 16 bits, big-endian", lambda: samples_tiff((UNIT * 65_535).astype(np.uint16), order=">")),
    Crafted("TIFF CMYK", lambda: encoded(photo(mode="CMYK"), "TIFF", compression="tiff_lzw")),
    Crafted("TIFF YCbCr", lambda: encoded(photo(mode="YCbCr"), "TIFF", compression="jpeg", quality=95)),
    Crafted("TIFF and rubbish", lambda: encoded(photo(), "TIFF") + RUBBISH),
    Crafted("TIFF profile of rubbish", lambda: encoded(photo(), "TIFF", icc_profile=RUBBISH)),
    Crafted("GIF, its first frame empty", lambda: blank_first("GIF", Image.new("RGBA", (64, 48)))),
    Crafted("GIF, its first frame white", lambda: blank_first("GIF", Image.new("RGBA", (64, 48), "white"))),
    Crafted("APNG, its first frame empty", lambda: blank_first("PNG", Image.new("RGBA", (64, 48)))),
    Crafted("APNG, its first frame black", lambda: blank_first("PNG", Image.new("RGBA", (64, 48), "black"))),
    Crafted("WebP, its first frame empty", lambda: blank_first("WEBP", Image.new("RGBA", (64, 48)))),
    Crafted("AVIF, its first frame empty", lambda: blank_first("AVIF", Image.new("RGBA", (64, 48)))),
]  # fmt: skip
"""Files whose pixels are whole, though something else is not, or is unusual: each opens and shows `photo()`."""

REFUSED = [
    Crafted("JPEG, half of it", lambda: cut_jpeg(0.5), r"cut short: \d\d% of the picture is there"),
    Crafted("JPEG, 80 % of it", lambda: cut_jpeg(0.8), r"cut short: [78]\d% of the picture is there"),
    Crafted("JPEG progressive, cut in its first scan", lambda: progressive_cut(1), "before the last of its scans has begun"),
    Crafted("JPEG progressive, cut in its second scan", lambda: progressive_cut(2), "before the last of its scans has begun"),
    Crafted("JPEG CMYK, 70 % of it", lambda: cut_jpeg(0.7, mode="CMYK"), r"cut short: [67]\d% of the picture is there"),
    Crafted("JPEG grey, 70 % of it", lambda: cut_jpeg(0.7, mode="L"), r"cut short: [67]\d% of the picture is there"),
    Crafted("JPEG with restarts, 70 % of it", lambda: cut_jpeg(0.7, restart_marker_rows=1), r"cut short: [67]\d% of the picture is there"),
    Crafted("JPEG, cut within its tables", lambda: JPEG[:300], "before its first pixel"),
    Crafted("PNG, half of it", lambda: PNG[: len(PNG) // 2], CUT_SHORT),
    Crafted("PNG without pixels", lambda: PNG[:33] + PNG[-12:], "before its first pixel"),
    Crafted("PNG for Apple's programs", lambda: PNG[:8] + chunk(b"CgBI", b"\0\0\0\0") + PNG[8:], "only Apple's programs"),
    Crafted("PNG of 3 bits", lambda: png(64, 48, 3, 0), "3 bits, colour type 0"),
    Crafted("WebP, half of it", lambda: encoded(photo(), "WEBP")[:300], "bytes are missing"),
    Crafted("TIFF, 3 channels of 12 bits", lambda: tiff(tiff_tags(64, 48, (12, 12, 12)), bytes(64 * 72)), "3 channels of 12 bits"),
    Crafted("TIFF of an unknown compression", lambda: tiff(tiff_tags(4, 4) | {259: shorts(34_712)}, bytes(16)), "compression 34712"),
    Crafted("TIFF, a camera's raw picture", lambda: tiff(tiff_tags(4, 4) | {50_706: (1, 4, bytes(4))}, bytes(16)), "camera's raw picture"),
    Crafted("BMP of 2 bits", lambda: bmp(64, 48, 2, bytes(999)), "2 bits per pixel"),
    Crafted("BMP with a JPEG inside", lambda: bmp(64, 48, 24, bytes(999), 4), "compression 4"),
    Crafted("JPEG XL", lambda: b"\xff\x0a" + RUBBISH, "a JPEG XL picture, which is not read here"),
    Crafted("JPEG XL in boxes", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + RUBBISH, "a JPEG XL picture"),
    Crafted("JPEG 2000", lambda: encoded(photo(), "JPEG2000"), "a JPEG 2000 picture"),
    Crafted("icon", lambda: encoded(photo(), "ICO"), "an icon"),
    Crafted("PSD", lambda: b"8BPS\0\1" + RUBBISH, "Photoshop"),
    Crafted("PPM", lambda: encoded(photo(), "PPM"), "a PNM picture"),
    Crafted("camera's raw picture, CR3", lambda: b"\0\0\0\x18ftypcrx " + RUBBISH, "raw picture"),
    Crafted("MP4", lambda: b"\0\0\0\x18ftypisom" + RUBBISH, "a video"),
    Crafted("QuickTime", lambda: b"\0\0\0\x14ftypqt  " + RUBBISH, "a video"),
    Crafted("WebM", lambda: b"\x1aE\xdf\xa3" + RUBBISH, "a video"),
    Crafted("ZIP", lambda: b"PK\3\4" + RUBBISH, "a ZIP archive"),
    Crafted("gzip", lambda: b"\x1f\x8b" + RUBBISH, "a gzip archive"),
    Crafted("WAV", lambda: b"RIFF\0\0\0\0WAVE" + RUBBISH, "a sound file"),
    Crafted("Git LFS pointer", lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    Crafted("zeros", lambda: bytes(5_000), "a file of zeros"),
    Crafted("text that begins as a BMP does", lambda: b"BMW makes cars and motorcycles" * 9, "not a picture but text"),
    Crafted("HEIC of nothing", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "holds no picture"),
]  # fmt: skip
"""Files that are refused with the true reason."""
