"""A picture folder to a model folder that one can trust.

    python train.py data/cartoons --out runs/mine
    python app.py --model runs/mine

The folder holds one folder of pictures per character, and `_other` for "none of these". The model is measured on pictures it
never saw, trained, exported to ONNX behind a parity gate, and described in a card and a report. A run that was interrupted
goes on when the same command is given again.

    python train.py --from-learner user/repo-or-file.pkl --out runs/theirs    # any fastai vision learner, converted
    accelerate launch train.py data/cartoons --recipe finetune                # several GPUs
    python train.py --out runs/mine --push user/name --deploy user/space      # onto the Hugging Face Hub, and as a page
    python train.py --names "bugs bunny" shinchan --deploy user/space         # all of it, searching and downloading included
"""

from cartoons import ctrl_c

if __name__ == "__main__":
    ctrl_c.end_at_once()

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cartoons import console, model_folder, proxies, splits
from cartoons.console import command
from cartoons.errors import CartoonError, DataError
from cartoons.files import write_atomically
from cartoons.model_folder import ModelInfo
from cartoons.splits import FOLDS, SplitConfig
from cartoons.training import run
from cartoons.training.config import DEFAULT_ARCH, RECIPES, TrainConfig, check_flags
from cartoons.training.run import is_main_process

LONGEST_NAME = 60
log = logging.getLogger("train")


def train(config: TrainConfig) -> ModelInfo | None:
    """Load, cross-validate, fit, evaluate, export, report: what model.json says; None but on the first of several processes.

    A folder `config.out` that is already what would come of it is left as it is. Raises CartoonError.
    """
    data = run.load(config)
    if info := run.finished(config, data):
        log.info("%s was trained on exactly these pictures in exactly this way: already trained.", config.out)
        return info if is_main_process() else None
    fingerprint, data = run.fingerprint(config, data), run.open_pictures(data)
    run.check_overwrite(config, data)
    split = splits.make_split(data.items, config.split)

    from cartoons.training import cross_validation, evaluate, quantize  # with torch: what could be refused without, was

    ctrl_c.interrupt_work()
    trainer = cross_validation.make_trainer(config, data)
    progress = cross_validation.make_progress(trainer, split)
    results = cross_validation.cross_validate(trainer, split, progress)
    history = cross_validation.fit_final(trainer, split, results, progress)
    if not is_main_process():
        return None
    info = evaluate.evaluate(config, trainer, split, results.predictions)
    info = quantize.export_smallest(trainer.portable(), info, data, split, config.out)
    evaluate.write_report(config.out, info, trainer, results.predictions, history)
    run.note_finished(config, fingerprint, info, trainer.work)
    run.suggest_folds(config, data, len(results.predictions.items), results.seconds)
    return info


def parser() -> argparse.ArgumentParser:
    """The command line; what is not given is None."""
    made = console.ArgumentParser(prog="train.py", description="Train a cartoon classifier on a folder of pictures.")
    add = made.add_argument
    add("data", type=Path, nargs="?", help="a folder holding one folder of pictures per character")
    add("--names", nargs="+", metavar="NAME", help="characters: their pictures are searched first, into DATA or data/NAMES")
    add("--per-class", type=int, metavar="N", help="pictures of each of the names (default: as scrape.py)")
    add("--out", type=Path, help="the model folder to write (default: runs/model, with names runs/NAMES)")
    add("--force", action="store_true", help="overwrite a finished model of other pictures there")
    add("--from-learner", metavar="WHERE", help="convert a fastai learner: a .pkl, or user/repo on the Hub")
    add("--name", help="the model's name, as its page shows it")
    add("--recipe", choices=RECIPES, help="auto (the default): finetune on a GPU, else fast")
    add("--arch", help=f"any timm or torchvision network (default: {DEFAULT_ARCH})")
    add("--weights", type=Path, help="a file of its ImageNet weights, instead of a download")
    add("--epochs", type=int, help="instead of the recipe's own number")
    add("--batch-size", type=int, help="instead of the recipe's own, if the GPU's memory is short")
    add("--split", choices=splits.KINDS, help="what judges the model (default: auto: valid/ if there is one, else holdout)")
    add("--valid-pct", type=float, help=f"the share held out by --split holdout (default: {SplitConfig.valid_pct})")
    add("--rounds", type=int, help=f"of training and judging, each on another part (with --split source or group: {FOLDS})")
    add("--push", metavar="USER/NAME", help="publish the model folder on the Hugging Face Hub, under this name")
    add("--deploy", metavar="USER/SPACE", help="make a Hugging Face Space that serves it, and wait for its answer")
    add("--private", action="store_true", help="let nobody else see what is pushed or deployed")
    add("--dataset", metavar="USER/NAME", help="where its pictures are on the Hub, for the model's card")
    add("--seed", type=int, help=f"same seed, same machine: same figures (default: {SplitConfig.seed})")
    return made


