"""A picture folder to a model folder that one can trust.

    python train.py data/cartoons --out runs/mine
    python app.py --model runs/mine

The folder holds one folder of pictures per character, and `_other` for "none of these". The model is measured on pictures it
never saw, trained, exported to ONNX behind a parity gate, and described in a card and a report. A run that was interrupted
goes on when the same command is given again.

    python train.py --from-learner user/repo-or-file.pkl --out runs/theirs    # any fastai vision learner, converted
    accelerate launch train.py data/cartoons --recipe finetune                # several GPUs
    python train.py data/cartoons --out runs/mine --push user/name            # and onto the Hugging Face Hub
    python train.py --out runs/mine --push user/name                          # what an earlier run left in runs/mine

From names to a link, searching and downloading included; this goes on where it was stopped as well:

    python train.py --names "bugs bunny" "donald duck" --push user/cartoons --deploy user/cartoons
"""

import argparse
import io
import logging
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cartoons import console, model_folder, proxies, splits
from cartoons.cards import model_card
from cartoons.console import command
from cartoons.convert import learner
from cartoons.errors import DataError
from cartoons.evaluation import label_issues, metrics
from cartoons.evaluation.calibration import Calibration
from cartoons.files import write_atomically
from cartoons.hub.deploy import deploy
from cartoons.hub.push import check_login, push_model
from cartoons.model_folder import ModelInfo
from cartoons.progress import Progress, spoken_time
from cartoons.report import training_report
from cartoons.scraping import config as scraping
from cartoons.splits import SplitConfig
from cartoons.training import cross_validation, quantize
from cartoons.training.callbacks import EpochMetrics
from cartoons.training.network import DEFAULT_ARCH
from cartoons.training.run import Job, Settings, describe, done_before, note_done, prepare, read_data

SHOWN = 12
LONGEST_NAME = 60
log = logging.getLogger("train")


def train(root: Path, out: Path, settings: Settings) -> ModelInfo | None:
    """Measure, train, export and describe; what model.json says, or None on the helpers of a run on several processes.

    A folder `out` that is already what would come of it is left as it is. Raises CartoonError, before anything is lost.
    """
    data = read_data(root)
    if done := done_before(data, out, settings):
        log.info("%s was trained on exactly these pictures in exactly this way: already trained.", out)
        return None if cross_validation.is_helper() else done
    job = prepare(data, out, settings)
    data, split, trainer, work = job.data, job.split, job.trainer, job.work
    steps = trainer.epochs * (len(split.folds) + (not split.is_holdout))
    progress = Progress(steps, io.StringIO() if cross_validation.is_helper() else None)

    def after_round(number: int) -> None:
        if number == 0:
            quantize.compare_precisions(trainer, data.labels, split.folds[0], work)

    result = cross_validation.cross_validate(trainer, split, data.labels, work, progress, after_round)
    log.info("Judged %d pictures by models that never saw them.", len(result.predictions.items))
    whole, started = split.folds[0].train if split.is_holdout else range(len(data.items)), time.monotonic()
    history = result.history if split.is_holdout else None
    if history is None:
        history = trainer.fit(
            whole, work / ("round-0" if split.is_holdout else "whole"), cross_validation.ticking(progress, "the whole")
        )
        log.info("Trained on %d pictures in %s.", len(whole), spoken_time(time.monotonic() - started))
    progress.clear()
    if cross_validation.is_helper():
        return None
    measured, fitted, thresholds = metrics.measure(result.predictions)
    measured |= {
        "protocol": split.protocol,
        "duplicates": {"alike": data.near_duplicates, "leaked": job.leaked[0], "of": job.leaked[1]},
        "strangers_unseen": split.other_characters_unseen(data.items),
        "precision": quantize.compare_precisions(trainer, data.labels, split.folds[0], work),
    }
    info = describe(job, settings, measured, fitted, thresholds)
    info = quantize.export_best(trainer, info, whole, [i for fold in split.folds for i in fold.held_out], out)
    write_report(out, info, job, result.predictions, history)
    trainer.close()
    note_done(out, job, info)
    shutil.rmtree(out / cross_validation.WORK)
    return info


