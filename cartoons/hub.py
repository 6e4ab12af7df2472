"""A model from the Hugging Face Hub, through huggingface_hub alone, in bounded time.

`pull` asks the Hub for exactly the two files that serving needs; `cached` finds what an earlier pull left on this machine;
`pull_learner` fetches a fastai learner's pickle, for converting only: the page never calls it.
"""

import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from cartoons.bundle import FILES
from cartoons.errors import HubError

INFO_TIMEOUT_S = 10.0
PULL_TIMEOUT_S = 60.0
LEARNER_TIMEOUT_S = 900.0
LEARNER_FILES = ("model.pkl", "export.pkl")
"""What push_to_hub_fastai and learn.export() name a learner's file."""

T = TypeVar("T")


def pull(repo: str, revision: str | None = None, *, timeout_s: float = PULL_TIMEOUT_S) -> Path:
    """The folder holding model.onnx and model.json of `repo` ("user/name") at `revision` (default: its newest commit).

    Only what is not in the Hub cache is downloaded. Raises HubError, saying why, after at most timeout_s seconds.
    """

    def fetch() -> Path:
        info = HfApi().model_info(repo, revision=revision, timeout=INFO_TIMEOUT_S)
        names = {file.rfilename for file in info.siblings or []}
        if missing := [name for name in FILES if name not in names]:
            raise HubError(
                f"The model {repo} on the Hub has no {' and no '.join(missing)}: this page serves model folders "
                "as train.py writes them, and never runs a pickle."
            )
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


def _ask(repo: str, revision: str | None, timeout_s: float, fetch: Callable[[], Path]) -> Path:
    """fetch(), within timeout_s; whatever goes wrong becomes a HubError in words."""
    try:
        return _within(timeout_s, fetch)
    except HubError:
        raise
    except Exception as error:  # huggingface_hub lets httpx's, OSError's and its own errors through
        raise HubError(f"The model {_name(repo, revision)} could not be had from the Hub: {_why(error)}.") from error


def cached(repo: str, revision: str | None = None) -> Path:
    """The newest cached folder of `repo` at `revision`, without asking the Hub. Raises HubError when there is none."""
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES), local_files_only=True))
    except Exception as error:
        raise HubError(f"No copy of {_name(repo, revision)} is in this machine's Hub cache.") from error


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


def _why(error: Exception) -> str:
    """The cause in words, for the page and the log."""
    match error:
        case GatedRepoError():
            return "it is gated; accept its terms on the Hub and give a token (HF_TOKEN)"
        case RepositoryNotFoundError():
            return "no such model, or it is private and no token (HF_TOKEN) that may read it was given"
        case RevisionNotFoundError():
            return "it has no such revision"
        case LocalEntryNotFoundError() | OfflineModeIsEnabled() | ConnectionError():
            return "the Hub cannot be reached"
        case EntryNotFoundError():
            return "a file of it is missing"
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return "it is private and no token (HF_TOKEN) that may read it was given"
        case HfHubHTTPError():
            return f"the Hub answered {error.response.status_code}"
        case HFValidationError():
            return "that is not a valid model name (user/name)"
        case TimeoutError() | OSError():
            return str(error)
        case _:
            return f"the Hub cannot be reached ({type(error).__name__}: {error})"
