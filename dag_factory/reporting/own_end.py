"""What a task tells of its own run."""

from __future__ import annotations

import logging

from dag_factory.errors import DagFactoryError, StatusError
from dag_factory.reporting.status import report_failed
from dag_factory.server_connection import require_server
from dag_factory.workflow.run import Job

log = logging.getLogger(__name__)

STATE_XCOM = "openmetadata_state"
"""The XCom by which a task that has ended by itself says in which state, as OpenMetadata has it."""

# Airflow kills a task that has not ended 5 s after it was asked to.
_TIMEOUT_SECONDS = 3.0
_PATIENCE_SECONDS = 30.0


def tell_failed(
    job: Job, reason: str, *, since: int | None = None, overrule: bool = False, patient: bool = False
) -> bool:
    """
    Tell the OpenMetadata server that a run failed, and return whether that was a matter for this client at all.

    Where the server does not answer, that is logged: Airflow's scheduler will tell it.

    :param since: when the task began, in epoch milliseconds: what the server has heard before is not about it
    :param overrule: whether to replace another final state too
    :param patient: whether to try again for half a minute
    """
    try:
        state = report_failed(
            require_server(job.document),
            job.pipeline_fqn,
            job.run_id,
            reason=reason,
            since=since,
            overrule=overrule,
            patience=_PATIENCE_SECONDS if patient else 0.0,
            timeout=_TIMEOUT_SECONDS,
        )
    except DagFactoryError as error:
        log.warning("OpenMetadata can't be told that run %s failed: %s", job.run_id, error)
        return isinstance(error, StatusError) and error.passing
    log.info("OpenMetadata has run %s as %s", job.run_id, state)
    return True
