"""What a chat or a social network shows of a link to the page: Open Graph tags (https://ogp.me), and their picture.

preview = LinkPreview("Cartoon Classifier", ["mickey mouse", "shinchan"], [Path("examples/mickey-mouse-1.png")])
preview.tags("https://user-name.hf.space", "mickey-mouse-1"), preview.picture("mickey-mouse-1")
"""

import html
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageOps

from cartoons.images import encoded, load
from cartoons.page.words import link_words
from cartoons.serving.lean_api import PREVIEW

SIZE = 1200, 630
MARGIN, GAP, RADIUS = 60, 24, 32
GROUND, CARD = "#fbbf24", "#ffffff"
MOST, PER_ROW = 8, 4
MOST_KEPT = 32
"""Pictures kept in memory, some 50 kB each."""


class LinkPreview:
    """The tags and the picture, for the page and for a link to one of its examples."""

    def __init__(self, title: str, characters: Sequence[str], examples: Sequence[Path]) -> None:
        self._title, self._characters = title, characters
        self._examples = {path.stem: path for path in examples}
        self._drawn = lru_cache(MOST_KEPT)(picture_of)

    def tags(self, page: str, example: str = "") -> str:
        """HTML for the page's head; page: its address, "" if that is not known; example: the name that a link gives."""
        is_one = example in self._examples
        title, description = link_words(self._title, self._characters, is_one)
        query = f"?example={quote(example)}" if is_one else ""
        tags = {"og:type": "website", "og:title": title, "og:description": description}
        if page:
            tags["og:url"] = f"{page}/{query}"
        if page and self._examples:
            tags |= {"og:image": f"{page}{PREVIEW}{query}", "og:image:width": str(SIZE[0]), "og:image:height": str(SIZE[1])}
        lines = [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
        lines += [f'<meta name="description" content="{html.escape(description)}">']
        return "".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])

    def picture(self, example: str = "") -> bytes | None:
        """The PNG for a link to an example; of all of them for any other name; None where there are no examples."""
        if not self._examples:
            return None
        named = self._examples.get(example)
        return self._drawn((named,) if named else tuple(self._examples.values()))


def picture_of(paths: Sequence[Path]) -> bytes:
    """A PNG of SIZE (width, height) with up to MOST of these pictures, spread over them, each on a card."""
    chosen = [paths[k * len(paths) // min(MOST, len(paths))] for k in range(min(MOST, len(paths)))]
    columns = min(len(chosen), PER_ROW)
    rows = -(-len(chosen) // columns)
    free = [length - 2 * MARGIN - GAP * (count - 1) for length, count in zip(SIZE, (columns, rows), strict=True)]
    side = min(free[0] // columns, free[1] // rows)
    left, top = (
        (length - count * side - (count - 1) * GAP) // 2 for length, count in zip(SIZE, (columns, rows), strict=True)
    )
    canvas = Image.new("RGB", SIZE, GROUND)
    rounded = Image.new("L", (side, side))
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, side - 1, side - 1), RADIUS, 255)
    for number, path in enumerate(chosen):
        card = ImageOps.pad(load(path), (side, side), color=CARD)
        place = left + number % columns * (side + GAP), top + number // columns * (side + GAP)
        canvas.paste(card, place, rounded)
    return encoded(canvas.quantize(256), "PNG", optimize=True)
