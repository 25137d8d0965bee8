"""Endings of a run while the OpenMetadata server or Airflow's scheduler is away, or while a mail server listens."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from sandbox.leash import descendants
from sandbox.mailbox import Mailbox
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e

KILLED = ("The task's process was killed (signal 9)", "lack of memory")


def kill_scheduler(stack: AirflowStack) -> None:
    for pid in descendants(stack.processes["scheduler"].pid):
        os.kill(pid, signal.SIGKILL)
    stack.stop_component("scheduler")


@pytest.mark.parametrize("retries", [0, 1])
def test_a_task_whose_process_is_killed(pipeline: Any, mailbox: Mailbox, retries: int) -> None:
    made = pipeline(f"process_killed_{retries}", hold=True, retries=retries, retryDelay=1, email="team@example.com")
    run_id = made.start()
    for number in range(1, retries + 2):
        task, _ = made.processes(number)
        made.server_has(run_id, "running")
        os.kill(task, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", *KILLED)
    assert mailbox.received.wait(30)
    assert mailbox.recipients == ["team@example.com"]
    assert "killed (signal 9), maybe by the system for lack of memory" in mailbox.text
    assert f"process_killed_{retries}" in str(mailbox.mails[0]["Subject"])


def test_a_run_that_fails_while_the_server_is_away_has_its_task_s_reason_when_it_is_back(
    pipeline: Any, server: OpenMetadataServer
) -> None:
    made = pipeline("away_at_the_end", then="refuse", hold=True)
    run_id = made.start()
    made.processes()
    suspended = descendants(server.pid)
    for pid in suspended:
        os.kill(pid, signal.SIGSTOP)
    try:
        made.held.unlink()
        made.airflow_knows(run_id, timeout=180)
    finally:
        for pid in suspended:
            os.kill(pid, signal.SIGCONT)
    made.server_has(run_id, "failed", "ConnectionRefusedError", "Connection refused")
    assert made.record(run_id)["status"][-1]["failures"][0]["name"] == "Task, reported later"


def test_a_run_whose_scheduler_is_killed_with_all_below_it_runs_again(pipeline: Any, stack: AirflowStack) -> None:
    made = pipeline("scheduler_killed", hold=True)
    run_id = made.start()
    made.processes()
    kill_scheduler(stack)
    stack.start_component("scheduler")
    made.processes(2)
    made.held.unlink()
    made.airflow_knows(run_id, "success")
    made.server_has(run_id, "success")


def test_a_run_that_ends_while_the_server_does_not_answer(pipeline: Any, server: OpenMetadataServer) -> None:
    made = pipeline("silence", hold=True)
    run_id = made.start()
    task, _ = made.processes()
    made.server_has(run_id, "running")
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
    made.server_has(run_id, "failed", *KILLED)


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
    made.server_has(run_id, "failed", *KILLED)
