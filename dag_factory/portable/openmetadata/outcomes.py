"""
The outcome of a run: who may report it to the OpenMetadata server, who overrides whom, and with which reason.

Several reporters know something of a run's outcome, and none knows all of it. This is their common rule. A client gets
a run's status, asks here what it becomes, and puts that. The server's status of the run is one of three:

- **open**: nothing, ``queued`` or ``running``;
- **before**: a final state from before this try began (a run that is cleared or retried keeps its id);
- **final**: ``success``, ``partialSuccess``, ``failed`` or ``stopped``, reported since.

=================  ==================================  ======  ======  ==========  =========================
reporter           knows                               open    before  final       reason, from the best down
=================  ==================================  ======  ======  ==========  =========================
``WORKFLOW``       the state that the workflow         sets    sets    stays       none: its steps say it
                   computed, where its own report was
                   lost
``TASK``           what the task failed with, or that  sets    sets    overrides   4
                   Airflow will retry it (``running``)
``USER``           that a user marked the run or its   sets    sets    overrides   3
                   task, or stopped it
``LEFT_BY_TASK``   what the task wrote into Airflow's  sets    sets    stays       4
                   database, as the server was away
``SCHEDULER``      that Airflow ended the run          sets    sets    stays       2
``SEARCH``         the same, found after a restart     sets    sets    stays       2
``KILL_HANDLER``   that the task was asked to end      sets    sets    stays       1
any of them, at    that whatever was reported since    sets    sets    overrides   as the first time
a second look      came from a task that was dying
=================  ==================================  ======  ======  ==========  =========================

Where a state stays or is the same, a failure still gets the better of two reasons; of equal ones, the first stays.
The reason stands in the step ``Airflow`` of the status, beside the workflow's own steps.

`dag_factory.reporting.conclusion` makes a report of what Airflow's database says of a run.

This module runs in the scheduler, in the worker, and in an interpreter that has only openmetadata-ingestion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from types import NoneType
from typing import Any

from dag_factory.portable.plain_text import cut, printable
from dag_factory.portable.secrets.redaction import redact_beginning

FINAL = frozenset({"success", "partialSuccess", "failed", "stopped"})

OUTCOME_XCOM = "openmetadata_outcome"
"""The XCom in which a task that ended by itself leaves its outcome, see `left_by_task`."""

LONGEST_REASON = 4_000
"""In characters."""

STEP = "Airflow"
"""The step of a status that holds the reason."""


STOPPED = "The task was asked to end."
"""The reason of a `Reporter.KILL_HANDLER`."""


class Reporter(Enum):
    """Who reports the outcome of a run; the value names it in the status."""

    WORKFLOW = "Workflow"
    TASK = "Task"
    LEFT_BY_TASK = "Task, reported later"
    USER = "User"
    SCHEDULER = "Airflow"
    SEARCH = "Airflow, after a restart"
    KILL_HANDLER = "Task, while it was stopped"


_MOMENTS = ("startDate", "endDate", "timestamp")

_OVERRIDES = frozenset({Reporter.TASK, Reporter.USER})

_RANKS = {
    Reporter.TASK: 4,
    Reporter.LEFT_BY_TASK: 4,
    Reporter.USER: 3,
    Reporter.SCHEDULER: 2,
    Reporter.SEARCH: 2,
    Reporter.KILL_HANDLER: 1,
    Reporter.WORKFLOW: 0,
}


@dataclass(frozen=True)
class Report:
    """
    What one reporter knows of a run. Times are epoch milliseconds; None where they are unknown.

    :param state: a final state, or ``running`` where Airflow will retry the task
    :param reason: why a run failed
    :param started: when the run began, or began again after it was cleared
    :param ended: when it ended
    :param since: a final state from before this moment belongs to an earlier try
    :param steps: what each step of the workflow has done, where that is known
    :param is_second_look: whether this has been reported before, some seconds ago
    """

    reporter: Reporter
    state: str
    reason: str = ""
    started: int | None = None
    ended: int | None = None
    since: int | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    is_second_look: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report in values that JSON can carry."""
        return {**asdict(self), "reporter": self.reporter.value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Report:
        """Return the report of such values."""
        return cls(**{**values, "reporter": Reporter(values["reporter"])})


def is_final(known: Mapping[str, Any] | None, since: int | None = None) -> bool:
    """Return whether a status of the server holds the final state of a run, reported at ``since`` or later."""
    known = _understood(known)
    if known.get("pipelineState") not in FINAL:
        return False
    reported = known.get("endDate") or known.get("timestamp")
    return since is None or reported is None or reported >= since


def status_after(known: Mapping[str, Any] | None, run_id: str, report: Report, *, now: int) -> dict[str, Any] | None:
    """
    Return the status of a run after a report, None where it stays as it is.

    :param known: the server's status of the run; one of another shape counts as none
    :param run_id: id under which the run reports
    :param now: epoch milliseconds, for a report that does not say when the run ended
    """
    known = _understood(known)
    final = is_final(known, report.since)
    stays = final and not (report.is_second_look or report.reporter in _OVERRIDES)
    state = str(known["pipelineState"]) if stays else report.state
    is_same = final and state == known["pipelineState"]
    if is_same and not (state == report.state == "failed" and _is_better(report, known)):
        return None
    return _status(known, run_id, report, state, report.ended or now, is_same=is_same, final=final)


def clean_reason(reason: str) -> str:
    """Return a reason as it may be shown: bounded, without control characters and without what looks like a secret."""
    return cut(printable(redact_beginning(reason, LONGEST_REASON)).strip(), LONGEST_REASON)


def left_by_task(
    state: str, try_number: int, *, is_reported: bool, reason: str = "", task_failed: bool = False
) -> dict[str, Any]:
    """
    Return what a task leaves in Airflow's database as it ends by itself, in plain values.

    :param is_reported: whether the OpenMetadata server has this already
    :param task_failed: whether the task fails with it, as it does not for a workflow without ``raiseOnError``
    """
    return {
        "state": state,
        "try_number": try_number,
        "reason": clean_reason(reason),
        "is_reported": is_reported,
        "task_failed": task_failed,
    }


def _understood(known: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return a status of the server, an empty one where its state or a moment is of another kind than we know."""
    if not known or not isinstance(known.get("pipelineState"), (str, NoneType)):
        return {}
    moments = (known.get(name) for name in _MOMENTS)
    return known if all(isinstance(moment, (int, float, NoneType)) for moment in moments) else {}


def _status(  # noqa: PLR0913 - by name
    known: Mapping[str, Any], run_id: str, report: Report, state: str, ended: int, *, is_same: bool, final: bool
) -> dict[str, Any]:
    # The steps and dates of an earlier try's final state are dropped.
    is_before = not final and known.get("pipelineState") in FINAL
    kept = {name: value for name, value in known.items() if not (is_before and name in ("status", "startDate"))}
    started = kept.get("startDate") or report.started
    status: dict[str, Any] = {"runId": run_id, "timestamp": started or ended, **kept, "pipelineState": state}
    if started:
        status["startDate"] = started
    if state not in FINAL:
        status.pop("endDate", None)
    elif not is_same or not status.get("endDate"):
        # The clocks of two machines may differ.
        status["endDate"] = max(ended, started or ended)
    status.pop("status", None)
    steps = _steps_after(kept, report, state)
    return {**status, "status": steps} if steps else status


def _steps_after(kept: Mapping[str, Any], report: Report, state: str) -> list[Mapping[str, Any]]:
    """Return the steps that a status is to have: the report's or the known ones, and one of ours with the reason."""
    steps = [*(report.steps or [step for step in _steps(kept) if step.get("name") != STEP])]
    if report.reason and state not in ("success", "partialSuccess"):
        failure = {"name": report.reporter.value, "error": clean_reason(report.reason)}
        steps.append({"name": STEP, "records": 0, "errors": 1, "failures": [failure]})
    return steps


def _is_better(report: Report, known: Mapping[str, Any]) -> bool:
    reporter, reason = _reason(known)
    if not report.reason or not reason:
        return bool(report.reason)
    return _RANKS[report.reporter] > _RANKS.get(reporter or Reporter.WORKFLOW, 0)


def _reason(known: Mapping[str, Any] | None) -> tuple[Reporter | None, str]:
    for step in _steps(known or {}):
        failures = step.get("failures") if step.get("name") == STEP else None
        for failure in failures if isinstance(failures, list) else []:
            if isinstance(failure, Mapping):
                named = next((each for each in Reporter if each.value == failure.get("name")), None)
                return named, str(failure.get("error") or "")
    return None, ""


def _steps(known: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    # Other versions of the server may hold something else there.
    steps = known.get("status")
    return [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
