"""Render each drawing of examples/ from its SVG source to the PNG beside it: make examples."""

import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

EXAMPLES = Path(__file__).parent.parent / "examples"
SIDE_PX = 512


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": SIDE_PX, "height": SIDE_PX})
        for source in sorted(EXAMPLES.glob("*.svg")):
            tab.goto(source.as_uri())
            target = source.with_suffix(".png")
            tab.screenshot(path=target)
            Image.open(target).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
            print(f"{target.name}: {target.stat().st_size / 1024:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
