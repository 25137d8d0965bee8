"""Runs that have ended in Airflow, and the report of each to the OpenMetadata server."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from dag_factory import settings
from dag_factory.configs.allowed import allowed_here
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.server_connection import require_server, resolved
from dag_factory.errors import ConfigError, MissingConnectionError, StatusError, StoreError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id
from dag_factory.reporting import metrics
from dag_factory.reporting.conclusion import Evidence, concluded, is_mailed
from dag_factory.reporting.evidence import OPERATORS, database
from dag_factory.reporting.run_status_client import report_run
from dag_factory.reporting.run_tags import run_tags
from dag_factory.reporting.scheduler_mail import mail_failure
from dag_factory.settings.options import SECTION
from dag_factory.store import configured_index, configured_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config, check

log = logging.getLogger(__name__)

# After a task was asked to end, it may still report for some seconds that it runs, or even that it succeeded.
SECOND_LOOK_SECONDS = 20.0

# The clocks of a worker and of Airflow's database may differ by so much. A workflow takes longer to start.
CLOCKS_DIFFER_BY = 5_000

# Time-outs of a call in seconds, by how often it has failed: a slow server gets more time.
TIMEOUTS = (5.0, 15.0, 60.0)

# Among which runs the search after a restart looks.
_LONGEST_RUN = timedelta(days=7)
_LATEST = 100_000

# Messages of Airflow's scheduler for a run that it ends; all others come from the API server, so from a user.
_SCHEDULER_SAYS = frozenset({"task_failure", "success", "all_tasks_deadlocked", "timed_out"})


@dataclass(frozen=True)
class EndedRun:
    """
    A run of one of our DAGs.

    :param reported_as: its id for OpenMetadata
    :param state: its final state in Airflow, ``success`` or ``failed``
    :param report: what is known of it
    """

    dag_id: str
    run_id: str
    reported_as: str
    state: str
    report: Report

    def __str__(self) -> str:
        return f"run '{self.run_id}' of pipeline '{self.dag_id}', {self.state}"


def report_end(
    run: EndedRun, evidence: Evidence | None, failures: int = 0, *, timeouts: tuple[float, ...] = TIMEOUTS
) -> tuple[float, EndedRun] | None:
    """
    Report the outcome of a run to the OpenMetadata server, and mail a failure where due.

    `dag_factory.portable.openmetadata.outcomes` has the rule of who reports what.

    Return what to report later, and in how many seconds; None where nothing is left.

    :param evidence: what Airflow's database holds of the run, None for a second look
    :param failures: how often this report has failed
    :raises StatusError: where the server refuses; or, which may pass, where the server or the config store does not
        answer, or a Connection is missing
    :raises ConfigError: where the config's other references can't be resolved here
    """
    report = concluded(run.report, evidence) if evidence is not None else run.report
    if report is None:
        log.debug("%s: its task has reported it", run)
        return None
    config = _config(run)
    if config is None:
        log.info(
            "%s: its config is missing or can't be read, so its OpenMetadata server is unknown and gets no report", run
        )
        return None
    if evidence is not None and evidence.left is None and failures == 0:
        _count(run, report, config)
    try:
        state = _send(run, report, config, timeouts[min(failures, len(timeouts) - 1)])
    finally:
        # Only after the report, since a mail server may take half a minute; and also where the report has failed.
        if evidence is not None and is_mailed(report):
            mail_failure(run.dag_id, run.run_id, config.document, report.reason)
    log.info("%s: reported to OpenMetadata, which has it as %s, run %s", run, state, run.reported_as)
    is_over = report.is_second_look or report.reporter is Reporter.LEFT_BY_TASK or state != report.state
    return None if is_over else (SECOND_LOOK_SECONDS, replace(run, report=replace(report, is_second_look=True)))


def _count(run: EndedRun, report: Report, config: Config | BrokenConfig) -> None:
    """Count a run whose task left no outcome, so that the task has not counted it."""
    if run.report.reporter is Reporter.SEARCH:
        return  # each restart finds the same runs again
    outcome = report.state if report.state == "success" else "stopped" if report.reporter is Reporter.USER else "lost"
    tags = run_tags(run.dag_id, config.document.get("pipelineType"))
    metrics.send([metrics.RUNS.of(1, outcome=outcome, **tags)])


def _config(run: EndedRun) -> Config | BrokenConfig | None:
    try:
        store = configured_store()
        # With an index, a pipeline that is gone costs the scheduler no look into every other config.
        index = configured_index(settings.config_store())
        config = Catalog(store, check, index=index).find(run.dag_id)
        if config is None:
            store.confirm_absence()
    except StoreError as error:
        raise StatusError(str(error), passing=True) from None
    # One that can't be read does not say where its server is.
    return config if config is not None and config.document else None


def _send(run: EndedRun, report: Report, config: Config | BrokenConfig, timeout: float) -> str:
    """Send a report and return the state that the server then has."""
    document = config.document
    try:
        server = require_server(resolved(document, run.dag_id, allowed_here(), on_secret=_not_logged))
    except MissingConnectionError as error:
        raise StatusError(str(error.within(config.key)), passing=True) from None
    except ConfigError as error:
        raise ConfigError(
            f"{error.problem}. The process that reports is not the worker: refer to a Connection, "
            f"set [{SECTION}] openmetadata_conn_id, or give it the variable as well",
            field=error.field,
            config=config.key,
        ) from None
    fqn = IngestionPipeline.from_document(document).fqn
    return report_run(server, fqn, run.reported_as, report, timeout=timeout)


def _not_logged(_secret: str) -> None:
    """
    Leave Airflow's masker without a connection's secret: no message here quotes a value.

    That masker compiles all of its secrets again for each new one, and never forgets one. A scheduler sees those of all
    pipelines, as long as it lives.
    """


def still_ended(run: EndedRun) -> bool:
    """
    Return whether a run still has the state in which it ended, and was not cleared since; True for a deleted run.

    :raises StatusError: where Airflow's database does not answer, which may pass
    """
    from airflow.models import DagRun
    from sqlalchemy import select

    query = select(DagRun.state).where(DagRun.dag_id == run.dag_id, DagRun.run_id == run.run_id)
    with database() as session:
        state = session.scalar(query)
    return state is None or state == run.state


def failed_lately(within: timedelta) -> list[EndedRun]:
    """Return the runs of our DAGs that have failed lately, reported or not."""
    from airflow.models import DagRun, TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, or_, select

    since = datetime.now(timezone.utc) - within
    newest = select(func.max(DagRun.id)).scalar_subquery()
    query = (
        select(DagRun.dag_id, DagRun.run_id, DagRun.conf, DagRun.queued_at, DagRun.start_date, DagRun.end_date)
        .join(DagRun.task_instances)
        .where(TaskInstance.operator.in_(OPERATORS), DagRun.state == "failed", DagRun.end_date > since)
        # Both have an index, unlike the end date. Few runs take longer than a week; and one for a tick of last year, by
        # catchup or a backfill, is among those that were made last.
        .where(or_(DagRun.run_after > since - _LONGEST_RUN, DagRun.id > newest - _LATEST))
    )
    with create_session() as session:
        return [ended_run(row, "failed", None) for row in session.execute(query)]


def ended_run(run: Any, state: str, message: str | None) -> EndedRun:
    """
    Return a run as Airflow's database has it.

    :param run: a ``DagRun``, or a row of its columns
    :param message: Airflow's message at the end of the run, None where the run was found later
    """
    reporter = Reporter.SCHEDULER if message in _SCHEDULER_SAYS else Reporter.USER
    # A run that is cleared while it runs keeps its start date.
    started = _milliseconds(max((moment for moment in (run.start_date, run.queued_at) if moment), default=None))
    report = Report(
        Reporter.SEARCH if message is None else reporter,
        state,
        message or "",
        started=started,
        ended=_milliseconds(run.end_date),
        since=started + CLOCKS_DIFFER_BY if started is not None else None,
    )
    reported_as = openmetadata_run_id(run.dag_id, run.run_id, run.conf)
    return EndedRun(run.dag_id, run.run_id, reported_as, state, report)


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
