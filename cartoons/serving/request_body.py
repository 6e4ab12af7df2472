"""Request bodies over ASGI, read within bounds of bytes and time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

BODY_TIMEOUT_S = 120.0
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RefusedError(Exception):
    """A request that is not acted on: the HTTP status and the sentence of its answer ("" for the status's usual one)."""

    def __init__(self, status: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.status = status


def content_length(scope: Scope, limit: int) -> int:
    """What a request says of its body's bytes; the limit where it does not say. Raises RefusedError above the limit."""
    headers = dict(scope["headers"])
    said = headers.get(b"content-length", b"")
    length = int(said) if said.isdigit() and len(said) < 20 else limit if b"transfer-encoding" in headers else 0
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
