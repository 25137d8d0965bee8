"""What `make bench` measures of a real Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.deploy import Limits
from benchmarks.running import Plan, measure_running, report
from benchmarks.written import Database
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import drop, sample

pytestmark = pytest.mark.e2e

PLAN = Plan(Limits(rounds=1, deploy=60, all=60, listing=60), answers=2, idle=5, quiet=0)


@pytest.fixture
def one_pipeline(config_store: Path) -> Iterator[None]:
    name = drop(config_store, sample("measured"))
    yield
    for pattern in (name, "deployed_*", "answered_*"):
        for file in config_store.glob(f"{pattern}.json"):
            file.unlink()


@pytest.mark.usefixtures("one_pipeline")
def test_a_running_airflow_is_measured(airflow: AirflowStack, openmetadata: OpenMetadataServer) -> None:
    measured = measure_running(airflow, openmetadata, 1, 1, PLAN)

    assert measured.listed >= 1
    [deploy] = measured.deploys
    assert 0 < deploy.answered < deploy.visible < 60
    assert deploy.triggerable < 60
    assert deploy.written >= 1
    assert len(measured.answers) == 2
    assert measured.idle > 0
    assert measured.memory.keys() == airflow.processes.keys()
    assert min(measured.memory.values()) > 10
    assert measured.tables["serialized_dag"] > 0
    assert "| 1 | 1 |" in report([measured])
    database = Database(airflow.option("database", "sql_alchemy_conn"))
    assert database.described("Reads the tables, columns and keys%") >= 1
    assert database.described("No pipeline has this description") == 0
