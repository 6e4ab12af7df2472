"""What the command line says of a training, and what can be refused of it without torch and without a picture."""

import argparse
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartoons import console, splits
from cartoons.console import command
from cartoons.errors import DataError
from cartoons.files import real
from cartoons.markdown import plain
from cartoons.splits import FOLDS, SplitConfig
from cartoons.training.arch import DEFAULT_ARCH, check_arch, check_weights

RECIPES = ("auto", "fast", "thorough", "finetune")
WRITTEN = ("README.md", "pyproject.toml", "model.onnx", "model.pkl", "weights.safetensors", "report")
CONVERTED = ("README.md", "model.onnx")
"""What a training writes into a folder without asking whose it is, and what converting a learner does."""

OF_TRAINING = ("recipe", "arch", "weights", "epochs", "batch_size", "split", "valid_pct", "rounds", "seed")
"""The flags that say how to train."""

GIVE = {
    "data": "a folder that holds one folder of pictures per character",
    "from_learner": "a .pkl, or user/repo on the Hub",
    "out": "a folder",
    "name": "a name",
    "examples": "a folder of pictures",
    "arch": "the name of a network",
    "weights": "a file",
    "deploy": "USER/SPACE",
}
"""What to give where a text is empty: USER/NAME but for these."""

DONE_FILE = ".trained"
"""In a finished model folder: its fingerprint, the model's revision, and the hash of the picture folder's path."""

WORK, LOCK = "work", "lock"
"""The folder, in the model folder, that an interrupted run leaves behind, and the file in it that a run locks."""

EXAMPLES = """examples:
  python train.py data/cartoons --out runs/mine
  python train.py --names "bugs bunny" shinchan --deploy USER/SPACE
  python train.py --out runs/mine --push USER/NAME --private

The same command, given again after an interruption, goes on from there."""


@dataclass(frozen=True)
class TrainConfig:
    """What the command line says of a training."""

    data: Path
    out: Path = Path("runs/model")
    name: str | None = None
    recipe: str = "auto"
    """One of RECIPES; "auto" is "finetune" with a GPU or on several processes, else "fast"."""
    arch: str = DEFAULT_ARCH
    weights: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    """None: the recipe's own."""
    split: SplitConfig = field(default_factory=SplitConfig)
    examples: Path | None = None
    """The owner's pictures to try the model with, instead of some of the training's."""
    force: bool = False
    """Whether a finished model of other pictures, or a file of somebody's, may be overwritten."""
    folds_command: str = ""
    """This command, to which --split is added where one part is held out because nothing else was asked for; else ""."""

    def check(self) -> None:
        """Raises DataError for what can be refused before a look at the pictures."""
        for flag, value in (("--epochs", self.epochs), ("--batch-size", self.batch_size)):
            if value is not None and value < 1:
                raise DataError(f"{flag} is {value}: give 1 or more.")
        self.split.check()
        if real(self.out).is_relative_to(real(self.data)):
            where = f"the picture folder {self.data}, where it would pass for a character"
            raise DataError(f"{self.out} lies in {where}: give another --out.")
        check_arch(self.arch)
        check_weights(self.arch, self.weights)
        check_creatable(self.out)
        check_others(self.out, WRITTEN, self.force)


def parser() -> argparse.ArgumentParser:
    """The command line; what is not given is None."""
    made = console.ArgumentParser("train.py", "%(prog)s [FOLDER | --names NAME... | --from-learner WHERE] [options]")
    made.description = "Train a cartoon classifier on a folder of pictures; publish and deploy it."
    made.epilog = EXAMPLES
    add = made.add_argument_group(
        "what the model is made of (none of these: --push or --deploy one made earlier)"
    ).add_argument
    add("data", type=_path, nargs="?", metavar="FOLDER", help="a folder holding one folder of pictures per character")
    add(
        "--names", nargs="+", metavar="NAME", help="characters: their pictures are searched first, into FOLDER or data/NAMES"
    )
    add("--per-class", type=int, metavar="N", help="pictures of each name, with --names (default: as scrape.py)")
    add("--from-learner", metavar="WHERE", help="convert a fastai learner: a .pkl, or user/repo on the Hub; trains nothing")
    add = made.add_argument_group("the model folder").add_argument
    add("--out", type=_path, metavar="DIR", help="where it is written (default: runs/model, with names runs/NAMES)")
    add("--name", metavar="TEXT", help="the model's name, as its page shows it")
    add("--examples", type=_path, metavar="DIR", help="pictures to try its page with (default: those that may be shown)")
    add("--force", action="store_true", help="overwrite what is there: a model of other pictures, files of yours")
    add = made.add_argument_group("how to train (with FOLDER or --names)").add_argument
    add("--recipe", choices=RECIPES, help="auto (the default): finetune on a GPU, else fast")
    add("--arch", metavar="NAME", help=f"any timm or torchvision network (default: {DEFAULT_ARCH})")
    add("--weights", type=_path, metavar="FILE", help="its ImageNet weights, instead of a download")
    add("--epochs", type=int, metavar="N", help="instead of the recipe's own number")
    add("--batch-size", type=int, metavar="N", help="instead of the recipe's own, if the GPU's memory is short")
    add("--seed", type=int, metavar="N", help=f"same seed, same machine: same figures (default: {SplitConfig.seed})")
    add = made.add_argument_group("how to measure it (with FOLDER or --names)").add_argument
    add("--split", choices=splits.KINDS, help="what is held out (default: auto: valid/ if there is one, else holdout)")
    valid_pct = f"the share that --split holdout holds out (default: {SplitConfig.valid_pct}); not with --rounds"
    add("--valid-pct", type=float, metavar="SHARE", help=valid_pct)
    folds = f"train and judge N times, each on another part (with --split source or group: {FOLDS})"
    add("--rounds", type=int, metavar="N", help=folds)
    add = made.add_argument_group("publishing (after hf auth login)").add_argument
    add("--push", metavar="USER/NAME", help="publish the model folder on the Hub under this name")
    add("--deploy", metavar="USER/SPACE", help="make a Space that serves it, and wait for its answer")
    add("--private", action="store_true", help="let nobody else see it, with --push or --deploy")
    add("--dataset", metavar="USER/NAME", help="where its pictures are on the Hub, for the model's card, with --push")
    return made


