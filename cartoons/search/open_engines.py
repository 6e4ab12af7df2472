"""Openverse and Wikimedia Commons: freely licensed pictures, with their licences and authors."""

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from cartoons.errors import SearchError
from cartoons.search.engines import (
    COMMONS,
    LICENSES,
    OPENVERSE,
    PUBLIC_DOMAIN,
    GetJson,
    ResultPage,
    SearchResult,
    http_url,
    one_line,
)

OPENVERSE_URL = "https://api.openverse.org/v1/images/"
OPENVERSE_PAGE_SIZE, OPENVERSE_MAX_PAGES = 20, 20
"""The most that it gives to whoever has no key."""
OPENVERSE_FILTERS: Mapping[str, Mapping[str, str]] = {
    "share commercially": {"license_type": "commercial"},
    "modify": {"license_type": "modification"},
    "modify commercially": {"license_type": "commercial,modification"},
    PUBLIC_DOMAIN: {"license": "cc0,pdm"},
}
"""The query parameters of each licence; every picture of Openverse may be shared, so "share" needs none."""

COMMONS_URL = "https://commons.wikimedia.org/w/api.php"
COMMONS_PAGE_SIZE = 50
COMMONS_WIDTH_PX = 960
"""Of the scaled copy: the first of the widths that Wikimedia keeps ready which is not below 640."""
COMMONS_PLAIN_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
COMMONS_MAX_PARTS = 10
"""An answer that is too long comes in parts."""
COMMONS_PARAMS: dict[str, str | int] = {
    "action": "query",
    "format": "json",
    "formatversion": 2,
    "generator": "search",
    "gsrnamespace": 6,
    "gsrlimit": COMMONS_PAGE_SIZE,
    "prop": "imageinfo",
    "iiprop": "url|size|mime|extmetadata",
    "iiextmetadatafilter": "LicenseShortName|Artist|ObjectName",
    "iiurlwidth": COMMONS_WIDTH_PX,
}
PUBLIC_DOMAIN_NAMES = ("public domain", "cc0", "pd-", "pdm")
"""How the short names of licences without any condition begin."""
VOID_TAGS = {"br", "hr", "img", "wbr"}


@dataclass
class Openverse:
    """Openverse's pictures, 20 a page; what it calls sensitive is left out by default."""

    get_json: GetJson
    name = OPENVERSE
    licenses = frozenset(LICENSES)

    def page(self, query: str, number: int, license: str) -> ResultPage:
        """As Engine.page."""
        params: dict[str, str | int] = {"q": query, "page": number, "page_size": OPENVERSE_PAGE_SIZE}
        params |= OPENVERSE_FILTERS.get(license, {})
        response = self.get_json(OPENVERSE_URL, params)
        rows, pages = response.get("results"), response.get("page_count")
        if not isinstance(rows, list) or not isinstance(pages, int):
            raise SearchError("its answer has no results and page_count, as it documents")
        return ResultPage.of(map(_openverse_result, map(_dict, rows)), number < min(pages, OPENVERSE_MAX_PAGES))


def _openverse_result(row: dict[str, Any]) -> SearchResult:
    code, version = one_line(row.get("license")).upper(), one_line(row.get("license_version"))
    return SearchResult.cleaned(
        url=row.get("url"),
        page_url=row.get("foreign_landing_url"),
        title=row.get("title"),
        license=code if code in ("", "CC0", "PDM") else f"CC {code} {version}",
        author=row.get("creator"),
    )


@dataclass
class Commons:
    """Commons' pictures, 50 a page, at most 960 px wide; every licence there allows commercial use and changes."""

    get_json: GetJson
    name = COMMONS
    licenses = frozenset(LICENSES)

    def page(self, query: str, number: int, license: str) -> ResultPage:
        """As Engine.page; for PUBLIC_DOMAIN only those results of the page, which may be none."""
        offset = (number - 1) * COMMONS_PAGE_SIZE
        params = {**COMMONS_PARAMS, "gsrsearch": f"{query} filetype:bitmap", "gsroffset": offset}
        files: dict[int, dict[str, Any]] = {}
        following: dict[str, Any] = {}
        for _ in range(COMMONS_MAX_PARTS):
            response = self.get_json(COMMONS_URL, {**params, **following})
            for file in _commons_files(response):
                files.setdefault(file.get("pageid", 0), {}).update(file)
            following = _dict(response.get("continue"))
            if not following or following.get("gsroffset", offset) != offset:
                break
        results = [_commons_result(file) for file in sorted(files.values(), key=lambda file: int(file.get("index", 0)))]
        if license == PUBLIC_DOMAIN:
            results = [result for result in results if result.license.lower().startswith(PUBLIC_DOMAIN_NAMES)]
        return ResultPage.of(results, has_more=bool(following))


def _commons_files(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a response; one without "query" has none."""
    if error := _dict(response.get("error")):
        raise SearchError(f"it answers: {one_line(error.get('info'))}")
    pages = _dict(response.get("query")).get("pages", [])
    if not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise SearchError("its answer has no list query.pages, as it documents")
    return pages


def _commons_result(file: dict[str, Any]) -> SearchResult:
    infos = file.get("imageinfo")
    info = _dict(infos[0]) if isinstance(infos, list) and infos else {}
    metadata = _dict(info.get("extmetadata"))
    width_px = info.get("width")
    is_scaled = (isinstance(width_px, int) and width_px > COMMONS_WIDTH_PX) or info.get("mime") not in COMMONS_PLAIN_TYPES
    return SearchResult.cleaned(
        url=(is_scaled and http_url(info.get("thumburl"))) or info.get("url"),
        page_url=info.get("descriptionurl"),
        title=_plain_text(metadata, "ObjectName") or one_line(file.get("title")).removeprefix("File:"),
        license=_plain_text(metadata, "LicenseShortName"),
        author=_plain_text(metadata, "Artist"),
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain_text(metadata: dict[str, Any], name: str) -> str:
    """A field of extmetadata, which may be HTML, as plain text."""
    value = _dict(metadata.get(name)).get("value")
    if not isinstance(value, str):
        return ""
    parser = _VisibleText()
    parser.feed(value)
    parser.close()
    return one_line("".join(parser.parts))


class _VisibleText(HTMLParser):
    """The text of HTML that a reader would see."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID_TAGS:
            self.parts.append(" ")
            return
        style = (dict(attrs).get("style") or "").replace(" ", "").lower()
        if self._hidden_depth or tag in ("style", "script") or "display:none" in style:
            self._hidden_depth += 1

    def handle_endtag(self, tag: str) -> None:
        if self._hidden_depth and tag not in VOID_TAGS:
            self._hidden_depth -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden_depth:
            self.parts.append(data)
