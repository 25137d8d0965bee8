"""Pipeline types: the one table of what can be run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.pipeline_types import (
    OBSOLETE_TYPES,
    PIPELINE_TYPES,
    Resources,
    Service,
    pipeline_type,
)
from dag_factory.portable.openmetadata.python_classes import check_connector
from tests.forked_python import ForkedPython

SHOP = Service(name="shop", source_type="postgres", connection={"config": {"type": "Postgres", "password": "x"}})
SINK = {"type": "metadata-rest", "config": {}}


def steps(kind: str, service: Service | None = SHOP, **config: Any) -> dict[str, Any]:
    """Return what a type makes of a source config; without a service, to ask for it fails."""

    def fetch() -> Service:
        assert service is not None, f"{kind} needs no service"
        return service

    reference = {"type": "databaseService", "name": "shop"}
    document = {"pipelineType": kind, "service": reference, "sourceConfig": {"config": {"type": "T", **config}}}

    def staging(location: str | None) -> Path:
        assert kind == "usage", f"{kind} stages nothing"
        return Path(location or "/tmp", "of_this_run")

    return pipeline_type(kind).steps(document, Resources(fetch, staging, ("ours.",)))


@pytest.mark.parametrize(
    ("kind", "source_type"),
    [
        ("metadata", "postgres"),
        ("dbt", "dbt"),
        ("lineage", "postgres-lineage"),
        ("policyAgent", "postgres-policy"),
    ],
)
def test_some_types_go_from_a_source_to_the_server_and_differ_by_the_kind_of_source(
    kind: str, source_type: str
) -> None:
    assert steps(kind, threads=2) == {
        "source": {
            "type": source_type,
            "serviceName": "shop",
            "serviceConnection": SHOP.connection,
            "sourceConfig": {"config": {"type": "T", "threads": 2}},
        },
        "sink": SINK,
    }


@pytest.mark.parametrize(
    ("kind", "processor"), [("profiler", "orm-profiler"), ("autoClassification", "tag-pii-processor")]
)
def test_some_types_have_a_processor_between_source_and_server(kind: str, processor: str) -> None:
    assert steps(kind) == {**steps("metadata"), "processor": {"type": processor, "config": {}}}


@pytest.mark.parametrize("location", [None, "", "/var/staging"])
def test_usage_passes_through_a_staging_place_of_the_run_s_own(location: str | None) -> None:
    made = steps("usage", stageFileLocation=location)
    assert made["source"]["type"] == "postgres-usage"
    assert made["processor"] == {"type": "query-parser", "config": {}}
    assert (made["stage"]["type"], made["bulkSink"]["type"]) == ("table-usage", "metadata-usage")
    expected = f"{location or '/tmp'}/of_this_run/queries"
    assert made["stage"]["config"] == made["bulkSink"]["config"] == {"filename": expected}


def test_a_test_suite_needs_no_service_for_each_table_has_its_own() -> None:
    assert steps("TestSuite", service=None) == {
        "source": {"type": "testSuite", "serviceName": "shop", "sourceConfig": {"config": {"type": "T"}}},
        "processor": {"type": "orm-test-runner", "config": {}},
        "sink": SINK,
    }


def test_a_reindex_needs_no_service_for_its_source_is_the_server() -> None:
    made = steps("elasticSearchReindex", service=None, batchSize=7)
    assert made["source"]["type"] == "metadata_elasticsearch"
    assert made["source"]["serviceConnection"] == {"config": {"type": "MetadataES"}}
    assert made["source"]["sourceConfig"]["config"]["batchSize"] == 7


def test_an_application_is_its_class_and_its_two_configs() -> None:
    config = {"sourcePythonClass": "ours.App", "appConfig": {"a": 1}}
    assert steps("application", service=None, **config) == {**config, "appPrivateConfig": None}


@pytest.mark.parametrize(
    ("name", "problem"), [("theirs.App", "is not open to configs"), (None, "is missing"), (7, "dotted path")]
)
def test_an_application_whose_class_the_operator_has_not_opened_has_no_steps(name: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        steps("application", service=None, sourcePythonClass=name)
    assert error.value.field == "sourceConfig.config.sourcePythonClass"


def test_a_custom_connector_is_checked_like_an_application_and_any_other_connection_names_no_class() -> None:
    check_connector(SHOP.connection, ())
    check_connector({"config": {"type": "CustomDatabase", "sourcePythonClass": "ours.Source"}}, ("ours.",))
    with pytest.raises(ConfigError, match="is not open to configs"):
        check_connector({"config": {"type": "CustomDatabase", "sourcePythonClass": "os.system"}}, ("ours.",))


@pytest.mark.parametrize("kind", PIPELINE_TYPES)
@pytest.mark.parametrize("source_config", [None, [], {}, {"config": None}])
def test_a_pipeline_without_a_source_config_says_so(kind: str, source_config: object) -> None:
    document = {"pipelineType": kind, "service": {"name": "shop"}, "sourceConfig": source_config}
    with pytest.raises(ConfigError, match="is missing") as error:
        pipeline_type(kind).steps(document, Resources(lambda: SHOP, lambda _: Path("/tmp")))
    assert error.value.field == "sourceConfig"


def test_an_unknown_type_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="Types: metadata, dbt, lineage"):
        pipeline_type("telepathy")


def test_a_type_that_has_become_an_application_says_so() -> None:
    with pytest.raises(ConfigError, match="dataInsight has become an application") as error:
        pipeline_type("dataInsight")
    assert error.value.field == "pipelineType"


def test_the_table_knows_every_type_and_class_that_openmetadata_ingestion_knows(forked_ingestion: ForkedPython) -> None:
    script = """
import json, sys
from importlib.util import find_spec
from pathlib import Path
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import PipelineType
for path in json.load(sys.stdin):
    module, _, name = path.rpartition(".")
    # Read, not imported: some need extras of openmetadata-ingestion.
    assert f"class {name}(" in Path(find_spec(module).origin).read_text(), path
print(json.dumps([each.value for each in PipelineType]))
"""
    paths = sorted({each.workflow for each in PIPELINE_TYPES.values()})
    done = forked_ingestion.run(script, env=os.environ, said=json.dumps(paths))
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) == {*PIPELINE_TYPES, *OBSOLETE_TYPES}
