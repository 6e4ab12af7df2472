"""Crafted files: what each costs, what opens although something is wrong with it, the reason that the others are given."""

import io
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from crafted_images import (
    COSTS,
    JPEG,
    PNG,
    REFUSED,
    RUBBISH,
    WHOLE,
    Crafted,
    chunk,
    cut_jpeg,
    photo,
    progressive_cut,
    segment,
    with_chunks,
    with_segments,
)
from PIL import Image

from cartoons.errors import ImageError
from cartoons.image_scan.scan import scan
from cartoons.images import encoded, load, opened_as_load, size_by_header

MOST_CPU_S = 1.5
"""The aim is one second on a quiet machine; whoever runs tests may have a busy one."""
MOST_MB = 400
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
EXIF = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 8, 0, 0)
"""Of a picture that is to be turned: orientation 8."""
CHILD = """
import json, os, resource, sys, time
from pathlib import Path
from cartoons.errors import ImageError
from cartoons.images import load
for path in sys.argv[1:]:
    if os.fork():
        os.wait()
        continue
    data, started = Path(path).read_bytes(), time.process_time()
    try:
        words = str(load(data).size) and ""
    except ImageError as error:
        words = str(error)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([words, time.process_time() - started, peak_mb]), flush=True)
    os._exit(0)
"""


@pytest.mark.slow
def test_every_crafted_file_costs_little(tmp_path: Path) -> None:
    """Each is opened by a fresh process; the memory is all that it takes, Python and Pillow included."""
    paths = [tmp_path / f"{number}" for number in range(len(COSTS))]
    for crafted, path in zip(COSTS, paths, strict=True):
        path.write_bytes(crafted.make())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(COSTS), done.stderr
    wrong = [
        (crafted.name, words, round(cpu_s, 2), round(peak_mb))
        for crafted, (words, cpu_s, peak_mb) in zip(COSTS, answers, strict=True)
        if bool(words) != bool(crafted.refused)
        or not re.search(crafted.refused, words)
        or cpu_s > MOST_CPU_S
        or peak_mb > MOST_MB
    ]
    assert not wrong


@pytest.mark.parametrize("crafted", WHOLE, ids=lambda crafted: crafted.name)
def test_whole_pixels_are_opened(crafted: Crafted) -> None:
    data = crafted.make()
    opened = load(data)
    assert opened.size == size_by_header(data) == (64, 48)
    assert np.abs(np.asarray(opened).astype(int) - np.asarray(photo())).mean() < 20


@pytest.mark.parametrize(
    "data",
    [
        cut_jpeg(0.95),
        cut_jpeg(0.97, mode="CMYK"),
        cut_jpeg(0.97, mode="L"),
        progressive_cut(-1),
        cut_jpeg(0.99, progressive=True),
    ],
)
def test_a_jpeg_that_lacks_its_last_bytes_opens(data: bytes) -> None:
    opened, whole = (
        np.asarray(picture.convert("L"))[: 240 * 9 // 10].astype(int) for picture in (load(data), photo(320, 240))
    )
    assert np.abs(opened - whole).mean() < 20


@pytest.mark.parametrize(
    "data",
    [
        with_segments(JPEG, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
        with_segments(JPEG, segment(0xE1, b"Exif\0\0" + EXIF), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
        with_chunks(PNG, chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))),
        with_chunks(
            PNG, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n26\n" + EXIF.hex().encode()))
        ),
        with_segments(
            JPEG, segment(0xE1, b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, 8, 0, 0))
        ),
        encoded(photo(), "WEBP", xmp=XMP),
        encoded(photo(), "TIFF", exif=EXIF),
        encoded(photo(), "AVIF", exif=EXIF),
    ],
)
def test_pictures_are_turned_as_pillow_turns_them(data: bytes) -> None:
    opened = load(data)
    assert opened.size == (48, 64)
    assert opened.tobytes() == opened_as_load(Image.open(io.BytesIO(data))).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_whole_jpeg_is_not_taken_for_a_cut_one(options: dict[str, object]) -> None:
    data = encoded(photo(320, 240), "JPEG", **options)
    assert scan(data).before_cut is None
    assert scan(data + RUBBISH).data == scan(data).data


@pytest.mark.parametrize("crafted", REFUSED, ids=lambda crafted: crafted.name)
def test_a_refusal_names_the_true_reason(crafted: Crafted) -> None:
    with pytest.raises(ImageError, match=crafted.refused):
        load(crafted.make())
