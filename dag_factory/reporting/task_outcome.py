"""A task's report of its own run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from dag_factory.configs.server_connection import require_server
from dag_factory.errors import DagFactoryError, StatusError
from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM, STOPPED, Report, Reporter, left_by_task
from dag_factory.reporting.run_status_client import report_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dag_factory.portable.ingestion.run import PreparedRun, RunOutcome

log = logging.getLogger(__name__)

# Airflow kills a task that has not ended 5 s after it was asked to.
_TIMEOUT_SECONDS = 3.0
_NOT_REPORTED = "Run %s can't be reported to OpenMetadata as %s: %s"


class TaskOutcome:
    """
    Reports the outcome of one try to the OpenMetadata server, and leaves it in Airflow's database for the scheduler.

    :param context: the task's context, from Airflow
    :param by_ingestion: sends a report by openmetadata-ingestion's client, which can read any token; returns whether
        the server has it
    """

    def __init__(self, context: Context, by_ingestion: Callable[[Report], bool]) -> None:
        self._context = context
        self._by_ingestion = by_ingestion
        self._began = int(time.time() * 1000)
        self.is_stopped = False
        """Whether the task was asked to end."""
        self.run: PreparedRun | None = None
        """The run whose outcome is reported; nothing can be sent before it is set."""

    @property
    def started(self) -> int:
        """When the run began, in epoch milliseconds; a retry belongs to the same run."""
        start = getattr(self._context["dag_run"], "start_date", None)
        return round(start.timestamp() * 1000) if isinstance(start, datetime) else self._began

    @property
    def is_retried(self) -> bool:
        """Whether Airflow will retry a task that fails, so that its run goes on."""
        task_instance = self._context["ti"]
        return task_instance.try_number <= task_instance.max_tries

    def succeeded(self, outcome: RunOutcome) -> None:
        """
        Leave the state in which a workflow ended without an error of the task.

        Not if the task was asked to end: a workflow that goes on until it is killed has no valid state.
        """
        if not self.is_stopped:
            self._leave(outcome.state, is_reported=outcome.is_reported)

    def failed(self, reason: str, *, is_final: bool = False, retry_seconds: float = 0.0, leave: bool = True) -> None:
        """
        Report that the task fails, whatever its workflow has reported; if Airflow retries it, that the run goes on.

        Nothing is reported if the task was asked to end, since the handler of that signal has reported it.

        :param is_final: whether Airflow does not retry such a failure
        :param retry_seconds: for which a report is retried while the server does not answer
        :param leave: whether to leave the outcome in Airflow's database too
        """
        if self.is_stopped:
            return
        if self.is_retried and not is_final:
            tries = f"Try {self._context['ti'].try_number} of {self._context['ti'].max_tries + 1}"
            report = self._report(Reporter.TASK, "running", f"{tries} failed, and Airflow retries it. {reason}")
            self._send(report, retry_seconds=retry_seconds)
            return
        if leave:
            self._leave("failed", reason, is_reported=False, task_failed=True)
        if self._send(self._report(Reporter.TASK, "failed", reason), retry_seconds=retry_seconds) and leave:
            self._leave("failed", reason, is_reported=True, task_failed=True)

    def stopped(self) -> None:
        """Report that the task was asked to end, unless Airflow retries it. For a signal handler."""
        self.is_stopped = True
        if not self.is_retried:
            self._send(self._report(Reporter.KILL_HANDLER, "failed", STOPPED))

    def _report(self, reporter: Reporter, state: str, reason: str) -> Report:
        return Report(reporter, state, reason, started=self.started, since=self._began)

    def _leave(self, state: str, reason: str = "", *, is_reported: bool, task_failed: bool = False) -> None:
        task_instance = self._context["ti"]
        left = left_by_task(
            state, task_instance.try_number, reason=reason, is_reported=is_reported, task_failed=task_failed
        )
        try:
            task_instance.xcom_push(key=OUTCOME_XCOM, value=left)
        except Exception as error:  # noqa: BLE001 - the task's own error is the one to show
            log.warning("the outcome of the run could not be left in Airflow's database: %s", type(error).__name__)

    def _send(self, report: Report, *, retry_seconds: float = 0.0) -> bool:
        """Send a report and return whether the server has it; what goes wrong is logged, not raised."""
        run = self.run
        if run is None:
            return False
        try:
            server = require_server(run.document)
            state = report_run(
                server, run.pipeline_fqn, run.run_id, report, retry_seconds=retry_seconds, timeout=_TIMEOUT_SECONDS
            )
        except DagFactoryError as error:
            log.warning(_NOT_REPORTED, run.run_id, report.state, error)
            if isinstance(error, StatusError) and error.passing:
                return False  # Airflow's scheduler reports it later
        except Exception as error:  # noqa: BLE001 - the task's own error is the one to show, and this one may quote a secret
            log.warning(_NOT_REPORTED, run.run_id, report.state, type(error).__name__)
            return False
        else:
            log.info("Reported run %s to OpenMetadata, which has it as %s", run.run_id, state)
            return True
        try:
            return self._by_ingestion(report)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning(_NOT_REPORTED, run.run_id, report.state, type(error).__name__)
            return False
