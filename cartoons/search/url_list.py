"""No search: the addresses that a file lists.

.csv    a header with url and label, maybe title (or caption), page_url, license, author; other columns are passed over
.jsonl  an object per line with the same names
.txt    an address per line; empty lines and lines that begin with # are passed over
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cartoons.errors import DataError
from cartoons.search.engines import SearchResult, http_url, one_line

SUFFIXES = (".csv", ".jsonl", ".txt")

Rows = Iterator[tuple[int, dict[str, Any]]]
"""(line number from 1, what the line says)."""


def read_url_list(path: Path, label: str = "") -> list[SearchResult]:
    """The hits of a file in its order, none twice for a label; `label` is for rows that have none.

    Raises DataError, with the line, for whatever is not as it should be: nothing is passed over in silence.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path} is no list of addresses that can be read: give a file ending in {', '.join(SUFFIXES)}.")
    text = _text(path)
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".txt": _text_rows}
    rows = readers[path.suffix.lower()](path, text)
    hits = {(hit.label, hit.url): hit for hit in reversed([_hit(path, line, row, label) for line, row in rows])}
    if not hits:
        raise DataError(f"{path} lists no addresses: give a file with an address per row.")
    return list(reversed(hits.values()))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file that lists addresses.") from error
    try:
        return data.decode("utf-8-sig")
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
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path} line {number} is not JSON ({error}): mend it.") from error
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number} is not a JSON object: write {{"url": ..., "label": ...}}.')
        yield number, row


def _text_rows(_: Path, text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, {"url": line}


def _hit(path: Path, line: int, row: dict[str, Any], label: str) -> SearchResult:
    url = http_url(row.get("url"))
    if not url:
        raise DataError(
            f"{path} line {line}: {row.get('url')!r} is not an address beginning with http:// or https://: mend it."
        )
    label = one_line(row.get("label")) or label
    if not label:
        raise DataError(f"{path} line {line} has no label (a text): add one to the row, or name the one that all rows have.")
    return SearchResult(
        url=url,
        label=label,
        page_url=http_url(row.get("page_url")),
        title=one_line(row.get("title")) or one_line(row.get("caption")),
        license=one_line(row.get("license")),
        author=one_line(row.get("author")),
    )
