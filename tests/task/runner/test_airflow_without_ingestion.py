"""An Airflow that has no openmetadata-ingestion, and an interpreter that has it: everything works all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.airflows import WITHOUT_INGESTION
from tests.e2e.children import task_of_guard
from tests.e2e.pipelines import SAMPLE, TASK, sample
from tests.e2e.runs import reported
from tests.e2e.servers import calling


@pytest.fixture
def server(airflow_apart: AirflowStack) -> Iterator[PipelineServiceClient]:
    with calling(airflow_apart) as client:
        yield client


def deploy(server: PipelineServiceClient, openmetadata: OpenMetadataServer, name: str) -> str:
    """Create a pipeline at the server, deploy it from there, start a run and return its id."""
    service = openmetadata.get(f"/api/v1/services/databaseServices/name/{SAMPLE['service']['name']}")
    pipeline = {"name": name, "pipelineType": "metadata", "sourceConfig": SAMPLE["sourceConfig"], "airflowConfig": {}}
    reference = {"id": service["id"], "type": "databaseService"}
    created = openmetadata.put("/api/v1/services/ingestionPipelines", {**pipeline, "service": reference})
    server.deploy(sample(name, fullyQualifiedName=created["fullyQualifiedName"]))
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    return run_id


def test_what_is_said_of_this_airflow_is_true() -> None:
    env = {**os.environ, "PYTHONPATH": str(WITHOUT_INGESTION)}
    script = "from importlib.util import find_spec; print(find_spec('metadata'), find_spec('airflow') is not None)"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "None True\n"


@pytest.mark.e2e
def test_a_pipeline_runs(
    airflow_apart: AirflowStack, server: PipelineServiceClient, openmetadata: OpenMetadataServer
) -> None:
    run_id = deploy(server, openmetadata, "runs_elsewhere")
    assert airflow_apart.wait_for_run("runs_elsewhere", run_id) == "success", server.log("runs_elsewhere", TASK)
    assert reported(openmetadata, "sample_sqlite.runs_elsewhere") == {run_id: "success"}


@pytest.mark.e2e
def test_a_run_whose_task_is_killed_is_reported_all_the_same(
    airflow_apart: AirflowStack, server: PipelineServiceClient, openmetadata: OpenMetadataServer
) -> None:
    run_id = deploy(server, openmetadata, "killed_elsewhere")
    # A run takes little more than a second.
    task = wait_until(lambda: (task_of_guard(airflow_apart), "none"), "the task's process", timeout=120, longest=0.1)
    task.kill()
    assert airflow_apart.wait_for_run("killed_elsewhere", run_id) == "failed"

    def has_it() -> tuple[bool | None, str]:
        states = reported(openmetadata, "sample_sqlite.killed_elsewhere")
        return (states == {run_id: "failed"} or None), str(states)

    wait_until(has_it, "the server to have the run as failed", timeout=60)
