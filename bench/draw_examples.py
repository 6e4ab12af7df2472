"""Render each drawing of examples/ from its SVG source to the PNG beside it: make examples."""

from pathlib import Path

from PIL import Image

from bench.browser import opened_tab

EXAMPLES = Path(__file__).parent.parent / "examples"
SIDE_PX = 512


def main() -> None:
    with opened_tab(SIDE_PX, SIDE_PX) as tab:
        for source in sorted(EXAMPLES.glob("*.svg")):
            tab.goto(source.as_uri())
            target = source.with_suffix(".png")
            tab.screenshot(path=target)
            Image.open(target).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
            print(f"{target.name}: {target.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
