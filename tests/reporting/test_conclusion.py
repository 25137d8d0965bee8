"""What Airflow's database says of a run, and what that means."""

from __future__ import annotations

import pytest

from dag_factory.portable.openmetadata.outcomes import Report, Reporter, left_by_task
from dag_factory.reporting.conclusion import (
    NEVER_STARTED,
    NO_HEARTBEAT,
    NO_TASK,
    PROCESS_ENDED,
    TRY_BEGAN,
    UNKNOWN,
    USER_FAILED,
    Evidence,
    concluded,
    is_mailed,
)

AIRFLOW, SEARCH, USER, LEFT = Reporter.SCHEDULER, Reporter.SEARCH, Reporter.USER, Reporter.LEFT_BY_TASK
BEGAN = frozenset({TRY_BEGAN})
ENDED = BEGAN | {PROCESS_ENDED}


def left(state: str, reason: str = "", *, reported: bool = False, failed: bool = False) -> dict[str, object]:
    return left_by_task(state, 1, reason=reason, is_reported=reported, task_failed=failed)


# Who reports what, what Airflow's database has; then who it really is, the state, words of the reason, the mail.
TABLE = {
    "a user's success": (USER, "success", "manually", Evidence("success"), (USER, "success", "", False)),
    "a user's failure": (USER, "failed", "manually", Evidence("failed"), (USER, "failed", "A user stopped", False)),
    "a user against the task": (
        USER, "failed", "manually", Evidence("success", left("success", reported=True)),
        (USER, "failed", "A user stopped", False),
    ),
    "reported": (AIRFLOW, "success", "success", Evidence("success", left("success", reported=True)), None),
    "reported, failed": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", left("failed", "why", reported=True, failed=True)), None,
    ),
    "left": (
        AIRFLOW, "success", "success", Evidence("success", left("partialSuccess")), (LEFT, "partialSuccess", "", False),
    ),
    "left, without raiseOnError": (
        AIRFLOW, "success", "success", Evidence("success", left("failed")), (LEFT, "failed", "", False),
    ),
    "left, failed": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", left("failed", "refused", failed=True)),
        (LEFT, "failed", "refused", False),
    ),
    "left, found later": (
        SEARCH, "failed", "", Evidence("failed", left("failed", "refused", failed=True)),
        (LEFT, "failed", "refused", False),
    ),
    "left elsewhere": (AIRFLOW, "success", "success", Evidence("success", {}), (LEFT, "success", "", False)),
    "the task marked since": (
        AIRFLOW, "success", "success", Evidence("success", left("failed", "x", reported=True, failed=True)),
        (USER, "success", "", False),
    ),
    "the task marked as a success": (AIRFLOW, "success", "success", Evidence("success"), (USER, "success", "", False)),
    "no task": (AIRFLOW, "success", "success", Evidence(None), (AIRFLOW, "failed", NO_TASK, False)),
    "a skipped task": (AIRFLOW, "success", "success", Evidence("skipped"), (AIRFLOW, "failed", NO_TASK, False)),
    "a removed task": (AIRFLOW, "success", "success", Evidence("removed"), (AIRFLOW, "failed", NO_TASK, False)),
    "killed": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, ENDED, 9),
        (AIRFLOW, "failed", "killed (signal 9), maybe by the system for lack of memory", True),
    ),
    "killed, found later": (
        SEARCH, "failed", "", Evidence("failed", None, ENDED, 9), (SEARCH, "failed", "killed (signal 9)", True),
    ),
    "crashed": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, ENDED, 11),
        (AIRFLOW, "failed", "killed (signal 11).", True),
    ),
    "ended": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, ENDED),
        (AIRFLOW, "failed", "process ended without a report", True),
    ),
    "no heartbeat": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, BEGAN | {NO_HEARTBEAT}),
        (AIRFLOW, "failed", "worker went away", True),
    ),
    "never started": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, frozenset({NEVER_STARTED})),
        (AIRFLOW, "failed", "never started", True),
    ),
    "the task marked as failed": (
        AIRFLOW, "failed", "task_failure", Evidence("failed", None, BEGAN), (USER, "failed", USER_FAILED, False),
    ),
    "an Airflow without an audit log": (
        AIRFLOW, "failed", "task_failure", Evidence("failed"), (AIRFLOW, "failed", "without a report", True),
    ),
    "timed out": (
        AIRFLOW, "failed", "timed_out", Evidence("skipped", None, BEGAN), (AIRFLOW, "failed", "dagrun_timeout", True),
    ),
    "a message that is new": (
        AIRFLOW, "failed", "moon_phase", Evidence("skipped"), (AIRFLOW, "failed", "(moon_phase)", True),
    ),
    "found later, and nothing known": (SEARCH, "failed", "", Evidence("skipped"), (SEARCH, "failed", UNKNOWN, False)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(TABLE))
def test_what_a_run_that_ended_means(name: str) -> None:
    reporter, state, message, evidence, then = TABLE[name]
    report = concluded(Report(reporter, state, message, started=1, ended=2), evidence)
    if then is None:
        assert report is None
        return
    assert report is not None
    assert (report.reporter, report.state) == then[:2]
    assert then[2] in report.reason if then[2] else report.reason == ""
    assert is_mailed(report) is then[3]
    assert (report.started, report.ended) == (1, 2)


@pytest.mark.parametrize("task_state", [None, "skipped", "removed", "failed", "upstream_failed", "running"])
def test_airflow_s_success_is_none_without_a_task_that_succeeded(task_state: str | None) -> None:
    for reporter in (Reporter.SCHEDULER, Reporter.SEARCH):
        report = concluded(Report(reporter, "success", "success"), Evidence(task_state))
        assert report is not None
        assert report.state == "failed"
