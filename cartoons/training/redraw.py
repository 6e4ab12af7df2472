"""A picture drawn anew in another hand, so that a character is known by what it is and not by how it was drawn."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from cartoons.images import WHITE

DRAWN_PX = 120
"""What is smaller than a few pixels of a photograph so shrunk is left out of a drawing of it."""

PAPER = (245, 242, 235)
Colour = tuple[int, int, int]


def random_colour(rng: random.Random) -> Colour:
    """Any of all."""
    return (rng.randrange(256), rng.randrange(256), rng.randrange(256))


def drawn(photo: Image.Image, rng: random.Random) -> Image.Image:
    """An RGB photograph as a drawing: few colours in large areas, its own or any, outlined or not, or outlines alone; whole,
    or a part of it on one colour.

    For none of the characters: else "flat and bright" would pass for one, as nearly all other drawings show characters.
    """
    small = photo.copy()
    small.thumbnail((DRAWN_PX, DRAWN_PX))
    smooth = small.filter(ImageFilter.MedianFilter(5)).resize(photo.size, Image.Resampling.BICUBIC)
    colours, kind = rng.randrange(4, 13), rng.random()
    areas = smooth.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    edges = areas.convert("L").filter(ImageFilter.FIND_EDGES).point([0] * 12 + [255] * 244)
    ink = ImageOps.invert(edges.filter(ImageFilter.MaxFilter(rng.choice((3, 3, 5))))).convert("RGB")
    if kind < 0.2:
        picture = ink
    else:
        if rng.random() < 0.4:
            areas.putpalette([channel for _ in range(colours) for channel in random_colour(rng)])
        flat = ImageEnhance.Color(areas.convert("RGB")).enhance(rng.uniform(1, 2.5))
        picture = flat if kind < 0.5 else ImageChops.multiply(flat, ink)
    return picture if rng.random() < 0.5 else _part(picture, rng)


def _part(picture: Image.Image, rng: random.Random) -> Image.Image:
    """What an ellipse shows of a picture, on white or on one colour."""
    shown = Image.new("L", picture.size)
    width, height = picture.size
    left, top, right, bottom = (rng.uniform(0, 0.3), rng.uniform(0, 0.3), rng.uniform(0.7, 1), rng.uniform(0.7, 1))
    ImageDraw.Draw(shown).ellipse((left * width, top * height, right * width, bottom * height), fill=255)
    around = Image.new("RGB", picture.size, WHITE if rng.random() < 0.5 else random_colour(rng))
    return Image.composite(picture, around, shown)


def redrawn(cutout: Image.Image, rng: random.Random) -> Image.Image:
    """An RGB or RGBA picture, one time in four each, in large pixels, in flat areas with or without outlines, in outlines
    alone, or in pencil; RGB, of the same size."""
    kind = rng.randrange(4)
    picture = Image.new("RGB", cutout.size, random_colour(rng) if kind < 2 and rng.random() < 0.5 else WHITE)
    picture.paste(cutout, None, cutout if cutout.mode == "RGBA" else None)
    if kind == 0:
        return _pixels(picture, rng)
    lines = _lines(picture, rng)
    if kind == 1:
        areas = _flat(picture.filter(ImageFilter.MedianFilter(3)), rng)
        areas = ImageEnhance.Color(areas).enhance(rng.uniform(0.8, 1.5))
        return areas if rng.random() < 0.4 else ImageChops.multiply(areas, lines.convert("RGB"))
    grey = ImageOps.grayscale(picture)
    if kind == 2:
        black = rng.randrange(30, 70) if rng.random() < 0.7 else 0
        return ImageChops.darker(lines, grey.point([0] * black + [255] * (256 - black))).convert("RGB")
    return _pencil(grey, lines, rng)


def _pixels(picture: Image.Image, rng: random.Random) -> Image.Image:
    """So large that the longer side has a few dozen."""
    scale = rng.randrange(36, 73) / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return _flat(picture.resize(size, Image.Resampling.BOX), rng).resize(picture.size, Image.Resampling.NEAREST)


def _flat(picture: Image.Image, rng: random.Random) -> Image.Image:
    """In few colours."""
    return picture.quantize(rng.randrange(8, 25), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")


def _lines(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Dark where the picture is darker than what is around, else white; L."""
    grey = ImageOps.grayscale(picture)
    around = grey.filter(ImageFilter.GaussianBlur(max(picture.size) * rng.uniform(0.006, 0.015)))
    gain = rng.uniform(4, 10)
    ink = ImageChops.subtract(around, grey).point([min(255, int(max(0, value - 6) * gain)) for value in range(256)])
    return ImageOps.invert(ink)


def _pencil(grey: Image.Image, lines: Image.Image, rng: random.Random) -> Image.Image:
    """Soft lines and grainy shades on paper."""
    darkest, grain = rng.randrange(80, 180), rng.uniform(0.05, 0.4)
    shades = grey.point([darkest + (255 - darkest) * value // 255 for value in range(256)])
    noise = Image.frombytes("L", grey.size, rng.randbytes(grey.width * grey.height))
    shades = ImageChops.add(shades, noise.point([round(128 + (value - 128) * grain) for value in range(256)]), 1, -128)
    drawing = ImageChops.multiply(shades, lines.point([60 + 195 * value // 255 for value in range(256)]))
    return ImageChops.multiply(drawing.convert("RGB"), Image.new("RGB", grey.size, PAPER))
