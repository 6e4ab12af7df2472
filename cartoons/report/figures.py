"""The figures of the training report, each from numbers alone: pure functions that give a `Drawing`.

Blue is the good news or the model as it is kept, orange what it is compared with; both are named in the figure itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cartoons.report.drawing import (
    BLUE,
    BODY_PX,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    RULE,
    SMALL_PX,
    WIDTH_PX,
    Drawing,
    column,
    finish,
    plot,
    sheet,
    write,
)

NAMES_PX, SMALL_NAMES_PX = 136, 112
"""The most room that names get at the left of a figure, and of a matrix of many characters."""

LEANING = 0.62
"""The cosine of the angle at which the names of the columns lean."""

ROOMY_PX = 40
"""A cell of the confusion matrix this wide holds its share as well as its count."""

Row = Mapping[str, Any]


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Drawing:
    """Counts of answers: a row per true character, a column per answer; shaded by the share of the row."""
    size = len(names)
    type_px = BODY_PX if size <= 14 else SMALL_PX
    cut, names_px = column(names, NAMES_PX if size <= 6 else SMALL_NAMES_PX, type_px)
    margin = max(36.0, LEANING * names_px - 6)  # at the right: the shares, and the end of the last leaning name
    side = max(20.0, min(62.0, (WIDTH_PX - names_px - 8 - margin) / size))
    left, head = names_px + 8, names_px * 0.78 + 26
    figure, axes = sheet(head + size * side + 22, max(WIDTH_PX, left + size * side + margin))
    bottom = 20.0
    top = bottom + size * side
    for row, numbers in enumerate(counts):
        y, total = top - (row + 0.5) * side, sum(numbers)
        write(axes, left - 7, y, cut[row], ha="right", size=type_px)
        lean: dict[str, Any] = {"rotation": 52, "rotation_mode": "anchor", "va": "baseline"}
        write(axes, left + (row + 0.5) * side, top + 7, cut[row], size=type_px, **lean)
        write(axes, left + size * side + 7, y, _percent(numbers[row], total), size=SMALL_PX, color=BLUE)
        for answer, number in enumerate(numbers):
            _cell(
                axes,
                (left + answer * side, y - side / 2, side),
                (number, total),
                right=answer == row,
                roomy=side >= ROOMY_PX,
            )
    for line in range(size + 1):
        axes.plot([left, left + size * side], [top - line * side] * 2, color=RULE, linewidth=0.8)
        axes.plot([left + line * side] * 2, [bottom, top], color=RULE, linewidth=0.8)
    write(axes, left - 7, top + 10, "was ↓  said →", ha="right", size=SMALL_PX, color=MUTED)
    write(axes, left + size * side, 8, "right", ha="right", size=SMALL_PX, color=BLUE, weight="bold")
    write(axes, left + size * side - 34, 8, "wrong", ha="right", size=SMALL_PX, color=ORANGE, weight="bold")
    return finish(figure)


def _cell(axes: Axes, place: tuple[float, float, float], numbers: tuple[int, int], *, right: bool, roomy: bool) -> None:
    """A cell at (left, bottom, side): number of total answers, the stronger the larger their share."""
    (x, y, side), (number, total) = place, numbers
    if not number:
        write(axes, x + side / 2, y + side / 2, "·", ha="center", color=MUTED, size=SMALL_PX)
        return
    share = number / total
    strength = 0.12 + 0.88 * share
    axes.add_patch(Rectangle((x, y), side, side, facecolor=BLUE if right else ORANGE, alpha=strength, linewidth=0))
    colour = PAPER if strength > 0.55 else INK
    if not roomy:
        write(axes, x + side / 2, y + side / 2, str(number), ha="center", color=colour, size=9 if number > 99 else SMALL_PX)
        return
    write(axes, x + side / 2, y + side / 2 + 8, str(number), ha="center", color=colour, size=15, weight="bold")
    write(axes, x + side / 2, y + side / 2 - 11, _percent(number, total), ha="center", color=colour, size=SMALL_PX)


def per_class(names: Sequence[str], rows: Sequence[Row]) -> Drawing:
    """Recall and precision with their 95 % intervals, a pair of lines per character."""
    high = 38 if len(rows) <= 12 else 27
    cut, names_px = column(names, NAMES_PX)
    figure, words = sheet(len(rows) * high + 58)
    wide = WIDTH_PX - names_px - 12 - 44
    lows = [row[f"{what}_95"][0] for row in rows for what in ("recall", "precision") if row.get(f"{what}_95")]
    low = min(0.9, max(0.0, math.floor(min(lows, default=0.0) * 10 - 0.01) / 10))
    limits = {"xlim": (low - 0.005, 1.005), "ylim": (len(rows) - 0.5, -0.5)}
    axes = plot(figure, (names_px + 12, 24, wide, len(rows) * high), **limits)
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for k, (name, row) in enumerate(zip(cut, rows, strict=True)):
        y = 24 + (len(rows) - k - 0.5) * high
        write(words, names_px + 2, y, name, ha="right")
        for what, colour, marker, shift in (("recall", BLUE, "o", 0.17), ("precision", ORANGE, "D", -0.17)):
            if row.get(what) is None:
                continue
            if row.get(f"{what}_95"):
                axes.plot(row[f"{what}_95"], [k - shift] * 2, color=colour, linewidth=1.6, alpha=0.65, solid_capstyle="butt")
            axes.plot(row[what], k - shift, marker, color=colour, markersize=5.5 if marker == "o" else 4.6, clip_on=False)
            write(words, WIDTH_PX - 36, y + shift * high, f"{row[what]:.2f}", size=SMALL_PX, color=colour)
    key = len(rows) * high + 44
    write(words, min(names_px + 12, 92), key, "● recall: found", size=SMALL_PX, color=BLUE, weight="bold")
    write(words, WIDTH_PX - 4, key, "◆ precision: right when named", size=SMALL_PX, color=ORANGE, weight="bold", ha="right")
    return finish(figure)


def robustness(rows: Mapping[str, Row]) -> Drawing:
    """The balanced accuracy on changed pictures, beside that on the pictures as they are (the first row)."""
    (_, first), *changed = rows.items()
    base = first["balanced_accuracy"]
    changed.sort(key=lambda pair: float(pair[1]["balanced_accuracy"]))
    cut, names_px = column([name for name, _ in changed], NAMES_PX)
    high, left = 25, names_px + 14
    wide = WIDTH_PX - left - 96
    figure, words = sheet(len(changed) * high + 54)
    values = [base, *(row["balanced_accuracy"] for _, row in changed)]
    margin = max(0.02, (max(values) - min(values)) * 0.12)
    limits = {"xlim": (min(values) - margin, max(values) + margin), "ylim": (len(changed) - 0.5, -0.5)}
    axes = plot(figure, (left, 24, wide, len(changed) * high), **limits)
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.axvline(base, color=BLUE, linewidth=1.4)
    for k, (name, (_, row)) in enumerate(zip(cut, changed, strict=True)):
        value, y = row["balanced_accuracy"], 24 + (len(changed) - k - 0.5) * high
        write(words, names_px + 4, y, name, ha="right")
        axes.plot([base, value], [k, k], color=ORANGE, linewidth=1.6, alpha=0.55)
        axes.plot(value, k, "o", color=ORANGE, markersize=6.5)
        write(words, WIDTH_PX - 84, y, f"{value:.3f}", size=SMALL_PX)
        write(words, WIDTH_PX - 2, y, f"{value - base:+.3f}".replace("-", "−"), size=SMALL_PX, color=MUTED, ha="right")
    place = left + (base - limits["xlim"][0]) / (limits["xlim"][1] - limits["xlim"][0]) * wide
    side = "right" if place > left + wide / 2 else "left"
    write(
        words, place, len(changed) * high + 38, f"as they are: {base:.3f}", size=SMALL_PX, color=BLUE, weight="bold", ha=side
    )
    return finish(figure)


def _percent(part: int, whole: int) -> str:
    """A share as words: "97 %", or a dash for a share of nothing."""
    return f"{part / whole:.0%}".replace("%", " %") if whole else "–"
