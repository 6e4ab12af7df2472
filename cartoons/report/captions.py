"""What each figure of the training report says, in one plain sentence or two, computed from its numbers.

Plain text, which the templates escape. Findings are those of training_report.py, without keys that are null; a caption is ""
where they do not hold its numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cartoons.errors import counted
from cartoons.evaluation.corruptions import AS_THEY_ARE
from cartoons.evaluation.intervals import wilson
from cartoons.model_folder import OTHER_LABEL
from cartoons.report.pages import NARROW, percent, shown

Findings = Mapping[str, Any]


def held_out(findings: Findings) -> str:
    """Where the held-out pictures came from, for the middle of a sentence."""
    protocol = findings.get("protocol", "")
    all_elsewhere = "source" in protocol and "of one source" not in protocol and "without a source" not in protocol
    return "from sites the model never saw" if all_elsewhere else "the model was not trained on"


def matrix_labels(findings: Findings) -> list[str]:
    """The labels of the confusion matrix's rows and columns: the characters, or all labels if it is that large."""
    characters = list(findings["characters"])
    return characters if len(findings["confusion"]) == len(characters) else list(findings["labels"])


def weakest(findings: Findings) -> str:
    """The character found least often."""
    rows = measured(findings, "recall")
    if not rows:
        return ""
    label, row = min(rows.items(), key=lambda pair: float(pair[1]["recall"]))
    if row["recall"] == 1:
        return "No character is weakest: every picture was named rightly."
    tied = [name for name, other in rows.items() if other["recall"] == row["recall"]]
    if len(tied) > 1:
        names = (
            "all"
            if len(tied) == len(rows)
            else " and ".join(map(shown, tied))
            if len(tied) < 4
            else f"{len(tied)} characters"
        )
        return f"No single character: {names} were found in {percent(row['recall'])} of their pictures."
    found = round(row["recall"] * row["pictures"])
    pair = row.get("recall_95")
    margin = f" (95{NARROW}% interval {percent(pair[0])} to {percent(pair[1])})" if pair else ""
    return f"{shown(label)}: found in {found} of {row['pictures']} pictures, {percent(row['recall'])}{margin}."


def confusion(findings: Findings) -> str:
    """How many pictures of the most judged character were found, and the commonest mistake."""
    labels, counts = matrix_labels(findings), findings["confusion"]
    wrong = [(n, k, j) for k, row in enumerate(counts) for j, n in enumerate(row) if n and j != k]
    total = sum(map(sum, counts))
    if not wrong:
        return f"All {total} pictures {held_out(findings)} got the right name."
    n, k, j = max(wrong)
    most = max(range(len(labels)), key=lambda row: sum(counts[row]))
    judged = counted(sum(counts[most]), f"{shown(labels[most])} picture")
    return (
        f"Of {judged} {held_out(findings)}, it found {counts[most][most]}. "
        f"Its commonest mistake is taking {shown(labels[k])} for {shown(labels[j])}: "
        f"{n} of {counted(sum(counts[k]), 'picture')}."
    )


def per_class(findings: Findings) -> str:
    """Which answer to doubt, and how wide the intervals are."""
    rows = measured(findings, "precision")
    if not rows:
        return ""
    label, row = min(rows.items(), key=lambda pair: float(pair[1]["precision"]))
    judged = {name: int(each["pictures"]) for name, each in measured(findings, "recall").items()}
    least, number = min(judged.items(), key=lambda pair: pair[1])
    if row["precision"] == 1:
        doubt = "Whatever name it gave was right"
    elif len(rows) > 1 and len({other["precision"] for other in rows.values()}) == 1:
        doubt = f"Whichever name it gave was right {percent(row['precision'])} of the times it was given"
    else:
        doubt = f"The answer to doubt most is {shown(label)}: right {percent(row['precision'])} of the times it was given"
    if len(set(judged.values())) == 1:
        return f"{doubt}. Each character was judged on {counted(number, 'picture')}."
    return f"{doubt}. With {counted(number, 'picture')}, {shown(least)} was judged on the fewest."


def out_of_distribution(findings: Findings) -> dict[str, str]:
    """What to call the pictures of none of the characters, by their key in `unknown`."""
    cartoons = "cartoons of characters it never saw" if findings.get("strangers_unseen") else "other cartoons"
    return {"photographs": "photographs", "unseen_cartoons": cartoons}


