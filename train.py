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
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from cartoons import console, model_folder, packages, progress, proxies, splits
from cartoons.console import command
from cartoons.errors import CartoonError, DataError
from cartoons.model_folder import ModelInfo
from cartoons.training import examples, run
from cartoons.training.config import CONVERTED, TrainConfig, check_flags, check_others, config_of, parser
from cartoons.training.lock import sole_training
from cartoons.training.run import is_main_process

log = logging.getLogger("train")


def train(config: TrainConfig) -> ModelInfo | None:
    """Load, cross-validate, fit, evaluate, export, report: what model.json says; None but on the first of several processes.

    A folder `config.out` that is already what would come of it is left as it is. Raises CartoonError.
    """
    data = run.load(config)
    splits.check_kind(data.items, config.split)
    if info := run.finished(config, data):
        log.info("%s was trained on exactly these pictures in exactly this way: already trained.", config.out)
        return info if is_main_process() else None
    fingerprint, data = run.fingerprint(config, data), run.open_pictures(data)
    run.check_overwrite(config, data)
    split = splits.make_split(data.items, config.split)

    with progress.stage("loading PyTorch and fastai"):  # what could be refused without them, was
        from cartoons.evaluation import metrics
        from cartoons.training import cross_validation, evaluate, quantize

    ctrl_c.interrupt_work()
    with progress.stage("preparing the network"):
        trainer = cross_validation.make_trainer(config, data)
    with progress.stage("training", len(split.folds) + (not split.is_holdout)) as fits:
        results = cross_validation.cross_validate(trainer, split, fits)
        history = cross_validation.fit_final(trainer, split, results, fits)
    if not is_main_process():
        return None
    with progress.stage("evaluating"):
        info = evaluate.evaluate(config, trainer, split, results.predictions)
    with progress.stage("exporting"):
        info = quantize.export_smallest(trainer.portable(), info, data, split, config.out)
    if not config.examples:
        info = examples.store_of_training(config.out, info, data, metrics.rightly_named(results.predictions, info))
    with progress.stage("writing the report"):
        evaluate.write_report(config.out, info, trainer, results.predictions, history)
    run.note_finished(config, fingerprint, info, trainer.work)
    run.suggest_folds(config, data, len(results.predictions.items), results.seconds)
    return info


def take_names(arguments: argparse.Namespace) -> None:
    """Fill in what the names say about the other arguments, where those were not given. Raises DataError."""
    from cartoons.scraping import config as scraping

    arguments.names = sorted(scraping.queries_by_label(arguments.names, ()))
    place = scraping.folder_of_names(arguments.names)
    arguments.data = arguments.data or Path("data") / place
    arguments.out = arguments.out or Path("runs") / place


def convert(source: str, out: Path, arguments: argparse.Namespace) -> ModelInfo:
    """A fastai learner as a model folder, with its card. Raises CartoonError."""
    there = run.read_finished(out)
    if there and there.recipe != "converted" and not arguments.force:
        raise DataError(run.is_taken(out, there))
    with progress.stage(f"finding {source}"):
        from cartoons.convert import learner_file

        path = learner_file.find(source)
        learner_file.check_head(path)
    with progress.stage("loading PyTorch and fastai"):
        from cartoons.convert import learner

    ctrl_c.interrupt_work()
    with progress.stage(f"converting {source}"):
        return learner.convert(str(path), out, arguments.name, arguments.data)


def summary(out: Path, info: ModelInfo) -> str:
    """What became of it, and what to do next."""
    said = "plain RGB files are answered as by the learner, other kinds as its card says"
    if "balanced_accuracy" in info.metrics:
        from cartoons.evaluation.intervals import in_words

        said = f"{'balanced accuracy' if len(info.characters) > 1 else 'share named right'} {in_words(info.metrics)}"
    return f"{out}: {said}. See it: {command('python', 'app.py', '--model', out)}"


