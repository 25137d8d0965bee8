"""An API server that is served below a path, as behind a proxy of several services: `[api] base_url` has that path."""

from __future__ import annotations

import uuid

import httpx
import pytest

from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, sample
from tests.e2e.runs import wait_for_state
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e

NAME = "beneath a path"


def test_a_server_whose_endpoint_has_the_path_finds_the_api_and_runs_a_pipeline(airflow_apart: AirflowStack) -> None:
    with calling(airflow_apart) as server:
        assert server.detect() == "/api/v1/openmetadata"
        server.deploy(sample(NAME))
        run_id = str(uuid.uuid4())
        server.trigger(NAME, {"pipelineRunId": run_id})
        run = wait_for_state(server, NAME, run_id, "success", "failed")
        log = server.log(NAME, TASK)
        assert run["pipelineState"] == "success", log
        assert run["endDate"]
        assert "Workflow Success %: 100.0" in log
        server.disable(NAME)
        server.trigger(NAME)
        assert "1 run " in server.kill(NAME)["message"]
        server.delete(NAME)


def test_a_token_of_airflow_s_and_the_page_about_the_api_work_beneath_a_path(airflow_apart: AirflowStack) -> None:
    # An endpoint with a slash at its end makes a server ask like this.
    health = httpx.get(f"{airflow_apart.url}//api/v1/openmetadata/health", trust_env=False)
    assert health.json()["status"] == "healthy"
    with httpx.Client(base_url=f"{airflow_apart.url}/api/v1/openmetadata", trust_env=False, timeout=60) as client:
        bearer = {"Authorization": f"Bearer {airflow_apart.token()}"}
        assert client.get("health-auth", headers=bearer).status_code == 200
        assert client.get("health-auth", auth=(airflow_apart.username, "wrong")).status_code == 401
        assert "/data/airflow/api/v1/openmetadata/openapi.json" in client.get("docs", headers=bearer).text
        assert client.get("openapi.json", headers=bearer).json()["servers"] == [
            {"url": "/data/airflow/api/v1/openmetadata"}
        ]
