"""AVIF and HEIC (ISO 23008-12): the size of what is decoded, tiles and transparency added up, as the bitstreams state it.

A box that claims a size is not believed where the bitstream says more: decoders allocate what the bitstream says.
"""

from collections.abc import Iterable

from cartoons.image_scan.bitstreams import av1_sizes, hevc_sizes, hevc_sps_size
from cartoons.image_scan.boxes import Boxes, Item, read_boxes
from cartoons.image_scan.limits import Scan, damaged, frames_allowed, too_costly, unread
from cartoons.image_scan.orientation import tag_bytes

MAX_BYTES = 8 << 20
"""Longer ones take seconds: their entropy coding costs ten times what JPEG's does."""
MAX_DECODED_PIXELS = {"AVIF": 20_000_000, "HEIF": 24_500_000}
MAX_EXIF_BYTES = 64_000_000
BLOCK_PX = 128
MAX_DEPTH = 3
"""Tiles within grids within transformed pictures: no program writes deeper nests."""
IMAGE_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
CODED = {b"av01", b"hvc1"}
Size = tuple[int, int]


def scan_heif(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no picture."""
    avif = b"avi" in data[8 : min(256, int.from_bytes(data[:4], "big"))]  # among the brands
    name = "an AVIF" if avif else "a HEIC"
    if len(data) > MAX_BYTES:
        raise too_costly(name, f"{len(data) / 2**20:.0f} MB, more than {MAX_BYTES / 2**20:.0f}")
    boxes = read_boxes(data, name)
    for item in boxes.items.values():
        if (
            item.kind == b"Exif"
            and tag_bytes(content := bytes(boxes.content(item))[4:].removeprefix(b"Exif\0\0")) > MAX_EXIF_BYTES
        ):
            raise too_costly(name, f"EXIF tags that claim more than its {len(content)} bytes")
    claimed: list[Size] = []
    stated: list[Size] = []
    decoded = 0
    if boxes.primary in boxes.items:
        claimed = [_claimed(bytes(body)) for _, body in boxes.of(boxes.primary, b"ispe")]
        decoded = sum(_pixels(boxes, number, name, stated) for number in [boxes.primary, *_transparency(boxes)])
    for offset, length in boxes.first_samples:
        stream = boxes.data[offset : offset + length]
        found = list(av1_sizes(stream) if avif else hevc_sizes(stream))
        decoded += max((width * height for width, height in found), default=0)
        stated += found
    if not stated:
        raise damaged(name, "it holds no picture that can be found")
    width, height = _true_size(claimed, stated)
    for _, body in () if avif else boxes.of(boxes.primary, b"clap"):
        width, height = _cropped(bytes(body), width, height)
    most = MAX_DECODED_PIXELS["AVIF" if avif else "HEIF"]
    if decoded > 2 * most:
        raise too_costly(name, f"tiles and layers of {decoded / 1e6:.0f} megapixels")
    frames = min(max(1, boxes.samples), frames_allowed(width, height)) if data[8:12] == b"avis" else 1
    formats = ("AVIF", "HEIF") if data[8:12] in (b"mif1", b"msf1") else ("AVIF",) if avif else ("HEIF",)
    return Scan(formats, data, width, height, most, frames=frames)


def _transparency(boxes: Boxes) -> Iterable[int]:
    """The items that are decoded beside the primary one because they hold its transparency."""
    for number, target in boxes.auxiliary:
        if target == boxes.primary and any(b"alpha" in bytes(body[:64]) for _, body in boxes.of(number, b"auxC")):
            yield number


def _true_size(claimed: list[Size], stated: list[Size]) -> Size:
    """The size that the boxes claim, if the bitstream states no more than that and what a coder adds to fill its blocks."""
    fits = claimed and all(
        width <= claimed[0][0] + BLOCK_PX and height <= claimed[0][1] + BLOCK_PX for width, height in stated
    )
    return claimed[0] if fits else max(stated, key=lambda size: size[0] * size[1])


def _pixels(boxes: Boxes, number: int, name: str, sizes: list[Size], depth: int = 0) -> int:
    """How many pixels are decoded for an item, those of its parts included. Adds the sizes of bitstreams to `sizes`."""
    item = boxes.items.get(number)
    if not item or depth > MAX_DEPTH:
        raise damaged(name, "its parts do not belong together")
    if item.kind in CODED:
        stated = list(_stated(boxes, number, item))
        if not stated:
            raise damaged(name, "its pixels are not there")
        sizes += stated
        return max(width * height for width, height in stated)
    if item.kind not in (b"grid", b"iden"):
        raise unread(f"{name} whose picture is of the kind {item.kind.decode('latin-1')!r}")
    if item.kind == b"grid":
        sizes.append(_grid_size(bytes(boxes.content(item)[:12])))
    known = {part: _pixels(boxes, part, name, sizes, depth + 1) for part in set(item.parts)}
    return sum(known[part] for part in item.parts)


def _stated(boxes: Boxes, number: int, item: Item) -> Iterable[Size]:
    """The sizes in an item's bitstream, and in the decoder configuration beside it."""
    content = boxes.content(item)
    if item.kind == b"av01":
        yield from av1_sizes(content)
        return
    yield from hevc_sizes(content)
    for _, body in boxes.of(number, b"hvcC"):
        at = 23
        for _ in range(body[22] if len(body) > 22 else 0):  # arrays of one kind of unit each
            count, at = int.from_bytes(body[at + 1 : at + 3], "big"), at + 3
            for _ in range(min(count, 16)):
                length = int.from_bytes(body[at : at + 2], "big")
                if length > 2 and len(body) > at + 2 and body[at + 2] >> 1 & 0x3F == 33:
                    yield hevc_sps_size(bytes(body[at + 2 : at + 2 + min(length, 256)]))
                at += 2 + length


def _claimed(body: bytes) -> Size:
    return int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")


def _cropped(body: bytes, width: int, height: int) -> Size:
    """The size that a clean aperture leaves of a picture, where it states one that fits."""
    numbers = [int.from_bytes(body[at : at + 4], "big") for at in range(0, 16, 4)]
    across, down = numbers[0] // (numbers[1] or 1), numbers[2] // (numbers[3] or 1)
    return (across, down) if 0 < across <= width and 0 < down <= height else (width, height)


def _grid_size(body: bytes) -> Size:
    length = 4 if body[1:2] == b"\1" else 2
    return int.from_bytes(body[4 : 4 + length], "big"), int.from_bytes(body[4 + length : 4 + 2 * length], "big")
