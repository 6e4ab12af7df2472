"""Names to a clean, documented folder of pictures.

    python scrape.py "bugs bunny" "donald duck" "mickey mouse" shinchan
    python scrape.py review data/cartoons       # look at them; keep, move or delete by click or key
    python train.py data/cartoons

It searches, downloads, cleans, drops copies, and goes on until each name has enough. Whatever stops it, the same command
goes on from there: what was searched or downloaded once is not asked for again.
"""

from cartoons import ctrl_c

if __name__ == "__main__":
    ctrl_c.end_at_once()

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cartoons import console, malloc, model_folder, proxies
from cartoons.errors import DataError
from cartoons.files import check_apart, check_folder, real
from cartoons.scraping.config import OTHER_QUERIES, STORED_PX, ScrapeConfig, folder_of, label_of, queries_by_label
from cartoons.search.engines import COMMONS, DEFAULT_ENGINES, ENGINES, LICENSES, OPENVERSE, QUERY_TEMPLATES, check_engines
from cartoons.search.url_list import read_url_list

PER_CLASS = 200
HOLDS_PICTURES = "one that holds pictures, in a folder per character"

SEARCHING = ("--engines", "--query", "--license", "--other")
STORING = ("--originals", "--ignore-opt-out", "--publish", "--with-pictures", "--private")
EXCLUDED = {
    "--from-urls": SEARCHING,
    "--from-folder": (*SEARCHING, "--ignore-opt-out"),
    "--from-img2dataset": (*SEARCHING, "--ignore-opt-out", "NAME"),
    "--dry-run": ("--urls-only", *STORING),
    "--urls-only": STORING,
}
"""What has no effect beside a flag. --proxy and --ca are as the environment has them: they may stand beside any."""
NEEDED = {"--query": "NAME", "--with-pictures": "--publish", "--private": "--publish"}
"""Without which a flag has no effect."""

EXAMPLES = """examples:
  python scrape.py "bugs bunny" "donald duck" --per-class 100
  python scrape.py --from-folder ~/Pictures/toons --out data/toons
  python scrape.py "bugs bunny" --license modify --publish USER/NAME

scrape.py review DIR opens a page in the browser on which you say which pictures
to keep, move or delete; its Apply button, or scrape.py apply DIR, does that.
The same command, given again after an interruption, goes on from there."""
REVIEW = """Open a page in the browser on which you say which pictures of a folder to keep,
move or delete. No file moves before you press Apply, or let scrape.py fill the
folder again."""
APPLY = """Do what was decided on the page of scrape.py review: move pictures to another
label's folder, or, deleted ones, to DIR/.scrape/removed."""


def parser() -> argparse.ArgumentParser:
    """The command line. Every flag that was not given is None, False or []."""
    made = console.ArgumentParser("scrape.py", "%(prog)s [NAME...] [options], %(prog)s review DIR, %(prog)s apply DIR")
    made.description, made.epilog = "Make a clean folder of pictures of some characters.", EXAMPLES
    add = made.add_argument_group("what to search").add_argument
    add("names", nargs="*", metavar="NAME", help="a character; the folder of its pictures gets its name")
    add(
        "--other", nargs="*", metavar="QUERY", help="also fill _other, pictures of none of them (default: the usual queries)"
    )
    add("--per-class", type=int, metavar="N", help=f"pictures of each name (default: {PER_CLASS}; without a search: all)")
    add("--engines", metavar="NAMES", help=f"of {','.join(ENGINES)} (default: {','.join(DEFAULT_ENGINES)})")
    add("--query", action="append", metavar="TEXT", help="what to search, with {name} in it; may be given again")
    licenses = f"only pictures whose licence allows: {', '.join(LICENSES[1:])} (default: {LICENSES[0]})"
    add("--license", choices=LICENSES, metavar="WHAT", help=licenses)
    add = made.add_argument_group("instead of a search, one of").add_argument
    add("--from-urls", type=Path, metavar="FILE", help="a .csv, .jsonl or .txt of pictures' addresses")
    add("--from-folder", type=Path, metavar="DIR", help="pictures on this machine, in a folder per character")
    add("--from-img2dataset", type=Path, metavar="DIR", help="what img2dataset has downloaded")
    add = made.add_argument_group("the folder").add_argument
    add("--out", type=Path, metavar="DIR", default=Path("data/cartoons"), help="the folder to fill (default: %(default)s)")
    add("--originals", action="store_true", help=f"keep files as they came (else {STORED_PX} px, no metadata)")
    add("--ignore-opt-out", action="store_true", help="also take what a site asks programs not to (X-Robots-Tag)")
    add("--dry-run", action="store_true", help="search for the first few only, and say what would be tried")
    add("--urls-only", action="store_true", help="search only, and write DIR/urls.parquet for img2dataset")
    add = made.add_argument_group("the connection").add_argument
    add("--proxy", metavar="URL", help="http://host:port, to search and download by (default: $HTTPS_PROXY)")
    add("--ca", metavar="FILE", help="more certificates to trust, PEM (default: $SSL_CERT_FILE)")
    add = made.add_argument_group("publishing (after hf auth login)").add_argument
    add("--publish", metavar="USER/NAME", help="put the list of kept pictures on the Hugging Face Hub")
    add("--with-pictures", action="store_true", help="the pictures too, if every licence allows that; with --publish")
    add("--private", action="store_true", help="for yourself only; with --publish")
    return made


