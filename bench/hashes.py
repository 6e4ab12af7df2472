"""Alike pictures among a million: seconds, memory, and whether every planted copy is found.

    python -m bench.hashes [FOLDER]

The hashes are made as pHash makes them: the frequencies of the pictures in FOLDER (their signs' correlations; white noise
where it is not here), those above the median; a mirror image turns every other column's sign. A fifth are copies that differ
in 0, 2 or 4 bits (a pHash has 32 of its 64 bits set, so an odd number cannot differ), half of them mirrored.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cartoons import dataset, near_duplicates
from cartoons.images import load
from cartoons.near_duplicates import Hashes, Indices
from cartoons.packages import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "five"
SIZES = (125_000, 250_000, 500_000, 1_000_000)
COPIES = 0.2
MIRROR_NOISE = 0.15
"""Added to a mirror image's frequencies, which vary by 1: as in real pictures, about one bit in 20 then goes astray."""

AT_ONCE = 20_000
BITS = np.arange(63, -1, -1, dtype=np.uint64)
TURNED = np.where(np.arange(64) % 2, -1.0, 1.0)

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]


def main() -> int:
    if len(sys.argv) == 3 and sys.argv[1].isdigit():
        print(json.dumps(measured(int(sys.argv[1]), Path(sys.argv[2]))))
        return 0
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if len(sys.argv) > 1 and not folder.is_dir():
        print(f"{folder} is no folder: give one of pictures, or none for {FOLDER}.", file=sys.stderr)
        return 2
    print("| hashes | seconds | CPU seconds | peak MB | planted copies found | largest group |\n|---|---|---|---|---|---|")
    for size in SIZES:
        command = [sys.executable, "-m", "bench.hashes", str(size), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        numbers = f"{row['seconds']:.1f} | {row['cpu_seconds']:.1f} | {row['peak_mb']:.0f} | {row['found']:.4%}"
        print(f"| {size:,} | {numbers} | {row['largest']} |", flush=True)
    return 0


def measured(size: int, folder: Path) -> dict[str, float]:
    """Time and memory of this process, which should do nothing else."""
    hashes, of = made(size, mixing(folder), np.random.default_rng(0))
    start, cpu = time.monotonic(), time.process_time()
    group = near_duplicates.group_hashes(hashes)
    seconds, cpu_seconds = time.monotonic() - start, time.process_time() - cpu
    originals = size - len(of)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "found": float((group[originals:] == group[of]).mean()),
        "largest": int(np.bincount(group).max()),
    }


def mixing(folder: Path) -> Floats:
    """(64, 64): turns white noise into frequencies whose signs agree as often as those of the folder's pictures do."""
    if not folder.is_dir():
        return np.eye(64)
    hashes = np.array([near_duplicates.perceptual_hash(load(item.path)) for item in dataset.read(folder).items], np.uint64)
    signs = np.where(unpacked(np.unique(hashes)), 1.0, -1.0)
    agree = np.sin(np.pi / 2 * (signs.T @ signs) / len(signs))  # of normal variables, by the agreement of their signs
    np.fill_diagonal(agree, 1.0)
    values, vectors = np.linalg.eigh(agree)
    mix: Floats = vectors * np.sqrt(np.clip(values, 0, None))
    return mix


def made(size: int, mix: Floats, rng: np.random.Generator) -> tuple[Hashes, Indices]:
    """Originals and then copies: (size, 2), and for each copy the row that it is of."""
    of = rng.integers(0, size - int(size * COPIES), int(size * COPIES))
    parts = []
    for start in range(0, size - len(of), AT_ONCE):
        frequencies = rng.normal(size=(min(AT_ONCE, size - len(of) - start), 64)) @ mix.T
        frequencies[:, 0] = np.inf  # the mean, which is above all others
        astray = frequencies * TURNED + MIRROR_NOISE * rng.normal(size=frequencies.shape)
        parts.append(np.stack([packed(above_median(frequencies)), packed(above_median(astray))], axis=1))
    originals = np.concatenate(parts)
    copies = originals[of]
    copies[::2] = copies[::2, ::-1]
    for start in range(0, len(copies), AT_ONCE):
        some = copies[start : start + AT_ONCE]
        some[:] = np.stack([changed(column, rng) for column in some.T], axis=1)
    return np.concatenate([originals, copies]), of


def above_median(frequencies: Floats) -> Bits:
    return frequencies > np.median(frequencies, axis=1, keepdims=True)


def changed(hashes: Hashes, rng: np.random.Generator) -> Hashes:
    """The same with 0, 1 or 2 bits cleared and as many others set."""
    order = np.argsort(unpacked(hashes) + rng.random((len(hashes), 64)), axis=1)  # clear bits first, set ones last
    count = rng.integers(0, 3, len(hashes))
    flips = np.zeros(len(hashes), np.uint64)
    for k in range(2):
        for place in (k, 63 - k):
            flips |= np.where(count > k, np.uint64(1) << BITS[order[:, place]], np.uint64(0))
    return hashes ^ flips


def packed(bits: Bits) -> Hashes:
    whole: Hashes = np.bitwise_or.reduce(bits.astype(np.uint64) << BITS, axis=1)
    return whole


def unpacked(hashes: Hashes) -> Bits:
    return (hashes[:, None] >> BITS & np.uint64(1)).astype(bool)


if __name__ == "__main__":
    sys.exit(main())
