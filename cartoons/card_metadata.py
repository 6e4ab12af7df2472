"""The metadata of a model card: its front matter, as the Hugging Face Hub reads it.

Format: https://huggingface.co/docs/hub/model-cards
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cartoons.model_folder import ModelInfo

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


def front_matter(info: ModelInfo, published: Published | None) -> str:
    """The model card's YAML, with `model-index` where there is something measured."""
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
    metrics:{_results(metrics)}
---"""


def _on_the_hub(published: Published | None) -> str:
    """The pictures' data set, and drawings to try, as front matter."""
    if published is None:
        return ""
    dataset = f"\ndatasets:\n- {published.dataset}" if published.dataset else ""
    place = f"\n- src: https://huggingface.co/{published.repo}/resolve/main"
    drawings = "".join(f"{place}/{path}\n  example_title: {json.dumps(label)}" for path, label in published.drawings)
    return dataset + (f"\nwidget:{drawings}" if drawings else "")


def _results(metrics: Mapping[str, Any]) -> str:
    """What was measured, an entry each."""
    types = {"balanced_accuracy": "balanced_accuracy", "accuracy": "accuracy", "macro_f1": "f1\n      name: macro F1"}
    return "".join(
        f"\n    - type: {kind}\n      value: {metrics[name]:.4f}" for name, kind in types.items() if name in metrics
    )
