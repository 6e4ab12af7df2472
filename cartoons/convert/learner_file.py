"""A fastai learner's file, found on this machine or on the Hub, and refused where torch could only trip over it.

Nothing here loads torch, so that a wrong name is answered at once.
"""

import os
import re
import zipfile
from pathlib import Path

from cartoons.errors import ConvertError
from cartoons.hub.pull import learner_name, pull_learner

HUB_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>\S+))?")
LEGACY_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first bytes of what torch wrote before its files were zip archives."""


def find(source: str) -> Path:
    """The learner's file: a .pkl, the one in a folder, or that of "user/name" or "user/name@revision" on the Hub.

    Raises ConvertError when there is none, HubError when the Hub does not give it.
    """
    path = Path(os.path.expanduser(source))  # noqa: PTH111  # of an unknown user, too
    if path.is_file():
        return path
    if path.is_dir():
        try:
            return path / learner_name(entry.name for entry in path.iterdir())
        except ValueError as error:
            raise ConvertError(f"The folder {source} has {error}.") from error
    named = HUB_NAME.fullmatch(source)
    if named and path.suffix != ".pkl":
        return pull_learner(named["repo"], named["revision"])
    raise ConvertError(
        f"{source} is neither a file nor a folder: give the .pkl that learn.export() wrote, or user/name of a Hub model."
    )


def check_head(path: Path) -> None:
    """Raise ConvertError for a file that torch.load would not take or would only trip over, before anything in it is run."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise ConvertError(f"{path} is the pointer that Git LFS leaves in place of a file: fetch it with `git lfs pull`.")
    if head.startswith(b"PK") and not zipfile.is_zipfile(path):
        raise ConvertError(f"{path} is cut short: download or copy it again.")
    if head.startswith((b"PK", LEGACY_HEAD)):
        return
    kind = "a plain pickle" if head.startswith(b"\x80") else "no pickle" if head else "empty"
    raise ConvertError(f"{path} is {kind}, not an exported fastai learner: give the file that learn.export() wrote.")
