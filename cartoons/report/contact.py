"""The contact sheets of the training report: pictures.html, and small copies of the training pictures that it shows.

They are for whoever owns the pictures, to see what the model was given and to find wrong labels; they are not published.
"""

import hashlib
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cartoons.errors import ImageError
from cartoons.files import write_atomically
from cartoons.images import load
from cartoons.report.document import document, name
from cartoons.report.drawing import clean, shown
from cartoons.report.readings import percent

PAGE_FILE = "pictures.html"
PICTURES_FOLDER = "pictures"
THUMBNAIL_PX = 168
JPEG_QUALITY = 82

Augmented = Sequence[tuple[str, Sequence[Image.Image]]]


def write_contact(folder: Path, findings: Mapping[str, Any], augmented: Augmented) -> None:
    """Write pictures/*.jpg and pictures.html, and remove the small pictures of an earlier report."""
    prints = Prints(folder / PICTURES_FOLDER)
    sheets = [
        _batch(findings.get("batch") or [], prints),
        _augmented(augmented, prints),
        _losses(findings.get("top_losses") or [], prints),
        _mislabelled(findings.get("mislabelled") or [], prints),
        _broken(findings.get("left_out") or []),
    ]
    found = "".join(sheets) or '<p class="sheet">No pictures were given for this report.</p>'
    title = f"{clean(findings['name'])}: pictures"
    body = (
        f'<p class="kicker"><a href="index.html">Training report</a></p><h1>{html.escape(title)}</h1>'
        '<p class="quiet">These are training pictures and belong to their owners: keep this page and the folder '
        f"<code>{PICTURES_FOLDER}</code> at home. The rest of the report shows none of them.</p>{found}"
    )
    write_atomically(folder / PAGE_FILE, document(title, body))
    prints.forget_others()


class Prints:
    """Small copies of pictures in a folder, each named by its content, so that none is kept twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._of_path: dict[str, str] = {}
        self._names: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def of_file(self, path: str, alt: str) -> str:
        """An <img> of a picture file; where it cannot be opened, a box with its name and the reason."""
        if path not in self._of_path:
            try:
                self._of_path[path] = self._keep(load(path))
            except ImageError as error:
                reason = html.escape(clean(str(error)))
                return f'<span class="lost" title="{reason}"><b>{html.escape(_short(path))}</b> cannot be opened</span>'
        return _image(self._of_path[path], alt)

    def of_picture(self, picture: Image.Image, alt: str) -> str:
        """An <img> of a picture in memory."""
        return _image(self._keep(picture), alt)

    def forget_others(self) -> None:
        """Remove the small pictures that this report does not show."""
        for path in self.folder.glob("*.jpg"):
            if path.name not in self._names:
                path.unlink()

    def _keep(self, picture: Image.Image) -> str:
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=JPEG_QUALITY)
        data = file.getvalue()
        named = f"{hashlib.sha256(data).hexdigest()[:16]}.jpg"
        if named not in self._names:
            write_atomically(self.folder / named, data)
            self._names.add(named)
        return named


def _image(named: str, alt: str) -> str:
    return f'<img src="{PICTURES_FOLDER}/{named}" alt="{html.escape(clean(alt))}">'


def _batch(rows: Sequence[Mapping[str, Any]], prints: Prints) -> str:
    cells = [
        f'<div class="print">{prints.of_file(row["path"], shown(row["label"]))}{name(row["label"])}</div>' for row in rows
    ]
    return _sheet("Pictures as they were given", "A handful, with the label each has.", _grid(cells))


def _augmented(augmented: Augmented, prints: Prints) -> str:
    """A strip per picture: as it is, then changed."""
    strips = []
    for label, pictures in augmented:
        cells = [
            f'<div class="print">{prints.of_picture(picture, shown(label) + (f", changed, {k}" if k else ""))}</div>'
            for k, picture in enumerate(pictures)
        ]
        if cells:
            strips.append(f'<p class="quiet">{name(label)}</p><div class="strip">{"".join(cells)}</div>')
    words = "First as it is, then as the model met it in training: it must still be the same character."
    return _sheet("Changed pictures", words, "".join(strips))


def _losses(rows: Sequence[Mapping[str, Any]], prints: Prints) -> str:
    cells = [
        f'<div class="print" title="{html.escape(clean(row["path"]))}">{prints.of_file(row["path"], shown(row["label"]))}'
        f"{name(row['label'])}<small>it said {name(row['answer'])}, {percent(row['probability'])} sure; "
        f"loss {row['loss']:.2f}</small></div>"
        for row in rows
    ]
    return _sheet("Where it was most wrong", "Each judged by a model that was not trained on it.", _grid(cells))


def _mislabelled(rows: Sequence[Mapping[str, Any]], prints: Prints) -> str:
    lines = [
        f'<li><div class="print">{prints.of_file(row["path"], shown(row["label"]))}</div><div>'
        f"<p><code>{html.escape(clean(row['path']))}</code></p><p>Label now: <b>{name(row['label'])}</b></p>"
        f"<p>Suggested: <b>{name(row['suggested'])}</b>, {percent(row['probability'])} sure</p></div></li>"
        for row in rows
    ]
    words = "The model, not trained on them, was sure of another label. Look, and move those that are wrong."
    return _sheet("Probably mislabelled", words, f'<ul class="doubts">{"".join(lines)}</ul>' if lines else "")


def _broken(rows: Sequence[Sequence[str]]) -> str:
    lines = [
        f"<li><div><code>{html.escape(clean(path))}</code></div><div>{html.escape(clean(why))}</div></li>"
        for path, why in rows
    ]
    return _sheet("Left out", "These files could not be used.", f'<ul class="broken">{"".join(lines)}</ul>' if lines else "")


def _grid(cells: Sequence[str]) -> str:
    return f'<div class="prints">{"".join(cells)}</div>' if cells else ""


def _sheet(title: str, words: str, content: str) -> str:
    """A section, or nothing where there is nothing to show."""
    return f'<section class="sheet"><h2>{title}</h2><p class="quiet">{words}</p>{content}</section>' if content else ""


def _short(path: str) -> str:
    """A path's folder and name, which say enough under a picture."""
    return clean("/".join(Path(path).parts[-2:]))
