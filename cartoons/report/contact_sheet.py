"""The contact sheet of the training report: pictures.html, and thumbnails of the training pictures that it shows.

It is for whoever owns the pictures, to see what the model was given and to find wrong labels; it is not published.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cartoons.console import command
from cartoons.errors import ImageError
from cartoons.files import write_atomically
from cartoons.images import encoded, load
from cartoons.report.pages import render

THUMBNAIL_PX, JPEG_QUALITY = 168, 82

Augmented = Sequence[tuple[str, Sequence[Image.Image]]]


def write_contact_sheet(folder: Path, findings: Mapping[str, Any], augmented: Augmented) -> None:
    """Write pictures/*.jpg and pictures.html, and remove the thumbnails of an earlier report."""
    thumbnails = folder / "pictures"
    thumbnails.mkdir(parents=True, exist_ok=True)
    wrong = [row for row in findings.get("top_losses", []) if row["answer"] != row["label"]]
    files: dict[str, dict[str, str]] = {}
    for row in [*findings.get("batch", []), *wrong, *findings.get("mislabelled", [])]:
        if (path := row["path"]) not in files:
            try:
                files[path] = {"name": _write_thumbnail(thumbnails, load(path))}
            except ImageError as error:
                files[path] = {"short": "/".join(Path(path).parts[-2:]), "reason": str(error)}
    strips = [
        (label, [_write_thumbnail(thumbnails, each) for each in pictures]) for label, pictures in augmented if pictures
    ]
    review = command("python", "scrape.py", "review", Path(findings.get("folder", "DIR")), "--model", folder.parent)
    page = render("contact_sheet", f=findings, augmented=strips, wrong=wrong, files=files, command=review)
    write_atomically(folder / "pictures.html", page)
    shown = {file.get("name") for file in files.values()}.union(*(names for _, names in strips))
    for path in thumbnails.glob("*.jpg"):
        if path.name not in shown:
            path.unlink()


def _write_thumbnail(folder: Path, picture: Image.Image) -> str:
    """Write a small copy, named by its content, so that none is kept twice; its name."""
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    data = encoded(small, "JPEG", quality=JPEG_QUALITY)
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.jpg"
    write_atomically(folder / name, data)
    return name
