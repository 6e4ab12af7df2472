"""Names to a clean, documented folder of pictures.

    python scrape.py "bugs bunny" "donald duck" "mickey mouse" shinchan
    python scrape.py review data/cartoons       # look at them; keep, move or delete by click or key
    python train.py data/cartoons

It searches, downloads, cleans, drops copies, and goes on until each name has enough. Whatever stops it, the same command
goes on from there: what was searched or downloaded once is not asked for again.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from cartoons import console, img2dataset, malloc, proxies
from cartoons.console import command
from cartoons.download.downloader import Downloader, Limits
from cartoons.download.http import DownloadResult, HttpConfig, get_json, raise_open_file_limit
from cartoons.errors import DataError
from cartoons.files import HIDDEN, check_writable, sole_use
from cartoons.review.apply import apply
from cartoons.review.decisions import latest_decisions, read_decisions
from cartoons.scraping import papers, publish
from cartoons.scraping.image_checks import Rules
from cartoons.scraping.labels import OTHER_QUERIES, Wanted, folder_of, wanted
from cartoons.scraping.local import from_folder
from cartoons.scraping.manifest import KEPT, PLANNED, Attempt
from cartoons.scraping.progress import Bars
from cartoons.scraping.scraper import Aims, Gatherer, kept_by_label
from cartoons.scraping.seeker import Seeker
from cartoons.search.engines import LICENSES, QUERY_TEMPLATES, SearchResult
from cartoons.search.searcher import DEFAULT_ENGINES, ENGINES, RetryPolicy, Searcher, make_engines
from cartoons.search.url_list import read_url_list
from cartoons.serving import environment

PER_CLASS = 200
ALL = 10**9
SHORT = 3
"""The exit code when a name has fewer pictures than asked for."""
URLS_FILE = "urls.parquet"
TASTE = 40
"""Addresses of each name that a dry run looks for."""
GIVEN = ("from_urls", "from_folder", "from_img2dataset")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = console.ArgumentParser(
        prog="scrape.py",
        description="Make a clean folder of pictures of some characters.",
        epilog="review DIR [--model DIR] opens a page to clean a folder by eye; apply DIR carries out what was said there.",
    )
    add = made.add_argument
    add("names", nargs="*", metavar="NAME", help="a character; the folder of its pictures gets its name")
    add("--out", type=Path, default=Path("data/cartoons"), help="the folder to fill (default: %(default)s)")
    add("--per-class", type=int, metavar="N", help=f"pictures of each name (default: {PER_CLASS}; of a list all)")
    add("--other", nargs="*", metavar="QUERY", help="also fill _other, pictures of none, by these or the usual queries")
    add("--engines", default=",".join(DEFAULT_ENGINES), help=f"of {', '.join(ENGINES)} (default: %(default)s)")
    add("--query", action="append", metavar="TEXT", help="what to search, with {name} in it; may be given again")
    add("--license", choices=LICENSES, default=LICENSES[0], help="what it must allow (default: %(default)s)")
    add("--from-urls", type=Path, metavar="FILE", help="no search: a .csv, .jsonl or .txt of addresses")
    add("--from-folder", type=Path, metavar="DIR", help="no search: pictures that lie here")
    add("--from-img2dataset", type=Path, metavar="DIR", help="no search: what img2dataset has downloaded")
    add("--urls-only", action="store_true", help=f"search only, and write OUT/{URLS_FILE} for img2dataset")
    add("--dry-run", action="store_true", help="search for the first few only, and say what would be tried")
    add("--originals", action="store_true", help=f"keep files as they came, not at most {Rules.stored_px} px and bare")
    proxy = proxies.of_environment()
    add("--proxy", default=proxy, metavar="URL", help="http://host:port, to search and download by (default: $HTTPS_PROXY)")
    ca_file = os.environ.get("SSL_CERT_FILE", "")
    add("--ca", default=ca_file, metavar="FILE", help="more certificates to trust, PEM (default: $SSL_CERT_FILE)")
    add("--ignore-opt-out", action="store_true", help="also take what X-Robots-Tag asks programs not to take")
    add("--publish", metavar="USER/NAME", help="put the list of kept pictures on the Hugging Face Hub")
    add("--with-pictures", action="store_true", help="publish the pictures too, if every licence allows that")
    add("--private", action="store_true", help="publish it for yourself only")
    return made


def scrape(argv: Sequence[str]) -> int:
    """Fill the folder and describe it; the exit code. Raises CartoonError."""
    arguments = parser().parse_args(argv)
    asked, listed = asked_for(arguments)
    out, web, limit = arguments.out, way_out(arguments), arguments.per_class or (PER_CLASS if asked else ALL)
    given: dict[str, list[SearchResult]] = {}
    for hit in listed:
        given.setdefault(hit.label, []).append(hit)
    totals = {want.label: limit for want in asked} | {label: min(limit, len(hits)) for label, hits in given.items()}
    check_writable(out)
    malloc.give_back()
    try:
        with sole_use(out), Bars(totals) as bars:
            searcher = make_searcher(arguments, web, bars)
            seekers = [Seeker(want.label, searcher.search(want.label, want.queries)) for want in asked]
            seekers += [Seeker(label, iter(hits)) for label, hits in given.items()]
            if arguments.urls_only or arguments.dry_run:
                return look_only(arguments, seekers, limit)
            rows = asyncio.run(fill(arguments, web, Aims(limit, Rules(originals=arguments.originals)), seekers, bars))
            papers.write(out, rows, searcher.failures)
    except OSError as error:
        raise DataError(f"{out} cannot be filled ({error}): mend that, and the same command goes on from here.") from error
    code = summary(out, rows, list(totals) if limit < ALL else [], limit, searcher.failures)
    if arguments.publish:
        link = publish.publish(out, arguments.publish, with_pictures=arguments.with_pictures, private=arguments.private)
        print(f"Published: {link}")
    return code


def way_out(arguments: argparse.Namespace) -> HttpConfig:
    """How the web is reached; pictures that lie here need none. Raises DownloadError."""
    is_local = arguments.from_folder or arguments.from_img2dataset
    if arguments.publish or (not is_local and arguments.proxy == proxies.of_environment()):
        proxies.check()
    if is_local:
        return HttpConfig()
    raise_open_file_limit()
    return HttpConfig(arguments.proxy, arguments.ca)


def asked_for(arguments: argparse.Namespace) -> tuple[list[Wanted], list[SearchResult]]:
    """What is to be searched, or else which addresses are given; neither for pictures that lie here. Raises CartoonError."""
    given = [flag for flag in GIVEN if getattr(arguments, flag)]
    if len(given) > 1:
        raise DataError(f"--{given[0]} and --{given[1]} were both given: give one.".replace("_", "-"))
    if arguments.per_class is not None and arguments.per_class < 1:
        raise DataError(f"--per-class is {arguments.per_class}: give 1 or more.")
    if given:
        if arguments.from_folder and arguments.from_folder.resolve() in (out := arguments.out.resolve(), *out.parents):
            raise DataError(f"--out {arguments.out} lies in the folder that pictures are taken from: give another.")
        if (arguments.dry_run or arguments.urls_only) and not arguments.from_urls:
            raise DataError(
                f"--{given[0]} gives pictures, not addresses: leave out --dry-run and --urls-only.".replace("_", "-")
            )
        if len(arguments.names) > 1:
            raise DataError(f"{len(arguments.names)} names were given with a list: give one at most, for what has no label.")
        return [], read_url_list(arguments.from_urls, *arguments.names) if arguments.from_urls else []
    if not arguments.names and arguments.other is None:
        raise DataError('No names were given: python scrape.py "bugs bunny" "donald duck".')
    other = None if arguments.other is None else arguments.other or OTHER_QUERIES
    return wanted(arguments.names, arguments.query or QUERY_TEMPLATES, other), []


def make_searcher(arguments: argparse.Namespace, web: HttpConfig, bars: Bars) -> Searcher:
    """The engines asked for, with their answers kept in the folder. Raises SearchError."""
    names = [name.strip() for name in arguments.engines.split(",")]
    engines = make_engines(names, partial(get_json, config=web), web.proxy or None, web.ca_file or None)
    return Searcher(engines, arguments.out / HIDDEN / "searches", arguments.license, RetryPolicy(), bars.say)


async def fill(
    arguments: argparse.Namespace, web: HttpConfig, aims: Aims, seekers: Sequence[Seeker], bars: Bars
) -> list[Attempt]:
    """The folder's rows, when each label has its pictures. Raises DataError."""
    async with Downloader(Limits(respect_opt_out=not arguments.ignore_opt_out), web) as downloader:
        gatherer = Gatherer(arguments.out, aims, downloader.fetch, latest_decisions(read_decisions(arguments.out)), bars)
        if arguments.from_folder:
            return await gatherer.take(from_folder(arguments.from_folder, "".join(arguments.names), bars.say))
        if arguments.from_img2dataset:
            return await gatherer.take(labelled(img2dataset.read_output(arguments.from_img2dataset), bars))
        return await gatherer.run(seekers)


