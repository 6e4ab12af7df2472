"""What scrape.py is asked for, by a person or by train.py; a name's label, queries and folder."""

import ctypes
import hashlib
import logging
import os
import re
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from cartoons.console import INTERRUPTED, command
from cartoons.dataset import FEWEST_PER_LABEL
from cartoons.errors import DataError
from cartoons.folder_layout import PART_WORDS
from cartoons.metadata import alike_key, clean_label, is_label
from cartoons.model_folder import MAX_LABEL, OTHER_LABEL
from cartoons.packages import ROOT
from cartoons.picture_files import is_picture
from cartoons.picture_folder import LABEL_SHOWN
from cartoons.search.engines import LICENSES, SearchResult, queries_for

SHORT = 3
"""scrape.py's exit code when a name has fewer pictures than asked for."""

STOPPING_S = 2.0
"""So long after Ctrl-C, which a terminal tells both processes, scrape.py is told again."""

PR_SET_PDEATHSIG = 1

STORED_PX = 640
"""The longest side of a stored picture."""

FOLDER_NAME_BYTES = 80
"""The longest name of a label's folder: file systems take 255 bytes, and paths add up."""

OTHER_QUERIES = (
    "cartoon character",
    "animated film character",
    "comic strip panel",
    "anime character",
    "photo of a person",
    "photo of a pet",
    "landscape photograph",
    "photo of a street",
    "photo of food",
    "children's drawing",
)
"""What is searched for "none of these", when no queries are given."""

RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{k}" for name in ("com", "lpt") for k in range(1, 10))}
"""Names that Windows keeps for devices, with any suffix."""

SPLITS = re.compile(rf"(?<![^-._ 0-9])(?=({'|'.join(chain(*PART_WORDS.values()))})(?![^-._ 0-9]))")
"""Where a folder's name has a word by which load_dataset("imagefolder") would take it for a part of a split data set."""

log = logging.getLogger("train")


@dataclass(frozen=True)
class ScrapeConfig:
    """One run of scrape.py."""

    out: Path
    per_class: int | None = None
    """The most pictures kept of each label of this run; None for all. Other labels of the folder keep what they have."""
    queries: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Label -> what to search; empty where pictures or their addresses are given."""
    has_rivals: bool = False
    """Whether `_other` is also to be searched for what is drawn like the characters."""
    engines: Sequence[str] = ()
    license: str = LICENSES[0]
    url_list: Sequence[SearchResult] = ()
    from_folder: Path | None = None
    from_img2dataset: Path | None = None
    default_label: str = ""
    """Of pictures that lie here in no folder of a label."""
    dry_run: bool = False
    urls_only: bool = False
    originals: bool = False
    """Store the bytes as they came, metadata and all."""
    proxy: str = ""
    ca: str = ""
    ignore_opt_out: bool = False
    publish: str | None = None
    """The Hub data set ("user/name") that gets the list of pictures."""
    with_pictures: bool = False
    private: bool = False

    def __post_init__(self) -> None:
        """Raises DataError for labels of the list that cannot stand beside each other."""
        check_labels(result.label for result in self.url_list)

    @property
    def is_local(self) -> bool:
        """Whether the pictures are on this machine already."""
        return bool(self.from_folder or self.from_img2dataset)


def queries_by_label(
    names: Sequence[str], templates: Sequence[str], other: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Label -> its queries, in the names' order; `_other` last when `other` gives its queries.

    Raises DataError for a name that cannot be a label or is given twice, and for an empty query of `_other`; SearchError for
    a template without {name}.
    """
    labels = list(map(label_of, names))
    first = {} if other is None else {alike_key(OTHER_LABEL): OTHER_LABEL}
    for label in labels:
        if known := first.get(alike_key(label)):
            how = "" if known.casefold() == label.casefold() else f", with other characters that look alike ({known!r})"
            raise DataError(f"The name {label!r} is given twice{how}: give each once.")
        if alike_key(label) == OTHER_LABEL and other is None:
            raise DataError(f"The name {label!r} stands for pictures of none of the characters: give --other instead.")
        first[alike_key(label)] = label
    if (blank := next((query for query in other or () if not query.strip()), None)) is not None:
        raise DataError(f"The query {blank!r} for {OTHER_LABEL} is empty: give words to search, or leave it out.")
    queries = {label: queries_for(label, templates) for label in labels}
    return queries if other is None else queries | {OTHER_LABEL: tuple(other)}


