"""The connections to one host, each to a checked IP address, and their errors as reasons in a few words.

httpcore, the engine of httpx, takes a network backend of one's own, which httpx does not. A pool serves one host, because
its every request looks at its every connection, which with 64 takes longer than all the rest.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpcore
import httpx

from cartoons.download.http import FetchError, HttpConfig, ssl_context
from cartoons.download.ssrf_guard import SsrfGuard

KEEP_ALIVE_S = 15.0
MAX_ADDRESSES_TRIED = 3
HEADERS = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to a name by the very IP addresses that passed the guard, so that it cannot mean others a moment later.

    TLS still asks for, and checks the certificate against, the name.
    """

    def __init__(self, guard: SsrfGuard) -> None:
        self._guard = guard
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses; none if any of them is private."""
        try:
            addresses = await asyncio.wait_for(self._guard.resolve(host, port), timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        if not all(self._guard.may_connect(address) for address in addresses):
            raise FetchError("a private address", status="refused")
        tried = addresses[:MAX_ADDRESSES_TRIED]
        for address in tried:
            try:
                return await self._network.connect_tcp(address, port, timeout and timeout / len(tried), *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address == tried[-1]:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")


class Response:
    """Status and headers, and the body as it comes."""

    def __init__(self, response: httpcore.Response, read_timeout_s: float) -> None:
        self.status, self._response, self._read_timeout_s = response.status, response, read_timeout_s

    def headers(self, name: str) -> list[str]:
        """The values of every header of that name (in lower case)."""
        named = [(key, value) for key, value in self._response.headers if key.lower() == name.encode()]
        return httpx.Headers(named).get_list(name)  # of these alone, since it takes one encoding for all

    def header(self, name: str) -> str:
        """The value of the first header of that name; "" when there is none."""
        return next(iter(self.headers(name)), "")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, chunk by chunk. Raises FetchError when it breaks off or stalls."""
        with _as_fetch_error("cut short", 0, self._read_timeout_s):
            async for chunk in self._response.aiter_stream():
                yield chunk


class ConnectionPool:
    """The connections to one host; the rate limiter keeps their number down."""

    def __init__(self, config: HttpConfig, guard: SsrfGuard) -> None:
        self._headers = {"User-Agent": config.user_agent, **HEADERS}
        context, proxy = ssl_context(config.ca_file), httpx.Proxy(config.proxy) if config.proxy else None
        proxy_context = context if proxy and proxy.url.scheme == "https" else None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            proxy=httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth, ssl_context=proxy_context) if proxy else None,
            max_connections=None,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=None if config.proxy else GuardedBackend(guard),
        )

    @asynccontextmanager
    async def get(self, url: httpx.URL, connect_timeout_s: float, read_timeout_s: float) -> AsyncIterator[Response]:
        """The server's response to GET. Raises FetchError when there is none."""
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=httpx.Headers({"Host": url.netloc.decode("ascii"), **self._headers}).raw,
            extensions={"timeout": {"connect": connect_timeout_s, "read": read_timeout_s, "write": read_timeout_s}},
        )
        with _as_fetch_error("no valid answer", connect_timeout_s, read_timeout_s):
            response = await self._pool.handle_async_request(request)
        try:
            yield Response(response, read_timeout_s)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


@contextmanager
def _as_fetch_error(broken: str, connect_timeout_s: float, read_timeout_s: float) -> Iterator[None]:
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise FetchError(f"no connection within {connect_timeout_s:g} s", retry=True) from error
    except httpcore.TimeoutException as error:
        raise FetchError(f"no answer within {read_timeout_s:g} s", retry=True) from error
    except (httpcore.ConnectError, httpcore.ProxyError) as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise FetchError("its certificate is not valid") from error
        if isinstance(error, httpcore.ProxyError) and str(error).startswith("4"):
            raise FetchError(f"the proxy refuses ({str(error)[:3]})", may_pass=True) from error
        raise FetchError("cannot be reached", retry=True) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:  # OSError: TLS that turns bad midway
        raise FetchError(broken, retry=True) from error
