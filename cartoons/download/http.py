"""HTTP as this project speaks it: proxy and certificates, URLs, headers, results, and the JSON of search engines."""

import re
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from cartoons import strict_json
from cartoons.errors import DownloadError, SearchError, shortened

USER_AGENT_NAME = "cartoon-classifier"
PROJECT_URL = "https://huggingface.co/spaces?search=cartoon-classifier"
USER_AGENT = f"{USER_AGENT_NAME}/0.1 (+{PROJECT_URL}; pictures for training an image classifier)"
OPT_OUT_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
OPTED_OUT = "the site opts out"
"""How the reason of what is refused because of one begins."""
DIRECTIVES_WITH_VALUES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
JSON_MAX_BYTES = 8 * 1024 * 1024
OPEN_FILES, MIN_OPEN_FILES = 1024, 256
"""What the connections of 64 downloads and of 32 idle hosts take, with room; what they usually take."""


@dataclass(frozen=True)
class HttpConfig:
    """How this machine reaches the web. Raises DownloadError when made of something that cannot work."""

    proxy: str = ""
    """"http://user:password@host:port", or https; the proxy then resolves names. "" connects directly."""
    ca_file: str = ""
    """Certificates (PEM) to trust besides the usual ones."""
    user_agent: str = USER_AGENT
    """Who asks, and what for."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.proxy)
            is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port is not None
            is_usable = bool(is_usable and httpx.Proxy(self.proxy))
        except (ValueError, httpx.InvalidURL):
            is_usable = False
        if self.proxy and not is_usable:
            raise DownloadError(f"The proxy {self.proxy!r} is none: give one as http://host:port or https://host:port.")
        ssl_context(self.ca_file)


@lru_cache(4)
def ssl_context(ca_file: str) -> ssl.SSLContext:
    """What certificates are checked against: the usual ones and those of `ca_file`, if given. Raises DownloadError."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror if isinstance(error, FileNotFoundError) else "no certificates in PEM form"
            raise DownloadError(f"The CA file {ca_file} cannot be used: {why}.") from error
    return context


def raise_open_file_limit() -> None:
    """Let this process have as many files and connections open as its user may. Raises DownloadError for too few."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < MIN_OPEN_FILES:
            raise DownloadError(
                f"Only {soft} files may be open at once, and downloads need {MIN_OPEN_FILES}: raise that with "
                f"ulimit -n {OPEN_FILES}."
            )


@dataclass(frozen=True)
class DownloadResult:
    """The bytes at a URL, or why there are none."""

    url: str
    data: bytes | None = None
    status: str = "fetched"
    """"fetched", "failed" (could not be had) or "refused" (must not be had: opted out, private address...)."""
    reason: str = ""
    """Why not, in a few words: "HTTP 404", "no answer within 10 s", "the site opts out (noai)"."""
    final_url: str = ""
    """Where redirects led."""
    tries: int = 1
    may_pass: bool = False
    """A later run may have more luck: time-outs, refused connections, 429, 5xx."""


class FetchError(Exception):
    """Why a URL gave no picture. retry: worth another try at once; may_pass: in a later run (as `retry` unless given)."""

    def __init__(self, reason: str, *, status: str = "failed", retry: bool = False, may_pass: bool | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = shortened(reason), status
        self.retry, self.may_pass = retry, retry if may_pass is None else may_pass


def parse_url(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """A URL, relative to `base` if given, quoted, without credentials and fragment. Raises FetchError for what is none."""
    try:
        parsed = base.join(url.strip()) if base else httpx.URL(url.strip())
        parsed = parsed.copy_with(userinfo=b"", fragment=None, raw_path=parsed.raw_path)  # no path becomes "/"
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError("not a usable address", status="refused") from error
    if not parsed.scheme or (not parsed.raw_host and parsed.scheme in ("http", "https")):
        raise FetchError("not a usable address", status="refused")
    return parsed


def opt_out(values: Iterable[str]) -> str:
    """The directive of X-Robots-Tag headers that keeps this program off ("noai"), "" when none does.

    "name: noai" speaks to the program of that name alone, up to the next name or the header's end.
    """
    for value in values:
        agent = ""
        for item in value.lower().split(","):
            before, colon, after = (part.strip() for part in item.partition(":"))
            if colon and before not in DIRECTIVES_WITH_VALUES and re.fullmatch(r"[\w.*-]+", before):
                agent, before = before, after
            if before in OPT_OUT_DIRECTIVES and agent in ("", "*", USER_AGENT_NAME):
                return before
    return ""


def retry_after_s(value: str, now: datetime) -> float:
    """Seconds that a Retry-After header (seconds or an HTTP date) asks for; 0 where it says nothing sensible."""
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


def get_json(url: str, params: Mapping[str, str | int], config: HttpConfig, *, timeout_s: float = 30.0) -> dict[str, Any]:
    """The JSON object at a search engine's public URL, of at most JSON_MAX_BYTES, within about timeout_s.

    Raises SearchError, with the cause in a few words and what the server's Retry-After asks for.
    """
    deadline_s, body = time.monotonic() + timeout_s, bytearray()
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
    options: dict[str, Any] = {"proxy": config.proxy or None, "verify": ssl_context(config.ca_file), "trust_env": False}
    try:
        with (
            httpx.Client(**options, timeout=timeout_s, headers=headers) as client,
            client.stream("GET", url, params=dict(params)) as response,
        ):
            if response.status_code != 200:
                wait_s = retry_after_s(response.headers.get("Retry-After", ""), datetime.now(UTC))
                raise SearchError(f"HTTP {response.status_code}", retry_after_s=wait_s or None)
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > JSON_MAX_BYTES or time.monotonic() > deadline_s:
                    raise SearchError(f"an answer of more than {JSON_MAX_BYTES / 1024**2:g} MB or {timeout_s:g} s")
    except httpx.TimeoutException as error:
        raise SearchError(f"no answer within {timeout_s:g} s") from error
    except httpx.HTTPError as error:
        raise SearchError(f"cannot be reached ({error})") from error
    try:
        content = strict_json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise SearchError("an answer that is no JSON object")
    return content
