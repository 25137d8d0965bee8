"""Addresses of servers: one reading of each URL, and patterns that name no more than they seem to."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.portable.openmetadata.server_address import ServerAddress, matches, names_server, server_address

TRICKS = st.sampled_from(
    ["http://", "https://", "HTTP://", "@", "\\", "/", "//", "?", "#", ":", "::", "80", ".", "[", "]", "%2e", "%40",
     " ", "\t", "\n", "\x00", "\u0131", "\u212a", "\u3002", "@om.example", "om.example", "rogue.example", "127.0.0.1",
     "::1", "0x7f.1"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("host_port", "host", "port"),
    [
        ("http://om.example", "om.example", 80),
        ("https://om.example/api", "om.example", 443),
        ("HTTPS://OM.Example.:8585/api/", "om.example", 8585),
        ("http://om_server:65535/api", "om_server", 65535),
        ("http://10.0.0.7:8585/api", "10.0.0.7", 8585),
        ("http://[::1]:8585/api", "::1", 8585),
        ("http://[2001:DB8:0:0::1]/api", "2001:db8::1", 80),
        ("https://om.example/open%20metadata/api", "om.example", 443),
    ],
)
def test_a_plain_url_names_host_and_port(host_port: str, host: str, port: int) -> None:
    assert server_address(host_port) == ServerAddress(host, port)


@pytest.mark.parametrize(
    "host_port",
    [
        "om.example:8585/api",
        "//om.example/api",
        "ftp://om.example/api",
        "file:///etc/passwd",
        "http://om.example@rogue.example/api",
        "http://om.example:pw@rogue.example/api",
        "http://rogue.example\\@om.example/api",
        "http://rogue.example\\.om.example/api",
        "http://om.example/api@rogue.example",
        "http://rogue.example?.om.example/api",
        "http://rogue.example#.om.example/api",
        "http://rogue.example%2fom.example/api",
        " http://om.example/api",
        "http://om.example/api\n",
        "http://om.example /api",
        "http://om.exampl\u0435/api",
        "http://om.example\u3002rogue.example/api",
        "http://om.e\u212aample/api",
        "http://om.example../api",
        "http://om.example:/api",
        "http://om.example:65536/api",
        "http://[::1]rogue.example/api",
        "http://[fe80::1%25eth0]/api",
        "http://[om.example]/api",
        "http:///api",
        "http://",
        "",
    ],
)
def test_anything_that_could_be_read_in_two_ways_is_none(host_port: str) -> None:
    assert server_address(host_port) is None


@given(st.lists(TRICKS, max_size=8).map("".join))
def test_whatever_is_accepted_is_the_same_host_for_all_who_send_there(host_port: str) -> None:
    address = server_address(host_port)
    if address is None:
        return
    sent = requests.Request("GET", f"{host_port}/v1").prepare().url or ""
    hosts = {httpx.URL(host_port).host, urlsplit(host_port).hostname, urlsplit(sent).hostname}
    assert {(host or "").removesuffix(".").lower() for host in hosts} == {address.host}
    assert (urlsplit(sent).port or {"http": 80, "https": 443}[urlsplit(sent).scheme]) == address.port


@pytest.mark.parametrize(
    ("pattern", "host_port", "named"),
    [
        ("om.example", "https://om.example/api", True),
        ("OM.example.", "https://om.EXAMPLE/api", True),
        ("om.example", "https://om.example:8585/api", True),
        ("om.example:8585", "https://om.example:8585/api", True),
        ("om.example:8585", "https://om.example/api", False),
        ("om.example:443", "https://om.example/api", True),
        ("om.example", "https://rogue-om.example/api", False),
        ("om.example", "https://om.example.rogue/api", False),
        ("om.example", "https://om-example/api", False),
        ("*.example", "https://a.b.example/api", True),
        ("*.example", "https://example/api", False),
        ("om?example", "https://om.example/api", False),
        ("om[.]example", "https://om.example/api", False),
        ("10.0.*", "http://10.0.3.7/api", True),
        ("10.0.*", "http://10.0.rogue.example/api", False),
        ("10.*.7", "http://10.rogue.7/api", False),
        ("*", "http://anything.example/api", True),
        ("*:8585", "http://anything.example:8585/api", True),
        ("*:8585", "http://anything.example/api", False),
        ("::1", "http://[::1]:8585/api", True),
        ("[::1]:8585", "http://[::1]:8585/api", True),
        ("[::1]:8585", "http://[::1]/api", False),
        ("https://om.example", "https://om.example/api", False),
    ],
)
def test_a_pattern_names_hosts_and_maybe_a_port(pattern: str, host_port: str, named: bool) -> None:
    address = server_address(host_port)
    assert address is not None
    assert names_server(pattern, address) is named


@given(st.text(max_size=20), st.text(max_size=20))
def test_without_a_star_a_pattern_is_a_name(pattern: str, text: str) -> None:
    plain = pattern.replace("*", "")
    assert matches(plain, plain)
    assert matches(plain, text) == (plain == text)


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_a_star_stands_for_any_characters(before: str, between: str, after: str) -> None:
    assert matches(f"{before}*{after}", f"{before}{between}{after}")
