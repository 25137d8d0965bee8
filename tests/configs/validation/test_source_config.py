"""Source configs at the door: what openmetadata-ingestion would refuse, and what nothing of it knows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.ingestion_versions import IngestionVersions, Interpreters
from dag_factory.configs.problem import ERROR, WARNING
from dag_factory.configs.schemas import ANY_SERVICE, newest
from dag_factory.configs.validation.source_config import doubts, misfits
from dag_factory.configs.validation.validator import validate
from dag_factory.dag.builder import build_dag
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.store.config import Config

SCHEMAS = newest()
VERSIONS = IngestionVersions()
DBT = {"type": "DBT", "dbtUpdateDescriptions": True}
CONNECTION = {
    "hostPort": "https://openmetadata.example.com/api",
    "authProvider": "openmetadata",
    "securityConfig": {"jwtToken": {"$fernet": "sealed"}},
}
WITHOUT_TOKEN = {**CONNECTION, "authProvider": "basic", "securityConfig": {}}


def document(config: dict[str, Any], pipeline_type: str = "metadata", **fields: Any) -> dict[str, Any]:
    return {
        "name": "orders",
        "pipelineType": pipeline_type,
        "service": {"type": "databaseService", "name": "shop"},
        "sourceConfig": {"config": config},
        **fields,
    }


def found(given: dict[str, Any], versions: IngestionVersions = VERSIONS) -> list[tuple[str, str, str]]:
    """Return level, field and sentence of each problem."""
    problems = [*misfits(given, versions), *doubts(given, versions)]
    return [
        (problem.level, str(problem.field).removeprefix("sourceConfig.config."), problem.text) for problem in problems
    ]


@pytest.mark.parametrize(
    ("config", "field", "meant"),
    [
        ({"type": "DatabaseMetadata", "someFutureSwitch": False}, "someFutureSwitch", None),
        ({"type": "DatabaseMetadata", "someFutureSwitch": True}, "someFutureSwitch", None),
        ({"type": "DatabaseMetadata", "includeTable": True}, "includeTable", "includeTables"),
        ({"type": "DatabaseMetadata", "include_views": True}, "include_views", "includeViews"),
        ({"schemaFilterPattern": {"include": ["a"]}}, "schemaFilterPattern.include", "includes"),
        ({"incremental": {"enabled": True, "lookbackDay": 7}}, "incremental.lookbackDay", "lookbackDays"),
    ],
)
def test_a_field_that_is_unknown_is_a_warning_with_the_right_name(
    config: dict[str, Any], field: str, meant: str | None
) -> None:
    ((level, where, said),) = found(document(config))
    assert (level, where) == (WARNING, field)
    assert said.startswith("is unknown to openmetadata-ingestion 2.0. ")
    assert said.endswith(f"Did you mean '{meant}'?" if meant else "by an openmetadata-ingestion that knows it")


@pytest.mark.parametrize(
    ("config", "field", "said"),
    [
        ({"includeTables": "sometimes"}, "includeTables", "is a text where true or false belongs. Write true or false"),
        ({"includeTables": 7}, "includeTables", "is a number where true or false belongs. Write true or false"),
        ({"includeTables": []}, "includeTables", "is a list where true or false belongs. Write true or false"),
        ({"threads": "many"}, "threads", "is a text where a whole number belongs. Write digits alone"),
        ({"threads": 1.5}, "threads", "is a number where a whole number belongs. Write digits alone"),
        ({"jsonSchemaSampleSize": 0}, "jsonSchemaSampleSize", "is less than 1. Write 1 or more"),
        (
            {"schemaFilterPattern": ["a"]},
            "schemaFilterPattern",
            "is a list where a mapping belongs. Write {includes",
        ),
        ({"tableFilterPattern": {"includes": "a"}}, "tableFilterPattern.includes", "is a text where a list belongs"),
        (
            {"tableFilterPattern": {"excludes": [7]}},
            "tableFilterPattern.excludes.0",
            "is a number where a text belongs",
        ),
        (
            {"schemaFilterPattern": {"$env": "X"}},
            "schemaFilterPattern",
            "is a reference, which becomes a text, where",
        ),
        (
            {"type": "DatabaseMetadat"},
            "type",
            "is not the type of a pipeline whose pipelineType is metadata",
        ),
    ],
)
def test_a_value_of_a_wrong_kind_is_an_error_with_the_way_out(config: dict[str, Any], field: str, said: str) -> None:
    ((level, where, text),) = found(document(config))
    assert (level, where) == (ERROR, field)
    assert text.startswith(said)


@pytest.mark.parametrize(
    "config",
    [
        {"includeTables": {"$env": "WITH_TABLES"}, "threads": {"$env": "THREADS"}},
        {
            "schemaFilterPattern": {"includes": [{"$env": "S"}], "excludes": {"$env": "X"}},
            "type": {"$env": "TYPE"},
        },
        {"includeTables": None, "schemaFilterPattern": None},
        {},
    ],
)
def test_a_reference_stands_for_a_text_and_null_for_the_default(config: dict[str, Any]) -> None:
    expected = [] if "schemaFilterPattern" not in config or config["schemaFilterPattern"] is None else ["excludes"]
    assert [field.rpartition(".")[2] for _, field, _ in found(document(config))] == expected


@pytest.mark.parametrize("value", ["no", "off", "n", "false", "No", "0"])
def test_another_word_for_false_is_refused_wherever_true_or_false_belongs(value: str) -> None:
    for given, field in (
        (document({"type": "DatabaseMetadata"}, raiseOnError=value), "raiseOnError"),
        (document({"type": "DatabaseMetadata", "includeTables": value}), "sourceConfig.config.includeTables"),
    ):
        given["openMetadataServerConnection"] = {**CONNECTION, "securityConfig": {"jwtToken": {"$env": "TOKEN"}}}
        errors = [problem for problem in validate(given, Allowed(env=("TOKEN",))) if problem.level == ERROR]
        assert [problem.field for problem in errors] == [field]
        assert "Write true or false" in errors[0].text


@pytest.mark.parametrize(
    ("source", "field", "said"),
    [
        (
            {"dbtManifestFilePath": "/data/manifest.json", "dbtCatalogFilePath": "/data/catalog.json"},
            "dbtConfigType",
            "is missing. Write dbtConfigType: local",
        ),
        ({"dbtManifestHttpPath": "http://d/manifest.json"}, "dbtConfigType", "is missing. Write dbtConfigType: http"),
        ({}, "dbtConfigType", "is missing. Write dbtConfigType: cloud, local, http, s3, gcs or azure"),
        (
            {"dbtConfigType": "locla", "dbtManifestFilePath": "/m"},
            "dbtConfigType",
            "is not one of cloud, local, http, s3",
        ),
        ({"dbtConfigType": "local"}, "dbtManifestFilePath", "is missing. Add it to the config"),
        (
            {"dbtConfigType": "s3", "dbtSecurityConfig": {"awsAccessKeyId": "x"}},
            "dbtSecurityConfig.awsRegion",
            "is missing. Add it to the config",
        ),
    ],
)
def test_of_several_types_the_field_is_named_that_is_missing_for_the_one_in_question(
    source: dict[str, Any], field: str, said: str
) -> None:
    ((level, where, text),) = found(document({**DBT, "dbtConfigSource": source}, "dbt"))
    assert (level, where) == (ERROR, f"dbtConfigSource.{field}")
    assert text.startswith(said)


def test_a_misspelt_field_that_is_required_is_one_error() -> None:
    config = {**DBT, "dbtConfigSource": {"dbtConfigTyp": "local", "dbtManifestFilePath": "/m"}}
    given = document(config, "dbt", openMetadataServerConnection={**CONNECTION, "securityConfig": {}})
    (problem,) = (each for each in validate(given, Allowed()) if "dbtConfig" in str(each.field))
    assert problem.level == ERROR
    assert problem.field == "sourceConfig.config.dbtConfigSource.dbtConfigTyp"
    assert problem.text.endswith("Did you mean 'dbtConfigType'?")


def test_an_application_s_config_may_be_anything() -> None:
    config = {"type": "Application", "sourcePythonClass": "apps.Mine", "appConfig": {"depth": "words"}}
    assert found(document(config, "application")) == []


@pytest.mark.parametrize("config", [None, [], "text", {"$env": "X"}])
def test_of_a_source_config_that_is_missing_nothing_is_said(config: Any) -> None:
    for given in (document(config), {**document({}), "sourceConfig": config}, {**document({}), "pipelineType": config}):
        assert all(level == WARNING for level, _, _ in found(given))


def names() -> Iterator[tuple[str, str, str]]:
    for pipeline_type in ("metadata", "usage", "lineage", "profiler", "autoClassification", "TestSuite", "dbt"):
        for service, kind in SCHEMAS.source_configs(pipeline_type).items():
            for name in SCHEMAS.fields(kind):
                yield pipeline_type, service, name


def misspelt(name: str) -> str:
    """Return a name with two letters in its middle swapped, or one left out where they are the same."""
    at = len(name) // 2
    swapped = f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}"
    return swapped if swapped != name else f"{name[:at]}{name[at + 1 :]}"


def test_each_field_of_each_type_that_is_misspelt_is_named_rightly() -> None:
    wrong = []
    for pipeline_type, service, name in names():
        if name != "type":
            given = document({misspelt(name): None}, pipeline_type)
            given["service"]["type"] = "databaseService" if service == ANY_SERVICE else service
            said = [text for _, field, text in found(given) if field == misspelt(name)]
            if said != [f"is unknown to openmetadata-ingestion 2.0. Did you mean '{name}'?"]:
                wrong.append((pipeline_type, service, name, said))
    assert wrong == []


# Of ingestion's examples, by the processor or the stage of the workflow, or else by how its source's type ends.
_TYPES = {
    "orm-profiler": "profiler", "orm-test-runner": "TestSuite", "query-parser": "usage", "lineage": "lineage",
    "usage": "usage", "dbt": "dbt",
}  # fmt: skip


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the workflows that openmetadata-ingestion publishes as examples, as pipelines; without importing it."""
    spec = find_spec("metadata")
    assert spec is not None
    for place in spec.submodule_search_locations or ():
        for path in sorted(Path(place, "examples", "workflows").glob("*.yaml")):
            source = yaml.safe_load(path.read_text())["source"]
            config = source["sourceConfig"]["config"]
            processor = yaml.safe_load(path.read_text()).get("processor", {}).get("type")
            kind = _TYPES.get(processor) or _TYPES.get(source["type"].rpartition("-")[2], "metadata")
            if config.get("type") in ("AutoClassification", "MetadataToElasticSearch"):
                kind = {"AutoClassification": "autoClassification"}.get(config["type"], "elasticSearchReindex")
            fitting = [
                name for name, model in SCHEMAS.source_configs(kind).items() if config.get("type") in _said(model)
            ]
            service = "databaseService" if "databaseService" in fitting or not fitting else fitting[0]
            yield (
                path.stem,
                {
                    **document(config, kind, openMetadataServerConnection=WITHOUT_TOKEN),
                    "service": {"type": "databaseService" if service == ANY_SERVICE else service, "name": "sample"},
                },
            )


