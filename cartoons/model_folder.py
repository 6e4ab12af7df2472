"""The model folder: `model.onnx` and `model.json`, the only thing training and serving share.

`model.json` explains itself: labels in order, how a picture becomes numbers, when an answer counts as unknown, the sha256
of each file, what was measured and with which versions. `read` verifies it all before anything is run, whoever wrote it.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cartoons.errors import BundleError
from cartoons.files import write_atomically
from cartoons.packages import ROOT
from cartoons.strict_json import as_text, listed, mapping, number, one_of, parse, shown, text, whole_number

FORMAT_VERSION = 4
"""Version 1 knew one threshold, and not which commit and hyperparameters made the model; 2 no examples; 3 no VERSUS_RULE."""

ONNX_FILE, JSON_FILE, LEARNER_FILE = "model.onnx", "model.json", "model.pkl"
FILES = (ONNX_FILE, JSON_FILE)
EMBEDDED_MODEL = ROOT / "model"
"""The model of this repository, which is there without a Hub."""

MOST_BYTES = {ONNX_FILE: 2**30, JSON_FILE: 2**24}
"""Larger files are refused before they are read or downloaded: no model of this project comes near."""

MAX_LABEL, MAX_LABELS, MOST_EXAMPLES = 255, 25_000, 12
EXAMPLES = "examples"
"""The folder, in the model folder, of pictures to try the model with."""
EXAMPLE_FILE = re.compile(r"[a-z0-9-]{1,80}\.(jpg|png)")
HASH = re.compile(r"[0-9a-f]{64}")
OTHER_LABEL = "_other"
"""The class of "none of these" pictures: trained like any other, never shown as an answer."""

RESIZE_RULE = "pad-white-bicubic"
FASTAI_RULES = (
    "crop-bilinear",
    "squish-bilinear",
    "squish-crop-bilinear",
    "pad-black-bilinear",
    "pad-reflect-bilinear",
    "pad-border-bilinear",
)
RESIZE_RULES = (RESIZE_RULE, *FASTAI_RULES, *(f"grey-{rule}" for rule in FASTAI_RULES))
"""How a picture may become square, each a function in resize.py: this project's, fastai's, and fastai's in greyscale."""
UNKNOWN_RULE = "1 - highest character probability"
VERSUS_RULE = "the probability of none of these, against that of the likeliest character alone,"  # other / (other + highest)


@dataclass(frozen=True)
class Example:
    """A picture to try a model with, in the folder EXAMPLES. "" is what nobody said of it; label: one of the model's."""

    file_name: str
    label: str = ""
    license: str = ""
    author: str = ""
    page_url: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """Everything in model.json. Probabilities are softmax(logits / temperature) over `labels`."""

    labels: tuple[str, ...]
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    temperature: float
    unknown_threshold: float
    """Of the unknown score: above it the answer is "I don't know this one"."""
    name: str
    created: str
    arch: str
    recipe: str
    resize: str = RESIZE_RULE
    unknown_rule: str = UNKNOWN_RULE
    certain_threshold: float | None = None
    """Of 1 - highest character probability: above it a name is said with "perhaps". None: not known."""
    commit: str = "unknown"
    """Of this repository, when the model was made; with "+" behind it where files had changed since."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """The recipe's numbers."""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)  # of the graph, and of the learner where it was trained here
    format_version: int = FORMAT_VERSION

    @property
    def characters(self) -> tuple[str, ...]:
        """The labels that can be an answer, in order: all but `_other`."""
        return tuple(label for label in self.labels if label != OTHER_LABEL)

    @property
    def revision(self) -> str:
        """The first 12 hex digits of the model's sha256: names these exact weights wherever they came from."""
        return self.sha256[ONNX_FILE][:12]


def read(folder: Path) -> tuple[ModelInfo, bytes]:
    """Read and verify a model folder: its description and the bytes of its ONNX graph.

    Raises BundleError when a file is missing, unreadable, too large, altered since it was written, or of a newer format, and
    when a value of model.json is of the wrong type or out of its range.
    """
    info = read_description(folder)
    onnx = _read_bytes(folder / ONNX_FILE)
    actual, expected = hashlib.sha256(onnx).hexdigest(), info.sha256[ONNX_FILE]
    if actual != expected:
        raise BundleError(
            f"{folder / ONNX_FILE} has sha256 {actual[:12]}..., but {JSON_FILE} says {expected[:12]}...: "
            "the file was altered or cut short, so it is not used; download or train it again."
        )
    return info, onnx


def read_description(folder: Path) -> ModelInfo:
    """What model.json says, without a look at the graph. Raises BundleError, as `read` does."""
    return _parse(_read_bytes(folder / JSON_FILE), folder / JSON_FILE)


