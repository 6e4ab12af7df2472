"""The curves of the training report, from numbers alone: how it learned, and how its confidence and threshold hold up.

Colours as in figures.py.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cartoons.report.drawing import BLUE, MUTED, ORANGE, PAPER, SMALL_PX, WIDTH_PX, Drawing, finish, plot, sheet, write

LEFT_PX = 44
"""The room for the numbers of the vertical axis."""

LABEL_APART = 0.065
"""Numbers nearer than this share of the axis would touch."""

Row = Mapping[str, Any]


def training(history: Sequence[Row]) -> Drawing:
    """The losses by epoch, and under them the balanced accuracy where it was measured."""
    scored = _points(history, "epoch", "balanced_accuracy")
    panels: list[tuple[str, list[tuple[str, str]]]] = [("loss", [("train_loss", ORANGE), ("valid_loss", BLUE)])]
    if scored:
        panels.append(("balanced accuracy, held out", [("balanced_accuracy", BLUE)]))
    spoken = {"train_loss": "trained on", "valid_loss": "held out", "balanced_accuracy": ""}
    figure, words = sheet(len(panels) * 170 + 14)
    for k, (title, lines) in enumerate(panels):
        bottom = (len(panels) - 1 - k) * 170 + 32
        axes = plot(figure, (LEFT_PX, bottom, WIDTH_PX - LEFT_PX - 100, 116))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        write(words, 8, bottom + 134, title, size=SMALL_PX, color=MUTED, weight="bold")
        ends = []
        for key, colour in lines:
            if points := _points(history, "epoch", key):
                dot = "o" if len(points) < 30 else ""
                axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.8, marker=dot, markersize=3.5)
                ends.append((points[-1][1], spoken[key], colour))
        low, high = axes.get_ylim()
        for y, (value, name, colour) in zip(_apart(ends, low, high, 116), ends, strict=True):
            last = f"{value:.3f}" if k else f"{value:.2f} {name}"
            write(words, WIDTH_PX - 94, bottom + y, last, size=SMALL_PX, color=colour)
    write(words, LEFT_PX + (WIDTH_PX - LEFT_PX - 100) / 2, 8, "epoch", ha="center", size=SMALL_PX, color=MUTED)
    return finish(figure)


def _apart(ends: Sequence[tuple[float, str, str]], low: float, high: float, height_px: float) -> list[float]:
    """Where to write what the lines end at, in pixels from the bottom: beside their ends, but never over one another."""
    places = [(value - low) / (high - low or 1) * height_px for value, _, _ in ends]
    if len(places) == 2 and abs(places[0] - places[1]) < 14:
        middle = max(7.0, sum(places) / 2)
        upper = places[0] >= places[1]
        return [middle + 7 if upper else middle - 7, middle - 7 if upper else middle + 7]
    return places


def learning_rate(rates: Sequence[float], losses: Sequence[float], suggested: float | None) -> Drawing:
    """The loss as the learning rate rises, with the rate that was taken."""
    points = [(x, y) for x, y in zip(rates, losses, strict=False) if x and y is not None]
    best, first = min(y for _, y in points), points[0][1]
    top = max(first, best) + 0.6 * (first - best or 1)
    figure, words, wide = *sheet(196), WIDTH_PX - LEFT_PX - 16
    axes = plot(figure, (LEFT_PX, 38, wide, 122), xscale="log", ylim=(best - 0.08 * (top - best), top))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.plot(*zip(*points, strict=True), color=BLUE, linewidth=1.8)
    axes.minorticks_off()
    if suggested:
        axes.axvline(suggested, color=ORANGE, linewidth=1.4)
        start, end = (math.log10(edge) for edge in axes.get_xlim())
        place = LEFT_PX + (math.log10(suggested) - start) / (end - start) * wide
        side = "right" if place > WIDTH_PX / 2 else "left"
        write(words, place, 172, f"suggested: {suggested:.2g}", size=SMALL_PX, color=ORANGE, weight="bold", ha=side)
    rates_shown = [x for x in axes.get_xticks() if axes.get_xlim()[0] <= x <= axes.get_xlim()[1]]
    axes.set_xticks(rates_shown, [_power(x) for x in rates_shown], parse_math=False)
    write(words, 8, 187, "loss", size=SMALL_PX, color=MUTED, weight="bold")
    write(words, LEFT_PX + wide / 2, 10, "learning rate", ha="center", size=SMALL_PX, color=MUTED)
    return finish(figure)


def reliability(before: Sequence[Row], after: Sequence[Row], errors: tuple[float, float]) -> Drawing:
    """How often it was right, by how sure it was, before and after temperature scaling; under it, pictures per bin.

    errors: the expected calibration error before and after, from 0 to 1.
    """
    figure, words = sheet(424)
    wide = WIDTH_PX - LEFT_PX - 16
    axes = plot(figure, (LEFT_PX, 118, wide, 270), xlim=(0, 1.01), ylim=(0, 1.03))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for rows, colour, face in ((before, ORANGE, PAPER), (after, BLUE, BLUE)):
        looks: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.3,
            "marker": "o",
            "markersize": 5.5,
            "markerfacecolor": face,
        }
        axes.plot(*zip(*_points(rows, "confidence", "accuracy"), strict=True), **looks)
    strip = plot(figure, (LEFT_PX, 40, wide, 44), xlim=(0, 1.01), ylim=(0, 1))
    _bins(strip, before, after)
    for each in (axes, strip):
        each.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    strip.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.tick_params(labelbottom=False)
    small: dict[str, Any] = {"size": SMALL_PX, "weight": "bold"}
    write(words, 8, 411, "how often it was right", color=MUTED, **small)
    write(words, LEFT_PX + 10, 374, f"● after: off by {errors[1]:.3f}", color=BLUE, **small)
    write(words, LEFT_PX + 10, 357, f"○ before: off by {errors[0]:.3f}", color=ORANGE, **small)
    below = "how sure it was; bars: pictures in each bin"
    write(words, LEFT_PX + wide / 2, 10, below, ha="center", size=SMALL_PX, color=MUTED)
    return finish(figure)


def _bins(strip: Axes, before: Sequence[Row], after: Sequence[Row]) -> None:
    """A bar for the pictures of each bin, those after scaling with their number where it does not touch another."""
    strip.grid(visible=False)
    strip.set_yticks([])
    most = max(row["pictures"] for row in [*before, *after])
    for rows, colour, shift in ((before, ORANGE, -0.005), (after, BLUE, 0.005)):
        for row in rows:
            x = row["confidence"] + shift
            strip.plot([x, x], [0, row["pictures"] / most], color=colour, linewidth=3.2, solid_capstyle="butt")
    taken = 2.0
    for row in sorted(after, key=lambda row: float(row["confidence"]), reverse=True):
        if taken - row["confidence"] > LABEL_APART:
            taken = row["confidence"]
            write(strip, taken, row["pictures"] / most + 0.18, str(row["pictures"]), ha="center", size=9.5, color=BLUE)


def roc(curves: Mapping[str, Row], points: Mapping[str, tuple[float, float]], areas: Mapping[str, float]) -> Drawing:
    """Characters kept by others let through, a curve per kind of others, with the operating points and areas under it.

    points: (share let through, share kept) of the threshold in use, from 0 to 1.
    """
    figure, words = sheet(364)
    axes = plot(figure, (LEFT_PX, 48, WIDTH_PX - LEFT_PX - 16, 282), xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for k, (name, colour) in enumerate((("photographs", BLUE), ("unseen_cartoons", ORANGE))):
        if not (curve := curves.get(name)):
            continue
        axes.plot(curve["false_accept"], curve["kept"], color=colour, linewidth=2)
        spoken = {"photographs": "photographs", "unseen_cartoons": "cartoons never seen"}[name]
        area = f", AUROC {areas[name]:.3f}" if name in areas else ""
        write(axes, 0.98, 0.2 - 0.065 * k, spoken + area, ha="right", size=SMALL_PX, color=colour, weight="bold")
        if name in points:
            axes.plot(*points[name], "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.5, zorder=5)
    if points:
        write(axes, 0.98, 0.07, "● the threshold in use", ha="right", size=SMALL_PX, color=MUTED)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    write(words, 8, 351, "characters still named", size=SMALL_PX, color=MUTED, weight="bold")
    write(words, LEFT_PX + 170, 14, "others given a name by mistake", ha="center", size=SMALL_PX, color=MUTED)
    return finish(figure)


def _power(rate: float) -> str:
    """A power of ten in words: "10⁻³"."""
    return "10" + str(round(math.log10(rate))).translate(_RAISED) if rate < 1 else f"{rate:g}"


_RAISED = {ord(plain): raised for plain, raised in zip("-123456789", "⁻¹²³⁴⁵⁶⁷⁸⁹", strict=True)}


def _points(rows: Sequence[Row], x: str, y: str) -> list[tuple[float, float]]:
    """The pairs of two columns where both are there."""
    return [(row[x], row[y]) for row in rows if row.get(x) is not None and row.get(y) is not None]
