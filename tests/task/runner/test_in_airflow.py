"""Runs by an interpreter that can import no Airflow, in a real Airflow: their log, their result, and their end."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import psutil
import pytest

from sandbox.client import run_path, wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.children import guards
from tests.e2e.pipelines import TASK, drop, sample
from tests.e2e.runs import run

pytestmark = pytest.mark.e2e

CANARY = "canary-b81c05-password"


def test_a_run_elsewhere_has_its_log_and_its_result_here(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, isolated_python: str
) -> None:
    airflow.api("POST", "/api/v2/pools", json={"name": "ingestion", "slots": 2})
    runner = {
        "python": isolated_python,
        "pool": "ingestion",
        "queue": "large-workers",
        "priorityWeight": 3,
        "executor": "LocalExecutor",
    }
    dag_id = drop(config_store, sample("isolated", dagFactory={"runner": runner}))
    run_id, state, log = run(airflow, dag_id)
    assert state == "success", log
    assert f"by {isolated_python}" in log
    assert "Workflow Success %: 100.0" in log
    (line,) = (line for line in log.splitlines() if "Running CheckAccess" in line)
    assert line.split()[1] == "info"
    assert openmetadata.token not in log

    instance = f"{run_path(dag_id, run_id)}/taskInstances/{TASK}"
    placed = airflow.api("GET", instance)
    assert (placed["pool"], placed["queue"], placed["priority_weight"]) == ("ingestion", "large-workers", 3)
    summary = airflow.api("GET", f"{instance}/xcomEntries/return_value")["value"]
    assert summary["SQLite"]["records"] > 10
    assert summary["SQLite"]["errors"] == 0
    runs = openmetadata.get("/sandbox/summary")["runs"]["sample_sqlite.isolated"]
    assert {run["pipelineState"] for run in runs} == {"success"}


def test_killing_the_run_ends_its_process_group_which_holds_no_secret_that_others_could_read(
    airflow: AirflowStack, config_store: Path, isolated_python: str, dying_port: int, openmetadata: OpenMetadataServer
) -> None:
    server = {
        "hostPort": f"http://127.0.0.1:{dying_port}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}},
    }
    document = sample(
        "isolated_and_killed",
        openMetadataServerConnection=server,
        sourceConfig={"config": {"type": "DatabaseMetadata", "tableFilterPattern": {"excludes": [CANARY]}}},
        dagFactory={"runner": {"python": isolated_python}},
    )
    dag_id = drop(config_store, document)
    airflow.wait_for_dag(dag_id)
    run_id = airflow.trigger(dag_id, run_id=str(uuid.uuid4()))

    def begun() -> tuple[psutil.Process | None, str]:
        return next(guards(), None), airflow.api("GET", run_path(dag_id, run_id))["state"]

    child = wait_until(begun, "the child of the run", timeout=120)

    def guarded() -> tuple[list[psutil.Process] | None, str]:
        group = [each for each in psutil.process_iter() if os.getpgid(each.pid) == child.pid]
        return (group if len(group) >= 2 else None), f"{len(group)} processes"

    group = wait_until(guarded, "the guard and the process that works", timeout=60)
    for process in group:
        open_to_others = " ".join([*process.cmdline(), *process.environ().values()])
        assert CANARY not in open_to_others
        assert openmetadata.token not in open_to_others
        assert not any(name.startswith(("AIRFLOW_", "PYTHON")) for name in process.environ())

    airflow.api("PATCH", run_path(dag_id, run_id), json={"state": "failed"})

    def gone() -> tuple[bool | None, str]:
        left = [each.pid for each in group if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        return (True if not left else None), f"{left} still run"

    wait_until(gone, "the child's process group to end", timeout=60)


def test_a_config_that_names_a_program_of_its_own_choice_starts_nothing(
    airflow: AirflowStack, config_store: Path, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    dag_id = drop(config_store, sample("chooses_a_program", dagFactory={"runner": {"python": str(program)}}))
    _, state, log = run(airflow, dag_id)
    assert state == "failed"
    assert "field 'dagFactory.runner.python'" in log
    assert "is not among the interpreters that this worker may start" in log
    assert not (tmp_path / "started").exists()
