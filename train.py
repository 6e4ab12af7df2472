"""A picture folder to a model folder that one can trust.

    python train.py data/cartoons --out runs/mine
    python app.py --model runs/mine

The folder holds one folder of pictures per character, and `_other` for "none of these". The model is measured first, each
source held out in turn, then trained on everything, exported to ONNX behind a parity gate, and described in its card.
"""

import argparse
import datetime
import hashlib
import io
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cartoons import bundle, dataset, evaluate
from cartoons.bundle import ModelInfo
from cartoons.card import model_card
from cartoons.dataset import Fold, Item
from cartoons.errors import CartoonError, DataError
from cartoons.export import export
from cartoons.learn import FAST, Recipe, Trainer, readable
from cartoons.network import DEFAULT_ARCH, build_learner

WORK = "work"
VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
log = logging.getLogger("train")


def train(root: Path, out: Path, arch: str = DEFAULT_ARCH, recipe: Recipe = FAST, name: str | None = None) -> ModelInfo:
    """Measure, train, export and describe; returns what model.json says. Raises CartoonError before anything is lost."""
    items = readable_items(root)
    check_writable(out)
    labels = dataset.labels_of(items)
    log.info("%d pictures of %d labels; computing what the frozen part sees.", len(items), len(labels))
    learn = build_learner(items, labels, arch, recipe.dropout)
    trainer = Trainer(learn, items, labels, recipe)

    by_source = list(dataset.folds_by_source(items))
    folds = [*by_source, *dataset.folds_of_others(items)]
    described = describe(items)
    key = f"{described['sha256']} {arch} {recipe}"
    found = out_of_fold(trainer, labels, folds, characters_from=len(by_source), work=out / WORK, key=key)
    metrics, temperature, threshold = evaluate.measure(found)
    metrics["protocol"] = protocol(items, by_source)
    log.info("Training on all %d pictures.", len(items))
    trainer.fit(range(len(items)))

    info = ModelInfo(
        labels=labels,
        size_px=trainer.size_px,
        mean=trainer.mean,
        std=trainer.std,
        temperature=temperature,
        unknown_threshold=threshold,
        name=name or f"{len(labels)} labels of {root.name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=arch,
        recipe=recipe.name,
        dataset=described,
        metrics=metrics,
        versions={package: version(package) for package in VERSIONS_OF},
    )
    info = export(learn, info, [item.path for item in items], out)
    bundle.write_atomically(out / "README.md", model_card(info).encode())
    return info


def readable_items(root: Path) -> list[Item]:
    """The folder's pictures, each known to open; the others are listed and left out."""
    items, bad = readable(dataset.read(root))
    for path, reason in bad:
        log.warning("Left out %s: %s", path, reason)
    return items


def check_writable(out: Path) -> None:
    """Refuse an output folder that cannot be written before minutes are spent."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        bundle.write_atomically(out / ".writable", b"")
        (out / ".writable").unlink()
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error}): give another folder with --out.") from error


def out_of_fold(
    trainer: Trainer, labels: tuple[str, ...], folds: Sequence[Fold], characters_from: int, work: Path, key: str
) -> evaluate.OutOfFold:
    """Train once per fold, and keep what it says of the held-out pictures: in the first `characters_from` folds of the
    characters, in the others of `_other`. Every fold's answers go to `work` at once, and a rerun with the same `key` (data,
    network and recipe) takes them from there."""
    items = trainer.items
    logits = np.full((len(items), len(labels)), np.nan)
    work.mkdir(exist_ok=True)
    started = time.monotonic()
    for number, fold in enumerate(folds, 1):
        judged = [i for i in fold.held_out if (items[i].label != bundle.OTHER_LABEL) == (number <= characters_from)]
        done = work / f"{hashlib.sha256(f'{key} {sorted(fold.held_out)}'.encode()).hexdigest()[:16]}.npy"
        if not done.exists():
            trainer.fit([i for i in range(len(items)) if i not in fold.held_out])
            answers = io.BytesIO()
            np.save(answers, trainer.logits(judged))
            bundle.write_atomically(done, answers.getvalue())
        logits[judged] = np.load(done)
        left_s = (time.monotonic() - started) / number * (len(folds) - number)
        log.info("Measured %d of %d (%s held out), about %.0f s to go.", number, len(folds), fold.name, left_s)
    return evaluate.OutOfFold(items, labels, logits)


def protocol(items: Sequence[Item], folds: Sequence[Fold]) -> str:
    """How the figures were measured, for the card."""
    if any(item.source for item in items):
        return (
            f"leaving one source out, {len(folds)} times: "
            "every character picture was judged by a model trained without its source"
        )
    return f"in {len(folds)} folds of whole groups of alike pictures"


def describe(items: Iterable[Item]) -> dict[str, object]:
    """The data set in numbers."""
    items = list(items)
    counts = Counter(item.label for item in items)
    return {
        "pictures": {label: counts[label] for label in dataset.labels_of(items)},
        "sources": len({item.source for item in items if item.source}) or "unstated",
        "sha256": dataset.content_hash(items),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when the model folder is there, 2 with one sentence when the input cannot be used."""
    parser = argparse.ArgumentParser(prog="train.py", description="Train a cartoon classifier on a folder of pictures.")
    parser.add_argument("data", type=Path, help="a folder holding one folder of pictures per character")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/model"), help="the model folder to write (default: %(default)s)"
    )
    parser.add_argument("--arch", default=DEFAULT_ARCH, help="any timm network (default: %(default)s)")
    parser.add_argument("--name", help="the model's name, as its page shows it")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        info = train(arguments.data, arguments.out, arguments.arch, name=arguments.name)
    except CartoonError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    low, high = info.metrics["balanced_accuracy_95"]
    print(
        f"{arguments.out}: balanced accuracy {info.metrics['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f}). "
        f"See it: python app.py --model {arguments.out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
