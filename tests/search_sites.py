"""The image searches on the loopback web: what they know, and how they fail when a test asks for it.

sites = {"duckduckgo.com": DuckDuckGoSite(pictures), "www.bing.com": BingSite(pictures)}
"""

import asyncio
import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loopback_web import Request, Response

STALL_S = 30.0


@dataclass(frozen=True)
class Picture:
    """What a search knows of a picture; values of other types are for odd answers."""

    url: Any
    title: Any = "bugs bunny"
    page_url: Any = "https://pages.example/bugs"
    license: str = "by-sa"
    """As Openverse writes it."""
    license_version: str = "4.0"
    author: Any = "Ann Artist"
    width: int = 600
    mime: str = "image/jpeg"


Known = Callable[[str], Sequence[Picture]]
"""query -> all its pictures, best first."""


def pictures(prefix: str, count: int, **values: Any) -> list[Picture]:
    return [Picture(f"https://images.example/{prefix}/{number}.jpg", **values) for number in range(count)]


@dataclass
class Site:
    """A Site of web.py. Faults: "403", "202", "429 <seconds>", "empty", "html", "stall", "no vqd" (DuckDuckGo)."""

    known: Known
    fault: str = ""
    """Of every search from now on."""
    faults: list[str] = field(default_factory=list)
    """Of the next searches, one each ("" for none), before `fault` counts."""
    page_size: int = 0

    async def __call__(self, request: Request) -> Response:
        fault = self.faults.pop(0) if self.faults else self.fault
        if fault == "stall":
            await asyncio.sleep(STALL_S)
        if fault == "html":
            return Response(b"<html><body>Are you a person?</body></html>", headers={"Content-Type": "text/html"})
        if fault[:3].isdigit():
            status, _, seconds = fault.partition(" ")
            return Response(b"{}", int(status), {"Retry-After": seconds} if seconds else {})
        return self.answer(request, [] if fault == "empty" else list(self.known(self.query(request))))

    def query(self, request: Request) -> str:
        return request.query["q"]

    def answer(self, request: Request, found: list[Picture]) -> Response:
        raise NotImplementedError


@dataclass
class DuckDuckGoSite(Site):
    page_size: int = 100

    async def __call__(self, request: Request) -> Response:
        if request.path == "/i.js":
            return await super().__call__(request)
        if (self.faults[0] if self.faults else self.fault) == "no vqd":
            del self.faults[:1]
            return Response(b"<html>Something went wrong.</html>")
        return Response(b'<script>vqd="4-123"</script>')

    def answer(self, request: Request, found: list[Picture]) -> Response:
        assert request.query["vqd"] == "4-123"
        start = int(request.query.get("s", 0))
        rows = [
            {
                "title": one.title,
                "image": one.url,
                "url": one.page_url,
                "thumbnail": "",
                "height": 1,
                "width": 1,
                "source": "x",
            }
            for one in found[start : start + self.page_size]
        ]
        return Response(json.dumps({"results": rows}).encode())


@dataclass
class BingSite(Site):
    """Past its end it repeats its last page, as the real one may."""

    page_size: int = 35

    def answer(self, request: Request, found: list[Picture]) -> Response:
        start = min(int(request.query["first"]) - 1, max(0, len(found) - self.page_size))
        tiles = ""
        for one in found[start : start + self.page_size]:
            said = html.escape(json.dumps({"murl": one.url, "purl": one.page_url, "t": one.title}), quote=True)
            tiles += f'<div><div class="imgpt"><a class="iusc" m="{said}"></a></div><div class="infopt"></div></div>'
        return Response(f"<html><body>{tiles}</body></html>".encode())


@dataclass
class OpenverseSite(Site):
    page_size: int = 20

    def answer(self, request: Request, found: list[Picture]) -> Response:
        asked = request.query
        assert asked["page_size"] == str(self.page_size)
        if wanted := asked.get("license"):
            found = [one for one in found if one.license in wanted.split(",")]
        for kind, letters in {"commercial": "nc", "modification": "nd"}.items():
            if kind in asked.get("license_type", ""):
                found = [one for one in found if letters not in one.license]
        start = (int(asked["page"]) - 1) * self.page_size
        rows = [
            {
                "url": one.url,
                "foreign_landing_url": one.page_url,
                "title": one.title,
                "creator": one.author,
                "license": one.license,
                "license_version": one.license_version,
            }
            for one in found[start : start + self.page_size]
        ]
        said = {"result_count": len(found), "page_count": -(-len(found) // self.page_size), "results": rows}
        return Response(json.dumps(said).encode())


@dataclass
class CommonsSite(Site):
    page_size: int = 50
    part_size: int = 50
    """For how many files an answer says more than the name; the rest comes when asked to go on."""

    def query(self, request: Request) -> str:
        assert request.query["gsrsearch"].endswith(" filetype:bitmap")
        return request.query["gsrsearch"].removesuffix(" filetype:bitmap")

    def answer(self, request: Request, found: list[Picture]) -> Response:
        offset, part = int(request.query["gsroffset"]), int(request.query.get("iicontinue", 0))
        here = found[offset : offset + self.page_size]
        pages: list[dict[str, Any]] = []
        for index, one in enumerate(here):
            told = part <= index < part + self.part_size
            page = {"pageid": 1000 + offset + index, "ns": 6, "title": f"File:{one.title}.jpg", "index": offset + index + 1}
            pages.append(page | ({"imageinfo": [_image_info(one, int(request.query["iiurlwidth"]))]} if told else {}))
        said: dict[str, Any] = {"batchcomplete": True}
        if part + self.part_size < len(here):
            said = {"continue": {"iicontinue": str(part + self.part_size), "gsroffset": offset, "continue": "gsroffset||"}}
        elif offset + self.page_size < len(found):
            said["continue"] = {"gsroffset": offset + self.page_size, "continue": "gsroffset||"}
        if here:
            said["query"] = {"pages": pages[::-1]}  # by page id or in any order, never by rank
        return Response(json.dumps(said).encode())


def _image_info(one: Picture, width_px: int) -> dict[str, Any]:
    names = {"cc0": "CC0", "pdm": "Public domain"}
    return {
        "url": one.url,
        "descriptionurl": one.page_url,
        "width": one.width,
        "height": 400,
        "mime": one.mime,
        "thumburl": f"{one.url}/{width_px}px.jpg",
        "extmetadata": {
            "LicenseShortName": {"value": names.get(one.license, f"CC {one.license.upper()} {one.license_version}")},
            "Artist": {"value": one.author},
        },
    }
