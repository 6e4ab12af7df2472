"""Every service that `train.py --names` uses, on loopback: search engines, image hosts with drawings, the Hub with Spaces.

with loopback_services(folder, DrawnPictures({"bugs bunny": "round"})) as services:
    services.run(ROOT / "train.py", "--names", "bugs bunny")
"""

import asyncio
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from conftest import ROOT
from hub_server import Hub
from hub_spaces import RunningSpaces
from loopback_web import LoopbackWeb, Request, Response
from PIL import Image, ImageDraw
from search_sites import BingSite, DuckDuckGoSite, Picture

from cartoons.images import encoded
from cartoons.scraping.config import OTHER_QUERIES
from cartoons.search.engines import queries_for

CORNERS = {"square": 4, "triangle": 3, "star": 5}
HOST = ".pictures.example"


def draw_figure(kind: str, seed: int, size: tuple[int, int] = (260, 260)) -> Image.Image:
    """A figure ("round", "lines" or one of CORNERS) of varying place, size and colour, on a ground of the seed's own."""
    rng = np.random.default_rng([seed, *kind.encode()])
    ground = Image.fromarray(rng.integers(90, 256, (6, 8, 3), dtype=np.uint8))
    picture = ground.resize(size, Image.Resampling.BICUBIC)
    draw, fill = ImageDraw.Draw(picture), tuple(int(v) for v in rng.integers(0, 120, 3))
    radius = rng.uniform(0.25, 0.4) * min(size)
    x, y = (float(rng.uniform(radius, side - radius)) for side in size)
    points = [
        (x + radius * math.cos(t), y + radius * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 61) + rng.uniform(0, 7)
    ]
    if kind == "lines":
        for a, b in rng.integers(0, 60, (9, 2)):
            draw.line([points[a], points[b]], fill=fill, width=max(2, size[0] // 80))
    elif kind == "round":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline="black", width=4)
    else:
        step, corners = (24, 5) if kind == "star" else (60 // CORNERS[kind], CORNERS[kind])
        draw.polygon([points[k * step % 60] for k in range(corners)], fill=fill, outline="black", width=4)
    return picture


@cache
def figure_jpeg(kind: str, seed: int, size: tuple[int, int]) -> bytes:
    return encoded(draw_figure(kind, seed, size), "JPEG", quality=88)


@dataclass
class DrawnPictures:
    """What the engines find and the image hosts serve: drawings of a figure per name, and of "lines" for any other query."""

    kinds: Mapping[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    """How many each query finds, 40 unless told."""
    size: tuple[int, int] = (260, 260)
    hosts: int = 2
    wait_s: float = 0.0
    is_held: bool = False
    """No host answers."""

    async def __call__(self, request: Request) -> Response:
        await asyncio.sleep(self.wait_s)
        while self.is_held:
            await asyncio.sleep(0.05)
        _, kind, number = request.path.split("/")
        return Response(figure_jpeg(kind, int(number), self.size))

    def search(self, query: str) -> list[Picture]:
        """Each query of a name, and each of the usual others, finds drawings of its own; one for rivals the first others."""
        name = next((name for name in self.kinds if query in queries_for(name)), "lines")
        queries = OTHER_QUERIES if name == "lines" else queries_for(name)
        kind, count = self.kinds.get(name, "lines"), self.counts.get(name, 40)
        first = queries.index(query) * count if query in queries else 0
        return [Picture(f"https://{k % self.hosts}{HOST}/{kind}/{k}", title=name) for k in range(first, first + count)]


@dataclass
class LoopbackServices:
    folder: Path
    """The working directory of commands."""
    pictures: DrawnPictures
    web: LoopbackWeb
    hub: Hub

    def start(self, *arguments: object, token: str = "hf_free", **env: str) -> subprocess.Popen[str]:
        """A Python program whose environment says where the web and the Hub are."""
        web = {"HTTPS_PROXY": self.web.proxy, "SSL_CERT_FILE": self.web.ca, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=os.environ
            | self.hub.env(self.folder / "cache", token)
            | {"CARTOONS_CACHE": str(self.folder / "cache")}
            | web
            | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, **options: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **options) as process:
            output = process.communicate(timeout=300)
            return subprocess.CompletedProcess(process.args, process.returncode, *output)

    def pictures_requested(self) -> int:
        return sum(request.host.endswith(HOST) for request in self.web.requests)


@contextmanager
def loopback_services(folder: Path, pictures: DrawnPictures) -> Iterator[LoopbackServices]:
    hosts = {f"{k}{HOST}": pictures for k in range(pictures.hosts)}
    engines = {"duckduckgo.com": DuckDuckGoSite(pictures.search), "www.bing.com": BingSite(pictures.search)}
    with LoopbackWeb({**engines, **hosts}) as web, Hub(stages=("BUILDING", "RUNNING")) as hub:
        hub.run = spaces = RunningSpaces(folder, hub)
        yield LoopbackServices(folder, pictures, web, hub)
        spaces.stop()
