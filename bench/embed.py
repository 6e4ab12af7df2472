"""Make a trained model the embedded one, and note on its card how it answers our drawings: make embed.

The drawings (tests/drawings, a folder per label) were drawn before any model had answered them; none is trained on.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartoons import dataset, model_folder
from cartoons.classifier import Classifier
from cartoons.errors import BundleError
from cartoons.evaluation.intervals import wilson
from cartoons.files import write_atomically
from cartoons.images import load
from cartoons.model_card import model_card
from cartoons.model_folder import EMBEDDED_MODEL, FORMAT_VERSION, OTHER_LABEL
from cartoons.packages import ROOT

DRAWINGS_TO_TRY = ROOT / "tests" / "drawings"


def answer_drawings(classifier: Classifier) -> dict[str, Any]:
    """How many are answered right, by style, and which are not. What shows no character is to be refused."""
    items = dataset.read(DRAWINGS_TO_TRY).items
    answers = classifier.predict([load(item.path) for item in items])
    given = [answer.label if answer.known else OTHER_LABEL for answer in answers]
    pictures, right, wrong, refused = Counter[str](), Counter[str](), {}, list[bool]()
    for item, label in zip(items, given, strict=True):
        style = item.path.stem.rpartition("-")[0]
        pictures[style] += 1
        right[style] += label == item.label
        if item.label == OTHER_LABEL:
            refused.append(label == OTHER_LABEL)
        if label != item.label:
            wrong[f"{item.label}/{item.path.name}"] = label
    share = sum(refused) / len(refused)
    return {
        "pictures": len(items),
        "right": len(items) - len(wrong),
        "styles": {style: {"right": right[style], "pictures": count} for style, count in pictures.items()},
        "of_none": {"pictures": len(refused), "refused": share, "refused_95": wilson(share, len(refused))},
        "wrong": wrong,
    }


def embed(source: Path, target: Path) -> model_folder.ModelInfo:
    """Write the model of one folder, its card and its score to another. Raises BundleError, also for an older format and for
    a model of other characters than the drawings'."""
    info, onnx = model_folder.read(source)
    drawn = {item.label for item in dataset.read(DRAWINGS_TO_TRY).items}
    if info.format_version != FORMAT_VERSION:
        raise BundleError(f"{source} is of format {info.format_version}, not {FORMAT_VERSION}: it is an older one.")
    if drawn != set(info.labels):
        raise BundleError(f"{source} knows {', '.join(info.labels)}; the drawings show {', '.join(sorted(drawn))}.")
    drawings = answer_drawings(Classifier.load(source))
    info = replace(info, metrics=info.metrics | {"drawings": drawings}, examples=(), sha256={})  # of files that stay behind
    written = model_folder.write(target, info, onnx)
    write_atomically(target / "README.md", model_card(written, folder=Path(target.name)).encode())
    return written


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a trained model folder the embedded one.")
    parser.add_argument("source", type=Path)
    try:
        info = embed(parser.parse_args(argv).source, EMBEDDED_MODEL)
    except BundleError as error:
        parser.error(f"{error} Run make model.")
    drawings = info.metrics["drawings"]
    print(f"{EMBEDDED_MODEL}: revision {info.revision}, {drawings['right']} of {drawings['pictures']} drawings right.")
    for path, label in drawings["wrong"].items():
        print(f"  {path} is answered {label}")


if __name__ == "__main__":
    main()
