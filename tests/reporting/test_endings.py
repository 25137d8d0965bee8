"""Whatever ends a run, the OpenMetadata server hears of it: each ending provoked for real."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import source
from sandbox.client import run_path, wait_until
from sandbox.leash import descendants
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TASK = "ingestion_task"

# What the operator of this Airflow wants of some DAGs: that a run as a whole may take 5 s.
POLICY = """
from datetime import timedelta

def dag_policy(dag):
    if dag.dag_id.startswith("hurried"):
        dag.dagrun_timeout = timedelta(seconds=5)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenMetadataServer]:
    """An OpenMetadata server that a test may suspend and stop."""
    folder = tmp_path_factory.mktemp("openmetadata")
    source.create(folder / "source.db")
    with OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log") as openmetadata:
        yield openmetadata


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(scope="module")
def stack(server: OpenMetadataServer, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    home = tmp_path_factory.mktemp("airflow")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY)
    path = os.pathsep.join([str(ROOT / "tests" / "sources"), *filter(None, [os.environ.get("PYTHONPATH")])])
    airflow = AirflowStack(
        home,
        dags_folder=ROOT / "dags",
        config={
            "openmetadata_dag_factory": {"config_store": store, "openmetadata_conn_id": "openmetadata"},
            # How soon Airflow knows is Airflow's affair.
            "scheduler": {
                "task_instance_heartbeat_timeout": 15,
                "task_instance_heartbeat_timeout_detection_interval": 3,
                "orphaned_tasks_check_interval": 5,
                "scheduler_health_check_threshold": 10,
            },
        },
        env={"PYTHONPATH": path},
    )
    with airflow:
        host, _, port = server.url.removeprefix("http://").partition(":")
        connection = {"connection_id": "openmetadata", "conn_type": "http", "host": host, "port": int(port)}
        airflow.api("POST", "/api/v2/connections", json={**connection, "password": server.token})
        yield airflow


class Pipeline:
    """A pipeline of its own for a test, whose runs do what the test wants."""

    def __init__(self, stack: AirflowStack, server: OpenMetadataServer, store: Path, folder: Path) -> None:
        self.stack, self.server, self.store, self.folder = stack, server, store, folder
        self.dag_id = self.fqn = ""

    def make(
        self,
        name: str,
        *,
        then: str = "end",
        hold: bool = False,
        level: str | None = None,
        password: str = "",
        **airflow_config: Any,
    ) -> Pipeline:
        self.dag_id, self.fqn = name, f"{name}_service.{name}"
        self.held.touch() if hold else self.held.unlink(missing_ok=True)
        self.options = {"folder": str(self.folder), "then": then, "password": password}
        self.register()
        document = {
            "name": name,
            "fullyQualifiedName": self.fqn,
            "pipelineType": "metadata",
            "service": {"type": "databaseService", "name": f"{name}_service"},
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
            "airflowConfig": airflow_config,
            "version": 0.3,
            "loggerLevel": level,
        }
        (self.store / f"{name}.json").write_text(json.dumps(document))
        self.stack.wait_for_dag(name)
        return self

    def register(self) -> None:
        """Create the service and the pipeline at the server, which knows them before it deploys."""
        connection = {
            "type": "CustomDatabase",
            "sourcePythonClass": "status_source.StatusSource",
            "connectionOptions": self.options,
        }
        service = self.server.put(
            "/api/v1/services/databaseServices",
            {"name": f"{self.dag_id}_service", "serviceType": "CustomDatabase", "connection": {"config": connection}},
        )
        self.server.put(
            "/api/v1/services/ingestionPipelines",
            {
                "name": self.dag_id,
                "service": {"id": service["id"], "type": "databaseService"},
                "pipelineType": "metadata",
                "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                "airflowConfig": {},
            },
        )

    @property
    def held(self) -> Path:
        return self.folder / "hold"

    def start(self) -> str:
        """Start a run and return its id, for Airflow and for the server."""
        run_id = str(uuid.uuid4())
        return self.stack.trigger(self.dag_id, {"pipelineRunId": run_id}, run_id)

    def processes(self, number: int = 1) -> tuple[int, int]:
        """Wait until a try is in its workflow; return the ids of the task's process and of the worker's."""
        path = self.folder / str(number)
        wait_until(lambda: (path.exists() or None, self.stack.task_states(self.dag_id, self.run_id())), "a try", 120)
        task, worker = map(int, path.read_text().split())
        return task, worker

    def run_id(self) -> str:
        return str(self.stack.api("GET", f"/api/v2/dags/{self.dag_id}/dagRuns")["dag_runs"][0]["dag_run_id"])

    def state(self, run_id: str) -> str | None:
        runs = self.server.get("/sandbox/summary")["runs"].get(self.fqn, [])
        return next((str(run["pipelineState"]) for run in runs if run["runId"] == run_id), None)

    def hears(self, run_id: str, state: str, ending: str = "", timeout: float = 90) -> None:
        """Wait until the server has a run in a state, or in one of several; print how long that took."""
        began = time.monotonic()
        wait_until(
            lambda: (
                self.state(run_id) in state.split("|") or None,
                f"{self.state(run_id)}, {self.airflow_state(run_id)}",
            ),
            f"the server to hear '{state}'",
            timeout,
        )
        if ending:
            print(f"\nheard {self.state(run_id)} of a run after {time.monotonic() - began:.1f} s: {ending}")

    def airflow_state(self, run_id: str) -> str:
        return str(self.stack.api("GET", run_path(self.dag_id, run_id))["state"])

    def airflow_knows(self, run_id: str, state: str = "failed", timeout: float = 90) -> None:
        wait_until(
            lambda: (self.airflow_state(run_id) == state or None, self.airflow_state(run_id)),
            f"Airflow to know that the run is {state}",
            timeout,
        )


