"""The main story in a real Airflow: configs are lost, `diff` names them, `sync` brings them and their DAGs back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from sandbox.client import wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.dags import handwritten

pytestmark = pytest.mark.e2e

SERVICE = "lost_and_found"
NAMES = [f"{SERVICE}_{number}" for number in range(3)]


def command(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, *arguments: str, service: str = SERVICE
) -> tuple[int, Any]:
    """Run one of our commands as Airflow's operator does; return its exit code and what it printed."""
    connection = {"conn_type": "generic", "host": f"{openmetadata.url}/api", "password": openmetadata.token}
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(airflow.home),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID": "the_server",
        "AIRFLOW_CONN_THE_SERVER": json.dumps(connection),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dag_factory.cli", *arguments, "--service", service, "--output", "json"],
        env=env,
        cwd=airflow.home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def make_pipelines(openmetadata: OpenMetadataServer, names: list[str], service_name: str = SERVICE) -> list[str]:
    """Make pipelines at the server, as its UI does, and return their ids."""
    config = {"type": "SQLite", "databaseMode": ":memory:"}
    request = {"name": service_name, "serviceType": "SQLite", "connection": {"config": config}}
    service = openmetadata.put("/api/v1/services/databaseServices", request)
    return [
        openmetadata.put(
            "/api/v1/services/ingestionPipelines",
            {
                "name": name,
                "service": {"id": service["id"], "type": "databaseService"},
                "pipelineType": "metadata",
                "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                "airflowConfig": {"scheduleInterval": "0 3 1 1 *"},
            },
        )["id"]
        for name in names
    ]


def test_lost_configs_are_named_and_brought_back(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    openmetadata.deploy_to(airflow.url, airflow.username, airflow.password)
    for id_ in make_pipelines(openmetadata, NAMES):
        assert openmetadata.post(f"/api/v1/services/ingestionPipelines/deploy/{id_}")["code"] == 200
    assert command(airflow, openmetadata, "diff")[0] == 0
    parsed = {name: airflow.wait_for_dag(name)["last_parsed_time"] for name in NAMES}

    with FolderStore(config_store).lock():
        for name in NAMES:
            (config_store / f"{name}.json").unlink()
    code, found = command(airflow, openmetadata, "diff")
    assert code == 1
    assert [each["dag_id"] for each in found["differing"]] == NAMES
    assert {each["state"] for each in found["differing"]} == {"only on the server"}

    code, done = command(airflow, openmetadata, "sync")
    assert (code, sorted(done["deployed"]), done["failed"]) == (0, NAMES, [])
    assert command(airflow, openmetadata, "diff")[0] == 0

    def look() -> tuple[bool | None, object]:
        dags = [airflow.api("GET", f"/api/v2/dags/{name}") for name in NAMES]
        are_back = all(not dag["is_stale"] and dag["last_parsed_time"] != parsed[dag["dag_id"]] for dag in dags)
        return are_back or None, [(dag["is_stale"], dag["last_parsed_time"]) for dag in dags]

    wait_until(look, "the DAGs to be parsed again", timeout=60)


def test_what_is_written_takes_no_id_of_a_dag_of_somebody_else_s(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, dags_folder: Path
) -> None:
    taken, free, service = "year_end_close", "year_end_tables", "year_end"
    (dags_folder / f"{taken}.py").write_text(handwritten(taken))
    try:
        airflow.wait_for_dag(taken)
        make_pipelines(openmetadata, [taken, free], service)
        _, would = command(airflow, openmetadata, "sync", "--write", "--undeployed", "--dry-run", service=service)
        assert ([each["dag_id"] for each in would["would_deploy"]], list(would["would_fail"])) == ([free], [taken])
        code, done = command(airflow, openmetadata, "sync", "--write", "--undeployed", service=service)
        assert (code, done["deployed"]) == (1, [free])
        (failed,) = done["failed"]
        assert (failed["dag_id"], "that is not a pipeline's" in failed["problem"]) == (taken, True)
        assert not (config_store / f"{taken}.json").exists()
        airflow.wait_for_dag(free)
        assert [tag["name"] for tag in airflow.wait_for_dag(taken)["tags"]] == ["finance"]
    finally:
        (dags_folder / f"{taken}.py").unlink()
