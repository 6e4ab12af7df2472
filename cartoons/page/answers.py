"""Answers as the page shows them: each beside its picture, in a format that browsers show, with where the network looked."""

import asyncio
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cartoons.classifier import Classifier, Look
from cartoons.errors import ImageError
from cartoons.images import encoded, load
from cartoons.model_folder import ModelInfo
from cartoons.page.heat_map import mask_url
from cartoons.page.result_card import result_card
from cartoons.page.words import answer_html
from cartoons.serving.corrections import Corrections
from cartoons.serving.picture_service import Answered, PictureService
from cartoons.serving.uploads import UploadFolder

SHOWN_BY_NO_BROWSER = {"HEIF", "TIFF"}
JPEG_QUALITY = 90


@dataclass(frozen=True)
class AnsweredExample:
    """An example, and what the model says of it."""

    path: Path
    size: tuple[int, int]
    """Width and height."""
    look: Look


@dataclass(frozen=True)
class PageAnswers:
    """What answers a visitor's pictures; corrections: where the visitor may say what is right."""

    service: PictureService
    uploads: UploadFolder
    corrections: Corrections | None

    async def answer(self, data: bytes, route: str) -> tuple[Path, str]:
        """An upload that browsers show, and the answer to it as HTML. Raises ImageError, BusyError."""
        found = await asyncio.wrap_future(self.service.submit(data, route, look=True))
        return await asyncio.to_thread(self._shown, found, data)

    async def answer_upload(self, data: bytes) -> dict[str, str]:
        """`answer`, for page.js; no answer to what is refused: the page asks about it again, and clears it away.

        Raises BusyError.
        """
        self.uploads.make_room(len(data))
        try:
            path, answer = await self.answer(data, "page")
        except ImageError:
            path, answer = await asyncio.to_thread(self.uploads.add, "picture", data), ""
            self.uploads.hold([str(path)])
        return {"path": str(path), "answer": answer}

    def to_html(self, found: Answered, picture_id: str) -> str:
        """The answer as HTML, which names its picture; the visitor may correct it from now on."""
        assert found.look is not None
        if self.corrections:
            self.corrections.remember(picture_id, found.prediction, found.picture)
        return answer_to(found.look, found.picture.size, self.service.classifier.info, picture_id)

    def _shown(self, found: Answered, data: bytes) -> tuple[Path, str]:
        path = add_for_browser(found.picture, data, self.uploads)
        return path, self.to_html(found, path.parent.name)


def clearest(classifier: Classifier, examples: Sequence[Path]) -> AnsweredExample | None:
    """The example that the model is surest of; None where it knows none of them."""
    pictures = [(path, load(path)) for path in examples]
    answered = [AnsweredExample(path, picture.size, classifier.look(picture)) for path, picture in pictures]
    known = [example for example in answered if example.look.answer.known]
    return max(known, key=lambda example: max(example.look.answer.probabilities.values()), default=None)


def answer_to(look: Look, size: tuple[int, int], info: ModelInfo, picture_id: str, *, is_example: bool = False) -> str:
    """The answer to a picture of that size (width, height), as HTML, and its card, for answer.js.

    is_example: it is what the page opens with, and says so.
    """
    mask = "" if look.heat is None else mask_url(look.heat, size, info.resize)
    card = f'<div hidden data-card="{html.escape(result_card(look.answer, info))}"></div>'
    return card + answer_html(look.answer, info, picture_id, mask, is_example=is_example)


def picture_id(upload: Any) -> str:
    """The hash in an upload's path, which is in the address of what the browser shows too; "" where there is none."""
    return Path(str(upload["path"])).parent.name if isinstance(upload, dict) and upload.get("path") else ""


def add_for_browser(picture: Image.Image, data: bytes, uploads: UploadFolder) -> Path:
    """A loaded picture's file among the uploads: its bytes as they are, or a JPEG where no browser shows the format.

    It is deleted seconds later, as an upload is that was answered.
    """
    name = f"picture.{str(picture.format).lower()}"
    if picture.format in SHOWN_BY_NO_BROWSER:
        name, data = "picture.jpg", encoded(picture, "JPEG", quality=JPEG_QUALITY)
    path = uploads.add(name, data)
    uploads.hold([str(path)])
    uploads.release({"path": str(path)}, shown=True)
    return path