def label_of(name: str) -> str:
    """The label that a given name stands for. Raises DataError for a name that cannot be one."""
    if not is_label(label := clean_label(name)):
        raise DataError(f"The name {name!r} is empty or cannot be written down as text: give another.")
    check_labels([label])
    return label


def check_labels(labels: Iterable[str]) -> None:
    """Raise DataError for a label that cannot be, and for two that a file system, or training, would not tell apart."""
    first: dict[str, str] = {}
    for label in labels:
        if not is_label(label):
            raise DataError(f"The label {label!r} cannot be written down as text: give another.")
        if len(label) > MAX_LABEL:
            raise DataError(
                f"The label {label[:LABEL_SHOWN]!r}... has {len(label):,} characters, more than the {MAX_LABEL} that a "
                "label may have: give a shorter one."
            )
        try:
            os.fsencode(label)
        except UnicodeEncodeError as error:
            raise DataError(f"The label {label!r} cannot be the name of a folder here.") from error
        if (other := first.setdefault(alike_key(label), label)) != label:
            how = "capital letters" if other.casefold() == label.casefold() else "characters that look alike"
            raise DataError(f"The labels {other!r} and {label!r} differ in {how} only: write both alike.")


def folder_of(label: str) -> str:
    """The name of the label's folder: the label itself where every file system takes it, else a likeness with a digest."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", unicodedata.normalize("NFC", label)).strip(" .")
    safe = SPLITS.sub("x", safe)
    if (safe.startswith("_") and label != OTHER_LABEL) or safe.split(".")[0].casefold() in RESERVED:
        safe = f"x{safe}"
    short = safe.encode()[:FOLDER_NAME_BYTES].decode(errors="ignore").strip(" .") or "label"
    return label if short == label else f"{short}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def folder_of_names(labels: Sequence[str]) -> str:
    """The name of a folder that no other set of labels has, without spaces."""
    return folder_of("\n".join(labels)).replace(" ", "-")


def run_script(folder: Path, labels: Sequence[str], per_class: int | None) -> int:
    """Let scrape.py, as a process of its own, fill the folder with pictures of each label, and of none of them.

    Returns its exit code, but 0 where each label has enough to train on. Raises DataError where one has not.
    """
    count = [] if per_class is None else ["--per-class", str(per_class)]
    words = [sys.executable, str(ROOT / "scrape.py"), "--other", "--out", str(folder), *count, "--", *labels]
    with subprocess.Popen(words, preexec_fn=_end_with_parent if sys.platform == "linux" else None) as script:
        try:
            code = script.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                script.wait(STOPPING_S)
            script.send_signal(signal.SIGINT)
            script.wait()
            return INTERRUPTED
    if code < 0:
        raise DataError(f"scrape.py was ended by signal {-code}: the same command goes on from there.")
    if code != SHORT:
        return code
    folders = {label: folder / folder_of(label) for label in (*labels, OTHER_LABEL)}
    counts = {label: sum(map(is_picture, path.glob("*"))) for label, path in folders.items()}
    if few := {label: count for label, count in counts.items() if count < FEWEST_PER_LABEL}:
        raise DataError(too_few(folder, few))
    log.info("Going on with the pictures there are.")
    return 0


def too_few(folder: Path, counts: Mapping[str, int]) -> str:
    """What to do about labels of fewer pictures than training needs."""
    spoken = ", ".join(f"{label} ({count})" for label, count in counts.items())
    return (
        f"Too few pictures were found of {spoken}; training needs at least {FEWEST_PER_LABEL}: spell a name "
        f"otherwise, or search elsewhere by {command('python', 'scrape.py', '--out', folder)}, and give this command again."
    )


def _end_with_parent() -> None:
    """In the new process: it ends when this one does, even by kill -9, so that no second one fills the same folder."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