def _path(text: str) -> Path | str:
    """A path as it was given; an empty one stays a text, which check_flags refuses, where Path has the current folder."""
    return Path(text) if text.strip() else text


def config_of(arguments: argparse.Namespace, argv: Sequence[str]) -> TrainConfig:
    """What the command line says of a training."""

    def given(**values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    asked = arguments.split or arguments.rounds is not None or arguments.valid_pct is not None
    kind = arguments.split or ("auto" if arguments.valid_pct is None else "holdout")
    split = SplitConfig(kind, **given(valid_pct=arguments.valid_pct, folds=arguments.rounds, seed=arguments.seed))
    names = ("out", "name", "recipe", "arch", "weights", "epochs", "batch_size", "examples", "force")
    return TrainConfig(
        arguments.data,
        split=split,
        folds_command="" if asked else command("python", "train.py", *argv),
        **given(**{name: getattr(arguments, name) for name in names}),
    )


def check_creatable(out: Path) -> None:
    """Raises DataError when nothing can be written at `out`; leaves no folder there."""
    there = next(place for place in (out.absolute(), *out.absolute().parents) if os.path.lexists(place))
    try:
        with suppress(FileNotFoundError):
            out.lstat()  # of a name that is too long, an error of another kind
        Path(tempfile.mkdtemp(dir=there)).rmdir()
    except OSError as error:
        why = f"{there}: {error.strerror}" if there.is_dir() else f"{there} is not a folder"
        raise DataError(f"{out} cannot be written ({why}): give another folder with --out.") from error


def check_others(out: Path, written: Iterable[str], force: bool) -> None:
    """Raises DataError when `out` holds one of those files and no sign of an earlier run of ours, unless it may be lost.

    A run that was cut short leaves its work; without that, a learner and its weights.
    """
    signs = [out / "model.json", out / DONE_FILE, out / WORK / LOCK, *(out / WORK).glob("[0-9a-f]" * 16)]
    trained = (out / "model.pkl", out / "weights.safetensors")
    is_ours = any(map(os.path.lexists, signs)) or all(map(os.path.isfile, trained))
    if not (is_ours or force) and (there := [name for name in written if os.path.lexists(out / name)]):
        raise DataError(
            f"{out} holds {there[0]} and no model, so that it may be yours, and would be overwritten: "
            "give another --out, or --force to overwrite it."
        )


def check_flags(flags: Mapping[str, Any], several_processes: bool) -> None:
    """Raises DataError for flags that are empty, that leave nothing to do, or of which one has no effect with the others.

    flags: their values by their names, such as "batch_size"; None or False where not given.
    """
    for name, value in flags.items():
        if isinstance(value, str) and not plain(value):
            what = "FOLDER" if name == "data" else _flag(name)
            raise DataError(f"{what} is empty: give {GIVE.get(name, 'USER/NAME')}, or leave it out.")
    given = {name for name, value in flags.items() if value is not None and value is not False}
    split, converts, trains = flags["split"], "from_learner" in given, bool(given & {"data", "names"})
    if "names" in given and (converts or several_processes):
        raise DataError("--names searches pictures, in one process, and trains on them: scrape.py does so without training.")
    if not (trains or converts or given & {"push", "deploy", "examples"}):
        raise DataError("No picture folder was given: python train.py FOLDER, or --names NAME..., or --from-learner FILE.")
    once = "with --recipe finetune unless --split source or group is given"
    rules: tuple[tuple[Sequence[str], bool, str], ...] = (
        (["per_class"], "names" not in given, "without --names"),
        (OF_TRAINING, converts, "with --from-learner, which trains nothing"),
        ([*OF_TRAINING, "name", "force"], not (trains or converts), "without pictures to train on"),
        (
            ["examples"],
            not (trains or converts or given & {"push", "out"}),
            "without pictures to train on, or a model: --out",
        ),
        (["private"], not given & {"push", "deploy"}, "without --push or --deploy"),
        (["dataset"], "push" not in given, "without --push"),
        (["valid_pct"], split in ("source", "group", "folder"), f"with --split {split}, but with --split holdout"),
        (["valid_pct"], "rounds" in given, "with --rounds, which hold out one part after another"),
        (["rounds"], split in ("holdout", "folder"), f"with --split {split}, which holds out once"),
        (["rounds"], flags["recipe"] == "finetune" and not split, once),
    )
    for idle, applies, why in rules:
        for flag in sorted(given.intersection(idle)) if applies else ():
            raise DataError(f"{_flag(flag)} has no effect {why}: leave it out.")


def _flag(name: str) -> str:
    """A flag as it is typed, by its name among the arguments."""
    return f"--{name.replace('_', '-')}"
