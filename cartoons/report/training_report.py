"""The training report of a model folder: index.html with its figures, report.json, and, for home, pictures.html.

    write(folder / "report", findings, augmented)

`findings` are plain JSON values, as train.py gathers them; a section whose numbers are missing is left out. index.html and
its figures show no training picture and no path, so they can be published; pictures.html, pictures/ and report.json name
or show them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cartoons.evaluation.corruptions import AS_THEY_ARE
from cartoons.evaluation.intervals import TOO_FEW, of_one_character, too_few, without_empty_intervals
from cartoons.files import write_atomically
from cartoons.model_folder import OTHER_LABEL
from cartoons.report import captions, figures, learning_curve
from cartoons.report.captions import Findings
from cartoons.report.contact_sheet import Augmented, write_contact_sheet
from cartoons.report.pages import percent, render, shown
from cartoons.report.svg import Plot

CAPTION_PX = 150
"""About what a figure's title, caption and margins add to its height."""

FIGURES = ("confusion", "per-class", "unknown", "reliability", "robustness", "training", "learning-curve", "learning-rate")
"""Every figure's file name, without its ending, in the order of the page."""

WEIGHTS = {"megabytes": ".1f", "milliseconds": ".1f", "balanced_accuracy": ".3f", "auroc": ".3f"}
"""What a form of the weights is compared by, and how each is written."""


