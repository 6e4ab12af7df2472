"""Picture files of every kind that the page opens, drawn for the learner and the page to be compared on.

[wide, tall, ...] = probes()            # RGB pictures of many shapes, to find out how a learner makes them square
files = write_probes(folder)            # the same as PNG files
more = write_kinds(folder)              # transparent, turned by EXIF, grey, palette, 16-bit, CMYK, large...
kind_of(more[0])                        # "transparent": what makes a file more than plain 8-bit RGB
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageDraw

from cartoons.image_scan.jpeg import DRAFT_PX

PROBE_SIZES = ((613, 407), (379, 651), (512, 512), (97, 61), (300, 900), (201, 200))
PLAIN = "plain RGB"
TRANSPARENT = "transparent"
TURNED = "EXIF-turned"
LARGE = "large JPEG"
ANIMATED = "animated"
UNUSUAL = "unusual"
MODES = {"RGB": PLAIN, "L": "greyscale", "P": "palette", "1": "1-bit", "I;16": "16-bit", "I;16B": "16-bit"}
MODES |= {"I": "32-bit", "F": "32-bit"}
"""Kinds of files by Pillow's name of their pixels; another mode ("CMYK") is its own kind."""


def probes() -> list[Image.Image]:
    """Wide, tall, square, small and slim pictures, drawn with something at every edge and of every scale."""
    draw = random.Random(7)
    return [_drawing(draw, size) for size in PROBE_SIZES]


def write_probes(folder: Path) -> list[Path]:
    """The probes as RGB PNG files, in their order."""
    files = [folder / f"drawn-{k}.png" for k in range(len(PROBE_SIZES))]
    for picture, file in zip(probes(), files, strict=True):
        picture.save(file, compress_level=1)
    return files


def write_kinds(folder: Path) -> list[Path]:
    """A drawing as files of every kind: plain RGB in the usual formats first, then what openers treat each in their way."""
    picture = _drawing(random.Random(8), (240, 160))
    grey, palette = picture.convert("L"), picture.quantize(32)
    fading, disc = picture.convert("RGBA"), Image.new("RGBA", (200, 200))
    fading.putalpha(Image.linear_gradient("L").resize(picture.size))
    ImageDraw.Draw(disc).ellipse((40, 40, 160, 160), fill=(255, 200, 0, 255))
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    files: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "plain.jpg": (picture, {"quality": 90}),
        "progressive.jpg": (picture, {"progressive": True}),
        "plain.webp": (picture, {"lossless": True}),
        "plain.bmp": (picture, {}),
        "plain.tiff": (picture, {}),
        "transparent-disc.png": (disc, {}),
        "transparent-fading.png": (fading, {}),
        "transparent-fading.webp": (fading, {"lossless": True}),
        "transparent-grey.png": (fading.convert("LA"), {}),
        "transparent-colour.png": (picture, {"transparency": picture.getpixel((0, 0))}),
        "transparent-palette.gif": (palette, {"transparency": 0}),
        "turned.jpg": (picture, {"exif": turned}),
        "turned.png": (picture, {"exif": turned}),
        "greyscale.png": (grey, {}),
        "greyscale.jpg": (grey, {}),
        "palette.png": (palette, {}),
        "animated.gif": (palette, {"save_all": True, "append_images": [palette.transpose(Image.Transpose.ROTATE_180)]}),
        "blank-first.gif": (palette.point(lambda _: 0), {"save_all": True, "append_images": [palette]}),
        "1-bit.png": (grey.convert("1"), {}),
        "CMYK.jpg": (picture.convert("CMYK"), {}),
        "16-bit.png": (deep, {}),
        "16-bit.tiff": (deep, {}),
        "32-bit.tiff": (Image.fromarray(np.asarray(grey, np.float32) / 255), {}),
        "large.jpg": (picture.resize((2 * DRAFT_PX, 2 * DRAFT_PX)), {}),
    }
    for name, (shown, options) in files.items():
        shown.save(folder / name, **options)
    return [folder / name for name in files]


def kind_of(path: Path) -> str:
    """What makes a picture file more than plain 8-bit RGB, by its header: the first that is true of it."""
    try:
        opened = Image.open(path)
    except Exception:  # the page opens some files that Pillow does not, which says so in many ways
        return UNUSUAL
    with opened:
        if getattr(opened, "is_animated", False) and opened.format != "MPO":  # whose second picture is a preview
            return ANIMATED
        if opened.has_transparency_data:
            return TRANSPARENT
        if _orientation(opened) in range(2, 9):
            return TURNED
        if opened.format in ("JPEG", "MPO") and min(opened.size) >= 2 * DRAFT_PX:
            return LARGE
        return MODES.get(opened.mode, opened.mode)


def _orientation(opened: Image.Image) -> object:
    try:
        return opened.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF raises nearly anything, and turns no picture
        return None


def _drawing(draw: random.Random, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, _colour(draw))
    canvas = ImageDraw.Draw(picture)
    for k in range(60):
        x, y = (draw.randrange(-20, length) for length in size)
        box = (x, y, x + draw.randrange(3, 3 + size[0] // 3), y + draw.randrange(3, 3 + size[1] // 3))
        (canvas.ellipse if k % 2 else canvas.rectangle)(box, fill=_colour(draw))
    return picture


def _colour(draw: random.Random) -> tuple[int, int, int]:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)