def publish(arguments: argparse.Namespace, info: ModelInfo | None, begin: Callable[[str], None]) -> None:
    """Push the model folder and deploy it, where asked to. Raises CartoonError."""
    if not (arguments.push or arguments.deploy):
        return
    with progress.stage("loading the Hub's client"):
        from cartoons.hub.deploy import deploy
        from cartoons.hub.push import push_model

    ctrl_c.interrupt_work()
    model, private, say = str(arguments.out), arguments.private, partial(print, flush=True)
    if arguments.push and info:
        begin("push")
        with progress.stage(f"pushing to {arguments.push}"):
            pushed = push_model(arguments.out, arguments.push, private=private, dataset=arguments.dataset)
        say(f"{pushed.link}: revision {info.revision}.")
        if not arguments.deploy:
            pushed_to = ("--push", arguments.push, "--deploy", "USER/SPACE")
            say("A page of it:", command("python", "train.py", "--out", arguments.out, *pushed_to))
        if not private:  # a private one, no Space could read
            model = f"{arguments.push}@{pushed.commit}"
    if arguments.deploy:
        begin("deploy")
        with progress.stage(f"deploying to {arguments.deploy}"):
            live = deploy(arguments.deploy, model, private=private, say=say)
        say(live)


def work(arguments: argparse.Namespace, argv: list[str]) -> int:
    """Every stage that the command line asks for, one after the other; the exit code. Raises CartoonError."""
    run.check_processes()
    log.setLevel(logging.INFO if is_main_process() else logging.WARNING)
    check_flags(vars(arguments), run.has_several_processes())
    if arguments.data or arguments.names or arguments.from_learner:
        packages.require("train.py", packages.TRAINING)
    if arguments.names:
        take_names(arguments)
    arguments.out = out = arguments.out or TrainConfig.out
    config = config_of(arguments, argv) if arguments.data and not arguments.from_learner else None
    if config:
        config.check()
    examples.check_apart(arguments.examples, out)
    examples.of_owner(arguments.examples)
    with progress.display(is_wanted=is_main_process()), progress.stage("asking the Hub"):
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
    with progress.display(is_wanted=is_main_process()):
        info = make_model(arguments, config)
        if info:
            print(summary(out, info), flush=True)
        if is_main_process():
            publish(arguments, info, begin)
    return 0


def make_model(arguments: argparse.Namespace, config: TrainConfig | None) -> ModelInfo | None:
    """The model trained, converted, or made earlier; None when it is on the Hub. Raises CartoonError."""
    info = None
    if not (config or is_main_process()):  # of several, the first does what cannot be shared
        return None
    try:
        if arguments.from_learner:
            check_others(arguments.out, CONVERTED, arguments.force)
        changes = config or arguments.from_learner or arguments.examples
        with sole_training(arguments.out) if changes else nullcontext():
            if arguments.from_learner:
                info = convert(arguments.from_learner, arguments.out, arguments)
            elif config:
                info = train(config)
            elif arguments.push or arguments.examples or arguments.out.exists():
                info = model_folder.read(arguments.out)[0]
            return info and examples.store_of_owner(arguments.out, info, arguments.examples)
    except CartoonError:
        run.remove_empty(arguments.out)
        raise


def check_hub(arguments: argparse.Namespace) -> None:
    """Raise CartoonError when the Hub cannot be reached as the environment says, or would not take what is to go there."""
    if arguments.names or arguments.push or arguments.deploy:
        proxies.check()
    repos = {kind: repo for kind, repo in (("model", arguments.push), ("space", arguments.deploy)) if repo}
    if repos and is_main_process():
        from cartoons.hub.errors import check_name
        from cartoons.hub.push import check_login

        if arguments.dataset:
            check_name(arguments.dataset)
        for kind, repo in repos.items():
            check_login(repo, kind, arguments.private)


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when all of it is done, 2 with one sentence when the input cannot be used."""
    proxies.prepare()
    warnings.simplefilter("ignore", FutureWarning)  # torch tells its callers, which are other libraries, of its plans
    words = sys.argv[1:] if argv is None else argv
    return console.run("train.py", lambda: work(parser().parse_args(words), words))


if __name__ == "__main__":
    console.leave(main())
