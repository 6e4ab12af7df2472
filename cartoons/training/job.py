"""A picture folder that was looked through, what is to be done with it, and whether that was done before."""

import datetime
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cartoons import bundle, dataset, duplicates, split
from cartoons.bundle import ModelInfo
from cartoons.dataset import Item
from cartoons.errors import BundleError, DataError
from cartoons.split import How, Plan
from cartoons.training import learn
from cartoons.training.hardware import claim_device
from cartoons.training.network import DEFAULT_ARCH, find_network

VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
DONE_FILE = ".trained"
"""In a whole model folder: what it was made of (see `order_of`), and the revision that came of it."""

log = logging.getLogger("train")


@dataclass(frozen=True)
class Settings:
    """What the command line says besides the folders."""

    recipe: learn.Recipe
    arch: str = DEFAULT_ARCH
    weights: Path | None = None
    how: How = field(default_factory=How)
    name: str | None = None


@dataclass(frozen=True)
class Job:
    """A folder that was looked through, and what is to be done with it."""

    order: str
    """What order_of says of it."""
    items: list[Item]
    content: str
    """dataset.content_hash of the items."""
    left_out: list[tuple[Path, str]]
    labels: tuple[str, ...]
    plan: Plan
    leaked: tuple[int, int]
    """Of the pictures that a random split would judge: those with a copy in training, and all."""
    work: Path
    trainer: learn.Trainer


def prepare(root: Path, out: Path, settings: Settings) -> Job:
    """Everything that can be refused is refused here, before any epoch runs."""
    claim_device()
    network = find_network(settings.arch, settings.weights)
    found = dataset.read(root)
    if out.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{out} lies in the picture folder {root}, where it would pass for a character: give another --out.")
    bundle.check_writable(out)
    log.info("Looking through %d pictures.", len(found))
    looked = duplicates.look_through(found)
    for path, reason in looked.bad:
        log.warning("Left out %s: %s", path, reason)
    items = looked.items
    dataset.check(root, items)
    labels, plan = dataset.labels_of(items), split.plan_for(items, settings.how)
    seed = settings.recipe.seed
    leaked, of = split.leaked_by_random_split(items, settings.how.valid_pct, seed)
    log.info("%d pictures of %d labels, %d of them alike to others.", len(items), len(labels), duplicates.alike(items))
    log.info("A random split would have judged %d of %d pictures by a model that was trained on a copy.", leaked, of)
    content = dataset.content_hash(items)
    work = learn.work_folder(out / learn.WORK, content, items, replace(settings, name=None))
    trainer = learn.make_trainer(network, items, labels, settings.recipe, plan.scenery(items), work)
    return Job(order_of(found, settings), items, content, looked.bad, labels, plan, (leaked, of), work, trainer)


def order_of(found: Sequence[Item], settings: Settings) -> str:
    """Names exactly what a training is given: the pictures' bytes, what is said of them, and the settings."""
    readable = [item for item in found if os.access(item.path, os.R_OK)]
    described = f"{learn.STATE_FORMAT} {dataset.content_hash(readable)} {found} {settings}"
    return hashlib.sha256(described.encode()).hexdigest()


def done_before(root: Path, out: Path, settings: Settings) -> ModelInfo | None:
    """What model.json says, if the folder `out` is whole and was made of exactly this. Raises DataError."""
    try:
        noted = (out / DONE_FILE).read_text(encoding="utf-8")
        info, _ = bundle.read(out)
    except (OSError, UnicodeDecodeError, BundleError):
        return None
    return info if noted == f"{order_of(dataset.read(root), settings)} {info.revision}" else None


def note_done(out: Path, job: Job, info: ModelInfo) -> None:
    """The last word of a training: `out` is whole."""
    bundle.write_atomically(out / DONE_FILE, f"{job.order} {info.revision}".encode())


def describe(
    job: Job, root: Path, settings: Settings, metrics: dict[str, Any], temperature: float, threshold: float
) -> ModelInfo:
    """model.json but for what export adds."""
    counts = Counter(item.label for item in job.items)
    return ModelInfo(
        labels=job.labels,
        size_px=job.trainer.size_px,
        mean=job.trainer.mean,
        std=job.trainer.std,
        temperature=temperature,
        unknown_threshold=threshold,
        name=settings.name or f"{len(job.labels)} labels of {root.name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=settings.arch,
        recipe=settings.recipe.name,
        dataset={
            "pictures": {label: counts[label] for label in job.labels},
            "sources": len({item.source for item in job.items if item.source}) or "unstated",
            "sha256": job.content,
        },
        metrics=metrics,
        versions={package: version(package) for package in VERSIONS_OF},
    )
