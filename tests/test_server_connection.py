from __future__ import annotations

import json
from typing import Any

import pytest

from dag_factory.errors import ConfigError
from dag_factory.server_connection import require_server, with_server

OWN = {
    "hostPort": "http://old.example/api",
    "authProvider": "openmetadata",
    "securityConfig": {"jwtToken": {"$env": "GONE"}},
    "clusterName": "one",
}


def laid_over(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], **fields: Any) -> tuple[Any, list[str]]:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "om")
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps(fields))
    secrets: list[str] = []
    return with_server(document, on_secret=secrets.append)["openMetadataServerConnection"], secrets


def test_without_the_setting_a_document_speaks_for_itself() -> None:
    document = {"openMetadataServerConnection": OWN}
    assert with_server(document, on_secret=pytest.fail) is document


def test_a_connection_of_airflow_takes_the_place_of_host_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    found, secrets = laid_over(
        monkeypatch,
        {"openMetadataServerConnection": OWN},
        conn_type="http",
        host="om.example",
        schema="https",
        port=8585,
        password="the-token",
    )
    assert found == {
        "hostPort": "https://om.example:8585/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": "the-token"},
        "clusterName": "one",
    }
    assert secrets == ["the-token"]


def test_a_document_needs_no_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = laid_over(monkeypatch, {"name": "a"}, conn_type="http", host="om", password="t")
    assert found["hostPort"] == "http://om/api"


@pytest.mark.parametrize(
    ("fields", "host_port"),
    [
        ({"conn_type": "https", "host": "om.example"}, "https://om.example/api"),
        ({"conn_type": "generic", "host": "om.example", "port": 80}, "http://om.example:80/api"),
        ({"conn_type": "http", "host": "https://om.example/openmetadata/api/"}, "https://om.example/openmetadata/api"),
        ({"conn_type": "generic", "extra": {"hostPort": "https://x/api"}}, "https://x/api"),
        ({"conn_type": "generic"}, "http://old.example/api"),
    ],
)
def test_where_the_server_is(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], host_port: str) -> None:
    found, _ = laid_over(monkeypatch, {"openMetadataServerConnection": OWN}, **fields)
    assert found["hostPort"] == host_port


def test_the_extra_holds_further_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"verifySSL": "validate", "sslConfig": {"caCertificate": "/etc/ca.pem"}}
    found, secrets = laid_over(monkeypatch, {}, conn_type="http", host="om", extra=extra)
    assert found == {"hostPort": "http://om/api", **extra}
    assert [json.loads(secret) for secret in secrets] == [extra]


def test_a_connection_that_airflow_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "gone")
    with pytest.raises(ConfigError, match=r"openmetadata_conn_id': refers to the Connection 'gone'"):
        with_server({}, on_secret=pytest.fail)


@pytest.mark.parametrize("document", [{}, {"openMetadataServerConnection": {"authProvider": "openmetadata"}}])
def test_a_document_that_says_nothing_of_a_server_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="nowhere to send"):
        require_server(document)
