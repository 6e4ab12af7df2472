"""DuckDuckGo and Bing, through ddgs: each pinned by name, a page per request.

What ddgs does that shows: it tells a refusal (202, 403) from an empty answer by nothing at all; it puts the hits whose title
has a word of the query first; it decodes %XX in addresses (a space becomes "+"), so a few of them lead nowhere.
"""

import re
from json import JSONDecodeError
from typing import Any

from ddgs import DDGS
from ddgs.exceptions import DDGSException, TimeoutException

from cartoons.errors import SearchError
from cartoons.search.engine import ANY_LICENSE, LICENSES, PUBLIC_DOMAIN, Found, Page, SilentError
from cartoons.search.hits import one_line, web_address

LICENSE_IMAGE = {
    "share": "Share",
    "share commercially": "ShareCommercially",
    "modify": "Modify",
    "modify commercially": "ModifyCommercially",
    PUBLIC_DOMAIN: "Public",
}
SILENT = "it has none, or it refuses this machine (it answers 202 or 403 without a word)"
WITHOUT_A_WORD = ("No results found", "Could not extract vqd")
"""ddgs' messages for an answer that holds no hits: empty, refused, or another page instead."""


class DuckDuckGo:
    """DuckDuckGo's pictures, 100 a page, its safe search on. The proxy may also come from DDGS_PROXY."""

    name = "duckduckgo"
    licenses = frozenset(LICENSES)

    def __init__(self, proxy: str | None = None, ca_file: str | None = None, timeout_s: int = 10) -> None:
        self._client = _Client(self.name, proxy, ca_file, timeout_s)

    def page(self, query: str, number: int, license: str) -> Page:
        """As Engine.page."""
        filters = {"license_image": LICENSE_IMAGE[license]} if license != ANY_LICENSE else {}
        return self._client.page(query, number, safesearch="on", **filters)


class Bing:
    """Bing's pictures, 35 a page, with no filter: ddgs passes it none."""

    name = "bing"
    licenses = frozenset({ANY_LICENSE})

    def __init__(self, proxy: str | None = None, ca_file: str | None = None, timeout_s: int = 10) -> None:
        self._client = _Client(self.name, proxy, ca_file, timeout_s)

    def page(self, query: str, number: int, license: str) -> Page:  # noqa: ARG002 - it honours none
        """As Engine.page."""
        return self._client.page(query, number)


class _Client:
    """One of ddgs' engines, whatever it raises turned into a SearchError."""

    def __init__(self, backend: str, proxy: str | None, ca_file: str | None, timeout_s: int) -> None:
        self._ddgs = DDGS(proxy=proxy, verify=ca_file or True, timeout=timeout_s)
        self._backend = backend
        self._timeout_s = timeout_s

    def page(self, query: str, number: int, **filters: str) -> Page:
        try:
            rows = self._ddgs.images(query, backend=self._backend, page=number, max_results=None, **filters)
        except TimeoutException as error:
            raise SearchError(f"no answer within {self._timeout_s} s") from error
        except DDGSException as error:
            if any(words in str(error) for words in WITHOUT_A_WORD) or isinstance(_cause(error), JSONDecodeError):
                raise SilentError(SILENT) from error
            raise SearchError(_why(error)) from error
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # ddgs on rows that it did not expect
            raise SearchError(f"ddgs cannot read its answer ({type(error).__name__}: {error})") from error
        found = tuple(found for row in rows if (found := _found(row)).url)
        if not found:
            raise SilentError(SILENT)
        return Page(found)


def _found(row: dict[str, Any]) -> Found:
    return Found(url=web_address(row.get("image")), page_url=web_address(row.get("url")), title=one_line(row.get("title")))


def _cause(error: DDGSException) -> object:
    """What went wrong within ddgs: text, an exception, or another DDGSException when a request failed."""
    return error.args[0] if error.args else ""


def _why(error: DDGSException) -> str:
    cause = _cause(error)
    text = one_line(str(error) if isinstance(cause, (str, DDGSException)) else f"{type(cause).__name__}: {cause}")
    reached = re.match(r"(Request|Connect|Builder|Redirect|Proxy)\w*Error\b", text) is None
    return f"{'ddgs cannot read its answer' if reached else 'it cannot be reached'} ({text})"
