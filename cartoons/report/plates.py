"""The plates of the training report, in order: each a figure with its title, its reading, and words in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cartoons.model_folder import OTHER_LABEL
from cartoons.report import curves, figures, readings
from cartoons.report.drawing import WIDTH_PX, Drawing, shown

Findings = Mapping[str, Any]
KINDS = ("photographs", "unseen_cartoons")


@dataclass(frozen=True)
class Plate:
    """A figure of the report; key names its file."""

    key: str
    title: str
    reading: str
    alt: str
    drawing: Drawing

    @property
    def file(self) -> str:
        """The name of the figure's file."""
        return f"{self.key}.svg"

    @property
    def wide(self) -> bool:
        """Whether it is too wide for a phone, and needs to scroll there."""
        return self.drawing.width_px > WIDTH_PX + 40


def plates(findings: Findings) -> list[Plate]:
    """All figures that the findings hold numbers for."""
    return [plate for make in _MAKERS.values() if (plate := make(findings))]


def _confusion(findings: Findings) -> Plate | None:
    if not findings.get("confusion"):
        return None
    names = [shown(label) for label in readings.matrix_labels(findings)]
    drawing = figures.confusion(names, findings["confusion"])
    alt = f"Confusion matrix of {len(names)} characters, rows the true one, columns the answer."
    return Plate("confusion", "What it takes for what", readings.confusion(findings), alt, drawing)


def _per_class(findings: Findings) -> Plate | None:
    rows = findings.get("per_class") or {}
    measured = [(label, row) for label, row in rows.items() if row.get("recall") is not None and label != OTHER_LABEL]
    if not measured:
        return None
    measured.sort(key=lambda pair: float(pair[1]["recall"]))
    drawing = figures.per_class([shown(label) for label, _ in measured], [row for _, row in measured])
    alt = "Recall and precision of each character as dots, their 95 % intervals as lines, the weakest character first."
    return Plate("per-class", "Character by character", readings.per_class(findings), alt, drawing)


def _roc(findings: Findings) -> Plate | None:
    unknown, found = findings.get("unknown") or {}, findings.get("roc") or {}
    drawn = {kind: found[kind] for kind in KINDS if (found.get(kind) or {}).get("kept")}
    if not drawn:
        return None
    measured = {kind: unknown[kind] for kind in drawn if unknown.get(kind)}
    kept = unknown.get("characters_kept")
    points = {kind: (1 - row["refused"], kept) for kind, row in measured.items() if kept is not None}
    drawing = curves.roc(drawn, points, {kind: row["auroc"] for kind, row in measured.items()})
    alt = "Curves of the characters still named against others given a name by mistake, the threshold in use marked."
    return Plate("unknown", "When it says “I don’t know this one”", readings.unknown(findings), alt, drawing)


def _reliability(findings: Findings) -> Plate | None:
    bins, errors = findings.get("reliability") or {}, findings.get("calibration") or {}
    if errors.get("ece_after") is None or errors.get("ece_before") is None:
        return None
    before, after = ([row for row in bins.get(key) or [] if row["pictures"]] for key in ("before", "after"))
    if not (before and after):
        return None
    drawing = curves.reliability(before, after, (errors["ece_before"], errors["ece_after"]))
    alt = "How often the model was right by how sure it was, before and after temperature scaling; the diagonal is perfect."
    return Plate("reliability", "Whether its percentages can be believed", readings.reliability(findings), alt, drawing)


def _robustness(findings: Findings) -> Plate | None:
    rows = readings.robustness_rows(findings)
    if not rows:
        return None
    alt = "Balanced accuracy on changed pictures as dots, beside the line of the pictures as they are."
    title = "When pictures are changed"
    return Plate("robustness", title, readings.robustness(findings), alt, figures.robustness(rows))


def _training(findings: Findings) -> Plate | None:
    rows = findings.get("history") or []
    if not any(row.get("train_loss") is not None for row in rows):
        return None
    alt = "The loss by epoch, and the balanced accuracy on held-out pictures where it was measured."
    return Plate("training", "How it learned", readings.training(findings), alt, curves.training(rows))


def _learning_rate(findings: Findings) -> Plate | None:
    found = findings.get("lr_finder") or {}
    pairs = [(x, y) for x, y in zip(found.get("lr") or [], found.get("loss") or [], strict=False) if x and y is not None]
    if len(pairs) < 2:
        return None
    drawing = curves.learning_rate([x for x, _ in pairs], [y for _, y in pairs], found.get("suggested"))
    alt = "The loss as the learning rate rises, the suggested rate marked."
    return Plate("learning-rate", "How fast it was let learn", readings.learning_rate(findings), alt, drawing)


_MAKERS: dict[str, Callable[[Findings], Plate | None]] = {
    "confusion": _confusion,
    "per-class": _per_class,
    "unknown": _roc,
    "reliability": _reliability,
    "robustness": _robustness,
    "training": _training,
    "learning-rate": _learning_rate,
}
KEYS = frozenset(_MAKERS)
"""Every figure's file name, without its ending."""
