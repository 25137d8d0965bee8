"""Makes the scheduler's report of what Airflow's database says of a run that has ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dag_factory.portable.openmetadata.outcomes import FINAL, Report, Reporter

# Events of a try in Airflow's audit log, from the scheduler and the API.
PROCESS_ENDED = "failed"
NO_HEARTBEAT = "heartbeat timeout"
NEVER_STARTED = "stuck in queued tries exceeded"
TRY_BEGAN = "running"

_SEE_LOG = "The log of the task may show more."
_EVENTS = {
    NO_HEARTBEAT: "The task's worker went away: Airflow received no heartbeat from it for longer than [scheduler] "
    f"task_instance_heartbeat_timeout. {_SEE_LOG}",
    NEVER_STARTED: "The task was never started: it waited in the executor's queue for longer than [scheduler] "
    "task_queued_timeout. Are there workers for its queue?",
    PROCESS_ENDED: f"The task's process ended without a report. {_SEE_LOG}",
}
_MESSAGES = {
    "task_failure": f"The task failed without a report: its process ended, or a user marked it. {_SEE_LOG}",
    "timed_out": "The run took longer than its DAG's dagrun_timeout, so Airflow ended it.",
    "all_tasks_deadlocked": "Airflow could not run the task, so it ended the run.",
}
UNKNOWN = "Airflow ended the run."
NO_TASK = "The run ended without its task, so nothing was ingested. Trigger the pipeline again."
USER_FAILED = "A user stopped the run: from OpenMetadata, or by marking it as failed in Airflow."


@dataclass(frozen=True)
class Evidence:
    """
    What Airflow's database holds of the last try of a run's task.

    :param task_state: state of the task instance, None where the run has none
    :param left: what the task left there (`dag_factory.portable.openmetadata.outcomes.left_by_task`), None for nothing
    :param events: the try's events in Airflow's audit log
    :param signal_number: the signal that killed the task's process, where known
    """

    task_state: str | None
    left: Mapping[str, Any] | None = None
    events: frozenset[str] = frozenset()
    signal_number: int | None = None


def concluded(report: Report, evidence: Evidence) -> Report | None:
    """
    Return what is known of a run that ended in Airflow, None where its task has reported its outcome already.

    A run succeeded only if its task instance did: in Airflow, a run without a task is a success too.

    ===========================================  =========================================================
    Airflow says                                 then it is
    ===========================================  =========================================================
    a user marked the run                        the user's report
    the task left its outcome, and reported it   nothing to report
    the task left its outcome                    that, with the task's reason
    the task left a failure, and succeeded       the user's report, who marked the task since
    success, the task left nothing, and          the user's report, who marked the task: the task itself
    succeeded                                    would have left its outcome
    success, and no task succeeded               ``failed``: nothing was ingested
    failed, and the log has how the try ended    ``failed``, with what is known of the process or its worker
    failed, and the log has only its beginning   the user's report, who marked the task
    failed otherwise                             ``failed``, with Airflow's message in words
    ===========================================  =========================================================

    :param report: the scheduler's, a user's or the search's; its reason is Airflow's message
    """
    if report.reporter is Reporter.USER:
        return _by_user(report)
    if evidence.left is not None:
        return _left(report, evidence.left, evidence.task_state)
    if report.state == "success":
        return _by_user(report) if evidence.task_state == "success" else replace(report, state="failed", reason=NO_TASK)
    ended = next((reason for event, reason in _EVENTS.items() if event in evidence.events), None)
    if ended is not None:
        return replace(report, reason=_killed(evidence.signal_number) if evidence.signal_number else ended)
    if evidence.task_state == "failed" and TRY_BEGAN in evidence.events:
        return _by_user(report)
    given = f"Airflow ended the run ({report.reason})." if report.reason else UNKNOWN
    return replace(report, reason=_MESSAGES.get(report.reason, given))


def is_mailed(report: Report) -> bool:
    """
    Return whether the scheduler mails a `concluded` report.

    It mails a failure that only Airflow noticed, in a task, with a known cause.
    """
    by_airflow = report.reporter in (Reporter.SCHEDULER, Reporter.SEARCH)
    # With `NO_TASK` there is no failed task to mail about, and a failure that is `UNKNOWN` may have been a user's.
    return by_airflow and report.state == "failed" and report.reason not in (NO_TASK, UNKNOWN)


def _by_user(report: Report) -> Report:
    return replace(report, reporter=Reporter.USER, reason=USER_FAILED if report.state == "failed" else "")


def _left(report: Report, left: Mapping[str, Any], task_state: str | None) -> Report | None:
    if left.get("task_failed") is True and task_state == "success":
        return _by_user(report)
    if left.get("is_reported") is True:
        return None
    # With an XCom backend, the value is elsewhere, and only its existence is known.
    state = str(left["state"]) if left.get("state") in FINAL else report.state
    return replace(report, reporter=Reporter.LEFT_BY_TASK, state=state, reason=str(left.get("reason") or ""))


def _killed(number: int) -> str:
    text = f"The task's process was killed (signal {number})"
    if number == signal.SIGKILL:
        text += (
            ", maybe by the system for lack of memory. Give the worker more memory, or let the pipeline ingest less "
            "at once"
        )
    return f"{text}."
