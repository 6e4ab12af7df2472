r"""img2dataset, for millions of pictures on Spark or Ray: addresses out, and what it made of them back in.

    write_urls(folder / "urls.parquet", hits)

    img2dataset --url_list urls.parquet --input_format parquet --url_col url --caption_col caption \
        --save_additional_columns '["label"]' --disable_all_reencoding True \
        --output_format webdataset --output_folder pictures

    for hit, outcome in read_output(folder / "pictures"): ...

Its shards are read where they lie: <shard>.parquet names every address and what became of it, <shard>.tar or the folder
<shard> holds a picture and a JSON object for each that it had.
"""

import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from cartoons.download.http import DownloadResult
from cartoons.errors import DataError, shortened
from cartoons.images import MAX_BYTES
from cartoons.search.engines import SearchResult, http_url

URLS_FILE = "urls.parquet"
ROWS_AT_ONCE = 10_000
PICTURES = (".jpg", ".png", ".webp")
"""What it may be told to name pictures, whatever they are."""

OPTED_OUT = "X-Robots-Tag"
"""What it says where a site does not want its pictures to be used."""

Row = Mapping[str, Any]
Member = tuple[str, str, bytes | str]
"""A file of a shard: its key, its suffix, and its bytes or why they cannot be had."""


def write_urls(path: Path, hits: Iterable[SearchResult]) -> int:
    """Write columns url, label and caption (the title), a row per hit; returns how many. The file appears when whole."""
    schema = pa.schema([(name, pa.string()) for name in ("url", "label", "caption")])
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rows, count = iter(hits), 0
    with temporary.open("wb") as file:
        with parquet.ParquetWriter(file, schema) as writer:
            while some := list(islice(rows, ROWS_AT_ONCE)):
                columns = [[hit.url for hit in some], [hit.label for hit in some], [hit.title for hit in some]]
                whole = [[words.encode("utf-8", "replace").decode() for words in column] for column in columns]
                writer.write_table(pa.table(whole, schema=schema))
                count += len(some)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return count


def read_output(folder: Path) -> Iterator[tuple[SearchResult, DownloadResult]]:
    """Every address of an output folder, shard by shard, with its bytes or why there are none.

    An entry too broken to tell its address has url and label "". Raises DataError when the folder holds no shards, or while
    reading when the shards were made without their labels.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    named = [path for path in inside if path.stem.isdecimal() and (path.suffix == ".tar" or path.is_dir())]
    if not named:
        raise DataError(
            f"{folder} holds no pictures by img2dataset: give the folder that it was told with --output_folder, "
            "made with --output_format files or webdataset."
        )
    return (found for path in named for found in _shard(path))


def _shard(path: Path) -> Iterator[tuple[SearchResult, DownloadResult]]:
    """path: the folder or the tar with the pictures."""
    listed: dict[str, Row] = {}
    try:
        listed = _listed(path.with_suffix(".parquet"))
    except (pa.ArrowException, OSError) as error:
        yield _broken(f"{path.with_suffix('.parquet').name} cannot be read ({error})")
    missing = dict(listed)
    end = f"it is not in {path.name}"
    try:
        for key, members in groupby(_in_tar(path) if path.suffix else _in_folder(path), lambda member: member[0]):
            files = {suffix: data for _, suffix, data in members}
            missing.pop(key, None)
            yield _entry(f"{path.name}/{key}", files, listed.get(key))
    except (tarfile.TarError, OSError, ValueError) as error:
        end = f"{path.name} is damaged or cut short ({error})"
        if not listed:
            yield _broken(end)
    for key, row in missing.items():
        hit = _hit(row)
        reason = shortened(str(row.get("error_message") or (end if row.get("status") == "success" else row.get("status"))))
        status = "refused" if OPTED_OUT in reason else "failed"
        yield (
            (hit, DownloadResult(hit.url, status=status, reason=reason))
            if hit
            else _broken(f"{path.name}/{key} has no address")
        )


def _entry(named: str, members: Mapping[str, bytes | str], listed: Row | None) -> tuple[SearchResult, DownloadResult]:
    row = _parsed(members.get(".json")) or listed
    hit = _hit(row) if row else None
    if not hit:
        return _broken(f"{named} has no address, or no label, in its JSON")
    data = next((members[suffix] for suffix in PICTURES if suffix in members), f"{named} has no picture")
    if isinstance(data, str):
        return hit, DownloadResult(hit.url, status="failed", reason=data)
    return hit, DownloadResult(hit.url, data, final_url=hit.url)


def _broken(reason: str) -> tuple[SearchResult, DownloadResult]:
    return SearchResult("", ""), DownloadResult("", status="failed", reason=reason)


def _hit(row: Row) -> SearchResult | None:
    """What a row says, None where it is not what img2dataset writes."""
    url, label, caption = row.get("url"), row.get("label"), row.get("caption")
    if isinstance(url, str) and "label" not in row:
        raise DataError(
            "img2dataset was not told to keep the labels: run it again with --save_additional_columns '[\"label\"]'."
        )
    if not (http_url(url) and isinstance(label, str) and label):
        return None
    return SearchResult(http_url(url), label, title=caption if isinstance(caption, str) else "", engine="img2dataset")


def _listed(path: Path) -> dict[str, Row]:
    """The rows of a shard's parquet file by key; none where a killed run left no such file."""
    if not path.exists():
        return {}
    rows: dict[str, Row] = {}
    with parquet.ParquetFile(path) as file:
        wanted = {"key", "url", "label", "caption", "status", "error_message"} & set(file.schema_arrow.names)
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=sorted(wanted)):
            rows |= {str(row.get("key")): row for row in batch.to_pylist()}
    return rows


def _parsed(data: bytes | str | None) -> Row | None:
    try:
        row = json.loads(data) if isinstance(data, bytes) else None
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _in_folder(folder: Path) -> Iterator[Member]:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", *PICTURES):
            key = path.stem
            if path.is_symlink() or not path.is_file():
                yield key, path.suffix, f"{path.name} is not a file"
            elif path.stat().st_size > MAX_BYTES:
                yield key, path.suffix, _too_large(path.name)
            else:
                yield key, path.suffix, path.read_bytes()


def _in_tar(path: Path) -> Iterator[Member]:
    """Read in memory: nothing is unpacked, so the names in it lead nowhere."""
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            name = PurePosixPath(member.name)
            if name.suffix not in (".json", *PICTURES):
                continue
            file = tar.extractfile(member) if member.isfile() and member.size <= MAX_BYTES else None
            why = _too_large(name.name) if member.isfile() else f"{name.name} is not a file"
            yield name.stem, name.suffix, file.read() if file else why


def _too_large(name: str) -> str:
    return f"{name} has more than the {MAX_BYTES / 2**20:.0f} MB allowed"