def _said(model: str) -> tuple[Any, ...]:
    return tuple(SCHEMAS.values(SCHEMAS.fields(model)["type"]))


def test_openmetadata_ingestion_s_own_examples_are_good_and_become_dags() -> None:
    every = list(examples())
    assert len(every) > 100
    assert {given["pipelineType"] for _, given in every} >= {
        "metadata", "usage", "lineage", "profiler", "autoClassification", "TestSuite", "dbt", "elasticSearchReindex",
    }  # fmt: skip
    missing = "is missing, and newer versions of OpenMetadata ask for it"
    problems = [
        (name, str(problem))
        for name, given in every
        for problem in validate(given, Allowed())
        # Some leave the type out, as servers before 2.1 do.
        if problem.problem != missing
    ]
    assert problems == []
    for name, given in every:
        dag = build_dag(Config("example", "example.json", given))
        assert [task.task_id for task in dag.tasks] == [PIPELINE_TYPES[given["pipelineType"]].task_id], name


def test_an_example_with_a_misspelt_field_is_warned_of() -> None:
    fields = [(name, given, field) for name, given in examples() for field in given["sourceConfig"]["config"]]
    misspelt_ones = [each for each in fields if each[2] != "type"]
    assert len(misspelt_ones) > 100
    for name, given, field in misspelt_ones:
        config = given["sourceConfig"]["config"]
        renamed = {misspelt(each) if each == field else each: value for each, value in config.items()}
        said = [text for _, where, text in found({**given, "sourceConfig": {"config": renamed}})]
        assert any(text.endswith(f"Did you mean '{field}'?") for text in said), (name, field)


