"""The endings of a run whose workflow is in a child of another interpreter."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest

from sandbox.client import wait_until
from sandbox.stack import AirflowStack
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e
together = pytest.mark.together("endings")


def kill(stack: AirflowStack, dag_id: str) -> None:
    with calling(stack) as client:
        client.kill(dag_id)


@together
def test_a_kill_by_openmetadata(isolated: Any, stack: AirflowStack) -> None:
    made, run_id, _ = isolated("killed")
    kill(stack, made.dag_id)
    made.server_has(run_id, "failed", "A user stopped the run")


@pytest.mark.together("endings", seconds=60)
def test_a_task_that_times_out(isolated: Any) -> None:
    # Within this time, its child has to begin, beside several others.
    made, run_id, _ = isolated("times_out", workflowTimeout=60)
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "longer than allowed")


@together
def test_a_child_that_is_killed(isolated: Any) -> None:
    made, run_id, child = isolated("child_killed")
    os.kill(child, signal.SIGKILL)
    made.airflow_knows(run_id)
    made.server_has(run_id, "failed", "SIGKILL", "out of memory")


@together
@pytest.mark.parametrize("what", ["run", "task"])
def test_what_a_user_marks_as_a_success(isolated: Any, what: str) -> None:
    made, run_id, child = isolated(f"{what}_marked")
    task = psutil.Process(child).parent()
    {"run": made.mark, "task": made.mark_task}[what](run_id, "success")
    wait_until(lambda: (not task.is_running() or None, "it runs"), "the task's process to end", 60)
    made.server_has(run_id, "success")
    assert made.airflow_state(run_id) == "success"


@pytest.mark.together
@pytest.mark.usefixtures("token_in_file")
class TestATokenThatOnlyOpenMetadataIngestionCanRead:
    """So the child has to report, or another one."""

    def test_a_kill_by_openmetadata(self, isolated: Any, stack: AirflowStack) -> None:
        made, run_id, _ = isolated("killed_file")
        kill(stack, made.dag_id)
        made.server_has(run_id, "failed")

    def test_a_task_that_times_out(self, isolated: Any) -> None:
        made, run_id, child = isolated("times_out_file", workflowTimeout=45)
        os.kill(child, signal.SIGSTOP)
        made.airflow_knows(run_id)
        made.server_has(run_id, "failed", "longer than allowed")

    def test_a_child_that_is_killed(self, isolated: Any) -> None:
        made, run_id, child = isolated("child_killed_file")
        os.kill(child, signal.SIGKILL)
        made.airflow_knows(run_id)
        made.server_has(run_id, "failed", "SIGKILL", "out of memory")
