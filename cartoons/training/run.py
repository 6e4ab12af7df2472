"""A picture folder that was looked through, what is to be done with it, and whether that was done before."""

import datetime
import hashlib
import logging
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cartoons import dataset, model_folder, splits
from cartoons.dataset import Dataset
from cartoons.errors import BundleError, DataError
from cartoons.evaluation.calibration import Calibration
from cartoons.evaluation.ood import Thresholds
from cartoons.files import check_writable, write_atomically
from cartoons.model_folder import ModelInfo
from cartoons.near_duplicates import group_near_duplicates
from cartoons.picture_folder import in_words
from cartoons.splits import Split, SplitConfig
from cartoons.training import cross_validation
from cartoons.training.hardware import claim_device
from cartoons.training.network import DEFAULT_ARCH, find_network

VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
DONE_FILE = ".trained"
"""In a whole model folder: what it was made of (see `order_of`), and the revision that came of it."""

WARNED = 20
"""Pictures that do not open and are named on the screen."""

log = logging.getLogger("train")


@dataclass(frozen=True)
class Settings:
    """What the command line says besides the folders."""

    recipe: cross_validation.Recipe
    arch: str = DEFAULT_ARCH
    weights: Path | None = None
    split: SplitConfig = field(default_factory=SplitConfig)
    name: str | None = None


@dataclass(frozen=True)
class Job:
    """A folder that was looked through, and what is to be done with it."""

    order: str
    """What order_of says of it."""
    data: Dataset
    """Every picture of it was opened, and near-duplicates share a group."""
    split: Split
    leaked: tuple[int, int]
    """Of the pictures that a random split would judge: those with a copy in training, and all."""
    work: Path
    trainer: cross_validation.Trainer


def read_data(root: Path) -> Dataset:
    """The picture folder, after saying what it was taken for. Raises DataError."""
    data = dataset.read(root)
    if cross_validation.is_helper():
        return data
    for line in data.summary():
        log.info("%s", line)
    for warning in data.folder.warnings():
        log.warning("%s", warning)
    return data


def prepare(data: Dataset, out: Path, settings: Settings) -> Job:
    """Everything that can be refused is refused here, before any epoch runs."""
    claim_device()
    network = find_network(settings.arch, settings.weights)
    if out.resolve().is_relative_to(data.folder.root.resolve()):
        message = (
            f"{out} lies in the picture folder {data.folder.root}, where it would pass for a character: give another --out."
        )
        raise DataError(message)
    check_writable(out)
    order, data = order_of(data, settings), open_pictures(data)
    items, labels, split = data.items, data.labels, splits.make_split(data.items, settings.split)
    seed = settings.recipe.seed
    leaked, of = splits.leaked_by_random_split(items, settings.split.valid_pct, seed)
    log.info("%d pictures of %d labels, %d of them alike to others.", len(items), len(labels), data.near_duplicates)
    log.info("A random split would have judged %d of %d pictures by a model that was trained on a copy.", leaked, of)
    work = cross_validation.work_folder(
        out / cross_validation.WORK, data.content_hash, list(items), replace(settings, name=None)
    )
    trainer = cross_validation.make_trainer(network, items, labels, settings.recipe, split.backgrounds(items), work)
    return Job(order, data, split, (leaked, of), work, trainer)


def open_pictures(data: Dataset) -> Dataset:
    """The pictures that open, near-duplicates in one group. Raises DataError when too few are left."""
    log.info("Looking through %d pictures.", len(data.items))
    opened = group_near_duplicates(data)
    for each in opened.unreadable[:WARNED]:
        log.warning("Left out %s: %s", each.item.path, each.error)
    if len(opened.unreadable) > WARNED:
        log.warning("So it is with %d more: the report names them all.", len(opened.unreadable) - WARNED)
    if opened.unreadable:
        log.warning("Left out, in all: %s.", in_words(Counter(each.reason for each in opened.unreadable)))
    for label, count in data.counts.items():
        if not opened.counts[label]:
            log.warning("None of the %d pictures of %s can be opened, so it is no label of this model.", count, label)
    opened.check()
    return opened


def order_of(data: Dataset, settings: Settings) -> str:
    """Names exactly what a training is given: the pictures' bytes, what is said of them, and the settings."""
    described = f"{cross_validation.STATE_FORMAT} {data.content_hash} {list(data.items)} {settings}"
    return hashlib.sha256(described.encode()).hexdigest()


def done_before(data: Dataset, out: Path, settings: Settings) -> ModelInfo | None:
    """What model.json says, if the folder `out` is whole and was made of exactly this."""
    try:
        noted = (out / DONE_FILE).read_text(encoding="utf-8")
        info, _ = model_folder.read(out)
    except (OSError, UnicodeDecodeError, BundleError):
        return None
    return info if noted == f"{order_of(data, settings)} {info.revision}" else None


def note_done(out: Path, job: Job, info: ModelInfo) -> None:
    """The last word of a training: `out` is whole."""
    write_atomically(out / DONE_FILE, f"{job.order} {info.revision}".encode())


def commit() -> str:
    """The commit of this repository, with "+" behind it where files have changed since; else "unknown"."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head, changes = (
            subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changes else "")


def describe(
    job: Job, settings: Settings, metrics: dict[str, Any], fitted: Calibration, thresholds: Thresholds
) -> ModelInfo:
    """model.json but for what export adds."""
    data = job.data
    return ModelInfo(
        labels=data.labels,
        size_px=job.trainer.size_px,
        mean=job.trainer.mean,
        std=job.trainer.std,
        temperature=fitted.temperature,
        unknown_threshold=thresholds.unknown,
        certain_threshold=thresholds.certain,
        name=settings.name or f"{len(data.labels)} labels of {data.folder.root.name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=settings.arch,
        recipe=settings.recipe.name,
        commit=commit(),
        hyperparameters=asdict(settings.recipe),
        dataset={
            "pictures": {label: data.counts[label] for label in data.labels},
            "sources": len({item.source for item in data.items if item.source}) or "unstated",
            "sha256": data.content_hash,
            "split": data.folder.split_words(),
            "passed_over": data.passed_over,
        },
        metrics=metrics,
        versions={package: version(package) for package in VERSIONS_OF},
    )
