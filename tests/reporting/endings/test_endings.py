"""Whatever ends a run, the OpenMetadata server has its outcome and the reason: each ending provoked for real."""

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
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK
from tests.e2e.servers import calling
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.together("endings")]

CANARY = "canary-5d30f1-password"


def test_a_run_that_ends_well_is_a_success_and_its_task_leads_to_openmetadata(
    pipeline: Any, server: OpenMetadataServer
) -> None:
    made = pipeline("well")
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.server_has(run_id, "success")
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
    counts = "0 records, 0 warnings, 0 errors"
    assert note == f"{counts}. Config well.json, version 0.3, digest {version['digest']}"


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
    made.server_has(run_id, state)
    wait_until(lambda: (made.stack.api("GET", run_path(made.dag_id, run_id))["note"], "no note"), "the listener", 30)
    time.sleep(1)
    assert made.state(run_id) == state


@pytest.mark.parametrize("then", ["exit", "interrupt", "unbuilt"])
def test_a_workflow_that_quotes_a_secret_when_it_is_left(pipeline: Any, stack: AirflowStack, then: str) -> None:
    made = pipeline(then, then=then, options={"password": CANARY}, fields={"enableStreamableLogs": True})
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "***")
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
    # The executor prints a copy of the log. What the process prints at its very end may come after the run's end.
    printed = stack.home / "logs" / "scheduler.log"
    wait_for(lambda: "<last>" in stack.task_log(made.dag_id, run_id, TASK) and "<last>" in printed.read_text())
    for log in (stack.task_log(made.dag_id, run_id, TASK), printed.read_text()):
        for mark in ("str", "repr", "dumps", "error quote_plus", "warning", "traceback", "last"):
            assert re.search(rf"<{mark}>.{{0,4}}\*\*\*", log), mark
        assert "canary 7d0f" not in log
        assert "canary+7d0f" not in log


def test_a_workflow_that_raises(pipeline: Any) -> None:
    made = pipeline("raises", then="raise")
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "as the test wants")


NOWHERE = {"sourcePythonClass": "metadata.nowhere.Application", "appConfig": {}}
APPLICATION = {"pipelineType": "application", "sourceConfig": {"config": {"type": "Application", **NOWHERE}}}
UNKNOWN_FIELD = {"sourceConfig": {"config": {"type": "DatabaseMetadata", "shinyField": 1}}}
UNKNOWN_SERVICE = {"service": {"type": "databaseService", "name": "there_is_none"}}


@pytest.mark.parametrize("where", ["here", "isolated"])
@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("refused", {}, ["ConnectionRefusedError", "Connection refused"]),
        ("service", UNKNOWN_SERVICE, ["has no databaseService 'there_is_none'"]),
        ("field", UNKNOWN_FIELD, ["shinyField"]),
        ("class", APPLICATION, ["metadata.nowhere"]),
        ("errors", {"raiseOnError": True}, ["as the test wants", "reported errors"]),
    ],
)
def test_the_reason_of_a_failure_arrives(
    pipeline: Any, isolated_python: str, where: str, name: str, fields: dict[str, Any], words: list[str]
) -> None:
    runner = {"dagFactory": {"runner": {"python": isolated_python}}} if where == "isolated" else {}
    then = {"refused": "refuse", "errors": "fail"}.get(name, "end")
    made = pipeline(f"reason_{name}_{where}", then=then, fields={**fields, **runner})
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", *words)
    note = wait_until(lambda: (made.stack.api("GET", run_path(made.dag_id, run_id))["note"], ""), "a note", 30)
    assert note.partition("The task failed: ")[2]
    if name == "errors":
        assert re.match(r"\d+ records?, 0 warnings, 1 error\. Config reason_errors_", note)


def test_a_run_that_is_cleared_and_runs_again_has_the_reason_of_the_last_time(pipeline: Any) -> None:
    made = pipeline("cleared_failure", then="refuse")
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "Connection refused")
    made.options["then"] = "raise"
    made.register()
    made.clear(run_id)
    made.server_has(run_id, "failed", "as the test wants")
    assert "Connection refused" not in json.dumps(made.record(run_id))


def test_a_failure_that_is_retried_is_not_final_until_airflow_has_given_up(pipeline: Any) -> None:
    made = pipeline("retried", then="raise", retries=1, retryDelay=1, hold=2)
    run_id = made.start()
    made.processes(2)
    made.server_had(run_id, "running", "Try 1 of 2 failed", "as the test wants")
    made.server_has(run_id, "running")
    assert made.airflow_state(run_id) == "running"
    made.held.unlink()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "as the test wants")
    assert "Try 1 of 2" not in json.dumps(made.record(run_id))


