"""Calls to the configured server: what is retried, what is refused, and what is said about it."""

from __future__ import annotations

import pytest

from dag_factory.api_server.sync.server_api import RefusedError, ServerApi, configured_connection
from dag_factory.errors import ConfigError, ServerError, ServerUnavailable, SettingsError
from tests.api_server.sync.servers import TOKEN, Server

PATH = "/services/ingestionPipelines"


def api(server: Server, *, retry_seconds: float = 0) -> ServerApi:
    return ServerApi(server.connection, seconds=10, retry_seconds=retry_seconds)


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        (401, "Renew the token"),
        (403, "Give the user"),
        (404, "whose API is at /api"),
        (302, "a redirect"),
        (418, "refused with 418"),
    ],
)
def test_a_refusal_is_not_retried_and_says_the_way_out(server: Server, status: int, way_out: str) -> None:
    server.answers = lambda line: status
    with api(server, retry_seconds=60) as calls, pytest.raises(RefusedError, match=way_out) as error:
        calls.get(PATH, {"limit": 1})
    assert error.value.status == status
    assert len(server.requests) == 1
    assert TOKEN not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 502, 503, 504, 500])
def test_what_may_pass_is_retried(server: Server, status: int) -> None:
    server.answers = lambda line: status if len(server.requests) < 2 else None
    with api(server, retry_seconds=60) as calls:
        assert calls.get(PATH, {"limit": 1})["data"] == []


@pytest.mark.slow
def test_an_error_of_the_server_itself_is_retried_twice(server: Server) -> None:
    server.answers = lambda line: 500
    with api(server, retry_seconds=600) as calls, pytest.raises(ServerUnavailable, match="answers 500"):
        calls.get(PATH, {"limit": 1})
    assert len(server.requests) == 3


def test_a_server_that_is_not_there_is_said_to_be_so(silent_port: int) -> None:
    connection = {"hostPort": f"http://127.0.0.1:{silent_port}/api"}
    with (
        ServerApi(connection, seconds=0.2, retry_seconds=0) as calls,
        pytest.raises(ServerUnavailable, match=f"127.0.0.1:{silent_port} does not answer"),
    ):
        calls.get(PATH)


def test_the_connection_of_the_setting_is_used(server: Server) -> None:
    assert configured_connection() == server.connection


def test_without_the_setting_there_is_no_server_to_ask(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "")
    with pytest.raises(SettingsError, match="openmetadata_conn_id is empty"):
        configured_connection()


def test_a_connection_without_a_server_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OM", "generic://")
    with pytest.raises(ConfigError, match="openMetadataServerConnection"):
        configured_connection()


def test_a_token_that_stands_elsewhere_is_not_read(server: Server) -> None:
    connection = {**server.connection, "securityConfig": {"jwtToken": "/etc/passwd"}}
    with pytest.raises(ServerError, match="only openmetadata-ingestion reads"):
        ServerApi(connection)
