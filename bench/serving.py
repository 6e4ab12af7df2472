"""Measure a page as its visitors feel it: a process on a port, asked over HTTP with little work on the asking side.

Two ways of asking: "gradio" uploads a picture and runs /predict, as browsers and gradio_client do; "lean" posts its bytes to
/api/classify, which only this page has.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from packaging.requirements import Requirement

from cartoons.packages import ROOT

WARM_UP, SINGLE, CLIENTS, LOADED = 5, 40, 16, 160
BOUNDARY = "bench"


@dataclass(frozen=True)
class Latency:
    """One way of asking about one picture: milliseconds alone, requests per second by 16 clients."""

    p50_ms: float
    per_second: float


@dataclass(frozen=True)
class Cost:
    """What a page costs whatever it is asked: seconds to its first answer, megabytes at its peak."""

    start_s: float
    memory_mb: float


class Asker:
    """A connection to a page that asks about pictures."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)

    def gradio(self, picture: bytes, endpoint: str = "predict") -> object:
        """Upload, then run an endpoint: what it answers."""
        form = (
            (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            + picture
            + f"\r\n--{BOUNDARY}--\r\n".encode()
        )
        [path] = self.post("/gradio_api/upload", form, f"multipart/form-data; boundary={BOUNDARY}")
        data = json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}).encode()
        return self.post(f"/gradio_api/run/{endpoint}", data, "application/json")

    def lean(self, picture: bytes) -> object:
        """The answer of /api/classify."""
        return self.post("/api/classify", picture, "application/octet-stream")

    def post(self, path: str, body: bytes, content_type: str) -> list[object]:
        self._connection.request("POST", path, body, {"Content-Type": content_type})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise HTTPException(f"{path}: {answer.status} {said[:200]!r}")
        return json.loads(said)  # type: ignore[no-any-return]


Ask = Callable[[Asker, bytes], object]


@contextmanager
def running(*command: str, picture: bytes) -> Iterator[tuple[int, int, float]]:
    """`python command...` as a page: its port, its process id, and the seconds from its start to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONWARNINGS": "ignore"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not answers(port, picture):
            if process.poll() is not None:
                raise RuntimeError(f"The page ended with exit code {process.returncode} before its first answer.")
            time.sleep(0.05)
        yield port, process.pid, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def answers(port: int, picture: bytes) -> bool:
    """Whether the page is up."""
    try:
        Asker(port).gradio(picture)
    except (OSError, HTTPException):
        return False
    return True


def latency(port: int, ask: Ask, picture: bytes) -> Latency:
    """Ask a running page one by one and then by many at once."""
    asker = Asker(port)

    def timed(_: int) -> float:
        started = time.perf_counter()
        ask(asker, picture)
        return time.perf_counter() - started

    for k in range(WARM_UP):
        timed(k)
    singles = [timed(k) for k in range(SINGLE)]

    def client(_: int) -> None:
        mine = Asker(port)
        for _ in range(LOADED // CLIENTS):
            ask(mine, picture)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return Latency(statistics.median(singles) * 1000, LOADED / (time.perf_counter() - began))


def peak_memory_mb(pid: int) -> float:
    """The most memory the process ever held (Linux: VmHWM)."""
    return memory_mb(pid, "VmHWM")


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Memory of a process in megabytes (Linux: a field of /proc/<pid>/status)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def installed_mb(*names: str) -> float:
    """The size on disk of packages and of all that they require, as installed here."""
    seen: set[str] = set()
    waiting = [Requirement(name) for name in names]
    total = 0
    while waiting:
        wanted = waiting.pop()
        key = wanted.name.lower().replace("_", "-")
        if key in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        try:
            files = distribution(wanted.name).files or []
        except PackageNotFoundError:
            continue
        total += sum(path.stat().st_size for path in (Path(str(file.locate())) for file in files) if path.is_file())
        waiting += [Requirement(line) for line in requires(wanted.name) or []]
    return total / 1e6
