"""What an engine is: a name, the licences it can filter by, pages of what it found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cartoons.errors import SearchError

ANY_LICENSE = "any"
PUBLIC_DOMAIN = "public domain"
LICENSES = (ANY_LICENSE, "share", "share commercially", "modify", "modify commercially", PUBLIC_DOMAIN)
"""What a picture's licence must allow, as far as the engine knows it."""

GetJson = Callable[[str, Mapping[str, str | int]], dict[str, Any]]
"""(address, query parameters) -> the JSON object that it answers.

Whatever goes wrong (no connection, no answer in time, a status other than 200, no JSON object) is raised as a CartoonError
or an OSError that says so in a few words; a SearchError carries the server's Retry-After in seconds, where it gave one.
"""


@dataclass(frozen=True)
class Found:
    """A picture as an engine describes it; `url` is an http(s) address, the rest "" where the engine does not say."""

    url: str
    page_url: str = ""
    title: str = ""
    license: str = ""
    author: str = ""


@dataclass(frozen=True)
class Page:
    """One page of an engine's answer, in its order."""

    found: tuple[Found, ...]
    more: bool = True
    """False when the engine says that this was its last page; True when there may be another."""


class SilentError(SearchError):
    """Nothing came, and the engine does not say whether it has nothing or refuses to answer."""


class Engine(Protocol):
    """An image search."""

    name: str
    licenses: frozenset[str]
    """The LICENSES that it can filter by; ANY_LICENSE is always among them."""

    def page(self, query: str, number: int, license: str) -> Page:
        """Page `number` (from 1) of a query. Raises CartoonError or OSError when there is no answer, in a few words why."""
        ...
