"""DuckDuckGo and Bing, through ddgs: each pinned by name, a page per request.

ddgs does not tell a refusal (202, 403) from an empty answer, puts results whose title has a word of the query first, and
decodes %XX in URLs (a space becomes "+"), so a few of them lead nowhere.
"""

import re
from json import JSONDecodeError

from ddgs import DDGS
from ddgs.exceptions import DDGSException, TimeoutException

from cartoons.errors import SearchError
from cartoons.search.engines import (
    ANY_LICENSE,
    DUCKDUCKGO,
    LICENSES,
    PUBLIC_DOMAIN,
    NoResultsError,
    ResultPage,
    SearchResult,
    one_line,
)

LICENSE_IMAGE = {
    "share": "Share",
    "share commercially": "ShareCommercially",
    "modify": "Modify",
    "modify commercially": "ModifyCommercially",
    PUBLIC_DOMAIN: "Public",
}
"""ddgs' argument license_image for each licence."""
NO_RESULTS = "it has none, or it refuses this machine (it answers 202 or 403 without a word)"
NO_RESULTS_MESSAGES = ("No results found", "Could not extract vqd")
"""ddgs' messages for an answer without results: empty, refused, or another page instead."""
CAUSE = re.compile(r" for url \(\S*\) > (.*?)(?= > | \(after |\\[rn]|'\)|$)")
"""Of all that the HTTP client says of a failed request, why it failed."""


class DdgsEngine:
    """DuckDuckGo (100 results a page, safe search on) or Bing (35, no filter). The proxy may also come from DDGS_PROXY."""

    def __init__(self, name: str, proxy: str | None = None, ca_file: str | None = None, timeout_s: int = 10) -> None:
        self.name = name
        self.licenses = frozenset(LICENSES if name == DUCKDUCKGO else {ANY_LICENSE})
        self._timeout_s = timeout_s
        self._ddgs = DDGS(proxy=proxy, verify=ca_file or True, timeout=timeout_s)

    def page(self, query: str, number: int, license: str) -> ResultPage:
        """As Engine.page, whatever ddgs raises turned into a SearchError."""
        options = {"safesearch": "on", "license_image": LICENSE_IMAGE.get(license)}
        try:
            rows = self._ddgs.images(query, backend=self.name, page=number, max_results=None, **options)
        except TimeoutException as error:
            raise SearchError(f"no answer within {self._timeout_s} s") from error
        except DDGSException as error:
            raise _search_error(error) from error
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # ddgs on rows that it did not expect
            raise SearchError(f"ddgs cannot read its answer ({type(error).__name__}: {error})") from error
        results = [
            SearchResult.cleaned(url=row.get("image"), page_url=row.get("url"), title=row.get("title")) for row in rows
        ]
        if not any(result.url for result in results):
            raise NoResultsError(NO_RESULTS)
        return ResultPage.of(results)


def _search_error(error: DDGSException) -> SearchError:
    cause = error.args[0] if error.args else ""  # text, an exception, or another DDGSException when a request failed
    if any(message in str(error) for message in NO_RESULTS_MESSAGES) or isinstance(cause, JSONDecodeError):
        return NoResultsError(NO_RESULTS)
    text = one_line(str(error) if isinstance(cause, (str, DDGSException)) else f"{type(cause).__name__}: {cause}")
    if re.match(r"(DNS|Request|Connect|Builder|Redirect|Proxy)\w*Error\b", text):
        why = CAUSE.search(text)
        return SearchError(f"it cannot be reached ({why[1] if why else text})")
    return SearchError(f"ddgs cannot read its answer ({text})")
