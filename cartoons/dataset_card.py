"""The dataset card: what a scraped folder holds, where it is from, how it was made and how to have a picture taken down."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_HOSTS = 20
MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~&!"})
SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)

Row = Mapping[str, Any]


def dataset_card(name: str, rows: Sequence[Row], attempts: Sequence[Row], *, with_pictures: bool = True) -> str:
    """README.md of a scraped folder, with front matter for the Hugging Face Hub.

    rows, attempts: those of metadata.jsonl and attempts.jsonl; nothing in them is trusted. with_pictures: the folder is
    published with its pictures, not as a manifest of addresses and hashes.
    """
    parts = [
        _front_matter(name, len(rows), with_pictures),
        _opening(name, rows, with_pictures),
        _labels(rows),
        _making(attempts),
        _origins(rows),
        _licences(rows),
        TAKEDOWN,
        LIMITS,
        (_use_pictures if with_pictures else _use_manifest)(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(name: str, pictures: int, with_pictures: bool) -> str:
    # Without rows the Hub would find nothing to read, so it is told of no files.
    paths = ['"*/*"', "metadata.jsonl"] if with_pictures else ["metadata.jsonl"]
    files = "\n".join(f"    - {path}" for path in paths)
    configs = f"\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path:\n{files}" if pictures else ""
    size = next((words for limit, words in SIZES if pictures < limit), "n>1T")
    return f"""---
pretty_name: {json.dumps(_plain(name), ensure_ascii=False)}
license: other
license_name: as-stated-for-each-picture
task_categories:
- image-classification
size_categories:
- {size}
tags:
- cartoon-classifier
- cartoons{configs}
---"""


def _opening(name: str, rows: Sequence[Row], with_pictures: bool) -> str:
    days = sorted({day for row in rows if (day := _text(row, "fetched_at")[:10])})
    when = f", fetched {_said(_span(days))}" if days else ""
    inside = (
        "The folder of each label holds its pictures"
        if with_pictures
        else "The pictures are not published here, only where they were found and the hashes that tell them"
    )
    labels = {_text(row, "label") for row in rows}
    return f"""# {_said(name)}

{_counted(len(rows), "picture")} of {_counted(len(labels), "label")}, found by searching the web{when}.
{inside}.
`metadata.jsonl` has a row for each: address, page, title, author and licence where stated, size, sha256 of the pixels,
perceptual hash, and a group shared by pictures of one artwork."""


def _labels(rows: Sequence[Row]) -> str:
    counts = Counter(_text(row, "label") for row in rows)
    lines = [
        (f"{_said(label)} (none of the characters)" if label == "_other" else _said(label), counts[label])
        for label in sorted(counts)
    ]
    return f"## Labels\n\n{_table('label', lines)}" if lines else ""


def _making(attempts: Sequence[Row]) -> str:
    status = Counter(_text(row, "status") for row in attempts)
    if not attempts:
        return ""
    return f"""## How it was made

1. Each label was searched for, alone and with words such as "cartoon", and {_counted(len(attempts), "address", "es")} tried.
   {status["failed"]:,} could not be had, and {status["refused"]:,} were left alone, such as those of sites that opt out
   (`X-Robots-Tag`: noai, noimageai, noindex, noimageindex).
2. What is no whole picture, too small, too long or of one flat colour was left out: {status["rejected"]:,}.
   The others were put upright, stored anew without what cameras and programs had written into them, and reduced if large.
3. Of copies, re-encodings, resizings and mirror images (perceptual hashes within 4 of 64 bits) one was kept, and
   {status["duplicate"]:,} left out. What was found under two labels was kept under neither: {status["two labels"]:,}.
4. People took out {status["removed"]:,}, and {status["spare"]:,} good ones were not needed.

Labels are what was searched for: unless a person looked, some are wrong."""


def _origins(rows: Sequence[Row]) -> str:
    hosts = Counter(_text(row, "source") for row in rows).most_common()
    lines = [(_code(host) if host else "not known", count) for host, count in hosts[:MOST_HOSTS]]
    if others := hosts[MOST_HOSTS:]:
        lines.append((f"{len(others):,} others", sum(count for _, count in others)))
    engines = Counter(_text(row, "engine") for row in rows).most_common()
    found = ", ".join(f"{_said(engine) if engine else 'no engine'} {count:,}" for engine, count in engines)
    return f"## Where the pictures are from\n\nFound by {found}.\n\n{_table('host', lines)}" if lines else ""


def _licences(rows: Sequence[Row]) -> str:
    counts = Counter(_text(row, "license") for row in rows).most_common()
    lines = [(_said(words) if words else "not stated", count) for words, count in counts]
    words = """As the search engines state them, not checked. Where none is stated, assume that nothing is allowed.
A picture's licence does not cover the character in it, which belongs to its owner."""
    return f"## Licences\n\n{words}\n\n{_table('licence', lines)}" if lines else ""


TAKEDOWN = """## Taking a picture down

If a picture is yours, or shows you, and you want it gone: open a discussion on this repository (the Community tab of its
page on the Hub) with the picture's `file_name`, `sha256` or address. No reason is needed. Its row, and the picture where it
is published, will be removed."""

LIMITS = """## What it must not be used for

- Publishing or selling the pictures, or anything that their licences and the owners of the characters do not allow.
- Training models that draw these characters, or that imitate those who drew them.
- Finding out who somebody is: a picture may happen to show a person.
- Deciding anything that matters to anybody: it is for telling cartoon characters apart, and for learning how to."""


def _use_pictures() -> str:
    return """## Use

```python
from datasets import load_dataset

pictures = load_dataset("imagefolder", data_dir=".", split="train")  # in this folder
```

Split by `source` and `group`, not at random: a model is else judged on what it has seen."""


def _use_manifest() -> str:
    return """## Use

```python
from datasets import load_dataset

addresses = load_dataset("json", data_files="metadata.jsonl", split="train")  # in this folder
```

The addresses lead to the pictures for as long as those stay there; compare `sha256` and `phash` before trusting that a
picture is still the same."""


def _table(head: str, lines: Iterable[tuple[str, int]]) -> str:
    cells = "\n".join(f"| {words} | {count:,} |" for words, count in lines)
    return f"| {head} | pictures |\n|---|---|\n{cells}"


def _said(words: str) -> str:
    """Words as they are, whatever they would mean to Markdown."""
    return _plain(words).translate(MARKS)


def _code(words: str) -> str:
    """A host as code, which no reader of Markdown turns into a link."""
    return "`" + _plain(words).replace("`", "'").replace("|", "/") + "`"


def _plain(words: str) -> str:
    """One line, without what YAML and Markdown cannot hold: control characters, halves of characters, unassigned ones."""
    odd = ("Cc", "Cs", "Cn", "Zl", "Zp")
    kept = "".join(" " if unicodedata.category(letter) in odd else letter for letter in words)
    return " ".join(kept.split())


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _span(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"from {days[0]} to {days[-1]}"


def _text(row: Row, key: str) -> str:
    return str(row.get(key) or "")
