"""make fuzz: crafted and mutated files through the loader, and wrong requests to the page, by outcome.

Each file is opened by a process of its own, so that a crash, a hang and the memory of one are seen: CPU seconds. Requests
go to one page: seconds until its answer. A failure is anything but an answer or a sentence, and whatever takes too long or
too much memory. Exits with 1 when there is one.
"""

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.fuzz_requests import ask_page
from bench.mutations import Outcome, mutated, originals
from cartoons.errors import ImageError
from cartoons.images import load
from tests.crafted_images import COSTS, REFUSED, WHOLE

CRAFTED = COSTS + WHOLE + REFUSED
MOST_CPU_S = 2.0
MOST_MB = 400
HANGS_S = 30
ADDRESS_SPACE = 4 << 30


def crafted_file(number: int) -> Outcome:
    """A crafted file's outcome, by its place in CRAFTED; made in another process, so that that is not counted."""
    crafted = CRAFTED[number]
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
        return Outcome(
            kind, name, f"died ({signal.Signals(-status).name if status < 0 else status})", HANGS_S, 0, MOST_CPU_S, MOST_MB
        )
    return Outcome(kind, name, *json.loads(answer), MOST_CPU_S, MOST_MB)


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
    yield "| | number | answered | refused in words | failures | slowest (s) | largest (MB) |"
    yield "|---|---|---|---|---|---|---|"
    kinds = sorted({outcome.kind for outcome in outcomes})
    for kind in [*kinds, "all"]:
        rows = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        counts = [sum(row.outcome == word for row in rows) for word in ("opened", "refused")]
        failures = sum(row.failed for row in rows)
        slowest, largest = max(row.seconds for row in rows), max(row.peak_mb for row in rows)
        yield f"| {kind} | {len(rows)} | {counts[0]} | {counts[1]} | {failures} | {slowest:.2f} | {largest:.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8_000, help="how many mutated files (8000)")
    parser.add_argument("--requests", type=int, default=2_000, help="how many wrong requests to a page (2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crafted", action=argparse.BooleanOptionalAction, default=True, help="the crafted files, too")
    arguments = parser.parse_args()
    originals()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(crafted_file, range(len(CRAFTED) if arguments.crafted else 0)))
        outcomes += pool.map(partial(mutated_file, arguments.seed), range(arguments.files), chunksize=20)
    if arguments.requests:
        outcomes += ask_page(arguments.seed, arguments.requests)
    print("\n".join(table(outcomes)))
    for outcome in outcomes:
        if outcome.failed:
            print(
                f"FAILED {outcome.kind} {outcome.name}: {outcome.outcome}, {outcome.seconds:.2f} s, {outcome.peak_mb:.0f} MB"
            )
    return any(outcome.failed for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
