"""From addresses to a picture folder: what is kept, in which order, and what a kill or a person's hand changes."""

import asyncio
import io
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from conftest import plain
from PIL import Image
from scraped_folders import contents, drawing, drawn

from cartoons import dataset
from cartoons.download.http import DownloadResult
from cartoons.errors import CartoonError, DataError, ImageError
from cartoons.files import sole_use
from cartoons.images import MAX_BYTES, encoded
from cartoons.review.apply import apply
from cartoons.review.decisions import DECISIONS_FILE, Decision, append, read_pictures
from cartoons.scraping.config import ScrapeConfig, folder_of, queries_by_label
from cartoons.scraping.image_checks import clean_image
from cartoons.scraping.manifest import Attempt, Manifest
from cartoons.scraping.progress import ScrapeProgress
from cartoons.scraping.publish import publish
from cartoons.scraping.scraper import Scraper
from cartoons.scraping.selection import kept_by_label, select
from cartoons.scraping.sources import BYTES_IN_MEMORY, PICTURES_IN_MEMORY, UrlList, batches, from_folder
from cartoons.search.engines import SearchResult

# names


@pytest.mark.parametrize(
    "label",
    [
        "../etc",
        "CON",
        "aux.txt",
        "a/b\\c",
        "…" * 200,
        "x" * 200,
        "_hidden",
        ".git",
        "train",
        "a:b|c?",
        "nul ",
        "✨ sparkle ✨",
    ],
)
def test_any_label_gets_a_safe_folder_of_its_own(label: str, tmp_path: Path) -> None:
    name = folder_of(label)
    (tmp_path / name).mkdir()
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert len(name.encode()) < 100
    assert name.split(".")[0].lower() not in ("con", "aux", "nul", "train", "")
    assert not name.startswith((".", "_"))


def test_no_folder_looks_like_a_part_of_a_split_data_set() -> None:
    assert folder_of("crash test dummies").startswith("crash xtest dummies-")
    assert folder_of("valid").startswith("xvalid-")
    assert folder_of("detested valley") == "detested valley"


def test_plain_labels_keep_their_names_and_likenesses_stay_apart() -> None:
    assert [folder_of(name) for name in ("bugs bunny", "クレヨンしんちゃん", "_other")] == [
        "bugs bunny",
        "クレヨンしんちゃん",
        "_other",
    ]
    assert len({folder_of(name) for name in ("a/b", "a\\b", "a_b", "x" * 100, "x" * 101)}) == 5


def test_names_are_tidied_and_searched_in_every_way() -> None:
    queries = queries_by_label(["  bugs   bunny "], ["{name}", "{name} drawing"], ["a photo"])
    assert list(queries.items()) == [("bugs bunny", ("bugs bunny", "bugs bunny drawing")), ("_other", ("a photo",))]


@pytest.mark.parametrize(
    ("names", "templates", "says"),
    [
        ([""], ["{name}"], "empty"),
        (["a\x00b"], ["{name}"], "cannot be written"),
        (["x" * 256], ["{name}"], "'x{40}'... has 256 characters, more than the 255 that a label may have"),
        (["Goofy", "goofy"], ["{name}"], "given twice"),
        (["daisy's", "daisy’s"], ["{name}"], "given twice, with other characters that look alike"),
        (["a-b", "a–b"], ["{name}"], "given twice"),
        (["A", "Ａ"], ["{name}"], "given twice"),
        (["Goofy"], ["cartoon"], "has no {name}"),
    ],
)
def test_names_and_queries_that_cannot_be(names: list[str], templates: list[str], says: str) -> None:
    with pytest.raises(CartoonError, match=says):
        queries_by_label(names, templates)


# cleaning


