"""AVIF and HEIC (ISO 14496-12, ISO 23008-12): the size of what is decoded, as the bitstreams of all its parts state it.

A box that claims a size is not believed where the bitstream says more: decoders allocate what the bitstream says.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cartoons.image_scan import Scan, damaged, exif_entries, frames_allowed, too_costly, unread
from cartoons.image_scan.bitstreams import Reader, Size, Table, av1_sizes, hevc_sizes, hvcc_sizes

MAX_BYTES = 8 << 20
"""Longer ones take seconds: their entropy coding costs ten times what JPEG's does."""
MAX_DECODED_PIXELS = {"AVIF": 20_000_000, "HEIF": 24_500_000}
MAX_EXIF_BYTES = 64_000_000
MAX_BOXES = 5_000
MAX_TABLE_BYTES = 1 << 18
MAX_ITEMS = 1_000
MAX_EXTENTS = 64
MAX_SAMPLES = 20_000
MAX_DEPTH = 3
"""Tiles within grids within transformed pictures: no program writes deeper nests."""
BLOCK_PX = 128
IMAGE_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}


@dataclass
class Item:
    """A picture, a tile, or metadata."""

    kind: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of each piece, in the file or in the idat box."""
    in_idat: bool = False
    properties: list[int] = field(default_factory=list)
    """Numbers in `Boxes.properties`, from 1."""
    parts: list[int] = field(default_factory=list)
    pixels: int | None = None
    """How many are decoded for it and its parts, once that is known."""


class Boxes:
    """What the boxes say; name: of the format, with its article. Raises ImageError for too many boxes, items, samples."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = memoryview(data), name
        self.idat = memoryview(b"")
        self.primary = -1
        self.items: dict[int, Item] = {}
        self.properties: list[tuple[bytes, memoryview]] = []
        self.auxiliary: list[tuple[int, int]] = []  # items, and what each is auxiliary to
        self.first_samples: list[tuple[int, int]] = []  # offset and length of the first sample of each track
        self.samples = self._boxes = 0
        for kind, body in self._inside(self.data):
            if kind == b"meta":
                for inner, content in self._inside(body[4:]):
                    self._read_meta(inner, content)
            elif kind == b"moov":
                for inner, content in self._inside(body):
                    if inner == b"trak":
                        self._read_track(content)
        if sum(length for item in self.items.values() for _, length in item.extents) > 2 * len(data):
            raise too_costly(name, "many items in one place")

    def properties_of(self, number: int, kind: bytes) -> Iterator[memoryview]:
        """An item's properties of a kind."""
        for index in self.items[number].properties if number in self.items else ():
            if 0 < index <= len(self.properties) and self.properties[index - 1][0] == kind:
                yield self.properties[index - 1][1]

    def content(self, item: Item) -> memoryview:
        """An item's bytes: without a copy where they lie in one piece."""
        source = self.idat if item.in_idat else self.data
        pieces = [source[offset : offset + length if length else len(source)] for offset, length in item.extents]
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def _inside(self, view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """Type and content of each box in a row of them."""
        at = 0
        while at + 8 <= len(view):
            self._boxes += 1
            if self._boxes > MAX_BOXES:
                raise too_costly(self.name, f"more than {MAX_BOXES} boxes")
            length, kind = struct.unpack_from(">I4s", view, at)
            head = 8
            if length == 1:
                length, head = int.from_bytes(view[at + 8 : at + 16], "big"), 16
            length = length or len(view) - at
            if length < head:
                return
            yield kind, view[at + head : at + length]
            at += length

    def _item(self, number: int) -> Item:
        if number not in self.items and len(self.items) >= MAX_ITEMS:
            raise too_costly(self.name, f"more than {MAX_ITEMS} items")
        return self.items.setdefault(number, Item())

    def _read_meta(self, kind: bytes, body: memoryview) -> None:
        if kind == b"idat":
            self.idat = body
        elif kind == b"iprp":
            for inner, content in self._inside(body):
                if inner == b"ipco":
                    self.properties += self._inside(content)
                elif inner == b"ipma":
                    self._read_associations(self._table(content))
        elif kind == b"pitm":
            table = self._table(body)
            self.primary = table.number(4 if table.version else 2)
        elif kind == b"iloc":
            self._read_locations(self._table(body))
        elif kind == b"iinf":
            table = self._table(body)
            table.number(4 if table.version else 2)
            for entry in (Table(content) for inner, content in self._inside(table.rest) if inner == b"infe"):
                if entry.version >= 2:
                    item = self._item(entry.number(4 if entry.version > 2 else 2))
                    item.kind = (entry.number(6) & 0xFFFFFFFF).to_bytes(4, "big")  # after two bytes of protection
        elif kind == b"iref":
            table = self._table(body)
            for relation, content in self._inside(table.rest):
                reader, size = Reader(content), 4 if table.version == 1 else 2
                source = reader.number(size)
                targets = [reader.number(size) for _ in range(reader.number(2)) if not reader.ended]
                if relation == b"dimg":
                    self._item(source).parts += targets
                elif relation == b"auxl":
                    self.auxiliary += [(source, target) for target in targets[:4]]

    def _table(self, body: memoryview) -> Table:
        if len(body) > MAX_TABLE_BYTES:
            raise too_costly(self.name, f"a table of {len(body) / 1e6:.1f} MB")
        return Table(body)

    def _read_locations(self, table: Table) -> None:
        offset_size, length_size, base_size, index_size = (table.bits(4) for _ in range(4))
        for _ in range(table.number(4 if table.version > 1 else 2)):
            if table.ended:
                return
            item = self._item(table.number(4 if table.version > 1 else 2))
            item.in_idat = table.version > 0 and table.number(2) & 15 == 1
            table.number(2)
            base, count = table.number(base_size), table.number(2)
            if count > MAX_EXTENTS:
                raise too_costly(self.name, f"an item in {count} pieces")
            for _ in range(count):
                table.number(index_size if table.version else 0)
                offset = base + table.number(offset_size)
                item.extents.append((offset, table.number(length_size)))

    def _read_associations(self, table: Table) -> None:
        size, mask = (2, 0x7FFF) if table.flags & 1 else (1, 0x7F)
        for _ in range(table.number(4)):
            if table.ended:
                return
            item = self._item(table.number(4 if table.version else 2))
            item.properties += [table.number(size) & mask for _ in range(table.number(1))]

    def _read_track(self, body: memoryview) -> None:
        """Notes where a track's first sample is."""
        for step in (b"mdia", b"minf", b"stbl"):
            body = dict(self._inside(body)).get(step, memoryview(b""))
        tables = dict(self._inside(body))
        offsets, offset_size = (b"co64", 8) if b"co64" in tables else (b"stco", 4)
        sizes, chunks, runs = (Table(tables.get(kind, b"")) for kind in (b"stsz", offsets, b"stsc"))
        same_size, samples, chunk_count = sizes.number(4), sizes.number(4), chunks.number(4)
        runs.number(4)
        per_chunk = np.frombuffer(runs.rest[: len(runs.rest) // 12 * 12], ">u4")[1::3]
        if samples > MAX_SAMPLES or chunk_count * int(per_chunk.max(initial=0)) > 50 * MAX_SAMPLES:
            raise too_costly(self.name, f"more than {MAX_SAMPLES} frames")
        self.samples = max(self.samples, samples)
        if chunk_count:
            self.first_samples.append((chunks.number(offset_size), same_size or sizes.number(4)))


def scan_heif(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no picture."""
    avif = b"avi" in data[8 : min(256, int.from_bytes(data[:4], "big"))]  # among the brands
    name, most = ("an AVIF" if avif else "a HEIC"), MAX_DECODED_PIXELS["AVIF" if avif else "HEIF"]
    if len(data) > MAX_BYTES:
        raise too_costly(name, f"{len(data) / 2**20:.0f} MB, more than {MAX_BYTES / 2**20:.0f}")
    boxes = Boxes(data, name)
    for exif in (bytes(boxes.content(item))[4:] for item in boxes.items.values() if item.kind == b"Exif"):
        if sum(8 * min(len(exif), count) for _, _, count, _ in exif_entries(exif)) > MAX_EXIF_BYTES:
            raise too_costly(name, f"EXIF tags that claim more than its {len(exif)} bytes")
    stated: list[Size] = []
    decoded = 0
    if boxes.primary in boxes.items:
        auxiliary = (number for number, target in boxes.auxiliary if target == boxes.primary)
        alphas = (
            one for one in auxiliary if any(b"alpha" in bytes(kind[:64]) for kind in boxes.properties_of(one, b"auxC"))
        )
        decoded = sum(_pixels(boxes, number, stated) for number in (boxes.primary, *alphas))
    for offset, length in boxes.first_samples:
        found = list((av1_sizes if avif else hevc_sizes)(boxes.data[offset : offset + length]))
        decoded += max((width * height for width, height in found), default=0)
        stated += found
    if not stated:
        raise damaged(name, "it holds no picture that can be found")
    if decoded > 2 * most:
        raise too_costly(name, f"tiles and layers of {decoded / 1e6:.0f} megapixels")
    width, height = _true_size(boxes, stated)
    for crop in map(Reader, () if avif else boxes.properties_of(boxes.primary, b"clap")):
        across, down = (crop.number(4) // (crop.number(4) or 1) for _ in range(2))
        if 0 < across <= width and 0 < down <= height:
            width, height = across, down
    frames = min(max(1, boxes.samples), frames_allowed(width, height)) if data[8:12] == b"avis" else 1
    formats = ("AVIF", "HEIF") if data[8:12] in (b"mif1", b"msf1") else ("AVIF",) if avif else ("HEIF",)
    return Scan(formats, data, width, height, most, frames=frames)


def _true_size(boxes: Boxes, stated: list[Size]) -> Size:
    """The size that the boxes claim, if the bitstream states no more than that and what a coder adds to fill its blocks."""
    claim = next(map(Table, boxes.properties_of(boxes.primary, b"ispe")), None)
    width, height = (claim.number(4), claim.number(4)) if claim else (0, 0)
    fits = all(across <= width + BLOCK_PX and down <= height + BLOCK_PX for across, down in stated)
    return (width, height) if claim and fits else max(stated, key=lambda size: size[0] * size[1])


def _pixels(boxes: Boxes, number: int, sizes: list[Size], depth: int = 0) -> int:
    """How many pixels are decoded for an item, those of its parts included. Adds the sizes of bitstreams to `sizes`."""
    item = boxes.items.get(number)
    if not item or depth > MAX_DEPTH:
        raise damaged(boxes.name, "its parts do not belong together")
    if item.pixels is not None:  # a tile may be part of many grids
        return item.pixels
    content = boxes.content(item)
    if item.kind in (b"av01", b"hvc1"):
        stated = list(av1_sizes(content) if item.kind == b"av01" else hevc_sizes(content))
        stated += [size for body in boxes.properties_of(number, b"hvcC") for size in hvcc_sizes(body)]
        if not stated:
            raise damaged(boxes.name, "its pixels are not there")
        sizes += stated
        item.pixels = max(width * height for width, height in stated)
        return item.pixels
    if item.kind == b"grid":
        reader = Reader(content)
        length = 4 if reader.number(4) >> 16 & 1 else 2  # version, flags, rows, columns
        sizes.append((reader.number(length), reader.number(length)))
    elif item.kind != b"iden":
        raise unread(f"{boxes.name} whose picture is of the kind {item.kind.decode('latin-1')!r}")
    item.pixels = sum(_pixels(boxes, part, sizes, depth + 1) * times for part, times in Counter(item.parts).items())
    return item.pixels
