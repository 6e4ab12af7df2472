"""The figures of the training report: pure functions of numbers that give SVG.

Blue is the model as it is kept, orange what it is compared with; both are named in the figure itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cartoons.report.pages import BLUE, INK, MUTED, ORANGE, PAPER, RULE
from cartoons.report.svg import BODY_PX, NAMES_PX, SMALL_PX, WIDTH_PX, as_svg, column, plot, sheet, write

LEFT_PX = 44
"""The room for the numbers of the vertical axis."""

LEANING = 0.62
"""The cosine of the angle at which the names of the confusion matrix's columns lean."""

Metrics = Mapping[str, Any]


@as_svg
def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """Counts of answers: a row per true character, a column per answer; shaded by the share of the row."""
    size = len(names)
    type_px = BODY_PX if size <= 14 else SMALL_PX
    cut, names_px = column(names, NAMES_PX if size <= 6 else 112, type_px)
    margin = max(36.0, LEANING * names_px - 6)  # at the right: the shares, and the end of the last leaning name
    digits = len(str(max(map(max, counts))))
    side = max(21.0, 8.0 * digits, min(62.0, (WIDTH_PX - names_px - 8 - margin) / size))
    left, bottom = names_px + 8, 20.0
    right, top = left + size * side, bottom + size * side
    figure, axes = sheet(top + names_px * 0.78 + 28, max(WIDTH_PX, right + margin))
    for row, numbers in enumerate(counts):
        y, total = top - (row + 0.5) * side, sum(numbers)
        write(axes, left - 7, y, cut[row], ha="right", size=type_px)
        lean: dict[str, Any] = {"rotation": 52, "rotation_mode": "anchor", "va": "baseline"}
        write(axes, left + (row + 0.5) * side, top + 7, cut[row], size=type_px, **lean)
        write(axes, right + 7, y, _percent(numbers[row], total), BLUE)
        for answer, number in enumerate(numbers):
            _cell(axes, (left + answer * side, y - side / 2, side), (number, total), BLUE if answer == row else ORANGE)
    for line in range(size + 1):
        axes.plot([left, right], [top - line * side] * 2, color=RULE, linewidth=0.8)
        axes.plot([left + line * side] * 2, [bottom, top], color=RULE, linewidth=0.8)
    write(axes, left - 7, top + 10, "was ↓  said →", MUTED, ha="right")
    write(axes, right, 8, "right", BLUE, ha="right", weight="bold")
    write(axes, right - 40, 8, "wrong", ORANGE, ha="right", weight="bold")
    return figure


def _cell(axes: Axes, place: tuple[float, float, float], numbers: tuple[int, int], face: str) -> None:
    """A cell at (left, bottom, side): number of total answers, the stronger the larger their share."""
    (left, bottom, side), (number, total) = place, numbers
    x, y, strength = left + side / 2, bottom + side / 2, 0.12 + 0.88 * number / (total or 1)
    if not number:
        return write(axes, x, y, "·", MUTED, ha="center")
    axes.add_patch(Rectangle((left, bottom), side, side, facecolor=face, alpha=strength, linewidth=0))
    colour = PAPER if strength > 0.55 else INK
    if side < 40:
        return write(axes, x, y, str(number), colour, ha="center")
    write(axes, x, y + 8, str(number), colour, ha="center", size=15, weight="bold")
    return write(axes, x, y - 11, _percent(number, total), colour, ha="center")


def _percent(part: int, whole: int) -> str:
    """A share as words: "97 %", or a dash for a share of nothing."""
    return f"{part / whole:.0%}".replace("%", " %") if whole else "–"


@as_svg
def per_class(names: Sequence[str], rows: Sequence[Metrics]) -> Figure:
    """Recall and precision with their 95 % intervals, a pair of lines per character."""
    high = 40 if len(rows) <= 12 else 32
    cut, names_px = column(names)
    figure, words = sheet(len(rows) * high + 58)
    lows = [row[f"{what}_95"][0] for row in rows for what in ("recall", "precision") if row.get(f"{what}_95")]
    low = min(0.9, max(0.0, math.floor(min(lows, default=0.0) * 10 - 0.01) / 10))
    limits = {"xlim": (low - 0.005, 1.005), "ylim": (len(rows) - 0.5, -0.5), "yticks": []}
    axes = plot(figure, names_px + 12, 24, (WIDTH_PX - names_px - 56, len(rows) * high), **limits)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for k, (name, row) in enumerate(zip(cut, rows, strict=True)):
        y = 24 + (len(rows) - k - 0.5) * high
        write(words, names_px + 2, y, name, ha="right", size=BODY_PX)
        for what, colour, marker, shift in (("recall", BLUE, "o", 0.18), ("precision", ORANGE, "D", -0.18)):
            if row.get(what) is None:
                continue
            if row.get(f"{what}_95"):
                axes.plot(row[f"{what}_95"], [k - shift] * 2, color=colour, linewidth=1.6, alpha=0.65, solid_capstyle="butt")
            axes.plot(row[what], k - shift, marker, color=colour, markersize=5.5 if marker == "o" else 4.6, clip_on=False)
            write(words, WIDTH_PX - 36, y + shift * high, f"{row[what]:.2f}", colour)
    key = len(rows) * high + 44
    write(words, 14, key, "● recall: found", BLUE, weight="bold")
    write(words, WIDTH_PX - 4, key, "◆ precision: right when named", ORANGE, weight="bold", ha="right")
    return figure


