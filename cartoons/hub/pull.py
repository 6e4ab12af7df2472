"""A model from the Hugging Face Hub, in bounded time.

`pull` asks the Hub for exactly the two files that serving needs; `cached` finds what earlier pulls left on this machine;
`pull_learner` fetches a fastai learner's pickle, for converting only: the page never calls it.
"""

import queue
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, scan_cache_dir, snapshot_download
from huggingface_hub.errors import CacheNotFound

from cartoons.bundle import FILES
from cartoons.console import command
from cartoons.errors import HubError
from cartoons.hub.words import reading

INFO_TIMEOUT_S = 10.0
PULL_TIMEOUT_S = 60.0
LEARNER_TIMEOUT_S = 900.0
LEARNER_FILES = ("model.pkl", "export.pkl")
"""What push_to_hub_fastai and learn.export() name a learner's file."""

COMMIT = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


def pull(repo: str, revision: str | None = None, *, timeout_s: float = PULL_TIMEOUT_S) -> Path:
    """The folder holding model.onnx and model.json of `repo` ("user/name") at `revision` (default: its newest commit).

    Only what is not in the Hub cache is downloaded; the Hub is not even asked for a commit that is there. Raises HubError,
    saying why, after at most timeout_s seconds.
    """
    if revision and COMMIT.fullmatch(revision) and (there := cached(repo, revision)):
        return there[0]

    def fetch() -> Path:
        info = HfApi().model_info(repo, revision=revision, timeout=INFO_TIMEOUT_S)
        names = {file.rfilename for file in info.siblings or []}
        if missing := [name for name in FILES if name not in names]:
            raise HubError(f"The model {repo} on the Hub has no {' and no '.join(missing)}: {_instead(repo, names)}")
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES)))

    return _ask(repo, revision, timeout_s, fetch)


def pull_learner(repo: str, revision: str | None = None, *, timeout_s: float = LEARNER_TIMEOUT_S) -> Path:
    """The pickle of a fastai learner in `repo` ("user/name"), with its pyproject.toml beside it if there is one.

    Nothing else is downloaded, and nothing is unpickled. Raises HubError, as `pull` does.
    """

    def fetch() -> Path:
        info = HfApi().model_info(repo, revision=revision, timeout=INFO_TIMEOUT_S)
        try:
            name = learner_name(file.rfilename for file in info.siblings or [])
        except ValueError as error:
            raise HubError(f"The model {repo} on the Hub has {error}.") from error
        return Path(snapshot_download(repo, revision=info.sha, allow_patterns=[name, "pyproject.toml"])) / name

    return _ask(repo, revision, timeout_s, fetch)


def learner_name(names: Iterable[str]) -> str:
    """Which of a folder's files is the learner: model.pkl, export.pkl, or the only other .pkl. ValueError, in words."""
    pickles = sorted(name for name in names if name.endswith(".pkl"))
    for name in (*LEARNER_FILES, *pickles[:1]):
        if name in pickles and (name in LEARNER_FILES or len(pickles) == 1):
            return name
    found = f"{len(pickles)} of other names ({', '.join(pickles[:3])})" if pickles else "no .pkl"
    raise ValueError(f"no {' or '.join(LEARNER_FILES)}, but {found}: give one that holds a learner exported by fastai")


def cached(repo: str, revision: str | None = None) -> list[Path]:
    """The folders of `repo` in this machine's Hub cache that hold both files, newest first, without asking the Hub.

    revision: a commit, a branch or a tag, to have only those that it stood for when it was pulled.
    """
    try:
        cache = scan_cache_dir()
    except (CacheNotFound, OSError):
        return []
    found = [
        (commit.last_modified, commit.snapshot_path)
        for kept in cache.repos
        if (kept.repo_type, kept.repo_id) == ("model", repo)
        for commit in kept.revisions
        if revision in (None, commit.commit_hash, *commit.refs)
        and all((commit.snapshot_path / name).is_file() for name in FILES)
    ]
    return [path for _, path in sorted(found, reverse=True)]


def _instead(repo: str, names: set[str]) -> str:
    """What to do about a model that this page cannot serve."""
    with suppress(ValueError):
        learner_name(names)
        convert = command("python", "train.py", "--from-learner", repo, "--out", "runs/theirs")
        return f"a page never runs a pickle, so convert it: {convert}"
    return "this page serves model folders as train.py writes them."


def _ask(repo: str, revision: str | None, timeout_s: float, fetch: Callable[[], Path]) -> Path:
    with reading(f"The model {_name(repo, revision)}"):
        return _within(timeout_s, fetch)


def _name(repo: str, revision: str | None) -> str:
    return f"{repo}@{revision}" if revision else repo


def _within(timeout_s: float, fetch: Callable[[], T]) -> T:
    """fetch() in a daemon thread, so that a server that drips a byte a minute cannot hold the page back."""
    outcome: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            outcome.put((fetch(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True, name="hub-pull").start()
    try:
        value, error = outcome.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError(f"it took more than {timeout_s:.0f} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # one of the two is always set