def unknown(findings: Findings) -> str:
    """What the threshold keeps and refuses."""
    found = findings.get("unknown", {})
    refused: list[str] = []
    for key, spoken in out_of_distribution(findings).items():
        if row := found.get(key):
            low, high = row.get("refused_95") or wilson(row["refused"], row["pictures"])
            margin = f"({'' if refused else f'95{NARROW}% interval '}{percent(low)} to {percent(high)})"
            refused.append(f"{percent(row['refused'], 1)} of {row['pictures']} {spoken} {margin}")
    if not refused or found.get("characters_kept") is None:
        return ""
    kept = percent(found["characters_kept"], 1)
    return f"It still names {kept} of the characters’ pictures, and refuses {' and '.join(refused)}."


def reliability(findings: Findings) -> str:
    """How far its percentages were from the truth, and what temperature scaling did."""
    found = findings["calibration"]
    before, after = (found[key] * 100 for key in ("ece_before", "ece_after"))
    means = f" (temperature {found['temperature']:.2f})" if found.get("temperature") else ""
    change = "no nearer than" if after >= before else "down from"
    return (
        f"When it states how sure it is, it is off by {after:.1f} points on average{means}, {change} {before:.1f} unscaled."
    )


def robustness(findings: Findings) -> str:
    """The change of the pictures that costs most."""
    rows = robustness_rows(findings)
    name, value = min(((name, value) for name, value in rows.items() if name != AS_THEY_ARE), key=lambda pair: pair[1])
    base, pictures = rows[AS_THEY_ARE], findings["robustness"][AS_THEY_ARE].get("pictures")
    judged = f", on {pictures} pictures" if pictures else ""
    if base - value < 0.01:
        return (
            f"None of these changes costs a hundredth: the worst, “{name}”, gives {value:.3f} instead of {base:.3f}{judged}."
        )
    return f"The change that costs most is “{name}”: balanced accuracy {value:.3f} instead of {base:.3f}{judged}."


def robustness_rows(findings: Findings) -> dict[str, float]:
    """Balanced accuracy on the pictures as they are and as changed; nothing where there is nothing to compare."""
    rows = {name: row["balanced_accuracy"] for name, row in findings.get("robustness", {}).items() if row}
    rows = {name: value for name, value in rows.items() if value is not None}
    return rows if AS_THEY_ARE in rows and len(rows) > 1 else {}


def training(findings: Findings) -> str:
    """From which loss to which, and whether it was still getting better."""
    rows = findings["history"]
    losses = [row["train_loss"] for row in rows if row.get("train_loss") is not None]
    words = f"In {counted(len(rows), 'epoch')} the loss on its own pictures went from {losses[0]:.2f} to {losses[-1]:.2f}"
    held = [(row["valid_loss"], row["epoch"]) for row in rows if row.get("valid_loss") is not None]
    if not held:
        return words + "."
    best = min(held)
    if best[1] == held[-1][1]:
        return f"{words}; on held-out pictures it was still falling at the end ({best[0]:.2f})."
    return (
        f"{words}; on held-out pictures it was lowest at epoch {best[1]:.0f} ({best[0]:.2f}) and ended at {held[-1][0]:.2f}."
    )


def learning_rate(points: Sequence[tuple[float, float]], suggested: float | None) -> str:
    """Which rate was suggested, and where the loss was lowest, of (rate, loss)."""
    lowest = min((loss, rate) for rate, loss in points)[1]
    if not suggested:
        return f"The loss is lowest near {lowest:.2g}; no rate was suggested."
    if suggested >= lowest:
        return f"Suggested: {suggested:.2g}; the loss was lowest near {lowest:.2g}."
    return f"Suggested: {suggested:.2g}, where the loss was falling; it was lowest near {lowest:.2g}."


def duplicates(findings: Findings) -> str:
    """How far a random split would have flattered the model."""
    found = findings.get("duplicates", {})
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


def measured(findings: Findings, what: str) -> dict[str, Mapping[str, Any]]:
    """The characters, not `_other`, of which recall (and precision) was measured on at least one picture."""
    return {
        label: row
        for label, row in findings.get("per_class", {}).items()
        if label != OTHER_LABEL and row.get("pictures") and row.get("recall") is not None and row.get(what) is not None
    }
