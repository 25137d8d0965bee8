"""Sends the mail of a failure that the task could not send: its process was killed, or never started."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.errors import ConfigError
from dag_factory.reporting.evidence import OPERATORS
from dag_factory.reporting.failure_mail import failure_mail

log = logging.getLogger(__name__)

MAILED = "openmetadata failure mail"
"""The event in Airflow's audit log by which all schedulers know that a failed try has been mailed."""


@dataclass(frozen=True)
class FailedTask:
    """The parts of a task that a mail shows."""

    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    log_url: str


def mail_failure(dag_id: str, run_id: str, document: Document, reason: str) -> None:
    """
    Mail a failure to the pipeline's recipients, once; if that fails, log why.

    :param document: the pipeline's, as it is stored
    """
    try:
        pipeline = IngestionPipeline.from_document(document)
    except ConfigError:
        return
    mail = failure_mail(pipeline.airflow_config.email, pipeline.title)
    if mail is None:
        return
    try:
        task = _claim(dag_id, run_id)
        if task is not None:
            mail.send({"ti": task, "exception": reason})
    except Exception as error:  # noqa: BLE001 - the report to OpenMetadata is still to be made
        log.error("The failure of run '%s' of DAG '%s' can't be mailed: %s", run_id, dag_id, type(error).__name__)


def _claim(dag_id: str, run_id: str) -> FailedTask | None:
    """Note that a run's failure is mailed, and return its task; None where it already was."""
    from airflow.models import Log, TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.operator.in_(OPERATORS)
        )
        task = session.scalars(query.limit(1)).first()
        if task is None:
            return None
        noted = select(Log.id).where(
            Log.dag_id == dag_id,
            Log.task_id == task.task_id,
            Log.run_id == run_id,
            Log.try_number == task.try_number,
            Log.event == MAILED,
        )
        if session.scalar(noted.limit(1)) is not None:
            return None
        session.add(Log(MAILED, task.key))
        return FailedTask(dag_id, run_id, task.task_id, task.try_number, task.log_url)
