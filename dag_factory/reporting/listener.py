"""
Airflow's listener for runs that end, in the scheduler and in the API server.

The task reports to OpenMetadata itself. This is for runs whose task can't: its process was killed, its DAG run timed
out, or a user stopped it before it started. It also writes each run's note, which a task can't.

Every process of Airflow imports this module, so its own imports are late. A hook runs within Airflow's own work, so it
only puts a run on a queue.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from dag_factory.settings.components import is_start_of

if TYPE_CHECKING:
    from airflow.models import DagRun

    from dag_factory.reporting.ended_runs import EndedRun
    from dag_factory.reporting.report_queue import Reports

log = logging.getLogger(__name__)

OPERATOR_MODULE = "dag_factory.task.operator"

# How often the scheduler looks for reports that a process had not made when it ended.
SEARCH_SECONDS = 600.0
FIRST_SEARCH_SECONDS = 10.0
SEARCHED = timedelta(hours=1)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Queue a failed run, for its note and its report: called by the scheduler, and by the API server for a user."""
    _ended(dag_run, "failed", msg)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Queue a successful run: its note is written, and it is reported if a user marked it or its task could not."""
    _ended(dag_run, "success", msg)


@hookimpl
def on_starting(component: object) -> None:
    """Look now and then for runs that an earlier scheduler, or the API server, had no time to report."""
    if is_start_of("scheduler", component):
        reports()  # imported now: LocalExecutor forks later, and no thread may be importing then
        threading.Thread(target=_search, name="openmetadata-search", daemon=True).start()


def _ended(dag_run: DagRun, state: str, message: str) -> None:
    try:
        if _is_ours(dag_run):
            from dag_factory.reporting.ended_runs import ended_run

            reports().add(ended_run(dag_run, state, message))
    except Exception:
        log.exception("The outcome of a run of DAG '%s' can't be reported to OpenMetadata", dag_run.dag_id)


def _is_ours(dag_run: DagRun) -> bool:
    dag = getattr(dag_run, "dag", None)
    if dag is None:  # from the API server of Airflow 3.1
        from dag_factory.reporting.evidence import OPERATORS

        return any(task_instance.operator in OPERATORS for task_instance in dag_run.task_instances)
    return any(getattr(task, "_task_module", None) == OPERATOR_MODULE for task in dag.tasks)


@cache
def reports() -> Reports[EndedRun]:
    """Return the queue of this process."""
    from dag_factory.reporting import metrics
    from dag_factory.reporting.ended_runs import EndedRun, report_end, still_ended
    from dag_factory.reporting.evidence import find_evidence
    from dag_factory.reporting.report_queue import Reports
    from dag_factory.reporting.run_note import write_note

    def note_and_report(run: EndedRun, failures: int) -> tuple[float, EndedRun] | None:
        if run.report.is_second_look:
            return report_end(run, None, failures)
        try:
            write_note(run.dag_id, run.run_id)
        except Exception as error:  # noqa: BLE001 - the report is more than a note
            log.warning("%s: its note can't be written: %s", run, type(error).__name__)
        return report_end(run, find_evidence(run.dag_id, run.run_id), failures)

    def note_waiting(count: int) -> None:
        metrics.send([metrics.REPORTS_WAITING.of(count, process=process)])

    process = "scheduler" if "scheduler" in sys.argv else "api_server"
    return Reports[EndedRun](note_and_report, still_ended, lambda run: (run.dag_id, run.run_id), on_change=note_waiting)


def _search() -> None:
    from dag_factory.reporting.ended_runs import failed_lately

    pause = FIRST_SEARCH_SECONDS
    known: set[EndedRun] = set()
    while True:
        time.sleep(pause)
        try:
            known = queue_found(set(failed_lately(SEARCHED)), known, reports())
        except Exception as error:  # noqa: BLE001 - the database may be away; the scheduler says so itself
            log.warning("Runs that failed lately can't be looked up: %s", type(error).__name__)
        pause = SEARCH_SECONDS


def queue_found(found: set[EndedRun], known: set[EndedRun], queue: Reports[EndedRun]) -> set[EndedRun]:
    """
    Queue the runs that a search has found, and return those that the next search need not queue.

    :param known: what the last search has returned
    """
    taken = found & known
    for run in found - known:
        if not queue.add(run, unless_waiting=True):
            break  # full, which is logged once; the next search finds the others again
        taken.add(run)
    return taken
