"""The HTML pages of the reports: the Jinja2 templates of pages.html, and how they show labels and numbers."""

import unicodedata
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from cartoons.errors import counted
from cartoons.model_folder import OTHER_LABEL

INK, MUTED, RULE, PAPER = "#1d252c", "#5c6873", "#d5dbe0", "#fdfdfc"
BLUE, ORANGE = "#0b65a8", "#b3500b"
"""Apart in hue and in lightness from each other for every kind of colour vision, and legible as text."""

DARK = {INK: "#e8ebed", MUTED: "#9eaab4", RULE: "#39434b", PAPER: "#1b2126", BLUE: "#6db5ee", ORANGE: "#f2a25c"}
COLOURS = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER, "blue": BLUE, "orange": ORANGE}
NARROW = "\u202f"
"""A narrow space, at which no line breaks."""


def shown(label: str) -> str:
    """A label as a reader meets it: each word with a capital, `_other` in words, clean."""
    if label == OTHER_LABEL:
        return "None of these"
    return " ".join(word[:1].upper() + word[1:] for word in clean(label).split())


def clean(words: str) -> str:
    """The words without what no page or SVG can hold: control characters, halves of characters, unassigned ones."""
    return "".join("\ufffd" if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter for letter in words)


def percent(share: float, digits: int = 0) -> str:
    """A share as "97 %"."""
    return f"{share:.{digits}%}".replace("%", f"{NARROW}%")


def render(macro: str, **context: Any) -> bytes:
    """A whole page, by a macro of pages.html. It asks nothing of a network; what it shows is escaped and clean."""
    return str(getattr(_templates.get_template("pages.html").module, macro)(**context)).encode(errors="replace")


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: clean(value) if type(value) is str else value,
)
_templates.filters |= {"shown": shown, "percent": percent, "counted": counted}
_templates.globals |= {"light": COLOURS, "dark": {name: DARK[colour] for name, colour in COLOURS.items()}}
