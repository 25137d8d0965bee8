"""Pipeline types: the one table of what can be run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.workflow.types import OBSOLETE_TYPES, PIPELINE_TYPES, Service, pipeline_type

SHOP = Service(name="shop", source_type="postgres", connection={"config": {"type": "Postgres", "password": "x"}})


def test_a_metadata_pipeline_goes_from_its_source_to_the_server() -> None:
    source_config = {"config": {"type": "DatabaseMetadata", "threads": 2}}
    document = {"pipelineType": "metadata", "sourceConfig": source_config}
    assert pipeline_type("metadata").steps(document, SHOP) == {
        "source": {
            "type": "postgres",
            "serviceName": "shop",
            "serviceConnection": SHOP.connection,
            "sourceConfig": source_config,
        },
        "sink": {"type": "metadata-rest", "config": {}},
    }


@pytest.mark.parametrize("source_config", [None, [], {}, {"config": None}])
def test_a_metadata_pipeline_without_a_source_config_says_so(source_config: object) -> None:
    with pytest.raises(ConfigError, match="is missing") as error:
        pipeline_type("metadata").steps({"pipelineType": "metadata", "sourceConfig": source_config}, SHOP)
    assert error.value.field == "sourceConfig"


@pytest.mark.parametrize("name", [name for name in PIPELINE_TYPES if name != "metadata"])
def test_a_type_that_is_not_run_yet_says_so(name: str) -> None:
    with pytest.raises(WorkflowError, match=f"of type {name} are shown, but can't be run by this version yet"):
        pipeline_type(name).steps({"pipelineType": name}, SHOP)


def test_an_unknown_type_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="Types: metadata, dbt, lineage"):
        pipeline_type("telepathy")


def test_the_table_knows_every_type_and_class_that_openmetadata_ingestion_knows() -> None:
    # In a process of its own: the imports are heavy.
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
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(done.stdout.splitlines()[-1])) == {*PIPELINE_TYPES, *OBSOLETE_TYPES}
