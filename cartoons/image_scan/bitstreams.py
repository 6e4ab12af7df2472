"""The sizes that AV1 and HEVC streams state of themselves, and what reads numbers of any length from them and from boxes."""

from collections.abc import Iterator

SEQUENCE_HEADER_OBU = 1
SPS_NAL = 33
MAX_UNITS = 2_000
"""Units of one stream that are looked at."""
HEADER_BYTES = 256
"""A header is shorter than this."""
Size = tuple[int, int]


class Reader:
    """Unsigned big-endian numbers from the front of some bytes; past their end there are zeros."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._at = memoryview(data), 0

    def bits(self, count: int) -> int:
        """The next number, of this many bits."""
        start, self._at = self._at, self._at + count
        length = (self._at + 7 >> 3) - (start >> 3)
        piece = bytes(self._data[start >> 3 : self._at + 7 >> 3]).ljust(length, b"\0")
        return int.from_bytes(piece, "big") >> -self._at % 8 & (1 << count) - 1

    def number(self, size: int) -> int:
        """The next number, of this many bytes."""
        return self.bits(8 * size)

    def exp_golomb(self) -> int:
        """The next number in Exp-Golomb coding: ue(v) in HEVC, uvlc in AV1."""
        zeros = 0
        while zeros < 32 and not self.bits(1):
            zeros += 1
        return (1 << zeros) - 1 + self.bits(zeros)

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._at >= 8 * len(self._data)

    @property
    def rest(self) -> memoryview:
        """What is left."""
        return self._data[self._at >> 3 :]


class Table(Reader):
    """The content of a "full box": version and flags before its numbers."""

    def __init__(self, body: bytes | memoryview) -> None:
        super().__init__(body)
        self.version, self.flags = self.number(1), self.number(3)


def av1_sizes(stream: memoryview) -> Iterator[Size]:
    """The largest frame size of each sequence header (AV1 specification, 5.5) in a row of open bitstream units."""
    at = 0
    for _ in range(MAX_UNITS):
        if at >= len(stream):
            return
        header = stream[at]
        at += 2 if header & 4 else 1
        length = len(stream) - at
        if header & 2:
            length = shift = 0
            while shift < 56 and at < len(stream):  # "little-endian base 128"
                length |= (stream[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if not stream[at - 1] & 0x80:
                    break
        if header >> 3 & 15 == SEQUENCE_HEADER_OBU:
            yield _av1_sequence_size(Reader(stream[at : at + min(length, HEADER_BYTES)]))
        at += length


def _av1_sequence_size(reader: Reader) -> Size:
    read = reader.bits
    read(3 + 1)  # profile, still_picture
    if read(1):  # reduced_still_picture_header
        read(5)
    else:
        delay_bits = 0
        if read(1):  # timing_info_present
            read(64)
            if read(1):
                reader.exp_golomb()
            if read(1):  # decoder_model_info_present
                delay_bits = read(5) + 1
                read(32 + 5 + 5)
        delays = read(1)
        for _ in range(read(5) + 1):  # operating points
            read(12)
            if read(5) > 7:
                read(1)
            if delay_bits and read(1):
                read(2 * delay_bits + 1)
            if delays and read(1):
                read(4)
    width_bits, height_bits = read(4) + 1, read(4) + 1
    return read(width_bits) + 1, read(height_bits) + 1


def hevc_sizes(stream: memoryview) -> Iterator[Size]:
    """The size of each sequence parameter set among NAL units that a 4-byte length goes before."""
    at = 0
    for _ in range(MAX_UNITS):
        if at + 6 > len(stream):
            return
        length = int.from_bytes(stream[at : at + 4], "big")
        yield from _sps_size(stream[at + 4 : at + 4 + min(length, HEADER_BYTES)])
        at += 4 + length


def hvcc_sizes(configuration: memoryview) -> Iterator[Size]:
    """The size of each sequence parameter set in a decoder configuration, the content of a hvcC box."""
    reader = Reader(configuration)
    reader.number(22)
    for _ in range(reader.number(1)):  # arrays of one kind of unit each
        reader.number(1)
        for _ in range(min(reader.number(2), 16)):
            length = reader.number(2)
            yield from _sps_size(reader.rest[: min(length, HEADER_BYTES)])
            reader.number(length)


def _sps_size(unit: memoryview) -> Iterator[Size]:
    """Width and height in pixels, where the unit is a sequence parameter set (H.265, 7.3.2.2)."""
    if len(unit) < 2 or unit[0] >> 1 & 0x3F != SPS_NAL:
        return
    reader = Reader(bytes(unit).replace(b"\0\0\3", b"\0\0"))
    read = reader.bits
    read(16 + 4)
    layers = read(3)
    read(1 + 96)
    present = [(read(1), read(1)) for _ in range(layers)]
    read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        read(88 * profile + 8 * level)
    reader.exp_golomb()
    if reader.exp_golomb() == 3:
        read(1)
    yield reader.exp_golomb(), reader.exp_golomb()
