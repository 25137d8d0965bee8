"""What openmetadata-ingestion does not take of a source config, in real runs: in the task's process and in a child."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import AirflowStack
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import Run, run

pytestmark = [pytest.mark.e2e, pytest.mark.together]

INGESTION = f"openmetadata-ingestion {version('openmetadata-ingestion')}"
DBT: dict[str, Any] = {
    "type": "DBT",
    "dbtConfigSource": {"dbtManifestFilePath": "/data/manifest.json"},
    "dbtUpdateDescriptions": True,
}


everywhere = pytest.mark.parametrize("where", ["in_process", "isolated"])


@pytest.fixture(scope="module")
def pythons(isolated_python: str) -> dict[str, str]:
    """What a config says of where its runs are."""
    return {"in_process": "in_process", "isolated": isolated_python}


def run_by(airflow: AirflowStack, store: Path, python: str, document: dict[str, Any], **trigger: Any) -> Run:
    """Run a pipeline by an interpreter."""
    dag_id = drop(store, {**document, "dagFactory": {"runner": {"python": python}}})
    return run(airflow, dag_id, **trigger)


@everywhere
def test_a_newer_server_s_field_is_left_out_where_it_asks_for_nothing(
    airflow: AirflowStack, config_store: Path, pythons: dict[str, str], where: str
) -> None:
    config = {"type": "DatabaseMetadata", "someFutureSwitch": False, "tableFilterPattern": {"includes": ["^orders$"]}}
    document = sample(f"newer_field_{where}", sourceConfig={"config": config})
    _, state, log = run_by(airflow, config_store, pythons[where], document)
    assert state == "success", log
    assert f"sourceConfig.config.someFutureSwitch is unknown to {INGESTION}. It is left out" in log


@everywhere
def test_else_the_run_fails_with_a_sentence_that_names_it(
    airflow: AirflowStack, config_store: Path, pythons: dict[str, str], where: str
) -> None:
    config = {"type": "DatabaseMetadata", "someFutureSwitch": True}
    document = sample(f"newer_wish_{where}", sourceConfig={"config": config})
    _, state, log = run_by(airflow, config_store, pythons[where], document)
    assert state == "failed"
    (sentence,) = {line for line in log.splitlines() if "is unknown to" in line and "AirflowFailException" in line} or [
        log
    ]
    assert f"field 'sourceConfig.config.someFutureSwitch': is unknown to {INGESTION}, while the Open" in sentence
    assert "Upgrade openmetadata-ingestion for " in sentence
    assert "Extra parameter" not in log
    assert "validation error" not in log


@everywhere
def test_of_dbt_the_one_field_is_named_that_is_missing(
    airflow: AirflowStack, config_store: Path, pythons: dict[str, str], where: str
) -> None:
    # At the door it would be refused: the conf of a trigger is seen by the worker alone.
    good = {**DBT, "dbtConfigSource": {**DBT["dbtConfigSource"], "dbtConfigType": "local"}}
    document = sample(f"dbt_{where}", pipelineType="dbt", sourceConfig={"config": good})
    override = {"sourceConfigOverride": {"dbtConfigSource": DBT["dbtConfigSource"]}}
    _, state, log = run_by(airflow, config_store, pythons[where], document, conf=override)
    assert state == "failed"
    assert "field 'sourceConfig.config.dbtConfigSource.dbtConfigType': is missing. Write dbtConfigType: local" in log
    assert "Cloud" not in log
    assert len(log.splitlines()) < 60
