"""Image hosts with faults, for tests/web.py: faults.example/<fault>, and what a downloader should say of each."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from loopback_web import Request, Response

HOST = "faults.example"
MB = 1024 * 1024
BOMB = gzip.compress(bytes(10 * MB))
EXPECTED = {
    "missing": ("failed", "HTTP 404"),
    "forbidden": ("failed", "HTTP 403"),
    "accepted": ("failed", "HTTP 202"),
    "unavailable": ("failed", "HTTP 503"),
    "nowhere": ("failed", "HTTP 302"),
    "empty": ("failed", "an empty answer"),
    "truncated": ("failed", "cut short"),
    "stall": ("failed", "no answer within 1 s"),
    "stall-midway": ("failed", "no answer within 1 s"),
    "drip": ("failed", "not done within 2.5 s"),
    "huge": ("failed", "larger than 2 MB"),
    "huge-and-says-so": ("failed", "larger than 2 MB"),
    "bomb": ("failed", "sent packed (gzip)"),
    "circle": ("failed", "redirects in a circle"),
    "endless": ("failed", "more than 5 redirects"),
    "to-metadata": ("refused", "a private address"),
    "to-localhost": ("refused", "a private address"),
    "to-file": ("refused", "not a web address (file)"),
    "to-ftp": ("refused", "not a web address (ftp)"),
    "to-nonsense": ("refused", "not a usable address"),
    "noai": ("refused", "the site opts out (noai)"),
    "noai-elsewhere": ("refused", "the site opts out (noindex)"),
    "bad-length": ("failed", "no valid answer"),
}
"""What becomes of each, with limits of 2 MB, 1 s between pieces and 2.5 s in all."""

REDIRECTS = {
    "nowhere": "",
    "circle": "/circle-2",
    "circle-2": "/circle",
    "to-metadata": "http://169.254.169.254/latest/meta-data/",
    "to-localhost": "http://localhost:8080/",
    "to-file": "file:///etc/passwd",
    "to-ftp": "ftp://files.example/picture.jpg",
    "to-nonsense": "http://[nonsense/",
    "relative": "pictures/one.jpg",
    "to-plain-http": f"http://{HOST}/picture",
}
OPT_OUTS = {"noai": "noai, noimageai", "for-others": "otherbot: noai, noindex", "for-us": "cartoon-classifier: noai"}


@dataclass
class FaultySite:
    """The site: any other path is the picture."""

    picture: bytes
    sent: int = 0
    """Bytes of streamed bodies."""

    async def __call__(self, request: Request) -> Response:
        fault = request.path.strip("/")
        if fault in REDIRECTS:
            return Response(status=302, headers={"Location": REDIRECTS[fault]} if REDIRECTS[fault] else {})
        if fault in OPT_OUTS:
            return Response(self.picture, headers={"X-Robots-Tag": OPT_OUTS[fault]})
        if fault.startswith("hops-"):
            left = int(fault.removeprefix("hops-"))
            return Response(status=301, headers={"Location": f"hops-{left - 1}" if left > 1 else "/picture"})
        if fault == "stall":
            await asyncio.sleep(30)
        return self.reply(fault)

    def reply(self, fault: str) -> Response:
        match fault:
            case "missing":
                return Response(b"gone", 404, {"X-Robots-Tag": "noindex"})
            case "forbidden":
                return Response(b"no", 403)
            case "accepted":
                return Response(b"later", 202)
            case "unavailable":
                return Response(b"later", 503)
            case "empty":
                return Response()
            case "page":
                return Response(b"<html>not a picture</html>", headers={"Content-Type": "image/jpeg"})
            case "truncated":
                return Response(self.picture[: len(self.picture) // 2], length=len(self.picture))
            case "stall-midway":
                return Response(self.stream(1, pause_s=30), length=MB)
            case "drip":
                return Response(self.stream(1, pause_s=0.05), length=MB)
            case "huge":
                return Response(self.stream(65536))
            case "huge-and-says-so":
                return Response(self.stream(65536), length=200 * MB)
            case "bomb":
                return Response(BOMB, headers={"Content-Encoding": "gzip"})
            case "noai-elsewhere":
                return Response(status=302, headers={"Location": "/picture", "X-Robots-Tag": "noindex"})
            case "endless":
                return Response(status=302, headers={"Location": "/hops-100"})
            case "bad-length":
                return Response(headers={"Content-Length": "many"}, body=self.stream(1, pause_s=30))
            case _:
                return Response(self.picture, headers={"Content-Type": "text/plain"})

    async def stream(self, step: int, total: int = 200 * MB, pause_s: float = 0.0) -> AsyncIterator[bytes]:
        part = bytes(step)
        for _ in range(total // step):
            yield part
            self.sent += step
            await asyncio.sleep(pause_s)


@dataclass
class CountingSite:
    """A site that knows how many ask it at once, alone or with the sites that share its `now` and `most`."""

    picture: bytes
    pause_s: float = 0.05
    now: list[None] = field(default_factory=list)
    most: list[int] = field(default_factory=lambda: [0])

    async def __call__(self, _: Request) -> Response:
        self.now.append(None)
        self.most[0] = max(self.most[0], len(self.now))
        await asyncio.sleep(self.pause_s)
        self.now.pop()
        return Response(self.picture)


@dataclass
class GatedSite:
    """A site that sends `first` bytes of a body at once, and a last one when opened; all of it at /whole."""

    first: int
    opened: threading.Event = field(default_factory=threading.Event)
    waiting: list[None] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        return Response(bytes(self.first)) if request.path == "/whole" else Response(self._body(), length=self.first + 1)

    async def _body(self) -> AsyncIterator[bytes]:
        yield bytes(self.first)
        self.waiting.append(None)
        while not self.opened.is_set():
            await asyncio.sleep(0.01)
        yield b"."


@dataclass
class FlakySite:
    """A site that gives these replies first, and then the picture."""

    picture: bytes
    first: list[Response]
    asked_s: list[float] = field(default_factory=list)
    """When (event loop's seconds)."""

    async def __call__(self, _: Request) -> Response:
        self.asked_s.append(asyncio.get_running_loop().time())
        return self.first.pop(0) if self.first else Response(self.picture)
