"""The model card: what the model is, how it was measured and what it is bad at, from model.json alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cartoons.bundle import OTHER_LABEL, ModelInfo
from cartoons.converted_card import unmeasured

IN1K = {f"tf_efficientnet_lite{k}" for k in range(5)}
"""Networks whose usual ImageNet weights the Hub has as timm/NAME.in1k."""


@dataclass(frozen=True)
class Published:
    """Where a model folder stands on the Hugging Face Hub."""

    repo: str
    """user/name."""
    dataset: str | None = None
    """user/name of its pictures, if they are there too."""
    drawings: Sequence[tuple[str, str]] = ()
    """(path in the repository, character) of drawings for visitors to try."""


def model_card(info: ModelInfo, published: Published | None = None) -> str:
    """README.md of a model folder, with front matter for the Hugging Face Hub; published: if it goes there."""
    parts = [_front_matter(info, published), _opening(info)]
    if "balanced_accuracy" in info.metrics:
        parts += [_measured(info), _unknown(info), _robustness(info), _data(info, published), _limits(info)]
    else:
        parts.append(unmeasured(info))
    return "\n\n".join([*parts, _precision(info), _use(info, published)]) + "\n"


def _front_matter(info: ModelInfo, published: Published | None) -> str:
    metrics = info.metrics
    base = f"\nbase_model: timm/{info.arch}.in1k" if info.arch in IN1K and info.recipe != "converted" else ""
    dataset = published.dataset if published else None
    lines = f"""---
library_name: fastai
pipeline_tag: image-classification
license: apache-2.0{base}
tags:
- cartoon-classifier
- image-classification
- fastai
- onnx{_on_the_hub(published)}"""
    if "balanced_accuracy" not in metrics:
        return f"{lines}\n---"
    return f"""{lines}
model-index:
- name: {json.dumps(info.name, ensure_ascii=False)}
  results:
  - task:
      type: image-classification
    dataset:
      type: {dataset or "imagefolder"}
      name: pictures of {len(info.characters)} characters, judged by models that never saw them
    metrics:
    - type: balanced_accuracy
      value: {metrics["balanced_accuracy"]:.4f}
    - type: accuracy
      value: {metrics["accuracy"]:.4f}
    - type: f1
      name: macro F1
      value: {metrics["macro_f1"]:.4f}
---"""


def _on_the_hub(published: Published | None) -> str:
    """The pictures' data set, and drawings to try, as front matter."""
    if published is None:
        return ""
    dataset = f"\ndatasets:\n- {published.dataset}" if published.dataset else ""
    place = f"\n- src: https://huggingface.co/{published.repo}/resolve/main"
    drawings = "".join(f"{place}/{path}\n  example_title: {json.dumps(label)}" for path, label in published.drawings)
    return dataset + (f"\nwidget:{drawings}" if drawings else "")


def _opening(info: ModelInfo) -> str:
    return f"""# {info.name}

Names the character in a picture, or says that it knows none: {", ".join(info.characters)}.
`{info.arch}`, recipe `{info.recipe}`, revision `{info.revision}`, made {info.created[:10]}."""


def _measured(info: ModelInfo) -> str:
    metrics = info.metrics
    low, high = metrics["balanced_accuracy_95"]
    copies = metrics["duplicates"]
    rows = "\n".join(
        f"| {_cell(name)} | {row['pictures']} | {_interval(row, 'recall')} | {_interval(row, 'precision')} |"
        for name, row in metrics["per_class"].items()
    )
    return f"""## How good it is

Balanced accuracy over the characters: **{metrics["balanced_accuracy"]:.3f}**
(95 % interval {low:.3f} to {high:.3f}; chance is {1 / len(info.characters):.3f}).
Macro-F1 {metrics["macro_f1"]:.3f}, accuracy {metrics["accuracy"]:.3f}.

Measured {metrics["protocol"]}. Intervals redraw whole artworks.
A random split would have judged {copies["leaked"]} of {copies["of"]} pictures by a model that was trained on a copy of them.

| character | pictures | found (recall) | right when named (precision) |
|---|---|---|---|
{rows}

Expected calibration error {metrics["calibration"]["ece_after"]:.3f}
({metrics["calibration"]["ece_before"]:.3f} before temperature scaling by {info.temperature:.2f})."""


