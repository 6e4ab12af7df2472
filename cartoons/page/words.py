"""The words of the page, as HTML. Labels are folder names from anywhere, so all are escaped."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from cartoons.classifier import Look, Prediction
from cartoons.model_folder import ModelInfo

MOST_SPOKEN = 8
"""Up to this many characters are named one by one."""


def opening(characters: Sequence[str], notice: str) -> str:
    """The title, what the page does, and, when another model than the one asked for answers, why."""
    warning = f'<p id="notice" role="status">{html.escape(notice)}</p>' if notice else ""
    return (
        f"<h1>Cartoon Classifier</h1><p>Drop, paste or photograph a picture: is it {spoken(characters, 'or')}?</p>{warning}"
    )


def headline(answer: Prediction | None, characters: Sequence[str]) -> str:
    """The sentence above the bars: a name, "I don't know this one", or, before any picture, a question."""
    if answer is None:
        return f'<div class="empty"><h2>Who is it?</h2><p>I know {spoken(characters, "and")}.</p></div>'
    name, sure = _name(answer.label), answer.probabilities[answer.label]
    if answer.known:
        return f'<div class="known"><h2>{name}</h2><p>{sure:.0%} sure</p></div>'
    return (
        '<div class="unknown"><h2>I don’t know this one</h2>'
        f"<p>It looks like none of my characters; the closest is {name}.</p></div>"
    )


def looked(look: Look | None) -> str:
    """A fold below the answer: the picture in the light of what its name came from. "" where the model cannot say."""
    if look is None or look.heat is None:
        return ""
    buffer = io.BytesIO()
    spotlight(look.square, look.heat).save(buffer, "JPEG", quality=85)
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    text = "the picture, dark and grey but for the parts that spoke for the answer"
    return f'<details class="looked"><summary>Where it looked</summary><img src="{source}" alt="{text}"></details>'


def spotlight(square: Image.Image, heat: NDArray[np.float64]) -> Image.Image:
    """An RGB square, grey and dim where heat (rows, columns; any scale from 0) is low."""
    light = (heat / max(float(heat.max()), 1e-9) * 255).round().astype(np.uint8)
    mask = Image.fromarray(light).resize(square.size, Image.Resampling.BICUBIC)
    dim = ImageEnhance.Brightness(square.convert("L").convert("RGB")).enhance(0.35)
    return Image.composite(square, dim, mask)


def colophon(info: ModelInfo) -> str:
    """Which model answers, of when, and what becomes of the pictures."""
    return (
        f"<p>Model <b>{html.escape(info.name)}</b> · revision <code>{info.revision}</code> · "
        f"{html.escape(info.created[:10])} · pictures are deleted within minutes</p>"
    )


def spoken(names: Sequence[str], joint: str) -> str:
    """("a", "b", "c") as "a, b and c"; a long list as its length."""
    if len(names) > MOST_SPOKEN:
        return f"one of {len(names)} characters" if joint == "or" else f"{len(names)} characters"
    marked = [_name(name) for name in names]
    return f"{', '.join(marked[:-1])} {joint} {marked[-1]}" if len(marked) > 1 else marked[0]


def _name(label: str) -> str:
    """A label, escaped, for CSS to capitalise."""
    return f'<span class="name">{html.escape(label)}</span>'
