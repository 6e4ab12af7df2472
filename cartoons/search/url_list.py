"""No search: the URLs that a file lists.

.csv    a header with url and label, maybe title (or caption), page_url, license, author; other columns are passed over
.jsonl  an object per line with the same names
.txt    a URL per line; empty lines and lines that begin with # are passed over
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartoons import strict_json
from cartoons.errors import DataError
from cartoons.metadata import clean_label
from cartoons.search.engines import SearchResult, one_line

COLUMNS = ("url", "label", "title", "page_url", "license", "author")
Rows = Iterator[tuple[int, dict[str, Any]]]
"""(line number from 1, the row by column name)."""


def read_url_list(path: Path, label: str = "") -> list[SearchResult]:
    """The pictures of a file in its order, no URL twice for a label; `label` is for rows that have none.

    Raises DataError, with the line, for whatever is not as it should be: nothing is passed over in silence.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".txt": _text_rows}
    if not (reader := readers.get(path.suffix.lower())):
        raise DataError(f"{path} is no list of addresses that can be read: give a file ending in {', '.join(readers)}.")
    results: dict[tuple[str, str], SearchResult] = {}
    for number, row in reader(path, _read_text(path)):
        result = _result(f"{path} line {number}", row, label)
        results.setdefault((result.label, result.url), result)
    if not results:
        raise DataError(f"{path} lists no addresses: give a file with an address per row.")
    return list(results.values())


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file that lists addresses.") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path} line {line} is not UTF-8: save the file as UTF-8.") from error


def _csv_rows(path: Path, text: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "url" not in header:
            raise DataError(
                f"{path} line 1 has no column url, but {', '.join(header) or 'nothing'}: name the columns there."
            )
        for cells in reader:
            if len(cells) > len(header):
                raise DataError(
                    f"{path} line {reader.line_num} has {len(cells)} cells, but the header {len(header)}: "
                    "put cells that hold a comma into double quotes."
                )
            if any(cell.strip() for cell in cells):
                yield reader.line_num, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num} is not valid CSV ({error}): mend it.") from error


def _json_rows(path: Path, text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = strict_json.loads(line)
        except ValueError as error:
            raise DataError(f"{path} line {number} is not JSON ({error}): mend it.") from error
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number} is not a JSON object: write {{"url": ..., "label": ...}}.')
        yield number, row


def _text_rows(_: Path, text: str) -> Rows:
    lines = enumerate(text.split("\n"), 1)
    return ((number, {"url": line}) for number, line in lines if line.strip() and not line.lstrip().startswith("#"))


def _result(where: str, row: dict[str, Any], default_label: str) -> SearchResult:
    result = SearchResult.cleaned(**{name: row.get(name) for name in COLUMNS})
    result = replace(
        result, label=clean_label(result.label) or default_label, title=result.title or one_line(row.get("caption"))
    )
    if not result.url:
        raise DataError(
            f"{where}: {row.get('url')!r} is not an address beginning with http:// or https://, with a host and a port "
            "that can be: mend it."
        )
    if not isinstance(row.get("label"), str | None):
        raise DataError(f"{where}: the label is {strict_json.shown(row['label'])}, not a text: put it in quotes.")
    if not result.label:
        raise DataError(f"{where} has no label (a text): add one to the row, or name the one that all rows have.")
    return result