def _cell(label: str) -> str:
    """A label as a cell of a table."""
    return label.replace("|", "\\|")


def _interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_95"]
    return f"{row[name]:.3f} ({low:.3f} to {high:.3f})"


def _unknown(info: ModelInfo) -> str:
    unknown: dict[str, Any] = info.metrics["unknown"]
    found = {name: unknown[name] for name in ("photographs", "unseen_cartoons") if name in unknown}
    rows = "\n".join(
        f"| {_stranger(name, info)} | {kind['pictures']} | {kind['auroc']:.3f} | {kind['refused']:.1%} |"
        for name, kind in found.items()
    )
    if OTHER_LABEL in info.labels and not rows:
        return """## When it says "I don't know"

No picture of "none of these" was held out, so how often it refuses them was not measured."""
    if not rows:
        return """## When it says "I don't know"

It was trained without pictures of "none of these", so treat every answer as a guess among the names it knows."""
    photographs = (
        "set to let " + format(unknown["false_accept_rate"], ".0%") + " of photographs through, if that spares them"
    )
    aim = photographs if "photographs" in unknown else "set by the characters' pictures alone"
    apart = "Those below were not trained on, but others of their kind may have been."
    if info.metrics.get("strangers_unseen"):
        apart = "Each cartoon below was judged by a model that never saw its character."
    return f"""## When it says "I don't know"

When {info.unknown_rule} is above {info.unknown_threshold:.3f}: {aim}.
So set, it names {unknown["characters_kept"]:.1%} of the characters' pictures that it never saw.
{apart}

| none of these | pictures | AUROC | refused |
|---|---|---|---|
{rows}"""


def _stranger(name: str, info: ModelInfo) -> str:
    return name.replace("_", " ") if name == "photographs" or info.metrics.get("strangers_unseen") else "others"


def _robustness(info: ModelInfo) -> str:
    slices = info.metrics["robustness"]
    rows = "\n".join(f"| {name} | {row['balanced_accuracy']:.3f} |" for name, row in slices.items())
    pictures = next(iter(slices.values()))["pictures"]
    return f"""## How it takes other versions of the same pictures

{pictures} of the pictures above, changed as people change them:

| pictures | balanced accuracy |
|---|---|
{rows}"""


def _precision(info: ModelInfo) -> str:
    parity = info.metrics["parity"]
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
    there = "The pictures are not published: the characters belong to their owners."
    if published and published.dataset:
        there = f"Where each came from: [{published.dataset}](https://huggingface.co/datasets/{published.dataset})."
    counts = ", ".join(f"{label} {count}" for label, count in dataset["pictures"].items())
    return f"""## What it was trained on

{sum(dataset["pictures"].values())} pictures: {counts}; sources: {dataset["sources"]}
(data set hash `{dataset["sha256"][:16]}`). {there}"""


def _limits(info: ModelInfo) -> str:
    rows = info.metrics["per_class"]
    weakest = min(rows, key=lambda name: rows[name]["recall"])
    fewest = min(rows, key=lambda name: rows[name]["pictures"])
    return f"""## What it is bad at

- {weakest.capitalize()} is found least often; {fewest} was judged on {rows[fewest]["pictures"]} pictures only.
- Cartoons of characters it never saw sometimes get a name, above all those drawn like one it knows.
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
    return f"""## Use
{page}
```python
from pathlib import Path
{download}from cartoons.images import load
from cartoons.predict import Classifier

[answer] = Classifier.load({folder}).predict([load("picture.png")])
print(answer.label, answer.known, answer.probabilities)
```{learner if info.recipe != "converted" else ""}

Made with {versions}."""
