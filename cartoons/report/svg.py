"""matplotlib's figures as SVG: their type and their sheet, for light pages and dark ones.

One unit is one CSS pixel, counted from the bottom left. Text stays text, so that the reader's own fonts show any script and
emoji; a style rule swaps the colours where the reader prefers dark.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartoons.report.pages import DARK, INK, MUTED, RULE

WIDTH_PX = 352
"""A figure this wide is legible on a phone; only matrices of many characters are wider, and scroll."""

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
BODY_PX, SMALL_PX = 13.0, 12.0
"""At least 11 px also where a phone of 360 px shows them smaller."""

STYLE: Any = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), "none"),
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
    **{f"{axis}tick.{size}.size": 0 for axis in "xy" for size in ("major", "minor")},
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in (("labelcolor", MUTED), ("major.pad", 5))},
    **{"axes.grid": True, "grid.color": RULE, "grid.linewidth": 0.8, "axes.axisbelow": True, "font.size": SMALL_PX},
    **{"text.color": INK, "text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "figure"},
}
EM_WIDTH = 0.62
"""The mean width of a letter in the widest usual font, in ems."""

NAMES_PX = 128
"""The most room that names get at the left of a figure."""

P = ParamSpec("P")


@dataclass(frozen=True)
class SvgFigure:
    """A whole SVG file, and its size."""

    svg: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Plot:
    """A figure of the report; key names its file."""

    key: str
    title: str
    caption: str
    alt: str
    svg: SvgFigure

    @property
    def file(self) -> str:
        """The name of the figure's file."""
        return f"{self.key}.svg"

    @property
    def is_wide(self) -> bool:
        """Whether it is too wide for a phone, and needs to scroll there."""
        return self.svg.width_px > WIDTH_PX


def as_svg(draw: Callable[P, Figure]) -> Callable[P, SvgFigure]:
    """The function with the figure that it draws, in STYLE, as SVG."""

    @wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> SvgFigure:
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph ")  # only measured with this font, and shown with the reader's
            figure, file = draw(*arguments, **named), io.StringIO()
            figure.savefig(file, format="svg", metadata={"Date": None})
        width, height = (round(side * 72) for side in figure.get_size_inches())
        text = re.sub(r"<!DOCTYPE.*?>\s*|<metadata>.*?</metadata>\s*", "", file.getvalue(), flags=re.DOTALL)
        text = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", text)
        text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'width="{width}" height="{height}"', text, count=1)
        kinds = ("fill", "stroke")
        dark = [f'[style*="{k}: {light}"]{{{k}:{DARK[light]}!important}}' for light in DARK for k in kinds]
        style = f" @media (prefers-color-scheme: dark){{{''.join(dark)}}}"
        return SvgFigure(text.replace("</style>", f"{style}</style>", 1).encode(), width, height)

    return drawn


def sheet(height_px: float, width_px: float = WIDTH_PX) -> tuple[Figure, Axes]:
    """An empty figure, and axes that cover it, in pixels, for text anywhere."""
    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72)
    whole = figure.add_axes((0, 0, 1, 1), xlim=(0, width_px), ylim=(0, height_px))
    whole.set_axis_off()
    return figure, whole


def plot(figure: Figure, left: float, bottom: float, size: tuple[float, float], **limits: Any) -> Axes:
    """Axes of (width, height) at a place, in pixels."""
    width, height = (side * 72 for side in figure.get_size_inches())
    return figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height), **limits)


def write(axes: Axes, x: float, y: float, words: str, color: str = INK, **looks: Any) -> None:
    """Words at a place of the axes."""
    axes.text(x, y, words, **({"color": color, "va": "center_baseline"} | looks))


def fitted(words: str, most_px: float, size_px: float = BODY_PX) -> str:
    """The words, cut with an ellipsis where they would be wider than most_px."""
    if _breadth(words, size_px) <= most_px:
        return words
    kept = next(k for k in range(len(words) - 1, -1, -1) if _breadth(words[:k] + "…", size_px) <= most_px or k == 0)
    return words[:kept].rstrip() + "…"


def _breadth(words: str, size_px: float) -> float:
    return sum(1.1 if unicodedata.east_asian_width(letter) in "WF" else EM_WIDTH for letter in words) * size_px


def column(names: Sequence[str], most_px: float = NAMES_PX, size_px: float = BODY_PX) -> tuple[list[str], float]:
    """Names cut to fit a column, and the width of that column."""
    cut = [fitted(name, most_px, size_px) for name in names]
    return cut, max(_breadth(name, size_px) for name in cut)
