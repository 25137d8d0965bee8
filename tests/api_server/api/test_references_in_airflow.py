"""What a config refers to, in a real Airflow: by a user who may only deploy, and by files that are dropped."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.failing import HttpServer, Reply, running
from sandbox.stack import AirflowStack
from tests.e2e.dags import tags
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import run, run_all

pytestmark = pytest.mark.e2e

CANARY = "s3cr3t-canary"
# The two attacks that were seen, and what refuses each.
CLOSED: dict[str, tuple[dict[str, str], str]] = {
    "connection": ({"$connection": "prod_db", "field": "uri"}, "allowed_connections"),
    "env": ({"$env": "AWS_SECRET_ACCESS_KEY"}, "allowed_env"),
    "airflow": ({"$env": "AIRFLOW__CORE__FERNET_KEY"}, "belongs to Airflow"),
}


def pipeline(name: str, host_port: object, token: object) -> dict[str, Any]:
    server = {"hostPort": host_port, "authProvider": "openmetadata", "securityConfig": {"jwtToken": token}}
    return sample(name, openMetadataServerConnection=server)


def connect(stack: AirflowStack, conn_id: str) -> None:
    """Make a Connection, unless it is there."""
    connection = {"connection_id": conn_id, "conn_type": "http", "host": "db", "password": CANARY}
    answer = stack.request("POST", "/api/v2/connections", json=connection)
    assert answer.status_code in (201, 409), answer.text


def deploy(stack: AirflowStack, username: str, document: dict[str, Any]) -> httpx.Response:
    credentials = base64.b64encode(f"{username}:{stack.passwords[username]}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    url = f"{stack.url}/api/v1/openmetadata/deploy"
    return httpx.post(url, json=document, headers=headers, trust_env=False, timeout=60)


@pytest.mark.parametrize("kind", ["airflow", "fab"], ids=["simple", "FAB"])
def test_a_user_who_may_only_deploy_gets_nothing_that_the_operator_has_not_opened(
    kind: str, request: pytest.FixtureRequest
) -> None:
    stack: AirflowStack = request.getfixturevalue(kind)
    connect(stack, "prod_db")
    connect(stack, "openmetadata_open")
    open_one = {"$connection": "openmetadata_open", "field": "password"}
    with running(HttpServer(otherwise=Reply(404))) as listener:
        mine = f"http://127.0.0.1:{listener.port}/api"
        for name, (reference, reason) in CLOSED.items():
            # An administrator may read all Connections, and configs may reach no more for that.
            for username in ("openmetadata", "admin"):
                answer = deploy(stack, username, pipeline(f"closed_{name}", mine, reference))
                assert answer.status_code == 400, answer.text
                assert "'openMetadataServerConnection.securityConfig.jwtToken'" in answer.text
                assert reason in answer.text
        answer = deploy(stack, "openmetadata", pipeline("open_connection", mine, open_one))
        assert answer.status_code == 403, answer.text
        assert "'openmetadata_open', and the user lacks Airflow's permission to read it" in answer.text
        assert deploy(stack, "admin", pipeline("open_connection", mine, open_one)).status_code == 200
        assert deploy(stack, "openmetadata", pipeline("open_env", mine, {"$env": "OPENMETADATA_A"})).status_code == 200
        for name in ("open_connection", "open_env"):
            stack.wait_for_dag(name)
            stack.request("DELETE", "/api/v1/openmetadata/delete", params={"dag_id": name})
    assert listener.requests == []


def test_a_dropped_file_gets_nothing_either_and_what_is_open_is_sent(airflow: AirflowStack, config_store: Path) -> None:
    connect(airflow, "prod_db")
    connect(airflow, "openmetadata_open")
    with running(HttpServer(otherwise=Reply(404))) as listener:
        mine = f"http://127.0.0.1:{listener.port}/api"
        for name, (reference, _) in CLOSED.items():
            drop(config_store, pipeline(f"reaching_{name}", mine, reference))
        runs = run_all(airflow, *(f"reaching_{name}" for name in CLOSED))
        for name, (_, reason) in CLOSED.items():
            dag = airflow.wait_for_dag(f"reaching_{name}")
            assert "config-error" in tags(dag)
            assert reason in dag["description"]
            assert runs[dag["dag_id"]].state == "failed"
            assert reason in runs[dag["dag_id"]].log
        assert listener.requests == []

        # Shows that the listener would have been called.
        reference = {"$connection": "openmetadata_open", "field": "password"}
        assert run(airflow, drop(config_store, pipeline("reaching_open", mine, reference))).state == "failed"
        assert f"Bearer {CANARY}" in listener.tokens
    for path in config_store.glob("reaching_*.json"):
        path.unlink()
