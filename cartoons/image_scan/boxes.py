"""The boxes of an AVIF or HEIC file (ISO 14496-12): its items, their properties and places, its movie's first samples."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cartoons.image_scan.limits import too_costly

MAX_BOXES = 5_000
MAX_ITEMS = 1_000
MAX_EXTENTS = 64
MAX_SAMPLES = 20_000
Box = tuple[bytes, memoryview]


@dataclass
class Item:
    """A picture, a tile, or metadata."""

    kind: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of each piece."""
    in_idat: bool = False
    properties: list[int] = field(default_factory=list)
    """Numbers in `Boxes.properties`, from 1."""
    parts: list[int] = field(default_factory=list)
    """The items that it is made of."""


@dataclass
class Boxes:
    """What the boxes say, and the bytes that they speak of."""

    data: memoryview
    name: str
    primary: int = -1
    items: dict[int, Item] = field(default_factory=dict)
    properties: list[Box] = field(default_factory=list)
    idat: memoryview = field(default_factory=lambda: memoryview(b""))
    auxiliary: list[tuple[int, int]] = field(default_factory=list)
    """Items, and what each is auxiliary to."""
    first_samples: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of the first sample of each track."""
    samples: int = 0
    seen: int = 0

    def inside(self, view: memoryview) -> Iterator[Box]:
        """Type and content of each box in a row of them."""
        at = 0
        while at + 8 <= len(view):
            self.seen += 1
            if self.seen > MAX_BOXES:
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

    def of(self, number: int, kind: bytes) -> Iterator[Box]:
        """An item's properties of a kind."""
        for index in self.items.get(number, Item()).properties:
            if 0 < index <= len(self.properties) and self.properties[index - 1][0] == kind:
                yield self.properties[index - 1]

    def content(self, item: Item) -> memoryview:
        """An item's bytes: without a copy where they lie in one piece."""
        source = self.idat if item.in_idat else self.data
        pieces = [source[offset : offset + length if length else len(source)] for offset, length in item.extents]
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


class _Reader:
    """Numbers from the front of a box; past its end there are zeros."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def number(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._view[self._at - size : self._at], "big")

    @property
    def ended(self) -> bool:
        return self._at >= len(self._view)

    @property
    def rest(self) -> memoryview:
        return self._view[self._at :]


def read_boxes(data: bytes, name: str) -> Boxes:
    """name: of the format, with its article. Raises ImageError for a file with too many boxes, items or pieces."""
    boxes = Boxes(memoryview(data), name)
    for kind, body in boxes.inside(boxes.data):
        if kind == b"meta":
            for inner, content in boxes.inside(body[4:]):
                _READERS.get(inner, _ignore)(boxes, content)
        elif kind == b"moov":
            for inner, content in boxes.inside(body):
                if inner == b"trak":
                    _track(boxes, content)
    total = sum(length for item in boxes.items.values() for _, length in item.extents)
    if total > 2 * len(data):
        raise too_costly(name, "many items in one place")
    return boxes


def _ignore(_boxes: Boxes, _body: memoryview) -> None:
    """A box that says nothing of sizes."""


def _primary(boxes: Boxes, body: memoryview) -> None:
    reader = _Reader(body)
    boxes.primary = reader.number(4 if reader.number(4) >> 24 else 2)


def _infos(boxes: Boxes, body: memoryview) -> None:
    reader = _Reader(body)
    reader.number(4 if reader.number(4) >> 24 else 2)
    for kind, content in boxes.inside(reader.rest):
        entry = _Reader(content)
        version = entry.number(4) >> 24
        if kind == b"infe" and version >= 2:
            number = entry.number(4 if version > 2 else 2)
            entry.number(2)
            _item(boxes, number).kind = entry.number(4).to_bytes(4, "big")


def _locations(boxes: Boxes, body: memoryview) -> None:
    reader = _Reader(body)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(reader.number(4 if version > 1 else 2)):
        if reader.ended:
            return
        item = _item(boxes, reader.number(4 if version > 1 else 2))
        item.in_idat = version > 0 and reader.number(2) & 15 == 1
        reader.number(2)
        base = reader.number(base_size)
        count = reader.number(2)
        if count > MAX_EXTENTS:
            raise too_costly(boxes.name, f"an item in {count} pieces")
        for _ in range(count):
            reader.number(index_size if version else 0)
            offset = base + reader.number(offset_size)
            item.extents.append((offset, reader.number(length_size)))


def _references(boxes: Boxes, body: memoryview) -> None:
    size = 4 if bytes(body[:1]) == b"\1" else 2
    for kind, content in boxes.inside(body[4:]):
        reader = _Reader(content)
        source = reader.number(size)
        targets = [reader.number(size) for _ in range(min(reader.number(2), len(content)))]
        if kind == b"dimg":
            _item(boxes, source).parts += targets
        elif kind == b"auxl":
            boxes.auxiliary += [(source, target) for target in targets[:4]]


def _properties(boxes: Boxes, body: memoryview) -> None:
    for kind, content in boxes.inside(body):
        if kind == b"ipco":
            boxes.properties += boxes.inside(content)
        elif kind == b"ipma":
            reader = _Reader(content)
            version_and_flags = reader.number(4)
            for _ in range(reader.number(4)):
                if reader.ended:
                    break
                item = _item(boxes, reader.number(4 if version_and_flags >> 24 else 2))
                size, mask = (2, 0x7FFF) if version_and_flags & 1 else (1, 0x7F)
                item.properties += [reader.number(size) & mask for _ in range(reader.number(1))]


def _idat(boxes: Boxes, body: memoryview) -> None:
    boxes.idat = body


_READERS = {
    b"pitm": _primary,
    b"iinf": _infos,
    b"iloc": _locations,
    b"iref": _references,
    b"iprp": _properties,
    b"idat": _idat,
}


def _item(boxes: Boxes, number: int) -> Item:
    if number not in boxes.items and len(boxes.items) >= MAX_ITEMS:
        raise too_costly(boxes.name, f"more than {MAX_ITEMS} items")
    return boxes.items.setdefault(number, Item())


def _track(boxes: Boxes, body: memoryview) -> None:
    """Notes where a track's first sample is. Raises ImageError for too many samples."""
    for step in (b"mdia", b"minf", b"stbl"):
        body = dict(boxes.inside(body)).get(step, memoryview(b""))
    tables = dict(boxes.inside(body))
    sizes = _Reader(tables.get(b"stsz", memoryview(b"")))
    sizes.number(4)
    same_size, samples = sizes.number(4), sizes.number(4)
    wide = b"co64" in tables
    chunks = _Reader(tables.get(b"co64" if wide else b"stco", memoryview(b"")))
    chunks.number(4)
    chunk_count = chunks.number(4)
    runs = _Reader(tables.get(b"stsc", memoryview(b"")))
    runs.number(4)
    per_chunk = [(runs.number(4), runs.number(4), runs.number(4))[1] for _ in range(min(runs.number(4), MAX_SAMPLES))]
    if samples > MAX_SAMPLES or chunk_count * max(per_chunk, default=0) > 50 * MAX_SAMPLES:
        raise too_costly(boxes.name, f"more than {MAX_SAMPLES} frames")
    boxes.samples = max(boxes.samples, samples)
    if chunk_count:
        boxes.first_samples.append((chunks.number(8 if wide else 4), same_size or sizes.number(4)))
