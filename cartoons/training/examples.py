"""The examples of a model, chosen when it is made: those its owner gives, or pictures of the training that may be shared."""

import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from cartoons import model_folder
from cartoons.console import command
from cartoons.dataset import Dataset, Item
from cartoons.errors import DataError, ImageError, counted
from cartoons.files import check_folder, real, write_atomically
from cartoons.metadata import Row, alike_key, may_be_shared, text
from cartoons.model_folder import EXAMPLES, MOST_EXAMPLES, OTHER_LABEL, Example, ModelInfo
from cartoons.picture_files import is_picture
from cartoons.picture_folder import read_folder
from cartoons.strict_json import as_text

PER_LABEL = 2
"""Of the training's pictures; of those that an owner gives as many as fit."""

LONGEST_STEM = 60
log = logging.getLogger("train")


@dataclass(frozen=True)
class Candidate:
    """A picture that may become an example."""

    path: Path
    label: str
    """"" for one that the owner gave without saying what it shows."""
    row: Row
    """What metadata says of it."""


def of_owner(folder: Path | None, labels: Iterable[str] = ()) -> list[Candidate]:
    """The pictures of a folder, if there is one, which may lie in folders named by label, or be called by it: "fox 1.jpg".

    labels: the model's, if they are known. Raises DataError for a folder of another label, and when no picture opens.
    """
    if folder is None:
        return []
    check_folder(folder, "pictures to try the model with, loose or in a folder per label, with --examples")
    known = {alike_key(label): label for label in labels}
    inside = read_folder(folder).pictures
    if strange := sorted({each.label for each in inside if known and alike_key(each.label) not in known}):
        raise DataError(
            f"--examples {folder} holds pictures of {', '.join(strange)}, which the model does not have among its labels "
            f"({', '.join(sorted(known.values()))}): rename or remove them."
        )
    found = [Candidate(each.path, known.get(alike_key(each.label), each.label), each.row) for each in inside]
    loose = {path for path in folder.iterdir() if is_picture(path)} - {each.path for each in inside}
    spoken = {_spoken(label): label for label in known.values()}
    found += [Candidate(path, _label_of_name(path.stem, spoken), {}) for path in sorted(loose)]
    if not any(_opens(each.path) for each in found):
        raise DataError(f"--examples {folder} holds no picture that opens: put some there, or leave --examples out.")
    return found


def check_apart(folder: Path | None, out: Path) -> None:
    """Raises DataError for a folder of the owner's that is, lies in, or holds the one that a model's examples go into."""
    if folder is None:
        return
    theirs, ours = real(folder), real(out / EXAMPLES)
    if theirs.is_relative_to(ours) or ours.is_relative_to(theirs):
        where = "is" if theirs == ours else "lies in" if theirs.is_relative_to(ours) else "holds"
        raise DataError(
            f"--examples {folder} {where} {out / EXAMPLES}, where the model's own are written: "
            "give pictures of another folder."
        )


def store_of_owner(out: Path, info: ModelInfo, folder: Path | None) -> ModelInfo:
    """Make the pictures of a folder the examples of a finished model; without a folder it stays as it is."""
    candidates = of_owner(folder, info.labels)
    return store(out, info, candidates) if candidates else info


def store_of_training(out: Path, info: ModelInfo, data: Dataset, right: Sequence[Item]) -> ModelInfo:
    """Make pictures of its training the examples of a finished model: those of `right`, in that order, that may be shared.

    Of each artwork one, of each label PER_LABEL, and none that the model as exported does not name rightly.
    """
    rows = {picture.path: picture.row for picture in data.folder.pictures}
    first = {item.group: item for item in reversed(right) if may_be_shared(rows.get(item.path, {}))}
    kept = [Candidate(item.path, item.label, rows[item.path]) for item in right if first.get(item.group) is item]
    info = store(out, info, kept, only_right=True)
    if not info.examples:
        why = "no held-out picture whose licence lets it be shown is named rightly"
        if not any(map(may_be_shared, rows.values())):
            why = "no picture states a licence that lets it be shown"
        give = command("python", "train.py", "--out", out, "--examples")
        log.info("Its page shows no examples to try it with, as %s. Give it some of yours: %s DIR", why, give)
    return info


