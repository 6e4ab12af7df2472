"""A training run as it lies on disk: its pictures, and what it left half done or finished. Loads no torch."""

import datetime
import hashlib
import logging
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cartoons import dataset, model_folder, progress
from cartoons.console import spoken_time
from cartoons.dataset import Dataset
from cartoons.errors import BundleError, DataError
from cartoons.files import check_writable, write_atomically
from cartoons.model_folder import OTHER_LABEL, Example, ModelInfo
from cartoons.picture_folder import in_words
from cartoons.splits import FOLDS
from cartoons.training.config import DONE_FILE, WORK, TrainConfig
from cartoons.training.examples import of_owner
from cartoons.training.recipes import RECIPES

VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
STATE_FORMAT = 4
"""Of what lies in it: a newer program starts anew."""

LONGEST_NAME = 60
MOST_NAMED = 20
"""Pictures that do not open and are named on the screen."""

log = logging.getLogger("train")


def suggest_folds(config: TrainConfig, data: Dataset, held_out: int, fit_s: float) -> None:
    """Say how to measure on all pictures, where one part was held out because nothing else was asked for.

    held_out: how many pictures were; fit_s: the seconds of one fit, 0 if unknown.
    """
    if config.folds_command and not all(item.part for item in data.items):
        has_sources = any(item.source for item in data.items)
        what = (
            "Pictures of a source it never saw may do worse; to measure on such" if has_sources else "All of them, in turn"
        )
        takes = f", about {spoken_time(FOLDS * fit_s)} longer" if fit_s else ""
        log.info(
            "Held out once, at random: %d of %d pictures. %s%s: %s --split %s",
            *(held_out, len(data.items), what, takes, config.folds_command, "source" if has_sources else "group"),
        )


