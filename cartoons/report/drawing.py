"""The sheet that figures are drawn on: its colours, its type, and the SVG it becomes, for light pages and dark ones.

One unit is one CSS pixel, counted from the bottom left. Text stays text, so the reader's own fonts show any script and
emoji; a style rule in the SVG swaps the colours where the reader prefers dark.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartoons.model_folder import OTHER_LABEL

WIDTH_PX = 400
"""A figure this wide is legible on a phone; only matrices of many characters are wider, and scroll."""

INK, MUTED, RULE, PAPER = "#1d252c", "#5c6873", "#d5dbe0", "#fdfdfc"
BLUE, ORANGE = "#0b65a8", "#b3500b"
"""Apart in hue and in lightness from each other for every kind of colour vision, and legible as text."""

DARK = {INK: "#e8ebed", MUTED: "#9eaab4", RULE: "#39434b", PAPER: "#1b2126", BLUE: "#6db5ee", ORANGE: "#f2a25c"}
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
BODY_PX, SMALL_PX = 12.0, 10.5
EM_WIDTH = 0.62
"""The mean width of a letter in the widest usual font, in ems."""


@dataclass(frozen=True)
class Drawing:
    """A finished figure: a whole SVG file, and its size."""

    svg: bytes
    width_px: int
    height_px: int


def sheet(height_px: float, width_px: float = WIDTH_PX) -> tuple[Figure, Axes]:
    """An empty figure, and axes that cover it, in pixels, for words anywhere."""
    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor="none")
    whole = figure.add_axes((0, 0, 1, 1), facecolor="none", xlim=(0, width_px), ylim=(0, height_px))
    whole.set_axis_off()
    return figure, whole


def plot(figure: Figure, box: tuple[float, float, float, float], **limits: Any) -> Axes:
    """Axes at (left, bottom, width, height) in pixels: no frame, no ticks, a light grid."""
    width, height = (side * 72 for side in figure.get_size_inches())
    left, bottom, wide, high = box
    axes = figure.add_axes((left / width, bottom / height, wide / width, high / height), facecolor="none", **limits)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=SMALL_PX, labelcolor=MUTED, pad=5)
    return axes


def write(axes: Axes, x: float, y: float, words: str, **looks: Any) -> None:
    """Words at a place of the axes, never read as mathematics."""
    usual: dict[str, Any] = {"size": BODY_PX, "color": INK, "va": "center_baseline", "parse_math": False}
    axes.text(x, y, words, **(usual | looks))


def finish(figure: Figure) -> Drawing:
    """The figure as SVG."""
    width, height = (round(side * 72) for side in figure.get_size_inches())
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "figure"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # only measured with this font, and shown with the reader's
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = re.sub(r"<!DOCTYPE.*?>\s*|<metadata>.*?</metadata>\s*", "", file.getvalue(), flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", text)
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'width="{width}" height="{height}"', text, count=1)
    text = text.replace("</style>", f"{_dark_style()}</style>", 1)
    return Drawing(text.encode(), width, height)


def _dark_style() -> str:
    """Rules that repaint each colour; where they are not understood, the light colours stay."""
    rules = [
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    ]
    return f" @media (prefers-color-scheme: dark){{{''.join(rules)}}}"


def shown(label: str) -> str:
    """A label as a reader meets it: each word with a capital, `_other` in words, clean."""
    if label == OTHER_LABEL:
        return "None of these"
    return " ".join(word[:1].upper() + word[1:] for word in clean(label).split())


def clean(words: str) -> str:
    """The words without what no page or SVG can hold: control characters, halves of characters, unassigned ones."""
    return "".join("\ufffd" if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter for letter in words)


def breadth(words: str, size_px: float = BODY_PX) -> float:
    """About how wide the words will be, in pixels."""
    return sum(1.1 if unicodedata.east_asian_width(letter) in "WF" else EM_WIDTH for letter in words) * size_px


def fitted(words: str, most_px: float, size_px: float = BODY_PX) -> str:
    """The words, cut with an ellipsis where they would be wider than most_px."""
    if breadth(words, size_px) <= most_px:
        return words
    kept = next(k for k in range(len(words) - 1, -1, -1) if breadth(words[:k] + "…", size_px) <= most_px or k == 0)
    return words[:kept].rstrip() + "…"


def column(names: Sequence[str], most_px: float, size_px: float = BODY_PX) -> tuple[list[str], float]:
    """Names cut to fit a column, and the width of that column."""
    cut = [fitted(name, most_px, size_px) for name in names]
    return cut, max(breadth(name, size_px) for name in cut)