def store(out: Path, info: ModelInfo, candidates: Iterable[Candidate], *, only_right: bool = False) -> ModelInfo:
    """Write a finished model's examples into its folder, and what model.json and the card say of them.

    info: as model.json says it: of the files there, those that it names make way, and no others.
    only_right: leave out those that the model as exported does not name rightly, and what is above PER_LABEL.
    """
    from cartoons.classifier import Classifier  # with onnxruntime and huggingface_hub, which a refusal need not load
    from cartoons.examples import small_jpeg
    from cartoons.images import load
    from cartoons.model_card import model_card, without_place

    classifier, found = Classifier.load(out, trusted=True), dict[Example, bytes]()
    for each in _in_turn(candidates):
        taken = sum(example.label == each.label for example in found)
        if len(found) == MOST_EXAMPLES or (only_right and taken == PER_LABEL) or not _opens(each.path):
            continue
        data = small_jpeg(each.path)
        [answer] = classifier.predict([load(data)])
        if only_right and (answer.label if answer.known else OTHER_LABEL) != each.label:
            continue
        name = _free_name(out / EXAMPLES, each.label, data, {example.file_name for example in found}, info)
        found[Example(name, each.label, *_credit(each.row))] = data
    if tuple(found) == info.examples == ():
        return info
    folder, card = out / EXAMPLES, out / "README.md"
    folder.mkdir(exist_ok=True)
    for old in _written(info):
        (folder / old).unlink(missing_ok=True)
    for example, data in found.items():
        write_atomically(folder / example.file_name, data)
    is_ours = card.is_file() and without_place(card.read_text(encoding="utf-8")) == model_card(info)
    info = model_folder.write(out, replace(info, examples=tuple(found)), model_folder.read(out)[1])
    if is_ours:
        write_atomically(card, model_card(info, folder=out).encode())
    log.info("%s to try it with: %s.", counted(len(found), "picture"), folder)
    return info


def _written(info: ModelInfo) -> set[str]:
    """The names of the files that `store` wrote for a model."""
    return {each.file_name for each in info.examples if each.file_name.endswith(".jpg")}


def _free_name(folder: Path, label: str, data: bytes, taken: Collection[str], info: ModelInfo) -> str:
    """What a picture of a label is called, in a folder of which only the files of `info` may be replaced.

    taken: names that others have already.
    """
    stem = "-".join(re.findall("[a-z0-9]+", label.lower()))[:LONGEST_STEM].strip("-") or "example"
    for number in count(1):
        name, path = f"{stem}-{number}.jpg", folder / f"{stem}-{number}.jpg"
        is_free = name in _written(info) or not os.path.lexists(path) or (path.is_file() and path.read_bytes() == data)
        if is_free and name not in taken:
            break
    return name


def _in_turn(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of each label, then the second of each, and so on."""
    seen, ranked = Counter[str](), []
    for each in candidates:
        seen[each.label] += 1
        ranked.append((seen[each.label], each))
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]


def _credit(row: Row) -> list[str]:
    """License, author and page, as far as metadata states them."""
    values = [text(row.get("license")), text(row.get("author")), text(row.get("page_url")) or text(row.get("url"))]
    return [value and as_text(value) for value in values]


def _label_of_name(stem: str, spoken: Mapping[str, str]) -> str:
    """The label that a file is called by, a number behind it or not: "bugs bunny" of "bugs_bunny-2"; "" for no label.

    spoken: labels by `_spoken`.
    """
    return spoken.get(_spoken(stem)) or spoken.get(_spoken(re.sub(r"[\s_.-]*\d*$", "", stem)), "")


def _spoken(name: str) -> str:
    """The alike_key of a name, with spaces for what stands for them in the names of files."""
    return re.sub(r"[\s_-]+", " ", alike_key(name)).strip()


def _opens(path: Path) -> bool:
    from cartoons.images import load

    try:
        load(path)
    except ImageError as error:
        log.warning("Not an example: %s: %s", path, error)
        return False
    return True
