"""An ONNX graph on the CPU with onnxruntime, checked before anything relies on it.

try_in_subprocess(onnx, labels=5, size_px=224)      # a graph of unknown origin, first
logits, heat = Graph(onnx, labels=5, size_px=224).run(batch)
"""

import math
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cartoons.errors import BundleError

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

INPUT_NAME = "pixels"
OUTPUT_NAME = "logits"
FEATURES_NAME = "features"
"""An output that a program may ask for: the pooled last feature map, (n, channels)."""

HEAT_NAME = "heat"
"""The output of models that can say where they looked: the logits of each cell of the last feature map."""

FLOAT32 = "tensor(float)"
REASONS = (
    (r"alloc", "it wants more memory than it may have"),
    (r"(?i)external.?data|SystemError", "it keeps weights in other files, which are not read"),
    (r"(?i)protobuf|ORT model", "it is no ONNX file"),
    (r"No Op registered for (\w+)|(\w+)\(-?\d+\) is not a registered", "onnxruntime does not know its operation"),
    (r"Opset (\d+)", "onnxruntime does not know its opset"),
)
"""What to look for in onnxruntime's long messages, and what it means; a group is what it means it of."""

MOST_THREADS = 4
"""For one picture: the network is small, and several pictures are worked on at once."""

TIME_LIMIT_S = 10.0
BYTES_PER_SECOND = 20e6
"""A graph has a second more for each of these, because large ones take longer to open."""

MEMORY_LIMIT_BYTES = 3 * 2**30
COPIES = 5
"""How many times its own size a graph may take besides, while it is opened."""

AGAIN = "train or download it again."

Floats = NDArray[np.float32]
Shape = tuple[int | str | None, ...]


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(onnx: bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An ONNX graph ready to run on the CPU; threads: by default one per core, MOST_THREADS at most."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # else two pictures at once take longer than in turn
    options.intra_op_num_threads = threads or min(MOST_THREADS, available_cores())
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


class Graph:
    """A graph from float32 pixels (n, 3, size_px, size_px) to logits (n, labels), and to heat where it gives that.

    Safe to run from several threads at once.
    """

    def __init__(self, onnx: bytes, labels: int, size_px: int, *, threads: int | None = None) -> None:
        """Open and check it. Raises BundleError when it is another kind of graph, or gives no finite numbers.

        A graph of somebody else may also end the process, or never come back: `try_in_subprocess` is for those.
        """
        try:
            self._session = open_session(onnx, threads)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise BundleError(f"The model's ONNX graph cannot be loaded ({_reason(error)}): {AGAIN}") from error
        self._check_kind(labels, size_px)
        self._check_answers(labels, size_px)

    def run(self, batch: Floats, *, heat: bool = False) -> tuple[Floats, Floats | None]:
        """Logits (n, labels) for a batch (n, 3, size_px, size_px), and heat (n, labels, rows, columns) if asked for."""
        logits, *rest = self._session.run(self._outputs if heat else self._outputs[:1], {self._input: batch})
        return logits, rest[0] if rest else None

    def _check_kind(self, labels: int, size_px: int) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1:
            raise BundleError(f"The model's ONNX graph wants {len(inputs)} inputs, and a picture is one: {AGAIN}")
        self._input = inputs[0].name
        _check_node("takes", inputs[0], ("n", 3, size_px, size_px))
        self._outputs = [outputs[0].name]
        if len(outputs[0].shape) == 2 and not _fits(tuple(outputs[0].shape), (None, labels)):
            raise BundleError(f"The graph answers {outputs[0].shape[1]} labels, model.json names {labels}: {AGAIN}")
        _check_node("answers", outputs[0], (None, labels))
        for output in outputs[1:]:
            if output.name == HEAT_NAME:
                self._outputs.append(HEAT_NAME)
                _check_node("gives heat of", output, (None, labels, None, None))

    def _check_answers(self, labels: int, size_px: int) -> None:
        """What it really answers for two pictures, a blank one and one that fades from dark to light."""
        pictures = np.zeros((2, 3, size_px, size_px), np.float32)
        pictures[1] = np.linspace(-2, 2, pictures[1].size).reshape(pictures[1].shape)
        try:
            answers = [answer for answer in self.run(pictures, heat=True) if answer is not None]
        except Exception as error:
            raise BundleError(f"The model's ONNX graph fails on a blank picture ({_reason(error)}): {AGAIN}") from error
        for answer, wanted in zip(answers, ((2, labels), (2, labels, None, None)), strict=False):
            if not _fits(answer.shape, wanted) or not answer.size:
                raise BundleError(f"The model's ONNX graph answers a blank picture with shape {answer.shape}: {AGAIN}")
            if not np.isfinite(answer).all():
                raise BundleError(f"The model's ONNX graph answers a blank picture with NaN or infinity: {AGAIN}")


def try_in_subprocess(onnx: bytes, labels: int, size_px: int, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Raises BundleError when `Graph` refuses the graph in a process of its own, or that process does not get through.

    A graph may ask for more memory than there is, never come to an end, crash onnxruntime, or name other files as its
    weights: there, it has limits, and no file can be opened at all. Where the system has no such limits (Windows), or not
    all (macOS), at least the time is bounded.
    """
    seconds = time_limit_s + len(onnx) / BYTES_PER_SECOND
    command = [sys.executable, "-P", "-m", "cartoons.graph", str(labels), str(size_px), str(math.ceil(seconds))]
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
        lines = done.stdout.decode(errors="replace").splitlines()
        raise BundleError(lines[-1] if lines else f"The model's ONNX graph cannot be tried: {AGAIN}")


def _main(labels: str, size_px: str, seconds: str) -> int:
    """Try the graph that stands in standard input; 1, and why in the last line, when it is refused."""
    onnx = sys.stdin.buffer.read()
    _limit_process(len(onnx), int(seconds))
    try:
        Graph(onnx, int(labels), int(size_px), threads=1)
    except BundleError as error:
        print(error)
        return 1
    return 0


def _limit_process(onnx_bytes: int, seconds: int) -> None:
    """Bound memory and time, no more files, no core dump; and this process is the first to go when memory runs out."""
    if not resource:
        return
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    memory = MEMORY_LIMIT_BYTES + COPIES * onnx_bytes
    for kind, most in (("AS", memory), ("CPU", seconds + 1), ("CORE", 0), ("NOFILE", 0)):
        with suppress(OSError, ValueError):  # a limit that is lower already, or one that this system cannot set
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def _fits(shape: Shape, wanted: Shape) -> bool:
    """Whether a shape may be the wanted one: None is any length, and a name is a length to be known later."""
    return len(shape) == len(wanted) and all(
        want is None or not isinstance(length, int) or length == want for length, want in zip(shape, wanted, strict=True)
    )


def _reason(error: Exception) -> str:
    """Why onnxruntime cannot, in a few words; its messages name its own source files, and whatever stands in the graph."""
    for pattern, words in REASONS:
        if match := re.search(pattern, str(error)):
            return " ".join([words, *filter(None, match.groups())])
    return type(error).__name__


def _check_node(does: str, node: onnxruntime.NodeArg, wanted: Shape) -> None:
    """Raises BundleError unless an input or output is of float32 and can have the shape; its own names are not repeated."""
    if node.type != FLOAT32 or not _fits(tuple(node.shape), wanted):
        shape = [length if isinstance(length, int) else "n" for length in node.shape]
        asked = ["n" if length is None else length for length in wanted]
        raise BundleError(
            f"The model's ONNX graph {does} {node.type} {shape}, but by model.json it should be {FLOAT32} {asked}: {AGAIN}"
        )


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
