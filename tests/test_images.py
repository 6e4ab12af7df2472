import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from cartoons.errors import ImageError
from cartoons.images import encoded, load, load_cutout, square_pad, to_batch

pillow_heif.register_heif_opener()


def quarters(mode: str = "RGB", size: int = 64) -> Image.Image:
    """Red, green, blue and white quarters, clockwise from the top left: shows every turn and mirror."""
    picture = Image.new("RGB", (size, size), "white")
    half = size // 2
    picture.paste("red", (0, 0, half, half))
    picture.paste("lime", (half, 0, size, half))
    picture.paste("blue", (half, half, size, size))
    return picture.convert(mode)


def assert_quarters(picture: Image.Image, tolerance: int = 40) -> None:
    assert picture.mode == "RGB"
    w, h = picture.size
    spots = [(w // 4, h // 4), (3 * w // 4, h // 4), (3 * w // 4, 3 * h // 4), (w // 4, 3 * h // 4)]
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    for spot, colour in zip(spots, wanted, strict=True):
        assert np.abs(np.subtract(picture.getpixel(spot), colour)).max() <= tolerance, (spot, picture.getpixel(spot))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_format_opens(kind: str) -> None:
    assert_quarters(load(encoded(quarters(), kind)))


def test_a_path_opens_as_its_bytes_do(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(encoded(quarters(), "PNG"))  # the name does not matter
    assert_quarters(load(tmp_path / "x.jpg"))
    assert_quarters(load(str(tmp_path / "x.jpg")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters().transpose(undo[orientation]) if orientation in undo else quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_quarters(load(encoded(stored, kind, exif=exif)))


def test_damaged_exif_does_not_cost_the_picture() -> None:
    assert_quarters(load(encoded(quarters(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff junk")))


def test_transparency_becomes_white() -> None:
    for cutout in (Image.new("RGBA", (8, 8), (10, 20, 30, 0)), Image.new("LA", (8, 8), (0, 0))):
        assert load(encoded(cutout, "PNG")).getpixel((4, 4)) == (255, 255, 255)
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert load(encoded(half, "PNG")).getpixel((4, 4)) == pytest.approx((127, 127, 127), abs=1)


def test_palette_transparency_becomes_white() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((0, 0), 1)
    for kind in ("PNG", "GIF"):
        opened = load(encoded(picture, kind, transparency=0))
        assert opened.getpixel((4, 4)) == (255, 255, 255)
        assert opened.getpixel((0, 0)) == (255, 0, 0)


def test_a_cutout_keeps_its_transparency() -> None:
    assert load_cutout(encoded(Image.new("RGBA", (8, 8), (1, 2, 3, 0)), "PNG")).mode == "RGBA"
    assert load_cutout(encoded(quarters(), "PNG")).mode == "RGB"


def test_cmyk_grey_and_bilevel() -> None:
    assert_quarters(load(encoded(quarters("CMYK"), "JPEG")), tolerance=60)
    assert load(encoded(Image.new("L", (8, 8), 77), "PNG")).getpixel((0, 0)) == (77, 77, 77)
    assert load(encoded(Image.new("1", (8, 8), 1), "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = (np.arange(64, dtype=np.uint16) * 1040).reshape(8, 8)
    for kind in ("PNG", "TIFF"):
        opened = np.asarray(load(encoded(Image.fromarray(ramp), kind)))[..., 0]
        assert np.abs(opened.astype(int) - ramp // 257).max() <= 1


def test_float_tiff() -> None:
    ramp = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    opened = np.asarray(load(encoded(Image.fromarray(ramp), "TIFF")))[..., 0]
    assert opened.min() == 0
    assert opened.max() == 255


def test_an_animation_gives_its_first_frame() -> None:
    frames = [quarters(), Image.new("RGB", (64, 64), "black")]
    for kind in ("GIF", "WEBP", "PNG"):
        assert_quarters(load(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, I am text\n" * 9, "not a picture but text"),
        (b"<!DOCTYPE html><html><body>not found</body></html>", "a web page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (bytes(range(256)) * 4, "another kind"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        load(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_a_truncated_file_gets_a_sentence(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    for part in (0.1, 0.5):
        with pytest.raises(ImageError):
            load(data[: int(len(data) * part)])


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.png", "nul\x00byte.png"):
        with pytest.raises(ImageError):
            load(path)


def test_too_many_bytes_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"more than the 20 MB allowed"):
        load(b"x" * (20 * 2**20 + 1))
    sparse = tmp_path / "sparse.png"
    with sparse.open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(ImageError, match=r"10240\.0 MB"):
        load(sparse)


def png_header(width: int, height: int) -> bytes:
    """A PNG of any claimed size whose pixels are never there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8000, 6000), (12000, 12000), (100000, 100000)])
def test_too_many_pixels_are_refused_by_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="pixels"):
        load(png_header(*size))


def test_a_large_jpeg_is_decoded_small() -> None:
    data = encoded(quarters(size=64).resize((9000, 5000), Image.Resampling.NEAREST), "JPEG", quality=30)
    opened = load(data)  # 45 megapixels: over the limit, but draft mode never decodes them all
    assert opened.size == (2250, 1250)
    assert_quarters(opened)
    progressive = encoded(Image.new("L", (9000, 5000)), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="45 megapixels"):
        load(progressive)


def test_random_damage_never_raises_anything_else() -> None:
    rng = random.Random(0)
    originals = [encoded(quarters(), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
    refused = 0
    for _ in range(400):
        data = bytearray(rng.choice(originals))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            assert load(bytes(data)).mode == "RGB"
        except ImageError:
            refused += 1
    assert refused > 50


def test_square_pad_keeps_the_whole_picture_on_white() -> None:
    square = square_pad(Image.new("RGB", (200, 100), "black"), 32)
    assert square.size == (32, 32)
    column = np.asarray(square)[:, 16, 0]
    assert (column[:8] == 255).all()
    assert (column[8:24] == 0).all()
    assert (column[24:] == 255).all()
    for size in ((1, 1), (1, 5000), (5000, 1), (31, 33)):
        assert square_pad(Image.new("RGB", size), 32).size == (32, 32)


def test_to_batch_normalises_each_channel() -> None:
    batch = to_batch([Image.new("RGB", (4, 4), (255, 0, 51))] * 2, (0.5, 0.5, 0.0), (0.5, 0.25, 1.0))
    assert batch.shape == (2, 3, 4, 4)
    assert batch.dtype == np.float32
    assert batch[1, :, 2, 2] == pytest.approx([1.0, -2.0, 0.2])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    batch = to_batch([Image.fromarray(square) for square in pixels], mean, std)
    assert batch.flags.c_contiguous
    assert np.abs(batch - ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)).max() < 1e-6
