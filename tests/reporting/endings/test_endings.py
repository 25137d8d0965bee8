"""Whatever ends a run, the OpenMetadata server hears of it: each ending provoked for real."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import run_path, wait_until
from sandbox.leash import descendants
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e

TASK = "ingestion_task"
CANARY = "canary-5d30f1-password"


def kill_scheduler(stack: AirflowStack) -> None:
    for pid in descendants(stack.processes["scheduler"].pid):
        os.kill(pid, signal.SIGKILL)
    stack.stop_component("scheduler")


def test_a_run_that_ends_well_is_a_success_and_its_task_leads_to_openmetadata(
    pipeline: Any, server: OpenMetadataServer
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
    pipeline: Any, stack: AirflowStack, level: str
) -> None:
    made = pipeline(f"logs_{level}", fields={"loggerLevel": level})
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    log = stack.task_log(made.dag_id, run_id, TASK)
    assert ("StatusSource'> configured" in log) == (level == "DEBUG")
    assert ("Workflow Success %" in log) == (level == "DEBUG")
    assert "Running config" in log
    assert "Source: 0 records" in log


@pytest.mark.parametrize(("then", "state"), [("partly", "partialSuccess"), ("fail", "failed")])
@pytest.mark.parametrize("lost", [False, True], ids=["reported", "lost"])
def test_a_workflow_that_succeeds_in_part_or_not_in_a_task_that_does(
    pipeline: Any, then: str, state: str, lost: bool
) -> None:
    options = {"lost": "yes"} if lost else {}
    made = pipeline(f"{then}_{lost}", then=then, options=options, fields={"raiseOnError": False})
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, state, f"the workflow ended so{', and its report was lost' if lost else ''}")
    wait_until(lambda: (made.stack.api("GET", run_path(made.dag_id, run_id))["note"], "no note"), "the listener", 30)
    time.sleep(1)
    assert made.state(run_id) == state


@pytest.mark.parametrize("then", ["exit", "interrupt", "unbuilt"])
def test_a_workflow_that_quotes_a_secret_when_it_is_left(pipeline: Any, stack: AirflowStack, then: str) -> None:
    made = pipeline(then, then=then, options={"password": CANARY}, fields={"enableStreamableLogs": True})
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", f"the workflow was left: {then}")
    (log,) = (path.read_text() for path in (stack.home / "logs").rglob("attempt=1.log") if run_id in str(path))
    assert f"{'not built' if then == 'unbuilt' else 'as the test wants'}, ***" in log
    assert CANARY not in log
    assert CANARY not in (stack.home / "logs" / "scheduler.log").read_text()


def test_a_workflow_that_can_t_be_built_says_why_in_the_log_of_the_server_too(
    pipeline: Any, server: OpenMetadataServer
) -> None:
    made = pipeline("unbuilt_and_streamed", then="unbuilt", fields={"enableStreamableLogs": True})
    run_id = made.start()
    made.airflow_knows(run_id)
    log = server.get(f"/api/v1/services/ingestionPipelines/logs/{made.fqn}/{run_id}")["logs"]
    assert "Traceback (most recent call last)" in log
    assert "not built" in log
    closed = f"/api/v1/services/ingestionPipelines/logs/{made.fqn}/{run_id}/close"
    assert closed in [request["path"] for request in server.get("/sandbox/requests")["requests"]]


def test_what_ingestion_code_prints_shows_no_password_of_the_service(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("prints", then="print", options={"password": 'canary 7d0f/+"ö"'})
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    # The executor has printed a copy of the log.
    for log in (stack.task_log(made.dag_id, run_id, TASK), (stack.home / "logs" / "scheduler.log").read_text()):
        for mark in ("str", "repr", "dumps", "error quote_plus", "warning", "traceback", "last"):
            assert re.search(rf"<{mark}>.{{0,4}}\*\*\*", log), mark
        assert "canary 7d0f" not in log
        assert "canary+7d0f" not in log


def test_a_workflow_that_raises(pipeline: Any) -> None:
    made = pipeline("raises", then="raise")
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the workflow raised")


def test_a_task_that_fails_before_its_workflow_begins(pipeline: Any, store: Path) -> None:
    made = pipeline("unbegun")
    document = json.loads((store / "unbegun.json").read_text())
    (store / "unbegun.json").write_text(json.dumps({**document, "sourceConfig": {"$env": "OPENMETADATA_NOWHERE"}}))
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the task failed before its workflow began")
    assert f"OpenMetadata has run {run_id} as failed" in made.stack.task_log(made.dag_id, run_id, TASK)


def test_a_run_that_is_tried_again_goes_on(pipeline: Any) -> None:
    made = pipeline("again", hold=True, retries=1, retryDelay=1)
    run_id = made.start()
    task, _ = made.processes()
    os.kill(task, signal.SIGKILL)
    made.processes(2)
    made.hears(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "the second try ended well")


def test_a_task_that_times_out(pipeline: Any) -> None:
    made = pipeline("times_out", hold=True, workflowTimeout=20)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the task timed out")


def test_a_run_that_times_out_as_a_whole(pipeline: Any) -> None:
    made = pipeline("hurried", hold=True)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "the DAG run timed out")


def test_a_kill_by_openmetadata(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("killed", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    with PipelineServiceClient(stack.url, stack.username, stack.password) as client:
        client.kill("killed")
    made.hears(run_id, "failed", "/kill")


def test_a_workflow_that_reports_a_success_while_it_is_killed(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("dying", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    made.mark(run_id, "failed")
    made.hears(run_id, "failed", "the run was marked as failed")
    made.held.unlink()
    made.hears(run_id, "success")
    made.hears(run_id, "failed", "it had reported a success since")


def test_a_run_that_never_began_and_is_killed(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("waits", pausePipeline=True)
    run_id = made.start()
    with PipelineServiceClient(stack.url, stack.username, stack.password) as client:
        client.kill("waits")
    made.hears(run_id, "failed", "/kill of a run that was queued")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_task_that_a_user_marks(pipeline: Any, stack: AirflowStack, state: str) -> None:
    made = pipeline(f"task_marked_{state}", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    made.mark_task(run_id, state)
    # The task that is killed for it may be the first to say how it ended.
    made.hears(run_id, state, f"the task was marked as {state}")


def test_a_run_that_a_user_marks_as_a_success(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("run_marked", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    made.mark(run_id, "success")
    made.hears(run_id, "success", "the run was marked as a success")


def test_a_task_that_a_user_clears_runs_again(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("cleared", hold=True)
    run_id = made.start()
    made.processes()
    made.hears(run_id, "running")
    made.clear(run_id)
    made.hears(run_id, "failed", "the task was cleared")
    made.processes(2)
    made.hears(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "the cleared task ran again")


def test_a_run_that_succeeded_and_fails_after_a_user_has_cleared_it(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("cleared_success")
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success")
    stack.api("PATCH", f"/api/v2/dags/{made.dag_id}", json={"is_paused": True})
    made.clear(run_id)
    made.mark(run_id, "failed")
    made.hears(run_id, "failed", "the run was cleared, and marked as failed before it ran again")


def test_a_task_whose_process_is_killed(pipeline: Any) -> None:
    made = pipeline("process_killed", hold=True)
    run_id = made.start()
    task, _ = made.processes()
    os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "SIGKILL of the task's process")


def test_a_task_whose_worker_is_killed(pipeline: Any) -> None:
    made = pipeline("worker_killed", hold=True)
    run_id = made.start()
    task, worker = made.processes()
    os.kill(worker, signal.SIGKILL)
    os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.hears(run_id, "failed", "SIGKILL of the worker")


def test_a_run_whose_scheduler_is_killed_with_all_below_it_runs_again(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("scheduler_killed", hold=True)
    run_id = made.start()
    made.processes()
    kill_scheduler(stack)
    stack.start_component("scheduler")
    made.processes(2)
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.hears(run_id, "success", "SIGKILL of the scheduler, after which Airflow runs the task again")


def test_a_run_that_ends_while_the_server_does_not_answer(pipeline: Any, server: OpenMetadataServer) -> None:
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
    pipeline: Any, stack: AirflowStack, server: OpenMetadataServer
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
