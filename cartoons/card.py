"""The model card: what the model is, how it was measured and what it is bad at, from model.json alone."""

from typing import Any

from cartoons.bundle import ModelInfo


def model_card(info: ModelInfo) -> str:
    """README.md of a model folder, with front matter for the Hugging Face Hub."""
    parts = [
        _front_matter(info),
        _opening(info),
        _measured(info),
        _unknown(info),
        _data(info),
        _limits(info),
        _use(info),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(info: ModelInfo) -> str:
    metrics = info.metrics
    return f"""---
library_name: onnx
pipeline_tag: image-classification
license: apache-2.0
base_model: timm/{info.arch}.in1k
tags:
- cartoon-classifier
- image-classification
model-index:
- name: {info.name}
  results:
  - task:
      type: image-classification
    dataset:
      type: imagefolder
      name: pictures of {len(info.characters)} characters, each source held out in turn
    metrics:
    - type: balanced_accuracy
      value: {metrics["balanced_accuracy"]:.4f}
    - type: f1
      name: macro F1
      value: {metrics["macro_f1"]:.4f}
---"""


def _opening(info: ModelInfo) -> str:
    return f"""# {info.name}

Names the character in a picture, or says that it knows none: {", ".join(info.characters)}.
`{info.arch}`, recipe `{info.recipe}`, revision `{info.revision}`, trained {info.created[:10]}."""


def _measured(info: ModelInfo) -> str:
    metrics = info.metrics
    low, high = metrics["balanced_accuracy_95"]
    rows = "\n".join(f"| {name} | {metrics['pictures'][name]} | {metrics['recall'][name]:.3f} |" for name in info.characters)
    return f"""## How good it is

Balanced accuracy over the characters: **{metrics["balanced_accuracy"]:.3f}**
(95 % interval {low:.3f} to {high:.3f}; chance is {1 / len(info.characters):.3f}).
Macro-F1 {metrics["macro_f1"]:.3f}, accuracy {metrics["accuracy"]:.3f}.

Measured {metrics["protocol"]}; then trained on all of it. The interval redraws whole artworks.

| character | pictures | found (recall) |
|---|---|---|
{rows}

Expected calibration error {metrics["calibration"]["ece_after"]:.3f}
({metrics["calibration"]["ece_before"]:.3f} before temperature scaling by {info.temperature:.2f}).

The ONNX graph and the fastai learner agree on the label of all {metrics["parity"]["pictures"]} pictures;
their probabilities differ by at most {metrics["parity"]["largest_difference"]:.1e}."""


def _unknown(info: ModelInfo) -> str:
    unknown: dict[str, Any] = info.metrics["unknown"]
    found = {name: unknown[name] for name in ("photographs", "unseen_cartoons") if name in unknown}
    rows = "\n".join(
        f"| {name.replace('_', ' ')} | {kind['pictures']} | {kind['auroc']:.3f} | {kind['refused']:.1%} |"
        for name, kind in found.items()
    )
    if not rows:
        return """## When it says "I don't know"

It was trained without pictures of "none of these", so treat every answer as a guess among the names it knows."""
    return f"""## When it says "I don't know"

When {info.unknown_rule} is above {info.unknown_threshold:.3f}.
So set, it still names {unknown["characters_kept"]:.1%} of the characters' pictures from sources it never saw.
Each cartoon below was judged by a model that never saw its character.

| none of these | pictures | AUROC | refused |
|---|---|---|---|
{rows}"""


def _data(info: ModelInfo) -> str:
    dataset = info.dataset
    counts = ", ".join(f"{label} {count}" for label, count in dataset["pictures"].items())
    return f"""## What it was trained on

{sum(dataset["pictures"].values())} pictures: {counts}; from {dataset["sources"]} sources
(data set hash `{dataset["sha256"][:16]}`). The pictures are not published: the characters belong to their owners."""


def _limits(info: ModelInfo) -> str:
    weakest = min(info.metrics["recall"], key=info.metrics["recall"].get)
    fewest = min(info.metrics["pictures"], key=info.metrics["pictures"].get)
    return f"""## What it is bad at

- {weakest.capitalize()} is found least often; {fewest} had only {info.metrics["pictures"][fewest]} pictures to learn from.
- Cartoons of characters it never saw sometimes get a name, above all those drawn like one it knows.
- It gives one name per picture, however many characters are in it.
- Styles that were not among its pictures, such as a child's drawing, a toy or a costume, were not measured."""


def _use(info: ModelInfo) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    return f"""## Use

```python
from pathlib import Path
from cartoons.images import load
from cartoons.predict import Classifier

[answer] = Classifier.load(Path("model")).predict([load("picture.png")])
print(answer.label, answer.known, answer.probabilities)
```

Made with {versions}."""
