"""Classifies the pictures of a folder, as many as there are, into a table: a row per file, as soon as it is known.

python -m cartoons FOLDER > answers.csv
python -m cartoons FOLDER --model runs/mine --json > answers.jsonl
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cartoons import console, packages, progress, proxies

if __name__ == "__main__":
    packages.require("python -m cartoons", packages.PAGE)

from cartoons.answer_table import Row, cells, head, rows
from cartoons.classifier import Classifier, Prediction
from cartoons.errors import BundleError, DataError, ImageError, counted
from cartoons.files import check_folder
from cartoons.images import load
from cartoons.model_folder import EMBEDDED_MODEL
from cartoons.onnx_graph import available_cores
from cartoons.picture_files import is_hidden, pictures_below

COMMANDS = """examples:
  python -m cartoons FOLDER > answers.csv
  python -m cartoons FOLDER --json > answers.jsonl
  python -m cartoons picture.png --model USER/NAME"""

IN_FLIGHT = 4
"""Pictures per worker that are read ahead of the row that is written next."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = console.ArgumentParser(
        prog="python -m cartoons", description="Classify the pictures of a folder into a table.", epilog=COMMANDS
    )
    made.add_argument("folder", type=Path, metavar="FOLDER", help="looked through to any depth; or a single file")
    made.add_argument("--model", metavar="DIR", help="a model folder, or USER/NAME on the Hub (default: the embedded one)")
    made.add_argument("--json", action="store_true", help="JSON Lines instead of CSV")
    return made


def load_model(model: str | None) -> Classifier:
    """The classifier of a model folder or of a model on the Hub. Raises BundleError, DataError, HubError."""
    if model is None:
        return Classifier.load(EMBEDDED_MODEL, trusted=True, threads=1)
    if not model.strip():
        raise DataError("--model is empty: give a model folder, or USER/NAME of one on the Hub, or leave it out.")
    if Path(model).is_dir():
        return Classifier.load(Path(model), threads=1)
    from cartoons.hub.errors import is_repo_name
    from cartoons.hub.pull import pull

    if not is_repo_name(model):
        raise BundleError(
            f"{model} is no model folder: give the folder that train.py wrote, or USER/NAME of one on the Hub."
        )
    return Classifier.load(pull(model), threads=1)


def files_of(folder: Path) -> list[tuple[Path, str]]:
    """Every file below the folder, sorted, with "" or why it is no picture; hidden files are left out.

    Raises DataError when there is nothing to classify.
    """
    if folder.is_file():
        return [(folder, "")]
    check_folder(folder, "one that holds pictures")
    pictures, passed_over = pictures_below(folder)
    if not pictures:
        raise DataError(
            f"{folder} holds no picture: give a folder that holds JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC."
        )
    others = [(folder.joinpath(*each.parts), each.reason) for each in passed_over if not is_hidden(each.parts[-1])]
    return sorted([*((path, "") for path in pictures), *others])


def begin(path: Path, reason: str, classifier: Classifier, pool: ThreadPoolExecutor) -> "Future[tuple[Prediction, str]]":
    """Has the pool open and classify a file. Raises ImageError with the reason why it is no picture, if there is one."""
    if reason:
        raise ImageError(reason)
    return pool.submit(lambda: (classifier.predict([load(path)])[0], ""))


def writer_of_csv(characters: Sequence[str]) -> Callable[[Row], None]:
    """Writes the head at once, then rows, to standard output."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(head(characters))
    return lambda row: writer.writerow(cells(row, characters))


def classify(arguments: argparse.Namespace) -> int:
    """Writes the table; the exit code. Raises CartoonError."""
    files = files_of(arguments.folder)
    if arguments.model is not None:
        proxies.prepare()
    classifier = load_model(arguments.model)
    in_json = (lambda row: print(json.dumps(row.as_json()))) if arguments.json else None
    write = in_json or writer_of_csv(classifier.info.characters)
    without, workers = 0, available_cores()
    with ThreadPoolExecutor(workers) as pool, progress.display():
        begun = ((str(path), partial(begin, path, reason, classifier, pool)) for path, reason in files)
        for row in progress.track(rows(begun, workers * IN_FLIGHT), "classifying", "files", len(files)):
            write(row)
            sys.stdout.flush()
            without += row.prediction is None
    why = f", {counted(without, 'file')} without an answer: {'its row says' if without == 1 else 'their rows say'} why"
    print(f"{counted(len(files) - without, 'picture')} answered{why if without else ''}.", file=sys.stderr)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: 0 when every file has its row, 2 with one sentence when the input cannot be used."""
    return console.run("python -m cartoons", lambda: classify(parser().parse_args(argv)))


if __name__ == "__main__":
    console.leave(main())
