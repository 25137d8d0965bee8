"""What configs may reach: nothing that the operator has not allowed, wherever a document names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.allowed import SERVER, Allowed, allowed_here, connections_in
from dag_factory.configs.validation.validator import examine
from dag_factory.dag.builder import build_dag
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.config import Config
from tests.documents import REST

SECTION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
OPENED = Allowed(env=("OPENMETADATA_*", "TOKEN"), connections=("openmetadata*",))
AWS = {"$env": "AWS_SECRET_ACCESS_KEY"}
PROD = {"$connection": "prod_db", "field": "uri"}
PIPELINE = {
    "name": "orders",
    "pipelineType": "metadata",
    "service": {"type": "databaseService", "name": "shop"},
    **REST,
}


def problem_of(document: dict[str, Any], allowed: Allowed = OPENED) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        allowed.check(document)
    return caught.value


def server(**fields: Any) -> dict[str, Any]:
    return {"openMetadataServerConnection": {"hostPort": "https://mine.example/api", **fields}}


# Where a reference may stand: each makes a document of one, and says how its field is called.
PLACES = [
    (lambda found: server(securityConfig={"jwtToken": found}), "openMetadataServerConnection.securityConfig.jwtToken"),
    (lambda found: server(extraHeaders={"X-A": found}), "openMetadataServerConnection.extraHeaders.X-A"),
    (lambda found: {"openMetadataServerConnection": found}, "openMetadataServerConnection"),
    (lambda found: {"sourceConfig": {"config": {"a": [1, {"b": found}]}}}, "sourceConfig.config.a.1.b"),
    (lambda found: {"sourceConfig": {"config": {"appPrivateConfig": found}}}, "sourceConfig.config.appPrivateConfig"),
    (lambda found: {"service": {"connection": {"password": found}}}, "service.connection.password"),
    (lambda found: {"dagFactory": {"runner": {"queue": found}}}, "dagFactory.runner.queue"),
    (lambda found: {"unknown": [[found]]}, "unknown.0.0"),
]


@pytest.mark.parametrize(("place", "field"), PLACES, ids=[field for _, field in PLACES])
@pytest.mark.parametrize(("reference", "setting"), [(AWS, "allowed_env"), (PROD, "allowed_connections")])
def test_what_is_not_open_is_refused_wherever_it_stands(
    place: Any, field: str, reference: dict[str, str], setting: str
) -> None:
    problem = problem_of(place(reference))
    assert problem.field == field
    assert f"'{next(iter(reference.values()))}', which is not open to configs" in problem.problem
    assert f"[openmetadata_dag_factory] {setting}" in problem.problem


@pytest.mark.parametrize(
    "reference",
    [
        {"$env": "OPENMETADATA_"},
        {"$env": "TOKEN"},
        {"$connection": "openmetadata_eu", "field": "uri"},
    ],
    ids=str,
)
def test_what_is_open_is_accepted(reference: dict[str, str]) -> None:
    OPENED.check({"a": reference})


@pytest.mark.parametrize(
    "reference",
    [{"$env": "TOKEN2"}, {"$env": "token"}, {"$env": "MY_OPENMETADATA_TOKEN"}, {"$connection": "my_openmetadata"}],
    ids=str,
)
def test_a_pattern_opens_no_more_than_it_says(reference: dict[str, str]) -> None:
    problem_of({"a": reference})


@given(
    st.sampled_from(["AIRFLOW_", "airflow_", "_AIRFLOW_", "Airflow__Core__"]),
    st.text("ABCabc_", max_size=9),
    st.lists(st.sampled_from(["*", "AIRFLOW_*", "airflow_*", "A*"]), max_size=3),
)
def test_no_setting_opens_airflow_s_own_variables(prefix: str, rest: str, allowed: list[str]) -> None:
    problem = problem_of({"a": {"$env": prefix + rest}}, Allowed(env=tuple(allowed)))
    assert "belongs to Airflow" in problem.problem


@given(st.text(min_size=1, max_size=12))
def test_nothing_is_open_by_an_empty_list(name: str) -> None:
    problem_of({"a": {"$env": name}}, Allowed())
    problem_of({"a": {"$connection": name, "field": "uri"}}, Allowed())


def test_the_settings_open_what_is_openmetadata_s_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allowed_here() == Allowed(("OPENMETADATA_*",), ("openmetadata*",), applications=("metadata.",))
    monkeypatch.setenv(f"{SECTION}OPENMETADATA_CONN_ID", "om")
    monkeypatch.setenv(f"{SECTION}ALLOWED_ENV", "A, B_*")
    monkeypatch.setenv(f"{SECTION}ALLOWED_CONNECTIONS", "")
    monkeypatch.setenv(f"{SECTION}ALLOWED_SERVERS", "om.example")
    monkeypatch.setenv(f"{SECTION}ALLOWED_APPLICATIONS", "metadata.,acme.")
    assert allowed_here() == Allowed(("A", "B_*"), ("om",), ("om.example",), "om", ("metadata.", "acme."))


@pytest.mark.parametrize("name", ["Host", "host", " HOST "])
def test_a_header_may_not_name_another_host(name: str) -> None:
    assert "sets another host" in problem_of(server(extraHeaders={name: "rogue.example"})).problem
    OPENED.check(server(extraHeaders={"X-Host": "a"}))


@pytest.mark.parametrize(
    "value", ["%(Authorization)1500000000s", "%(Accept-Encoding).9f", "%(A)*s", "100%", "%s", "%(A)s%", "a" * 8_193]
)
def test_a_header_may_not_be_made_as_large_as_its_author_likes(value: str) -> None:
    problem = problem_of(server(extraHeaders={"X-A": value}))
    assert problem.field == "openMetadataServerConnection.extraHeaders.X-A"
    assert "has a lone %" in problem.problem
    OPENED.check(server(extraHeaders={"X-A": "100%% %(Authorization)s%(X-B)s", "X-B": 1, "X-C": None}))


def test_nor_may_there_be_as_many_headers_as_their_author_likes() -> None:
    headers = {f"X-{number}": "canary" for number in range(51)}
    problem = problem_of(server(extraHeaders=headers))
    assert str(problem) == (
        "field 'openMetadataServerConnection.extraHeaders': has 51 headers, at most 50 are allowed. "
        "Remove those that the server does not need"
    )
    del headers["X-0"]
    OPENED.check(server(extraHeaders=headers))


@pytest.mark.parametrize("version", ["v1\n", "../v1", "v1/users", "v1?a=b", " v1", "v" * 33])
def test_a_version_of_the_api_is_one_word(version: str) -> None:
    problem = problem_of(server(apiVersion=version))
    assert problem.field == "openMetadataServerConnection.apiVersion"
    assert "is not the version of an API. Write one such as v1" in problem.problem
    for plain in ("v1", "v2.1-beta", "", None, 1, {"$env": "OPENMETADATA_API"}):
        OPENED.check(server(apiVersion=plain))


@pytest.mark.parametrize("token", ["/etc/passwd", "~/.aws/credentials", "../secret", "./a", " /etc/passwd"])
def test_a_token_may_not_be_the_name_of_a_file(token: str) -> None:
    problem = problem_of(server(securityConfig={"jwtToken": token}))
    assert "names a file" in problem.problem
    assert token not in str(problem)


def test_a_plain_host_is_checked_where_servers_are_listed() -> None:
    allowed = Allowed(servers=("om.example", "*.internal:8585"))
    allowed.check(server(hostPort="http://a.internal:8585/api"))
    problem = problem_of(server(hostPort="http://a.internal/api"), allowed)
    assert problem.field == "openMetadataServerConnection.hostPort"
    assert "the host 'a.internal:80', which is not open to configs" in problem.problem
    problem = problem_of(server(hostPort="http://user:canary@om.example/api"), allowed)
    assert "is not a plain URL" in problem.problem
    assert "canary" not in str(problem)


def test_where_a_connection_names_the_server_the_document_s_own_is_left_to_the_worker() -> None:
    Allowed(servers=("om.example",), server_connection="om").check(server(secretsManagerProvider="aws"))


@pytest.mark.parametrize(
    "value", [None, "", 1, "text", [], {"hostPort": 1}, {"extraHeaders": "a"}, {"securityConfig": 1}]
)
def test_a_connection_of_a_wrong_kind_reaches_nothing(value: object) -> None:
    OPENED.check({"openMetadataServerConnection": value})


def test_the_connection_of_the_server_is_for_nothing_else() -> None:
    allowed = Allowed(connections=("om", "*"), server_connection="om")
    reference = {"$connection": "om", "field": "password"}
    allowed.check(server(securityConfig={"jwtToken": reference}))
    for elsewhere in ({"sourceConfig": {"config": {"dbtCloudAuthToken": reference}}}, {f"{SERVER}2": reference}):
        assert "is for OpenMetadata's server alone" in problem_of(elsewhere, allowed).problem


@pytest.mark.parametrize(
    ("fields", "allowed", "problem"),
    [
        ({}, Allowed(servers=("om.example",)), "allowed_servers"),
        ({"hostPort": "http://om.example@mine.example"}, Allowed(servers=("om.example",)), "is not a plain URL"),
        ({"secretsManagerProvider": "aws"}, Allowed(), "secrets manager"),
        ({"extraHeaders": {"Host": "a"}}, Allowed(), "sets another host"),
        ({"securityConfig": {"jwtToken": "/etc/passwd"}}, Allowed(), "names a file"),
        ({"securityConfig": {"jwtToken": "token"}}, Allowed(), "names a file"),
    ],
)
def test_an_automation_takes_no_way_that_a_pipeline_may_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], allowed: Allowed, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").touch()
    with pytest.raises(ConfigError, match=problem):
        allowed.check_automation(server(**fields))
    Allowed(servers=("mine.example",)).check_automation(server(securityConfig={"jwtToken": "eyJ"}))


def test_a_document_that_reaches_too_far_makes_no_dag() -> None:
    document = {**PIPELINE, "sourceConfig": {"config": {"password": AWS}}}
    with pytest.raises(ConfigError, match="allowed_env"):
        examine(document).require_pipeline()
    with pytest.raises(ConfigError, match=r"^config 'orders.json', field 'sourceConfig.config.password'.*allowed_env"):
        build_dag(Config("orders", "orders.json", document))
    assert (
        build_dag(Config("orders", "orders.json", document), Allowed(env=("AWS_*", "OPENMETADATA_*"))).dag_id
        == "orders"
    )


def test_a_value_whose_key_is_gone_is_refused_though_nothing_is_decrypted() -> None:
    keys = Keys("A" * 43 + "=")
    sealed = keys.seal("canary", "orders")
    document = {"a": [{"$fernet": sealed}]}
    Allowed(keys=keys).check(document)
    Allowed(keys=keys).check({"name": "b", "a": [{"$fernet": f"{sealed[:9]}no token"}]})
    problem = problem_of(document, Allowed(keys=Keys("B" * 43 + "=")))
    assert problem.field == "a.0"
    assert f"of fingerprint {sealed[:8]}, which is missing from [core] fernet_key" in problem.problem
    assert sealed not in str(problem)
    copied = problem_of({"name": "an other", **document}, Allowed(keys=keys))
    assert copied.field == "a.0"
    assert "was encrypted for another DAG than 'an_other'" in copied.problem
    Allowed(keys=keys).check({"name": "orders", **document})
    assert "fernet_key is malformed" in problem_of(document, Allowed(keys=Keys("canary"))).problem
    assert "fernet_key is empty" in problem_of({"a": {"$fernet": "any"}}, Allowed(keys=Keys(""))).problem


def test_keys_are_not_read_where_nothing_is_encrypted() -> None:
    class Unread(Keys):
        @property
        def problem(self) -> str | None:
            raise AssertionError

    Allowed(env=("A",), keys=Unread()).check({"a": {"$env": "A"}})


def test_the_connections_of_a_document_are_named_once() -> None:
    again = {"$connection": "b", "field": "host"}
    assert connections_in({"a": again, "b": [{"$connection": "a", "field": "uri"}, again], "c": AWS}) == ["a", "b"]


def test_the_class_of_an_application_must_be_open_and_other_types_name_none() -> None:
    config = {"config": {"sourcePythonClass": "acme.App"}}
    assert problem_of({"pipelineType": "application", "sourceConfig": config}, Allowed()).field == (
        "sourceConfig.config.sourcePythonClass"
    )
    Allowed(applications=("acme.",)).check({"pipelineType": "application", "sourceConfig": config})
    Allowed().check({"pipelineType": "metadata", "sourceConfig": config})
    without: list[dict[str, Any]] = [{}, {"sourceConfig": None}, {"sourceConfig": []}, {"sourceConfig": {"config": {}}}]
    for nothing in without:
        assert "is missing" in str(problem_of({"pipelineType": "application", **nothing}, Allowed()))
