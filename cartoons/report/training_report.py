"""The training report of a model folder: index.html with its figures, report.json, and, for home, pictures.html.

    write(folder / "report", findings, augmented)

`findings` are plain JSON values, as train.py gathers them; a section whose numbers are missing is left out. index.html and
its figures show no training picture and no path, so they can be published; pictures.html, pictures/ and report.json name
or show them.
"""

import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cartoons.files import write_atomically
from cartoons.model_folder import OTHER_LABEL
from cartoons.report import readings
from cartoons.report.contact import PAGE_FILE, Augmented, write_contact
from cartoons.report.document import document, name, table
from cartoons.report.drawing import clean
from cartoons.report.plates import KEYS, Plate, plates

INDEX_FILE = "index.html"
JSON_FILE = "report.json"
CAPTION_PX = 150
"""About what a figure's title, reading and margins add to its height."""

_WEIGHTS = {"megabytes": ".1f", "milliseconds": ".1f", "balanced_accuracy": ".3f", "auroc": ".3f"}
"""What a form of the weights is judged by, and how each is written."""

Findings = Mapping[str, Any]


def write(folder: Path, findings: Findings, augmented: Augmented) -> None:
    """Write the whole report into a folder, index.html last; what an earlier report left there is replaced.

    augmented: per picture its label, and the picture as it is followed by changed ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    findings = _finite(findings)
    write_atomically(folder / JSON_FILE, (json.dumps(findings, indent=2) + "\n").encode())
    write_contact(folder, findings, augmented)
    drawn = plates(findings)
    for plate in drawn:
        write_atomically(folder / plate.file, plate.drawing.svg)
    write_atomically(folder / INDEX_FILE, document(f"{clean(findings['name'])}: training report", _index(findings, drawn)))
    for key in KEYS - {plate.key for plate in drawn}:
        (folder / f"{key}.svg").unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    """The same plain values, with null for numbers that JSON does not know, and for intervals that have such an end."""
    if isinstance(value, Mapping):
        plain = {key: _finite(each) for key, each in value.items()}
        return {key: None if key.endswith("_95") and each and None in each else each for key, each in plain.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _index(findings: Findings, drawn: Sequence[Plate]) -> str:
    wide = "".join(_figure(plate) for plate in drawn if plate.wide)
    columns = _columns([plate for plate in drawn if not plate.wide])
    tables = f"{_numbers(findings)}<div>{_data(findings)}{_weights(findings)}</div>"
    main = f'<main>{wide}<div class="plates">{columns}</div><div class="tables">{tables}</div></main>'
    return f"{_top(findings)}{main}{_footer(findings)}"


def _columns(drawn: Sequence[Plate]) -> str:
    """Two columns, each figure in the one that is shorter by then; on a phone, `order` gives their order back."""
    columns, heights = ["", ""], [0, 0]
    for order, plate in enumerate(drawn):
        shorter = heights.index(min(heights))
        columns[shorter] += _figure(plate, order)
        heights[shorter] += plate.drawing.height_px + CAPTION_PX
    return "".join(f'<div class="column">{column}</div>' for column in columns)


def _top(findings: Findings) -> str:
    """The one number with its interval, how it was measured, and the weakest character."""
    value, characters = findings["balanced_accuracy"], findings["characters"]
    pair = findings.get("balanced_accuracy_95")
    said = f"95\u202f% interval {readings.interval(pair)}; " if pair else ""
    facts = {"Measured": findings.get("protocol"), "Weakest": readings.weakest(findings), "Unknown": _unknown_rule(findings)}
    rows = "".join(f"<dt>{key}</dt><dd>{html.escape(fact)}</dd>" for key, fact in facts.items() if fact)
    return f"""<header>
