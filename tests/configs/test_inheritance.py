"""What a document takes over from defaults: everything but a token for a server of its own."""

from __future__ import annotations

from typing import Any

import pytest

from dag_factory.configs.inheritance import check_defaults, merge_over_defaults
from dag_factory.errors import ConfigError

URL = "https://om.example/api"


def server(**fields: Any) -> dict[str, Any]:
    return {"openMetadataServerConnection": fields}


DEFAULTS = server(hostPort=URL, securityConfig={"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}}, verifySSL="validate")


@pytest.mark.parametrize(
    "own",
    [
        server(hostPort="https://rogue.example/api"),
        server(hostPort="http://om.example/api"),
        server(hostPort="https://om.example:8585/api"),
        server(hostPort="https://om.example/rogue"),
        server(hostPort={"$env": "OPENMETADATA_OTHER"}),
        server(hostPort="https://rogue.example/api", securityConfig={}),
        server(hostPort="https://rogue.example/api", securityConfig={"other": 1}),
    ],
    ids=str,
)
def test_a_document_that_names_another_server_may_not_take_the_token(own: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"hostPort': names another server than defaults.yaml does, so the secrets"):
        merge_over_defaults(DEFAULTS, own)


def test_nor_headers() -> None:
    defaults = server(hostPort=URL, extraHeaders={"X-Token": "canary"})
    with pytest.raises(ConfigError, match="names another server") as error:
        merge_over_defaults(defaults, server(hostPort="https://rogue.example/api", securityConfig={"jwtToken": "own"}))
    assert "canary" not in str(error.value)


def test_nor_a_token_that_stands_without_a_server() -> None:
    with pytest.raises(ConfigError, match="names another server"):
        merge_over_defaults(server(securityConfig={"jwtToken": "t"}), server(hostPort=URL))


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        ({}, DEFAULTS["openMetadataServerConnection"]),
        (server(hostPort=URL), DEFAULTS["openMetadataServerConnection"]),
        (server(clusterName="a"), {**DEFAULTS["openMetadataServerConnection"], "clusterName": "a"}),
        (
            server(hostPort="https://mine.example", securityConfig={"jwtToken": "own"}),
            {"hostPort": "https://mine.example", "securityConfig": {"jwtToken": "own"}, "verifySSL": "validate"},
        ),
        (
            server(hostPort="https://mine.example", securityConfig=None),
            {"hostPort": "https://mine.example", "securityConfig": None, "verifySSL": "validate"},
        ),
    ],
    ids=str,
)
def test_everything_else_is_merged(own: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge_over_defaults(DEFAULTS, own) == server(**merged)


def test_a_document_may_send_its_own_token_to_the_defaults_server() -> None:
    found = merge_over_defaults(DEFAULTS, server(securityConfig={"jwtToken": "own"}))
    assert found["openMetadataServerConnection"]["securityConfig"] == {"jwtToken": "own"}


DBT = {"dbtCloudUrl": "https://cloud.getdbt.com", "dbtCloudAuthToken": {"$env": "OPENMETADATA_DBT"}, "dbtCloudJobId": 1}


def source(**fields: Any) -> dict[str, Any]:
    return {"sourceConfig": {"config": {"dbtConfigSource": fields}}}


def test_nor_any_other_secret_for_a_server_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"dbtConfigSource.dbtCloudUrl': names another server than defaults.yaml"):
        merge_over_defaults(source(**DBT), source(dbtCloudUrl="https://rogue.example"))
    with pytest.raises(ConfigError, match=r"gcpConfig.tokenUri': names another server"):
        merge_over_defaults(
            source(gcpConfig={"privateKey": "k", "tokenUri": "https://a"}), source(gcpConfig={"tokenUri": "https://b"})
        )
    own = source(dbtCloudUrl="https://mine.example", dbtCloudAuthToken="mine")
    assert merge_over_defaults(source(**DBT), own) == source(
        **{**DBT, **own["sourceConfig"]["config"]["dbtConfigSource"]}
    )
    assert merge_over_defaults(source(**DBT), source(dbtCloudJobId=2)) == source(**{**DBT, "dbtCloudJobId": 2})
    assert merge_over_defaults(source(**DBT), source(dbtCloudUrl=f"{DBT['dbtCloudUrl']}/"))


def test_a_certificate_of_openmetadata_s_server_is_no_token() -> None:
    certificate = {"caCertificate": "/etc/ca.pem"}
    defaults = server(hostPort=URL, sslConfig=certificate)
    own = server(hostPort="https://mine.example", securityConfig={"jwtToken": "own"})
    assert merge_over_defaults(defaults, own)["openMetadataServerConnection"]["sslConfig"] == certificate


def test_nothing_in_defaults_is_encrypted_since_that_is_for_one_dag_alone() -> None:
    with pytest.raises(ConfigError, match=r"^field 'a.0': is encrypted, .*Write a \$connection or an \$env") as error:
        check_defaults({"a": [{"$fernet": "canary"}]})
    assert "canary" not in str(error.value)
    check_defaults({"a": [{"$env": "A"}, {"$connection": "a", "field": "host"}]})
