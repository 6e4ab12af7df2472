"""The report's figure of the learning curve: what part of the pictures gives how much, and what twice as many may give."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cartoons.evaluation.learning_curve import in_words
from cartoons.report.figures import LEFT_PX
from cartoons.report.pages import BLUE, MUTED, ORANGE, PAPER, shown
from cartoons.report.svg import WIDTH_PX, Plot, as_svg, plot, sheet, write

NAMES = {0.25: "a quarter", 0.5: "half", 1.0: "all", 2.0: "twice as many"}


def plot_of(findings: Mapping[str, Any]) -> Plot | None:
    """The figure with its caption, where the curve was measured."""
    curve = findings.get("learning_curve")
    if not curve:
        return None
    alt = "Balanced accuracy of a linear head by the share of the pictures, and of the model, with twice as many too."
    svg = draw(curve["shares"], curve["balanced_accuracy"], (curve["reached"], curve["with_twice"]))
    return Plot("learning-curve", "What more pictures would bring", in_words(curve, shown), alt, svg)


@as_svg
def draw(shares: Sequence[float], accuracy: Sequence[float], model: tuple[float, float]) -> Figure:
    """Balanced accuracy of the head by share of the pictures; of the model with all of them, and with twice as many."""
    figure, words = sheet(230)
    wide = WIDTH_PX - LEFT_PX - 40
    places = [math.log2(share) for share in (*shares, 2 * shares[-1])]
    axes = plot(figure, LEFT_PX, 46, (wide, 146), xlim=(places[0] - 0.15, places[-1] + 0.15))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xticks(places, [NAMES[2**place] for place in places])
    axes.plot(places[:-1], accuracy, "o-", color=ORANGE, linewidth=1.8, markersize=5)
    axes.plot(places[-2:], model, color=BLUE, linewidth=1.8, linestyle=(0, (4, 3)))
    for place, value, face in zip(places[-2:], model, (BLUE, PAPER), strict=True):
        axes.plot(place, value, "o", color=BLUE, markersize=7, markerfacecolor=face)
    write(words, 8, 216, "balanced accuracy", MUTED, weight="bold")
    write(words, WIDTH_PX - 4, 216, "● model", BLUE, weight="bold", ha="right")
    write(words, WIDTH_PX - 64, 216, "● linear head", ORANGE, weight="bold", ha="right")
    write(words, LEFT_PX + wide / 2, 12, "pictures, of those trained on", MUTED, ha="center")
    return figure
