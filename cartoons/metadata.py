"""What `metadata.jsonl` (or .csv, or .parquet) says of each picture: a row of named values.

It is read as `datasets`' imagefolder reads it, except that a row without a picture is no error and the cells of a .csv stay
the text that they are ("007").
"""

import csv
import io
import json
import math
import os.path
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from cartoons.errors import DataError
from cartoons.files import check_regular

METADATA_FILE = "metadata.jsonl"
LOOK_ALIKES = {**dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"), "\ufe0e": "", "\ufe0f": ""}
_WHITE = re.compile(r"[ \t\r\n]*")
NO_VALUE = {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"}
"""Cells of a .csv that say nothing, in small letters; pandas, which `datasets` reads them with, has about the same."""

SHAREABLE = re.compile(
    r"(https?://)?creativecommons\.org/(licenses|publicdomain)/|cc[ -]?(0|zero|by)\b|pdm\b|public domain\b"
    r"|(apache|mit)( licen[cs]e)?([ -]\d.*|$)|no known copyright",
    re.IGNORECASE,
)
"""How a stated licence begins that lets everybody pass a picture on, with its author named where it says so."""

LICENCE_NAME = "as-stated-for-each-picture"
"""Of a data set whose rows each state their own, for its card."""

PHOTO = re.compile(r"\bphoto(graph)?s?\b", re.IGNORECASE)
Row = dict[str, Any]


def may_be_shared(row: Row) -> bool:
    """Whether the licence that is stated for a picture allows to publish it."""
    return bool(SHAREABLE.match(text(row.get("license"))))


def read_metadata(path: Path) -> dict[str, Row]:
    """The rows of a metadata file by `file_key` of their file_name; no file is no metadata, of two rows the later counts.

    Raises DataError, with the line, for a row that is none or that names no file, and for what is no regular file.
    """
    check_regular(path)
    if not path.exists():
        return {}
    rows: dict[str, Row] = {}
    for number, row in _rows(path):
        name, label = row.get("file_name"), row.get("label")
        if not isinstance(name, str) or not name:
            raise _broken(path, number, "has no file_name" if name is None else f"file_name is {name!r}")
        if isinstance(label, list | dict):
            raise DataError(f"{path} line {number}: the label is {label!r}, but a picture has one label: mend it.")
        key, label = file_key(name), clean_label(label)
        earlier = clean_label(rows.get(key, {}).get("label"))
        if earlier and label and earlier != label:
            raise DataError(
                f"{path} line {number} gives {name} the label {label!r}, and an earlier line {earlier!r}: keep one."
            )
        rows[key] = row
    return rows


def file_key(file_name: str) -> str:
    """A path below a folder in the one spelling that all its spellings share: "./a\\\\b.png" is "a/b.png", composed letters
    (é) are one character.
    """
    return unicodedata.normalize("NFC", os.path.normpath(file_name.replace("\\", "/")))


def text(value: object) -> str:
    """A value as text: a number as it is written, "" for null and for what is no number (NaN)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def clean_label(value: object) -> str:
    """A label as text in which no two look alike but differ: composed letters, single spaces, nothing invisible."""
    shown = "".join(character for character in text(value) if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFC", shown).split())


def labels_by_folder(labels: Mapping[str, str]) -> dict[str, set[str]]:
    """The labels of the files below each folder, of files by their path."""
    found: dict[str, set[str]] = {}
    for name, label in labels.items():
        for parent in PurePosixPath(name).parents:
            found.setdefault(parent.as_posix(), set()).add(label)
    return found


def says_photo(words: str) -> bool:
    """Whether a description is a photograph's: "natural photo", "photos_of_food"; "photoshop" is none."""
    return bool(PHOTO.search(words.replace("_", " ")))


def is_label(label: str) -> bool:
    """Whether a label can be written down as text, on one line."""
    return bool(label) and label.isprintable()


def alike_key(label: str) -> str:
    """The same for labels that differ only in capital letters or in characters that look alike (- and –, ' and ’)."""
    known = unicodedata.normalize("NFKC", label).casefold()
    return "".join("-" if unicodedata.category(each) == "Pd" else LOOK_ALIKES.get(each, each) for each in known)


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the number of its line."""
    if path.suffix == ".parquet":
        return _parquet_rows(path)
    try:
        content = path.read_bytes().decode("utf-8-sig")  # with or without a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 ({error}): mend it or take it away.") from error
    return _csv_rows(path, content) if path.suffix == ".csv" else _json_rows(path, content)


def _json_rows(path: Path, content: str) -> Iterator[tuple[int, Row]]:
    """JSON objects with any white space between them, as pyarrow reads them."""
    decoder, place, number = json.JSONDecoder(), 0, 1
    while True:
        space = _WHITE.match(content, place)
        start = space.end() if space else place
        number += content.count("\n", place, start)
        if start == len(content):
            return
        try:
            row, place = decoder.raw_decode(content, start)
        except (ValueError, RecursionError) as error:
            raise _broken(path, number, error) from error
        if not isinstance(row, dict):
            raise _broken(path, number, f"it is {type(row).__name__}")
        yield number, row
        number += content.count("\n", start, place)


def _csv_rows(path: Path, content: str) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(io.StringIO(content, newline=""))
    try:
        if "file_name" not in (reader.fieldnames or ()):
            names = ", ".join(reader.fieldnames or ()) or "nothing"
            raise DataError(f"{path} line 1 names no column file_name, but {names}: separate columns by commas, or mend it.")
        for cells in reader:
            if None in cells:
                raise DataError(f"{path} line {reader.line_num} has more cells than the first line names columns: mend it.")
            yield reader.line_num, {name: _cell(cell) for name, cell in cells.items()}
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num} is no line of a .csv ({error}): mend it.") from error


def _cell(cell: str | None) -> str | None:
    return None if cell is None or cell.strip().casefold() in NO_VALUE else cell


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow
    from pyarrow import parquet

    try:
        return iter(list(enumerate(parquet.read_table(path).to_pylist(), 1)))
    except (OSError, ValueError, OverflowError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet ({error}): mend it or take it away.") from error


def _broken(path: Path, number: int, why: object) -> DataError:
    kind = "JSON object" if path.suffix == ".jsonl" else "row"
    return DataError(f"{path} line {number} is not a {kind} with a file_name ({why}): mend it.")
