"""Files and requests made wrong at random: what mutations begin with, what they change, what came of one."""

import random
import re
from dataclasses import dataclass
from functools import cache

from PIL import Image

from cartoons.images import encoded
from tests.crafted_images import WHOLE, photo

MOST_BYTES = 4_000_000
NUMBERS = [
    b"\0",
    b"\xff",
    b"\x7f\xff",
    b"\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\xff\xff",
    b"\x80\0\0\0",
]


@dataclass(frozen=True)
class Outcome:
    """What came of a file or a request: "opened", "refused", or what went wrong; what it took, and what it may take."""

    kind: str
    name: str
    outcome: str
    seconds: float
    peak_mb: float
    most_s: float
    most_mb: float

    @property
    def failed(self) -> bool:
        return self.outcome not in ("opened", "refused") or self.seconds > self.most_s or self.peak_mb > self.most_mb


@cache
def originals() -> dict[str, list[bytes]]:
    """Small files of each format that mutations begin with."""
    frames = [photo(mode="RGBA"), Image.new("RGBA", (64, 48), "teal")]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 50}
    exif = Image.Exif()
    exif[0x0112] = 6
    named: dict[str, list[bytes]] = {
        "JPEG": [
            encoded(photo(), "JPEG", exif=exif),
            encoded(photo(), "JPEG", progressive=True),
            encoded(photo(mode="CMYK"), "JPEG"),
            encoded(photo(mode="L"), "JPEG", restart_marker_rows=1),
        ],
        "PNG": [encoded(photo(), "PNG", exif=exif), encoded(photo(mode="P"), "PNG"), encoded(frames[0], "PNG", **moving)],
        "GIF": [encoded(photo(), "GIF"), encoded(frames[0], "GIF", **moving)],
        "WebP": [
            encoded(photo(), "WEBP", exif=exif),
            encoded(frames[0], "WEBP", lossless=True),
            encoded(frames[0], "WEBP", **moving),
        ],
        "BMP": [encoded(photo(), "BMP"), encoded(photo(mode="P"), "BMP"), encoded(photo(mode="1"), "BMP")],
        "TIFF": [
            encoded(photo(), "TIFF", compression=one)
            for one in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        ],
        "AVIF": [encoded(photo(), "AVIF", exif=exif), encoded(frames[0], "AVIF"), encoded(frames[0], "AVIF", **moving)],
        "HEIC": [encoded(photo(), "HEIF", exif=exif.tobytes()), encoded(frames[0], "HEIF")],
    }
    for crafted in WHOLE:
        data = crafted.make()
        if len(data) < 100_000:
            kind = {"APNG": "PNG"}.get(name := re.split(r"\W", crafted.name)[0], name)
            named[kind].append(data)
    return named


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to eight changes: bytes, numbers, pieces left out, repeated, or taken from another file; or an early end."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        at = rng.randrange(len(changed) or 1) if rng.random() < 0.6 else rng.randrange(min(200, len(changed)) or 1)
        length = min(rng.choice((1, 2, 4, 8, 16, 64, 300)), len(changed) - at)
        choice = rng.randrange(9)
        if choice <= 1:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif choice == 2:
            changed[at : at + 1] = bytes([(changed[at] if changed else 0) ^ 1 << rng.randrange(8)])
        elif choice == 3:
            number = rng.choice(NUMBERS)
            changed[at : at + len(number)] = number
        elif choice == 4:
            del changed[at : at + length]
        elif choice == 5:
            changed[at:at] = changed[at : at + length] * rng.choice((1, 1, 2, 50, 5_000))
        elif choice == 6:
            start = rng.randrange(len(other))
            changed[at : at + length] = other[start : start + length]
        elif choice == 7:
            changed[at:at] = rng.randbytes(length)
        elif rng.random() < 0.3:
            del changed[at:]
        del changed[MOST_BYTES:]
    return bytes(changed)
