"""Calls to a server that a config names: each ends in time, whatever the server does, and takes no token elsewhere."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from dag_factory.errors import ConfigError, ServerError
from dag_factory.reporting.server_client import Answer, ServerClient, shown, token_of
from sandbox.failing import (
    Authority,
    HttpServer,
    Reply,
    SocketServer,
    behind_tls,
    drip_body,
    drip_headers,
    flood,
    hang,
    running,
    tunnel_to,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


HEADERS = {"X-Again": "%(Authorization)s", "X-Plain": "5"}


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def client(port: int, *, seconds: float = 0.5, token: str | None = "the-token", **fields: Any) -> ServerClient:
    return ServerClient({"hostPort": f"http://127.0.0.1:{port}/api", **fields}, token=token, seconds=seconds)


@pytest.mark.slow
@pytest.mark.parametrize("speak", [hang, drip_headers, drip_body])
def test_a_call_as_a_whole_has_a_time(speak: Callable[..., None]) -> None:
    with SocketServer(speak) as server, closing(client(server.port)) as calls:
        with pytest.raises(httpx.TimeoutException):
            calls.ask("GET", "/system/version")
        # And so has the next one.
        with pytest.raises(httpx.TimeoutException):
            calls.ask("GET", "/system/version")


def test_so_has_one_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = SocketServer(drip_headers)
    behind_tls(server, authority.context())
    tls: dict[str, Any] = {"verifySSL": "validate", "sslConfig": {"caCertificate": str(authority.path)}}
    calls = client(server.port, hostPort=f"https://127.0.0.1:{server.port}/api", **tls)
    with server, closing(calls), pytest.raises(httpx.TimeoutException):
        calls.ask("GET", "/system/version")


def test_so_has_one_over_tls_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_all = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)
        sent_all.set()

    authority = Authority(tmp_path)
    server = SocketServer(drip)
    behind_tls(server, authority.context())
    tls: dict[str, Any] = {"verifySSL": "validate", "sslConfig": {"caCertificate": str(authority.path)}}
    with server, SocketServer(tunnel_to(server.port)) as proxy:
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        calls = client(server.port, seconds=2, hostPort=f"https://127.0.0.1:{server.port}/api", **tls)
        with closing(calls), pytest.raises(httpx.TimeoutException):
            calls.ask("GET", "/system/version")
        assert not sent_all.is_set()
        assert proxy.connections == 1


def test_no_thread_of_a_call_that_took_too_long_stays() -> None:
    before = threading.active_count()
    with SocketServer(hang) as server:
        for _ in range(5):
            with closing(client(server.port, seconds=0.1)) as calls, pytest.raises(httpx.TimeoutException):
                calls.ask("GET", "/x")
        deadline = time.monotonic() + 10
        while threading.active_count() > before + 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        # The server's own thread is the one.
        assert threading.active_count() <= before + 1


def test_an_answer_without_end_is_left() -> None:
    with (
        SocketServer(flood) as server,
        closing(client(server.port, seconds=60)) as calls,
        pytest.raises(httpx.DecodingError),
    ):
        calls.ask("GET", "/system/version")


def test_an_answer_is_not_decompressed() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    with (
        running(HttpServer(otherwise=Reply(200, bomb, {"Content-Encoding": "gzip"}))) as server,
        closing(client(server.port, seconds=30)) as calls,
    ):
        assert calls.ask("GET", "/system/version").content == bomb
    assert server.headers["Accept-Encoding"] == "identity"


def test_a_slow_answer_within_the_time_is_an_answer() -> None:
    with running(HttpServer(otherwise=Reply(after=1.0))) as server, closing(client(server.port, seconds=30)) as calls:
        assert calls.ask("GET", "/system/version").object() == {"version": "2.0.6"}


def test_no_redirect_is_followed_so_no_token_travels() -> None:
    with running(HttpServer()) as other:
        moved = Reply(302, b"", {"Location": f"http://127.0.0.1:{other.port}/api/v1/system/version"})
        with running(HttpServer(otherwise=moved)) as server, closing(client(server.port, seconds=30)) as calls:
            assert calls.ask("GET", "/system/version").status == 302
        assert server.tokens == ["Bearer the-token"]
        assert other.requests == []


@pytest.mark.parametrize(
    "host",
    ["http://127.0.0.1:99999/api", "http://127.0.0.1:0/api", "ftp://127.0.0.1/api", "127.0.0.1:8585/api", "http:///",
     "http://[::1/api", "http://a\x00b/", "", None, 7],
)  # fmt: skip
def test_an_address_that_is_none_is_said_to_be_none(host: object) -> None:
    with pytest.raises(ConfigError, match=r"hostPort.*is not the address of a server"):
        client(1, hostPort=host)


def test_what_can_t_be_used_at_all_is_refused_without_its_value() -> None:
    with pytest.raises(ServerError) as error:
        client(1, extraHeaders={"X-Key": "canary %(Missing)s"})
    assert "canary" not in str(error.value)
    assert "KeyError" in str(error.value)


WAY_OUT = (
    "Check the server's address, its apiVersion, the length of the pipeline's name, and the proxy variables "
    "HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
)


@pytest.mark.parametrize(
    ("variables", "fields"),
    [
        ({"NO_PROXY": "10.0.0.0/8,fd00::/8"}, {}),
        ({"HTTP_PROXY": "canary://proxy:1080"}, {}),
        ({"HTTP_PROXY": "http://canary:port/"}, {}),
        ({}, {"apiVersion": "canary\n"}),
    ],
)
def test_an_address_or_proxy_that_httpx_refuses_is_an_error_of_ours_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], fields: dict[str, Any]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ServerError) as error:
        client(1, **fields)
    assert str(error.value).endswith(WAY_OUT)
    assert "canary" not in str(error.value)


def test_so_is_a_proxy_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5h://proxy:1080")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ServerError, match="can't be called: ImportError") as error:
        client(1)
    assert str(error.value).endswith(WAY_OUT)


@pytest.mark.parametrize(
    ("host", "path"),
    [("127.0.0.1:1", "a" * 70_000), ("127.0.0.1:1", "/a\n"), (f"{'a' * 64}.example", "/a"), ("a..example", "/a")],
    ids=["long path", "line break", "long label", "empty label"],
)
def test_so_is_an_address_that_is_refused_only_when_it_is_called(host: str, path: str) -> None:
    with (
        closing(client(1, seconds=30, hostPort=f"http://{host}/api")) as calls,
        pytest.raises(ServerError) as error,
    ):
        calls.ask("GET", path)
    assert str(error.value).endswith(WAY_OUT)


def test_an_extra_header_may_repeat_another_one_as_openmetadata_ingestion_has_it() -> None:
    with running(HttpServer()) as server, closing(client(server.port, extraHeaders=HEADERS)) as calls:
        calls.ask("GET", "/system/version")
    assert server.headers["X-Again"] == "Bearer the-token"
    assert server.headers["X-Plain"] == "5"


@pytest.mark.parametrize("token", ["secret:/a/b", "/run/secrets/token", "~/token", "./token"])
def test_a_token_that_stands_elsewhere_is_not_read_here(token: str) -> None:
    with pytest.raises(ServerError, match="only openmetadata-ingestion"):
        token_of({"securityConfig": {"jwtToken": token}})


@pytest.mark.parametrize("security", [None, {}, "text", {"jwtToken": ""}, {"jwtToken": 7}])
def test_there_may_be_no_token(security: object) -> None:
    assert token_of({"securityConfig": security}) is None


@pytest.mark.parametrize(
    ("host_port", "text"),
    [
        ("http://user:canary@om.example.com:8585/api?x=canary", "om.example.com:8585"),
        ("https://[::1]:8585/api", "[::1]:8585"),
        ("om.example.com/api", "without a host"),
        (None, "without a host"),
    ],
)
def test_an_address_is_shown_without_credentials(host_port: str | None, text: str) -> None:
    assert shown({"hostPort": host_port}) == text


def test_credentials_in_an_address_are_sent_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with running(HttpServer()) as server:
        address = f"http://user:canary@127.0.0.1:{server.port}/api"
        with closing(client(server.port, hostPort=address)) as calls:
            calls.ask("GET", "/system/version")
    assert server.tokens == ["Basic dXNlcjpjYW5hcnk="]
    assert "canary" not in caplog.text


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (204, True), (299, True), (300, False)])
def test_an_answer_is_a_success_by_its_status(status: int, is_success: bool) -> None:
    assert Answer(status, b"").is_success is is_success


@pytest.mark.parametrize(
    ("content", "found"), [(b'{"a": 1}', {"a": 1}), (b"{}", None), (b"", None), (b"[1]", None), (b"null", None)]
)
def test_an_answer_holds_an_object_or_none(content: bytes, found: dict[str, int] | None) -> None:
    assert Answer(200, content).object() == found


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused_however_deep_it_is(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Answer(200, content).object()
