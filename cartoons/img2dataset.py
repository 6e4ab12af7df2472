r"""img2dataset, for millions of pictures on Spark or Ray: URLs out, and what it made of them back in.

write_urls() writes the url_list, and read_output() reads the output_folder:

    img2dataset --url_list urls.parquet --input_format parquet --url_col url --caption_col caption \
        --save_additional_columns '["label"]' --disable_all_reencoding True \
        --output_format webdataset --output_folder pictures

<shard>.parquet has a row per URL with what became of it; <shard>.tar, or the folder <shard>, a picture and a JSON object
for each that was downloaded.
"""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, groupby
from pathlib import Path, PurePath, PurePosixPath

import pyarrow as pa
from pyarrow import parquet

from cartoons import strict_json
from cartoons.download.http import DownloadResult
from cartoons.errors import DataError, shortened
from cartoons.files import write_atomically
from cartoons.images import MAX_BYTES
from cartoons.metadata import Row, clean_label
from cartoons.search.engines import SearchResult, http_url

IMAGE_SUFFIXES = (".jpg", ".png", ".webp")
"""What it may be told to name pictures, whatever they are."""
OPTED_OUT = "X-Robots-Tag"
"""Part of its error message where a site does not want its pictures to be used."""

UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What reading a damaged Parquet file raises: text that is not UTF-8, or a date that Python has not, is no Arrow error."""

Pair = tuple[SearchResult, DownloadResult]
Member = tuple[PurePath, int | None, Callable[[], bytes]]
"""A file of a shard: its name, its size in bytes (None for what is no plain file), and how to read it."""


def write_urls(path: Path, results: Iterable[SearchResult]) -> int:
    """Write columns url, label and caption (the title), a row per result; returns how many. The file appears when whole."""
    rows = [(result.url, result.label, result.title) for result in results]
    columns = [[text.encode("utf-8", "replace").decode() for text in column] for column in zip(*rows, strict=True)]
    schema = pa.schema([(name, pa.string()) for name in ("url", "label", "caption")])
    file = io.BytesIO()
    parquet.write_table(pa.table(columns or [[], [], []], schema=schema), file)
    write_atomically(path, file.getvalue())
    return len(rows)


def read_output(folder: Path, check: Callable[[Iterable[str]], None] = lambda _: None) -> Iterator[Pair]:
    """Every URL of an output folder, shard by shard, with its bytes or why there are none.

    An entry too broken to tell its URL has url and label "". check: is told the labels that the shards' lists name, before
    any picture is read. Raises DataError when the folder holds no shards, or while reading when the shards were made without
    their labels, and what check raises.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    shards = [path for path in paths if path.stem.isdecimal() and (path.suffix == ".tar" or path.is_dir())]
    if not shards:
        raise DataError(
            f"{folder} holds no pictures by img2dataset: give the folder that it was told with --output_folder, "
            "made with --output_format files or webdataset."
        )
    check(dict.fromkeys(chain.from_iterable(map(_listed_labels, shards))))
    return chain.from_iterable(map(_read_shard, shards))


def _listed_labels(path: Path) -> list[str]:
    """The labels that the list of a shard names; [] where there is none that can be read."""
    with suppress(*UNREADABLE):
        rows = _listed(path.with_suffix(".parquet")).values()
        return [result.label for row in rows if "label" in row and (result := _search_result(row))]
    return []


def _read_shard(path: Path) -> Iterator[Pair]:
    """path: the folder or the tar with the pictures."""
    rows: dict[str, Row] = {}
    try:
        rows = _listed(path.with_suffix(".parquet"))
    except UNREADABLE as error:
        yield _broken(f"{path.with_suffix('.parquet').name} cannot be read ({error})")
    missing, why_missing = dict(rows), f"it is not in {path.name}"
    try:
        members = (one for one in _members(path) if one[0].suffix in (".json", *IMAGE_SUFFIXES))
        for key, group in groupby(members, lambda member: member[0].stem):
            contents = {name.suffix: _content(name.name, size, read) for name, size, read in group}
            missing.pop(key, None)
            yield _entry(f"{path.name}/{key}", contents, rows.get(key))
    except (tarfile.TarError, OSError, ValueError) as error:
        why_missing = f"{path.name} is damaged or cut short ({error})"
        if not rows:
            yield _broken(why_missing)
    for key, row in missing.items():
        result = _search_result(row)
        message = row.get("error_message") or (why_missing if row.get("status") == "success" else row.get("status"))
        reason = shortened(str(message))
        yield _failed(result, reason) if result else _broken(f"{path.name}/{key} has no address")


def _listed(path: Path) -> dict[str, Row]:
    """The rows of a shard's parquet file by key; none where a killed run left no such file."""
    if not path.exists():
        return {}
    with parquet.ParquetFile(path) as file:
        wanted = {"key", "url", "label", "caption", "status", "error_message"} & set(file.schema_arrow.names)
        return {str(row.get("key")): row for row in file.read(columns=sorted(wanted)).to_pylist()}


def _members(path: Path) -> Iterator[Member]:
    """A tar is read in memory: nothing is unpacked, so the names in it lead nowhere."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            is_file = file.is_file() and not file.is_symlink()
            yield file, file.stat().st_size if is_file else None, file.read_bytes
        return
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            yield PurePosixPath(member.name), member.size if content else None, content.read if content else bytes


def _content(name: str, size: int | None, read: Callable[[], bytes]) -> bytes | str:
    """The bytes of a member, or why they cannot be had."""
    if size is None:
        return f"{name} is not a file"
    return read() if size <= MAX_BYTES else f"{name} has more than the {MAX_BYTES / 2**20:.0f} MB allowed"


def _entry(name: str, contents: Mapping[str, bytes | str], row: Row | None) -> Pair:
    result = _search_result(_parsed(contents.get(".json")) or row or {})
    if not result:
        return _broken(f"{name} has no address, or no label, in its JSON")
    data = next((contents[suffix] for suffix in IMAGE_SUFFIXES if suffix in contents), f"{name} has no picture")
    if isinstance(data, str):
        return _failed(result, data)
    return result, DownloadResult(result.url, data, final_url=result.url)


def _parsed(data: bytes | str | None) -> Row | None:
    try:
        row = strict_json.loads(data) if isinstance(data, bytes) else None
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _search_result(row: Row) -> SearchResult | None:
    """What a row names, None where it is not what img2dataset writes."""
    url, label, caption = row.get("url"), row.get("label"), row.get("caption")
    if isinstance(url, str) and "label" not in row:
        raise DataError(
            "img2dataset was not told to keep the labels: run it again with --save_additional_columns '[\"label\"]'."
        )
    if not (http_url(url) and isinstance(label, str) and (label := clean_label(label))):
        return None
    return SearchResult(http_url(url), label, title=caption if isinstance(caption, str) else "", engine="img2dataset")


def _failed(result: SearchResult, reason: str) -> Pair:
    return result, DownloadResult(result.url, None, "refused" if OPTED_OUT in reason else "failed", reason)


def _broken(reason: str) -> Pair:
    return _failed(SearchResult(""), reason)