def test_the_version_is_that_of_the_interpreter_that_runs_the_pipeline(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    (tmp_path / "lib" / "python3.10" / "site-packages" / "openmetadata_ingestion-1.12.14.2.dist-info").mkdir(
        parents=True
    )
    versions = IngestionVersions(lambda: Interpreters(allowed=frozenset({str(python)})))
    kafka = document({"type": "AutoClassification", "sampleDataCount": 0}, "autoClassification")
    kafka["service"]["type"] = "messagingService"
    assert [field for _, field, _ in found(kafka, versions)] == ["sampleDataCount"]
    # That of 1.12 knows no such pipeline, and no limit.
    assert found({**kafka, "dagFactory": {"runner": {"python": str(python)}}}, versions) == []


def test_what_a_newer_openmetadata_ingestion_says_is_not_known_for_certain() -> None:
    newer = IngestionVersions(lambda: Interpreters(version="3.1.0"))
    assert [level for level, _, _ in found(document({"includeTables": "sometimes"}), newer)] == [WARNING]


@pytest.mark.parametrize(
    "config",
    [
        {f"f{number}": number for number in range(100_000)},
        {"schemaFilterPattern": {"includes": [7] * 100_000}},
        {"dbtConfigSource": {f"dbtConfigTyp{number}": {} for number in range(30_000)}},
        {"type": "x" * 1_000_000, "y" * 1_000_000: 1},
    ],
    ids=["unknown fields", "wrong values", "fields of many types", "long texts"],
)
@pytest.mark.parametrize("pipeline_type", ["metadata", "dbt"])
def test_of_a_document_that_is_made_to_take_long_little_is_said(config: dict[str, Any], pipeline_type: str) -> None:
    assert len(found(document(config, pipeline_type))) <= 150


@pytest.mark.slow
def test_nothing_of_openmetadata_ingestion_is_imported() -> None:
    program = (
        "import sys; from dag_factory.configs.validation.source_config import misfits;"
        "from dag_factory.configs.ingestion_versions import configured;"
        "list(misfits({'pipelineType': 'metadata', 'sourceConfig': {'config': {}}}, configured()));"
        "assert not any(name.partition('.')[0] == 'metadata' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
