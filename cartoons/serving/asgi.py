"""ASGI messages: request bodies within bounds of bytes and time, and errors as one sentence each, whatever Gradio says."""

import asyncio
import gzip
import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from cartoons import strict_json
from cartoons.images import MAX_BYTES
from cartoons.serving.environment import ROOT_PATH

BODY_TIMEOUT_S = 120.0

HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
KEPT_HEADERS = {b"retry-after", b"access-control-allow-origin", b"access-control-expose-headers", b"allow"}
READABLE_BY_ALL = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after")]
SENTENCES = {
    400: "The request is not as this page's API takes it: see /?view=api.",
    403: "There is no such file here.",
    404: "There is nothing of that name here: see /?view=api.",
    405: "That address does not take this method: see /?view=api.",
    408: "The request did not arrive in time: send it again.",
    413: f"The file has more than the {MAX_BYTES >> 20} MB allowed: give a smaller picture.",
    422: 'The request is not as this page\'s API takes it: send {"data": [the picture]}, see /?view=api.',
    429: "Too many pictures at once: try again in a few seconds.",
    500: "The page failed at this request: try another picture, or tell whoever runs it.",
    503: "The page is busy or about to restart: try again in a few seconds.",
}

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RefusedError(Exception):
    """A request that is not acted on: the HTTP status and the sentence of its response."""

    def __init__(self, status: int, sentence: str = "") -> None:
        """sentence: by default the status's usual one."""
        super().__init__(sentence or SENTENCES[status])
        self.status = status


def content_length(scope: Scope, limit: int) -> int:
    """A body's bytes as the request gives them; the limit where it does not. Raises RefusedError above the limit."""
    headers = dict(scope["headers"])
    given = headers.get(b"content-length", b"")
    length = int(given) if given.isdigit() and len(given) < 20 else limit if b"transfer-encoding" in headers else 0
    if length > limit:
        raise RefusedError(413)
    return length


def bounded(receive: Receive, limit: int) -> Receive:
    """An ASGI `receive` that raises RefusedError when the body is longer, or takes longer than BODY_TIMEOUT_S."""
    arrived = 0
    deadline = asyncio.get_running_loop().time() + BODY_TIMEOUT_S

    async def receive_bounded() -> Message:
        nonlocal arrived
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise RefusedError(408) from None
        arrived += len(message.get("body", b""))
        if arrived > limit:
            raise RefusedError(413)
        return message

    return receive_bounded


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """An ASGI `receive` that gives a body that was read already, then what comes after it."""
    waiting = [body]

    async def receive_again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receive_again


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a request's body. Raises RefusedError."""
    try:
        request = strict_json.loads_bounded(body)
    except ValueError as error:
        raise RefusedError(400, 'The request is not valid JSON: send {"data": [the picture]}.') from error
    if not isinstance(request, dict):
        raise RefusedError(422)
    return request


def with_length(scope: Scope, length: int) -> Scope:
    """A request whose body has another length."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def public_address(scope: Scope) -> str:
    """The page's address as a visitor's browser has it, no slash at its end; "" if the request names no host that could be.

    What a proxy in front says of it counts, and GRADIO_ROOT_PATH, as they do for Gradio.
    """
    headers = {name: value.decode("latin-1").split(",")[0].strip() for name, value in scope["headers"]}
    host = headers.get(b"x-forwarded-host") or headers.get(b"host", "")
    scheme = headers.get(b"x-forwarded-proto") or scope["scheme"]
    root = os.environ.get(ROOT_PATH, "").rstrip("/")
    if "://" in root:
        return root
    return f"{scheme}://{host}{root}" if scheme in ("http", "https") and HOST.fullmatch(host) else ""


def with_head(scope: Scope, send: Send, head: str, loading: str) -> tuple[Scope, Send]:
    """A request for an HTML page, and an ASGI `send` that puts HTML first into its <head>, and before <gradio-app>.

    The page is asked for uncompressed then, and compressed here.
    """
    packs = b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
    start: Message = {}
    parts: list[bytes] = []

    async def send_page(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts).replace(b"<head>", f"<head>{head}".encode(), 1)
        body = body.replace(b"<gradio-app", f"{loading}<gradio-app".encode(), 1)
        body = gzip.compress(body, 6) if packs else body
        headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        headers += [(b"content-length", str(len(body)).encode()), (b"vary", b"accept-encoding")]
        headers += [(b"content-encoding", b"gzip")] if packs else []
        await send({**start, "headers": headers})
        await send({**message, "body": body})

    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}, send_page


class PlainErrors:
    """An ASGI `send` that turns any response of 400 or more into {"error": one sentence}."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        self.keeps_body = self.is_sent = False
        self.status = 0
        self.body = b""
        """The response's, of errors and where keeps_body is set."""

    async def __call__(self, message: Message) -> None:
        """Pass a message on; an error's waits for `finish`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = [pair for pair in message.get("headers", ()) if pair[0].lower() in KEPT_HEADERS]
        elif self.keeps_body or self.status >= 400:
            self.body += message.get("body", b"")
        if self.status < 400:
            self.is_sent = True
            await self._send(message)

    async def finish(self) -> None:
        """Send the error that waits, if one does: what gr.Error says is the caller's mistake and stays."""
        if self.status < 400:
            return
        status, sentence = self.status, SENTENCES.get(self.status, SENTENCES[500 if self.status >= 500 else 400])
        with suppress(ValueError, AttributeError):
            given = json.loads(self.body).get("error")
            if isinstance(given, str) and given:
                status, sentence = 400 if status == 500 else status, " ".join(given.split())
        await self.error(status, sentence)

    async def end(self) -> None:
        """End a response that was begun, where it is."""
        await self._send({"type": "http.response.body", "body": b""})

    async def error(self, status: int, sentence: str) -> None:
        """Send an error's whole response, in Gradio's form and FastAPI's, unless another was begun."""
        if self.is_sent:
            return
        self.is_sent = True
        body = json.dumps({"error": sentence, "detail": sentence}, ensure_ascii=False).encode()
        headers = [*self._headers, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if b"access-control-allow-origin" not in dict(headers):
            headers += READABLE_BY_ALL
        if status in (429, 503) and b"retry-after" not in dict(headers):
            headers.append((b"retry-after", b"5"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