<p class="kicker">Training report</p><h1>{html.escape(clean(findings["name"]))}</h1>
<div class="hero"><p class="number">{value:.3f}</p><div>
<p><b>Balanced accuracy</b> over {len(characters)} characters, on pictures {readings.elsewhere(findings)}.</p>
<p class="quiet">{said}guessing gives {1 / len(characters):.3f}; each character counts the same.</p>
{_scale(value, pair, 1 / len(characters))}</div></div>
<dl>{rows}</dl></header>"""


def _unknown_rule(findings: Findings) -> str:
    found = findings.get("unknown") or {}
    if found.get("threshold") is None or not found.get("rule"):
        return ""
    rule = f"It says “I don’t know this one” when {found['rule']} is above {found['threshold']:.3f}"
    aimed = found.get("named_share")
    aim = f", meant to leave {readings.percent(aimed)} of the characters’ pictures named" if aimed is not None else ""
    figures = "" if findings.get("roc") else readings.unknown(findings)  # else they stand beside the curve
    return f"{rule}{aim}. {figures}".strip()


def _scale(value: float, pair: Sequence[float] | None, chance: float) -> str:
    """A line from 0 to 1 with the number, its interval and what guessing gives."""
    low, high = pair or (value, value)
    return (
        '<div class="scale" aria-hidden="true"><i class="line"></i>'
        f'<i class="chance" style="left:{chance:.2%}"></i><b style="left:{chance:.2%}">guessing</b>'
        f'<i class="span" style="left:{low:.2%};width:{high - low:.2%}"></i><i class="dot" style="left:{value:.2%}"></i>'
        '<b style="right:0">1</b></div>'
    )


def _figure(plate: Plate, order: int = 0) -> str:
    drawing = plate.drawing
    image = (
        f'<img src="{plate.file}" width="{drawing.width_px}" height="{drawing.height_px}" '
        f'alt="{html.escape(f"{plate.alt} {plate.reading}")}">'
    )
    if plate.wide:
        image = f'<div class="scroll" tabindex="0" role="group" aria-label="{html.escape(plate.title)}">{image}</div>'
    caption = f"<figcaption><h2>{html.escape(plate.title)}</h2><p>{html.escape(plate.reading)}</p></figcaption>"
    kind = "plate wide" if plate.wide else "plate"
    return f'<figure class="{kind}" id="{plate.key}" style="order:{order}">{caption}{image}</figure>'


def _numbers(findings: Findings) -> str:
    """The table of all labels: pictures, recall and precision with their intervals."""
    pictures, judged = findings.get("pictures") or {}, findings.get("per_class") or {}
    rows = []
    for label in findings["labels"]:
        row = judged.get(label) or {}
        rows.append(
            [name(label), _pictures(pictures.get(label), row), _measured(row, "recall"), _measured(row, "precision")]
        )
    measures = (("accuracy", "Accuracy"), ("macro_f1", "macro-F1"))
    words = ", ".join(f"{title} {findings[key]:.3f}" for key, title in measures if findings.get(key) is not None)
    return _section("The numbers", f"{words}." if words else "", table(["", "pictures", "recall", "precision"], rows))


def _pictures(learned: int | None, row: Mapping[str, Any]) -> str:
    """How many pictures it learned from and, under it, how many were judged, where that is another number."""
    judged = row.get("pictures")
    if learned is None:
        return "–" if judged is None else f"{judged:,}"
    return f"{learned:,}" + (f"<small>{judged:,} judged</small>" if judged not in (None, learned) else "")


def _measured(row: Mapping[str, Any], what: str) -> str:
    """A number and, under it, its interval."""
    if row.get(what) is None:
        return "–"
    pair = row.get(f"{what}_95")
    return f"{row[what]:.3f}" + (f"<small>{pair[0]:.2f} to {pair[1]:.2f}</small>" if pair else "")


def _data(findings: Findings) -> str:
    """How many pictures, how they were split, how many are alike, and what was left out."""
    pictures, broken = findings.get("pictures") or {}, len(findings.get("left_out") or [])
    only = " of characters" if OTHER_LABEL in findings["labels"] and OTHER_LABEL not in pictures else ""
    words = [f"{sum(pictures.values()):,} pictures{only}.", readings.duplicates(findings)]
    if broken:
        words.append(f"{broken} {'file was' if broken == 1 else 'files were'} left out as broken.")
    if findings.get("split"):
        words.append(f"Split found in the folder: {findings['split']}.")
    rows = [[html.escape(reason), f"{count:,}"] for reason, count in (findings.get("passed_over") or {}).items()]
    content = table(["passed over", "files"], rows) if rows else ""
    return _section("The pictures it learned from", " ".join(filter(None, words)), content) if pictures else ""


def _weights(findings: Findings) -> str:
    """The forms that the weights were tried in."""
    found = findings.get("precision") or {}
    if not found.get("candidates"):
        return ""
    rows = [
        [
            f"<b>{html.escape(row['name'])}, kept</b>" if row["name"] == found.get("kept") else html.escape(row["name"]),
            *(f"{row[key]:{digits}}" if row.get(key) is not None else "–" for key, digits in _WEIGHTS.items()),
        ]
        for row in found["candidates"]
    ]
    return _section("Size and speed", readings.precision(findings), table(["", "MB", "ms", "accuracy", "AUROC"], rows))


def _section(title: str, words: str, content: str) -> str:
    return f'<section class="plate"><h2>{title}</h2><p>{html.escape(words)}</p>{content}</section>'


def _footer(findings: Findings) -> str:
    facts = [("revision", findings.get("revision")), ("network", findings.get("arch")), ("recipe", findings.get("recipe"))]
    told = " · ".join(f"{key} <code>{html.escape(str(value))}</code>" for key, value in facts if value)
    other = " and “none of these”" if OTHER_LABEL in findings.get("labels", []) else ""
    return f"""<footer class="quiet"><p>Trained {html.escape(str(findings.get("created", ""))[:10])} · {told} ·
{len(findings["characters"])} characters{other}</p>
<p>Every number: <a href="{JSON_FILE}">{JSON_FILE}</a>. The training pictures, where it was most wrong and which labels are
doubtful: <a href="{PAGE_FILE}">{PAGE_FILE}</a>, which stays at home when this page is published.</p></footer>"""
