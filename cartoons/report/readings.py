"""What each figure of the training report says, in one plain sentence or two, computed from its numbers.

Plain text: whoever puts it into a page escapes it. Every function gives "" where the findings do not hold its numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cartoons.model_folder import OTHER_LABEL
from cartoons.report.drawing import shown

Findings = Mapping[str, Any]
AS_THEY_ARE = "as they are"


def elsewhere(findings: Findings) -> str:
    """Where the judged pictures came from, for the middle of a sentence."""
    protocol = findings.get("protocol") or ""
    all_elsewhere = "source" in protocol and "of one source" not in protocol
    return "from sites the model never saw" if all_elsewhere else "the model was not trained on"


def matrix_labels(findings: Findings) -> list[str]:
    """The labels of the confusion matrix's rows and columns: the characters, or all labels if it is that large."""
    characters = list(findings["characters"])
    return characters if len(findings["confusion"]) == len(characters) else list(findings["labels"])


def percent(share: float, digits: int = 0) -> str:
    """A share as "97 %", a narrow space between that no line breaks."""
    return f"{share:.{digits}%}".replace("%", "\u202f%")


def interval(pair: Sequence[float] | None) -> str:
    """A 95 % interval in words: "0.928 to 0.987"."""
    return f"{pair[0]:.3f} to {pair[1]:.3f}" if pair else "not measured"


def weakest(findings: Findings) -> str:
    """The character found least often."""
    rows = _judged(findings)
    if not rows:
        return ""
    name, row = min(rows.items(), key=lambda pair: float(pair[1]["recall"]))
    if row["recall"] == 1:
        return "No character is weakest: every picture was named rightly."
    found = round(row["recall"] * row["pictures"])
    margin = (
        f" (95\u202f% interval {percent(row['recall_95'][0])} to {percent(row['recall_95'][1])})"
        if row.get("recall_95")
        else ""
    )
    return f"{shown(name)}: found in {found} of {row['pictures']} pictures, {percent(row['recall'])}{margin}."


def confusion(findings: Findings) -> str:
    """How many pictures of the most judged character were found, and the commonest mistake."""
    labels, counts = matrix_labels(findings), findings["confusion"]
    wrong = [(n, k, j) for k, row in enumerate(counts) for j, n in enumerate(row) if n and j != k]
    total = sum(map(sum, counts))
    if not wrong:
        return f"All {total} pictures {elsewhere(findings)} got the right name."
    n, k, j = max(wrong)
    most = max(range(len(labels)), key=lambda row: sum(counts[row]))
    return (
        f"Of {sum(counts[most])} {shown(labels[most])} pictures {elsewhere(findings)}, it found {counts[most][most]}. "
        f"Its commonest mistake is taking {shown(labels[k])} for {shown(labels[j])}: "
        f"{n} of {sum(counts[k])} {_plural(sum(counts[k]), 'picture')}."
    )


def per_class(findings: Findings) -> str:
    """Which answer to doubt, and how wide the intervals are."""
    rows = {name: row for name, row in _judged(findings).items() if row.get("precision") is not None}
    if not rows:
        return ""
    name, row = min(rows.items(), key=lambda pair: float(pair[1]["precision"]))
    least, fewest = min(rows.items(), key=lambda pair: int(pair[1]["pictures"]))
    if row["precision"] == 1:
        doubt = "Whatever name it gave was right"
    else:
        doubt = f"The answer to doubt most is {shown(name)}: right {percent(row['precision'])} of the times it was given"
    number = fewest["pictures"]
    return f"{doubt}. With {number} {_plural(number, 'picture')}, {shown(least)} was judged on the fewest."


def unknown(findings: Findings) -> str:
    """What the threshold keeps and refuses."""
    found = findings.get("unknown") or {}
    refused = [
        f"{percent(found[key]['refused'], 1)} of {found[key]['pictures']} {spoken}"
        for key, spoken in (("photographs", "photographs"), ("unseen_cartoons", "cartoons of characters it never saw"))
        if found.get(key)
    ]
    if not refused or found.get("characters_kept") is None:
        return ""
    kept = percent(found["characters_kept"], 1)
    return f"It still names {kept} of the characters’ pictures, and refuses {' and '.join(refused)}."


