"""GIF (GIF89a specification): the first frames and what controls them; comments and other extensions are left out."""

import re
import struct

from cartoons.image_scan.limits import Scan, damaged, frames_allowed, too_costly

MAX_SUB_BLOCKS = 400_000
"""Sub-blocks hold up to 255 bytes, so 20 MB need 80,000 of them."""
EXTENSION, IMAGE, TRAILER, GRAPHIC_CONTROL = 0x21, 0x2C, 0x3B, 0xF9
_BLOCK = re.compile(rb"[\x21\x2c\x3b]")


def scan_gif(data: bytes) -> Scan:
    """Raises ImageError for a file that costs too much, or that holds no frame."""
    if len(data) < 13:
        raise damaged("a GIF", "it ends within its header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _palette_bytes(flags)
    kept = [data[:at]]
    frames = blocks = 0
    while found := _BLOCK.search(data, at):
        start, kind = found.start(), data[found.start()]
        if kind == TRAILER or (frames and frames >= frames_allowed(width, height)):
            break
        if kind == IMAGE:
            if start + 10 > len(data):
                break
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, start + 1)
            if frames and (left + across > width or top + down > height):
                break  # Pillow would enlarge the picture for it
            width, height = max(width, left + across), max(height, top + down)
            at = start + 11 + _palette_bytes(flags)
            frames += 1
        else:
            at = start + 2
        at, passed = _after_sub_blocks(data, at, MAX_SUB_BLOCKS - blocks)
        blocks += passed
        if kind == IMAGE or data[start + 1 : start + 2] == bytes([GRAPHIC_CONTROL]):
            kept.append(data[start:at])
    if not frames:
        raise damaged("a GIF", "it ends before its first frame")
    return Scan(("GIF",), b"".join([*kept, b";"]), width, height, frames=frames)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Where a chain of sub-blocks ends, and how many there are."""
    for passed in range(most):
        if at >= len(data) or not data[at]:
            return at + 1, passed
        at += 1 + data[at]
    raise too_costly("a GIF", f"more than {MAX_SUB_BLOCKS} blocks")
