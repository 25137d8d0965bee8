"""What openmetadata-ingestion does not take of a source config, in real runs: in the task's process and in a child."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

SAMPLE = ROOT / "configs" / "sample_sqlite_metadata.json"
INGESTION = f"openmetadata-ingestion {version('openmetadata-ingestion')}"
DBT: dict[str, Any] = {
    "type": "DBT",
    "dbtConfigSource": {"dbtManifestFilePath": "/data/manifest.json"},
    "dbtUpdateDescriptions": True,
}


@pytest.fixture(params=["in_process", "isolated"])
def runner(request: pytest.FixtureRequest, isolated_python: str) -> tuple[str, str]:
    """Where a run is: a name for it, and what a config says of it."""
    return request.param, "in_process" if request.param == "in_process" else isolated_python


def drop(folder: Path, dag_id: str, python: str, **fields: Any) -> str:
    document = {**json.loads(SAMPLE.read_text()), "name": dag_id, "fullyQualifiedName": f"sample_sqlite.{dag_id}"}
    document |= {"dagFactory": {"runner": {"python": python}}, **fields}
    (folder / f"{dag_id}.json").write_text(json.dumps(document))
    return dag_id


def run(airflow: AirflowStack, dag_id: str, task_id: str, **trigger: Any) -> tuple[str, str]:
    """Return the state and the log of a run."""
    airflow.wait_for_dag(dag_id)
    run_id = airflow.trigger(dag_id, **trigger)
    return airflow.wait_for_run(dag_id, run_id), airflow.task_log(dag_id, run_id, task_id)


def test_a_newer_server_s_field_is_left_out_where_it_asks_for_nothing(
    airflow: AirflowStack, config_store: Path, runner: tuple[str, str]
) -> None:
    config = {"type": "DatabaseMetadata", "someFutureSwitch": False, "tableFilterPattern": {"includes": ["^orders$"]}}
    dag_id = drop(config_store, f"newer_field_{runner[0]}", runner[1], sourceConfig={"config": config})
    state, log = run(airflow, dag_id, "ingestion_task")
    assert state == "success", log
    assert f"sourceConfig.config.someFutureSwitch is unknown to {INGESTION}. It is left out" in log


def test_else_the_run_fails_with_a_sentence_that_names_it(
    airflow: AirflowStack, config_store: Path, runner: tuple[str, str]
) -> None:
    config = {"type": "DatabaseMetadata", "someFutureSwitch": True}
    dag_id = drop(config_store, f"newer_wish_{runner[0]}", runner[1], sourceConfig={"config": config})
    state, log = run(airflow, dag_id, "ingestion_task")
    assert state == "failed"
    (sentence,) = {line for line in log.splitlines() if "is unknown to" in line and "AirflowFailException" in line} or [
        log
    ]
    assert f"field 'sourceConfig.config.someFutureSwitch': is unknown to {INGESTION}, while the Open" in sentence
    assert "Upgrade openmetadata-ingestion for " in sentence
    assert "Extra parameter" not in log
    assert "validation error" not in log


def test_of_dbt_the_one_field_is_named_that_is_missing(
    airflow: AirflowStack, config_store: Path, runner: tuple[str, str]
) -> None:
    # At the door it would be refused: the conf of a trigger is seen by the worker alone.
    good = {**DBT, "dbtConfigSource": {**DBT["dbtConfigSource"], "dbtConfigType": "local"}}
    dag_id = drop(config_store, f"dbt_{runner[0]}", runner[1], pipelineType="dbt", sourceConfig={"config": good})
    override = {"sourceConfigOverride": {"dbtConfigSource": DBT["dbtConfigSource"]}}
    state, log = run(airflow, dag_id, "dbt_task", conf=override)
    assert state == "failed"
    assert "field 'sourceConfig.config.dbtConfigSource.dbtConfigType': is missing. Write dbtConfigType: local" in log
    assert "Cloud" not in log
    assert len(log.splitlines()) < 60
