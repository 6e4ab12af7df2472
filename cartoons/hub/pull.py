"""A model from the Hugging Face Hub, in bounded time.

`pull` asks the Hub for exactly the two files that serving needs; `cached` finds what earlier pulls left on this machine;
`pull_learner` fetches a fastai learner's pickle, for converting only: the page never calls it.
"""

import logging
import queue
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.hf_api import ModelInfo as Listing

from cartoons.console import command
from cartoons.errors import BundleError, HubError
from cartoons.hub.errors import hub_read
from cartoons.model_folder import EXAMPLES, FILES, MOST_BYTES, read_description

INFO_TIMEOUT_S = 10.0
DOWNLOAD_TIMEOUT_S = 900.0
EXAMPLES_TIMEOUT_S = 4.0
MOST_EXAMPLE_BYTES = 2**20
LEARNER_FILES = ("model.pkl", "export.pkl")
"""What push_to_hub_fastai and learn.export() name a learner's file."""

COMMIT = re.compile(r"[0-9a-f]{40}")

log = logging.getLogger("app.hub")
T = TypeVar("T")


def pull(repo: str, revision: str | None = None, *, timeout_s: float = DOWNLOAD_TIMEOUT_S) -> Path:
    """The folder holding model.onnx and model.json of `repo` ("user/name") at `revision` (default: its newest commit), and
    the model's examples, as far as they come within EXAMPLES_TIMEOUT_S.

    Only what is not in the Hub cache is downloaded; the Hub is not even asked for a commit that is there. Raises HubError,
    saying why, after at most timeout_s seconds; a download that takes longer goes on in the background, for the next call.
    """
    if revision and COMMIT.fullmatch(revision) and (there := cached(repo, revision)):
        return there[0]
    sizes: dict[str, int] = {}

    def fetch(downloading: threading.Event) -> Path:
        info = HfApi().model_info(repo, revision=revision, timeout=INFO_TIMEOUT_S, files_metadata=True)
        _check_files(repo, info)
        sizes.update({file.rfilename: file.size or 0 for file in info.siblings or []})
        downloading.set()
        # One by one: the threads of snapshot_download would hold the program back when it ends.
        folders = {Path(hf_hub_download(repo, name, revision=revision)).parent for name in reversed(FILES)}
        if {folder.name for folder in folders} != {info.sha}:
            raise HubError(f"The model {repo} on the Hub was changed while it was downloaded: start again.")
        return folders.pop()

    folder = _ask(repo, revision, timeout_s, fetch)
    with suppress(HubError):  # it answers without them
        _ask(f"{repo}'s examples", None, min(timeout_s, EXAMPLES_TIMEOUT_S), lambda _: _pull_examples(repo, folder, sizes))
    return folder


def _pull_examples(repo: str, folder: Path, sizes: Mapping[str, int]) -> Path:
    """Download the pictures that model.json names, if the Hub has them and they are small."""
    with suppress(BundleError):  # whoever loads the model says why
        for example in read_description(folder).examples:
            if 0 < sizes.get(name := f"{EXAMPLES}/{example.file_name}", 0) <= MOST_EXAMPLE_BYTES:
                hf_hub_download(repo, name, revision=folder.name)
    return folder


def pull_learner(repo: str, revision: str | None = None) -> Path:
    """The pickle of a fastai learner in `repo` ("user/name"), with its pyproject.toml beside it if there is one.

    Nothing else is downloaded, and nothing is unpickled. Raises HubError, as `pull` does.
    """

    def fetch(downloading: threading.Event) -> Path:
        info = HfApi().model_info(repo, revision=revision, timeout=INFO_TIMEOUT_S)
        downloading.set()
        try:
            name = learner_name(file.rfilename for file in info.siblings or [])
        except ValueError as error:
            raise HubError(f"The model {repo} on the Hub has {error}.") from error
        return Path(snapshot_download(repo, revision=info.sha, allow_patterns=[name, "pyproject.toml"])) / name

    return _ask(repo, revision, DOWNLOAD_TIMEOUT_S, fetch)


def learner_name(names: Iterable[str]) -> str:
    """Which of a folder's files is the learner: model.pkl, export.pkl, or the only other .pkl. ValueError, in words."""
    pickles = sorted(name for name in names if name.endswith(".pkl"))
    for name in (*LEARNER_FILES, *pickles[:1]):
        if name in pickles and (name in LEARNER_FILES or len(pickles) == 1):
            return name
    others = f"no {' or '.join(LEARNER_FILES)}, but {len(pickles)} of other names ({', '.join(pickles[:3])})"
    raise ValueError(f"{others if pickles else 'no .pkl'}: give one that holds a learner exported by fastai")


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


def _check_files(repo: str, info: Listing) -> None:
    """Raise HubError unless the Hub lists both files, and of no larger size than is read."""
    sizes = {file.rfilename: file.size for file in info.siblings or []}
    if missing := [name for name in FILES if name not in sizes]:
        raise HubError(f"The model {repo} on the Hub has no {' and no '.join(missing)}: {_what_to_do(repo, set(sizes))}")
    for name in FILES:
        if (sizes[name] or 0) > MOST_BYTES[name]:
            raise HubError(
                f"The model {repo} on the Hub has a {name} of {(sizes[name] or 0) / 2**20:,.0f} MB, "
                f"more than the {MOST_BYTES[name] / 2**20:,.0f} MB that are read: it is no model of this project."
            )


def _what_to_do(repo: str, names: set[str]) -> str:
    """What to do about a model that this page cannot serve."""
    with suppress(ValueError):
        learner_name(names)
        convert = command("python", "train.py", "--from-learner", repo, "--out", "runs/theirs")
        return f"a page never runs a pickle, so convert it: {convert}"
    return "this page serves model folders as train.py writes them."


def _ask(repo: str, revision: str | None, timeout_s: float, fetch: Callable[[threading.Event], Path]) -> Path:
    what = f"The model {repo}@{revision}" if revision else f"The model {repo}"
    with hub_read(what):
        return _with_timeout(timeout_s, fetch, what)


def _with_timeout(timeout_s: float, fetch: Callable[[threading.Event], T], what: str) -> T:
    """fetch() in a daemon thread, so that a server that drips a byte a minute cannot hold the page back.

    fetch sets its event once it has begun to download; from then on it is left to go on when the time is over.
    """
    outcome: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()
    downloading, late = threading.Event(), threading.Event()

    def run() -> None:
        try:
            outcome.put((fetch(downloading), None))
            end = "has now been downloaded: the next start answers with it"
        except BaseException as error:
            outcome.put((None, error))
            end = f"was not downloaded in the background either ({type(error).__name__})"
        if late.is_set():
            log.warning("%s %s.", what, end)

    threading.Thread(target=run, daemon=True, name="hub-pull").start()
    try:
        value, error = outcome.get(timeout=timeout_s)
    except queue.Empty:
        late.set()
        slow = f"its download takes more than {timeout_s:.0f} s, and goes on in the background for the next start"
        raise TimeoutError(slow if downloading.is_set() else f"the Hub took more than {timeout_s:.0f} s to answer") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # one of the two is always set
