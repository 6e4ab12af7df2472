"""The report of a scraped folder: report.html, what was found and kept of each label, why the rest is not there, and a
contact sheet. It opens offline; the pictures are those of the folder.

    write(root, labels, attempts, rows, troubles)
"""

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cartoons.errors import shortened
from cartoons.files import write_atomically
from cartoons.report.document import document, name, table
from cartoons.report.drawing import clean, shown

PAGE_FILE = "report.html"
MOST_HOSTS = 20
MOST_REASONS = 12
MOST_LISTED = 10
"""More pictures of two labels than this are folded away."""

WORDS = {
    "spare": "good, but there were enough",
    "duplicate": "a copy",
    "two labels": "found under two labels",
    "removed": "removed by a person",
    "rejected": "not usable",
    "refused": "must not be had",
    "failed": "could not be had",
}
NOT_HAD = ("failed", "refused")
NOT_USABLE = (*NOT_HAD, "rejected")

Row = Mapping[str, Any]


def write(
    root: Path,
    labels: Sequence[str],
    attempts: Sequence[Row],
    rows: Sequence[Row],
    troubles: Sequence[str],
) -> None:
    """Write <root>/report.html; arguments as in `page`."""
    write_atomically(root / PAGE_FILE, page(labels, attempts, rows, troubles))


def page(
    labels: Sequence[str],
    attempts: Sequence[Row],
    rows: Sequence[Row],
    troubles: Sequence[str],
) -> bytes:
    """The whole page.

    attempts, rows: those of attempts.jsonl and metadata.jsonl; nothing in them is trusted. troubles: sentences about
    search engines.
    """
    labels = list(dict.fromkeys([*labels, *(_text(row, "label") for row in (*rows, *attempts))]))
    tried = {label: [row for row in attempts if _text(row, "label") == label] for label in labels}
    kept = {label: [row for row in rows if _text(row, "label") == label] for label in labels}
    sheets = "".join(_contact(label, kept[label]) for label in labels if label or kept[label])
    rest = "".join(_rest(label, tried[label]) for label in labels)
    hosts = _hosts(attempts)
    body = (
        f"{_top(labels, rows)}<main>{_funnel(tried)}{_troubles(troubles)}"
        f'<div class="tables">{rest}{hosts}</div>{_two_labels(attempts)}{sheets}</main>'
    )
    return document("Scraped pictures", body)


def _top(labels: Sequence[str], rows: Sequence[Row]) -> str:
    dates = sorted(day for row in rows if (day := _text(row, "fetched_at")[:10]))
    when = f", fetched {_span(dates[0], dates[-1])}" if dates else ""
    words = f"{'picture' if len(rows) == 1 else 'pictures'} of {_counted(len(labels), 'label')}"
    return (
        f'<p class="kicker">Scraped{_escaped(when)}</p>'
        f'<div class="hero"><p class="number">{len(rows):,}</p><div><h1>{words}</h1>'
        '<p class="quiet">They belong to their owners: ask them before you publish any.</p></div></div>'
    )


def _funnel(tried: Mapping[str, Sequence[Row]]) -> str:
    lines = []
    for label, attempts in tried.items():
        had = [row for row in attempts if row.get("status") not in NOT_HAD]
        usable = [row for row in had if row.get("status") not in NOT_USABLE]
        kept = sum(row.get("status") == "kept" for row in usable)
        lines.append((_named(label), (len(attempts), len(had), len(usable), kept)))
    total = [sum(column) for column in zip(*(numbers for _, numbers in lines), strict=True)]
    cells = [[label, *(f"{number:,}" for number in numbers)] for label, numbers in lines]
    if len(lines) > 1:
        cells.append(["All", *(f"{number:,}" for number in total)])
    head = ["", "links", "downloaded", "usable", "kept"]
    return f'<section class="sheet"><h2>From links to pictures</h2><div class="scroll">{table(head, cells)}</div></section>'


def _troubles(troubles: Sequence[str]) -> str:
    lines = "".join(f"<li>{_escaped(words)}</li>" for words in troubles)
    return f'<section class="sheet"><h2>What the search engines refused</h2><ul>{lines}</ul></section>' if lines else ""