def write(folder: Path, findings: Findings, augmented: Augmented) -> None:
    """Write the whole report into a folder, index.html last; what an earlier report left there is replaced.

    augmented: per picture its label, and the picture as it is followed by changed ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    findings = _finite(findings)
    write_atomically(folder / "report.json", (json.dumps(findings, indent=2) + "\n").encode())
    findings = {key: value for key, value in without_empty_intervals(findings).items() if value is not None}
    findings = of_one_character(findings)
    write_contact_sheet(folder, findings, augmented)
    makers = (_confusion, _per_class, _roc, _reliability, _robustness, _training, learning_curve.plot_of, _learning_rate)
    plots = [plot for make in makers if (plot := make(findings))]
    for plot in plots:
        write_atomically(folder / plot.file, plot.svg.svg)
    write_atomically(folder / "index.html", _index(findings, plots))
    for key in set(FIGURES) - {plot.key for plot in plots}:
        (folder / f"{key}.svg").unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    """The same plain values, with null for numbers that JSON does not know, and for intervals that have such an end."""
    if isinstance(value, Mapping):
        plain = {key: _finite(each) for key, each in value.items()}
        return {key: None if key.endswith("_95") and each and None in each else each for key, each in plain.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _index(findings: Findings, plots: Sequence[Plot]) -> bytes:
    columns: tuple[list[tuple[int, Plot]], ...] = ([], [])
    heights = [0, 0]
    for order, plot in enumerate(plot for plot in plots if not plot.is_wide):
        shorter = heights.index(min(heights))
        columns[shorter].append((order, plot))  # on a phone, their order is given back
        heights[shorter] += plot.svg.height_px + CAPTION_PX
    few = too_few(captions.measured(findings, "recall"))
    rows = {"Measured": findings.get("protocol"), "Weakest": captions.weakest(findings), "Unknown": _unknown_rule(findings)}
    return render(
        "training_report",
        f=findings,
        facts={"held_out": captions.held_out(findings), "rows": rows, "few": few, "enough": TOO_FEW},
        chance=1 / len(findings["characters"]),
        wide=[plot for plot in plots if plot.is_wide],
        columns=columns,
        tables=[[_numbers(findings)], [*_data(findings), *_weights(findings)]],
    )


def _unknown_rule(findings: Findings) -> str:
    found = findings.get("unknown", {})
    if found.get("threshold") is None or not found.get("rule"):
        return ""
    threshold = f"{found['threshold']:{'.3f' if found['threshold'] >= 0.0005 else '.2g'}}"
    rule = f"It says “I don’t know this one” when {found['rule']} is above {threshold}"
    aimed = found.get("named_share")
    aim = f", meant to leave {percent(aimed)} of the characters’ pictures named" if aimed is not None else ""
    figures = "" if findings.get("roc") else captions.unknown(findings)  # else they stand beside the curve
    return f"{rule}{aim}. {figures}".strip()


def _confusion(findings: Findings) -> Plot | None:
    if not findings.get("confusion"):
        return None
    names = [shown(label) for label in captions.matrix_labels(findings)]
    alt = f"Confusion matrix of {len(names)} characters, rows the true one, columns the answer."
    svg = figures.confusion(names, findings["confusion"])
    return Plot("confusion", "What it takes for what", captions.confusion(findings), alt, svg)


def _per_class(findings: Findings) -> Plot | None:
    rows = [(shown(label), row) for label, row in captions.measured(findings, "recall").items()]
    if not rows:
        return None
    rows.sort(key=lambda pair: float(pair[1]["recall"]))
    alt = "Recall and precision of each character as dots, their 95 % intervals as lines, the weakest character first."
    svg = figures.per_class([name for name, _ in rows], [row for _, row in rows])
    return Plot("per-class", "Character by character", captions.per_class(findings), alt, svg)


def _roc(findings: Findings) -> Plot | None:
    unknown, curves = findings.get("unknown", {}), {}
    for kind, name in captions.out_of_distribution(findings).items():
        curve, row, kept = findings.get("roc", {}).get(kind) or {}, unknown.get(kind) or {}, unknown.get("characters_kept")
        if curve.get("kept"):
            name += f", AUROC {row['auroc']:.3f}" if row else ""
            curves[name] = curve, (1 - row["refused"], kept) if row and kept is not None else None
    if not curves:
        return None
    alt = "Curves of the characters still named against others given a name by mistake, the threshold in use marked."
    title = "When it says “I don’t know this one”"
    return Plot("unknown", title, captions.unknown(findings), alt, figures.roc(curves))


def _reliability(findings: Findings) -> Plot | None:
    bins, errors = findings.get("reliability", {}), findings.get("calibration", {})
    ece = errors.get("ece_before"), errors.get("ece_after")
    before, after = ([row for row in bins.get(key) or [] if row["pictures"]] for key in ("before", "after"))
    if None in ece or not (before and after):
        return None
    alt = "How often the model was right by how sure it was, before and after temperature scaling; the diagonal is perfect."
    svg = figures.reliability(before, after, ece)
    return Plot("reliability", "Whether its percentages can be believed", captions.reliability(findings), alt, svg)


def _robustness(findings: Findings) -> Plot | None:
    changed = captions.robustness_rows(findings)
    if not changed:
        return None
    svg = figures.robustness(changed.pop(AS_THEY_ARE), changed)
    alt = "Balanced accuracy on changed pictures as dots, beside the line of the pictures as they are."
    return Plot("robustness", "When pictures are changed", captions.robustness(findings), alt, svg)


def _training(findings: Findings) -> Plot | None:
    rows = findings.get("history", [])
    if not any(row.get("train_loss") is not None for row in rows):
        return None
    alt = "The loss by epoch, and the balanced accuracy on held-out pictures where it was measured."
    return Plot("training", "How it learned", captions.training(findings), alt, figures.training(rows))


def _learning_rate(findings: Findings) -> Plot | None:
    found = findings.get("lr_finder", {})
    pairs = zip(found.get("lr") or [], found.get("loss") or [], strict=False)
    points, suggested = [(rate, loss) for rate, loss in pairs if rate and loss is not None], found.get("suggested")
    if len(points) < 2:
        return None
    alt, caption = (
        "The loss as the learning rate rises, the suggested rate marked.",
        captions.learning_rate(points, suggested),
    )
    return Plot("learning-rate", "How fast it was let learn", caption, alt, figures.learning_rate(points, suggested))


def _numbers(findings: Findings) -> Findings:
    """The table of all labels: pictures, recall and precision with their intervals."""
    rows = []
    for label in findings["labels"]:
        row, trained = findings.get("per_class", {}).get(label, {}), findings.get("pictures", {}).get(label)
        judged = row.get("pictures")
        counts = [f"{count:,}" for count in dict.fromkeys((trained, judged)) if count is not None] or ["–"]
        pictures = [counts[0], f"{counts[1]} judged" if counts[1:] else ""]
        rows.append([shown(label), pictures, _measured(row, "recall"), _measured(row, "precision")])
    measures = (("accuracy", "Accuracy"), ("macro_f1", "macro-F1"))
    words = ", ".join(f"{title} {findings[key]:.3f}" for key, title in measures if key in findings)
    head = ["", "pictures", "recall", "precision"]
    return {"title": "The numbers", "words": f"{words}." if words else "", "head": head, "rows": rows}


def _measured(row: Findings, what: str) -> list[str]:
    """A number and, under it, its interval."""
    pair = row.get(f"{what}_95")
    return ["–" if row.get(what) is None else f"{row[what]:.3f}", f"{pair[0]:.2f} to {pair[1]:.2f}" if pair else ""]


def _data(findings: Findings) -> list[Findings]:
    """How many pictures, how they were split, how many are alike, and what was left out."""
    pictures, left_out = findings.get("pictures", {}), len(findings.get("left_out", []))
    if not pictures:
        return []
    only = " of characters" if OTHER_LABEL in findings["labels"] and OTHER_LABEL not in pictures else ""
    words = [f"{sum(pictures.values()):,} pictures{only}.", captions.duplicates(findings)]
    if left_out:
        words.append(f"{left_out} {'file was' if left_out == 1 else 'files were'} left out.")
    if "split" in findings:
        words.append(f"Split found in the folder: {findings['split']}.")
    rows = [[reason, f"{count:,}"] for reason, count in findings.get("passed_over", {}).items()]
    title = "The pictures it learned from"
    return [{"title": title, "words": " ".join(filter(None, words)), "head": ["passed over", "files"], "rows": rows}]


def _weights(findings: Findings) -> list[Findings]:
    """The forms that the weights were tried in."""
    found = findings.get("precision", {})
    if not found.get("candidates"):
        return []
    rows = [
        [
            Markup("<b>{}, kept</b>").format(row["name"]) if row["name"] == found.get("kept") else row["name"],
            *(f"{row[key]:{digits}}" if row.get(key) is not None else "–" for key, digits in WEIGHTS.items()),
        ]
        for row in found["candidates"]
    ]
    head = ["", "MB", "ms", "accuracy", "AUROC"]
    return [{"title": "Size and speed", "words": captions.precision(findings), "head": head, "rows": rows}]
