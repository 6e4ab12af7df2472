"""What a training found out, as model.json, the card and the report say it."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cartoons.dataset import IN_CONFLICT
from cartoons.evaluation import label_issues, learning_curve, metrics
from cartoons.evaluation.calibration import Calibration
from cartoons.evaluation.metrics import HeldOutPredictions
from cartoons.files import write_atomically
from cartoons.model_card import model_card
from cartoons.model_folder import ModelInfo
from cartoons.report import training_report
from cartoons.splits import Split, leaked_by_random_split
from cartoons.training.callbacks import EpochMetrics
from cartoons.training.config import TrainConfig
from cartoons.training.cross_validation import Trainer
from cartoons.training.quantize import PRECISION_FILE
from cartoons.training.run import describe

BATCH_SHOWN = 12
log = logging.getLogger("train")


def evaluate(config: TrainConfig, trainer: Trainer, split: Split, predictions: HeldOutPredictions) -> ModelInfo:
    """model.json but for what export adds, with the figures of the held-out predictions."""
    data, network = trainer.data, trainer.network
    figures, fitted, thresholds = metrics.measure(predictions)
    leaked, of = leaked_by_random_split(data.items, config.split.valid_pct, config.split.seed)
    log.info("A random split would have judged %d of %d pictures by a model that was trained on a copy.", leaked, of)
    figures |= {
        "protocol": split.protocol,
        "duplicates": {"alike": data.near_duplicates, "leaked": leaked, "of": of},
        "strangers_unseen": split.other_characters_unseen(data.items),
        "strangers": len({item.other_character for item in predictions.items} - {""}),
        "precision": json.loads((trainer.work / PRECISION_FILE).read_text(encoding="utf-8")),
    }
    if curve := _learning_curve(trainer, split, figures["balanced_accuracy"]):
        figures["learning_curve"] = curve
        log.info("%s", learning_curve.in_words(curve))
    return describe(
        config,
        data,
        recipe=trainer.recipe.name,
        metrics=figures,
        hyperparameters=asdict(trainer.recipe),
        temperature=fitted.temperature,
        unknown_threshold=thresholds.unknown,
        unknown_rule=figures["unknown"]["rule"],
        certain_threshold=thresholds.certain,
        size_px=network.size_px,
        mean=network.mean,
        std=network.std,
    )


def _learning_curve(trainer: Trainer, split: Split, reached: float) -> dict[str, Any] | None:
    """What more pictures would bring, measured once and noted in the work folder; None where that cannot be said."""
    noted = trainer.work / "learning_curve.json"
    if not noted.exists():
        features, data, curve = trainer.imagenet_features(), trainer.data, None
        if features is not None:
            curve = learning_curve.measure(features, data.items, data.labels, split.folds, reached)
        write_atomically(noted, json.dumps(curve).encode())
    return json.loads(noted.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def write_report(
    out: Path, info: ModelInfo, trainer: Trainer, predictions: HeldOutPredictions, history: list[EpochMetrics]
) -> None:
    """report/ and the card."""
    data, fitted = trainer.data, Calibration(info.temperature, info.metrics["calibration"]["other_bias"])
    batch = data.items[:: max(1, len(data.items) // BATCH_SHOWN)]
    findings = {
        **{name: getattr(info, name) for name in ("name", "labels", "characters", "created", "arch", "recipe", "revision")},
        **info.metrics,
        **{name: info.dataset[name] for name in ("pictures", "split", "passed_over")},
        **metrics.curves(predictions, fitted),
        "left_out": [
            *([str(each.item.path), each.error] for each in data.unreadable),
            *([str(item.path), f"{IN_CONFLICT}: {item.label}"] for copies in data.conflicts for item in copies),
        ],
        "history": history,
        "lr_finder": trainer.lr_finder,
        "top_losses": label_issues.top_losses(predictions, fitted),
        "mislabelled": label_issues.mislabelled(predictions, fitted),
        "folder": str(data.folder.root),
        "batch": [{"path": str(item.path), "label": item.label} for item in batch],
    }
    first = [next(i for i, item in enumerate(data.items) if item.label == label) for label in data.labels]
    training_report.write(out / "report", findings, list(zip(data.labels, trainer.examples(first), strict=True)))
    write_atomically(out / "README.md", model_card(info, folder=out).encode())
