"""The report of a scraped folder: report.html, what was found and kept of each label, why the rest is not there, and a
contact sheet. It opens offline; the pictures are those of the folder.

    write(root, labels, attempts, rows, troubles)
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cartoons.errors import counted, shortened
from cartoons.files import write_atomically
from cartoons.metadata import Row
from cartoons.report.pages import clean, render, shown

PAGE_FILE = "report.html"
MOST_HOSTS = 20
MOST_REASONS = 12

OUTCOMES = {
    "spare": "good, but there were enough",
    "duplicate": "a copy",
    "two labels": "found under two labels",
    "removed": "removed by a person",
    "rejected": "not usable",
    "refused": "must not be had",
    "failed": "could not be had",
}
NOT_DOWNLOADED = ("failed", "refused")
NOT_USABLE = (*NOT_DOWNLOADED, "rejected")

Table = dict[str, Any]


def write(root: Path, labels: Sequence[str], attempts: Sequence[Row], rows: Sequence[Row], troubles: Sequence[str]) -> None:
    """Write <root>/report.html; arguments as in `page`."""
    write_atomically(root / PAGE_FILE, page(labels, attempts, rows, troubles))


def page(labels: Sequence[str], attempts: Sequence[Row], rows: Sequence[Row], troubles: Sequence[str]) -> bytes:
    """The whole page.

    attempts, rows: those of attempts.jsonl and metadata.jsonl; nothing in them is trusted. troubles: sentences about
    search engines.
    """
    attempts, rows = ([{key: str(value or "") for key, value in row.items()} for row in each] for each in (attempts, rows))
    labels = list(dict.fromkeys([*labels, *(row.get("label", "") for row in (*rows, *attempts))]))
    tried = {label: [row for row in attempts if row.get("label", "") == label] for label in labels}
    kept = {label: [row for row in rows if row.get("label", "") == label] for label in labels}
    days = sorted(day for row in rows if (day := row.get("fetched_at", "")[:10]))
    return render(
        "scrape_report",
        pictures=len(rows),
        labels=len(labels),
        dates=f", fetched {days[0]}{f' to {days[-1]}' if days[0] != days[-1] else ''}" if days else "",
        tables=[_funnel(tried), *(_lost(label, tried[label]) for label in labels), _hosts(attempts)],
        troubles=troubles,
        two_labels=_two_labels(attempts),
        sheets=[
            {"label": _named(label), "rows": [_thumbnail(row, label) for row in kept[label]]}
            for label in labels
            if label or kept[label]
        ],
    )


def _funnel(tried: Mapping[str, Sequence[Row]]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for label, attempts in tried.items():
        status = Counter(row.get("status") for row in attempts)
        unseen = sum(row.get("status") == "rejected" and row.get("bytes") == "" for row in attempts)  # by name or address
        downloaded = len(attempts) - sum(status[key] for key in NOT_DOWNLOADED) - unseen
        usable = downloaded - (status["rejected"] - unseen)
        rows.append((_named(label), len(attempts), downloaded, usable, status["kept"]))
    if len(rows) > 1:
        rows.append(("All", *map(sum, list(zip(*rows, strict=True))[1:])))
    return _table("From links to pictures", ["", "links", "downloaded", "usable", "kept"], rows)


def _lost(label: str, attempts: Sequence[Row]) -> Table:
    """What became of the links that gave no picture of the folder, the commonest first."""
    reasons = Counter(_reason(row) for row in attempts if row.get("status") != "kept").most_common()
    if rest := reasons[MOST_REASONS:]:
        reasons[MOST_REASONS:] = [(f"for {counted(len(rest), 'other reason')}", sum(count for _, count in rest))]
    return _table(f"{_named(label)}: the rest", ["", "links"], reasons)


def _reason(row: Row) -> str:
    status, reason = str(row.get("status", "")), row.get("reason", "")
    outcome = OUTCOMES.get(status, status)
    kind = re.split(r"[:(]", reason)[0].strip(" .") if status == "rejected" else reason  # the rest is of one picture alone
    return f"{outcome}: {kind}" if kind and status in NOT_USABLE else outcome


def _hosts(attempts: Sequence[Row]) -> Table:
    tried = Counter(_host(row.get("url", "")) for row in attempts)
    kept = Counter(_host(row.get("url", "")) for row in attempts if row.get("status") == "kept")
    hosts = sorted(tried, key=lambda host: (-kept[host], -tried[host], host))
    rows = [(host, tried[host], kept[host]) for host in hosts]
    if rest := rows[MOST_HOSTS:]:
        rows[MOST_HOSTS:] = [(counted(len(rest), "other host"), sum(row[1] for row in rest), sum(row[2] for row in rest))]
    return _table("Hosts", ["", "links", "kept"], rows)


def _table(title: str, head: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table:
    return {"title": title, "head": head, "rows": [[words, *(f"{n:,}" for n in numbers)] for words, *numbers in rows]}


def _two_labels(attempts: Sequence[Row]) -> list[Row]:
    """The pictures that cannot be told which label they are of, the same ones together."""
    rows = sorted((row for row in attempts if row.get("status") == "two labels"), key=lambda row: row.get("phash", ""))
    return [
        {
            "label": _named(row.get("label", "")),
            "link": _web_page(row.get("url", "")),
            "url": shortened(clean(row.get("url", ""))),
            "reason": f" ({row['reason']})" if row.get("reason") else "",
        }
        for row in rows
    ]


def _thumbnail(row: Row, label: str) -> Row:
    """A picture of the folder, if it is one, with what is known of it."""
    file, url, page_url, author = (row.get(key, "") for key in ("file_name", "url", "page_url", "author"))
    about = (row.get("license"), author and f"by {author}", row.get("title"))
    return {
        "file": file,
        "src": f"./{quote(file, safe='/', errors='replace')}" if file and ".." not in file.split("/") else "",
        "alt": shown(label),
        "title": " · ".join(filter(None, about)),
        "link": _web_page(page_url) or _web_page(url),
        "host": row.get("source") or _host(page_url or url),
    }


def _web_page(url: str) -> str:
    """The address, if it leads to a web page and runs nothing; else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return "local files" if parts.scheme == "file" else parts.hostname or "no host"
    except ValueError:
        return "no host"


def _named(label: str) -> str:
    return shown(label) or "No label"
