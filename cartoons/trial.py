"""A graph of unknown origin, opened and run once in a process of its own before this one relies on it.

It may ask for more memory than there is, never come to an end, crash onnxruntime, or name other files as its weights: there,
it has limits, and no file can be opened at all. Where the system has no such limits (Windows), or not all (macOS), at least
the time is bounded.
"""

import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from cartoons.errors import BundleError
from cartoons.graph import AGAIN, Graph

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

TIME_LIMIT_S = 10.0
BYTES_PER_SECOND = 20e6
"""A graph has a second more for each of these, because large ones take longer to open."""

MEMORY_LIMIT_BYTES = 3 * 2**30
COPIES = 5
"""How many times its own size a graph may take besides, while it is opened."""


def try_apart(onnx: bytes, labels: int, size_px: int, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Raises BundleError when `Graph` refuses the graph in a process of its own, or that process does not get through.

    So it does when no process can be started: the graph is then not used at all.
    """
    seconds = time_limit_s + len(onnx) / BYTES_PER_SECOND
    command = [sys.executable, "-P", "-m", "cartoons.trial", str(labels), str(size_px), str(math.ceil(seconds))]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            command,
            input=onnx,
            env=os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},  # it would reserve memory for each core
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"The model's ONNX graph did not answer a picture within {seconds:.0f} s: {AGAIN}") from None
    except OSError as error:
        raise BundleError(
            f"The model cannot be tried in a process of its own ({error.strerror}), so it is not used."
        ) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise BundleError(f"The model's ONNX graph ends the process that runs it ({name}): {AGAIN}")
    if done.returncode:
        said = done.stdout.decode(errors="replace").splitlines()
        raise BundleError(said[-1] if said else f"The model's ONNX graph cannot be tried: {AGAIN}")


def limit(onnx_bytes: int, seconds: int) -> None:
    """Bound this process: memory and time, no more files, no core dump; and it is the first to go when memory runs out."""
    if not resource:
        return
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    memory = MEMORY_LIMIT_BYTES + COPIES * onnx_bytes
    for kind, most in (("AS", memory), ("CPU", seconds + 1), ("CORE", 0), ("NOFILE", 0)):
        with suppress(OSError, ValueError):  # a limit that is lower already, or one that this system cannot set
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def main(labels: str, size_px: str, seconds: str) -> int:
    """Try the graph that stands in standard input; 1, and why in the last line, when it is refused."""
    onnx = sys.stdin.buffer.read()
    limit(len(onnx), int(seconds))
    try:
        Graph(onnx, int(labels), int(size_px), threads=1)
    except BundleError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
