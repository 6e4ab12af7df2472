"""The model card: what the model is, how it was measured and what it is bad at, from model.json alone.

Older ones of model.json lack some of the metrics: the card then says less.
"""

from collections.abc import Mapping
from typing import Any

from cartoons.card_metadata import Published, front_matter
from cartoons.converted_card import unmeasured
from cartoons.model_folder import ModelInfo
from cartoons.unknown_card import three_numbers, unknown


def model_card(info: ModelInfo, published: Published | None = None) -> str:
    """README.md of a model folder, with front matter for the Hugging Face Hub; published: if it goes there."""
    parts = [front_matter(info, published), _opening(info)]
    if "balanced_accuracy" in info.metrics:
        parts += [
            three_numbers(info),
            _measured(info),
            unknown(info),
            _robustness(info),
            _data(info, published),
            _limits(info),
        ]
    else:
        parts.append(unmeasured(info))
    return "\n\n".join(filter(None, [*parts, _precision(info), _use(info, published)])) + "\n"


def _opening(info: ModelInfo) -> str:
    return f"""# {info.name}

Names the character in a picture, or says that it knows none: {", ".join(info.characters)}.
`{info.arch}`, recipe `{info.recipe}`, revision `{info.revision}`, made {info.created[:10]}."""


def _measured(info: ModelInfo) -> str:
    metrics = info.metrics
    chance = f"chance is {1 / len(info.characters):.3f}"
    if interval := metrics.get("balanced_accuracy_95"):
        chance = f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}; {chance}"
    others = {"Macro-F1": "macro_f1", "accuracy": "accuracy"}
    more = ", ".join(f"{words} {metrics[name]:.3f}" for words, name in others.items() if name in metrics)
    more = f"{more}.\n" if more else ""
    protocol = f"Measured {metrics['protocol']}. Intervals redraw whole artworks.\n" if "protocol" in metrics else ""
    if copies := metrics.get("duplicates"):
        protocol += (
            f"A random split would have judged {copies['leaked']} of {copies['of']} pictures "
            "by a model that was trained on a copy of them.\n"
        )
    calibration = ""
    if errors := metrics.get("calibration"):
        calibration = (
            f"\n\nExpected calibration error {errors['ece_after']:.3f}\n({errors['ece_before']:.3f} before temperature "
            f"scaling by {info.temperature:.2f})."
        )
    rows = "\n".join(
        f"| {_cell(name)} | {row['pictures']} | {_interval(row, 'recall')} | {_interval(row, 'precision')} |"
        for name, row in _per_class(info).items()
    )
    return f"""## How good it is

Balanced accuracy over the characters: **{metrics["balanced_accuracy"]:.3f}**
({chance}).
{more}
{protocol}
| character | pictures | found (recall) | right when named (precision) |
|---|---|---|---|
{rows}{calibration}"""


def _per_class(info: ModelInfo) -> Mapping[str, Mapping[str, Any]]:
    """What was measured of each character: its pictures, recall and precision, as far as model.json says."""
    metrics = info.metrics
    found: dict[str, dict[str, Any]] = {
        name: {"pictures": metrics.get("pictures", {}).get(name, 0), "recall": recall}
        for name, recall in metrics.get("recall", {}).items()
    }
    return metrics.get("per_class") or found


def _cell(label: str) -> str:
    """A label as a cell of a table."""
    return label.replace("|", "\\|")


def _interval(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return ""
    low, high = row.get(f"{name}_95") or (None, None)
    return f"{row[name]:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _robustness(info: ModelInfo) -> str:
    if not (slices := info.metrics.get("robustness")):
        return ""
    rows = "\n".join(f"| {name} | {row['balanced_accuracy']:.3f} |" for name, row in slices.items())
    pictures = next(iter(slices.values()))["pictures"]
    return f"""## How it takes other versions of the same pictures

{pictures} of the pictures above, changed as people change them:

| pictures | balanced accuracy |
|---|---|
{rows}"""


def _precision(info: ModelInfo) -> str:
    if not (parity := info.metrics.get("parity")):
        return ""
    said = f"""The ONNX graph and the fastai learner (`model.pkl`) were compared on {parity["pictures"]} pictures;
their probabilities differ by at most {parity["largest_difference"]:.1e}."""
    if "precision" not in info.metrics:
        return f"## The file\n\n{said}"
    kept = info.metrics["precision"]["kept"]
    rows = "\n".join(
        f"| {row['name']}{' (kept)' if row['name'] == kept else ''} | {row['megabytes']:.1f} | {row['milliseconds']:.1f} | "
        f"{row['balanced_accuracy']:.3f} | {'' if row['auroc'] is None else format(row['auroc'], '.3f')} |"
        for row in info.metrics["precision"]["candidates"]
    )
    return f"""## The file

{said}
What the first round's held-out pictures said of each precision:

| weights | MB | ms per picture | balanced accuracy | AUROC of the unknown score |
|---|---|---|---|---|
{rows}"""


def _data(info: ModelInfo, published: Published | None) -> str:
    dataset = info.dataset
    if not dataset.get("pictures"):
        return ""
    there = "The pictures are not published: the characters belong to their owners."
    if published and published.dataset:
        there = f"Where each came from: [{published.dataset}](https://huggingface.co/datasets/{published.dataset})."
    counts = ", ".join(f"{label} {count}" for label, count in dataset["pictures"].items())
    return f"""## What it was trained on

{sum(dataset["pictures"].values())} pictures: {counts}; sources: {dataset.get("sources", "unstated")}
(data set hash `{dataset.get("sha256", "unstated")[:16]}`). {there}"""


def _limits(info: ModelInfo) -> str:
    weak = ""
    if rows := _per_class(info):
        weakest = min(rows, key=lambda name: rows[name]["recall"])
        fewest = min(rows, key=lambda name: rows[name]["pictures"])
        few = rows[fewest]["pictures"]
        weak = f"- {weakest.capitalize()} is found least often; {fewest} was judged on {few} pictures only.\n"
    return f"""## What it is bad at

{weak}- Cartoons of characters it never saw sometimes get a name, above all those drawn like one it knows.
- It gives one name per picture, however many characters are in it.
- Styles that were not among its pictures, such as a child's drawing, a toy or a costume, were not measured."""


def _use(info: ModelInfo, published: Published | None) -> str:
    where, page, download, folder = "this folder", "", "", 'Path("model")'
    if published:
        where, page = f"`{published.repo}`", f"\nAs a page: `MODEL_REPO={published.repo} python app.py`.\n"
        download = "from huggingface_hub import snapshot_download\n"
        folder = f'Path(snapshot_download("{published.repo}", allow_patterns=["model.onnx", "model.json"]))'
    learner = f"""

To go on training: `huggingface_hub.from_pretrained_fastai` on {where} gives the fastai learner (it unpickles, which runs
code: only from people you trust); `weights.safetensors` holds its numbers alone."""
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    changed = ", with changes," if info.commit.endswith("+") else ""
    commit = "" if info.commit == "unknown" else f" at commit `{info.commit[:12]}`{changed}"
    return f"""## Use
{page}
```python
from pathlib import Path
{download}from cartoons.images import load
from cartoons.classifier import Classifier

[answer] = Classifier.load({folder}).predict([load("picture.png")])
print(answer.label, answer.known, answer.probabilities)
```{learner if info.recipe != "converted" else ""}

Made{commit} with {versions}."""
