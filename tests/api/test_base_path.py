"""An API server that is served below a path, as behind a proxy of several services: `[api] base_url` has that path."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest

from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

SAMPLE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
NAME = "beneath a path"


@pytest.fixture(scope="module")
def airflow(openmetadata: OpenMetadataServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    with AirflowStack(
        tmp_path_factory.mktemp("airflow_beneath_a_path"),
        dags_folder=ROOT / "dags",
        config={"openmetadata_dag_factory": {"config_store": tmp_path_factory.mktemp("configs")}},
        env=openmetadata.env,
        base_path="/data/airflow",
    ) as stack:
        yield stack


def test_a_server_whose_endpoint_has_the_path_finds_the_api_and_runs_a_pipeline(airflow: AirflowStack) -> None:
    with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as server:
        assert server.detect() == "/api/v1/openmetadata"
        server.deploy({**SAMPLE, "name": NAME, "fullyQualifiedName": f"sample_sqlite.{NAME}"})
        run_id = str(uuid.uuid4())
        server.trigger(NAME, {"pipelineRunId": run_id})

        def look() -> tuple[str | None, str]:
            (run,) = server.status(NAME)
            assert run["runId"] == run_id
            return (run["pipelineState"] if run["endDate"] else None), str(run)

        state = wait_until(look, "the run to end", timeout=300)
        log = server.log(NAME, "ingestion_task")
        assert state == "success", log
        assert "Workflow Success %: 100.0" in log
        server.disable(NAME)
        server.trigger(NAME)
        assert "1 run " in server.kill(NAME)["message"]
        server.delete(NAME)


def test_a_token_of_airflow_s_and_the_page_about_the_api_work_beneath_a_path(airflow: AirflowStack) -> None:
    # An endpoint with a slash at its end makes a server ask like this.
    assert httpx.get(f"{airflow.url}//api/v1/openmetadata/health", trust_env=False).json()["status"] == "healthy"
    with httpx.Client(base_url=f"{airflow.url}/api/v1/openmetadata", trust_env=False, timeout=60) as client:
        bearer = {"Authorization": f"Bearer {airflow.token()}"}
        assert client.get("health-auth", headers=bearer).status_code == 200
        assert client.get("health-auth", auth=(airflow.username, "wrong")).status_code == 401
        assert "/data/airflow/api/v1/openmetadata/openapi.json" in client.get("docs", headers=bearer).text
        assert client.get("openapi.json", headers=bearer).json()["servers"] == [
            {"url": "/data/airflow/api/v1/openmetadata"}
        ]
