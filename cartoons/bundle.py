"""The model folder: `model.onnx` and `model.json`, the only thing training and serving share.

`model.json` explains itself: labels in order, how a picture becomes numbers, when an answer counts as unknown, the sha256
of each file, what was measured and with which versions. `read` verifies it all before anything is run.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cartoons.errors import BundleError, DataError

FORMAT_VERSION = 1
ONNX_FILE = "model.onnx"
JSON_FILE = "model.json"
FILES = (ONNX_FILE, JSON_FILE)
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


@dataclass(frozen=True)
class ModelInfo:
    """Everything in model.json. Probabilities are softmax(logits / temperature) over `labels`."""

    labels: tuple[str, ...]
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    temperature: float
    unknown_threshold: float
    name: str
    created: str
    arch: str
    recipe: str
    resize: str = RESIZE_RULE
    unknown_rule: str = UNKNOWN_RULE
    dataset: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
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

    Raises BundleError when a file is missing, unreadable, altered since it was written, or of a newer format.
    """
    info = _parse(_read_bytes(folder / JSON_FILE), folder)
    onnx = _read_bytes(folder / ONNX_FILE)
    actual, expected = hashlib.sha256(onnx).hexdigest(), info.sha256[ONNX_FILE]
    if actual != expected:
        raise BundleError(
            f"{folder / ONNX_FILE} has sha256 {actual[:12]}..., but {JSON_FILE} says {expected[:12]}...: "
            "the file was altered or cut short, so it is not used; download or train it again."
        )
    return info, onnx


def write(folder: Path, info: ModelInfo, onnx: bytes) -> ModelInfo:
    """Write model.onnx, then model.json with its hash, each through a temporary name; returns the info as written.

    A kill between the two leaves a folder that `read` refuses by its hash, never one that answers wrongly.
    """
    name = info.name.encode("utf-8", "replace").decode()  # a folder or an argument may be called what is no text
    values = asdict(info) | {"name": name, "sha256": {ONNX_FILE: hashlib.sha256(onnx).hexdigest()}}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / ONNX_FILE, onnx)
    write_atomically(folder / JSON_FILE, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
    return _parse((folder / JSON_FILE).read_bytes(), folder)


def write_atomically(path: Path, data: bytes) -> None:
    """Write through a temporary name in the same folder: a reader sees the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def check_writable(out: Path) -> None:
    """Refuse an output folder that cannot be written before minutes are spent."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / ".writable", b"")
        (out / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error}): give another folder with --out.") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"The model folder {path.parent} has no readable {path.name} ({error.strerror}): a model folder holds "
            f"{ONNX_FILE} and {JSON_FILE}, as train.py writes them."
        ) from error


def _parse(data: bytes, folder: Path) -> ModelInfo:
    """model.json to ModelInfo; every way it can be wrong is a BundleError naming the file."""
    where = folder / JSON_FILE
    try:
        values = json.loads(data)
        version = values["format_version"]
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise BundleError(
                f"{where} has format {version}, and this program reads up to {FORMAT_VERSION}: update the program."
            )
        for name in ("labels", "mean", "std"):
            values[name] = tuple(values[name])
        info = ModelInfo(**values)
        _check(info)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{where} is not a valid model description ({error}): train or download it again.") from error
    return info


def _check(info: ModelInfo) -> None:
    """Raise ValueError for values that would make the page answer nonsense."""
    if len(set(info.labels)) != len(info.labels) or len(info.characters) < 1:
        raise ValueError(f"labels must be distinct and hold at least one character, got {list(info.labels)}")
    if not all(isinstance(label, str) and label for label in info.labels):
        raise ValueError("every label must be a word")
    if info.resize not in RESIZE_RULES or info.unknown_rule != UNKNOWN_RULE:
        raise ValueError(f"unknown resize {info.resize!r} or unknown rule {info.unknown_rule!r}")
    if not (isinstance(info.size_px, int) and 16 <= info.size_px <= 2048):
        raise ValueError(f"size_px must be from 16 to 2048, got {info.size_px!r}")
    if len(info.mean) != 3 or len(info.std) != 3 or min(info.std) <= 0:
        raise ValueError("mean and std must hold three numbers each, std above 0")
    if not (info.temperature > 0 and 0 <= info.unknown_threshold <= 1):
        raise ValueError("temperature must be above 0 and unknown_threshold from 0 to 1")
    if not isinstance(info.sha256.get(ONNX_FILE), str):
        raise ValueError(f"sha256 of {ONNX_FILE} is missing")
