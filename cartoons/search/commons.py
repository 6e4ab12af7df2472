"""Wikimedia Commons: every licence on it is free, and allows commercial use and changes."""

from html.parser import HTMLParser
from typing import Any

from cartoons.errors import SearchError
from cartoons.search.engine import LICENSES, PUBLIC_DOMAIN, Found, GetJson, Page
from cartoons.search.hits import one_line, web_address

URL = "https://commons.wikimedia.org/w/api.php"
PAGE_SIZE = 50
WIDTH_PX = 960
"""Of the scaled copy: the first of the widths that Wikimedia keeps ready which is not below 640."""
PLAIN_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
MOST_PARTS = 10
"""An answer that is too long for it comes in parts."""
ASK: dict[str, str | int] = {
    "action": "query",
    "format": "json",
    "formatversion": 2,
    "generator": "search",
    "gsrnamespace": 6,
    "gsrlimit": PAGE_SIZE,
    "prop": "imageinfo",
    "iiprop": "url|size|mime|extmetadata",
    "iiextmetadatafilter": "LicenseShortName|Artist|ObjectName",
    "iiurlwidth": WIDTH_PX,
}
PUBLIC_DOMAIN_NAMES = ("public domain", "cc0", "pd-", "pdm")
"""How the short names of licences without any condition begin."""
VOID_TAGS = {"br", "hr", "img", "wbr"}


class Commons:
    """Commons' pictures, 50 a page, each as a copy of at most 960 px width where the original is larger."""

    name = "commons"
    licenses = frozenset(LICENSES)

    def __init__(self, get_json: GetJson) -> None:
        self._get_json = get_json

    def page(self, query: str, number: int, license: str) -> Page:
        """As Engine.page; of "public domain" only what is left of the page, which may be nothing."""
        offset = (number - 1) * PAGE_SIZE
        asked = {**ASK, "gsrsearch": f"{query} filetype:bitmap", "gsroffset": offset}
        files: dict[int, dict[str, Any]] = {}
        going_on: dict[str, Any] = {}
        for _ in range(MOST_PARTS):
            answer = self._get_json(URL, {**asked, **going_on})
            for file in _files(answer):
                files[file.get("pageid", 0)] = files.get(file.get("pageid", 0), {}) | file
            going_on = _dict(answer.get("continue"))
            if not going_on or going_on.get("gsroffset", offset) != offset:
                break
        ordered = sorted(files.values(), key=lambda file: int(file.get("index", 0)))
        found = tuple(found for file in ordered if (found := _found(file)).url)
        if license == PUBLIC_DOMAIN:
            found = tuple(one for one in found if one.license.lower().startswith(PUBLIC_DOMAIN_NAMES))
        return Page(found, more=bool(going_on))


def _files(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of an answer; none is an answer without "query"."""
    if error := _dict(answer.get("error")):
        raise SearchError(f"it answers: {one_line(error.get('info'))}")
    pages = _dict(answer.get("query")).get("pages", [])
    if not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise SearchError("its answer has no list query.pages, as it documents")
    return pages


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _found(file: dict[str, Any]) -> Found:
    infos = file.get("imageinfo")
    info = _dict(infos[0]) if isinstance(infos, list) and infos else {}
    said = _dict(info.get("extmetadata"))
    width_px = info.get("width")
    scaled = (isinstance(width_px, int) and width_px > WIDTH_PX) or info.get("mime") not in PLAIN_TYPES
    return Found(
        url=(web_address(info.get("thumburl")) if scaled else "") or web_address(info.get("url")),
        page_url=web_address(info.get("descriptionurl")),
        title=_said(said, "ObjectName") or one_line(file.get("title")).removeprefix("File:"),
        license=_said(said, "LicenseShortName"),
        author=_said(said, "Artist"),
    )


def _said(said: dict[str, Any], name: str) -> str:
    """A field of extmetadata, which may be HTML, as plain text."""
    value = _dict(said.get(name)).get("value")
    if not isinstance(value, str):
        return ""
    reader = _PlainText()
    reader.feed(value)
    reader.close()
    return one_line("".join(reader.parts))


class _PlainText(HTMLParser):
    """The text of HTML that a reader would see."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID_TAGS:
            self.parts.append(" ")
            return
        style = (dict(attrs).get("style") or "").replace(" ", "").lower()
        if self._hidden or tag in ("style", "script") or "display:none" in style:
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag not in VOID_TAGS:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
