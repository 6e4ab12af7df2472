"""What went wrong at the Hub, in a sentence: huggingface_hub lets httpx's, OSError's and its own errors through."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from cartoons.errors import CartoonError, HubError

REPO = re.compile(r"[\w.-]+/[\w.-]+")
LOG_IN = "make a token with write permission at https://huggingface.co/settings/tokens, then type: hf auth login"
AGAIN = "the same command, given again, goes on from there"
STATUS_REASONS = {
    402: "the Hub wants a paid plan for that",
    403: f"your token may not write there; take a name under your own account, or {LOG_IN}",
    404: "there is no such repository, or your token may not see it",
    409: "somebody else is changing it at this moment; try again",
    413: "it is larger than the Hub takes",
    429: "the Hub has had too many requests from you; try again in some minutes",
}
"""Why a request that was to change something failed."""


def is_repo_name(text: str) -> bool:
    """Whether a text reads user/name, and not as a path; the Hub's own rules are finer."""
    return bool(REPO.fullmatch(text)) and not text.startswith(".")


def check_name(repo: str) -> None:
    """Raise HubError unless `is_repo_name`."""
    if not is_repo_name(repo):
        raise HubError(f"{repo!r} is no name on the Hub: give user/name, with your user name there.")


def check_private(repo: str, kind: str) -> None:
    """Raise HubError if a "model", "dataset" or "space" is there and public, which no later upload changes."""
    with hub_write(f"{repo} cannot be pushed to"):
        try:
            is_private = HfApi().repo_info(repo, repo_type=kind).private
        except RepositoryNotFoundError:
            return
    if not is_private:
        raise HubError(f"{repo} is on the Hub already, and public: make it private in its settings, or give another name.")


@contextmanager
def hub_read(what: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a HubError: `what` could not be had from the Hub, and why."""
    try:
        yield
    except CartoonError:
        raise
    except Exception as error:
        raise HubError(f"{what} could not be had from the Hub: {read_failure(error)}.") from error


@contextmanager
def hub_write(what: str, paid: str = STATUS_REASONS[402]) -> Iterator[None]:
    """Whatever goes wrong inside becomes a HubError: `what`, not done, and why; paid: what 402 means here."""
    try:
        yield
    except CartoonError:
        raise
    except Exception as error:
        raise HubError(f"{what}: {write_failure(error, paid)}.") from error


def read_failure(error: Exception) -> str:
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


def write_failure(error: BaseException, paid: str) -> str:
    """The cause in words, for whoever typed the command."""
    if type(error) is RuntimeError and error.__cause__:  # an upload's, around the real one
        error = error.__cause__
    match error:
        case LocalTokenNotFoundError():
            return f"nobody is logged in to the Hugging Face Hub; {LOG_IN}"
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set; unset it"
        case HfHubHTTPError() if error.response.status_code == 401:
            return f"the Hub does not accept your token; {LOG_IN}"
        case HfHubHTTPError() if error.response.status_code in STATUS_REASONS:
            words = paid if error.response.status_code == 402 else STATUS_REASONS[error.response.status_code]
            return words + (f" (it says: {_one_line(error.server_message)})" if error.server_message else "")
        case HfHubHTTPError() if error.response.status_code >= 500:
            return f"the Hub is in trouble (it answered {error.response.status_code}); {AGAIN}"
        case HfHubHTTPError() if error.server_message:
            return f"the Hub refused it ({_one_line(error.server_message)})"
        case HFValidationError():
            return "that is not a valid name for the Hub (user/name: letters, digits, and - _ . between them)"
        case ValueError() | FileNotFoundError() | PermissionError():
            return _one_line(str(error))
        case _:
            return f"the connection broke ({_one_line(str(error)) or type(error).__name__}); {AGAIN}"


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
