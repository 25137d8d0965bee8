"""Where a workflow runs: in the task's own process, or in a child of another interpreter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

from dag_factory.errors import DagFactoryError
from dag_factory.portable.ingestion.orders import REPORT, RUN
from dag_factory.portable.ingestion.run import PipelineRun, PreparedRun, RunOutcome, close_streamed_log
from dag_factory.portable.ingestion.sqlalchemy_patches import apply_patches
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.failures import in_plain_words
from dag_factory.task.overtime import no_overtime
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.interpreter import environment

log = logging.getLogger(__name__)

_CHILD_REPORT_SECONDS = 60.0


class Runner(Protocol):
    """One run of a pipeline, and the process that does it."""

    def run(self) -> RunOutcome:
        """
        Run the workflow to its end.

        :raises DagFactoryError: where it fails, or another exception that openmetadata-ingestion raises
        """

    def report(self, report: Report) -> bool:
        """Send a report by openmetadata-ingestion's client, which reads any token; return whether the server has it."""

    def terminate(self) -> None:
        """End what runs; returns at once. For the handler of a signal."""


class InProcess:
    """
    A run in this process, which Airflow ends itself.

    :param ends_at: `time.monotonic` at which the run's time is over, None where it has no limit
    :param on_overtime: is called before the process is ended because the run goes on after its time
    """

    def __init__(
        self, prepared: PreparedRun, mask: Mask, ends_at: float | None, on_overtime: Callable[[], object]
    ) -> None:
        self._run = PipelineRun(prepared, on_secret=mask.add, ends_at=ends_at)
        self._mask = mask
        self._ends_at = ends_at
        self._on_overtime = on_overtime

    def run(self) -> RunOutcome:
        apply_patches()
        with no_overtime(self._ends_at, self._end):
            try:
                return self._run.execute()
            except Exception as error:  # noqa: BLE001 - whatever a workflow raises may quote its config
                # Logged here, it is also in a log that is streamed to the server.
                raise in_plain_words(error, self._mask) from None
            finally:
                close_streamed_log()

    def _end(self) -> None:
        self._run.remove_staged()
        self._on_overtime()

    def report(self, report: Report) -> bool:
        return self._run.report(report)

    def terminate(self) -> None:
        """Remove what the run has staged; Airflow ends this process."""
        self._run.remove_staged()


class InChild:
    """A run in a child process, by an interpreter that has openmetadata-ingestion; so is each report of it."""

    def __init__(self, prepared: PreparedRun, mask: Mask, python: str) -> None:
        self._prepared = prepared
        self._mask = mask
        self._python = python
        self._child = self._new_child()

    def run(self) -> RunOutcome:
        return RunOutcome(**self._child.run(RUN, asdict(self._prepared)))

    def report(self, report: Report) -> bool:
        # A child that was asked to end reports that itself.
        if report.reporter is Reporter.KILL_HANDLER:
            return False
        run = self._prepared
        arguments = {"document": run.document, "pipeline_fqn": run.pipeline_fqn, "run_id": run.run_id}
        try:
            done = self._new_child().run(
                REPORT, {**arguments, "report": report.to_json()}, timeout=_CHILD_REPORT_SECONDS
            )
        except DagFactoryError as error:
            log.warning("The child process could not report run %s to OpenMetadata: %s", run.run_id, error)
            return False
        return bool(done)

    def terminate(self) -> None:
        self._child.terminate()

    def _new_child(self) -> Child:
        return Child(self._python, environment(self._python, secrets=self._mask.secrets), self._mask)
