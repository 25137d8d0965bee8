"""Runs that have ended in Airflow, and what the OpenMetadata server is to hear of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from dag_factory import allowed
from dag_factory.catalog import Catalog, check_fields
from dag_factory.errors import ConfigError, DagFactoryError, StatusError
from dag_factory.masking import Mask
from dag_factory.options import SECTION
from dag_factory.pipeline import IngestionPipeline
from dag_factory.reporting.own_end import STATE_XCOM
from dag_factory.reporting.status import StatusClient
from dag_factory.secrets import secret_values
from dag_factory.server_connection import require_server, resolved
from dag_factory.store import configured_store
from dag_factory.workflow.run import openmetadata_run_id
from dag_factory.workflow.status import FINAL

log = logging.getLogger(__name__)

# A task that is being killed has some seconds, in which it may still report that it runs, or even that it succeeded.
LOOK_AGAIN_SECONDS = 20.0

# The clocks of a worker and of Airflow's database may differ. A workflow takes longer to begin than that.
CLOCKS_DIFFER_BY = 5_000

# Seconds for each step of a call, by how often it has been tried in vain: a slow server gets more and more.
TIMEOUTS = (5.0, 15.0, 60.0)

OPERATORS = ("IngestionOperator", "ConfigErrorOperator")


@dataclass(frozen=True)
class EndedRun:
    """
    A run of one of our DAGs.

    :param reported_as: its id for OpenMetadata
    :param state: ``success`` or ``failed``
    :param reason: why, in Airflow's words
    :param started: when it began, or began again when it was cleared, in epoch milliseconds
    :param ended: epoch milliseconds
    :param own: the state in which its workflow ended, where its task says so, see `with_own_end`
    :param insists: whether it has been told before, so that whatever was reported since came from a dying task
    """

    dag_id: str
    run_id: str
    reported_as: str
    state: str
    reason: str
    started: int | None
    ended: int | None
    own: str | None = None
    insists: bool = False

    @property
    def is_marked(self) -> bool:
        """Whether a user has made it a success, which its task did not end as one."""
        return self.state == "success" and self.own is None

    def __str__(self) -> str:
        return f"run '{self.run_id}' of pipeline '{self.dag_id}', {self.state}"


def tell(run: EndedRun, tries: int = 0, *, timeouts: tuple[float, ...] = TIMEOUTS) -> tuple[float, EndedRun] | None:
    """
    Tell the OpenMetadata server how a run has ended, if it does not know.

    Return what is to be told again, and in how many seconds, None where there is nothing more to tell.

    :param tries: how often that has been tried in vain
    :raises StatusError: where the server can't be told
    :raises ConfigError: where the config's references can't be resolved here
    :raises StoreError: where the store can't be read
    """
    try:
        state = _settle(run, timeouts[min(tries, len(timeouts) - 1)])
    except DagFactoryError as error:
        if run.own is None or (isinstance(error, StatusError) and error.passing):
            raise
        log.debug("%s: OpenMetadata is not told: %s", run, error)  # its task has told it
        return None
    again = run.own is None and run.state == state and not run.insists
    return (LOOK_AGAIN_SECONDS, replace(run, insists=True)) if again else None


def _settle(run: EndedRun, timeout: float) -> str | None:
    """Return the state that the server has for a run in the end, None where there is no server to tell."""
    mask = Mask()
    store = configured_store()
    config = Catalog(store, check_fields).find(run.dag_id)
    if config is None:
        store.confirm_absence()
    if config is None or config.document is None:
        log.info("%s: its config is gone, so there is nobody to tell", run)
        return None
    try:
        opened = allowed.configured()
        server = require_server(resolved(config.document, run.dag_id, opened, on_secret=mask.add_unless_open))
        for secret in secret_values(server):
            mask.add(secret)
    except ConfigError as error:
        raise ConfigError(
            f"{error.problem}. That holds for this process, which is not the worker: refer to a Connection, "
            f"set [{SECTION}] openmetadata_conn_id, or give it the variable as well",
            field=error.field,
            config=config.key,
        ) from None
    with StatusClient(server, timeout=timeout) as client:
        state = client.settle(
            IngestionPipeline.from_document(config.document).fqn,
            run.reported_as,
            run.own or run.state,
            reason=run.reason,
            started=run.started,
            at=run.ended,
            since=run.started + CLOCKS_DIFFER_BY if run.started is not None else None,
            overrule=run.insists or run.is_marked,
        )
    level = logging.DEBUG if run.own else logging.INFO
    log.log(level, "%s: OpenMetadata has it as %s, run %s", run, state, run.reported_as)
    return state


def with_own_end(run: EndedRun) -> EndedRun:
    """
    Return a run with the state in which its workflow ended, where its task has ended by itself and says so.

    :raises StatusError: where Airflow's database does not answer
    """
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    if run.state != "success":
        return run
    query = select(XComModel).where(
        XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.key == STATE_XCOM
    )
    try:
        with create_session() as session:
            said = session.scalars(query).first()
            state = XComModel.deserialize_value(said) if said is not None else None
    except SQLAlchemyError:
        raise StatusError("Airflow's database does not answer", passing=True) from None
    if said is None:
        return run
    return replace(run, own=state if state in FINAL else run.state)  # a backend of XComs may have it elsewhere


def still_ended(run: EndedRun) -> bool:
    """Return whether a run is still in the state in which it ended: it may have been cleared. A deleted one is."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(DagRun.state).where(DagRun.dag_id == run.dag_id, DagRun.run_id == run.run_id)
        state = session.scalar(query)
    return state is None or state == run.state


def failed_lately(within: timedelta) -> list[EndedRun]:
    """Return the runs of our DAGs that have failed lately, told or not."""
    from airflow.models import DagRun, TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    since = datetime.now(timezone.utc) - within
    query = (
        select(DagRun.dag_id, DagRun.run_id, DagRun.conf, DagRun.queued_at, DagRun.start_date, DagRun.end_date)
        .join(DagRun.task_instances)
        .where(TaskInstance.operator.in_(OPERATORS), DagRun.state == "failed", DagRun.end_date > since)
        # This date has an index, unlike that of the end; few runs take longer than a week.
        .where(DagRun.run_after > since - timedelta(days=7))
    )
    with create_session() as session:
        return [ended_run(row, "failed", "The run has failed") for row in session.execute(query)]


def ended_run(run: Any, state: str, reason: str) -> EndedRun:
    """
    Return a run as Airflow's database has it.

    :param run: a ``DagRun``, or a row of its columns
    """
    return EndedRun(
        run.dag_id,
        run.run_id,
        openmetadata_run_id(run.dag_id, run.run_id, run.conf),
        state,
        reason,
        # A run that is cleared while it runs keeps its start.
        _milliseconds(max((moment for moment in (run.start_date, run.queued_at) if moment), default=None)),
        _milliseconds(run.end_date),
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