def check_processes() -> None:
    """Raises DataError when what accelerate launch sets says otherwise than in numbers which of its processes this is."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        if not (value := os.environ.get(name, "0")).isdecimal():
            raise DataError(f"{name} is {value!r}, where accelerate launch gives a number: unset it.")


def is_main_process() -> bool:
    """False on every process but the first of `accelerate launch`."""
    return int(os.environ.get("RANK", 0)) == 0


def has_several_processes() -> bool:
    """Whether this is one process of several."""
    return not is_main_process() or int(os.environ.get("WORLD_SIZE", 1)) > 1


def load(config: TrainConfig) -> Dataset:
    """The picture folder, after saying what it was taken for. Raises DataError, also for examples of other labels."""
    with progress.stage("reading the folder"):
        data = dataset.read(config.data)
        of_owner(config.examples, data.labels)
    for line in data.summary():
        log.info("%s", line)
    if is_main_process():
        for warning in data.folder.warnings():
            log.warning("%s", warning)
    return data


def open_pictures(data: Dataset) -> Dataset:
    """The pictures that open, near-duplicates in one group. Raises DataError when too few are left."""
    from cartoons.near_duplicates import group_near_duplicates

    log.info("Looking through %d pictures.", len(data.items))
    opened = group_near_duplicates(data)
    counts = len(opened.items), len(opened.labels), opened.near_duplicates
    log.info("%d pictures of %d labels, %d of them alike to others.", *counts)
    for each in opened.unreadable[:MOST_NAMED]:
        log.warning("Left out %s: %s", each.item.path, each.error)
    if len(opened.unreadable) > MOST_NAMED:
        log.warning("So it is with %d more: the report names them all.", len(opened.unreadable) - MOST_NAMED)
    if opened.unreadable:
        log.warning("Left out, in all: %s.", in_words(Counter(each.reason for each in opened.unreadable)))
    lost = Counter(each.item.label for each in opened.unreadable)
    for label, count in data.counts.items():
        if count == lost[label]:
            log.warning("None of the %d pictures of %s can be opened, so it is no label of this model.", count, label)
    opened.check()
    for warning in opened.warnings() if is_main_process() else ():
        log.warning("%s", warning)
    return opened


def fingerprint(config: TrainConfig, data: Dataset) -> str:
    """Names exactly what a training is given: the pictures' bytes, what is said of them, the settings, and the recipe's
    numbers."""
    named = ("arch", "weights", "epochs", "batch_size", "split", "name")
    settings = (RECIPES.get(config.recipe, RECIPES), *(getattr(config, name) for name in named))
    return _sha256(f"{STATE_FORMAT} {data.content_hash} {list(data.items)} {settings}")


def read_finished(out: Path) -> ModelInfo | None:
    """What model.json of a whole model folder says."""
    try:
        return model_folder.read(out)[0]
    except BundleError:
        return None


def finished(config: TrainConfig, data: Dataset) -> ModelInfo | None:
    """What model.json says, if `config.out` is whole and was made of exactly this."""
    info = read_finished(config.out)
    return info if info and _note(config.out)[:2] == [fingerprint(config, data), info.revision] else None


def check_overwrite(config: TrainConfig, opened: Dataset) -> None:
    """Raises DataError if `config.out` is whole and neither of these pictures nor of this folder, unless it may be lost."""
    info = read_finished(config.out)
    is_other = info and info.dataset.get("sha256") != opened.content_hash and _note(config.out)[2:] != [_folder_hash(config)]
    if info and is_other and not config.force:
        raise DataError(is_taken(config.out, info))


def is_taken(out: Path, info: ModelInfo) -> str:
    """The sentence about a finished model that is not to be lost by mistake."""
    return f"{out} holds a finished model of other pictures ({info.name}): give another --out, or --force to overwrite it."


def note_finished(config: TrainConfig, made_of: str, info: ModelInfo, work: Path) -> None:
    """The last step of a training: `config.out` is whole. Removes what this run left half done, and nothing of another.

    made_of: the fingerprint.
    """
    write_atomically(config.out / DONE_FILE, f"{made_of} {info.revision} {_folder_hash(config)}".encode())
    shutil.rmtree(work)
    remove_empty(config.out)
    if others := sum(file.stat().st_size for file in (config.out / WORK).glob("*/**/*") if file.is_file()):
        log.info("%s holds %.1f MB of interrupted runs with other settings.", config.out / WORK, others / 1e6)


def work_folder(config: TrainConfig, data: Dataset, recipe: object) -> Path:
    """Where an interrupted run of the same pictures and settings finds its state. Raises DataError."""
    check_writable(config.out)
    described = (
        f"{STATE_FORMAT} {data.content_hash} {list(data.items)} {recipe} {config.arch} {config.weights} {config.split}"
    )
    folder = config.out / WORK / _sha256(described)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove_empty(out: Path) -> None:
    """Remove the folders of runs in which nothing was kept, and `out` itself if there is nothing else in it."""
    for folder in (*(out / WORK).glob("*"), out / WORK, out):
        with suppress(OSError):
            folder.rmdir()


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


def name_of(labels: Iterable[str]) -> str:
    """What a model of these labels is called unless its owner says: "Bugs Bunny, Donald Duck and Shinchan", or, where that
    is longer than LONGEST_NAME, "Bugs Bunny, Donald Duck and 14 more"."""
    capitals = [re.sub(r"(?<!\S)\S", lambda first: first[0].upper(), label) for label in labels if label != OTHER_LABEL]
    names = [name if len(name) <= LONGEST_NAME // 2 else f"{name[: LONGEST_NAME // 2 - 1].strip()}…" for name in capitals]
    for shown in (len(names), 2, 1):
        listed = [*names[:shown], f"{len(names) - shown} more"][: shown + (shown < len(names))]
        name = f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else listed[0]
        if len(name) <= LONGEST_NAME:
            break
    return name


def describe(config: TrainConfig, data: Dataset, **learned: Any) -> ModelInfo:
    """model.json but for what export adds. learned: the fields that say what the training and its measuring gave."""
    return ModelInfo(
        labels=data.labels,
        name=config.name or name_of(data.labels),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        arch=config.arch,
        commit=commit(),
        dataset={
            "pictures": {label: data.counts[label] for label in data.labels},
            "sources": len({item.source for item in data.items if item.source}) or "unstated",
            "sha256": data.content_hash,
            "split": data.folder.split_words(),
            "passed_over": data.passed_over,
        },
        versions={package: version(package) for package in VERSIONS_OF},
        examples=_examples_there(config.out),
        **learned,
    )


def _examples_there(out: Path) -> tuple[Example, ...]:
    """The examples of the model that is to be replaced, so that the files of theirs are known until others are stored."""
    try:
        return model_folder.read_description(out).examples
    except BundleError:
        return ()


def _note(out: Path) -> list[str]:
    """The words of DONE_FILE."""
    try:
        return (out / DONE_FILE).read_text(encoding="utf-8").split(" ")
    except (OSError, UnicodeDecodeError):
        return []


def _folder_hash(config: TrainConfig) -> str:
    return _sha256(str(config.data.resolve()))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
