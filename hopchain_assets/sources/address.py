"""Which addresses may be fetched: https only, and hosts on the public internet only.

A list of addresses comes from outside, and we run inside: without these rules it could have us ask a cloud's
metadata service, a router or a neighbour's database, and put the answers into training data.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
HTTPS_PORT = 443
LONGEST = 4_096

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")  # all that was ever given out, RFC 4291
# Python's own tables learned of these late, or count them as global
_NEVER = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
)


class Unfetchable(ValueError):
    """The address gives no picture; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """An https address in its parts: `host` as DNS and certificates know it, `target` as a request names it."""

    host: str
    port: int
    target: str


def parse(url: str) -> Address:
    """The parts of an address. Asks no server.

    Raises:
        Unfetchable: when it is not https, has no host, or carries a name or password.
    """
    if len(url) > LONGEST:
        raise Unfetchable(f"it has {len(url)} characters, and {LONGEST} is the most")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        # a name may be written in any script, and is asked for in ASCII
        host = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError as error:
        raise Unfetchable(f"it is no address: {error}") from error
    if parts.scheme != "https":
        raise Unfetchable(f"only https is fetched, and it is {parts.scheme or 'no address of the web'}")
    if "@" in parts.netloc:
        raise Unfetchable("it carries a name or password: leave them out")
    if not host or port == 0:
        raise Unfetchable("it names no host and port that could be asked")
    query = f"?{parts.query}" if parts.query else ""
    return Address(host, port or HTTPS_PORT, quote((parts.path or "/") + query, safe="%/:=&?~+!$,;'()*@[]#"))


def is_public(address: IpAddress) -> bool:
    """Whether it belongs to the public internet; of one that wraps an IPv4 address, whether that one does."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _unwrapped(address)
        if inner is not None:
            return is_public(inner)
        if address not in _PUBLIC_V6:
            return False
    if any(address in block for block in _NEVER if block.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(address: Address, allowed: Callable[[IpAddress], bool]) -> list[IpAddress]:
    """The addresses of a host, asked for once; all of them are allowed.

    The resolver's own patience holds here, not ours.

    Raises:
        Unfetchable: when there is none, or any of them is not allowed.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unfetchable(f"the host {address.host} is not known: {error}") from error
    ips = [ipaddress.ip_address(entry[4][0]) for entry in found]
    for ip in ips:
        # a host that has a forbidden address beside a public one is up to something
        if not allowed(ip):
            raise Unfetchable(f"the host {address.host} is at {ip}, which is not on the public internet")
    if not ips:
        raise Unfetchable(f"the host {address.host} has no address")
    return list(dict.fromkeys(ips))


def _unwrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
