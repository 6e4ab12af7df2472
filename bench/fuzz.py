"""make fuzz: crafted and mutated files through the loader, by outcome.

Each file is opened by a process of its own, so that a crash, a hang and the memory of one are seen. A failure is anything
but a picture or a sentence, and whatever takes more than MOST_CPU_S or MOST_MB. Exits with 1 when there is one.
"""

import argparse
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from PIL import Image

from cartoons.errors import ImageError
from cartoons.images import load
from tests.crafted_images import COSTS, REFUSED, WHOLE, Crafted, encode, photo

MOST_CPU_S = 2.0
MOST_MB = 400
HANGS_S = 30
MOST_BYTES = 4_000_000
ADDRESS_SPACE = 4 << 30
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
    """What came of one file: "opened", "refused", or what went wrong; CPU seconds and peak megabytes."""

    kind: str
    name: str
    outcome: str
    cpu_s: float
    peak_mb: float

    @property
    def failed(self) -> bool:
        return self.outcome not in ("opened", "refused") or self.cpu_s > MOST_CPU_S or self.peak_mb > MOST_MB


@cache
def originals() -> dict[str, list[bytes]]:
    """Small files of each format that mutations begin with."""
    frames = [photo(mode="RGBA"), Image.new("RGBA", (64, 48), "teal")]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 50}
    exif = Image.Exif()
    exif[0x0112] = 6
    named: dict[str, list[bytes]] = {
        "JPEG": [
            encode(photo(), "JPEG", exif=exif),
            encode(photo(), "JPEG", progressive=True),
            encode(photo(mode="CMYK"), "JPEG"),
            encode(photo(mode="L"), "JPEG", restart_marker_rows=1),
        ],
        "PNG": [encode(photo(), "PNG", exif=exif), encode(photo(mode="P"), "PNG"), encode(frames[0], "PNG", **moving)],
        "GIF": [encode(photo(), "GIF"), encode(frames[0], "GIF", **moving)],
        "WebP": [
            encode(photo(), "WEBP", exif=exif),
            encode(frames[0], "WEBP", lossless=True),
            encode(frames[0], "WEBP", **moving),
        ],
        "BMP": [encode(photo(), "BMP"), encode(photo(mode="P"), "BMP"), encode(photo(mode="1"), "BMP")],
        "TIFF": [
            encode(photo(), "TIFF", compression=one) for one in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        ],
        "AVIF": [encode(photo(), "AVIF", exif=exif), encode(frames[0], "AVIF"), encode(frames[0], "AVIF", **moving)],
        "HEIC": [encode(photo(), "HEIF", exif=exif.tobytes()), encode(frames[0], "HEIF")],
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


def crafted_file(crafted: Crafted) -> Outcome:
    """A crafted file's outcome; it is made in another process, so that what that takes is not counted."""
    with tempfile.NamedTemporaryFile() as file:
        if not (maker := os.fork()):
            Path(file.name).write_bytes(crafted.make())
            os._exit(0)
        os.waitpid(maker, 0)
        found = judge("crafted", crafted.name, Path(file.name).read_bytes())
    expected = "refused" if crafted.refused else "opened"
    return found if found.outcome == expected else replace(found, outcome=f"{found.outcome}, and not {expected}")


def mutated_file(seed: int, number: int) -> Outcome:
    rng = random.Random(f"{seed}-{number}")
    files = originals()
    kind = rng.choice(list(files))
    other = rng.choice(files[rng.choice(list(files))])
    return judge(f"mutated {kind}", f"{seed}-{number}", mutated(rng.choice(files[kind]), other, rng))


def judge(kind: str, name: str, data: bytes) -> Outcome:
    """Opens a file in a process of its own."""
    read_end, write_end = os.pipe()
    if not (child := os.fork()):
        os.close(read_end)
        signal.alarm(HANGS_S)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        os.write(write_end, json.dumps(opened(data)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status or not answer:
        return Outcome(kind, name, f"died ({signal.Signals(-status).name if status < 0 else status})", HANGS_S, 0)
    return Outcome(kind, name, *json.loads(answer))


def opened(data: bytes) -> tuple[str, float, float]:
    """Outcome, CPU seconds and peak megabytes of one file."""
    started = time.process_time()
    try:
        outcome = "opened" if load(data).mode == "RGB" else "another mode than RGB"
    except ImageError as error:
        outcome = "refused" if str(error).endswith(".") and "\n" not in str(error) else f"no sentence: {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"[:200]
    return outcome, time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """A line per kind of file."""
    yield "| files | number | opened | refused in words | failures | slowest (CPU s) | largest (MB) |"
    yield "|---|---|---|---|---|---|---|"
    kinds = sorted({outcome.kind for outcome in outcomes})
    for kind in [*kinds, "all"]:
        rows = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        counts = [sum(row.outcome == word for row in rows) for word in ("opened", "refused")]
        failures = sum(row.failed for row in rows)
        slowest, largest = max(row.cpu_s for row in rows), max(row.peak_mb for row in rows)
        yield f"| {kind} | {len(rows)} | {counts[0]} | {counts[1]} | {failures} | {slowest:.2f} | {largest:.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8_000, help="how many mutated files (8000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crafted", action=argparse.BooleanOptionalAction, default=True, help="the crafted files, too")
    arguments = parser.parse_args()
    originals()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        crafted = COSTS + WHOLE + REFUSED if arguments.crafted else []
        outcomes = list(pool.map(crafted_file, crafted))
        outcomes += pool.map(partial(mutated_file, arguments.seed), range(arguments.files), chunksize=20)
    print("\n".join(table(outcomes)))
    for outcome in outcomes:
        if outcome.failed:
            print(
                f"FAILED {outcome.kind} {outcome.name}: {outcome.outcome}, {outcome.cpu_s:.2f} s, {outcome.peak_mb:.0f} MB"
            )
    return any(outcome.failed for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