def check(arguments: argparse.Namespace) -> None:
    """Raise DataError for arguments of which one makes no sense, or has no effect beside the others."""
    flags = {f"--{name.replace('_', '-')}": value for name, value in vars(arguments).items()}
    given = {flag for flag, value in flags.items() if value is not None and value is not False}
    given |= {"NAME"} if arguments.names else set()
    sources = [flag for flag in EXCLUDED if flag.startswith("--from") and flag in given]
    if len(sources) > 1:
        raise DataError(f"{sources[0]} and {sources[1]} were both given: give one.")
    if arguments.per_class is not None and arguments.per_class < 1:
        raise DataError(f"--per-class is {arguments.per_class}: give 1 or more.")
    if sources and sources != ["--from-urls"] and (arguments.dry_run or arguments.urls_only):
        raise DataError(f"{sources[0]} gives pictures, not addresses: leave out --dry-run and --urls-only.")
    for flag, others in EXCLUDED.items():
        if flag in given and (idle := next((other for other in others if other in given), "")):
            raise DataError(f"{idle} has no effect with {flag}: leave out one of them.".replace("NAME has", "A name has"))
    for flag, other in NEEDED.items():
        if flag in given and other not in given:
            raise DataError(f"{flag} has no effect without {other.replace('NAME', 'a name')}: give that, or leave it out.")
    if sources and len(arguments.names) > 1:
        raise DataError(f"{len(arguments.names)} names were given with a list: give one at most, for what has no label.")
    if arguments.from_folder:
        check_folder(arguments.from_folder, HOLDS_PICTURES)
        folder, out = real(arguments.from_folder), real(arguments.out)
        if folder in (out, *out.parents):
            raise DataError(f"--out {arguments.out} lies in the folder that pictures are taken from: give another.")
        if out in folder.parents:
            raise DataError(f"--from-folder {arguments.from_folder} lies in --out {arguments.out}: give another --out.")
    if not sources and not arguments.names and arguments.other is None:
        raise DataError('No names were given: python scrape.py "bugs bunny" "donald duck".')


def configure(argv: Sequence[str]) -> ScrapeConfig:
    """The run that the command line asks for. Raises CartoonError."""
    arguments = parser().parse_args(argv)
    check(arguments)
    options = vars(arguments)
    names, other, templates = options.pop("names"), options.pop("other"), options.pop("query") or QUERY_TEMPLATES
    url_file = options.pop("from_urls")
    is_local = arguments.from_folder or arguments.from_img2dataset
    is_search = not (url_file or is_local)
    label = label_of(names[0]) if names and not is_search else ""
    engines = [name.strip() for name in arguments.engines.split(",")] if arguments.engines is not None else DEFAULT_ENGINES
    check_engines(engines)
    if arguments.with_pictures and is_search and not {OPENVERSE, COMMONS} & {*engines} and not arguments.out.exists():
        raise DataError(
            f"--with-pictures publishes what states a licence, and nothing that {' or '.join(engines)} finds states one: "
            f"give --engines {OPENVERSE},{COMMONS}, or leave it out."
        )
    computed = {
        "queries": queries_by_label(names, templates, OTHER_QUERIES if other == [] else other) if is_search else {},
        "has_rivals": other == [],
        "url_list": read_url_list(url_file, label) if url_file else (),
        "default_label": label,
        "per_class": min(arguments.per_class or 0, sys.maxsize) or (PER_CLASS if is_search else None),
        "engines": engines,
        "license": arguments.license or LICENSES[0],
        "proxy": proxies.of_environment() if arguments.proxy is None else arguments.proxy,
        "ca": os.environ.get("SSL_CERT_FILE", "") if arguments.ca is None else arguments.ca,
    }
    if is_local:
        computed |= {"proxy": "", "ca": ""}
    return ScrapeConfig(**options | computed)


