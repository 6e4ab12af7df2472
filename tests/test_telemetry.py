"""Nobody is told that the page runs: no file in the visitor's home, nothing sent anywhere but to this machine itself.

Each program runs in a network namespace of its own with nothing but loopback, where the kernel counts what finds no way out.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT

SENT = """
def sent():
    lines = [line.split() for line in open("/proc/net/snmp")]
    counts = {names[0] + name: count for names, row in zip(lines[::2], lines[1::2]) for name, count in zip(names, row)}
    counts |= dict(line.split() for line in open("/proc/net/snmp6"))
    return {name: int(counts[name]) for name in ("Ip:OutNoRoutes", "Ip6OutNoRoutes", "Udp:NoPorts", "Udp6NoPorts")}
"""
"""How many packets and connections were meant for another machine, or for a name server on this one."""

PAGE = """
import subprocess, sys, time, httpx
server = "http://127.0.0.1:7860"
page = subprocess.Popen([sys.executable, "app.py"])
try:
    while True:
        try:
            httpx.get(server, timeout=30)
            break
        except httpx.ConnectError:
            assert page.poll() is None
            time.sleep(0.1)
    [path] = httpx.post(server + "/gradio_api/upload", files={"files": open(sys.argv[1], "rb")}, timeout=60).json()
    picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
    facts = httpx.post(server + "/gradio_api/run/classify", json={"data": [picture]}, timeout=60).json()["data"][0]
    until = time.monotonic() + 6  # unless it is told not to, onnxruntime asks for its maker's host within seconds
    while time.monotonic() < until and not any(sent().values()):
        time.sleep(0.5)
finally:
    page.terminate()
    page.wait()
print(facts["label"], *sent().values(), sep="|")
"""
IMPORT = """
import importlib, sys, time
for module in sys.argv[1:]:
    importlib.import_module(module)
time.sleep(2)
print(*sent().values(), sep="|")
"""


@pytest.fixture
def alone(tmp_path: Path) -> list[str]:
    """What to put before a command: a network of its own, a new home, and none of this process's environment."""
    if subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("A network namespace needs unshare -rn and ip, and this system does not permit or have them.")
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    environment = ["env", "-i", f"HOME={tmp_path}/home", f"TMPDIR={tmp_path}/tmp", "PATH=/usr/bin:/bin"]
    return [*environment, "unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-c"]


def said(command: list[str]) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split("|")


def files(folder: Path) -> list[str]:
    """What a folder holds; matplotlib's list of the fonts on this machine, which it keeps for the next time, aside."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return [name for name in names if not name.startswith(".cache/matplotlib/")]


def test_the_counters_count(alone: list[str]) -> None:
    ask = "import socket\ntry:\n    socket.create_connection(('203.0.113.1', 443))\nexcept OSError:\n    pass\n"
    assert said([*alone, SENT + ask + "print(*sent().values(), sep='|')"]) == ["1", "0", "0", "0"]


@pytest.mark.slow
def test_the_page_talks_to_nobody_else_and_leaves_nothing_at_home(alone: list[str], tmp_path: Path) -> None:
    picture = EXAMPLES / "mickey-mouse-1.png"
    assert said([*alone, SENT + PAGE, str(picture)]) == ["mickey mouse", "0", "0", "0", "0"]
    assert files(tmp_path / "home") == []
    assert [name for name in files(tmp_path / "tmp") if "/" not in name] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    [
        ["cartoons.classifier"],
        ["conftest", "cartoons.classifier"],
        [
            "cartoons.training.quantize",
            "cartoons.convert.learner",
            "cartoons.evaluation.label_issues",
            "cartoons.report.training_report",
        ],
    ],
    ids=" ".join,
)
def test_no_module_does_either_in_whatever_order(alone: list[str], tmp_path: Path, modules: list[str]) -> None:
    path = "import sys\nsys.path[:0] = ['tests']\n"
    assert said([*alone, path + SENT + IMPORT, *modules]) == ["0"] * 4
    assert files(tmp_path / "home") == []
