"""Tiny real things to test with: a model that knows red from blue, drawn pictures, a browser, the page as a process."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from cartoons import model_folder
from cartoons.images import encoded
from cartoons.model_folder import ModelInfo

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two trainings at once would else spin in each other's way

FEATURES = tempfile.TemporaryDirectory()
os.environ["CARTOONS_CACHE"] = FEATURES.name  # not the one of whoever runs the tests

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
REAL_DATA = ROOT.parent / "shared" / "data"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest: as the last, it would keep one of two workers waiting for minutes."""
    items.sort(key=lambda item: item.path.name != "test_train.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module that is slow as a whole is not even imported by make fast: that alone takes seconds."""
    is_module = config.option.markexpr == "not slow" and collection_path.name.startswith("test_")
    return True if is_module and re.search(r"^pytestmark = .*mark\.slow\b", collection_path.read_text(), re.M) else None


@cache
def colour_graph(labels: int = 3, gain: float = 10.0, heat: bool = False) -> bytes:
    """A graph that answers by the picture's mean colour: logit k is gain times channel k; heat: of each 8 x 8 pixels too."""
    weight = np.zeros((labels, 3), np.float32)
    np.fill_diagonal(weight, gain)
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"], transB=1),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", labels])]
    weights = [numpy_helper.from_array(weight, "weight")]
    if heat:
        nodes.append(helper.make_node("AveragePool", ["pixels"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]))
        nodes.append(helper.make_node("Conv", ["cells", "kernel"], ["heat"]))
        outputs.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["n", labels, 4, 4]))
        weights.append(numpy_helper.from_array(weight[:, :, None, None], "kernel"))
    given = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 32, 32])]
    graph = helper.make_graph(nodes, "colours", given, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def colour_info(**changes: object) -> ModelInfo:
    """The description of `colour_graph`: red and green are characters, blue is none of them."""
    values: dict[str, object] = {
        "labels": ("red fox", "green frog", "_other"),
        "size_px": 32,
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "temperature": 1.0,
        "unknown_threshold": 0.5,
        "certain_threshold": 0.5,
        "name": "colours",
        "created": "2026-01-02T03:04:05+00:00",
        "arch": "none",
        "recipe": "by hand",
    }
    return ModelInfo(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def colour_model(tmp_path: Path) -> Path:
    folder = tmp_path / "colours"
    model_folder.write(folder, colour_info(), colour_graph())
    return folder


def change_json(folder: Path, **change: object) -> None:
    """Give values of a model.json anew."""
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def plain(colour: str, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def draw_shape(kind: str, seed: int, size: int = 96) -> Image.Image:
    """A face-like drawing: "round" or "square", of varying place, size and colour."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (size, size), tuple(int(v) for v in rng.integers(120, 256, 3)))
    draw = ImageDraw.Draw(picture)
    left, top, side = (int(v) for v in rng.integers((5, 5, 45), (30, 30, 65)))
    box, fill = (left, top, left + side, top + side), tuple(int(v) for v in rng.integers(0, 110, 3))
    if kind == "round":
        draw.ellipse(box, fill=fill, outline="black", width=3)
    elif kind == "square":
        draw.rectangle(box, fill=fill, outline="black", width=3)
    else:
        for _ in range(12):
            draw.line([tuple(int(v) for v in rng.integers(0, size, 2)) for _ in range(2)], fill=fill, width=3)
    return picture


def make_picture_folder(root: Path, per_label: int = 6, labels: tuple[str, ...] = ("round", "square", "_other")) -> Path:
    for label in labels:
        (root / label).mkdir(parents=True)
        for k in range(per_label):
            (root / label / f"{k}.png").write_bytes(drawn_png(label, k))
    return root


@cache
def drawn_png(kind: str, seed: int, size: int = 96) -> bytes:
    return encoded(draw_shape(kind, seed, size), "PNG")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Programs started here can be interrupted, even where the tests run in the background and ignore it themselves."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: make test installs it.")
        pytest.skip("Chromium is not installed: make test installs it.")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield running
        running.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(answers: Callable[[], object], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answers()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Page:
    """app.py, or a program like it, as a visitor's server runs it: its own process, its own port."""

    def __init__(
        self, *arguments: str, env: dict[str, str] | None = None, cwd: Path = ROOT, program: str = "app.py"
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, program, *arguments],
            cwd=cwd,
            env=os.environ | {"GRADIO_SERVER_PORT": str(self.port), "PYTHONUNBUFFERED": "1"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until(lambda: self._alive() and urllib.request.urlopen(self.url, timeout=5).read())
        except BaseException:
            self.stop()
            raise

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.process.stdout and self.process.stdout.read()
        return True

    def stop(self) -> str:
        """End it, and give what it printed."""
        self.process.terminate()
        return self.process.communicate(timeout=20)[0]


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    """The page on the embedded model."""
    running = Page()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture folder of three labels, six drawings each."""
    return make_picture_folder(tmp_path_factory.mktemp("shapes") / "data")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread: many make tiny networks slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
