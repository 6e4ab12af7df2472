"""How this machine reaches the web, addresses taken apart, and the JSON of search engines."""

import json
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from cartoons.download.headers import AGENT, wait_s
from cartoons.download.outcome import NotFetchedError
from cartoons.errors import DownloadError, SearchError

PROJECT_URL = "https://huggingface.co/spaces?search=cartoon-classifier"
USER_AGENT = f"{AGENT}/0.1 (+{PROJECT_URL}; pictures for training an image classifier)"
JSON_TIMEOUT_S = 30.0
JSON_MAX_BYTES = 8 * 1024 * 1024
OPEN_FILES, FEWEST_OPEN_FILES = 1024, 256
"""What the connections of 64 downloads and of 32 idle hosts take, with room; what they usually take."""


@dataclass(frozen=True)
class Web:
    """The way out of this machine.

    proxy: "http://user:password@host:port", or https; the proxy then resolves names, and "" connects directly.
    ca_file: a file of certificates (PEM) to trust besides the usual ones.
    Raises DownloadError when made of something that cannot work.
    """

    proxy: str = ""
    ca_file: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.proxy)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port is not None
        except ValueError:
            usable = False
        if self.proxy and not usable:
            raise DownloadError(f"The proxy {self.proxy!r} is none: give one as http://host:port or https://host:port.")
        if self.ca_file:
            self.tls()

    def tls(self) -> ssl.SSLContext:
        """What certificates are checked against."""
        return _tls(self.ca_file)


@lru_cache(4)
def _tls(ca_file: str) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror if isinstance(error, FileNotFoundError) else "no certificates in PEM form"
            raise DownloadError(f"The CA file {ca_file} cannot be used: {why}.") from error
    return context


def allow_connections() -> None:
    """Let this process have as many files and connections open as its user may. Raises DownloadError for too few."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < FEWEST_OPEN_FILES:
            raise DownloadError(
                f"Only {soft} files may be open at once, and downloads need {FEWEST_OPEN_FILES}: raise that with "
                f"ulimit -n {OPEN_FILES}."
            )


@dataclass(frozen=True)
class Address:
    """A URL taken apart, quoted for the wire, without credentials and fragment."""

    scheme: str
    host: str
    """ASCII, in lower case, without brackets."""
    port: int
    netloc: str
    target: bytes

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target.decode('ascii')}"


def taken_apart(url: str, base: Address | None = None) -> Address:
    """The parts of a URL; of one relative to `base`, if given. Raises NotFetchedError for what is no URL."""
    try:
        parsed = httpx.URL(str(base)).join(url.strip()) if base else httpx.URL(url.strip())
        host, scheme = parsed.raw_host.decode("ascii"), parsed.scheme
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise NotFetchedError("not a usable address", status="refused") from error
    if not scheme or (not host and scheme in ("http", "https")):
        raise NotFetchedError("not a usable address", status="refused")
    usual = 443 if scheme == "https" else 80
    port = usual if parsed.port is None else parsed.port
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port != usual else "")
    return Address(scheme, host, port, netloc, parsed.raw_path)


def get_json(url: str, params: Mapping[str, str | int], web: Web, *, timeout_s: float = JSON_TIMEOUT_S) -> dict[str, Any]:
    """The JSON object at a search engine's public address, of at most JSON_MAX_BYTES, within about timeout_s.

    Raises SearchError, with the cause in a few words and what the server's Retry-After asks for.
    """
    until_s, body = time.monotonic() + timeout_s, bytearray()
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
    way: dict[str, Any] = {"proxy": web.proxy or None, "verify": web.tls(), "trust_env": False}
    try:
        with (
            httpx.Client(**way, timeout=timeout_s, headers=headers) as client,
            client.stream("GET", url, params=dict(params)) as answer,
        ):
            if answer.status_code != 200:
                wait = wait_s(answer.headers.get("Retry-After", ""), datetime.now(UTC))
                raise SearchError(f"HTTP {answer.status_code}", retry_after_s=wait or None)
            for part in answer.iter_raw():
                body += part
                if len(body) > JSON_MAX_BYTES or time.monotonic() > until_s:
                    raise SearchError(f"an answer of more than {JSON_MAX_BYTES / 1024**2:g} MB or {timeout_s:g} s")
    except httpx.TimeoutException as error:
        raise SearchError(f"no answer within {timeout_s:g} s") from error
    except httpx.HTTPError as error:
        raise SearchError(f"cannot be reached ({error})") from error
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SearchError("an answer that is no JSON object")
    return found
