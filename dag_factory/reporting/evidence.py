"""Reads from Airflow's database what it holds of a run that has ended, for the scheduler and the API server."""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dag_factory.errors import StatusError
from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM
from dag_factory.reporting.conclusion import NEVER_STARTED, NO_HEARTBEAT, PROCESS_ENDED, TRY_BEGAN, Evidence

if TYPE_CHECKING:
    from airflow.models import TaskInstance
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

OPERATORS = ("IngestionOperator", "ConfigErrorOperator")

_EVENTS = (PROCESS_ENDED, NO_HEARTBEAT, NEVER_STARTED, TRY_BEGAN)
# In the last lines of a log, Airflow names the signal that killed the process.
_LINES = 50


def find_evidence(dag_id: str, run_id: str) -> Evidence:
    """
    Return what Airflow's database holds of the last try of a run's task.

    This takes two queries, three if the task left nothing, and two more and the log if its process was killed.

    :raises StatusError: where the database does not answer
    """
    with database() as session:
        task = session.scalars(_query(dag_id, run_id)).first()
        if task is None:
            return Evidence(None)
        evidence = Evidence(task.state, _left(session, task))
        if evidence.left is not None:
            return evidence
        evidence = replace(evidence, events=_events(session, task))
    return replace(evidence, signal_number=_signal(dag_id, run_id)) if PROCESS_ENDED in evidence.events else evidence


@contextmanager
def database() -> Iterator[Session]:
    """
    Open a session of Airflow's database, on which a report depends.

    :raises StatusError: where the database does not answer, which may pass
    """
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            yield session
    except SQLAlchemyError:
        raise StatusError("Airflow's database does not answer", passing=True) from None


def _query(dag_id: str, run_id: str) -> Select[tuple[TaskInstance]]:
    from airflow.models import TaskInstance
    from sqlalchemy import select

    return (
        select(TaskInstance)
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.operator.in_(OPERATORS))
        .limit(1)
    )


def _left(session: Session, task: TaskInstance) -> dict[str, Any] | None:
    """Return what a task left of its last try, None where it left nothing."""
    if task.state not in ("success", "failed"):
        return None  # the task was cleared since
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    query = select(XComModel).where(
        XComModel.dag_id == task.dag_id,
        XComModel.run_id == task.run_id,
        XComModel.task_id == task.task_id,
        XComModel.key == OUTCOME_XCOM,
    )
    found = session.scalars(query).first()
    if found is None:
        return None
    left = XComModel.deserialize_value(found)
    if not isinstance(left, dict):
        return {}  # an XCom backend has the value elsewhere
    return left if left.get("try_number") == task.try_number else None


def _events(session: Session, task: TaskInstance) -> frozenset[str]:
    """Return the events of a task's last try in Airflow's audit log."""
    from airflow.models import Log
    from sqlalchemy import select

    query = select(Log.event).where(
        Log.dag_id == task.dag_id,
        Log.task_id == task.task_id,
        Log.run_id == task.run_id,
        Log.try_number == task.try_number,
        Log.event.in_(_EVENTS),
    )
    return frozenset(session.scalars(query))


def _signal(dag_id: str, run_id: str) -> int | None:
    """Return the signal that killed a task's process, None where the task's log does not name one."""
    from airflow.utils.log.log_reader import TaskLogReader
    from airflow.utils.session import create_session

    try:
        with create_session() as session:
            task = session.scalars(_query(dag_id, run_id)).one()
            lines, _ = TaskLogReader().read_log_chunks(task, task.try_number, {"end_of_log": False})
            for line in deque(lines, maxlen=_LINES):
                name = (getattr(line, "model_extra", None) or {}).get("signal_name")
                if name:
                    return int(signal.Signals[str(name)])
    except Exception as error:  # noqa: BLE001 - logs lie elsewhere, or nowhere; the reason is poorer then
        log.debug("The log of run '%s' of DAG '%s' can't be read: %s", run_id, dag_id, type(error).__name__)
    return None