@as_svg
def robustness(base: float, changed: Mapping[str, float]) -> Figure:
    """The balanced accuracy on changed pictures, beside that on the pictures as they are."""
    rows = sorted(changed.items(), key=lambda pair: pair[1])
    cut, names_px = column([name for name, _ in rows])
    high, left = 25, names_px + 14
    wide = WIDTH_PX - left - 98
    figure, words = sheet(len(rows) * high + 54)
    values = [base, *changed.values()]
    margin = max(0.02, (max(values) - min(values)) * 0.12)
    start, end = min(values) - margin, max(values) + margin
    limits = {"xlim": (start, end), "ylim": (len(rows) - 0.5, -0.5), "yticks": []}
    axes = plot(figure, left, 24, (wide, len(rows) * high), **limits)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.axvline(base, color=BLUE, linewidth=1.4)
    for k, (name, (_, value)) in enumerate(zip(cut, rows, strict=True)):
        y = 24 + (len(rows) - k - 0.5) * high
        write(words, names_px + 4, y, name, ha="right", size=BODY_PX)
        axes.plot([base, value], [k, k], color=ORANGE, linewidth=1.6, alpha=0.55)
        axes.plot(value, k, "o", color=ORANGE, markersize=6.5)
        write(words, WIDTH_PX - 90, y, f"{value:.3f}")
        write(words, WIDTH_PX - 2, y, f"{value - base:+.3f}".replace("-", "−"), MUTED, ha="right")
    share = (base - start) / (end - start)
    side = "right" if share > 0.5 else "left"
    write(words, left + share * wide, len(rows) * high + 38, f"as they are: {base:.3f}", BLUE, weight="bold", ha=side)
    return figure


@as_svg
def training(history: Sequence[Metrics]) -> Figure:
    """The losses by epoch, and under them the balanced accuracy where it was measured."""
    panels = [("loss", "{:.2f}", [("train_loss", ORANGE, " trained on"), ("valid_loss", BLUE, " held out")])]
    if _points(history, "epoch", "balanced_accuracy"):
        panels.append(("balanced accuracy, held out", "{:.3f}", [("balanced_accuracy", BLUE, "")]))
    figure, words = sheet(len(panels) * 170 + 14)
    wide = WIDTH_PX - LEFT_PX - 108
    for k, (title, digits, lines) in enumerate(reversed(panels)):
        bottom = k * 170 + 32
        axes = plot(figure, LEFT_PX, bottom, (wide, 116))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        write(words, 8, bottom + 134, title, MUTED, weight="bold")
        ends = []
        for key, colour, name in lines:
            if points := _points(history, "epoch", key):
                dot = "o" if len(points) < 30 else ""
                axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.8, marker=dot, markersize=3.5)
                ends.append((points[-1][1], digits.format(points[-1][1]) + name, colour))
        low, high = axes.get_ylim()
        places = [(value - low) / (high - low or 1) * 116 for value, _, _ in ends]
        if len(ends) == 2 and abs(places[0] - places[1]) < 14:  # beside the ends of their lines, but not over one another
            middle, up = max(7.0, sum(places) / 2), 7 if places[0] >= places[1] else -7
            places = [middle + up, middle - up]
        for place, (_, last, colour) in zip(places, ends, strict=True):
            write(words, WIDTH_PX - 101, bottom + place, last, colour)
    write(words, LEFT_PX + wide / 2, 8, "epoch", MUTED, ha="center")
    return figure


