"""Source configs in a run: fitted to the models of the openmetadata-ingestion that is there, or named in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pytest

from dag_factory.portable.ingestion.fitted_source_config import asks_for_nothing
from tests.forked_python import ForkedPython
from tests.ingestion_verdicts import Verdict, verdicts

INGESTION = f"openmetadata-ingestion {version('openmetadata-ingestion')}"
UPGRADE = f"Upgrade openmetadata-ingestion for {sys.executable}, or remove the field"
LOCAL = {"dbtManifestFilePath": "/data/manifest.json", "dbtCatalogFilePath": "/data/catalog.json"}
WORDS = "cloud or local or http or s3 or gcs or azure"


def metadata(**config: Any) -> dict[str, Any]:
    return document("metadata", {"type": "DatabaseMetadata", **config})


def dbt(source: Any) -> dict[str, Any]:
    return document("dbt", {"type": "DBT", "dbtConfigSource": source})


def document(pipeline_type: str, config: dict[str, Any], service: str = "databaseService") -> dict[str, Any]:
    return {
        "name": "orders",
        "pipelineType": pipeline_type,
        "service": {"type": service, "name": "shop"},
        "sourceConfig": {"config": config},
    }


# What asks for nothing and is left out: where it stands, and what is left of the config.
LEFT_OUT = {
    "false": (metadata(someFutureSwitch=False), "someFutureSwitch", {}),
    "null": (metadata(someFutureSwitch=None), "someFutureSwitch", {}),
    "an empty text": (metadata(someFutureText=""), "someFutureText", {}),
    "an empty list": (metadata(someFutureList=[]), "someFutureList", {}),
    "an object that holds nothing else": (metadata(future={"enabled": False, "names": []}), "future", {}),
    "deeper": (
        metadata(schemaFilterPattern={"includes": ["a"], "matchesCase": False}),
        "schemaFilterPattern.matchesCase",
        {"schemaFilterPattern": {"includes": ["a"]}},
    ),
}

# What fails a run, and the sentence that it fails with.
REFUSED = {
    "a newer switch": (
        metadata(someFutureSwitch=True),
        "someFutureSwitch",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. {UPGRADE}",
    ),
    "a newer number": (
        metadata(someFutureLimit=0),
        "someFutureLimit",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. {UPGRADE}",
    ),
    "a newer object": (
        metadata(future={"enabled": True}),
        "future",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. {UPGRADE}",
    ),
    "a misspelt field": (
        metadata(includeTable=True),
        "includeTable",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. Did you mean 'includeTables'?",
    ),
    "deeper": (
        metadata(incremental={"enabled": True, "lookbackWeeks": 3}),
        "incremental.lookbackWeeks",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. {UPGRADE}",
    ),
    "two of them": (
        metadata(first=1, second=2),
        "first",
        f"is unknown to {INGESTION}, while the OpenMetadata server has version 2.1.0. {UPGRADE} "
        "(1 more field is wrong)",
    ),
    "dbt without its type": (dbt(LOCAL), "dbtConfigSource.dbtConfigType", "is missing. Write dbtConfigType: local"),
    "dbt over http without it": (
        dbt({"dbtManifestHttpPath": "http://dbt/manifest.json"}),
        "dbtConfigSource.dbtConfigType",
        "is missing. Write dbtConfigType: http",
    ),
    "dbt without anything": (dbt({}), "dbtConfigSource.dbtConfigType", f"is missing. Write dbtConfigType: {WORDS}"),
    "dbt of an unknown type": (
        dbt({"dbtConfigType": "ftp", **LOCAL}),
        "dbtConfigSource.dbtConfigType",
        f"is not one of {WORDS.replace(' or', ',')}. Write one of them",
    ),
    "dbt without its file": (
        dbt({"dbtConfigType": "local"}),
        "dbtConfigSource.dbtManifestFilePath",
        "is missing. Write dbtManifestFilePath: …",
    ),
    "dbt without a source": (
        document("dbt", {"type": "DBT"}),
        "dbtConfigSource",
        "is missing. Write dbtConfigSource: …",
    ),
    "a text for a boolean": (
        metadata(includeTables="sometimes"),
        "includeTables",
        f"is neither true nor false. See the schema of {INGESTION}",
    ),
    "a list for an object": (
        metadata(schemaFilterPattern=["a"]),
        "schemaFilterPattern",
        f"is not a mapping of fields to values. See the schema of {INGESTION}",
    ),
}

# What runs as it is, and with which type where that is missing.
TAKEN = {
    "as it is": (metadata(includeTables=True, threads=4), "DatabaseMetadata"),
    "true and false in other words": (metadata(includeTables="yes"), "DatabaseMetadata"),
    "a profiler without its type": (document("profiler", {}), "Profiler"),
    "lineage without its type": (document("lineage", {"queryLogDuration": 1}), "DatabaseLineage"),
    "a dashboard without its type": (document("metadata", {}, "dashboardService"), "DashboardMetadata"),
    "an application with a field more": (
        document("application", {"sourcePythonClass": "a.B", "appConfig": {"x": 1}, "future": True}),
        "Application",
    ),
}


@pytest.fixture(scope="module")
def said(forked_ingestion: ForkedPython) -> dict[tuple[str, str], Verdict]:
    tables: dict[str, Mapping[str, tuple[Any, ...]]] = {"left out": LEFT_OUT, "refused": REFUSED, "taken": TAKEN}
    keys = [(kind, name) for kind, table in tables.items() for name in table]
    documents = [tables[kind][name][0] for kind, name in keys]
    return dict(zip(keys, verdicts(forked_ingestion, documents, server="2.1.0"), strict=True))


@pytest.mark.parametrize("name", LEFT_OUT)
def test_an_unknown_field_that_asks_for_nothing_is_left_out_with_a_warning(name: str, said: Any) -> None:
    _, field, left = LEFT_OUT[name]
    verdict = said["left out", name]
    assert verdict["problem"] is None
    assert verdict["refused"]
    assert verdict["fitted"] == {"config": {"type": "DatabaseMetadata", **left}}
    where = f"sourceConfig.config.{field}"
    assert verdict["warnings"] == [
        f"{where} is unknown to {INGESTION}. It is left out, since its value is false, null or empty"
    ]


@pytest.mark.parametrize("name", REFUSED)
def test_else_the_run_fails_with_one_sentence_that_names_the_field_for_the_type_in_question(
    name: str, said: Any
) -> None:
    _, field, sentence = REFUSED[name]
    assert said["refused", name]["problem"] == f"field 'sourceConfig.config.{field}': {sentence}"


@pytest.mark.parametrize("name", TAKEN)
def test_what_openmetadata_ingestion_takes_runs_as_it_is_with_its_type(name: str, said: Any) -> None:
    given, kind = TAKEN[name]
    config = {key: value for key, value in given["sourceConfig"]["config"].items() if key != "future"}
    assert said["taken", name]["fitted"] == {"config": {**config, "type": kind}}


@pytest.mark.parametrize("value", [None, False, "", [], {}, {"a": None, "b": {"c": False}}])
def test_false_null_and_empty_ask_for_nothing(value: object) -> None:
    assert asks_for_nothing(value)


@pytest.mark.parametrize("value", [True, 0, 1, "no", " ", [None], {"a": {"b": 0}}])
def test_anything_else_asks_for_something(value: object) -> None:
    assert not asks_for_nothing(value)