def labelled(
    pairs: Iterable[tuple[SearchResult, DownloadResult]], bars: Bars
) -> Iterator[tuple[SearchResult, DownloadResult]]:
    """Those that are of a label; of the others the reason is said."""
    for hit, outcome in pairs:
        if hit.label:
            yield hit, outcome
        else:
            bars.say(f"Left out: {outcome.reason}.")


def look_only(arguments: argparse.Namespace, seekers: Sequence[Seeker], limit: int) -> int:
    """Search without downloading: a list for img2dataset, or, for a dry run, a look at the first addresses."""
    count = TASTE if arguments.dry_run else 2 * limit

    async def look() -> list[list[SearchResult]]:
        return await asyncio.gather(*(seeker.take(count, set()) for seeker in seekers))

    hits = {seeker.label: found for seeker, found in zip(seekers, asyncio.run(look()), strict=True)}
    for label, found in hits.items():
        engines = ", ".join(f"{name} {number}" for name, number in Counter(hit.engine or "list" for hit in found).items())
        hosts = len({urlsplit(hit.url).hostname for hit in found})
        print(
            f"{label}: {len(found)} addresses ({engines or 'none'}) on {hosts} hosts, for {arguments.out / folder_of(label)}"
        )
    if arguments.urls_only:
        path = arguments.out / URLS_FILE
        print(f"{path}: {img2dataset.write_urls(path, chain.from_iterable(hits.values()))} addresses. Download them with")
        print(command("img2dataset", "--url_list", path), "--input_format parquet --url_col url --caption_col caption \\")
        print("  --save_additional_columns '[\"label\"]' --disable_all_reencoding True --output_folder downloaded")
        print(command("python", "scrape.py", "--from-img2dataset", "downloaded", "--out", arguments.out))
    return 0 if all(hits.values()) else SHORT


