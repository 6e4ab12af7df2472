"""What stands beside the pictures, the card and the report, and the folder on the Hugging Face Hub.

The Hub gets the list of the pictures; the pictures too, where all may be shared.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cartoons.console import command
from cartoons.dataset_card import dataset_card
from cartoons.errors import DataError, counted
from cartoons.files import HIDDEN, is_inside, write_atomically, write_json_lines
from cartoons.hub import push
from cartoons.metadata import METADATA_FILE, may_be_shared, read_metadata
from cartoons.picture_files import is_picture
from cartoons.report import scrape_report
from cartoons.scraping.config import SHORT, ScrapeConfig
from cartoons.scraping.manifest import Attempt, Status
from cartoons.scraping.selection import kept_by_label
from cartoons.search.engines import COMMONS, ENGINES, OPENVERSE

MOST_PROBLEMS = 2
"""Searches without an answer that are told again in the end, of each name; report.html has all."""

LOST = {Status.FAILED, Status.REFUSED, Status.REJECTED, Status.DUPLICATE, Status.TWO_LABELS}
"""What becomes of pictures that somebody listed or gave, and may miss."""


def write_card_and_report(root: Path, attempts: Sequence[Attempt], search_problems: Mapping[str, Sequence[str]]) -> None:
    """Write README.md and report.html of a folder. search_problems: sentences about engines, by label."""
    kept = list(read_metadata(root / METADATA_FILE).values())
    labels = list(dict.fromkeys(attempt.label for attempt in attempts))
    problems = list(dict.fromkeys(sentence for sentences in search_problems.values() for sentence in sentences))
    rows = [asdict(attempt) for attempt in attempts]
    scrape_report.write(root, labels, rows, kept, problems)
    write_atomically(root / "README.md", dataset_card(root.resolve().name, kept, rows).encode())


def publish(config: ScrapeConfig, repo: str, attempts: Sequence[Attempt]) -> str:
    """The link of the Hub data set `repo` ("user/name"), which now holds the card and the list, or the pictures too.

    Raises DataError when there is nothing to publish, a licence does not allow it or a row names what is no picture in the
    folder, HubError when the Hub does not take it.
    """
    root, rows = config.out, list(read_metadata(config.out / METADATA_FILE).values())
    if not rows:
        raise DataError(f"{root} holds no pictures with metadata: scrape some before you publish them.")
    closed = Counter(str(row.get("license") or "none stated") for row in rows if not may_be_shared(row))
    if config.with_pictures and closed:
        spoken = ", ".join(f"{name} ({count})" for name, count in closed.most_common(5))
        raise DataError(
            f"{closed.total()} of {len(rows)} pictures may not be shared (licence: {spoken}): publish without "
            "--with-pictures, or take them out first."
        )
    pictures = [row["file_name"] for row in rows if config.with_pictures]
    if wrong := [name for name in pictures if not (is_inside(root, name) and is_picture(root / name))]:
        raise DataError(
            f"{root / METADATA_FILE} names {wrong[0]!r}, which is not in the pictures of {root}: take that row out first."
        )
    folder = root / HIDDEN / "published"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # without this machine's paths
    public = [{name: "" if str(value).startswith("file:") else value for name, value in row.items()} for row in rows]
    write_json_lines(folder / METADATA_FILE, public)
    name, tried = repo.rpartition("/")[2], [asdict(attempt) for attempt in attempts]
    card = dataset_card(name, public, tried, with_pictures=config.with_pictures)
    write_atomically(folder / "README.md", card.encode())
    for file_name in pictures:
        (folder / file_name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file_name, folder / file_name)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return push.publish_dataset(folder, files, repo, private=config.private)


def summarize(
    config: ScrapeConfig, labels: Sequence[str], attempts: Sequence[Attempt], problems: Mapping[str, list[str]]
) -> int:
    """Say what is there and what is missing, and why; the exit code. labels: those of this run."""
    kept, limit, out = kept_by_label(attempts), config.per_class or 0, config.out
    wanted = labels if limit and not config.is_local else []
    short = [label for label in wanted if kept[label] < limit]
    for label in short:
        nothing = "no more were found" if kept[label] else "nothing was found"
        told = problems.get(label, [])
        more = (
            [f"So it was with {counted(len(told) - MOST_PROBLEMS, 'search', 'es')} more."]
            if len(told) > MOST_PROBLEMS
            else []
        )
        rest = _not_kept(label, attempts) or nothing
        why = " ".join([f"{label}: {kept[label]} of {limit} pictures; {rest}.", *told[:MOST_PROBLEMS], *more])
        print(why, file=sys.stderr)
    if short:
        print(f"For more: --engines {','.join(ENGINES)}, or searches of your own with --query.", file=sys.stderr)
    for label in [] if wanted else labels:
        mine = [row.status for row in attempts if row.label == label]
        if LOST.intersection(mine):
            of = counted(len(mine), "picture")
            print(f"{label}: {mine.count(Status.KEPT)} of {of}; {_not_kept(label, attempts)}.", file=sys.stderr)
    if not kept and (labels or config.is_local):
        print(f"{out}: no pictures. Look: {out / 'report.html'}")
        return SHORT
    named = ", ".join(f"{label} {kept[label]}" for label in wanted or sorted(kept))
    clean, train = command("python", "scrape.py", "review", out), command("python", "train.py", out)
    print(f"{out}: {named}. Look: {out / 'report.html'}. Clean: {clean}. Train: {train}")
    if kept and not any(row.status == Status.KEPT and may_be_shared(asdict(row)) for row in attempts):
        print(
            "None of these pictures states a licence that lets it be shown, so the page of a model trained on them will "
            f"show no examples. Pictures that do: --engines {OPENVERSE},{COMMONS}. Or give train.py --examples DIR."
        )
    return SHORT if short or (labels and not any(kept[label] for label in labels)) else 0


def _not_kept(label: str, attempts: Iterable[Attempt]) -> str:
    """What became of the addresses or files of a label that are not kept: "2 failed, 1 duplicate"."""
    statuses = [row.status for row in attempts if row.label == label]
    rest = Counter(status for status in statuses if status not in (Status.KEPT, Status.PLANNED))
    return ", ".join(f"{number} {status}" for status, number in rest.most_common())