def write(folder: Path, info: ModelInfo, onnx: bytes) -> ModelInfo:
    """Write model.onnx, then model.json with its hash, each through a temporary name; returns the info as written.

    A kill between the two leaves a folder that `read` refuses by its hash, never one that answers wrongly. Raises
    BundleError, and writes nothing, when `read` would refuse it.
    """
    name = as_text(" ".join(info.name.split()))  # a folder or an argument may be called anything
    values = asdict(info) | {"name": name, "sha256": {**info.sha256, ONNX_FILE: hashlib.sha256(onnx).hexdigest()}}
    data = (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
    written = _parse(data, folder / JSON_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / ONNX_FILE, onnx)
    write_atomically(folder / JSON_FILE, data)
    return written


def _read_bytes(path: Path) -> bytes:
    """The whole of a regular file, or of one that a link leads to, as the Hub's cache has them."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{path} is not a file: a model folder holds {ONNX_FILE} and {JSON_FILE}.")
            most = MOST_BYTES[path.name]
            if status.st_size > most:
                raise BundleError(
                    f"{path} has {status.st_size / 2**20:,.0f} MB, more than the {most / 2**20:,.0f} MB that are read: "
                    "this is no model of this project."
                )
            return file.read(status.st_size)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}): a model folder holds {ONNX_FILE} and {JSON_FILE}, "
            "as train.py writes them."
        ) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _parse(data: bytes, path: Path) -> ModelInfo:
    """model.json to ModelInfo; every way it can be wrong is a BundleError naming the file."""
    try:
        values = parse(data)
        version = values.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            known = f"this program reads up to {FORMAT_VERSION}: update the program"
            raise BundleError(f"{path} has format {shown(version)}, and {known}.")
        return ModelInfo(**_checked(values))
    except ValueError as error:
        raise BundleError(f"{path} is not a valid model description ({error}): train or download it again.") from error


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values as ModelInfo takes them. Raises ValueError for one that is missing, unknown, or not what it should be."""
    if unknown := values.keys() - CHECKS.keys():
        raise ValueError(f"it has {shown(min(unknown))}, which this format does not know")
    if missing := CHECKS.keys() - values.keys() - OPTIONAL:
        raise ValueError(f"it has no {min(missing)}")
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = CHECKS[name](value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    if checked.get("unknown_rule") == VERSUS_RULE and OTHER_LABEL not in checked["labels"]:
        raise ValueError(f"unknown_rule is about {OTHER_LABEL}, which is no label")
    return checked


def _labels(value: object) -> tuple[str, ...]:
    labels = listed(value, partial(text, most=MAX_LABEL), 1, MAX_LABELS)
    if len(set(labels)) != len(labels) or set(labels) == {OTHER_LABEL}:
        raise ValueError(f"must be distinct and hold at least one character, and are {shown(labels)}")
    return labels


def _example(value: object) -> Example:
    row = mapping(value, lambda each: "" if each == "" else text(each))
    if row.keys() - Example.__dataclass_fields__ or not EXAMPLE_FILE.fullmatch(row.get("file_name", "")):
        raise ValueError(f"must each have a file_name such as fox-1.jpg, and a label, and one is {shown(value)}")
    return Example(**row)


def _hashes(value: object) -> dict[str, Any]:
    hashes = mapping(value, text)
    if not HASH.fullmatch(hashes.get(ONNX_FILE, "")):
        raise ValueError(f"must hold the 64 hexadecimal digits of {ONNX_FILE}, and is {shown(value)}")
    return hashes


OPTIONAL = {"resize", "unknown_rule", "certain_threshold", "commit"}
OPTIONAL |= {"hyperparameters", "dataset", "metrics", "versions", "examples"}
CHECKS: Mapping[str, Callable[[object], Any]] = {
    "labels": _labels,
    "size_px": partial(whole_number, low=16, high=2048),
    "mean": partial(listed, check=partial(number, low=-1e3, high=1e3), least=3, most=3),
    "std": partial(listed, check=partial(number, low=1e-4, high=1e3), least=3, most=3),
    "temperature": partial(number, low=1e-3, high=1e3),
    "unknown_threshold": partial(number, low=0, high=1),
    "certain_threshold": lambda value: None if value is None else number(value, 0, 1),
    "name": text,
    "created": text,
    "arch": text,
    "recipe": text,
    "resize": partial(one_of, known=RESIZE_RULES),
    "unknown_rule": partial(one_of, known=(UNKNOWN_RULE, VERSUS_RULE)),
    "commit": text,
    "hyperparameters": mapping,
    "dataset": mapping,
    "metrics": mapping,
    "versions": partial(mapping, check=text),
    "examples": partial(listed, check=_example, least=0, most=MOST_EXAMPLES),
    "sha256": _hashes,
    "format_version": partial(whole_number, low=1, high=FORMAT_VERSION),
}
"""What each value of model.json has to be."""