def _rest(label: str, attempts: Sequence[Row]) -> str:
    """What became of the links that gave no picture of the folder, the commonest first."""
    why = Counter(_why(row) for row in attempts if row.get("status") != "kept")
    lines = [[_escaped(words), f"{count:,}"] for words, count in why.most_common(MOST_REASONS)]
    if left := why.total() - sum(count for _, count in why.most_common(MOST_REASONS)):
        lines.append([f"for {len(why) - MOST_REASONS} other reasons", f"{left:,}"])
    return _table(f"{_named(label)}: the rest", ["", "links"], lines)


def _why(row: Row) -> str:
    status, reason = _text(row, "status"), _text(row, "reason")
    words = WORDS.get(status, status)
    kind = re.split(r"[:(]", reason)[0].strip(" .") if status == "rejected" else reason  # the rest is of one picture alone
    return f"{words}: {kind}" if kind and status in NOT_USABLE else words


def _hosts(attempts: Sequence[Row]) -> str:
    tried = Counter(_host(_text(row, "url")) for row in attempts)
    kept = Counter(_host(_text(row, "url")) for row in attempts if row.get("status") == "kept")
    order = sorted(tried, key=lambda host: (-kept[host], -tried[host], host))
    lines = [[_escaped(host), f"{tried[host]:,}", f"{kept[host]:,}"] for host in order[:MOST_HOSTS]]
    if others := order[MOST_HOSTS:]:
        numbers = (sum(count[host] for host in others) for count in (tried, kept))
        lines.append([_counted(len(others), "other host"), *(f"{number:,}" for number in numbers)])
    return _table("Hosts", ["", "links", "kept"], lines)


def _two_labels(attempts: Sequence[Row]) -> str:
    """The pictures that cannot be told which label they are of, the same ones together."""
    rows = sorted((row for row in attempts if row.get("status") == "two labels"), key=lambda row: _text(row, "phash"))
    lines = "".join(
        f"<li>{_named(_text(row, 'label'))}: {_link(_text(row, 'url'), clean(_text(row, 'url')))}"
        f"{html.escape(clean(f' ({reason})' if (reason := _text(row, 'reason')) else ''))}</li>"
        for row in rows
    )
    if not lines:
        return ""
    is_open = " open" if len(rows) <= MOST_LISTED else ""
    return (
        '<section class="sheet"><h2>Found under two labels</h2><p class="quiet">Kept under neither, since one label must '
        f"be wrong.</p><details{is_open}><summary>{_counted(len(rows), 'link')}</summary><ul>{lines}</ul></details>"
        "</section>"
    )


def _contact(label: str, rows: Sequence[Row]) -> str:
    prints = "".join(_print(row, label) for row in rows)
    content = f'<div class="prints">{prints}</div>' if prints else '<p class="quiet">Not one picture.</p>'
    return f'<section class="sheet"><h2>{_named(label)}: {_counted(len(rows), "picture")}</h2>{content}</section>'


def _print(row: Row, label: str) -> str:
    file = _text(row, "file_name")
    host = _text(row, "source") or _host(_text(row, "page_url") or _text(row, "url"))
    if not file or ".." in file.split("/"):
        return f'<div class="print"><span class="lost"><b>{_escaped(file)}</b> is not in this folder</span></div>'
    about = [_text(row, "license"), _text(row, "author") and f"by {_text(row, 'author')}", _text(row, "title")]
    words = html.escape(clean(" · ".join(word for word in about if word)))
    address = quote(file, safe="/", errors="replace")
    image = f'<img loading="lazy" src="./{address}" alt="{html.escape(shown(label))}" title="{words}">'
    pages = [url for url in (_text(row, "page_url"), _text(row, "url")) if _is_safe(url)]
    return (
        f'<div class="print">{_link(pages[0], image, ready=True) if pages else image}<small>{_escaped(host)}</small></div>'
    )


def _link(url: str, words: str, *, ready: bool = False) -> str:
    """A link to a web page; words alone where the address is of another kind. ready: words are HTML, as they are shown."""
    said = words if ready else _escaped(shortened(words))
    return f'<a href="{_escaped(url)}" rel="noreferrer noopener">{said}</a>' if _is_safe(url) else said


def _is_safe(url: str) -> bool:
    """Whether it leads to a web page, and runs nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def _table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """title and cells are HTML; nothing where there are no lines."""
    return f'<section class="sheet"><h2>{title}</h2>{table(head, lines)}</section>' if lines else ""


def _named(label: str) -> str:
    return name(label) or "No label"


def _text(row: Row, key: str) -> str:
    return str(row.get(key) or "")


def _escaped(words: str) -> str:
    return html.escape(clean(words))


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
