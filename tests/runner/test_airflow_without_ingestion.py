"""An Airflow that has no openmetadata-ingestion, and an interpreter that has it: everything works all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dag_factory.runner.child_process import SCRIPT
from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

SAMPLE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
WITHOUT = Path(__file__).parent / "without_ingestion"
TASK = "ingestion_task"


@pytest.fixture(scope="module")
def airflow(
    openmetadata: OpenMetadataServer, isolated_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    path = os.pathsep.join([str(WITHOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    ours = {"config_store": tmp_path_factory.mktemp("configs"), "python": isolated_python}
    with AirflowStack(
        tmp_path_factory.mktemp("airflow_without_ingestion"),
        dags_folder=ROOT / "dags",
        config={"openmetadata_dag_factory": ours},
        env={**openmetadata.env, "PYTHONPATH": path},
    ) as stack:
        yield stack


@pytest.fixture
def server(airflow: AirflowStack) -> Iterator[PipelineServiceClient]:
    with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as client:
        yield client


def deploy(server: PipelineServiceClient, openmetadata: OpenMetadataServer, name: str) -> str:
    """Create a pipeline at the server, deploy it from there, start a run and return its id."""
    service = openmetadata.get(f"/api/v1/services/databaseServices/name/{SAMPLE['service']['name']}")
    pipeline = {"name": name, "pipelineType": "metadata", "sourceConfig": SAMPLE["sourceConfig"], "airflowConfig": {}}
    reference = {"id": service["id"], "type": "databaseService"}
    created = openmetadata.put("/api/v1/services/ingestionPipelines", {**pipeline, "service": reference})
    server.deploy({**SAMPLE, "name": name, "fullyQualifiedName": created["fullyQualifiedName"]})
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    return run_id


def heard(openmetadata: OpenMetadataServer, name: str) -> list[str]:
    runs = openmetadata.get("/sandbox/summary")["runs"].get(f"sample_sqlite.{name}", [])
    return [run["pipelineState"] for run in runs]


def test_what_is_said_of_this_airflow_is_true() -> None:
    env = {**os.environ, "PYTHONPATH": str(WITHOUT)}
    script = "from importlib.util import find_spec; print(find_spec('metadata'), find_spec('airflow') is not None)"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "None True\n"


def test_a_pipeline_runs(
    airflow: AirflowStack, server: PipelineServiceClient, openmetadata: OpenMetadataServer
) -> None:
    run_id = deploy(server, openmetadata, "runs_elsewhere")
    assert airflow.wait_for_run("runs_elsewhere", run_id) == "success", server.log("runs_elsewhere", TASK)
    assert heard(openmetadata, "runs_elsewhere") == ["success"]


def task_process(airflow: AirflowStack) -> psutil.Process | None:
    """Return the process of the task that has started a child, if there is one."""
    for process in psutil.Process(airflow.processes["scheduler"].pid).children(recursive=True):
        with suppress(psutil.Error):
            if str(SCRIPT) in process.cmdline():
                return process.parent()
    return None


def test_a_run_whose_task_is_killed_is_reported_all_the_same(
    airflow: AirflowStack, server: PipelineServiceClient, openmetadata: OpenMetadataServer
) -> None:
    run_id = deploy(server, openmetadata, "killed_elsewhere")
    wait_until(lambda: (task_process(airflow), "none"), "the task's process", timeout=120).kill()
    assert airflow.wait_for_run("killed_elsewhere", run_id) == "failed"

    def told() -> tuple[bool | None, str]:
        states = heard(openmetadata, "killed_elsewhere")
        return (states == ["failed"] or None), str(states)

    wait_until(told, "the server to hear that the run failed", timeout=60)
