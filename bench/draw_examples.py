"""Render each drawing of examples/ and tests/drawings/ from its SVG source to the PNG beside it: make examples."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from bench.browser import opened_tab
from cartoons.packages import ROOT

SIDE_PX = 512
PIXEL_ART_PX, PIXEL_SCALE = 64, 5
FOLDERS = {"examples": 24_000, "tests/drawings": 20_000}
"""The most bytes of each PNG: with more, it gets fewer colours."""


def main() -> None:
    with opened_tab(SIDE_PX, SIDE_PX) as tab:
        for folder, most_bytes in FOLDERS.items():
            for source in sorted((ROOT / folder).rglob("*.svg")):
                target = render(tab, source, most_bytes)
                print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1024:.0f} kB")


def render(tab: Page, source: Path, most_bytes: int) -> Path:
    """Write the PNG, as large as the SVG says, or `PIXEL_SCALE` times as large for pixel art; returns its path."""
    tab.goto(source.as_uri())
    target = source.with_suffix(".png")
    tab.locator("svg").first.screenshot(path=target)
    picture = Image.open(target).convert("RGB")
    if picture.width == PIXEL_ART_PX:
        side = PIXEL_ART_PX * PIXEL_SCALE
        picture = picture.resize((side, side), Image.Resampling.NEAREST)
    for colors in (128, 64, 32, 16, 8):
        picture.quantize(colors, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= most_bytes:
            break
    return target


if __name__ == "__main__":
    main()
