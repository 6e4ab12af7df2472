"""The sizes that compressed video streams state of themselves: AV1's sequence headers, HEVC's sequence parameter sets."""

import struct
from collections.abc import Iterator

SEQUENCE_HEADER_OBU = 1
SPS_NAL = 33
MAX_UNITS = 2_000
"""Units of one stream that are looked at."""
HEADER_BYTES = 256
"""A header is shorter than this."""


class _Bits:
    """Reads unsigned numbers from the front of some bytes; past their end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"), "big")
        self._left = 8 * HEADER_BYTES

    def read(self, bits: int) -> int:
        """The next `bits` bits."""
        self._left = max(0, self._left - bits)
        return self._value >> self._left & (1 << bits) - 1

    def exp_golomb(self) -> int:
        """The next number in Exp-Golomb coding: ue(v) in HEVC, uvlc in AV1."""
        zeros = 0
        while zeros < 32 and self._left and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def av1_sizes(stream: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """The largest frame size of each sequence header (AV1 specification, 5.5) in a row of open bitstream units."""
    at = 0
    for _ in range(MAX_UNITS):
        if at >= len(stream):
            return
        header = stream[at]
        at += 2 if header & 4 else 1
        length, at = _leb128(stream, at) if header & 2 else (len(stream) - at, at)
        if header >> 3 & 15 == SEQUENCE_HEADER_OBU:
            yield _av1_sequence_size(_Bits(bytes(stream[at : at + min(length, HEADER_BYTES)])))
        at += length


def _leb128(stream: bytes | memoryview, at: int) -> tuple[int, int]:
    """A number in the "little-endian base 128" coding, and where it ends."""
    number = 0
    for shift in range(0, 56, 7):
        if at >= len(stream):
            break
        number |= (stream[at] & 0x7F) << shift
        at += 1
        if not stream[at - 1] & 0x80:
            break
    return number, at


def _av1_sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.read(3 + 1)  # profile, still_picture
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        delay_bits = _av1_timing(bits)
        delays = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if delays and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _av1_timing(bits: _Bits) -> int:
    """Passes over timing and decoder model; the bits of a buffer delay, 0 without a model."""
    if not bits.read(1):
        return 0
    bits.read(64)
    if bits.read(1):
        bits.exp_golomb()
    if not bits.read(1):
        return 0
    delay_bits = bits.read(5) + 1
    bits.read(32 + 5 + 5)
    return delay_bits


def hevc_sizes(stream: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """The size of each sequence parameter set (H.265, 7.3.2.2) among NAL units that a 4-byte length goes before."""
    at = 0
    for _ in range(MAX_UNITS):
        if at + 6 > len(stream):
            return
        (length,) = struct.unpack_from(">I", stream, at)
        if stream[at + 4] >> 1 & 0x3F == SPS_NAL:
            yield hevc_sps_size(bytes(stream[at + 4 : at + 4 + min(length, HEADER_BYTES)]))
        at += 4 + length


def hevc_sps_size(unit: bytes) -> tuple[int, int]:
    """Width and height that a sequence parameter set states, in pixels."""
    bits = _Bits(unit.replace(b"\0\0\3", b"\0\0"))
    bits.read(16 + 4)
    layers = bits.read(3)
    bits.read(1 + 96)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:
        bits.read(1)
    return bits.exp_golomb(), bits.exp_golomb()
