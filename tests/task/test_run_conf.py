"""What a trigger's conf merges over the stored document."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from dag_factory.errors import ConfigError
from dag_factory.task.run_conf import check_kinds, overridden


def document(kind: str = "metadata", **config: Any) -> dict[str, Any]:
    return {"name": "p", "pipelineType": kind, "sourceConfig": {"config": {"type": "T"} | config, "other": 1}}


def config(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["sourceConfig"]["config"]
    return found


def test_top_level_keys_of_the_source_config_are_replaced() -> None:
    stored = document(threads=1, schemaFilterPattern={"includes": ["a"], "excludes": ["b"]})
    made = overridden(stored, {"sourceConfigOverride": {"schemaFilterPattern": {"includes": ["c"]}, "new": None}})
    assert config(made) == {"type": "T", "threads": 1, "schemaFilterPattern": {"includes": ["c"]}, "new": None}
    assert made["sourceConfig"]["other"] == 1
    assert config(stored)["schemaFilterPattern"] == {"includes": ["a"], "excludes": ["b"]}


@pytest.mark.parametrize("said", ["no", "off", "False", "1"])
def test_true_and_false_are_read_as_in_a_document(said: str) -> None:
    stored = document(type="DatabaseMetadata", includeTables=True)
    with pytest.raises(ConfigError, match=r"conf\.sourceConfigOverride\.includeViews.*neither true nor false"):
        overridden(stored, {"sourceConfigOverride": {"includeViews": said}})
    assert config(overridden(stored, {"sourceConfigOverride": {"includeViews": False}}))["includeViews"] is False


@pytest.mark.parametrize("beneath", [{"a": 1, "b": 2}, None])
def test_an_application_s_config_is_overridden_key_by_key(beneath: dict[str, int] | None) -> None:
    stored = document("application", appConfig=beneath)
    made = overridden(stored, {"appConfigOverride": {"b": 3}})
    assert config(made)["appConfig"] == {**(beneath or {}), "b": 3}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("late_orders", "late_orders"),
        ("dotted.name", "dotted.name"),
        ("shop.db.main.orders.late_orders", "late_orders"),
        ("shop.db.main.orders.amount.positive", "positive"),
        ('shop.db.main.orders."dotted.name"', "dotted.name"),
    ],
)
def test_test_cases_are_given_by_name_or_by_fully_qualified_name(given: str, name: str) -> None:
    stored = document("TestSuite", entityFullyQualifiedName="shop.db.main.orders", testCases=["others"])
    assert config(overridden(stored, {"testCases": [given]}))["testCases"] == [name]


@pytest.mark.parametrize("kind", ["metadata", "application", "TestSuite"])
@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"pipelineRunId": str(uuid.uuid4())},
        # What Airflow's form sends for fields that were left empty.
        {"sourceConfigOverride": None, "appConfigOverride": None, "testCases": None, "pipelineRunId": None},
        {"sourceConfigOverride": {}, "appConfigOverride": {}, "testCases": []},
    ],
)
def test_what_is_null_or_empty_changes_nothing(kind: str, conf: dict[str, Any]) -> None:
    stored = document(kind, appConfig={"a": 1}, testCases=["one"])
    assert overridden(stored, conf) == stored


@pytest.mark.parametrize(
    ("kind", "conf", "key", "problem"),
    [
        ("metadata", {"sourceConfigOverride": ["canary"]}, "sourceConfigOverride", "is not an object"),
        ("metadata", {"sourceConfigOverride": "canary"}, "sourceConfigOverride", "is not an object"),
        ("application", {"appConfigOverride": 1}, "appConfigOverride", "is not an object"),
        ("TestSuite", {"testCases": "canary"}, "testCases", "is not a list of names"),
        ("TestSuite", {"testCases": [{"canary": 1}]}, "testCases", "is not a list of names"),
        ("metadata", {"pipelineRunId": 7}, "pipelineRunId", "is not a UUID"),
        ("metadata", {"pipelineRunId": "canary"}, "pipelineRunId", "is not a UUID"),
        ("metadata", {"appConfigOverride": {"canary": 1}}, "appConfigOverride", "type application alone"),
        ("application", {"testCases": ["canary"]}, "testCases", "type TestSuite alone"),
    ],
)
def test_what_does_not_fit_is_named_without_its_value(kind: str, conf: dict[str, Any], key: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        overridden(document(kind), conf)
    assert error.value.field == f"conf.{key}"
    assert "canary" not in str(error.value)


def test_a_document_without_a_source_config_stays_as_it_is() -> None:
    stored = {"name": "p", "pipelineType": "metadata"}
    assert overridden(stored, {"sourceConfigOverride": {"a": 1}}) == stored


def test_a_key_that_a_newer_server_may_send_changes_nothing_and_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    conf = {"sourceConfigOverride": {"threads": 2}, "newOverride": {"canary": 1}}
    assert config(overridden(document(threads=1), conf))["threads"] == 2
    assert "conf.newOverride is unknown" in caplog.text
    assert "canary" not in caplog.text


def test_what_is_replaced_is_named_in_the_log_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    overridden(document(), {"sourceConfigOverride": {"threads": "canary", "a\nb": 1, "jwtToken:s3cr3t": None}})
    said = "conf.sourceConfigOverride replaces '***', 'jwtToken:***', 'threads'"
    assert caplog.messages == [f"For this run alone, {said}"]
    caplog.clear()
    overridden(document("application"), {"appConfigOverride": {"greeting": "canary"}, "sourceConfigOverride": None})
    assert caplog.messages == ["For this run alone, conf.appConfigOverride replaces 'greeting'"]


def test_the_run_id_that_is_requested_is_a_uuid_or_none() -> None:
    for run_id in (str(uuid.uuid4()), "", None):
        check_kinds({"pipelineRunId": run_id})
    for wrong in (" ", "0", f"{uuid.uuid4()}0", 0):
        with pytest.raises(ConfigError, match=r"conf\.pipelineRunId.*is not a UUID"):
            check_kinds({"pipelineRunId": wrong})


@pytest.mark.parametrize("key", ["appConfigOverride", "sourceConfigOverride"])
def test_no_secret_of_a_config_is_sent_to_a_server_that_a_trigger_names(key: str) -> None:
    stored = {"url": "https://theirs.example", "password": "secret", "threads": 1}
    made = document("application", **({"appConfig": stored} if key == "appConfigOverride" else stored))
    with pytest.raises(ConfigError, match=rf"conf\.{key}\.url.*names another server than the config does"):
        overridden(made, {key: {"url": "https://mine.example"}})
    for allowed in ({"url": "https://mine.example", "password": "mine"}, {"threads": 2}, {"url": stored["url"]}):
        overridden(made, {key: allowed})