def reliability(findings: Findings) -> str:
    """How far its percentages were from the truth, and what temperature scaling did."""
    found = findings["calibration"]
    before, after = (found[key] * 100 for key in ("ece_before", "ece_after"))
    temperature = found.get("temperature")
    means = f" (temperature {temperature:.2f})" if temperature else ""
    change = "no nearer than" if after >= before else "down from"
    return (
        f"When it states how sure it is, it is off by {after:.1f} points on average{means}, {change} {before:.1f} unscaled."
    )


def robustness(findings: Findings) -> str:
    """The change of the pictures that costs most."""
    (_, first), *changed = robustness_rows(findings).items()
    name, row = min(changed, key=lambda pair: float(pair[1]["balanced_accuracy"]))
    base, value = first["balanced_accuracy"], row["balanced_accuracy"]
    judged = f", on {first['pictures']} pictures" if first.get("pictures") else ""
    if base - value < 0.01:
        return (
            f"None of these changes costs a hundredth: the worst, “{name}”, gives {value:.3f} instead of {base:.3f}{judged}."
        )
    return f"The change that costs most is “{name}”: balanced accuracy {value:.3f} instead of {base:.3f}{judged}."


def robustness_rows(findings: Findings) -> dict[str, Mapping[str, Any]]:
    """The pictures as they are, first, and the changes that were measured; nothing where there is nothing to compare."""
    found = findings.get("robustness") or {}
    measured = {name: row for name, row in found.items() if (row or {}).get("balanced_accuracy") is not None}
    if AS_THEY_ARE not in measured or len(measured) < 2:
        return {}
    return {AS_THEY_ARE: measured[AS_THEY_ARE]} | measured


def training(findings: Findings) -> str:
    """From which loss to which, and whether it was still getting better."""
    rows = findings["history"]
    losses = [row["train_loss"] for row in rows if row.get("train_loss") is not None]
    epochs = f"{len(rows)} {_plural(len(rows), 'epoch')}"
    words = f"In {epochs} the loss on its own pictures went from {losses[0]:.2f} to {losses[-1]:.2f}"
    held = [(row["valid_loss"], row["epoch"]) for row in rows if row.get("valid_loss") is not None]
    if not held:
        return words + "."
    best = min(held)
    if best[1] == held[-1][1]:
        return f"{words}; on held-out pictures it was still falling at the end ({best[0]:.2f})."
    return (
        f"{words}; on held-out pictures it was lowest at epoch {best[1]:.0f} ({best[0]:.2f}) and ended at {held[-1][0]:.2f}."
    )


def learning_rate(findings: Findings) -> str:
    """Which rate was suggested, and where the loss was lowest."""
    found = findings["lr_finder"]
    pairs = [(y, x) for x, y in zip(found["lr"], found["loss"], strict=False) if x and y is not None]
    lowest = min(pairs)[1]
    suggested = found.get("suggested")
    if not suggested:
        return f"The loss is lowest near {lowest:.2g}; no rate was suggested."
    if suggested >= lowest:
        return f"Suggested: {suggested:.2g}; the loss was lowest near {lowest:.2g}."
    return f"Suggested: {suggested:.2g}, where the loss was falling; it was lowest near {lowest:.2g}."


def duplicates(findings: Findings) -> str:
    """How far a random split would have flattered the model."""
    found = findings.get("duplicates") or {}
    if found.get("alike") is None:
        return ""
    words = f"{found['alike']} {'picture shares' if found['alike'] == 1 else 'pictures share'} an artwork with another"
    if not found.get("of"):
        return words + "."
    return (
        f"{words}. A random split would have judged {found['leaked']} of its {found['of']} pictures "
        f"({percent(found['leaked'] / found['of'])}) with a copy of them in training; here copies stay on one side."
    )


def precision(findings: Findings) -> str:
    """Which form of the weights was kept, and what it saves."""
    found = findings["precision"]
    kept = next((row for row in found["candidates"] if row["name"] == found.get("kept")), None)
    largest = max(found["candidates"], key=lambda row: float(row["megabytes"]))
    if kept is None or kept is largest:
        return f"Kept: {found.get('kept', 'none named')}."
    return f"Kept: {kept['name']}, {kept['megabytes']:.1f} MB instead of {largest['megabytes']:.1f} ({largest['name']})."


def _judged(findings: Findings) -> dict[str, Mapping[str, Any]]:
    """The characters, not `_other`, whose recall was measured on at least one picture."""
    rows = findings.get("per_class") or {}
    return {
        name: row
        for name, row in rows.items()
        if name != OTHER_LABEL and row.get("recall") is not None and row.get("pictures")
    }


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else noun + "s"