def write_report(
    out: Path, info: ModelInfo, job: Job, predictions: metrics.HeldOutPredictions, history: list[EpochMetrics]
) -> None:
    """report/ and the card."""
    data = job.data
    step = max(1, len(data.items) // SHOWN)
    fitted = Calibration(info.temperature, info.metrics["calibration"]["other_bias"])
    findings = {
        **{name: getattr(info, name) for name in ("name", "labels", "characters", "created", "arch", "recipe", "revision")},
        **info.metrics,
        **{name: info.dataset[name] for name in ("pictures", "split", "passed_over")},
        **metrics.curves(predictions, fitted),
        "left_out": [[str(each.item.path), each.error] for each in data.unreadable],
        "history": history,
        "lr_finder": job.trainer.lr_finder,
        "top_losses": label_issues.top_losses(predictions, fitted),
        "mislabelled": label_issues.mislabelled(predictions, fitted),
        "batch": [{"path": str(item.path), "label": item.label} for item in data.items[::step]],
    }
    first = [next(i for i, item in enumerate(data.items) if item.label == label) for label in data.labels]
    training_report.write(out / "report", findings, list(zip(data.labels, job.trainer.examples(first), strict=True)))
    write_atomically(out / "README.md", model_card(info).encode())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = console.ArgumentParser(prog="train.py", description="Train a cartoon classifier on a folder of pictures.")
    add = made.add_argument
    add("data", type=Path, nargs="?", help="a folder holding one folder of pictures per character")
    add("--names", nargs="+", metavar="NAME", help="characters: their pictures are searched first, into DATA or data/NAMES")
    add("--per-class", type=int, metavar="N", help="pictures of each of the names (default: as scrape.py)")
    add("--out", type=Path, help="the model folder to write (default: runs/model, with names runs/NAMES)")
    add("--from-learner", metavar="WHERE", help="convert a fastai learner: a .pkl, or user/repo on the Hub")
    add("--name", help="the model's name, as its page shows it")
    add("--recipe", choices=("auto", *cross_validation.RECIPES), default="auto", help="auto: finetune on a GPU, else fast")
    add("--arch", default=DEFAULT_ARCH, help="any timm or torchvision network (default: %(default)s)")
    add("--weights", type=Path, help="a file of its ImageNet weights, instead of a download")
    add("--epochs", type=int, help="instead of the recipe's own number")
    add("--batch-size", type=int, help="instead of the recipe's own, if the GPU's memory is short")
    add("--split", choices=splits.KINDS, help="what judges the model (default: auto, see README; with names holdout)")
    add("--valid-pct", type=float, default=0.2, help="the share held out by --split holdout (%(default)s)")
    add("--rounds", type=int, default=SplitConfig.folds, help="of training and judging (default: %(default)s)")
    add("--push", metavar="USER/NAME", help="publish the model folder on the Hugging Face Hub, under this name")
    add("--deploy", metavar="USER/SPACE", help="make a Hugging Face Space that serves it, and wait for its answer")
    add("--private", action="store_true", help="let nobody else see what is pushed or deployed")
    add("--dataset", metavar="USER/NAME", help="where its pictures are on the Hub, for the model's card")
    add("--seed", type=int, default=42, help="same seed, same machine: same figures (default: %(default)s)")
    return made


def take_names(arguments: argparse.Namespace) -> None:
    """What the names say about the other arguments, where those were not given. Raises DataError."""
    if arguments.from_learner or cross_validation.is_helper():
        raise DataError("--names searches pictures, in one process, and trains on them: scrape.py does so without training.")
    arguments.names = sorted(scraping.queries_by_label(arguments.names, ()))
    place = scraping.folder_of_names(arguments.names)
    arguments.data = arguments.data or Path("data") / place
    arguments.out = arguments.out or Path("runs") / place
    listed = ", ".join(arguments.names)
    fits = len(listed) <= LONGEST_NAME
    arguments.name = arguments.name or (listed if fits else f"{len(arguments.names)} cartoon characters")
    arguments.split = arguments.split or "holdout"


def make(arguments: argparse.Namespace) -> ModelInfo | None:
    """The model that the command line asks for; None on a helper. Raises CartoonError."""
    if arguments.from_learner:
        info = learner.convert(arguments.from_learner, arguments.out, arguments.name, arguments.data)
        write_atomically(arguments.out / "README.md", model_card(info).encode())
        return info
    if arguments.data is None and (arguments.push or arguments.deploy):
        return model_folder.read(arguments.out)[0]
    if arguments.data is None:
        raise DataError("No picture folder was given: python train.py FOLDER, or --names NAME..., or --from-learner FILE.")
    recipe = cross_validation.choose_recipe(arguments.recipe, arguments.epochs, arguments.batch_size, arguments.seed)
    kind = arguments.split or "auto"
    split = SplitConfig(
        "holdout" if kind == "auto" and recipe.takes_long else kind, arguments.valid_pct, arguments.rounds, arguments.seed
    )
    settings = Settings(recipe, arguments.arch, arguments.weights, split, arguments.name)
    return train(arguments.data, arguments.out, settings)


def summary(out: Path, info: ModelInfo) -> str:
    """What became of it, and what to do next."""
    said = "plain RGB files are answered as by the learner, other kinds as its card says"
    if "balanced_accuracy" in info.metrics:
        low, high = info.metrics["balanced_accuracy_95"]
        said = f"balanced accuracy {info.metrics['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"
    return f"{out}: {said}. See it: {command('python', 'app.py', '--model', out)}"


def publish(arguments: argparse.Namespace, info: ModelInfo, begin: Callable[[str], None]) -> None:
    """Push the model folder and deploy it, where asked to. Raises CartoonError."""
    model, private, say = str(arguments.out), arguments.private, partial(print, flush=True)
    if arguments.push:
        begin("push")
        pushed = push_model(arguments.out, arguments.push, private=private, dataset=arguments.dataset)
        say(f"{pushed.link}: revision {info.revision}.")
        if not arguments.deploy:
            pushed_to = ("--push", arguments.push, "--deploy", "USER/SPACE")
            say("A page of it:", command("python", "train.py", "--out", arguments.out, *pushed_to))
        if not private:  # a private one, no Space could read
            model = f"{arguments.push}@{pushed.commit}"
    if arguments.deploy:
        begin("deploy")
        say(deploy(arguments.deploy, model, private=private, say=say))


def run(arguments: argparse.Namespace) -> int:
    """Every stage that the command line asks for, one after the other; the exit code. Raises CartoonError."""
    if arguments.names or arguments.push or arguments.deploy:
        proxies.check()
    if arguments.names:
        take_names(arguments)
    arguments.out = arguments.out or Path("runs/model")
    for repo in (arguments.push, arguments.deploy):
        if repo and not cross_validation.is_helper():
            check_login(repo)
    trained = arguments.data or arguments.from_learner
    asked = {"pictures": arguments.names, "training": trained, "push": arguments.push, "deploy": arguments.deploy}
    stages = [stage for stage, wanted in asked.items() if wanted]

    def begin(stage: str) -> None:
        if len(stages) > 1 and stage in stages and not cross_validation.is_helper():
            print(f"{stages.index(stage) + 1} of {len(stages)}: {stage}", flush=True)

    begin("pictures")
    if arguments.names and (code := scraping.run_script(arguments.data, arguments.names, arguments.per_class)):
        return code
    begin("training")
    info = make(arguments)
    if info is not None:
        print(summary(arguments.out, info), flush=True)
        publish(arguments, info, begin)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when all of it is done, 2 with one sentence when the input cannot be used."""
    proxies.prepare()
    log.setLevel(logging.WARNING if cross_validation.is_helper() else logging.INFO)
    return console.run("train.py", lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
