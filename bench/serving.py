"""Measure a page as its visitors feel it: a process on a port, asked over Gradio's own HTTP API."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import httpx
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
WARM_UP, SINGLE, CLIENTS, LOADED = 5, 60, 16, 160


@dataclass(frozen=True)
class Serving:
    """What one page costs: seconds, milliseconds, requests per second, megabytes."""

    start_s: float
    p50_ms: float
    per_second: float
    memory_mb: float


@contextmanager
def running(*command: str, picture: Path) -> Iterator[tuple[httpx.Client, int, float]]:
    """`python command...` as a page: a client of it, its process id, and the seconds from its start to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONWARNINGS": "ignore"}
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while not answers(client, picture):
                if process.poll() is not None:
                    raise RuntimeError(f"The page ended with exit code {process.returncode} before its first answer.")
                time.sleep(0.05)
            yield client, process.pid, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def answers(client: httpx.Client, picture: Path) -> bool:
    """Whether the page is up."""
    try:
        ask(client, picture)
    except httpx.HTTPError:
        return False
    return True


def measure(*command: str, picture: Path) -> Serving:
    """Start a page, ask it one by one and then by many at once, stop it."""
    with running(*command, picture=picture) as (client, pid, start_s):
        for _ in range(WARM_UP):
            ask(client, picture)
        singles = [ask(client, picture) for _ in range(SINGLE)]
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda _: ask(client, picture), range(LOADED)))
        per_second = LOADED / (time.perf_counter() - began)
        return Serving(start_s, statistics.median(singles) * 1000, per_second, peak_memory_mb(pid))


def ask(client: httpx.Client, picture: Path) -> float:
    """Upload a picture and have it named, as a browser does; the seconds it took."""
    started = time.perf_counter()
    uploaded = client.post("/gradio_api/upload", files={"files": picture.read_bytes()}).raise_for_status().json()[0]
    data = [{"path": uploaded, "meta": {"_type": "gradio.FileData"}}]
    answer = client.post("/gradio_api/run/predict", json={"data": data}).raise_for_status().json()
    assert len(answer["data"][0]["confidences"]) == 4
    return time.perf_counter() - started


def peak_memory_mb(pid: int) -> float:
    """The most memory the process ever held (Linux: VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


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
