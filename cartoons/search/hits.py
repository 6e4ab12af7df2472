"""What a search finds: a picture's address and where it was found."""

from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

LONGEST_TEXT = 500
"""Characters of a title or an author that are kept."""


@dataclass(frozen=True)
class Hit:
    """A picture that was found for a label. Whatever the engine does not say is ""."""

    url: str
    label: str
    page_url: str = ""
    title: str = ""
    engine: str = ""
    query: str = ""
    license: str = ""
    """As the engine states it: "CC BY-SA 4.0", "CC0", "PDM"..."""
    author: str = ""


def web_address(value: object) -> str:
    """The http or https address that a value is, without its fragment (which is never sent); "" for anything else."""
    if not isinstance(value, str) or not value.strip().isprintable():
        return ""
    try:
        url = urldefrag(value.strip()).url
        parts = urlsplit(url)
        _ = parts.port  # ValueError for one that is no number
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


def one_line(value: object) -> str:
    """A title or a name as text of one line that can be written as UTF-8; "" for what is not text."""
    text = value if isinstance(value, str) else ""
    return " ".join(text.encode("utf-8", "replace").decode().split())[:LONGEST_TEXT]
