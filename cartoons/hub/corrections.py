"""Visitors' corrections to a dataset on the Hub, a few minutes after they came."""

import tempfile
import uuid
from pathlib import Path

from huggingface_hub import CommitScheduler, get_token
from huggingface_hub.errors import LocalTokenNotFoundError

from cartoons.hub.errors import check_name, check_private, hub_write

EVERY_MINUTES = 5.0


def push_regularly(repo: str, every_minutes: float = EVERY_MINUTES) -> tuple[Path, str]:
    """A folder of which the Hub dataset `repo` ("user/name", made private if need be) gets what is new, also at the exit.

    Gives it with a name for the file of rows that no other run has: a Space starts without the files of its last run, and
    what a dataset holds is only ever added to. The token is that of HF_TOKEN. Raises HubError.
    """
    check_name(repo)
    with hub_write(f"Corrections cannot be pushed to {repo}"):
        if get_token() is None:
            raise LocalTokenNotFoundError
        check_private(repo, "dataset")
        folder = Path(tempfile.mkdtemp(prefix="corrections-"))
        CommitScheduler(
            repo_id=repo,
            repo_type="dataset",
            folder_path=folder,
            every=every_minutes,
            private=True,
            allow_patterns=["*.jsonl", "*/*.jpg"],
        )
    return folder, f"corrections-{uuid.uuid4().hex}.jsonl"
