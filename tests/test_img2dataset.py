"""img2dataset's input as it reads it, and its output, whole, failed and broken, taken back."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import draw_shape
from pyarrow import parquet

import scrape
from cartoons.download.http import DownloadResult
from cartoons.errors import DataError
from cartoons.images import MAX_BYTES, encoded, load
from cartoons.img2dataset import read_output, write_urls
from cartoons.search.engines import SearchResult


def jpeg(seed: int) -> bytes:
    return encoded(draw_shape("round", seed), "JPEG")


def row(k: int, status: str = "success", error: str | None = None) -> dict[str, object]:
    return {
        "url": f"https://a.example/{k}.jpg",
        "label": "red fox",
        "caption": f"Fox {k}",
        "key": f"{k:09}",
        "status": status,
        "error_message": error,
        "width": 96,
    }


def listing(folder: Path, *rows: dict[str, object], shard: str = "00000") -> None:
    parquet.write_table(pa.Table.from_pylist(list(rows)), folder / f"{shard}.parquet")


def entry(k: int) -> dict[str, bytes]:
    """The files of one picture, in the order that img2dataset writes them."""
    return {f"{k:09}.jpg": jpeg(k), f"{k:09}.json": json.dumps(row(k)).encode(), f"{k:09}.txt": b"Fox"}


def shard(folder: Path, form: str, files: dict[str, bytes], name: str = "00000") -> None:
    if form == "files":
        (folder / name).mkdir()
        for file, data in files.items():
            (folder / name / file).write_bytes(data)
        return
    with tarfile.open(folder / f"{name}.tar", "w") as tar:
        for file, data in files.items():
            member = tarfile.TarInfo(file)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def reasons(folder: Path) -> dict[str, str]:
    return {
        result.url.rpartition("/")[2]: download.reason for result, download in read_output(folder) if download.data is None
    }


BOTH = pytest.mark.parametrize("form", ["files", "webdataset"])


def test_addresses_are_written_as_columns_of_text(tmp_path: Path) -> None:
    results = [
        SearchResult(f"https://a.example/{k}.jpg", "bugs bunny", title="Bugs \ud800" if k else "") for k in range(25_000)
    ]
    assert write_urls(tmp_path / "urls.parquet", iter(results)) == 25_000
    table = parquet.read_table(tmp_path / "urls.parquet")
    assert table.schema == pa.schema([(name, pa.string()) for name in ("url", "label", "caption")])
    assert table.slice(0, 2).to_pylist() == [
        {"url": "https://a.example/0.jpg", "label": "bugs bunny", "caption": ""},
        {"url": "https://a.example/1.jpg", "label": "bugs bunny", "caption": "Bugs ?"},
    ]
    assert table.num_rows == 25_000
    assert [path.name for path in tmp_path.iterdir()] == ["urls.parquet"]


def test_writing_that_fails_leaves_the_earlier_file(tmp_path: Path) -> None:
    write_urls(tmp_path / "urls.parquet", [SearchResult("https://a.example/1.jpg", "fox")])
    before = (tmp_path / "urls.parquet").read_bytes()
    with pytest.raises(ZeroDivisionError):
        write_urls(tmp_path / "urls.parquet", (SearchResult(str(1 // k), "fox") for k in (1, 0)))
    assert (tmp_path / "urls.parquet").read_bytes() == before


@BOTH
def test_pictures_come_back_with_their_labels_and_failures_with_their_reasons(tmp_path: Path, form: str) -> None:
    shard(tmp_path, form, entry(0) | entry(1))
    opted_out = "Use of image disallowed by X-Robots-Tag directive"
    failed = [row(2, "failed_to_download", "HTTP Error 404: Not SearchResult"), row(3, "failed_to_download", opted_out)]
    listing(tmp_path, row(1), row(0), *failed)
    shard(tmp_path, form, entry(4), "00001")
    found = list(read_output(tmp_path))
    result, download = found[0]
    assert result == SearchResult("https://a.example/0.jpg", "red fox", title="Fox 0", engine="img2dataset")
    assert download == DownloadResult(result.url, jpeg(0), final_url=result.url)
    assert load(download.data or b"").size == (96, 96)
    assert [(result.url[-5], download.status, download.reason) for result, download in found] == [
        ("0", "fetched", ""),
        ("1", "fetched", ""),
        ("2", "failed", "HTTP Error 404: Not SearchResult"),
        ("3", "refused", opted_out),
        ("4", "fetched", ""),
    ]


@BOTH
def test_labels_are_tidied_and_empty_ones_are_none(tmp_path: Path, form: str) -> None:
    labels = ["bugs", " bugs ", "b\u200bugs", "  "]
    files = {f"{k:09}.json": json.dumps(row(k) | {"label": label}).encode() for k, label in enumerate(labels)}
    shard(tmp_path, form, entry(0) | files)
    assert [result.label for result, _ in read_output(tmp_path)] == ["bugs"] * 3 + [""]


@BOTH
def test_broken_entries_are_told_apart_from_good_ones(tmp_path: Path, form: str) -> None:
    good, large = entry(0), entry(1) | {"000000001.jpg": bytes(MAX_BYTES + 1)}
    no_picture = {"000000002.json": json.dumps(row(2)).encode()}
    broken = {"000000003.jpg": jpeg(3), "000000003.json": b'{"url": "https:'} | {"000000004.jpg": jpeg(4)}
    odd = {
        f"00000000{k}.json": text.encode() for k, text in ((5, "[1]"), (6, '{"url": 7, "label": null}'), (7, "[" * 99_999))
    }
    shard(tmp_path, form, good | large | no_picture | broken | odd)
    found = list(read_output(tmp_path))
    where = "00000" if form == "files" else "00000.tar"
    assert [download.reason for _, download in found] == [
        "",
        "000000001.jpg has more than the 20 MB allowed",
        f"{where}/000000002 has no picture",
        *(f"{where}/00000000{k} has no address, or no label, in its JSON" for k in range(3, 8)),
    ]
    assert all(result == SearchResult("", "") for result, _ in found[3:])


@BOTH
def test_a_picture_whose_json_is_broken_is_known_by_the_list(tmp_path: Path, form: str) -> None:
    shard(tmp_path, form, {"000000003.jpg": jpeg(3), "000000003.json": b""})
    listing(tmp_path, row(3), row(5), {"key": "000000006"} | dict.fromkeys(("url", "label", "status")))
    (result, download), *rest = read_output(tmp_path)
    assert (result.url, download.data) == ("https://a.example/3.jpg", jpeg(3))
    where = "00000" if form == "files" else "00000.tar"
    assert [download.reason for _, download in rest] == [f"it is not in {where}", f"{where}/000000006 has no address"]


@pytest.mark.parametrize("kept", [700, 3000])
def test_a_shard_that_is_cut_short_says_which_pictures_it_lost(tmp_path: Path, kept: int) -> None:
    shard(tmp_path, "webdataset", entry(0) | entry(1))
    tar = tmp_path / "00000.tar"
    tar.write_bytes(tar.read_bytes()[:kept])
    [(result, download)] = read_output(tmp_path)
    assert (result.url, download.status) == ("", "failed")
    assert "00000.tar is damaged or cut short" in download.reason
    listing(tmp_path, row(0), row(1))
    assert all("00000.tar is damaged or cut short" in reason for reason in reasons(tmp_path).values())
    assert reasons(tmp_path).keys() == {"0.jpg", "1.jpg"}


def test_a_compressed_or_foreign_tar_is_not_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "00000.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("000000000.jpg"))
    (tmp_path / "00001.tar").write_bytes(b"no tar")
    found = list(read_output(tmp_path))
    assert len(found) == 2
    assert all("is damaged or cut short" in download.reason for _, download in found)


def test_nothing_outside_the_folder_is_read_or_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret.jpg").write_bytes(jpeg(9))
    with tarfile.open(out / "00000.tar", "w") as tar:
        for name, kind in (("../../000000000.jpg", tarfile.SYMTYPE), ("/000000000.json", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            data = json.dumps(row(0)).encode()
            member.type, member.linkname, member.size = kind, "../secret.jpg", len(data) if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(data))
    shard(out, "files", {"000000001.json": json.dumps(row(1)).encode()}, "00001")
    (out / "00001" / "000000001.jpg").symlink_to(tmp_path / "secret.jpg")
    assert reasons(out) == {"0.jpg": "000000000.jpg is not a file", "1.jpg": "000000001.jpg is not a file"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret.jpg"]


def test_a_list_that_cannot_be_read_does_not_hide_the_pictures(tmp_path: Path) -> None:
    shard(tmp_path, "files", entry(0))
    (tmp_path / "00000.parquet").write_bytes(b"PAR1")
    (_, broken), (_, good) = read_output(tmp_path)
    assert broken.reason.startswith("00000.parquet cannot be read (")
    assert good.data
    caption = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())
    parquet.write_table(pa.table({"url": ["https://a.example/0.jpg"], "caption": caption}), tmp_path / "00000.parquet")
    (_, broken), (_, good) = read_output(tmp_path)
    assert broken.reason.startswith("00000.parquet cannot be read ('utf-8' codec can't decode")
    assert good.data


def test_a_folder_of_something_else_is_refused_in_words(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="holds no pictures by img2dataset: give the folder"):
            read_output(folder)


def test_an_output_without_labels_says_how_to_make_one_with_them(tmp_path: Path) -> None:
    unlabelled = {name: value for name, value in row(0).items() if name != "label"}
    shard(tmp_path, "files", entry(0) | {"000000000.json": json.dumps(unlabelled).encode()})
    with pytest.raises(DataError, match="--save_additional_columns '\\[\"label\"\\]'"):
        list(read_output(tmp_path))


@BOTH
def test_labels_that_cannot_stand_beside_each_other_are_refused_before_a_picture_is_read(tmp_path: Path, form: str) -> None:
    downloaded, out = tmp_path / "downloaded", tmp_path / "out"
    downloaded.mkdir()
    for number, (label, count) in enumerate([("red fox", 200), ("Red Fox", 1)]):  # more than are read at once
        named = [row(k) | {"label": label} for k in range(count)]
        jsons = {f"{k:09}.json": json.dumps(named[k]).encode() for k in range(count)}
        pictures = {f"{k:09}.jpg": b"no" for k in range(count)}
        shard(downloaded, form, dict(sorted((jsons | pictures).items())), name=f"0000{number}")
        listing(downloaded, *named, shard=f"0000{number}")
    assert scrape.main(["--from-img2dataset", str(downloaded), "--out", str(out)]) == 2
    assert not out.exists()