@as_svg
def learning_rate(points: Sequence[tuple[float, float]], suggested: float | None) -> Figure:
    """The loss as the learning rate rises, (rate, loss) each, with the rate that was taken."""
    best, first = min(loss for _, loss in points), points[0][1]
    top = max(first, best) + 0.6 * (first - best or 1)
    figure, words = sheet(196)
    wide = WIDTH_PX - LEFT_PX - 16
    axes = plot(figure, LEFT_PX, 38, (wide, 122), xscale="log", ylim=(best - 0.08 * (top - best), top))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.plot(*zip(*points, strict=True), color=BLUE, linewidth=1.8)
    axes.minorticks_off()
    low, high = axes.get_xlim()
    if suggested:
        axes.axvline(suggested, color=ORANGE, linewidth=1.4)
        share = math.log(suggested / low) / math.log(high / low)
        side = "right" if share > 0.5 else "left"
        write(words, LEFT_PX + share * wide, 172, f"suggested: {suggested:.2g}", ORANGE, weight="bold", ha=side)
    rates = [x for x in axes.get_xticks() if low <= x <= high]
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    powers = ["10" + str(round(math.log10(x))).translate(raised) if x < 1 else f"{x:g}" for x in rates]
    axes.set_xticks(rates, powers)
    write(words, 8, 187, "loss", MUTED, weight="bold")
    write(words, LEFT_PX + wide / 2, 10, "learning rate", MUTED, ha="center")
    return figure


@as_svg
def reliability(before: Sequence[Metrics], after: Sequence[Metrics], errors: tuple[float, float]) -> Figure:
    """How often it was right, by how sure it was, before and after temperature scaling; under it, pictures per bin.

    errors: the expected calibration error before and after, from 0 to 1.
    """
    figure, words = sheet(424)
    wide = WIDTH_PX - LEFT_PX - 16
    shares = {"xlim": (0, 1.01), "xticks": [0, 0.2, 0.4, 0.6, 0.8, 1]}
    axes = plot(figure, LEFT_PX, 118, (wide, 270), ylim=(0, 1.03), **shares)
    strip = plot(figure, LEFT_PX, 40, (wide, 44), ylim=(0, 1), yticks=[], **shares)
    strip.grid(visible=False)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    most = max(row["pictures"] for row in [*before, *after])
    for rows, colour, face, shift in ((before, ORANGE, PAPER, -0.005), (after, BLUE, BLUE, 0.005)):
        line = _points(rows, "confidence", "accuracy")
        axes.plot(*zip(*line, strict=True), "o-", color=colour, linewidth=1.3, markersize=5.5, markerfacecolor=face)
        for row in rows:
            x = [row["confidence"] + shift] * 2
            strip.plot(x, [0, row["pictures"] / most], color=colour, linewidth=3.2, solid_capstyle="butt")
    taken = 2.0
    for row in sorted(after, key=lambda row: float(row["confidence"]), reverse=True):
        if taken - row["confidence"] > 0.09:  # nearer numbers would touch
            taken = row["confidence"]
            write(strip, taken, row["pictures"] / most + 0.18, str(row["pictures"]), BLUE, ha="center")
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    strip.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.tick_params(labelbottom=False)
    write(words, 8, 411, "how often it was right", MUTED, weight="bold")
    write(words, LEFT_PX + 10, 374, f"● after: off by {errors[1]:.3f}", BLUE, weight="bold")
    write(words, LEFT_PX + 10, 357, f"○ before: off by {errors[0]:.3f}", ORANGE, weight="bold")
    write(words, LEFT_PX + wide / 2, 10, "how sure it was; bars: pictures in each bin", MUTED, ha="center")
    return figure


@as_svg
def roc(curves: Mapping[str, tuple[Metrics, tuple[float, float] | None]]) -> Figure:
    """Characters kept by others let through: a curve for one kind of others or two, by what to call it, each with the point
    of the threshold in use, (share let through, share kept) from 0 to 1.
    """
    figure, words = sheet(364)
    axes = plot(figure, LEFT_PX, 48, (WIDTH_PX - LEFT_PX - 16, 282), xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for k, (name, (curve, point)) in enumerate(curves.items()):
        colour = (BLUE, ORANGE)[k]
        axes.plot(curve["false_accept"], curve["kept"], color=colour, linewidth=2)
        write(axes, 0.98, 0.21 - 0.07 * k, name, colour, ha="right", weight="bold")
        if point:
            axes.plot(*point, "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.5, zorder=5)
    if any(point for _, point in curves.values()):
        write(axes, 0.98, 0.07, "● the threshold in use", MUTED, ha="right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    write(words, 8, 351, "characters still named", MUTED, weight="bold")
    write(words, LEFT_PX + 150, 12, "others given a name by mistake", MUTED, ha="center")
    return figure


def _points(rows: Sequence[Metrics], x: str, y: str) -> list[tuple[float, float]]:
    """The pairs of two columns where both are there."""
    return [(row[x], row[y]) for row in rows if row.get(x) is not None and row.get(y) is not None]
