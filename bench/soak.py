"""make soak: 32 clients for five minutes, 30 % of what they send no picture or a broken one. What fails, what grows?

python -m bench.soak [SECONDS]
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from http.client import HTTPException
from pathlib import Path

from bench.__main__ import pictures
from bench.serving import Asker, memory_mb, running

CLIENTS, SECONDS, FEWEST_SECONDS = 32, 300, 10
BAD_SHARE = 0.3
SETTLED = 0.2
"""The share of the run after which memory should no longer grow, and over which it is looked at: a minute of five."""

WAYS: dict[str, Callable[[Asker, bytes], object]] = {
    "/predict": Asker.gradio,
    "/classify": lambda asker, picture: asker.gradio(picture, "classify"),
    "/api/classify": Asker.lean,
}


@cache
def bad_pictures() -> dict[str, bytes]:
    """Bytes that must be refused in words."""
    whole = pictures()["1 MP JPEG"]
    noise = random.Random(0).randbytes(50_000)
    return {
        "text": b"hello, I am no picture\n" * 50,
        "web page": b"<!doctype html><title>404</title>",
        "cut short": whole[: len(whole) // 3],
        "noise": noise,
        "PNG of noise": b"\x89PNG\r\n\x1a\n" + noise,
        "JPEG of noise": b"\xff\xd8\xff\xe0" + noise,
    }


class Tally:
    """What became of the requests, by what was sent and how."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.outcomes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def add(self, kind: str, outcome: str, seconds: float) -> None:
        with self._lock:
            self.seconds[kind].append(seconds)
            self.outcomes[kind][outcome] += 1

    def fault(self, words: str) -> None:
        with self._lock:
            self.wrong.append(words)


def client(port: int, deadline: float, tally: Tally, seed: int) -> None:
    """Ask until the deadline; what is good must be answered or put off (429), what is bad refused."""
    chance, asker = random.Random(seed), Asker(port)
    good, bad = list(pictures().items())[:2], list(bad_pictures().items())
    while time.monotonic() < deadline:
        is_bad, way = chance.random() < BAD_SHARE, chance.choice(list(WAYS))
        name, data = chance.choice(bad if is_bad else good)
        kind, started = f"{'bad' if is_bad else name}, {way}", time.monotonic()
        try:
            WAYS[way](asker, data)
            outcome = "answered"
        except HTTPException as error:
            outcome = "refused" if ": 4" in str(error) else "failed"
            if "429" in str(error)[:40]:
                outcome = "put off"
                time.sleep(0.5)
            if outcome == "failed" or (outcome == "refused" and not is_bad):
                tally.fault(str(error))
        except OSError as error:
            outcome = "failed"
            tally.fault(repr(error))
            asker = Asker(port)
        if outcome == "answered" and is_bad:
            tally.fault(f"{name} was answered")
        tally.add(kind, outcome, time.monotonic() - started)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=SECONDS, help=f"{FEWEST_SECONDS} at least (300)")
    seconds = parser.parse_args().seconds
    if seconds < FEWEST_SECONDS:
        parser.error(f"{seconds} seconds are too few to see anything grow: give {FEWEST_SECONDS} at least.")
    tally, _ = Tally(), bad_pictures()  # drawn before the clock runs
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        with running("app.py", picture=pictures()["512 px PNG"]) as (port, pid, _):
            samples = watch(port, pid, Path(folder), seconds, tally)
    print(table(tally))
    return judge(samples, tally)


def watch(port: int, pid: int, folder: Path, seconds: int, tally: Tally) -> list[dict[str, float]]:
    """Let the clients ask, and take a sample of the process each second."""
    deadline = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(port, deadline, tally, k)) for k in range(CLIENTS)]
    for thread in threads:
        thread.start()
    samples = []
    while time.monotonic() < deadline:
        files = [name for _, _, names in os.walk(folder) for name in names]  # which vanish meanwhile
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        samples.append({"memory_mb": memory_mb(pid), "descriptors": descriptors, "files": len(files)})
        time.sleep(1)
    for thread in threads:
        thread.join()
    return samples


def table(tally: Tally) -> str:
    """A row per kind of request."""
    lines = [
        "| what, how | requests | answered | refused | put off (429) | failed | p50 (ms) | p99 (ms) |",
        "|---" * 8 + "|",
    ]
    for kind in sorted(tally.seconds):
        took, outcomes = sorted(tally.seconds[kind]), tally.outcomes[kind]
        counts = " | ".join(str(outcomes[outcome]) for outcome in ("answered", "refused", "put off", "failed"))
        p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
        lines.append(f"| {kind} | {len(took)} | {counts} | {statistics.median(took) * 1000:.0f} | {p99 * 1000:.0f} |")
    return "\n".join(lines)


def judge(samples: list[dict[str, float]], tally: Tally) -> int:
    """Say how the process grew and what went wrong; 1 when anything did."""
    window = max(1, int(len(samples) * SETTLED))
    first = statistics.median(sample["memory_mb"] for sample in samples[window : 2 * window])
    last = statistics.median(sample["memory_mb"] for sample in samples[-window:])
    growth = last / first - 1
    most = {name: max(sample[name] for sample in samples) for name in samples[0]}
    memory = f"{first:.0f} MB in the second fifth of the time, {last:.0f} MB in the last: {growth:+.1%}"
    print(f"\nMemory {memory}; at most {most['memory_mb']:.0f} MB.")
    print(f"At most {most['descriptors']:.0f} open descriptors and {most['files']:.0f} files in the upload folder.")
    for words in tally.wrong[:5]:
        print(f"Wrong: {words}")
    print(f"{len(tally.wrong)} requests went wrong.")
    return int(bool(tally.wrong) or growth > 0.03)


if __name__ == "__main__":
    sys.exit(main())
