"""The proxies that the environment names: http_proxy, https_proxy, all_proxy and no_proxy, in small letters or capitals.

httpx, which gradio and huggingface_hub ask with, reads all of them whenever it is asked for anything: one that it cannot
use stops it even where it would go elsewhere.
"""

import os
import re
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from cartoons.errors import DownloadError

VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+")
EXCEPTION = re.compile(r"(\w+://)?[!-9;-~]+(:\d{1,5})?", re.ASCII)
"""A host in no_proxy that is no address of IPv6."""


def prepare(environ: MutableMapping[str, str] = os.environ) -> None:
    """Keep every question to this machine's own names off the proxies, which cannot reach them.

    An all_proxy that cannot be used is dropped where http_proxy and https_proxy leave nothing to it, and so is a host of
    no_proxy that httpx cannot read.
    """
    for name in ("no_proxy", "NO_PROXY"):
        if name in environ:
            hosts = (host.strip().strip("[]") for host in environ[name].split(","))
            environ[name] = ",".join(host for host in hosts if EXCEPTION.fullmatch(host) or _is_ipv6(host))
    unusable = _unusable(environ)
    named = {name for name, value in environ.items() if name.lower() in VARIABLES and value}
    if {"http_proxy", "https_proxy"} <= {name.lower() for name in named - unusable.keys()}:
        for name in {name for name in unusable if name.lower() == "all_proxy"}:
            del environ[name]
    if not named:
        return  # no_proxy alone would make urllib pass over the proxies of Windows and macOS
    present = (environ.get("no_proxy") or environ.get("NO_PROXY", "")).split(",")
    every = ",".join(dict.fromkeys(filter(None, [*present, *LOOPBACK])))
    environ["no_proxy"] = environ["NO_PROXY"] = every


def check(environ: Mapping[str, str] = os.environ) -> None:
    """Raise DownloadError for a proxy that cannot be used, before anything is asked through it."""
    for name, value in _unusable(environ).items():
        raise DownloadError(
            f"The variable {name} names a proxy that cannot be used ({value!r}): give it as http://host:port, or unset it."
        )


def forget_unusable(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take the proxies that cannot be used out of the environment of a program that asks nobody but this machine."""
    for name in _unusable(environ):
        del environ[name]


def of_environment() -> str:
    """The proxy to https addresses, as HTTPS_PROXY, else ALL_PROXY, names it, with its scheme; "" for none."""
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    proxy = next(filter(None, map(os.environ.get, names)), "")
    if "*" in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy", "")).split(","):
        return ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _unusable(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that httpx, or ddgs of its own one, cannot use, with their values."""
    socks = ("socks5", "socks5h")
    schemes = {name: ("http", "https", *(socks if find_spec("socksio") else ())) for name in VARIABLES}
    schemes["ddgs_proxy"] = ("http", "https", "socks4", "socks4a", *socks)
    proxies = {name: value for name, value in environ.items() if name.lower() in schemes and value}
    return {name: value for name, value in proxies.items() if not _is_usable(value, schemes[name.lower()])}


def _is_ipv6(host: str) -> bool:
    with suppress(ValueError):
        return bool(IPv6Address(host))
    return False


def _is_usable(proxy: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        _ = parts.port  # ValueError for one that is no number
    except ValueError:
        return False
    return parts.scheme in schemes and HOST.fullmatch(parts.hostname or "") is not None
