"""A web on loopback: an HTTP(S) proxy that answers for every host it was given, with the faults that a test asks for.

with LoopbackWeb({"images.example": site}) as web:
    httpx.AsyncClient(proxy=web.proxy, verify=ssl.create_default_context(cafile=web.ca))
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
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.scheme}://{self.host}{self.path}" + (f"?{query}" if query else "")


@dataclass
class Response:
    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """Content-Length, if another than the body's; 0 with an iterator for none."""


Site = Callable[[Request], Response | Awaitable[Response]]


class LoopbackWeb:
    """Its sites by host, the requests they got, its proxy and its CA file. A host without a site gives 502."""

    def __init__(self, sites: dict[str, Site] | None = None) -> None:
        self.sites: dict[str, Site] = dict(sites or {})
        self.requests: list[Request] = []

    def __enter__(self) -> "LoopbackWeb":
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
            await self._serve_requests(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError, TimeoutError):
            pass  # the client went away, or the block ends
        finally:
            writer.close()

    async def _serve_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel_host = ""
        while head := await _read_head(reader):
            method, target, headers = head
            if method == "CONNECT":
                tunnel_host = target.rpartition(":")[0].strip("[]")
                if tunnel_host not in self.sites:
                    writer.write(b"HTTP/1.1 502 no such host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    await writer.drain()
                    return
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self._context(tunnel_host))
                continue
            parts = urlsplit(target)
            host = tunnel_host or parts.hostname or headers.get("host", "").partition(":")[0]
            request = Request(
                method, "https" if tunnel_host else "http", host, parts.path or "/", dict(parse_qsl(parts.query)), headers
            )
            if length := int(headers.get("content-length", 0)):
                await reader.readexactly(length)
            self.requests.append(request)
            response: Response | Awaitable[Response] = self.sites.get(host, _no_site)(request)
            if not await _send(writer, await response if inspect.isawaitable(response) else response, method):
                return

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            self._contexts[host] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(host).configure_cert(context)
        return self._contexts[host]


def _no_site(_: Request) -> Response:
    return Response(status=502, body=b"no such host")


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """Method, target and headers of the next request; None at the end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines if line)
    return method, target, {name.lower(): value.strip() for name, _, value in fields}


async def _send(writer: asyncio.StreamWriter, response: Response, method: str) -> bool:
    """Send the response; False when the connection cannot be used again."""
    is_streamed = not isinstance(response.body, bytes)
    length = response.length if response.length is not None else None if is_streamed else len(response.body)  # type: ignore[arg-type]
    headers = dict(response.headers)
    is_complete = length is not None and (is_streamed or length == len(response.body))  # type: ignore[arg-type]
    if length is not None:
        headers["Content-Length"] = str(length)
    if not is_complete or is_streamed:
        headers["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {response.status} -\r\n{lines}\r\n".encode("latin-1"))
    if method != "HEAD":
        if isinstance(response.body, bytes):
            writer.write(response.body)
        else:
            async for part in response.body:
                writer.write(part)
                await writer.drain()
    await writer.drain()
    return is_complete and not is_streamed
