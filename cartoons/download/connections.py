"""The connections to one host, each to an address that was checked, and what can go wrong on them in words.

httpcore, the engine of httpx, is used by itself: it takes a network backend of one's own, which httpx does not. A pool
serves one host, because a pool's every request looks at its every connection, which with 64 takes longer than all the rest.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import httpcore

from cartoons.download.http import USER_AGENT, Address, Web
from cartoons.download.outcome import NotFetchedError
from cartoons.download.ssrf_guard import Guard

KEEP_ALIVE_S = 15.0
ADDRESSES_TRIED = 3
HEADERS = [
    (b"User-Agent", USER_AGENT.encode()),
    (b"Accept", b"image/*,*/*;q=0.5"),
    (b"Accept-Encoding", b"identity"),
]


class Checked(httpcore.AsyncNetworkBackend):
    """Connects to a name by the very addresses that passed the guard, so that it cannot mean others a moment later.

    TLS still asks for, and checks the certificate against, the name.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses; none if any of them is private."""
        try:
            addresses = await asyncio.wait_for(self._guard.resolve(host, port), timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        if not all(self._guard.may_connect(address) for address in addresses):
            raise NotFetchedError("a private address", status="refused")
        tried = addresses[:ADDRESSES_TRIED]
        for address in tried:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout and timeout / len(tried), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address == tried[-1]:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")


@dataclass(frozen=True)
class Answer:
    """Status and headers that came, and the body as it comes."""

    status: int
    headers: list[tuple[bytes, bytes]]
    _response: httpcore.Response
    _read_s: float

    def values(self, name: str) -> list[str]:
        """What each header of that name (in lower case) says."""
        return [_text(value) for key, value in self.headers if key.lower() == name.encode()]

    def value(self, name: str) -> str:
        """What the header of that name says; "" when there is none."""
        return next(iter(self.values(name)), "")

    async def parts(self) -> AsyncIterator[bytes]:
        """The body, piece by piece. Raises NotFetchedError when it breaks off or stalls."""
        with _in_words("cut short", 0, self._read_s):
            async for part in self._response.aiter_stream():
                yield part


class Line:
    """The connections to one host; its users see to it that there are not too many."""

    def __init__(self, web: Web, tls: ssl.SSLContext, guard: Guard) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            proxy=_proxy(web, tls),
            max_connections=None,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=None if web.proxy else Checked(guard),
        )

    @asynccontextmanager
    async def get(self, address: Address, connect_s: float, read_s: float) -> AsyncIterator[Answer]:
        """What the server answers. Raises NotFetchedError when it does not."""
        request = httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=address.scheme.encode(), host=address.host.encode(), port=address.port, target=address.target
            ),
            headers=[(b"Host", address.netloc.encode()), *HEADERS],
            extensions={"timeout": {"connect": connect_s, "read": read_s, "write": read_s}},
        )
        with _in_words("no valid answer", connect_s, read_s):
            response = await self._pool.handle_async_request(request)
        try:
            yield Answer(response.status, response.headers, response, read_s)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


@contextmanager
def _in_words(broken: str, connect_s: float, read_s: float) -> Iterator[None]:
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise NotFetchedError(f"no connection within {connect_s:g} s", again=True) from error
    except httpcore.TimeoutException as error:
        raise NotFetchedError(f"no answer within {read_s:g} s", again=True) from error
    except httpcore.ConnectError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise NotFetchedError("its certificate is not valid") from error
        raise NotFetchedError("cannot be reached", again=True) from error
    except httpcore.ProxyError as error:
        status = str(error)[:3]
        if status.startswith("4"):
            raise NotFetchedError(f"the proxy refuses ({status})", may_pass=True) from error
        raise NotFetchedError("cannot be reached", again=True) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:  # OSError: TLS that turns bad midway
        raise NotFetchedError(broken, again=True) from error


def _proxy(web: Web, tls: ssl.SSLContext) -> httpcore.Proxy | None:
    if not web.proxy:
        return None
    parts = urlsplit(web.proxy)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    url = httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target="/")
    return httpcore.Proxy(url, auth=auth, ssl_context=tls if parts.scheme == "https" else None)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
