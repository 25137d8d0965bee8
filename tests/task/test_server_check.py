"""The check before a workflow begins, against servers that fail: what is said of each, and when it is asked again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import ConfigError, ServerError, ServerUnavailable
from dag_factory.task.server_check import require_answers
from sandbox.failing import (
    HTML,
    Authority,
    HttpServer,
    Reply,
    SocketServer,
    behind_tls,
    close_at_once,
    close_midway,
    drip_headers,
    flood,
    hang,
    reset,
    running,
)
from sandbox.server import OpenMetadataServer

VERSION = "/api/v1/system/version"
WHO_AM_I = "/api/v1/users/loggedInUser"
TOKEN = "eyJhbGciOiJub25lIn0.canary.x"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,nowhere.invalid")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def check(port: int, *, scheme: str = "http", seconds: float = 30.0, retry_seconds: float = 0.0, **fields: Any) -> None:
    security = {"authProvider": "openmetadata", "securityConfig": {"jwtToken": TOKEN}}
    connection = {"hostPort": f"{scheme}://127.0.0.1:{port}/api", **security, **fields}
    require_answers(connection, answer_seconds=seconds, retry_seconds=retry_seconds)


def problem(kind: type[Exception], *arguments: Any, **options: Any) -> str:
    """Return what a check says; it names the server, and never the token."""
    with pytest.raises(ServerError) as error:
        check(*arguments, **options)
    assert type(error.value) is kind
    text = str(error.value)
    assert text.startswith("the OpenMetadata server ")
    assert "canary" not in text
    return text


def refused(replies: dict[str, Reply] | None = None, *, otherwise: Reply | None = None) -> tuple[str, HttpServer]:
    with running(HttpServer(replies, otherwise=otherwise)) as server:
        return problem(ServerError, server.port), server


def test_a_server_that_answers_and_takes_the_token_is_there(openmetadata: OpenMetadataServer) -> None:
    security = {"jwtToken": openmetadata.token}
    check(int(openmetadata.url.rpartition(":")[2]), securityConfig=security)


def test_another_token_is_refused(openmetadata: OpenMetadataServer) -> None:
    said = problem(ServerError, int(openmetadata.url.rpartition(":")[2]))
    assert "refuses the token (401). Renew openMetadataServerConnection.securityConfig.jwtToken" in said


def test_a_server_that_takes_its_time_is_there() -> None:
    with running(HttpServer(otherwise=Reply(after=1.0))) as server:
        check(server.port)


@pytest.mark.parametrize("status", [404, 200])
def test_a_server_need_not_know_who_is_logged_in(status: int) -> None:
    with running(HttpServer({VERSION: Reply()}, otherwise=Reply(status, b"{}"))) as server:
        check(server.port)
    assert server.requests == [f"GET {VERSION}", f"GET {WHO_AM_I}"]


def test_a_server_that_is_down_is_named_with_the_way_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = problem(ServerUnavailable, port)
    assert said.startswith(f"the OpenMetadata server 127.0.0.1:{port} is down: nothing listens there. Start it")


@pytest.mark.parametrize("speak", [hang, drip_headers])
def test_one_that_accepts_and_never_answers_is_left(speak: Callable[..., None]) -> None:
    with SocketServer(speak) as server:
        said = problem(ServerUnavailable, server.port, seconds=1)
    assert "accepts connections, but has not answered within 1 s" in said


@pytest.mark.parametrize("speak", [close_at_once, close_midway, reset, flood])
def test_one_that_ends_its_answer_midway(speak: Callable[..., None]) -> None:
    with SocketServer(speak) as server:
        assert "ends the connection before its answer is complete" in problem(ServerUnavailable, server.port)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_one_that_answers_with_an_error(status: int) -> None:
    with running(HttpServer(otherwise=Reply(status, HTML, {"Content-Type": "text/html"}))) as server:
        assert f"answers with an error ({status})" in problem(ServerUnavailable, server.port)


def test_one_whose_version_is_public_but_whose_database_is_down() -> None:
    with running(HttpServer({VERSION: Reply()}, otherwise=Reply(500, b"{}"))) as server:
        assert "answers with an error (500)" in problem(ServerUnavailable, server.port)


@pytest.mark.parametrize("body", [HTML, b"", b"[]", b'{"version": ', b'{"other": 1}', b'{"version": null}', b"\xff",
                                  b"[" * 100_000])  # fmt: skip
def test_a_page_that_is_no_api(body: bytes) -> None:
    said, _ = refused(otherwise=Reply(200, body))
    assert "does not answer as OpenMetadata's API does" in said
    assert "hostPort ends in /api" in said


@pytest.mark.parametrize("status", [400, 404])
def test_a_path_where_nothing_is(status: int) -> None:
    said, _ = refused(otherwise=Reply(status, HTML))
    assert f"has no API at that path (it answers {status})" in said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with running(HttpServer()) as other:
        location = f"http://user:canary@127.0.0.1:{other.port}/login?token=canary"
        said, server = refused(otherwise=Reply(status, b"", {"Location": location}))
        assert f"redirects to http://127.0.0.1:{other.port} ({status})" in said
        assert server.requests == [f"GET {VERSION}"]
        assert other.requests == []


def test_a_redirect_of_the_second_call_neither() -> None:
    with running(HttpServer()) as other:
        away = Reply(302, b"", {"Location": f"http://127.0.0.1:{other.port}/"})
        said, _ = refused({VERSION: Reply()}, otherwise=away)
        assert "redirects to" in said
        assert other.requests == []


def test_where_a_redirect_leads_can_t_fill_a_log() -> None:
    said, _ = refused(otherwise=Reply(302, b"", {"Location": f"http://{'x' * 10_000}/"}))
    assert len(said) < 600


def test_a_redirect_loop_is_left_at_once() -> None:
    said, server = refused(otherwise=Reply(302, b"", {"Location": VERSION}))
    assert "redirects to another path of its own (302)" in said
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", [VERSION, WHO_AM_I])
@pytest.mark.parametrize(("status", "words"), [(401, "refuses the token"), (403, "forbids the token")])
def test_a_token_that_is_refused(path: str, status: int, words: str) -> None:
    said, _ = refused({path: Reply(status, b"{}")})
    assert f"{words}" in said
    assert str(status) in said


@pytest.mark.parametrize("token", ["secret:/path", "/run/secrets/token"])
@pytest.mark.parametrize("status", [200, 401])
def test_a_token_that_only_ingestion_reads_is_left_to_it(token: str, status: int) -> None:
    with running(HttpServer({VERSION: Reply(status)})) as server:
        check(server.port, securityConfig={"jwtToken": token})
    assert server.requests == [f"GET {VERSION}"]
    assert server.tokens == [None]


def test_a_name_that_no_dns_knows() -> None:
    said = problem(ServerUnavailable, 0, hostPort="http://nowhere.invalid:8585/api")
    assert said.startswith("the OpenMetadata server nowhere.invalid:8585 is not found: this worker's DNS")


@pytest.mark.parametrize("host_port", ["127.0.0.1:8585/api", "ftp://127.0.0.1/api", "http://127.0.0.1:99999/api"])
def test_an_address_that_is_none_is_the_config_s_mistake(host_port: str) -> None:
    with pytest.raises(ConfigError, match=r"hostPort.*is not the address of a server"):
        check(0, hostPort=host_port)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def over_tls(authority: Authority) -> Iterator[Callable[..., int]]:
    """Start a server that works, over TLS with a certificate as wanted, and return its port."""
    servers = []

    def start(**certificate: Any) -> int:
        server = HttpServer()
        behind_tls(server, authority.context(**certificate))
        context = running(server)
        servers.append(context)
        return context.__enter__().port

    yield start
    for each in servers:
        each.__exit__(None, None, None)


def trusted(authority: Authority) -> dict[str, Any]:
    return {"verifySSL": "validate", "sslConfig": {"caCertificate": str(authority.path)}}


def test_a_certificate_of_the_named_authority_is_trusted(authority: Authority, over_tls: Callable[..., int]) -> None:
    check(over_tls(), scheme="https", **trusted(authority))


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_and_so_is_one_of_the_environment_s(
    authority: Authority, over_tls: Callable[..., int], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority.path))
    check(over_tls(), scheme="https")


def test_none_is_looked_at_where_the_config_says_so(over_tls: Callable[..., int]) -> None:
    check(over_tls(), scheme="https", verifySSL="ignore")


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "words"),
    [
        ({"days": -1}, True, "certificate has expired"),
        ({"host": "other.example.com"}, True, "IP address mismatch"),
        ({}, False, "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_that_can_t_be_trusted(
    authority: Authority,
    over_tls: Callable[..., int],
    certificate: dict[str, Any],
    is_trusted: bool,
    words: str,
) -> None:
    said = problem(ServerError, over_tls(**certificate), scheme="https", **(trusted(authority) if is_trusted else {}))
    assert "shows a certificate that can't be trusted" in said
    assert words in said


def test_tls_where_none_is_spoken() -> None:
    with running(HttpServer()) as server:
        assert "fails the TLS handshake" in problem(ServerError, server.port, scheme="https")


def test_no_tls_where_it_is_wanted(over_tls: Callable[..., int]) -> None:
    assert "If it expects TLS, write https://" in problem(ServerUnavailable, over_tls())


def test_an_authority_s_file_that_is_missing_is_named_by_its_kind() -> None:
    with pytest.raises(ServerError, match="can't be used: FileNotFoundError"):
        check(1, scheme="https", verifySSL="validate", sslConfig={"caCertificate": "/nowhere/ca.pem"})


def test_a_server_that_is_unavailable_is_asked_again_until_it_is_there() -> None:
    server = HttpServer(otherwise=Reply(503, b""))

    class Recovering(dict[str, Reply]):
        def get(self, path: str, default: Any = None) -> Any:
            return default if len(server.requests) < 3 else Reply()

    server.replies = Recovering()
    with running(server):
        check(server.port, retry_seconds=120)
    assert server.requests == [f"GET {VERSION}"] * 3 + [f"GET {WHO_AM_I}"]


def test_each_time_it_is_asked_again_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with running(HttpServer(otherwise=Reply(503, b""))) as server:
        problem(ServerUnavailable, server.port, retry_seconds=0.5)
    assert "answers with an error (503)" in caplog.text
    assert "Retrying" in caplog.text
    assert "canary" not in caplog.text


def test_what_stays_wrong_is_asked_once() -> None:
    with running(HttpServer(otherwise=Reply(401, b""))) as server:
        problem(ServerError, server.port, retry_seconds=120)
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:1", "a..example"], ids=["proxy", "host"])
def test_what_no_call_can_be_made_to_is_named_with_the_way_out_at_once(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    if host == "127.0.0.1:1":
        monkeypatch.setenv("NO_PROXY", "fd00::/8")
    with pytest.raises(ServerError, match=r"Check the server's address, .* and NO_PROXY$") as error:
        check(1, hostPort=f"http://{host}/api", retry_seconds=3600)
    assert type(error.value) is ServerError