def config_of(arguments: argparse.Namespace, argv: Sequence[str]) -> TrainConfig:
    """What the command line says of a training."""

    def given(**values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    asked = arguments.split or arguments.rounds is not None or arguments.valid_pct is not None
    kind = arguments.split or ("auto" if arguments.valid_pct is None else "holdout")
    longer = ("--split", "group") if arguments.recipe == "finetune" else ("--rounds", FOLDS)
    split = SplitConfig(kind, **given(valid_pct=arguments.valid_pct, folds=arguments.rounds, seed=arguments.seed))
    names = ("out", "name", "recipe", "arch", "weights", "epochs", "batch_size", "force")
    return TrainConfig(
        arguments.data,
        split=split,
        folds_command="" if asked else command("python", "train.py", *argv, *longer),
        **given(**{name: getattr(arguments, name) for name in names}),
    )


def take_names(arguments: argparse.Namespace) -> None:
    """Fill in what the names say about the other arguments, where those were not given. Raises DataError."""
    from cartoons.scraping import config as scraping

    arguments.names = sorted(scraping.queries_by_label(arguments.names, ()))
    place, listed = scraping.folder_of_names(arguments.names), ", ".join(arguments.names)
    arguments.data = arguments.data or Path("data") / place
    arguments.out = arguments.out or Path("runs") / place
    arguments.name = arguments.name or (
        listed if len(listed) <= LONGEST_NAME else f"{len(arguments.names)} cartoon characters"
    )


def convert(source: str, out: Path, arguments: argparse.Namespace) -> ModelInfo:
    """A fastai learner as a model folder, with its card. Raises CartoonError."""
    there = run.read_finished(out)
    if there and there.recipe != "converted" and not arguments.force:
        raise DataError(run.is_taken(out, there))
    from cartoons.convert import learner
    from cartoons.model_card import model_card

    ctrl_c.interrupt_work()
    info = learner.convert(source, out, arguments.name, arguments.data)
    write_atomically(out / "README.md", model_card(info).encode())
    return info


def summary(out: Path, info: ModelInfo) -> str:
    """What became of it, and what to do next."""
    said = "plain RGB files are answered as by the learner, other kinds as its card says"
    if "balanced_accuracy" in info.metrics:
        from cartoons.evaluation.intervals import in_words

        said = f"balanced accuracy {in_words(info.metrics)}"
    return f"{out}: {said}. See it: {command('python', 'app.py', '--model', out)}"


def publish(arguments: argparse.Namespace, info: ModelInfo | None, begin: Callable[[str], None]) -> None:
    """Push the model folder and deploy it, where asked to. Raises CartoonError."""
    from cartoons.hub.deploy import deploy
    from cartoons.hub.push import push_model

    ctrl_c.interrupt_work()
    model, private, say = str(arguments.out), arguments.private, partial(print, flush=True)
    if arguments.push and info:
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


def work(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    """Every stage that the command line asks for, one after the other; the exit code. Raises CartoonError."""
    check_flags(vars(arguments), not is_main_process())
    if arguments.names:
        take_names(arguments)
    arguments.out = out = arguments.out or TrainConfig.out
    config = config_of(arguments, argv) if arguments.data and not arguments.from_learner else None
    if config:
        config.check()
    check_hub(arguments)
    trains = config or arguments.from_learner
    asked = {"pictures": arguments.names, "training": trains, "push": arguments.push, "deploy": arguments.deploy}
    stages = [stage for stage, wanted in asked.items() if wanted]

    def begin(stage: str) -> None:
        if len(stages) > 1 and stage in stages and is_main_process():
            print(f"{stages.index(stage) + 1} of {len(stages)}: {stage}", flush=True)

    begin("pictures")
    if arguments.names:
        from cartoons.scraping.config import run_script

        ctrl_c.interrupt_work()
        if code := run_script(arguments.data, arguments.names, arguments.per_class):
            return code
    begin("training")
    info = make_model(arguments, config)
    if info:
        print(summary(out, info), flush=True)
    if is_main_process():
        publish(arguments, info, begin)
    return 0


def make_model(arguments: argparse.Namespace, config: TrainConfig | None) -> ModelInfo | None:
    """The model trained, converted, or made earlier; None when it is on the Hub. Raises CartoonError."""
    try:
        if arguments.from_learner:
            return convert(arguments.from_learner, arguments.out, arguments)
        if config:
            return train(config)
        is_here = arguments.push or arguments.out.exists()
        return model_folder.read(arguments.out)[0] if is_here else None
    except CartoonError:
        run.remove_empty(arguments.out)
        raise


def check_hub(arguments: argparse.Namespace) -> None:
    """Raise CartoonError when the Hub cannot be reached as the environment says, or would not take what is to go there."""
    if arguments.names or arguments.push or arguments.deploy:
        proxies.check()
    repos = [repo for repo in (arguments.push, arguments.deploy) if repo and is_main_process()]
    if repos:
        from cartoons.hub.push import check_login

        for repo in repos:
            check_login(repo)


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when all of it is done, 2 with one sentence when the input cannot be used."""
    proxies.prepare()
    warnings.simplefilter("ignore", FutureWarning)  # torch tells its callers, which are other libraries, of its plans
    log.setLevel(logging.INFO if is_main_process() else logging.WARNING)
    words = sys.argv[1:] if argv is None else argv
    return console.run("train.py", lambda: work(parser().parse_args(words), words))


if __name__ == "__main__":
    console.leave(main())
