"""The same pictures as people really send them: grey, squeezed by a messenger, cropped, mirrored, on black."""

from collections.abc import Callable

from PIL import Image, ImageOps

from cartoons.images import encoded, load, on_white

JPEG_QUALITY = 30
TIGHT_SHARE = 0.7
"""How much of each side a tight crop keeps, around the middle."""

AS_THEY_ARE = "as they are"


def grey(picture: Image.Image) -> Image.Image:
    """Without colour, as a scan or a print."""
    return on_white(picture).convert("L").convert("RGB")


def jpeg(picture: Image.Image) -> Image.Image:
    """Compressed hard, as pictures that were passed on often."""
    return load(encoded(on_white(picture), "JPEG", quality=JPEG_QUALITY))


def half_size(picture: Image.Image) -> Image.Image:
    """A quarter of the pixels, as a thumbnail."""
    width, height = (max(1, side // 2) for side in picture.size)
    return on_white(picture).resize((width, height), Image.Resampling.BICUBIC)


def tight_crop(picture: Image.Image) -> Image.Image:
    """The middle alone, as a screenshot of a part."""
    width, height = picture.size
    left, top = width * (1 - TIGHT_SHARE) / 2, height * (1 - TIGHT_SHARE) / 2
    return on_white(picture).crop((round(left), round(top), round(width - left), round(height - top)))


def mirrored(picture: Image.Image) -> Image.Image:
    """Left for right, as a front camera gives it."""
    return ImageOps.mirror(on_white(picture))


def on_black(picture: Image.Image) -> Image.Image:
    """A cut-out on black, where other programs put it; another picture in a black frame."""
    if picture.mode == "RGBA":
        return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")
    return ImageOps.expand(picture, border=max(picture.size) // 8, fill=(0, 0, 0))


CORRUPTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    AS_THEY_ARE: on_white,
    "grey": grey,
    f"JPEG {JPEG_QUALITY}": jpeg,
    "half-size": half_size,
    "tight crop": tight_crop,
    "mirrored": mirrored,
    "on black": on_black,
}
"""From a picture as load_cutout gives it (RGB or RGBA) to an RGB picture."""
