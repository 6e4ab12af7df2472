"""What every image search has in common: the queries it takes, the licences it filters by, the results it gives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urldefrag, urlsplit

from cartoons.errors import SearchError

ENGINES = DUCKDUCKGO, BING, OPENVERSE, COMMONS = "duckduckgo", "bing", "openverse", "commons"
FOLDER = "folder"
"""What stands for the engine of pictures that lay on this machine."""

DEFAULT_ENGINES = (DUCKDUCKGO, BING)
ANY_LICENSE = "any"
PUBLIC_DOMAIN = "public domain"
LICENSES = (ANY_LICENSE, "share", "share commercially", "modify", "modify commercially", PUBLIC_DOMAIN)
"""What a picture's licence must allow, as far as the engine knows it."""

PLACEHOLDER = "{name}"
QUERY_TEMPLATES = (PLACEHOLDER, "{name} cartoon", "{name} character")
MAX_TEXT_LENGTH = 500
"""Characters of a title or an author that are kept."""

GetJson = Callable[[str, Mapping[str, str | int]], dict[str, Any]]
"""(URL, query parameters) -> the JSON object at it.

Raises CartoonError or OSError with the cause in a few words; a SearchError carries the server's Retry-After, if it gave one.
"""


@dataclass(frozen=True)
class SearchResult:
    """A picture that an engine or a list names; "" for what is not known. `label`, `engine`, `query` are set by Searcher."""

    url: str
    label: str = ""
    page_url: str = ""
    title: str = ""
    engine: str = ""
    query: str = ""
    license: str = ""
    """As the engine states it: "CC BY-SA 4.0", "CC0", "PDM"..."""
    author: str = ""

    @classmethod
    def cleaned(cls, **values: object) -> "SearchResult":
        """Made of whatever an engine or a list says: URLs by http_url, texts by one_line."""
        return cls(**{name: http_url(value) if "url" in name else one_line(value) for name, value in values.items()})


@dataclass(frozen=True)
class ResultPage:
    """One page of results, in the engine's order."""

    results: tuple[SearchResult, ...]
    has_more: bool = True
    """False when the engine says that this is its last page; True when there may be another."""

    @classmethod
    def of(cls, results: Iterable[SearchResult], has_more: bool = True) -> "ResultPage":
        """Leaves out results without a URL."""
        return cls(tuple(result for result in results if result.url), has_more)


class NoResultsError(SearchError):
    """Nothing came, and the engine does not say whether it has nothing or refuses to answer."""


class Engine(Protocol):
    """An image search."""

    name: str
    licenses: frozenset[str]
    """The LICENSES that it can filter by; ANY_LICENSE is always among them."""

    def page(self, query: str, number: int, license: str) -> ResultPage:
        """Page `number` (from 1) of a query. Raises CartoonError or OSError with the cause in a few words."""
        ...


def check_engines(names: Iterable[str]) -> None:
    """Raise SearchError for a name that is none of ENGINES."""
    if unknown := [name for name in names if name not in ENGINES]:
        raise SearchError(f"No engine is called {unknown[0]!r}: choose among {', '.join(ENGINES)}.")


def queries_for(label: str, templates: Iterable[str] = QUERY_TEMPLATES) -> tuple[str, ...]:
    """Each template with the label in the place of {name}, in order, none twice. Raises SearchError for one without it."""
    templates = tuple(templates)
    if wrong := [template for template in templates if PLACEHOLDER not in template]:
        raise SearchError(
            f'The query "{wrong[0]}" has no {PLACEHOLDER}: write {PLACEHOLDER} where the name of the character belongs.'
        )
    return tuple(dict.fromkeys(" ".join(template.replace(PLACEHOLDER, label).split()) for template in templates))


def http_url(value: object) -> str:
    """The http or https URL that a value is, without its fragment (which is never sent); "" for anything else."""
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
    return " ".join(text.encode("utf-8", "replace").decode().split())[:MAX_TEXT_LENGTH]
