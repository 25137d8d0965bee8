from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from dag_factory.configs.allowed import Allowed, allowed_here
from dag_factory.configs.server_connection import require_server, resolved, server_fields
from dag_factory.errors import ConfigError
from tests.airflow_versions import BEFORE_3_2

IS_NONE_IN_3_1 = pytest.mark.skipif(BEFORE_3_2, reason="Airflow 3.1 takes no such Connection from the environment")
OWN = {
    "hostPort": "http://old.example/api",
    "authProvider": "openmetadata",
    "securityConfig": {"jwtToken": "old"},
    "clusterName": "one",
}


def laid_over(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], **fields: Any) -> tuple[Any, list[str]]:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "om")
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps(fields))
    secrets: list[str] = []
    return resolved(document, "orders", allowed_here(), on_secret=secrets.append)[
        "openMetadataServerConnection"
    ], secrets


def test_without_the_setting_a_document_speaks_for_itself() -> None:
    document = {"openMetadataServerConnection": OWN}
    assert resolved(document, "orders", Allowed(), on_secret=pytest.fail) == document


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
    ("host", "schema", "port", "host_port"),
    [
        ("om.example", None, None, "http://om.example/api"),
        ("om.example", "https", None, "https://om.example/api"),
        ("om.example", "HTTPS", 8585, "https://om.example:8585/api"),
        ("om.example", "openmetadata", 80, "http://om.example:80/api"),
        ("om.example:8585", "https", None, "https://om.example:8585/api"),
        ("om.example/", None, 8585, "http://om.example:8585/api"),
        ("om.example/api", None, 8585, "http://om.example:8585/api"),
        ("om.example/openmetadata/api/", "https", 8585, "https://om.example:8585/openmetadata/api"),
        ("https://om.example", None, None, "https://om.example/api"),
        ("https://om.example/", "http", 8585, "https://om.example:8585/api"),
        ("https://om.example:443", None, 8585, "https://om.example:443/api"),
        ("https://om.example/openmetadata/api/", None, None, "https://om.example/openmetadata/api"),
        ("HTTPS://om.example/api", None, None, "https://om.example/api"),
        ("::1", None, 8585, "http://[::1]:8585/api"),
        ("[::1]", "https", None, "https://[::1]/api"),
        ("[::1]:8585", None, None, "http://[::1]:8585/api"),
        ("http://[fe80::1]/api", None, 8585, "http://[fe80::1]:8585/api"),
        (None, None, None, "http://old.example/api"),
    ],
)
def test_where_the_server_is(
    monkeypatch: pytest.MonkeyPatch, host: str | None, schema: str | None, port: int | None, host_port: str
) -> None:
    fields = {"conn_type": "generic", "host": host, "schema": schema, "port": port}
    found, _ = laid_over(monkeypatch, {"openMetadataServerConnection": OWN}, **fields)
    assert found["hostPort"] == host_port


@pytest.mark.parametrize(
    ("fields", "host_port"),
    [
        ({"conn_type": "https", "host": "om.example"}, "https://om.example/api"),
        ({"conn_type": "https", "host": "om.example", "schema": "http"}, "http://om.example/api"),
        ({"conn_type": "generic", "host": "om.example", "extra": {"hostPort": "https://x/api"}}, "https://x/api"),
    ],
)
def test_also_by_the_type_of_the_connection_and_by_its_extra(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], host_port: str
) -> None:
    found, _ = laid_over(monkeypatch, {"openMetadataServerConnection": OWN}, **fields)
    assert found["hostPort"] == host_port


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"host": "http://canary:port"}, "whose host is neither"),
        ({"host": "https://"}, "whose host is neither"),
        ({"host": "[canary"}, "whose host is neither"),
        pytest.param({"extra": "canary"}, "whose extra is not a JSON object", marks=IS_NONE_IN_3_1),
        pytest.param({"extra": '["canary"]'}, "whose extra is not a JSON object", marks=IS_NONE_IN_3_1),
    ],
)
def test_a_connection_that_can_t_be_a_server_s_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=rf"openmetadata_conn_id': refers to the Connection 'om', {problem}") as error:
        laid_over(monkeypatch, {}, conn_type="http", **fields)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("extra", ["canary", '["canary"]'])
def test_an_extra_that_is_no_json_object_is_named_and_not_quoted(extra: str) -> None:
    """So it comes from Airflow's database, in Airflow 3.1 too."""
    with pytest.raises(ConfigError, match=r"'om', whose extra is not a JSON object") as error:
        server_fields(Connection(conn_id="om", conn_type="http", extra=extra))
    assert "canary" not in str(error.value)


def test_the_extra_holds_further_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"verifySSL": "validate", "sslConfig": {"caCertificate": "/etc/ca.pem"}}
    found, secrets = laid_over(monkeypatch, {}, conn_type="http", host="om", extra=extra)
    assert found == {"hostPort": "http://om/api", **extra}
    assert [json.loads(secret) for secret in secrets] == [extra]


def test_a_connection_that_airflow_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "gone")
    with pytest.raises(ConfigError, match=r"openmetadata_conn_id': refers to the Connection 'gone'"):
        resolved({}, "orders", allowed_here(), on_secret=pytest.fail)


@pytest.mark.parametrize("connection", [None, {}, {"authProvider": "openmetadata"}, "http://canary", ["canary"]])
def test_a_document_that_says_nothing_of_a_server_is_refused(connection: object) -> None:
    with pytest.raises(ConfigError, match=r"^field 'openMetadataServerConnection': .*nowhere to send") as error:
        require_server({"openMetadataServerConnection": connection})
    assert "canary" not in str(error.value)