def test_a_retry_that_succeeds_leaves_no_reason(pipeline: Any) -> None:
    made = pipeline("retried_well", then="refuse", options={"later": "end"}, retries=1, retryDelay=1)
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.server_had(run_id, "running", "Try 1 of 2 failed", "Connection refused")
    made.server_has(run_id, "success")
    assert "Connection refused" not in json.dumps(made.record(run_id))


def test_a_task_that_fails_before_its_workflow_begins(pipeline: Any, store: Path) -> None:
    made = pipeline("unbegun")
    document = json.loads((store / "unbegun.json").read_text())
    (store / "unbegun.json").write_text(json.dumps({**document, "description": {"$env": "OPENMETADATA_NOWHERE"}}))
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "description", "OPENMETADATA_NOWHERE")
    assert f"Reported run {run_id} to OpenMetadata, which has it as failed" in made.stack.task_log(
        made.dag_id, run_id, TASK
    )


def test_a_run_that_is_tried_again_goes_on(pipeline: Any) -> None:
    made = pipeline("again", hold=True, retries=1, retryDelay=1)
    run_id = made.start()
    task, _ = made.processes()
    os.kill(task, signal.SIGKILL)
    made.processes(2)
    made.server_has(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.server_has(run_id, "success")


def test_a_task_that_times_out(pipeline: Any) -> None:
    made = pipeline("times_out", hold=True, workflowTimeout=20)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "longer than allowed", "workflowTimeout")


def test_a_run_that_times_out_as_a_whole(pipeline: Any) -> None:
    made = pipeline("hurried", hold=True)
    run_id = made.start()
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "dagrun_timeout")


def test_a_kill_by_openmetadata(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("killed", hold=True)
    run_id = made.start()
    made.processes()
    made.server_has(run_id, "running")
    with calling(stack) as client:
        client.kill("killed")
    made.server_has(run_id, "failed", "A user stopped the run")


def test_a_workflow_that_reports_a_success_while_it_is_killed(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("dying", hold=True)
    run_id = made.start()
    made.processes()
    made.server_has(run_id, "running")
    made.mark(run_id, "failed")
    made.server_has(run_id, "failed")
    made.held.unlink()
    made.server_had(run_id, "success")
    made.server_has(run_id, "failed")


def test_a_run_that_never_began_and_is_killed(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("waits", pausePipeline=True)
    run_id = made.start()
    with calling(stack) as client:
        client.kill("waits")
    made.server_has(run_id, "failed", "A user stopped the run")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_task_that_a_user_marks(pipeline: Any, stack: AirflowStack, state: str) -> None:
    made = pipeline(f"task_marked_{state}", hold=True)
    run_id = made.start()
    made.processes()
    made.server_has(run_id, "running")
    made.mark_task(run_id, state)
    # The task that is stopped for it may be the first to report, with a poorer reason.
    made.server_has(run_id, state, *(["A user stopped the run"] if state == "failed" else []))


def test_a_run_that_a_user_marks_as_a_success(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("run_marked", hold=True)
    run_id = made.start()
    made.processes()
    made.server_has(run_id, "running")
    made.mark(run_id, "success")
    made.server_has(run_id, "success")


def test_a_task_that_a_user_clears_runs_again(pipeline: Any, stack: AirflowStack) -> None:
    # Airflow waits for the retry interval where the stopped task reports before its executor does.
    made = pipeline("cleared", hold=True, retryDelay=1)
    run_id = made.start()
    made.processes()
    made.server_has(run_id, "running")
    made.clear(run_id)
    made.server_had(run_id, "failed")
    made.processes(2)
    made.server_has(run_id, "running")
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.server_has(run_id, "success")


def test_a_run_that_succeeded_and_fails_after_a_user_has_cleared_it(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("cleared_success")
    run_id = made.start()
    made.airflow_knows(run_id, "success")
    made.server_has(run_id, "success")
    stack.api("PATCH", f"/api/v2/dags/{made.dag_id}", json={"is_paused": True})
    made.clear(run_id)
    made.mark(run_id, "failed")
    made.server_has(run_id, "failed", "A user stopped the run")


def test_a_task_whose_worker_is_killed(pipeline: Any) -> None:
    made = pipeline("worker_killed", hold=True)
    run_id = made.start()
    task, worker = made.processes()
    os.kill(worker, signal.SIGKILL)
    os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "The task")
