"""What a file is whose format is not read here, in words, by the bytes that it begins with."""

from cartoons.errors import ImageError

READ = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
PICTURES = {
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"II\xbc": "a JPEG XR picture",
    b"8BPS": "a Photoshop document (PSD)",
    b"gimp xcf": "a GIMP document (XCF)",
    b"\0\0\1\0": "an icon (ICO)",
    b"\0\0\2\0": "a mouse pointer (CUR)",
    b"icns": "an icon (ICNS)",
    b"qoif": "a QOI picture",
    b"DDS ": "a DDS texture",
    b"BPG\xfb": "a BPG picture",
    b"FLIF": "a FLIF picture",
    b"v/1\1": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"SIMPLE  =": "a FITS picture",
    b"%!PS": "a PostScript drawing",
    b"\xc5\xd0\xd3\xc6": "a PostScript drawing",
    b"\xd7\xcd\xc6\x9a": "a Windows drawing (WMF)",
    b"\1\0\0\0\x6c\0\0\0": "a Windows drawing (EMF)",
    b"FUJIFILMCCD-RAW": "a camera's raw picture (RAF)",
    b"IIRO": "a camera's raw picture (ORF)",
    b"IIRS": "a camera's raw picture (ORF)",
    b"IIU\0": "a camera's raw picture (RW2)",
    b"FOVb": "a camera's raw picture (X3F)",
    b"\x8aMNG": "an MNG animation",
    **{b"P%d%c" % (digit, end): "a PNM picture" for digit in range(1, 8) for end in b"\n\r\t #"},
}
OTHERS = {
    b"%PDF": "a PDF",
    b"PK\3\4": "a ZIP archive, or a document made of one (DOCX, EPUB, ...)",
    b"PK\5\6": "an empty ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x1aE\xdf\xa3": "a video (Matroska or WebM)",
    b"\0\0\1\xba": "a video (MPEG)",
    b"\0\0\1\xb3": "a video (MPEG)",
    b"FLV\1": "a video (Flash)",
    b"0&\xb2u\x8ef\xcf\x11": "a video (Windows Media)",
    b"ID3": "a sound file (MP3)",
    b"\xff\xfb": "a sound file (MP3)",
    b"OggS": "a sound or video file (Ogg)",
    b"fLaC": "a sound file (FLAC)",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"SQLite format 3": "a database",
    b"version https://git-lfs": "a Git LFS pointer that stands for a file kept elsewhere",
}
RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "a sound file (WAV)"}
MOVIES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}


def no_picture(data: bytes) -> ImageError:
    """The error for bytes that no format here begins with."""
    for start, words in PICTURES.items():
        if data.startswith(start):
            return ImageError(f"This is {words}, which is not read here: give {READ}.")
    if data[4:12] == b"ftypcrx ":
        return ImageError(f"This is a camera's raw picture (CR3), which is not read here: give {READ}.")
    return ImageError(f"This is not a picture but {_looks_like(data)}: give {READ}.")


def _looks_like(data: bytes) -> str:
    for start, words in OTHERS.items():
        if data.startswith(start):
            return words
    if data[:4] == b"RIFF":
        return RIFF.get(data[8:12], "a RIFF file of another kind")
    if data[4:8] == b"ftyp" or data[4:8] in MOVIES:
        return "a video (MP4 or QuickTime)"
    return _text(data[:512])


def _text(start: bytes) -> str:
    if not start.strip(b"\0"):
        return "a file of zeros, as an interrupted download leaves it"
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
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
