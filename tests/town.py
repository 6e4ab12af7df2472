"""All that `train.py --names` talks to, on loopback: a search engine, image hosts with drawings, the Hub with its Spaces.

with town(folder, {"bugs bunny": "round"}) as made:
    made.run(ROOT / "train.py", "--names", "bugs bunny")
"""

import asyncio
import io
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
from PIL import Image, ImageDraw
from search_sites import BingSite, DuckDuckGoSite, Picture
from test_deploy import Spaces
from world import Reply, Request, World

from cartoons.scraping.config import OTHER_QUERIES
from cartoons.search.engines import queries_for

CORNERS = {"square": 4, "triangle": 3, "star": 5}
HOST = ".pictures.example"


def drawn(kind: str, seed: int, size: tuple[int, int] = (260, 260)) -> Image.Image:
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
def encoded(kind: str, seed: int, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    drawn(kind, seed, size).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@dataclass
class Pictures:
    """What the search knows and the image hosts have: drawings of a figure a name, and of "lines" for any other search."""

    kinds: Mapping[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    """How many each query finds, 40 unless told."""
    size: tuple[int, int] = (260, 260)
    hosts: int = 2
    wait_s: float = 0.0
    is_held: bool = False
    """No host answers."""

    async def __call__(self, asked: Request) -> Reply:
        await asyncio.sleep(self.wait_s)
        while self.is_held:
            await asyncio.sleep(0.05)
        _, kind, number = asked.path.split("/")
        return Reply(encoded(kind, int(number), self.size))

    def search(self, query: str) -> list[Picture]:
        """Each query of a name, and each of the usual others, finds drawings of its own."""
        name = next((name for name in self.kinds if query.startswith(name)), "lines")
        queries = OTHER_QUERIES if name == "lines" else queries_for(name)
        kind, count = self.kinds.get(name, "lines"), self.counts.get(name, 40)
        first = queries.index(query) * count
        return [Picture(f"https://{k % self.hosts}{HOST}/{kind}/{k}", title=name) for k in range(first, first + count)]


@dataclass
class Town:
    folder: Path
    """Where commands are typed."""
    pictures: Pictures
    world: World
    hub: Hub

    def start(self, *words: object, token: str = "hf_free", **env: str) -> subprocess.Popen[str]:
        """A program of Python that only its environment tells where the web and the Hub are."""
        way = {"HTTPS_PROXY": self.world.proxy, "SSL_CERT_FILE": self.world.ca, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", *map(str, words)],
            cwd=self.folder,
            env=os.environ | self.hub.env(self.folder / "cache", token) | way | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object, **how: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words, **how) as process:
            said = process.communicate(timeout=300)
            return subprocess.CompletedProcess(process.args, process.returncode, *said)

    def asked(self) -> int:
        """How many pictures were asked for."""
        return sum(request.host.endswith(HOST) for request in self.world.asked)


@contextmanager
def town(folder: Path, pictures: Pictures) -> Iterator[Town]:
    hosts = {f"{k}{HOST}": pictures for k in range(pictures.hosts)}
    engines = {"duckduckgo.com": DuckDuckGoSite(pictures.search), "www.bing.com": BingSite(pictures.search)}
    with World({**engines, **hosts}) as world, Hub(stages=("BUILDING", "RUNNING")) as hub:
        hub.run = spaces = Spaces(folder, hub)
        yield Town(folder, pictures, world, hub)
        for page in spaces.pages:
            page.stop()
