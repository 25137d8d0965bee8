"""
A real Airflow whose DAGs come from generated files: they move to the loader with ids, pause states and runs.

In place of openmetadata-managed-apis stands a module that makes DAGs as it does, with the same ids and task ids.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dag_factory.store.shards import shard_of
from sandbox.client import wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack, child_environment
from tests.e2e.airflows import LOADERS
from tests.e2e.pipelines import TASK, drop, sample
from tests.e2e.runs import run
from tests.managed_apis import keep

pytestmark = pytest.mark.e2e

YEARLY = {"scheduleInterval": "0 0 1 1 *"}
PIPELINES: dict[str, dict[str, Any]] = {
    "moved_yearly": YEARLY,
    "moved_catchup": {**YEARLY, "pipelineCatchup": True},
    "moved_paused": YEARLY,
    "moved_on_demand": {"scheduleInterval": None},
}
# Moved by hand, as the plugin's files were before there was a command.
BY_HAND = "moved_by_hand"
ALL = [*PIPELINES, BY_HAND]
LONG_AGO = datetime(2024, 1, 1, tzinfo=timezone.utc)

FACTORY = f"""
import json
from datetime import datetime, timezone
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

class WorkflowFactory:
    @classmethod
    def create(cls, config):
        made = cls()
        with open(config) as file:
            made.document = json.load(file)
        return made

    def generate_dag(self, names):
        # The plugin's begins with each parse. This one begins once, so that its versions can be counted.
        begin = datetime.fromisoformat("{datetime.now(timezone.utc).isoformat()}")
        cron = self.document["airflowConfig"]["scheduleInterval"]
        self.dag = DAG(self.document["name"], schedule=cron, start_date=begin, catchup=False, tags=["OpenMetadata"])
        PythonOperator(task_id="{TASK}", python_callable=print, dag=self.dag)
        names[self.dag.dag_id] = self.dag

    def get_dag(self):
        return self.dag
"""


def document(name: str, server: OpenMetadataServer, airflow: dict[str, Any]) -> dict[str, Any]:
    connection = {
        "hostPort": f"{server.url}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": server.token},
    }
    return sample(name, openMetadataServerConnection=connection, airflowConfig=airflow)


def ran_long_ago(airflow: AirflowStack, dag_id: str, run_id: str) -> None:
    """Make a run the last scheduled one: all ticks since then were missed."""
    engine = create_engine(airflow.option("database", "sql_alchemy_conn"))
    moment = ", ".join(
        f"{name} = :at" for name in ("logical_date", "run_after", "data_interval_start", "data_interval_end")
    )
    # As a run of Airflow 2: it has no version of its DAG.
    change = f"UPDATE dag_run SET run_type = 'scheduled', created_dag_version_id = NULL, {moment}"
    change += " WHERE dag_id = :dag AND run_id = :run"
    with engine.begin() as connection:
        connection.execute(text(change), {"at": LONG_AGO, "dag": dag_id, "run": run_id})
    engine.dispose()


def state_of(airflow: AirflowStack, dag_id: str) -> tuple[bool, list[tuple[str, str]]]:
    """Return whether a DAG is paused, and its runs."""
    runs = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
    is_paused = airflow.api("GET", f"/api/v2/dags/{dag_id}")["is_paused"]
    return is_paused, sorted((run["dag_run_id"], run["state"]) for run in runs)


def versions_of(airflow: AirflowStack, dag_id: str) -> int:
    return int(airflow.api("GET", f"/api/v2/dags/{dag_id}/dagVersions")["total_entries"])


def is_run_at_once(airflow: AirflowStack, before: list[tuple[str, str]]) -> tuple[bool | None, str]:
    runs = state_of(airflow, BY_HAND)[1]
    return len(runs) > len(before) or None, str(runs)


def test_pipelines_of_generated_files_move_with_ids_pause_states_and_runs_and_nothing_starts_at_once(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, dags_folder: Path, config_store: Path, tmp_path: Path
) -> None:
    package = dags_folder / "openmetadata_managed_apis" / "workflows"
    package.mkdir(parents=True)
    (package / "workflow_factory.py").write_text(FACTORY)
    for name, schedule in {**PIPELINES, BY_HAND: YEARLY}.items():
        keep(document(name, openmetadata, schedule), tmp_path / "kept", dags_folder)
    for name in ALL:
        assert airflow.wait_for_dag(name, timeout=120)["relative_fileloc"] == f"{name}.py"
        airflow.unpause(name)
        ended = run(airflow, name)
        assert ended.state == "success"
        if name != "moved_on_demand":
            ran_long_ago(airflow, name, ended.run_id)
    airflow.api("PATCH", "/api/v2/dags/moved_paused", json={"is_paused": True})
    before = {name: state_of(airflow, name) for name in ALL}
    versions = {name: versions_of(airflow, name) for name in ALL}

    (dags_folder / f"{BY_HAND}.py").unlink()
    drop(config_store, document(BY_HAND, openmetadata, YEARLY))
    (tmp_path / "kept" / f"{BY_HAND}.json").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "dag_factory.cli", "migrate", str(tmp_path / "kept"), "--remove", "--output", "json"],
        env=child_environment({"AIRFLOW_HOME": str(airflow.home), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}),
        cwd=airflow.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1] == "Airflow takes all DAGs from the loader now."
    report = json.loads(done.stdout)
    assert {file["dagId"]: file["removed"] for file in report["generatedFiles"]} == dict.fromkeys(PIPELINES, True)
    assert report["history"] == {"dags": 4, "paused": 1, "runs": 4, "of_airflow_2": 3, "unfinished": 0}

    wait_until(
        partial(is_run_at_once, airflow, before[BY_HAND][1]), "what was moved by hand to run at once", timeout=90
    )
    for name in PIPELINES:
        dag = airflow.api("GET", f"/api/v2/dags/{name}")
        assert dag["relative_fileloc"] == shard_of(dag["dag_id"], LOADERS).file_name
        assert state_of(airflow, name) == before[name]
        assert versions_of(airflow, name) <= versions[name] + 1
        upcoming = dag["next_dagrun_run_after"]
        assert upcoming is None or datetime.fromisoformat(upcoming) > datetime.now(timezone.utc)
    assert run(airflow, "moved_on_demand").state == "success"
    assert len(state_of(airflow, "moved_on_demand")[1]) == 2
    assert airflow.import_errors() == {}
    airflow.api("PATCH", f"/api/v2/dags/{BY_HAND}", json={"is_paused": True})
