"""A label's folder and its searches."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from cartoons.errors import DataError
from cartoons.folder_layout import PART_WORDS
from cartoons.model_folder import OTHER_LABEL
from cartoons.search.engines import queries_for

MOST_BYTES = 80
"""Of a folder's name: file systems take 255 bytes, and paths add up."""

OTHER_QUERIES = (
    "cartoon character",
    "animated film character",
    "comic strip panel",
    "anime character",
    "photo of a person",
    "photo of a pet",
    "landscape photograph",
    "photo of a street",
    "photo of food",
    "children's drawing",
)
"""What is searched for "none of these", when no queries are given."""

RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{k}" for name in ("com", "lpt") for k in range(1, 10))}
"""Names that Windows keeps for devices, with any suffix."""

SPLITS = re.compile(rf"(?<![^-._ 0-9])(?=({'|'.join(chain(*PART_WORDS.values()))})(?![^-._ 0-9]))")
"""Where a folder's name has a word by which load_dataset("imagefolder") would take it for a part of a split data set."""


@dataclass(frozen=True)
class Wanted:
    """A label and the queries that may find pictures of it."""

    label: str
    queries: tuple[str, ...]


def wanted(names: Sequence[str], templates: Sequence[str], other: Sequence[str] | None) -> list[Wanted]:
    """The labels of these names, `_other` last when `other` gives its queries.

    Raises DataError for names that cannot be, SearchError for templates without {name}.
    """
    labels = [" ".join(unicodedata.normalize("NFC", name).split()) for name in names]
    for label, name in zip(labels, names, strict=True):
        if not label or not label.isprintable() or label.encode("utf-8", "replace").decode() != label:
            raise DataError(f"The name {name!r} is empty or cannot be written down as text: give another.")
    if twice := next(
        (label for label in labels if [other.casefold() for other in labels].count(label.casefold()) > 1), None
    ):
        raise DataError(f"The name {twice!r} is given twice: give each once.")
    searched = [Wanted(label, queries_for(label, templates)) for label in labels]
    return searched + ([Wanted(OTHER_LABEL, tuple(other))] if other is not None else [])


def check_apart(labels: Iterable[str]) -> None:
    """Raises DataError for a label that is no text, and for two whose folders some file systems would not tell apart."""
    first: dict[str, str] = {}
    for label in labels:
        if not label.isprintable() or label.encode("utf-8", "replace").decode() != label:
            raise DataError(f"The label {label!r} cannot be written down as text: give another.")
        try:
            os.fsencode(label)
        except UnicodeEncodeError as error:
            raise DataError(f"The label {label!r} cannot be the name of a folder here.") from error
        if (other := first.setdefault(label.casefold(), label)) != label:
            raise DataError(f"The labels {other!r} and {label!r} differ in capital letters only: write both alike.")


def folder_of(label: str) -> str:
    """The name of the label's folder: the label itself where every file system takes it, else a likeness with a digest."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", unicodedata.normalize("NFC", label)).strip(" .")
    safe = SPLITS.sub("x", safe)
    if (safe.startswith("_") and label != OTHER_LABEL) or safe.split(".")[0].casefold() in RESERVED:
        safe = f"x{safe}"
    short = safe.encode()[:MOST_BYTES].decode(errors="ignore").strip(" .") or "label"
    return label if short == label else f"{short}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
