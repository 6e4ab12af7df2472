"""Downloading 2,000 pictures from a loopback server that takes 50 ms and fails a tenth of them: scrape.py's way against
img2dataset and fastai's download_images, in the same run. What each keeps is compared with what the server really has.

    python -m bench.download --img2dataset /path/to/a/venv/bin/img2dataset

img2dataset wants an environment of its own: python -m venv DIR && DIR/bin/pip install img2dataset==1.47.0
"""

import argparse
import asyncio
import contextlib
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from bench.serving import ROOT
from cartoons.images import encoded

PICTURES, PORT, HOSTS, LATENCY_S = 2000, 8765, 16, 0.05
KINDS = {
    "missing": 40,
    "cut short": 40,
    "a web page": 40,
    "busy once": 30,
    "opted out": 20,
    "tiny": 15,
    "one colour": 15,
    "a copy": 100,
}
"""What some of the addresses give; the rest are good. "busy once" is good when asked again."""
GOOD = ("good", "busy once")


def picture(number: int) -> Image.Image:
    """A drawing like no other, 800 x 600, with the noise of a photograph."""
    rng = np.random.default_rng(number)
    drawn = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((800, 600), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(drawn)
    for _ in range(40):
        x, y, w, h = (int(v) for v in rng.integers(0, 500, 4))
        draw.ellipse((x, y, x + w // 2 + 9, y + h // 2 + 9), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return drawn


def jpeg(drawn: Image.Image, quality: int = 88) -> bytes:
    return encoded(drawn, "JPEG", quality=quality)


@cache
def kinds() -> list[str]:
    """What each address gives, in a fixed order that only looks random."""
    named = [kind for kind, count in KINDS.items() for _ in range(count)]
    named += ["good"] * (PICTURES - len(named))
    random.Random(1).shuffle(named)
    return named


def body(number: int, kind: str) -> bytes:
    match kind:
        case "cut short":
            whole = jpeg(picture(number))
            return whole[: len(whole) // 2]
        case "a web page":
            return b"<!doctype html><title>not here any more</title>" * 40
        case "tiny":
            return jpeg(picture(number).resize((60, 45)))
        case "one colour":
            return jpeg(Image.new("RGB", (800, 600), (number % 256, 90, 90)))
        case "a copy":
            return jpeg(picture(kinds().index("good")).resize((700, 525)), 80)
    return jpeg(picture(number))


async def serve(folder: Path) -> None:
    """Answer until killed."""
    named, asked = kinds(), Counter[int]()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                number = int(head.split(b" ", 2)[1].rpartition(b"/")[2].partition(b".")[0])
                asked[number] += 1
                await asyncio.sleep(LATENCY_S)
                writer.write(reply(number, named[number], asked[number], folder))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "0.0.0.0", PORT, backlog=512)
    async with server:
        await server.serve_forever()


def reply(number: int, kind: str, times: int, folder: Path) -> bytes:
    if kind == "missing" or (kind == "busy once" and times == 1):
        return b"HTTP/1.1 %d no\r\nContent-Length: 0\r\n\r\n" % (404 if kind == "missing" else 503)
    data = (folder / f"{number}.jpg").read_bytes()
    header = b"X-Robots-Tag: noai\r\n" if kind == "opted out" else b""
    return b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n%sContent-Length: %d\r\n\r\n" % (header, len(data)) + data


@dataclass
class Result:
    seconds: float
    kept: list[str]
    """The kind of what each kept file came from."""


def ours(urls: list[str], folder: Path) -> Result:
    """scrape.py's parts behind --from-urls, allowed to ask this machine itself."""
    code = "import sys; from bench.download import gather; gather(sys.argv[1], sys.argv[2])"
    seconds = timed([sys.executable, "-c", code, *listed(urls, folder)])
    rows = [json.loads(line) for line in (folder / "out" / "metadata.jsonl").read_text().splitlines()]
    return Result(seconds, [kind_of(row["url"]) for row in rows])


def gather(addresses: str, out: str) -> None:
    """What scrape.py --from-urls does."""
    from cartoons import progress
    from cartoons.download.downloader import Downloader
    from cartoons.download.ssrf_guard import SsrfGuard
    from cartoons.scraping.config import ScrapeConfig
    from cartoons.scraping.progress import ScrapeProgress
    from cartoons.scraping.scraper import Scraper
    from cartoons.scraping.sources import UrlList
    from cartoons.search.url_list import read_url_list

    async def fill() -> None:
        hits = read_url_list(Path(addresses), "pictures")
        Path(out).mkdir()
        with progress.display(), ScrapeProgress().shown() as lines:
            async with Downloader(guard=SsrfGuard(may_connect=lambda _: True)) as downloader:
                scraper = Scraper(ScrapeConfig(Path(out), PICTURES), downloader.fetch, lines)
                await scraper.run([UrlList("pictures", hits)])

    asyncio.run(fill())


def img2dataset(urls: list[str], folder: Path, program: str) -> Result:
    addresses, out = listed(urls, folder)
    options = "--input_format txt --output_format files --image_size 640 --resize_mode keep_ratio_largest --retries 2"
    options += " --resize_only_if_bigger True --processes_count 2 --thread_count 64 --enable_wandb False"
    seconds = timed([program, "--url_list", addresses, "--output_folder", out, *options.split()])
    found = [path for path in (folder / "out").rglob("*.json") if path.with_suffix(".jpg").exists()]
    return Result(seconds, [kind_of(json.loads(path.read_text())["url"]) for path in found])


def fastai(urls: list[str], folder: Path, bodies: Path) -> Result:
    """As lesson 2 does it: download_images, then verify_images, and what that names is removed."""
    code = (
        "import sys; from pathlib import Path; from fastai.vision.all import *; out = Path(sys.argv[2]); "
        "download_images(out, urls=Path(sys.argv[1]).read_text().split(), max_pics=10**6); "
        "verify_images(get_image_files(out)).map(Path.unlink)"
    )
    seconds = timed([sys.executable, "-c", code, *listed(urls, folder)])
    kind_by_data = {(bodies / f"{number}.jpg").read_bytes(): kind for number, kind in enumerate(kinds())}
    return Result(seconds, [kind_by_data[path.read_bytes()] for path in (folder / "out").iterdir()])


def listed(urls: list[str], folder: Path) -> tuple[str, str]:
    """Where the addresses are listed and where the pictures go."""
    (folder / "urls.txt").write_text("\n".join(urls))
    return str(folder / "urls.txt"), str(folder / "out")


def kind_of(url: str) -> str:
    return kinds()[int(url.rpartition("/")[2].partition(".")[0])]


def timed(command: list[str]) -> float:
    """Seconds from the command to its end, loading included."""
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.download", description=__doc__)
    parser.add_argument("--img2dataset", help="its program, in an environment of its own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bodies = folder / "bodies"
        for way in ("bodies", "ours", "img2dataset", "fastai"):
            (folder / way).mkdir()
        for number, kind in enumerate(kinds()):
            (bodies / f"{number}.jpg").write_bytes(body(number, kind))
        urls = [f"http://127.0.0.{number % HOSTS + 1}:{PORT}/{number}.jpg" for number in range(PICTURES)]
        results = {"scrape.py": served(bodies, lambda: ours(urls, folder / "ours"))}
        if arguments.img2dataset:
            results["img2dataset"] = served(bodies, lambda: img2dataset(urls, folder / "img2dataset", arguments.img2dataset))
        results["fastai"] = served(bodies, lambda: fastai(urls, folder / "fastai", bodies))
    show(results)
    return 0


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def served(bodies: Path, measure: Callable[[], Result]) -> Result:
    """A measurement beside a fresh server, so that all find the same one."""
    server = subprocess.Popen(
        [sys.executable, "-c", "from bench.download import *; asyncio.run(serve(Path(sys.argv[1])))", bodies], cwd=ROOT
    )
    try:
        wait_for_port(PORT)
        return measure()
    finally:
        server.kill()
        server.wait()


def show(results: dict[str, Result]) -> None:
    good = sum(kind in GOOD for kind in kinds())
    print("| | seconds | pictures per second | good kept | lost | bad kept | copies kept |\n|---|---|---|---|---|---|---|")
    for name, result in results.items():
        kept = Counter(result.kept)
        fine = sum(kept[kind] for kind in GOOD)
        bad = ", ".join(f"{count} {kind}" for kind, count in kept.items() if kind not in (*GOOD, "a copy")) or "0"
        rate = len(kinds()) / result.seconds
        print(f"| {name} | {result.seconds:.1f} | {rate:.0f} | {fine} | {good - fine} | {bad} | {kept['a copy']} |")
    mine = results["scrape.py"].seconds
    print(", ".join(f"{other.seconds / mine:.1f} times faster than {name}" for name, other in list(results.items())[1:]))


if __name__ == "__main__":
    sys.exit(main())
