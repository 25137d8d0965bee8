"""The digest in the package is what its program makes of the openmetadata-ingestion that is installed."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any

import pytest

from dag_factory.configs.schemas import VERSIONS, is_ahead, newest, of_version
from dag_factory.portable.openmetadata.pipeline_types import OBSOLETE_TYPES, PIPELINE_TYPES
from tests.forked_python import ForkedPython
from tests.places import ROOT

_MAJOR, _MINOR, *_ = version("openmetadata-ingestion").split(".")
DIGEST = ROOT / "dag_factory" / "configs" / f"ingestion_{_MAJOR}_{_MINOR}.json"


@pytest.fixture(scope="module")
def types() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DIGEST.read_text())["types"]
    return found


def test_it_is_up_to_date(forked_ingestion: ForkedPython) -> None:
    program = "import sys; from tools.schema_digest import digest; sys.stdout.write(digest())"
    done = forked_ingestion.run(program, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == DIGEST.read_text(), "run python -m tools.schema_digest"


def test_it_is_small() -> None:
    assert DIGEST.stat().st_size < 100_000


def test_it_knows_the_fields_of_a_pipeline(types: dict[str, Any]) -> None:
    pipeline = types["IngestionPipeline"]
    assert pipeline["name"] == "text"
    assert pipeline["enabled"] == "boolean"
    assert pipeline["version"] == "number"
    assert pipeline["owners"] == {"list": "EntityReference"}
    assert set(types[pipeline["pipelineType"]]) == {*PIPELINE_TYPES, *OBSOLETE_TYPES}


@pytest.mark.parametrize(
    "said",
    [
        "DatabaseMetadata", "DatabaseUsage", "DatabaseLineage", "Profiler", "AutoClassification", "TestSuite", "DBT",
        "DashboardMetadata", "MessagingMetadata", "PipelineMetadata", "MlModelMetadata", "StorageMetadata",
        "SearchMetadata", "ApiMetadata", "Application", "MetadataToElasticSearch", "PolicyAgent",
    ],
)  # fmt: skip
def test_it_knows_every_type_of_source_config(types: dict[str, Any], said: str) -> None:
    kinds = types["SourceConfig"]["config"]["one of"]
    assert any(said in types[types[kind]["type"]] for kind in kinds)


def test_it_knows_applications_and_what_they_have_that_is_private_it_does_not(types: dict[str, Any]) -> None:
    application = types["ApplicationPipeline"]
    assert {"MetadataExporterAppConfig", "DataInsightsAppConfig"} <= {
        each for each in application["appConfig"]["one of"] if isinstance(each, str)
    }
    assert application["appConfig"]["one of"][-1] == {"map": "any"}
    assert application["appPrivateConfig"] == "any"


def test_every_kind_is_one_that_is_described(types: dict[str, Any]) -> None:
    plain = {"boolean", "integer", "number", "text", "moment", "secret", "any"}

    def check(kind: object) -> None:
        if isinstance(kind, str):
            assert kind in plain or kind in types
        else:
            assert isinstance(kind, dict)
            ((form, inner),) = kind.items()
            assert form in ("list", "map", "one of")
            for each in inner if form == "one of" else [inner]:
                check(each)

    for described in types.values():
        if isinstance(described, dict):
            for kind in described.values():
                check(kind)
        else:
            assert described
            assert all(isinstance(value, (str, int)) for value in described)


def test_it_knows_what_is_required_and_what_takes_unknown_fields() -> None:
    schemas = newest()
    assert list(schemas.required("DbtLocalConfig")) == ["dbtConfigType", "dbtManifestFilePath"]
    assert list(schemas.required("DatabaseServiceMetadataPipeline")) == []
    assert schemas.takes_unknown_fields("GcpADC")
    assert not schemas.takes_unknown_fields("FilterPattern")
    assert list(schemas.bounds("DatabaseServiceMetadataPipeline", "jsonSchemaSampleSize")) == [1, 1000]


def test_it_knows_which_source_config_a_pipeline_type_has() -> None:
    known = {name: set(newest().source_configs(name)) for name in PIPELINE_TYPES}
    assert known["metadata"] >= {"databaseService", "mlmodelService", "mcpService"}
    assert known["autoClassification"] == {"databaseService", "messagingService", "storageService"}
    assert all(known.values())


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_there_is_one_of_each_version_and_each_is_whole(version: tuple[int, int]) -> None:
    path = ROOT / "dag_factory" / "configs" / "ingestion_{}_{}.json".format(*version)
    content = json.loads(path.read_text())
    assert path.stat().st_size < 100_000
    assert content["version"].startswith("{}.{}.".format(*version))
    types = content["types"]
    assert all(set(names) <= types[kind].keys() for kind, names in content["required"].items())
    assert all(kind in types for kind in content["open"])
    assert all(each in types for kinds in content["source configs"].values() for each in kinds.values())
    assert of_version(content["version"]).version == content["version"]


@pytest.mark.parametrize(
    ("version", "used"),
    [(None, "2.0"), ("2.0.1.0", "2.0"), ("1.13.6.3", "1.13"), ("1.11.0", "1.12"), ("1.20.0", "1.13"), ("3.0", "2.0"),
     ("unknown", "2.0"), ("2", "2.0"), ("v2.0.6", "2.0"), ("2.0rc1", "2.0"), ("v1.13", "1.13"), ("", "2.0")],
)  # fmt: skip
def test_of_another_version_the_nearest_older_one_is_used(version: str | None, used: str) -> None:
    assert of_version(version).version.startswith(used)
    assert is_ahead(version) is (version == "3.0")
