"""Pictures for scraping tests, and the contents of a scraped folder."""

import json
from functools import cache
from pathlib import Path

from conftest import draw_shape
from PIL import Image

from cartoons.images import encoded


def drawing(seed: int, size: int = 200) -> Image.Image:
    """Lines that no other seed draws, so that no two are alike."""
    return draw_shape("lines", seed, size)


@cache
def drawn(seed: int, size: int = 200, kind: str = "PNG") -> bytes:
    """A file with the drawing of that number."""
    return encoded(drawing(seed, size), kind)


def contents(root: Path) -> dict[str, object]:
    """Every file of the folder with its bytes; the logs as rows without their times."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix == ".jsonl":
            found[path.name] = [{**json.loads(line), "fetched_at": ""} for line in path.read_text().splitlines()]
        elif path.is_file():
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found
