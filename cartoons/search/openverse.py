"""Openverse: freely licensed pictures of many collections, with their licences and authors."""

from collections.abc import Mapping
from typing import Any

from cartoons.errors import SearchError
from cartoons.search.engine import LICENSES, PUBLIC_DOMAIN, Found, GetJson, Page
from cartoons.search.hits import one_line, web_address

URL = "https://api.openverse.org/v1/images/"
PAGE_SIZE = 20
"""The most that it gives to whoever has no key."""
DEEPEST_PAGE = 20
"""It answers no page beyond."""
FILTERS: Mapping[str, Mapping[str, str]] = {
    "share commercially": {"license_type": "commercial"},
    "modify": {"license_type": "modification"},
    "modify commercially": {"license_type": "commercial,modification"},
    PUBLIC_DOMAIN: {"license": "cc0,pdm"},
}
"""The query parameters of each licence; every picture of Openverse may be shared, so "share" needs none."""


class Openverse:
    """Openverse's pictures, 20 a page; what it calls sensitive is left out by default."""

    name = "openverse"
    licenses = frozenset(LICENSES)

    def __init__(self, get_json: GetJson) -> None:
        self._get_json = get_json

    def page(self, query: str, number: int, license: str) -> Page:
        """As Engine.page."""
        asked: dict[str, str | int] = {"q": query, "page": number, "page_size": PAGE_SIZE, **FILTERS.get(license, {})}
        answer = self._get_json(URL, asked)
        rows, pages = answer.get("results"), answer.get("page_count")
        if not isinstance(rows, list) or not isinstance(pages, int):
            raise SearchError("its answer has no results and page_count, as it documents")
        found = tuple(found for row in rows if isinstance(row, dict) and (found := _found(row)).url)
        return Page(found, more=number < min(pages, DEEPEST_PAGE))


def _found(row: dict[str, Any]) -> Found:
    return Found(
        url=web_address(row.get("url")),
        page_url=web_address(row.get("foreign_landing_url")),
        title=one_line(row.get("title")),
        license=_license(one_line(row.get("license")), one_line(row.get("license_version"))),
        author=one_line(row.get("creator")),
    )


def _license(code: str, version: str) -> str:
    """ "by-sa", "4.0" -> "CC BY-SA 4.0"; "cc0" -> "CC0"; "pdm" -> "PDM" (public domain mark)."""
    if code.lower() in ("", "cc0", "pdm"):
        return code.upper()
    return f"CC {code.upper()} {version}".strip()
