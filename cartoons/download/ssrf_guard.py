"""Server-side request forgery: only public hosts are asked, so that no link or redirect reaches behind the firewall."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SCHEMES = ("http", "https")
LABEL = re.compile(r"[a-z0-9_-]{1,63}")
NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
PRIVATE_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NEVER = (ipaddress.ip_network("168.63.129.16"), ipaddress.ip_network("192.0.0.0/24"))
"""Global by the number (of some Python versions), yet services inside of clouds."""
LOOKUPS = ThreadPoolExecutor(32, "lookup")
"""asyncio's own has six threads on two cores: a few dead name servers would hold up every other host."""


def is_public(address: str) -> bool:
    """May this IP address be asked? Not if it, or an IPv4 address in it, is anything but a global unicast address."""
    try:
        ip = _unwrapped(ipaddress.ip_address(address))
    except ValueError:
        return False
    odd = ip.is_multicast or ip.is_reserved or ip.is_link_local or getattr(ip, "is_site_local", False)
    return ip.is_global and not odd and not any(ip in network for network in NEVER)


def _unwrapped(ip: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(ip.packed[-4:]) if ip in NAT64 else None
        return ip.ipv4_mapped or ip.sixtofour or nat64 or ip
    return ip


async def resolve(host: str, port: int) -> list[str]:
    """Every IP address of a name, the preferred first. Raises OSError when it has none."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    answers = await asyncio.get_running_loop().run_in_executor(LOOKUPS, look_up)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


@dataclass(frozen=True)
class SsrfGuard:
    """Which names and IP addresses may be asked, and the resolver between them."""

    may_connect: Callable[[str], bool] = is_public
    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve

    def refusal(self, scheme: str, host: str) -> str:
        """Why this scheme or host (ASCII, no brackets) is not asked, in a few words; "" where it may be."""
        name = host.lower().rstrip(".")
        if scheme not in SCHEMES:
            return f"not a web address ({scheme})"
        if number := _as_number(name):
            return "" if self.may_connect(number) else "a private address"
        labels = name.split(".")
        if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels) or NUMERIC.fullmatch(labels[-1]):
            return "not a usable address"
        private = len(labels) == 1 or any(f".{name}".endswith(f".{end}") for end in PRIVATE_NAMES)
        return "a private address" if private else ""


def _as_number(name: str) -> str:
    """The IP address that a resolver would take the host for ("127.1" and "0x7f000001" too), "" for a name."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(name)) if NUMERIC.fullmatch(name.rpartition(".")[2]) else ""
    return ""