def summary(out: Path, rows: Sequence[Attempt], labels: Sequence[str], limit: int, troubles: Mapping[str, list[str]]) -> int:
    """Say what is there and what is missing, and why; the exit code."""
    kept = kept_by_label(rows)
    short = [label for label in labels if kept[label] < limit]
    for label in short:
        lost = Counter(row.status for row in rows if row.label == label and row.status not in (KEPT, PLANNED))
        rest = ", ".join(f"{number} {status}" for status, number in lost.most_common()) or "nothing was found"
        why = " ".join([f"{label}: {kept[label]} of {limit} pictures; {rest}.", *troubles.get(label, [])])
        print(why, file=sys.stderr)
    if short:
        print(f"For more: --engines {','.join(ENGINES)}, or searches of your own with --query.", file=sys.stderr)
    named = ", ".join(f"{label} {kept[label]}" for label in labels or sorted(kept))
    clean, train = command("python", "scrape.py", "review", out), command("python", "train.py", out)
    print(f"{out}: {named}. Look: {out / 'report.html'}. Clean: {clean}. Train: {train}")
    return SHORT if short else 0


def review(arguments: Sequence[str]) -> int:
    """`review DIR [--model DIR]` opens the page, `apply DIR` carries out what was decided there. Raises CartoonError."""
    made = console.ArgumentParser(prog=f"scrape.py {arguments[0]}", description=review.__doc__)
    made.add_argument("folder", type=Path, metavar="DIR")
    if arguments[0] == "review":
        made.add_argument("--model", type=Path, metavar="DIR", help="show what this model doubts first")
    given = made.parse_args(arguments[1:])
    if arguments[0] == "apply":
        done = apply(given.folder, folder_of)
        print(f"{given.folder}: {done.deleted} pictures taken out, {done.moved} moved to another label.")
        return 0
    environment.prepare()
    from cartoons.review.server import serve  # gradio takes seconds to load, and reads the environment then

    serve(given.folder, given.model, folder_of)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: 0, 2 with one sentence when the input cannot be used, 3 when a name has too few pictures."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    proxies.prepare()
    work = review if arguments[:1] in (["review"], ["apply"]) else scrape
    return console.run("scrape.py", lambda: work(arguments))


if __name__ == "__main__":
    console.leave(main())
