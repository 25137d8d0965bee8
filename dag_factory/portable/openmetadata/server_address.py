"""Addresses of OpenMetadata servers: the host and port that a ``hostPort`` names, and the patterns that match them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_PORTS = {"http": 80, "https": 443}

# Stricter than URLs are, so that all parsers (httpx, requests, a proxy) find the same host: no user, no backslash, no
# space, no query, no percent sign or non-ASCII character in the host.
_URL = re.compile(
    r"""
    (?P<scheme> https? ) ://
    (?P<host> \[ [0-9a-f:.]+ \] | [a-z0-9_] (?: [a-z0-9._-]* [a-z0-9_] )? \.? )
    (?: : (?P<port> \d{1,5} ) )?
    (?: / [a-z0-9._~!$&'()*+,;=:%/-]* )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_IPV4_PATTERN = re.compile(r"[\d.*]*\d[\d.*]*", re.ASCII)


@dataclass(frozen=True)
class ServerAddress:
    """
    Where a server listens.

    :param host: lower case, without a trailing dot; an IPv6 address is compressed and has no brackets
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server_address(host_port: str) -> ServerAddress | None:
    """Return the address that a ``hostPort`` names, None where it is not a plain ``http`` or ``https`` URL."""
    url = _URL.fullmatch(host_port)
    if url is None:
        return None
    host, port = url["host"].lower().removesuffix("."), int(url["port"] or _PORTS[url["scheme"].lower()])
    if host.startswith("["):
        try:
            host = IPv6Address(host[1:-1]).compressed
        except AddressValueError:
            return None
    return ServerAddress(host, port) if port < 2**16 else None


def names_server(pattern: str, address: ServerAddress) -> bool:
    """
    Return whether a pattern of ``allowed_servers``, a host and maybe a port, matches an address.

    A pattern of digits, such as ``10.0.*``, matches IP addresses only: anybody may own ``10.0.example.com``.
    """
    host, port = _parts(pattern.lower())
    if port and not matches(port, str(address.port)):
        return False
    if _IPV4_PATTERN.fullmatch(host) and not _is_ipv4(address.host):
        return False
    return matches(host, address.host)


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern, in which ``*`` stands for any characters and nothing else is special."""
    return fnmatchcase(text, re.sub(r"([?[])", r"[\1]", pattern))


def _parts(pattern: str) -> tuple[str, str]:
    """Return host and port of a pattern; an IPv6 address without brackets has no port."""
    if pattern.startswith("["):
        host, _, rest = pattern[1:].partition("]")
        return host, rest.removeprefix(":")
    if pattern.count(":") > 1:
        return pattern, ""
    host, _, port = pattern.partition(":")
    return host.removesuffix("."), port


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
