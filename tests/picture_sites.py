"""A site of pictures, some of them not what they seem."""

import asyncio
from collections.abc import AsyncIterator

from conftest import plain
from loopback_web import Request, Response

from cartoons.images import encoded


def png(colour: str) -> bytes:
    return encoded(plain(colour), "PNG")


async def forever() -> AsyncIterator[bytes]:
    yield png("red")[:50]
    await asyncio.sleep(60)


def site(request: Request) -> Response:
    if "inside" in request.path:
        return Response(status=302, headers={"Location": "http://10.0.0.1/secret.png"})
    if "file" in request.path:
        return Response(status=302, headers={"Location": "file:///etc/passwd"})
    return {
        "/red.png": Response(png("red"), headers={"X-Robots-Tag": "noai"}),
        "/moved.png": Response(status=301, headers={"Location": "/red.png"}),
        "/page.html": Response(
            b"<!doctype html><script>document.title = 'hit'</script>", headers={"Content-Type": "image/png"}
        ),
        "/large.png": Response(b"x", length=10**9),
        "/slow.png": Response(forever(), length=10**6),
        "/round.png": Response(status=302, headers={"Location": "/round.png"}),
    }.get(request.path, Response(b"nothing", 404))