def kill_scheduler(stack: AirflowStack) -> None:
    for pid in descendants(stack.processes["scheduler"].pid):
        os.kill(pid, signal.SIGKILL)
    stack.stop_component("scheduler")


@pytest.fixture
def pipeline(
    stack: AirflowStack, server: OpenMetadataServer, store: Path, tmp_path: Path
) -> Iterator[Callable[..., Pipeline]]:
    """Make a pipeline; whatever it holds ends with the test."""
    made = Pipeline(stack, server, store, tmp_path)
    yield made.make
    made.held.unlink(missing_ok=True)


def test_a_run_that_ends_well_is_a_success_and_its_task_leads_to_openmetadata(
    pipeline: Callable[..., Pipeline], server: OpenMetadataServer
) -> None:
    made = pipeline("well")
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "it ended well")
    path = f"{run_path(made.dag_id, run_id)}/taskInstances/{TASK}"
    assert made.stack.api("GET", f"{path}/links")["extra_links"] == {
        "Pipeline in OpenMetadata": f"{server.url}/databaseServices/well_service.well/logs",
        "Service in OpenMetadata": f"{server.url}/service/databaseServices/well_service",
    }
    version = made.stack.api("GET", f"{path}/xcomEntries/config", params={"deserialize": True})["value"]
    assert version["key"] == "well.json"
    assert version["version"] == 0.3
    note = wait_until(
        lambda: (made.stack.api("GET", run_path(made.dag_id, run_id))["note"], "no note"), "a note on the run", 30
    )
    assert note == f"Config well.json, version 0.3, digest {version['digest']}"


@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_ingestion_logs_at_the_level_of_the_config_and_airflow_as_ever(
    pipeline: Callable[..., Pipeline], stack: AirflowStack, level: str
) -> None:
    made = pipeline(f"logs_{level}", level=level)
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    log = stack.task_log(made.dag_id, run_id, TASK)
    assert ("StatusSource'> configured" in log) == (level == "DEBUG")
    assert ("Workflow Success %" in log) == (level == "DEBUG")
    assert "Running config" in log
    assert "Source: 0 records" in log


def test_what_ingestion_code_prints_shows_no_password_of_the_service(
    pipeline: Callable[..., Pipeline], stack: AirflowStack
) -> None:
    made = pipeline("prints", then="print", password='canary 7d0f/+"ö"')
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    # The executor has printed a copy of the log.
    for log in (stack.task_log(made.dag_id, run_id, TASK), (stack.home / "logs" / "scheduler.log").read_text()):
        for mark in ("str", "repr", "dumps", "error quote_plus", "warning", "traceback", "last"):
            assert re.search(rf"<{mark}>.{{0,4}}\*\*\*", log), mark
        assert "canary" not in log


