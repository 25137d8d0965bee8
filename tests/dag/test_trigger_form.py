"""The fields of Airflow's trigger form, as the form and the API of runs take them from a serialized DAG."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import DAG

from dag_factory.dag.builder import build_dag
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id
from dag_factory.store.config import Config
from dag_factory.task.run_conf import overridden
from tests.airflow_versions import DagSerialization, taken_params
from tests.documents import REST
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
FIELDS = {"application": ["appConfigOverride"], "TestSuite": ["testCases", "sourceConfigOverride"]}
FILLED = {
    "appConfigOverride": {"a": 1},
    "sourceConfigOverride": {"a": 1},
    "testCases": ["one"],
    "pipelineRunId": "6ac1a4dd-6d4f-4c8e-9f0d-6c0a3d7d4f6b",
}


def document(kind: str) -> dict[str, Any]:
    service = {"type": "databaseService", "name": "shop"}
    samples = (json.loads(path.read_text()) for path in SAMPLES)
    source_config = next(sample["sourceConfig"] for sample in samples if sample["pipelineType"] == kind)
    return {"name": "p", "pipelineType": kind, "service": service, **REST, "sourceConfig": source_config}


def dag(kind: str) -> DAG:
    return build_dag(Config("p", "p.json", document(kind)))


@pytest.mark.parametrize("kind", PIPELINE_TYPES)
def test_a_type_has_the_fields_that_make_sense_for_it_each_with_title_and_description(kind: str) -> None:
    params = dag(kind).params
    assert list(params) == [*FIELDS.get(kind, ["sourceConfigOverride"]), "pipelineRunId"]
    for name in params:
        param = params.get_param(name)
        assert param.value is None
        assert param.schema["title"]
        assert param.description
        # What the form lets through for a type, the run takes.
        conf = {name: FILLED[name]}
        changes = openmetadata_run_id("p", "manual") != openmetadata_run_id("p", "manual", conf)
        assert changes or overridden(document(kind), conf) != document(kind)


@pytest.mark.parametrize("kind", PIPELINE_TYPES)
def test_airflow_takes_what_the_form_sends_and_refuses_what_is_of_another_kind(kind: str) -> None:
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag(kind)))
    empty = dict.fromkeys(read.params)
    assert taken_params(read, empty) == empty
    assert overridden(document(kind), empty) == document(kind)
    for nothing in (None, ""):
        assert openmetadata_run_id("p", "manual", {"pipelineRunId": nothing}) == openmetadata_run_id("p", "manual")
    for name in read.params:
        assert taken_params(read, {name: FILLED[name]})[name] == FILLED[name]
        with pytest.raises(Exception, match=f"Invalid input for param {name}"):
            taken_params(read, {name: 7})


def test_the_task_carries_no_copy_of_the_fields() -> None:
    (task,) = dag("metadata").tasks
    assert not task.params