def test_a_picture_is_stored_small_and_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    exif[0x0112] = 6
    kept = clean_image(encoded(drawing(1, 1500).crop((0, 0, 1500, 900)), "JPEG", exif=exif))
    assert (kept.width, kept.height, kept.pixels) == (384, 640, 1500 * 900)
    with Image.open(io.BytesIO(kept.data)) as stored:
        assert (stored.format, stored.size) == ("JPEG", (384, 640))
        assert not stored.getexif()
    assert b"where I live" not in kept.data


def test_a_cutout_keeps_its_transparency() -> None:
    cutout = drawing(1).convert("RGBA")
    cutout.putalpha(Image.linear_gradient("L").resize(cutout.size))
    kept = clean_image(encoded(cutout, "PNG"))
    with Image.open(io.BytesIO(kept.data)) as stored:
        assert (stored.format, stored.mode) == ("WEBP", "RGBA")


def test_originals_stay_as_they_came() -> None:
    data = encoded(drawing(1, 900), "PNG")
    kept = clean_image(data, originals=True)
    assert (kept.data, kept.file, kept.width) == (data, f"{kept.sha256[:16]}.png", 900)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (encoded(drawing(1, 95), "PNG"), "too small: 95 x 95"),
        (encoded(drawing(1).resize((500, 100)), "PNG"), "a strip: 500 x 100"),
        (encoded(plain("red", (200, 200)), "PNG"), "one flat colour"),
        (encoded(Image.new("RGBA", (200, 200), (0, 0, 0, 0)), "PNG"), "one flat colour"),
        (b"<html>not found</html>", "a web page"),
        (encoded(drawing(1), "PNG")[:2000], "damaged or cut short"),
        (encoded(Image.new("1", (12000, 12000)), "PNG"), "megapixels"),
    ],
)
def test_what_is_not_kept_and_why(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        clean_image(data)


# selection


def good(label: str, seed: int, url: str, size: int = 200, mirrored: bool = False, query: str = "") -> Attempt:
    picture = drawing(seed, 400).resize((size, size))
    kept = clean_image(encoded(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else picture, "PNG"))
    return Attempt(
        label,
        url,
        "good",
        query=query,
        pixels=kept.pixels,
        sha256=kept.sha256,
        phash=kept.phash,
        mirrored=kept.mirrored,
        file=kept.file,
    )


def selected(attempts: list[Attempt], limit: int = 9) -> list[tuple[str, str]]:
    return [(row.url, row.status) for row in select(attempts, {}, {"a": limit})]


def test_the_largest_of_copies_stays() -> None:
    rows = [
        good("a", 1, "small"),
        good("a", 1, "large", 400),
        good("a", 1, "mirrored", 300, mirrored=True),
        good("a", 2, "other"),
    ]
    assert selected(rows) == [("small", "duplicate"), ("large", "kept"), ("mirrored", "duplicate"), ("other", "kept")]
    assert len({row.group for row in select(rows, {}, {})}) == 2


def test_a_picture_under_two_labels_stays_under_neither_and_says_so() -> None:
    rows = [good("a", 1, "one"), good("b", 1, "two", 300), good("b", 2, "three")]
    assert selected(rows) == [("one", "two labels"), ("two", "two labels"), ("three", "kept")]
    assert select(rows, {}, {})[0].reason == "a, b"


def test_no_more_than_asked_for_stay_and_the_rest_are_spare() -> None:
    rows = [good("a", seed, str(seed)) for seed in range(4)]
    assert selected(rows, limit=2) == [("0", "kept"), ("1", "kept"), ("2", "spare"), ("3", "spare")]


def test_a_person_has_the_last_word() -> None:
    rows = [
        good("a", 1, "one"),
        good("a", 1, "copy", 300),
        good("b", 2, "two"),
        good("a", 3, "three"),
        good("b", 3, "four", 300),
    ]
    overrides = {rows[1].sha256: "", rows[2].sha256: "a", rows[3].sha256: "a"}
    decided = select(rows, overrides, {})
    assert [row.status for row in decided] == ["removed", "removed", "kept", "kept", "duplicate"]
    assert (decided[2].moved_to, decided[3].moved_to) == ("a", "")


def test_rows_without_a_picture_are_left_alone() -> None:
    row = Attempt("a", "u", "failed", "HTTP 404")
    assert select([row], {}, {}) == [row]


# the folder


class Web:
    """Drawings by number, some of which fail, are copies, or are no pictures; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[DownloadResult]:
        self.asked[url] += 1
        await asyncio.sleep(random.random() / 500)
        yield self.answer(url, int(url.rpartition("/")[2]))

    def answer(self, url: str, number: int) -> DownloadResult:
        if number % 11 == 0:
            return DownloadResult(url, None, "failed", "no answer", tries=3, may_pass=True)
        if number % 7 == 0:
            return DownloadResult(url, b"<html>", final_url=url)
        copied = number - 1 if number % 5 == 0 else number
        return DownloadResult(url, drawn(copied, 120 if copied < number else 110), final_url=url)


def hits(label: str, first: int, count: int) -> Iterator[SearchResult]:
    return (
        SearchResult(f"https://site{k % 3}.example/{k}", label, title=f"{label} {k}", engine="by hand")
        for k in range(first, first + count)
    )


def scraper(root: Path, web: Web, per_class: int | None = 12, progress: ScrapeProgress | None = None) -> Scraper:
    root.mkdir(exist_ok=True)
    return Scraper(ScrapeConfig(root, per_class), web.fetch, progress or ScrapeProgress())


def fill(
    root: Path, web: Web, per_class: int = 12, count: int = 60, progress: ScrapeProgress | None = None, *decisions: Decision
) -> list[Attempt]:
    root.mkdir(exist_ok=True)
    decide(root, *decisions)
    lists = [UrlList("a b", hits("a b", 1, count)), UrlList("c/d", chain(hits("c/d", 2, 3), hits("c/d", 100, count)))]
    return asyncio.run(scraper(root, web, per_class, progress).run(lists))


def decide(root: Path, *decisions: Decision) -> None:
    (root / DECISIONS_FILE).unlink(missing_ok=True)
    for decision in decisions:
        append(root, decision)


def test_a_folder_is_filled_with_as_many_as_asked_and_every_attempt_is_logged(tmp_path: Path) -> None:
    web = Web()
    rows = fill(tmp_path / "data", web)
    assert kept_by_label(rows) == {"a b": 12, "c/d": 12}
    metadata = [json.loads(line) for line in (tmp_path / "data" / "metadata.jsonl").read_text().splitlines()]
    assert {row["file_name"] for row in metadata} == shown(tmp_path / "data")
    assert {row["label"] for row in metadata} == {"a b", "c/d"}
    assert {row["source"] for row in metadata} == {"site0.example", "site1.example", "site2.example"}
    logged = [json.loads(line) for line in (tmp_path / "data" / "attempts.jsonl").read_text().splitlines()]
    assert {row["url"] for row in logged} == set(web.asked)
    assert {"kept", "spare", "duplicate", "two labels", "rejected", "failed"} == {row["status"] for row in logged}
    assert all(row["reason"] for row in logged if row["status"] != "kept")


def test_what_was_searched_as_a_photograph_of_none_is_said_to_be_one(tmp_path: Path) -> None:
    queries = {"_other": "photo of food", "a": "photo of a", "b": "b"}

    def found(label: str, query: str) -> Iterator[SearchResult]:
        return (replace(hit, query=query) for hit in hits(label, 100 * len(query), 8))

    lists = [UrlList(label, found(label, query)) for label, query in queries.items()]
    asyncio.run(scraper(tmp_path, Web(), 4).run(lists))
    rows = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert {(row["label"], row["style"]) for row in rows} == {("_other", "photo"), ("a", ""), ("b", "")}


def test_a_label_s_folder_that_was_made_by_hand_is_a_character_for_others(tmp_path: Path) -> None:
    (tmp_path / "bugs bunny").mkdir()
    (tmp_path / ".hidden").mkdir()
    found = [replace(hit, query="rabbits", title="A Bugs Bunny drawing") for hit in hits("_other", 1, 6)]
    found += [replace(hit, query="rabbits", title="hidden") for hit in hits("_other", 100, 6)]
    rows = asyncio.run(scraper(tmp_path, Web(), 4).run([UrlList("_other", found)]))
    reasons = {row.title: row.reason for row in rows if row.status == "rejected" and "character" in row.reason}
    assert reasons == {"A Bugs Bunny drawing": "shows a character: its title names bugs bunny"}
    assert kept_by_label(rows)["_other"] == 4


def test_a_second_run_asks_nothing_and_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "data", Web())
    before, web = contents(tmp_path / "data"), Web()
    fill(tmp_path / "data", web)
    assert contents(tmp_path / "data") == before
    assert not web.asked


def test_a_dry_search_leaves_the_label_short_and_only_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    web = Web()
    assert kept_by_label(fill(tmp_path / "data", web, 50, count=20))["a b"] < 20
    again = Web()
    fill(tmp_path / "data", again, 50, count=20)
    assert set(again.asked) == {"https://site2.example/11", "https://site2.example/110"}


def test_what_sites_kept_back_is_tried_again_by_a_run_that_is_to_ignore_that(tmp_path: Path) -> None:
    class OptingOut(Web):
        def answer(self, url: str, number: int) -> DownloadResult:
            refused = {1: "the site opts out (noai)", 2: "larger than 32 MB"}.get(number)
            return DownloadResult(url, None, "refused", refused) if refused else super().answer(url, number)

    asyncio.run(scraper(tmp_path, OptingOut()).run([UrlList("a b", hits("a b", 1, 4))]))
    for config, asked in ((ScrapeConfig(tmp_path), set()), (ScrapeConfig(tmp_path, ignore_opt_out=True), {"1"})):
        web = Web()
        lists = [UrlList("a b", hits("a b", 1, 4))]
        rows = asyncio.run(Scraper(config, web.fetch, ScrapeProgress()).run(lists))
        assert {url[-1] for url in web.asked} == asked
    assert [row.status for row in rows] == ["kept", "refused", "kept", "kept"]


def test_reduced_copies_that_are_there_stay_and_who_asks_for_originals_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Large(Web):
        def answer(self, url: str, number: int) -> DownloadResult:
            return DownloadResult(url, drawn(number, 700 if number < 3 else 200), final_url=url)

    config = ScrapeConfig(tmp_path, originals=True)
    asyncio.run(scraper(tmp_path, Large(), None).run([UrlList("a b", hits("a b", 1, 3))]))
    assert capsys.readouterr().err == ""
    for count in (5, 3):
        asyncio.run(Scraper(config, Large().fetch, ScrapeProgress()).run([UrlList("a b", hits("a b", 1, count))]))
        said = capsys.readouterr().err
        assert said == (
            "2 pictures of earlier runs are stored at 640 pixels and stay so: for their originals, give another --out.\n"
        )


class KilledError(Exception):
    pass


class Killer(ScrapeProgress):
    """Ends the run after so many events, in the middle of whatever else is going on."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def tried(self, _: Attempt) -> None:
        self._count()

    def selected(self, _: object) -> None:
        self._count()

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError


@pytest.mark.slow
def test_a_run_that_was_ended_anywhere_goes_on_to_the_same_folder(tmp_path: Path) -> None:
    fill(tmp_path / "whole", Web())
    chance, ended = random.Random(7), 0
    for number in range(4):
        root, web = tmp_path / f"ended{number}", Web()
        while True:
            try:
                fill(root, web, progress=Killer(chance.randint(1, 16)))
                break
            except KilledError:
                ended += 1
                with (root / "attempts.jsonl").open("a") as log:
                    log.write('{"label": "a b", "url": "https://si')  # what a kill leaves of a row
        assert contents(root) == contents(tmp_path / "whole")
    assert ended > 5


def test_more_wanted_later_continues_where_the_search_was(tmp_path: Path) -> None:
    web = Web()
    fill(tmp_path / "data", web, 6)
    rows = fill(tmp_path / "data", web, 12)
    assert kept_by_label(rows) == {"a b": 12, "c/d": 12}
    assert max(web.asked.values()) == 1


def test_another_name_with_another_number_leaves_those_in_the_folder_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, web = tmp_path / "data", Web()
    fill(root, web)
    for per_class in (2, 2, 5):
        rows = asyncio.run(scraper(root, web, per_class).run([UrlList("e", hits("e", 200, 40))]))
        assert kept_by_label(rows) == {"a b": 12, "c/d": 12, "e": per_class}
    shared = next(row for row in rows if row.status == "kept" and row.label == "a b")
    rows = asyncio.run(scraper(root, web, 3).run([UrlList("f", [SearchResult(shared.url, "f"), *hits("f", 300, 40)])]))
    assert kept_by_label(rows) == {"a b": 12, "c/d": 12, "e": 5, "f": 3}
    assert capsys.readouterr().err == "a b: pictures kept before that another name has too, so that neither keeps them: 1.\n"
    assert max(web.asked.values()) == 1


def test_a_folder_of_a_label_without_pictures_goes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    [kept, *_] = asyncio.run(scraper(root, Web()).run([UrlList("a b", hits("a b", 1, 1))]))
    assert [row.status for row in asyncio.run(scraper(root, Web()).run([UrlList("e", hits("e", 1, 1))]))] == [
        "two labels"
    ] * 2
    assert (root / ".scrape" / "pictures" / kept.file).exists()
    assert [path.name for path in root.iterdir() if path.is_dir()] == [".scrape"]


def test_what_a_person_takes_out_or_moves_stays_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    fill(root, Web())
    out, moved, *_ = sorted((root / "a b").iterdir())
    out.unlink()
    moved.rename(root / folder_of("c/d") / moved.name)
    for _ in range(2):
        rows = fill(root, Web())
        assert not list(root.glob(f"*/{out.name}"))
        assert (root / folder_of("c/d") / moved.name).exists()
        assert kept_by_label(rows)["a b"] == 12
        assert [row.status for row in rows if row.file == out.name] == ["removed"]


def said_of(row: Attempt, action: str, to: str = "") -> Decision:
    return Decision(f"{folder_of(row.moved_to or row.label)}/{row.file}", row.sha256, action, to)


def test_decisions_of_the_review_page_are_kept_to(tmp_path: Path) -> None:
    root = tmp_path / "data"
    first = next(row for row in fill(root, Web()) if row.status == "kept")
    rows = fill(root, Web(), 12, 60, None, said_of(first, "delete"))
    assert not list(root.glob(f"*/{first.file}"))
    assert kept_by_label(rows)["a b"] == 12
    assert kept_by_label(fill(root, Web()))["a b"] == 12  # the word is taken back: it may stay again
    assert list(root.glob(f"*/{first.file}"))


def shown(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.glob("[!.]*/*")}


def listed(root: Path) -> set[str]:
    return {json.loads(line)["file_name"] for line in (root / "metadata.jsonl").read_text().splitlines()}


def test_what_was_taken_out_stays_out_though_another_address_has_the_very_same_picture(tmp_path: Path) -> None:
    class Copies(Web):
        def answer(self, url: str, number: int) -> DownloadResult:
            return super().answer(url, 6 if number in (8, 36) else number)

    root = tmp_path / "data"
    twice = next(row for row in fill(root, Copies(), 3) if row.url.endswith("/6"))
    (root / "a b" / twice.file).unlink()
    for per_label in (3, 3, 30, 30):
        rows = fill(root, Copies(), per_label)
        assert not list(root.rglob(twice.file))
    assert [row.url[-2:] for row in rows if row.file == twice.file] == ["/6", "/8", "36"]


def test_whoever_moved_a_picture_last_is_obeyed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    first, second, *_ = [row for row in fill(root, Web()) if row.status == "kept" and row.label == "a b"]
    said = [said_of(first, "move", "c/d"), said_of(second, "move", "c/d")]
    fill(root, Web(), 12, 60, None, *said)
    there = root / folder_of("c/d")
    (there / first.file).unlink()
    (root / "others").mkdir()
    (there / second.file).rename(root / "others" / second.file)
    for _ in range(2):
        fill(root, Web(), 12, 60, None, *said)
        assert listed(root) == shown(root)
        assert not list(root.glob(f"*/{first.file}"))
        assert (root / "others" / second.file).exists()


@pytest.mark.parametrize("deleted", ["original", "copy", "neither"])
def test_a_copy_of_a_picture_that_a_person_put_elsewhere_is_a_picture_of_its_own(tmp_path: Path, deleted: str) -> None:
    root = tmp_path / "data"
    first = next(row for row in fill(root, Web()) if row.status == "kept" and row.label == "a b")
    original, copied = root / "a b" / first.file, root / folder_of("c/d") / first.file
    copied.write_bytes(original.read_bytes())
    copy = next(each for each in read_pictures(root) if each.path == copied)
    decision = said_of(first, "delete") if deleted == "original" else Decision(copy.file_name, copy.sha256, "delete")
    for _ in range(2):
        rows = fill(root, Web(), 12, 60, None, *([] if deleted == "neither" else [decision]))
        assert (original.exists(), copied.exists()) == (deleted != "original", True)
        assert kept_by_label(rows)["a b"] == 12
        assert listed(root) | {copied.relative_to(root).as_posix()} == shown(root)
    assert apply(root).deleted == (deleted == "copy")
    assert copied.exists() == (deleted != "copy")


def test_what_a_person_said_to_keep_stays_whatever_else_is_found(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    [kept, *_] = asyncio.run(scraper(root, Web()).run([UrlList("a b", hits("a b", 1, 1))]))
    both = [UrlList("a b", hits("a b", 1, 1)), UrlList("e", hits("e", 1, 1))]
    decide(root, said_of(kept, "keep"))
    for _ in range(2):
        rows = asyncio.run(scraper(root, Web()).run(both))
        assert kept_by_label(rows) == {"a b": 1}


def test_one_at_a_time_and_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    names = (
        ".metadata.jsonl.7-7.tmp",
        ".scrape/pictures/.0123.jpg.7-7.tmp",
        "fox/.0.png.7-7.tmp",
        "train/fox/.0.png.7-7.tmp",
    )
    half = [tmp_path / name for name in names]
    of_others = [tmp_path / name for name in (".notes.tmp", ".scrape/.notes.tmp", "fox/.notes.tmp")]
    for path in (*half, *of_others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with sole_use(tmp_path):
        assert not any(path.exists() for path in half)
        assert all(path.exists() for path in of_others)
        with pytest.raises(DataError, match=r"in use by another scrape\.py"), sole_use(tmp_path):
            pass
        with pytest.raises(DataError, match="in use"):
            apply(tmp_path)
    with sole_use(tmp_path):
        pass
    (tmp_path / ".scrape" / "lock").write_text("something else" * 100)
    with pytest.raises(DataError, match="not usable"), sole_use(tmp_path):
        pass
    (tmp_path / ".scrape").rename(tmp_path / "elsewhere")
    (tmp_path / ".scrape").symlink_to("elsewhere")
    with pytest.raises(DataError, match="is a link, and may lead to files of somebody else"), sole_use(tmp_path):
        pass


def test_a_folder_that_is_split_is_not_mixed_up(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        (tmp_path / part / "a b").mkdir(parents=True)
    with pytest.raises(DataError, match="is split into train/ and valid/"):
        fill(tmp_path, Web())
    drawing(1).save(tmp_path / "valid" / "a b" / "1.png")
    assert [hit.label for hit, _ in from_folder(tmp_path)] == ["a b"]


def test_labels_that_some_file_systems_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, Web())
    with pytest.raises(DataError, match="'a b' and 'A B' differ in capital letters only"):
        asyncio.run(scraper(tmp_path, Web()).run([UrlList("A B", hits("A B", 1, 1))]))
    for label in ("ａ b", "c／d"):
        with pytest.raises(DataError, match=f"'{label}' differ in characters that look alike only: write both alike"):
            asyncio.run(scraper(tmp_path, Web()).run([UrlList(label, hits(label, 1, 1))]))
    with pytest.raises(DataError, match="cannot be written down"):
        asyncio.run(scraper(tmp_path, Web()).add(iter([(SearchResult("u", "a\u200bb"), DownloadResult("u", b""))])))


def test_metadata_by_hand_is_kept_without_a_last_line_end_and_refused_where_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a b/mine.png", "source": "me"}')
    fill(tmp_path, Web())
    assert '"a b/mine.png"' in (tmp_path / "metadata.jsonl").read_text()
    (tmp_path / "metadata.jsonl").write_text('{"source": "me"}\n')
    with pytest.raises(DataError, match="line 1 is not a JSON object with a file_name"):
        fill(tmp_path, Web())


def test_what_stands_in_the_way_of_the_layout_is_named_before_anything_is_asked_for(tmp_path: Path) -> None:
    web = Web()
    (tmp_path / "metadata.jsonl").write_text('{"source": "me"}\n')
    with pytest.raises(DataError, match="line 1 is not a JSON object with a file_name"):
        fill(tmp_path, web)
    (tmp_path / "metadata.jsonl").unlink()
    (tmp_path / folder_of("c/d")).write_text("mine")
    with pytest.raises(DataError, match=f"{tmp_path / folder_of('c/d')} is a file, and pictures of c/d go .* rename it"):
        fill(tmp_path, web)
    with pytest.raises(DataError, match="is a file"):
        asyncio.run(scraper(tmp_path, web).add(iter([(SearchResult("u", "c/d"), DownloadResult("u", b""))])))
    assert not web.asked


def test_training_gives_a_picture_put_into_a_label_s_folder_that_label(tmp_path: Path) -> None:
    fill(tmp_path, Web())
    drawing(1).save(tmp_path / folder_of("c/d") / "mine.png")
    assert {item.label for item in dataset.read(tmp_path).items} == {"a b", "c/d"}


def test_pictures_that_are_here_are_read_as_many_at_once_as_memory_is_meant_for() -> None:
    large, small = DownloadResult("u", bytes(BYTES_IN_MEMORY // 2)), DownloadResult("u", b"small")
    given = [large] * 5 + [small] * (PICTURES_IN_MEMORY + 1)
    assert [len(some) for some in batches((SearchResult("u", "a"), one) for one in given)] == [3, 3, PICTURES_IN_MEMORY]


def test_pictures_and_rows_from_elsewhere_are_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "a b").mkdir(parents=True)
    (root / "a b" / "mine.png").write_bytes(encoded(drawing(1), "PNG"))
    (root / "metadata.jsonl").write_text('{"file_name": "a b/mine.png", "source": "me"}\n')
    fill(root, Web())
    assert (root / "a b" / "mine.png").exists()
    assert '{"file_name": "a b/mine.png", "source": "me"}' in (root / "metadata.jsonl").read_text()


def test_columns_that_a_person_added_to_a_row_stay(tmp_path: Path) -> None:
    fill(tmp_path, Web())
    rows = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    rows[0]["character"] = "a hare"
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fill(tmp_path, Web(), 14)
    again = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert len(again) > len(rows)
    assert [row for row in again if "character" in row] == [rows[0]]


def test_without_the_hidden_folder_only_what_is_needed_is_asked_again(tmp_path: Path) -> None:
    root = tmp_path / "data"
    before = kept_by_label(fill(root, Web()))
    shutil.rmtree(root / ".scrape")
    assert kept_by_label(fill(root, Web())) == before


def test_a_log_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "attempts.jsonl").write_text('{"label": "a"}\n')
    with pytest.raises(DataError, match="line 1 is not a row"):
        Manifest(tmp_path)
    (tmp_path / "attempts.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="UTF-8"):
        Manifest(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phash", "zz"),
        ("phash", "-5"),
        ("mirrored", "1" * 19),
        ("phash", ""),
        ("url", 7),
        ("url", "http://[x"),
        ("final_url", "http://[x"),
        ("sha256", None),
        ("sha256", "zz"),
        ("label", None),
        ("label", 5),
        ("moved_to", 5),
        ("file", 7),
        ("status", "lost"),
        ("pixels", "9"),
        ("may_pass", 1),
    ],
)
def test_a_row_of_the_log_with_a_value_that_this_program_never_writes_is_named(
    name: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "attempts.jsonl"
    whole = vars(good("a", 1, "https://a.example/1"))
    path.write_text(json.dumps(whole) + "\n")
    assert Manifest(tmp_path).attempts["a", "https://a.example/1"].file
    path.write_text(json.dumps(whole | {name: value}) + "\n")
    with pytest.raises(DataError, match=rf"line 1 is not a row of this program \({name}"):
        Manifest(tmp_path)


def test_a_local_file_that_was_no_picture_is_read_again_when_it_was_mended(tmp_path: Path) -> None:
    source, out = tmp_path / "mine", tmp_path / "out"
    (source / "fox").mkdir(parents=True)
    out.mkdir()
    late, large, same = (source / "fox" / f"{name}.png" for name in ("late", "large", "same"))

    def statuses() -> dict[str, tuple[str, str]]:
        rows = asyncio.run(scraper(out, Web(), None).add(from_folder(source)))
        return {row.url.rpartition("/")[2].partition(".")[0]: (row.status, row.fetched_at) for row in rows}

    late.write_bytes(b"not there yet")
    large.write_bytes(drawn(2) + bytes(MAX_BYTES))
    same.write_bytes(b"\0" * len(drawn(3)))
    for path in (late, large, same):
        os.utime(path, (1, 1))
    before = statuses()
    assert {name: status for name, (status, _) in before.items()} == {
        "late": "rejected",
        "large": "refused",
        "same": "rejected",
    }
    log = (out / "attempts.jsonl").read_bytes()
    time.sleep(1.1)
    statuses()
    assert (out / "attempts.jsonl").read_bytes() == log
    for number, path in enumerate((late, large, same), 1):
        path.write_bytes(drawn(number))
    assert {name: status for name, (status, _) in statuses().items()} == dict.fromkeys(before, "kept")


def test_hosts_are_sources() -> None:
    row = Attempt("a", "https://www.site.example/x", "kept")
    assert (row.source, replace(row, final_url="https://cdn.example/y").source) == ("site.example", "cdn.example")


@pytest.mark.parametrize("name", ["../secret.txt", "absolute", "a b/link.jpg", "a b/gone.jpg", "a b", "metadata.jsonl"])
def test_no_row_publishes_what_is_no_picture_in_the_folder(tmp_path: Path, name: str) -> None:
    root, secret = tmp_path / "data", tmp_path / "secret.txt"
    secret.write_text("secret")
    (root / "a b").mkdir(parents=True)
    (root / "a b/link.jpg").symlink_to(secret)
    name = str(secret) if name == "absolute" else name
    row = {"file_name": name, "label": "a b", "license": "CC0"}
    (root / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    config = ScrapeConfig(root, publish="toon/foxes", with_pictures=True)
    with pytest.raises(DataError, match=r"metadata.jsonl names '.*', which is not in .*data: take that row out"):
        publish(config, "toon/foxes", [])
    assert not list(root.rglob("secret*"))