def test_a_workflow_that_raises(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("raises", then="raise")
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the workflow raised")


def test_a_task_that_fails_before_its_workflow_begins(pipeline: Callable[..., Pipeline], store: Path) -> None:
    made = pipeline("unbegun")
    document = json.loads((store / "unbegun.json").read_text())
    (store / "unbegun.json").write_text(json.dumps({**document, "sourceConfig": {"$env": "NOWHERE"}}))
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the task failed before its workflow began")
    assert f"OpenMetadata has run {run_id} as failed" in made.stack.task_log(made.dag_id, run_id, TASK)


def test_a_run_that_is_tried_again_goes_on(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("again", hold=True, retries=1, retryDelay=1)
    run_id = made.start()
    task, _ = made.processes()
    os.kill(task, signal.SIGKILL)
    made.processes(2)
    made.hears(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "the second try ended well")


def test_a_task_that_times_out(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("times_out", hold=True, workflowTimeout=20)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the task timed out")


def test_a_run_that_times_out_as_a_whole(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("hurried", hold=True)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the DAG run timed out")


def test_a_kill_by_openmetadata(pipeline: Callable[..., Pipeline], stack: AirflowStack) -> None:
    made = pipeline("killed", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    with PipelineServiceClient(stack.url, stack.username, stack.password) as client:
        client.kill("killed")
    made.hears(run_id, "failed", "/kill")


def test_a_workflow_that_reports_a_success_while_it_is_killed(
    pipeline: Callable[..., Pipeline], stack: AirflowStack
) -> None:
    made = pipeline("dying", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    stack.api("PATCH", run_path(made.dag_id, run_id), json={"state": "failed"})
    made.hears(run_id, "failed", "the run was marked as failed")
    made.held.unlink()
    made.hears(run_id, "success")
    made.hears(run_id, "failed", "it had reported a success since")


def test_a_run_that_never_began_and_is_killed(pipeline: Callable[..., Pipeline], stack: AirflowStack) -> None:
    made = pipeline("waits", pausePipeline=True)
    run_id = made.start()
    with PipelineServiceClient(stack.url, stack.username, stack.password) as client:
        client.kill("waits")
    made.hears(run_id, "failed", "/kill of a run that was queued")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_task_that_a_user_marks(pipeline: Callable[..., Pipeline], stack: AirflowStack, state: str) -> None:
    made = pipeline(f"task_marked_{state}", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    path = f"{run_path(made.dag_id, run_id)}/taskInstances/{TASK}"
    stack.api("PATCH", path, json={"new_state": state})
    # The task that is killed for it may be the first to say how it ended.
    made.hears(run_id, {"failed": "failed", "success": "success|failed"}[state], f"the task was marked as {state}")


def test_a_run_that_a_user_marks_as_a_success(pipeline: Callable[..., Pipeline], stack: AirflowStack) -> None:
    made = pipeline("run_marked", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    stack.api("PATCH", run_path(made.dag_id, run_id), json={"state": "success"})
    made.hears(run_id, "success", "the run was marked as a success")


def test_a_task_that_a_user_clears_runs_again(pipeline: Callable[..., Pipeline], stack: AirflowStack) -> None:
    made = pipeline("cleared", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    clear = {"dry_run": False, "dag_run_id": run_id, "task_ids": [TASK], "only_failed": False, "only_running": False}
    stack.api("POST", f"/api/v2/dags/{made.dag_id}/clearTaskInstances", json=clear)
    made.hears(run_id, "failed", "the task was cleared")
    made.processes(2)
    made.hears(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "the cleared task ran again")


def test_a_task_whose_process_is_killed(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("process_killed", hold=True)
    run_id = made.start()
    task, _ = made.processes()
    os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "SIGKILL of the task's process")


def test_a_task_whose_worker_is_killed(pipeline: Callable[..., Pipeline]) -> None:
    made = pipeline("worker_killed", hold=True)
    run_id = made.start()
    task, worker = made.processes()
    os.kill(worker, signal.SIGKILL)
    os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "SIGKILL of the worker")


def test_a_run_whose_scheduler_is_killed_with_all_below_it_runs_again(
    pipeline: Callable[..., Pipeline], stack: AirflowStack
) -> None:
    made = pipeline("scheduler_killed", hold=True)
    run_id = made.start()
    made.processes()
    kill_scheduler(stack)
    stack.start_component("scheduler")
    made.processes(2)
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "SIGKILL of the scheduler, after which Airflow runs the task again")


def test_a_run_that_ends_while_the_server_does_not_answer(
    pipeline: Callable[..., Pipeline], server: OpenMetadataServer
) -> None:
    made = pipeline("silence", hold=True)
    run_id = made.start()
    task, _ = made.processes()
    made.hears(run_id, "running")
    suspended = descendants(server.pid)
    for pid in suspended:
        os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(task, signal.SIGKILL)
        made.airflow_knows(run_id)
        made.stack.wait_until_healthy()
        time.sleep(10)
    finally:
        for pid in suspended:
            os.kill(pid, signal.SIGCONT)
    made.hears(run_id, "failed", "the server answers again")


def test_a_scheduler_that_dies_with_a_report_unmade_makes_it_when_it_is_back(
    pipeline: Callable[..., Pipeline], stack: AirflowStack, server: OpenMetadataServer
) -> None:
    made = pipeline("server_away", hold=True)
    run_id = made.start()
    task, _ = made.processes()
    server.stop()
    try:
        os.kill(task, signal.SIGKILL)
        made.airflow_knows(run_id)
        kill_scheduler(stack)
    finally:
        server.start()
    made.register()
    stack.start_component("scheduler")
    made.hears(run_id, "failed", "the server and the scheduler are back")
