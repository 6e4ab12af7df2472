"""A loopback internet: a TLS proxy that answers for every host it was given, with the faults that a test asks for.

with World({"images.example": site}) as world:
    httpx.AsyncClient(proxy=world.proxy, verify=ssl.create_default_context(cafile=world.ca))
"""

import asyncio
import inspect
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl, urlsplit

import trustme


@dataclass(frozen=True)
class Request:
    method: str
    scheme: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def url(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.scheme}://{self.host}{self.path}" + (f"?{asked}" if asked else "")


@dataclass
class Reply:
    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """Content-Length, if another than the body's; 0 with an iterator for none."""


Site = Callable[[Request], Reply | Awaitable[Reply]]


class World:
    """Its hosts, what they were asked, and the way there. A host without a site cannot be connected to (502)."""

    def __init__(self, sites: dict[str, Site] | None = None) -> None:
        self.sites: dict[str, Site] = dict(sites or {})
        self.asked: list[Request] = []

    def __enter__(self) -> "World":
        self._folder = TemporaryDirectory()
        self.ca = str(Path(self._folder.name) / "ca.pem")
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.ca)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.proxy = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError, TimeoutError):
            pass  # the client went away, or this world ends
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        through = ""
        while head := await _head(reader):
            method, target, headers = head
            if method == "CONNECT":
                through = target.rpartition(":")[0].strip("[]")
                if through not in self.sites:
                    writer.write(b"HTTP/1.1 502 no such host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    await writer.drain()
                    return
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self._context(through))
                continue
            parts = urlsplit(target)
            host = through or parts.hostname or headers.get("host", "").partition(":")[0]
            asked = Request(
                method, "https" if through else "http", host, parts.path or "/", dict(parse_qsl(parts.query)), headers
            )
            if length := int(headers.get("content-length", 0)):
                await reader.readexactly(length)
            self.asked.append(asked)
            reply: Reply | Awaitable[Reply] = self.sites.get(host, _nobody)(asked)
            if not await _send(writer, await reply if inspect.isawaitable(reply) else reply, method):
                return

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            self._contexts[host] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(host).configure_cert(context)
        return self._contexts[host]


def _nobody(_: Request) -> Reply:
    return Reply(status=502, body=b"no such host")


async def _head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """Method, target and headers of the next request; None at the end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines if line)
    return method, target, {name.lower(): value.strip() for name, _, value in fields}


async def _send(writer: asyncio.StreamWriter, reply: Reply, method: str) -> bool:
    """Send it; False when the connection cannot be used again."""
    streamed = not isinstance(reply.body, bytes)
    length = reply.length if reply.length is not None else None if streamed else len(reply.body)  # type: ignore[arg-type]
    headers = dict(reply.headers)
    whole = length is not None and (streamed or length == len(reply.body))  # type: ignore[arg-type]
    if length is not None:
        headers["Content-Length"] = str(length)
    if not whole or streamed:
        headers["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} -\r\n{lines}\r\n".encode("latin-1"))
    if method != "HEAD":
        if isinstance(reply.body, bytes):
            writer.write(reply.body)
        else:
            async for part in reply.body:
                writer.write(part)
                await writer.drain()
    await writer.drain()
    return whole and not streamed
