"""An answer as an SVG for a link preview: answer.js adds the picture and the link, to copy it or save it as a PNG."""

import re

from cartoons.classifier import Prediction
from cartoons.model_folder import ModelInfo
from cartoons.page.words import in_words, share_rows

WIDTH, HEIGHT = 1200, 630
MARGIN = 60
SIDE = HEIGHT - 2 * MARGIN
"""Of the square for the picture, at the left, and the width of the words, at the right; px, as all here."""

LEFT = WIDTH - MARGIN - SIDE
SMALLEST_TEXT = 16
EM = 0.7
"""About how wide a letter is, for each 1.0 of its height; a CJK character is a square."""


def result_card(answer: Prediction, info: ModelInfo) -> str:
    """The card: the headline and a bar for each row, beside room for the picture."""
    headline = in_words(answer, info.certain_threshold)[1]
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fffbeb"/>',
        f'<rect y="{HEIGHT - 16}" width="{WIDTH}" height="16" fill="#fbbf24"/>',
        _text(headline, LEFT, MARGIN + 56, 60, 800, SIDE),
    ]
    for row, (label, share, hue) in enumerate(share_rows(answer, info)):
        top = MARGIN + 130 + 62 * row
        colour = "#64748b" if hue is None else f"oklch(55% .15 {hue})"
        parts += [
            _text(label, LEFT, top, 28, 400, SIDE - 90),
            f'<text x="{LEFT + SIDE}" y="{top}" font-size="28" font-weight="600" text-anchor="end">{share}%</text>',
            f'<rect x="{LEFT}" y="{top + 12}" width="{SIDE}" height="10" fill="#e2e8f0"/>',
            f'<rect x="{LEFT}" y="{top + 12}" width="{SIDE * share / 100:.1f}" height="10" style="fill: {colour}"/>',
        ]
    size = f'width="{WIDTH}" height="{HEIGHT}" font-family="ui-rounded, system-ui, sans-serif" fill="#1c1917"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _text(words: str, left: int, baseline: int, size: int, weight: int, width: int) -> str:
    """Words (HTML) on one line: smaller if they are long, pressed together if that is not enough."""
    letters = re.sub(r"<.*?>", "", words)
    ems = sum(1 if ord(letter) > 0x2E80 else EM for letter in re.sub(r"&#?\w+;", ".", letters))
    fitting = max(SMALLEST_TEXT, min(size, int(width / max(ems, 1))))
    pressed = f' textLength="{width}" lengthAdjust="spacingAndGlyphs"' if ems * fitting > width else ""
    spans = words.replace('<span class="name"', '<tspan style="text-transform: capitalize"').replace("</span>", "</tspan>")
    return f'<text x="{left}" y="{baseline}" font-size="{fitting}" font-weight="{weight}"{pressed}>{spans}</text>'
