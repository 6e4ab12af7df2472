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
"""

import argparse
import datetime
import io
import logging
import shutil
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cartoons import bundle, duplicates, split
from cartoons.bundle import ModelInfo
from cartoons.card import model_card
from cartoons.convert import learner
from cartoons.errors import CartoonError, DataError
from cartoons.evaluation import doubts, evaluate
from cartoons.hub.push import check_login, push_model
from cartoons.progress import Progress, spoken_time
from cartoons.report import index
from cartoons.split import How
from cartoons.training import learn, precision
from cartoons.training.checkpoint import Row
from cartoons.training.job import Job, Settings, prepare
from cartoons.training.network import DEFAULT_ARCH

VERSIONS_OF = ("fastai", "torch", "timm", "onnx", "onnxruntime", "pillow", "numpy")
SHOWN = 12
log = logging.getLogger("train")


def train(root: Path, out: Path, settings: Settings) -> ModelInfo | None:
    """Measure, train, export and describe; what model.json says, or None on the helpers of a run on several processes.

    Raises CartoonError, before anything is lost.
    """
    job = prepare(root, out, settings)
    plan, trainer, work = job.plan, job.trainer, job.work
    steps = trainer.epochs * (len(plan.rounds) + (not plan.is_holdout))
    progress = Progress(steps, io.StringIO() if learn.is_helper() else None)

    def after_round(number: int) -> None:
        if number == 0:
            precision.trial(trainer, job.labels, plan.rounds[0], work)

    answers = learn.run_rounds(trainer, plan, job.labels, work, progress, after_round)
    log.info("Judged %d pictures by models that never saw them.", answers.found.judged.sum())
    whole, started = plan.rounds[0].train if plan.is_holdout else range(len(job.items)), time.monotonic()
    history = answers.rows if plan.is_holdout else None
    if history is None:
        history = trainer.fit(
            whole, work / ("round-0" if plan.is_holdout else "whole"), learn.ticking(progress, "the whole")
        )
        log.info("Trained on %d pictures in %s.", len(whole), spoken_time(time.monotonic() - started))
    progress.clear()
    if learn.is_helper():
        return None
    metrics, temperature, threshold = evaluate.measure(answers.found)
    metrics |= {
        "protocol": plan.protocol,
        "robustness": evaluate.sliced(answers.found, answers.slices),
        "duplicates": {"alike": duplicates.alike(job.items), "leaked": job.leaked[0], "of": job.leaked[1]},
        "strangers_unseen": plan.strangers_unseen(job.items),
        "precision": precision.trial(trainer, job.labels, plan.rounds[0], work),
    }
    info = describe(job, root, settings, metrics, temperature, threshold)
    judged = [i for round_ in plan.rounds for i in round_.judged]
    info = precision.export_best(trainer, info, whole, judged, out)
    write_report(out, info, job, answers.found, history)
    trainer.close()
    shutil.rmtree(out / learn.WORK)
    return info


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


def write_report(out: Path, info: ModelInfo, job: Job, found: evaluate.OutOfFold, history: list[Row]) -> None:
    """report/ and the card."""
    step = max(1, len(job.items) // SHOWN)
    findings = {
        **{name: getattr(info, name) for name in ("name", "labels", "characters", "created", "arch", "recipe", "revision")},
        **info.metrics,
        "pictures": info.dataset["pictures"],
        **evaluate.curves(found, info.temperature),
        "left_out": [[str(path), reason] for path, reason in job.left_out],
        "history": history,
        "lr_finder": job.trainer.found,
        "top_losses": doubts.top_losses(found, info.temperature),
        "mislabelled": doubts.mislabelled(found, info.temperature),
        "batch": [{"path": str(item.path), "label": item.label} for item in job.items[::step]],
    }
    first = [next(i for i, item in enumerate(job.items) if item.label == label) for label in job.labels]
    index.write(out / "report", findings, list(zip(job.labels, job.trainer.examples(first), strict=True)))
    bundle.write_atomically(out / "README.md", model_card(info).encode())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="train.py", description="Train a cartoon classifier on a folder of pictures.")
    made.add_argument("data", type=Path, nargs="?", help="a folder holding one folder of pictures per character")
    made.add_argument(
        "--out", type=Path, default=Path("runs/model"), help="the model folder to write (default: %(default)s)"
    )
    made.add_argument("--from-learner", metavar="WHERE", help="convert a fastai learner: a .pkl, or user/repo on the Hub")
    made.add_argument("--name", help="the model's name, as its page shows it")
    made.add_argument(
        "--recipe", choices=("auto", *learn.RECIPES), default="auto", help="auto: finetune on a GPU, else fast"
    )
    made.add_argument("--arch", default=DEFAULT_ARCH, help="any timm or torchvision network (default: %(default)s)")
    made.add_argument("--weights", type=Path, help="a file of its ImageNet weights, instead of a download")
    made.add_argument("--epochs", type=int, help="instead of the recipe's own number")
    made.add_argument("--batch-size", type=int, help="instead of the recipe's own, if the GPU's memory is short")
    made.add_argument("--split", choices=split.KINDS, default="auto", help="what judges the model (default: see README)")
    made.add_argument("--valid-pct", type=float, default=0.2, help="the share held out by --split holdout (%(default)s)")
    made.add_argument("--rounds", type=int, default=How.rounds, help="of training and judging (default: %(default)s)")
    made.add_argument(
        "--push", metavar="USER/NAME", help="publish the model folder on the Hugging Face Hub, under this name"
    )
    made.add_argument("--private", action="store_true", help="let nobody else see what is pushed")
    made.add_argument("--dataset", metavar="USER/NAME", help="where its pictures are on the Hub, for the model's card")
    made.add_argument("--seed", type=int, default=42, help="same seed, same machine: same figures (default: %(default)s)")
    return made


def run(arguments: argparse.Namespace) -> ModelInfo | None:
    """What the command line asks for. Raises CartoonError."""
    if arguments.push and not learn.is_helper():
        check_login(arguments.push)
    if arguments.from_learner:
        info = learner.convert(arguments.from_learner, arguments.out, arguments.name, arguments.data)
        bundle.write_atomically(arguments.out / "README.md", model_card(info).encode())
        return info
    if arguments.data is None and arguments.push:
        return bundle.read(arguments.out)[0]
    if arguments.data is None:
        raise DataError("No picture folder was given: python train.py FOLDER, or --from-learner FILE.")
    recipe = learn.choose_recipe(arguments.recipe, arguments.epochs, arguments.batch_size, arguments.seed)
    kind = "holdout" if arguments.split == "auto" and recipe.takes_long else arguments.split
    how = How(kind, arguments.valid_pct, arguments.rounds, arguments.seed)
    settings = Settings(recipe, arguments.arch, arguments.weights, how, arguments.name)
    return train(arguments.data, arguments.out, settings)


def summary(out: Path, info: ModelInfo) -> str:
    """What became of it, and what to do next."""
    said = "its parity with the learner was checked"
    if "balanced_accuracy" in info.metrics:
        low, high = info.metrics["balanced_accuracy_95"]
        said = f"balanced accuracy {info.metrics['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"
    return f"{out}: {said}. See it: python app.py --model {out}"


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when the model folder is there, 2 with one sentence when the input cannot be used."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING if learn.is_helper() else logging.INFO, format="%(message)s")
    try:
        info = run(arguments)
        if info is None:
            return 0
        print(summary(arguments.out, info), flush=True)
        if arguments.push:
            pushed = push_model(arguments.out, arguments.push, private=arguments.private, dataset=arguments.dataset)
            page = f"python app.py --deploy USER/SPACE --model {arguments.push}"
            print(f"{pushed.link}: revision {info.revision}. A page of it: {page}")
    except CartoonError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
