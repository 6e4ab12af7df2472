"""A picture to another picture of the same character: what training sees besides the pictures themselves.

Character pictures are few, and cut-outs on white are many among them: a network then learns "white behind it" instead of
the face, and "drawn like that" instead of the character. So cut-outs are laid on pictures of none of them and on drawn
scenes, and every picture is flipped, turned, cropped, shrunk, recoloured, blurred.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from cartoons.images import WHITE, load, on_white, square_pad
from cartoons.training.redraw import Colour, random_colour

BACKGROUND_PX = 320


def augment(cutout: Image.Image, rng: random.Random, backgrounds: Sequence[Image.Image], size_px: int) -> Image.Image:
    """One random variation of an RGB or RGBA picture, as an RGB square of size_px; rng alone decides which.

    backgrounds: RGB pictures to lay a cut-out on.
    """
    picture = on_scenery(cutout, rng, backgrounds)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    fill = WHITE if rng.random() < 0.6 else random_colour(rng)
    if rng.random() < 0.4:
        picture = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR, expand=True, fillcolor=fill)
    picture = _recolour(_reframe(picture, rng, fill), rng)
    if rng.random() < 0.25:
        return picture.resize((size_px, size_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return square_pad(picture, size_px)


def background(source: Path | bytes) -> Image.Image:
    """A picture to lay a cut-out on, small. Raises ImageError."""
    picture = load(source)
    picture.thumbnail((BACKGROUND_PX, BACKGROUND_PX), Image.Resampling.BICUBIC)
    return picture


def on_scenery(cutout: Image.Image, rng: random.Random, backgrounds: Sequence[Image.Image]) -> Image.Image:
    """Mostly on one of the backgrounds (Ghiasi et al. 2021, "Simple Copy-Paste"), else on a drawn scene, on one colour,
    or on white; often smaller than what is around it, or there several times. RGB as it is."""
    if cutout.mode != "RGBA" or rng.random() < 0.15:
        return on_white(cutout)
    size, figures = _arranged(cutout, rng)
    kind = rng.random()
    if kind < 0.7 and backgrounds:
        behind = _cover(rng.choice(backgrounds), size, rng)
        if rng.random() < 0.3:
            behind = behind.filter(ImageFilter.GaussianBlur(3))
    elif kind < 0.85:
        behind = _scene(size, rng)
    else:
        behind = Image.new("RGB", size, random_colour(rng))
    scene = behind.convert("RGBA")
    for figure in figures:
        left, top = rng.randrange(size[0] - figure.width + 1), rng.randrange(size[1] - figure.height + 1)
        scene.alpha_composite(figure, (left, top))
    return scene.convert("RGB")


def _arranged(cutout: Image.Image, rng: random.Random) -> tuple[tuple[int, int], list[Image.Image]]:
    """The size of a scene, and what is to be seen in it: the cut-out filling it, or smaller than it, or a crowd of them,
    as in pictures of a whole cast, which a network that knows one figure at a time takes for something else."""
    width, height = cutout.size
    kind = rng.random()
    if kind < 0.3:
        return cutout.size, [cutout]
    zoom = rng.uniform(1, 2)
    size = (int(width * zoom * rng.uniform(1, 1.3)), int(height * zoom))
    if kind < 0.7:
        return size, [cutout]
    crowd = []
    for _ in range(rng.randrange(2, 6)):
        scale = min(1.0, zoom * rng.uniform(0.3, 0.7))
        figure = cutout.resize((max(1, int(width * scale)), max(1, int(height * scale))), reducing_gap=2.0)
        crowd.append(figure.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else figure)
    return size, crowd


def _cover(behind: Image.Image, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A random part of `behind`, scaled to fill `size`."""
    width, height = size
    scale = max(width / behind.width, height / behind.height)
    scaled = behind.resize((max(width, math.ceil(behind.width * scale)), max(height, math.ceil(behind.height * scale))))
    left, top = rng.randrange(scaled.width - width + 1), rng.randrange(scaled.height - height + 1)
    return scaled.crop((left, top, left + width, top + height))


def _scene(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A flat cartoon scene: a ground below a sky, and a few shapes with or without an outline."""
    width, height = size
    scene = Image.new("RGB", size, random_colour(rng))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, int(height * rng.uniform(0.3, 0.9)), width, height), fill=random_colour(rng))
    for _ in range(rng.randrange(2, 9)):
        x, y = rng.uniform(-0.2, 1) * width, rng.uniform(-0.2, 1) * height
        box = (x, y, x + rng.uniform(0.05, 0.6) * width + 1, y + rng.uniform(0.05, 0.6) * height + 1)
        outline, line_px = (random_colour(rng) if rng.random() < 0.3 else (0, 0, 0)), rng.randrange(0, 5)
        shape = rng.choice((draw.ellipse, draw.rectangle, draw.chord))
        arc = {"start": rng.randrange(360), "end": rng.randrange(360)} if shape == draw.chord else {}
        shape(box, fill=random_colour(rng), outline=outline, width=line_px, **arc)
    return scene


def _reframe(picture: Image.Image, rng: random.Random, fill: Colour) -> Image.Image:
    """Often a part of the picture, sometimes the whole of it smaller on a canvas."""
    width, height = picture.size
    kind = rng.random()
    if kind < 0.5:
        side, stretch = math.sqrt(rng.uniform(0.4, 1.0)), math.exp(rng.uniform(-0.3, 0.3))
        part_w = max(min(8, width), min(width, int(width * side * stretch)))
        part_h = max(min(8, height), min(height, int(height * side / stretch)))
        left, top = rng.randrange(width - part_w + 1), int(rng.betavariate(1, 1.5) * (height - part_h))
        return picture.crop((left, top, left + part_w, top + part_h))
    if kind < 0.7:
        zoom = rng.uniform(1.0, 1.6)
        canvas = Image.new("RGB", (int(width * zoom), int(height * zoom)), fill)
        canvas.paste(picture, (rng.randrange(canvas.width - width + 1), rng.randrange(canvas.height - height + 1)))
        return canvas
    return picture


def _recolour(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Light, contrast and saturation within what screens and scans do; sometimes grey, sometimes blurred."""
    for enhance, low, high in (
        (ImageEnhance.Brightness, 0.7, 1.3),
        (ImageEnhance.Contrast, 0.7, 1.3),
        (ImageEnhance.Color, 0.3, 1.5),
    ):
        if rng.random() < 0.5:
            picture = enhance(picture).enhance(rng.uniform(low, high))
    if rng.random() < 0.1:
        picture = picture.convert("L").convert("RGB")
    if rng.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, max(picture.size) / 150)))
    return picture