def problem_of(document: dict[str, Any], allowed: Allowed) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        resolved(document, "orders", allowed, on_secret=lambda _: None)
    return caught.value


def server(host_port: object = "https://mine.example/api", token: object = "mine", **fields: Any) -> dict[str, Any]:
    return {
        "openMetadataServerConnection": {"hostPort": host_port, "securityConfig": {"jwtToken": token}, **fields},
        "sourceConfig": {"password": {"$env": "GONE"}},
    }


def test_references_of_the_connection_are_resolved_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMETADATA_HOST_PORT", "https://om.example/api")
    document = server({"$env": "OPENMETADATA_HOST_PORT"})
    found = resolved(document, "orders", Allowed(env=("OPENMETADATA_*",)), on_secret=pytest.fail)
    assert found == server("https://om.example/api")


@pytest.mark.parametrize("field", ["hostPort", "extraHeaders", "securityConfig"])
def test_a_reference_to_what_is_not_open_is_not_followed(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    document = server(**{field: {"x": [{"$env": "AWS_SECRET_ACCESS_KEY"}]}})
    problem = problem_of(document, Allowed(env=("OPENMETADATA_*",)))
    assert problem.field == f"openMetadataServerConnection.{field}.x.0"
    assert "allowed_env" in problem.problem


def test_a_host_is_checked_when_its_reference_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMETADATA_HOST_PORT", "https://rogue.example/api")
    allowed = Allowed(env=("OPENMETADATA_*",), servers=("om.example",))
    allowed.check(server({"$env": "OPENMETADATA_HOST_PORT"})["openMetadataServerConnection"])
    assert "rogue.example" in str(problem_of(server({"$env": "OPENMETADATA_HOST_PORT"}), allowed))


def test_the_token_of_a_connection_without_a_host_is_sent_to_none_but_a_server_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "http", "password": "canary"}))
    problem = problem_of(server(), Allowed(server_connection="om"))
    assert "has a token but no host" in str(problem)
    assert "canary" not in str(problem)
    assert "allowed_servers" in str(problem_of(server(), Allowed(servers=("om.example",), server_connection="om")))
    allowed = Allowed(servers=("mine.example",), server_connection="om")
    found = resolved(server(), "orders", allowed, on_secret=lambda _: None)["openMetadataServerConnection"]
    assert found["securityConfig"] == {"jwtToken": "canary"}


def test_the_headers_of_a_connection_without_a_host_are_a_token_too(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"extraHeaders": {"X-Token": "canary"}}
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "http", "extra": extra}))
    assert "has a token but no host" in str(problem_of(server(), Allowed(server_connection="om")))


@pytest.mark.parametrize("provider", ["aws", "managed-aws", "kubernetes"])
def test_a_secrets_manager_works_for_a_server_alone_that_the_operator_has_named(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    document = server(secretsManagerProvider=provider)
    assert "secrets manager" in str(problem_of(document, Allowed()))
    resolved(document, "orders", Allowed(servers=("mine.example",)), on_secret=pytest.fail)
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "http", "host": "om.example"}))
    found = resolved(document, "orders", Allowed(server_connection="om"), on_secret=pytest.fail)
    assert found["openMetadataServerConnection"]["hostPort"] == "http://om.example/api"
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "http", "login": "no host"}))
    assert "secrets manager" in str(problem_of(document, Allowed(server_connection="om")))


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_token_that_is_the_name_of_a_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_relative: bool
) -> None:
    (tmp_path / "secret").write_text("canary")
    monkeypatch.chdir(tmp_path)
    name = "secret" if is_relative else str(tmp_path / "secret")
    assert "names a file" in str(problem_of(server(token=name), Allowed()))


def test_a_token_in_a_file_is_the_operators_to_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("token")
    monkeypatch.setenv("OPENMETADATA_JWT_TOKEN", str(path))
    reference = {"$env": "OPENMETADATA_JWT_TOKEN"}
    resolved(server(token=reference), "orders", Allowed(env=("OPENMETADATA_*",)), on_secret=pytest.fail)
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "http", "host": "om", "password": str(path)}))
    resolved(server(), "orders", Allowed(server_connection="om"), on_secret=lambda _: None)


def test_what_a_form_has_left_empty_overrides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {**OWN, "verifySSL": "validate", "sslConfig": {"caCertificate": "/own.pem"}}
    extra = {"verifySSL": None, "sslConfig": None, "clusterName": ""}
    found, _ = laid_over(
        monkeypatch, {"openMetadataServerConnection": own}, conn_type="openmetadata", host="om", extra=extra
    )
    assert found == {**own, "hostPort": "http://om/api"}


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"sslConfig": "/ca.pem"}, {"sslConfig": {"caCertificate": "/ca.pem"}, "verifySSL": "validate"}),
        (
            {"sslConfig": "/ca.pem", "verifySSL": "ignore"},
            {"sslConfig": {"caCertificate": "/ca.pem"}, "verifySSL": "ignore"},
        ),
        ({"sslConfig": {"caCertificate": "/ca.pem"}}, {"sslConfig": {"caCertificate": "/ca.pem"}}),
    ],
    ids=["path", "path and check", "object"],
)
def test_a_certificate_is_written_as_in_the_form_or_as_in_a_config(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], wanted: dict[str, Any]
) -> None:
    found, _ = laid_over(monkeypatch, {"name": "a"}, conn_type="openmetadata", host="om", extra=extra)
    assert found == {"hostPort": "http://om/api", **wanted}