def check_connection(config: ScrapeConfig) -> None:
    """Raise DownloadError or HubError when the run needs the web or the Hub, and cannot reach it as it is told to."""
    if config.publish is not None or (not config.is_local and config.proxy == proxies.of_environment()):
        proxies.check()
    if not config.is_local:
        from cartoons.download.http import HttpConfig, raise_open_file_limit

        raise_open_file_limit()
        HttpConfig(config.proxy, config.ca)
    if config.publish is not None:
        from cartoons.hub.push import check_login

        check_login(config.publish, "dataset", config.private)


def scrape(config: ScrapeConfig) -> int:
    """Fill the folder and describe it; the exit code. Raises CartoonError."""
    check_connection(config)
    from cartoons import progress

    with progress.display():
        with progress.stage("loading"):
            import asyncio

            from cartoons.scraping import publish, scraper, selection, sources
            from cartoons.scraping.progress import ScrapeProgress

        malloc.give_back()
        ctrl_c.interrupt_work()
        with selection.open_folder(config.out), ScrapeProgress().shown() as lines:
            url_lists, failures = sources.url_lists(config, lines)
            if config.dry_run or config.urls_only:
                return sources.preview(config, url_lists)
            attempts = asyncio.run(scraper.fill(config, url_lists, lines))
            with progress.stage("writing the report"):
                publish.write_card_and_report(config.out, attempts, failures)
        code = publish.summarize(config, lines.labels, attempts, failures)
        if config.publish is not None:
            with progress.stage(f"publishing {config.publish}"):
                link = publish.publish(config, config.publish, attempts)
            print(f"Published: {link}")
    return code


def review(argv: Sequence[str]) -> int:
    """`review DIR` opens the page, `apply DIR` carries out what was decided there. Raises CartoonError."""
    made = console.ArgumentParser(prog=f"scrape.py {argv[0]}", description=REVIEW if argv[0] == "review" else APPLY)
    made.add_argument("folder", type=Path, metavar="DIR", help="a folder of pictures, in a folder per character")
    if argv[0] == "review":
        made.add_argument("--model", type=Path, metavar="DIR", help="a model folder: what it doubts comes first")
        made.add_argument(
            "--corrections", type=Path, metavar="DIR", help="instead, what visitors sent (app.py --corrections DIR)"
        )
    given = made.parse_args(argv[1:])
    check_folder(given.folder, HOLDS_PICTURES)
    if argv[0] == "apply":
        from cartoons.review.apply import apply

        ctrl_c.interrupt_work()
        done = apply(given.folder, folder_of)
        print(f"{given.folder}: {done.deleted:,} deleted (to .scrape/removed), {done.moved:,} moved to another label.")
        return 0
    if given.corrections:
        check_folder(given.corrections, "one that app.py --corrections has filled")
        check_apart(given.corrections, given.folder, "--corrections")
        from cartoons.review.corrections import without_picture

        print(without_picture(given.corrections), end="", flush=True)
    if given.model:
        model_folder.read(given.model)
    from cartoons.serving import environment

    environment.prepare()
    environment.import_gradio()
    from cartoons.review.server import serve

    ctrl_c.interrupt_work()
    serve(given.folder, given.model, folder_of, given.corrections)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: 0, 2 with one sentence when the input cannot be used, 3 when a name has too few pictures."""
    words = list(sys.argv[1:] if argv is None else argv)
    proxies.prepare()
    is_review = words[:1] in (["review"], ["apply"])
    return console.run("scrape.py", lambda: review(words) if is_review else scrape(configure(words)))


if __name__ == "__main__":
    console.leave(main())
