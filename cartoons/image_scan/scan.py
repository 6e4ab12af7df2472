"""Bytes to what is to be decoded of them: the format by the first bytes, whatever the name says."""

import struct
from collections.abc import Callable, Mapping

from cartoons.errors import ImageError
from cartoons.image_scan import Scan, damaged, too_costly, unread
from cartoons.image_scan.heif import IMAGE_BRANDS, scan_heif
from cartoons.image_scan.jpeg import scan_jpeg
from cartoons.image_scan.png_gif_webp import PNG_SIGNATURE, scan_gif, scan_png, scan_webp
from cartoons.image_scan.tiff import scan_tiff

BEFORE = b"\xef\xbb\xbf \t\r\n"
"""What badly made web pages put before the pictures that they send: a byte order mark, white space."""
MAX_RLE_PIXELS = 4_000_000
MAX_RLE_BYTES = 1_000_000
BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

READ = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
PICTURES = {
    "a JPEG XL picture": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "a JPEG 2000 picture": (b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"),
    "a JPEG XR picture": (b"II\xbc",),
    "a Photoshop document (PSD)": (b"8BPS",),
    "a GIMP document (XCF)": (b"gimp xcf",),
    "an icon (ICO)": (b"\0\0\1\0",),
    "a mouse pointer (CUR)": (b"\0\0\2\0",),
    "an icon (ICNS)": (b"icns",),
    "a QOI picture": (b"qoif",),
    "a DDS texture": (b"DDS ",),
    "a BPG picture": (b"BPG\xfb",),
    "a FLIF picture": (b"FLIF",),
    "an OpenEXR picture": (b"v/1\1",),
    "a Radiance HDR picture": (b"#?RADIANCE",),
    "a FITS picture": (b"SIMPLE  =",),
    "a PostScript drawing": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "a Windows drawing (WMF)": (b"\xd7\xcd\xc6\x9a",),
    "a Windows drawing (EMF)": (b"\1\0\0\0\x6c\0\0\0",),
    "a camera's raw picture (RAF)": (b"FUJIFILMCCD-RAW",),
    "a camera's raw picture (ORF)": (b"IIRO", b"IIRS"),
    "a camera's raw picture (RW2)": (b"IIU\0",),
    "a camera's raw picture (X3F)": (b"FOVb",),
    "a camera's raw picture (CR3)": (b"....ftypcrx ",),
    "an MNG animation": (b"\x8aMNG",),
    "a PNM picture": tuple(b"P%d%c" % (digit, end) for digit in range(1, 8) for end in b"\n\r\t #"),
}
"""Pictures that are not read here, by the bytes that they begin with; four dots are any four bytes."""
OTHERS = {
    "a PDF": (b"%PDF",),
    "a ZIP archive, or a document made of one (DOCX, EPUB, ...)": (b"PK\3\4",),
    "an empty ZIP archive": (b"PK\5\6",),
    "a RAR archive": (b"Rar!",),
    "a 7z archive": (b"7z\xbc\xaf",),
    "a gzip archive": (b"\x1f\x8b",),
    "a bzip2 archive": (b"BZh",),
    "an xz archive": (b"\xfd7zXZ",),
    "a Zstandard archive": (b"\x28\xb5\x2f\xfd",),
    "a video (Matroska or WebM)": (b"\x1aE\xdf\xa3",),
    "a video (MPEG)": (b"\0\0\1\xba", b"\0\0\1\xb3"),
    "a video (Flash)": (b"FLV\1",),
    "a video (Windows Media)": (b"0&\xb2u\x8ef\xcf\x11",),
    "a video (AVI)": (b"RIFF....AVI ",),
    "a video (MP4 or QuickTime)": tuple(
        b"...." + kind for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
    ),
    "a sound file (WAV)": (b"RIFF....WAVE",),
    "a sound file (MP3)": (b"ID3", b"\xff\xfb"),
    "a sound or video file (Ogg)": (b"OggS",),
    "a sound file (FLAC)": (b"fLaC",),
    "a RIFF file of another kind": (b"RIFF",),
    "a program": (b"\x7fELF", b"MZ"),
    "an old Office document": (b"\xd0\xcf\x11\xe0",),
    "a database": (b"SQLite format 3",),
    "a Git LFS pointer that stands for a file kept elsewhere": (b"version https://git-lfs",),
}


def scan(data: bytes) -> Scan:
    """Raises ImageError, with a sentence for the user, for no picture, a damaged one, and one that costs too much."""
    scanner = _scanner(data)
    if not scanner and data[:1].strip(BEFORE) == b"":
        data = data.lstrip(BEFORE)
        scanner = _scanner(data)
    if not scanner:
        raise no_picture(data)
    try:
        return scanner(data)
    except (struct.error, ValueError, LookupError, ArithmeticError) as error:
        raise ImageError(f"The picture is damaged: what it says of itself makes no sense ({error}).") from error


def _scanner(data: bytes) -> Callable[[bytes], Scan] | None:
    if data[4:8] == b"ftyp" and data[8:12] in IMAGE_BRANDS:
        return scan_heif
    return next((scanner for start, scanner in SCANNERS.items() if _begins(data, start)), None)


def _begins(data: bytes, start: bytes) -> bool:
    """Whether a file begins so; four dots are any four bytes."""
    before, dots, after = start.partition(b"....")
    return data.startswith(before) and (not dots or data.startswith(after, len(before) + 4))


def scan_bmp(data: bytes) -> Scan:
    """BMP (BITMAPINFOHEADER and its kin): only the header is looked at, since Pillow decodes run lengths in Python."""
    if len(data) < 26:
        raise damaged("a BMP", "it ends within its header")
    header_bytes, width, height = struct.unpack_from("<III", data, 14)
    bits = compression = 0
    if header_bytes == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_bytes in BMP_HEADER_SIZES and len(data) >= 54:
        bits, compression = struct.unpack_from("<HI", data, 28)
        height = 2**32 - height if data[25] == 0xFF else height
    else:
        raise no_picture(data)  # two letters alone are no sign
    if bits not in (1, 4, 8, 16, 24, 32):
        raise unread(f"a BMP of {bits} bits per pixel")
    if compression > 3:  # 1 and 2 are run lengths, 3 is raw with bit masks
        raise unread(f"a BMP of compression {compression}")
    if compression in (1, 2) and (width * height > MAX_RLE_PIXELS or len(data) > MAX_RLE_BYTES):
        raise too_costly("a run-length coded BMP", f"{width} x {height} pixels in {len(data) / 1e6:.1f} MB")
    return Scan(("BMP",), data, width, height)


def no_picture(data: bytes) -> ImageError:
    """The error for bytes that no format here begins with."""
    for kind, starts in PICTURES.items():
        if any(_begins(data, start) for start in starts):
            return ImageError(f"This is {kind}, which is not read here: give {READ}.")
    known = (kind for kind, starts in OTHERS.items() if any(_begins(data, start) for start in starts))
    return ImageError(f"This is not a picture but {next(known, None) or _text(data[:512])}: give {READ}.")


def _text(start: bytes) -> str:
    if not start.strip(b"\0"):
        return "a file of zeros, as an interrupted download leaves it"
    head = start.lstrip(BEFORE).lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return "a web page"
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # a character that the cut of 512 bytes divides is no sign
            return "a file of another kind"
    return "a file of another kind" if b"\x00" in start else "text"


SCANNERS: Mapping[bytes, Callable[[bytes], Scan]] = {
    b"\xff\xd8\xff": scan_jpeg,
    PNG_SIGNATURE: scan_png,
    b"GIF87a": scan_gif,
    b"GIF89a": scan_gif,
    b"RIFF....WEBP": scan_webp,
    b"BM": scan_bmp,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"), scan_tiff),
}
