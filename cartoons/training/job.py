"""A picture folder that was looked through, and what is to be done with it."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from cartoons import bundle, dataset, duplicates, split
from cartoons.dataset import Item
from cartoons.errors import DataError
from cartoons.split import How, Plan
from cartoons.training import learn
from cartoons.training.hardware import claim_device
from cartoons.training.network import DEFAULT_ARCH, find_network

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
    return Job(items, content, looked.bad, labels, plan, (leaked, of), work, trainer)
