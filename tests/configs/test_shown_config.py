from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.shown_config import shown
from dag_factory.portable.secrets.redaction import HIDDEN

CANARY = "canary"

values = st.recursive(
    st.just(CANARY) | st.just(90210123),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.text("abK"), inner, min_size=1, max_size=2)
    ),
)


def test_flags_numbers_enums_filters_and_names_are_shown() -> None:
    config = {
        "type": "DatabaseMetadata",
        "includeTables": False,
        "threads": 4,
        "schemaFilterPattern": {"includes": ["^sales$", "crm_.*"], "excludes": []},
        "incremental": {"enabled": True, "lookbackDays": 7},
        "databaseFilterPattern": None,
        "futureField": True,
    }
    assert shown(config) == config


def test_of_an_application_its_class_is_shown_and_what_its_schema_knows() -> None:
    config = {
        "type": "Application",
        "sourcePythonClass": "metadata.applications.A",
        "appConfig": {"type": "SearchIndexing", "batchSize": 5, "entities": ["table"], "payLoadSize": CANARY},
        "appPrivateConfig": {"a": 1},
    }
    assert shown(config) == {
        **config,
        "appConfig": {**config["appConfig"], "payLoadSize": HIDDEN},  # type: ignore[dict-item]
        "appPrivateConfig": HIDDEN,
    }


@pytest.mark.parametrize(
    "config",
    [
        {"type": "DatabaseUsage", "stageFileLocation": CANARY, "filterCondition": CANARY, "queryLogFilePath": CANARY},
        {"type": "DBT", "dbtConfigSource": {"dbtConfigType": "http", "dbtManifestHttpPath": f"http://h?x={CANARY}"}},
        {"type": "DBT", "dbtConfigSource": {"dbtConfigType": "http", "dbtHttpHeaders": {CANARY: CANARY}}},
        {"type": "DatabaseMetadata", "schemaFilterPattern": {"includes": [f"pwd={CANARY}", {"a": CANARY}]}},
        {"type": "DatabaseMetadata", "schemaFilterPattern": CANARY},
        {"type": "DatabaseMetadata", "includeTables": CANARY, "threads": CANARY, "queryLogDuration": [CANARY]},
        {"type": "Application", "appConfig": {"type": "New", CANARY: CANARY}},
        {"type": "Profiler", "processingEngine": {"type": "Spark", "config": {"extraConfig": {CANARY: 1}}}},
        {"type": "DBT", "catalogMapping": {CANARY: "x"}},
        {"type": CANARY, "a": CANARY},
        {"$fernet": CANARY},
        CANARY,
        [CANARY],
        90210123,
    ],
    ids=json.dumps,
)  # fmt: skip
def test_nothing_else_is(config: Any) -> None:
    text = json.dumps(shown(config))
    assert CANARY not in text
    assert "90210123" not in text
    assert HIDDEN in text


@given(values, st.sampled_from(["DatabaseMetadata", "Application", "DBT", "TestSuite", "Profiler"]))
def test_nothing_below_a_field_that_no_schema_knows_is_shown(value: Any, kind: str) -> None:
    assert shown({"type": kind, "futureField": value}) == {"type": kind, "futureField": HIDDEN}


@pytest.mark.parametrize("key", ["0a1b2c3d", "a b", "eyJhbGciOiJub25lIn0.e30.x", "x" * 41, "0123456789abcdef" * 2, ""])
def test_a_key_that_is_no_field_s_name_is_not_shown_either(key: str) -> None:
    assert shown({"type": "DBT", key: 1}) == {"type": "DBT", HIDDEN: HIDDEN}


def test_references_are_shown_and_what_is_encrypted_is_not() -> None:
    config = {"type": "DBT", "dbtConfigSource": {"$env": "A"}, "x": {"$connection": "c", "field": "uri"}}
    assert shown(config) == config
    assert shown({**config, "y": {"$fernet": "gAAA"}})["y"] == {"$fernet": HIDDEN}


def test_a_source_config_that_is_too_long_to_be_judged_at_each_parse_is_not_shown() -> None:
    assert shown({"schemaFilterPattern": {"includes": ["@" + "://a:" * 50_000]}}) == HIDDEN
