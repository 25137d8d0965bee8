"""
One try of a pipeline's task, in the worker: prepares and runs the run, and reports its outcome.

Airflow imports the operators at each parse, so this module, which only a worker needs, is imported late.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from dag_factory import settings
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.server_connection import require_server
from dag_factory.errors import ServerError
from dag_factory.portable.ingestion.log_levels import ingestion_logging
from dag_factory.portable.ingestion.run import PreparedRun, RunOutcome, Summary
from dag_factory.portable.openmetadata.counts import COUNTS_XCOM, REASON_XCOM, summary_of
from dag_factory.portable.openmetadata.outcomes import Report
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.masking import Mask
from dag_factory.reporting.task_outcome import TaskOutcome
from dag_factory.settings.airflow_versions import AirflowFailException
from dag_factory.store.config import Config
from dag_factory.store.config_version import CONFIG_XCOM, config_version
from dag_factory.task.failures import OVERTIME, in_plain_words, reason_of, without_secrets
from dag_factory.task.links import links_to
from dag_factory.task.preparation import find_config, resolve_config
from dag_factory.task.run_metrics import RunMetrics
from dag_factory.task.runners import InChild, InProcess, Runner
from dag_factory.task.server_check import require_answers
from dag_factory.task.staging_place import check_staging_place
from dag_factory.task.version_check import Interpreter, require_fitting_version

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# For how long reports to a server that does not answer are retried: a restart takes less.
_RETRY_SECONDS = 30.0
# Airflow's UI shows it in the run's note, and our page in a list; the log has all of it.
_LONGEST_REASON = 400


@dataclass(frozen=True)
class Prepared:
    """A run that can start, and what runs it."""

    run: PreparedRun
    interpreter: Interpreter


class Execution:
    """
    One try of one run: `Prepared`, then run to its `RunOutcome`, which is then reported.

    :param dag_id: of the config to run
    :param context: the task's context, from Airflow
    :param problem: what is wrong with the config, where its last good version runs
    """

    def __init__(self, dag_id: str, context: Context, problem: str | None = None) -> None:
        self._dag_id = dag_id
        self._problem = problem
        self._context = context
        self._mask = Mask()
        self._metrics = RunMetrics(dag_id)
        timeout = context["task"].execution_timeout
        self._ends_at = time.monotonic() + timeout.total_seconds() if timeout is not None else None
        self._outcome = TaskOutcome(context, self._report_by_ingestion)
        # For `kill`, which may be called at any time, even before the run has started.
        self._runner: Runner | None = None
        self.links: Mapping[str, str] = MappingProxyType({})
        """The pipeline's addresses in OpenMetadata's UI, by the XComs of the links."""

    def run(self) -> Summary:
        """
        Run the pipeline to its end and return, for each step of its workflow, what it has done.

        :raises AirflowFailException: where the config is wrong, so that no retry would help
        :raises DagFactoryError: where it fails in another way, or a Connection is missing, which may pass
        """
        failure: BaseException
        with self._mask.over_output():
            try:
                return self._report(self._run(self._prepare()))
            except Exception as error:  # noqa: BLE001 - whatever a workflow raises may quote its config
                failure = in_plain_words(error, self._mask)
            except BaseException as interruption:  # noqa: BLE001 - it is raised again
                failure = without_secrets(interruption, self._mask)
            # Not within `except`: what is raised there, such as Airflow's time-out, carries the original error along.
            self._fail(failure)
        # Raised here, it carries neither the original's traceback nor its causes.
        raise failure from None

    def kill(self) -> None:
        """End the run, and report that it was asked to end."""
        if self._runner is not None:
            self._runner.terminate()
        self._outcome.stopped()

    def _prepare(self) -> Prepared:
        found = find_config(self._dag_id, self._problem, self._mask)
        self._metrics.type = str(found.pipeline.pipeline_type)
        # From here on, the server is known, so that errors in the rest can be reported.
        self._outcome.run = self._prepared_run(found.pipeline, found.server)
        resolved = resolve_config(found, self._dag_id, self._conf, self._mask)
        run = self._outcome.run = self._prepared_run(resolved.pipeline, resolved.document)
        found.allowed.check_application(resolved.document)
        check_staging_place(resolved.document)
        # With references unresolved: not everybody who may see the run may see their values.
        self._show(resolved.config, found.pipeline, require_server(resolved.document)["hostPort"])
        interpreter = Interpreter.chosen(resolved.pipeline.dag_factory.runner.python, found.config.key)
        log.info("Running config '%s' as OpenMetadata run %s, %s", found.config.key, run.run_id, interpreter)
        return Prepared(run, interpreter)

    def _run(self, prepared: Prepared) -> RunOutcome:
        document = prepared.run.document
        connection = require_server(document)
        server = require_answers(connection)
        require_fitting_version(prepared.interpreter, connection, server.version)
        with ingestion_logging(str(document.get("loggerLevel") or "INFO")):
            self._runner = self._new_runner(prepared)
            with self._metrics.workflow():
                return self._runner.run()

    def _report(self, outcome: RunOutcome) -> Summary:
        for step, counts in outcome.summary.items():
            log.info("%s: %s", step, ", ".join(f"{count} {name}" for name, count in counts.items()))
        self._outcome.succeeded(outcome)
        if not self._outcome.is_stopped:
            self._metrics.send(outcome.state, outcome.summary)
        return outcome.summary

    def _fail(self, failure: BaseException) -> None:
        """Leave, report and count that the try fails. Raises nothing, so that the task ends with this failure."""
        is_final = isinstance(failure, AirflowFailException)
        try:
            self._send(failure, is_final=is_final)
        except BaseException as interruption:  # noqa: BLE001 - the task ends now, with its own failure
            log.warning("The report of the run's failure was interrupted: %s", type(interruption).__name__)
        self._count(failure, is_final=is_final)

    def _send(self, failure: BaseException, *, is_final: bool) -> None:
        if isinstance(failure, Exception):
            reason = str(failure)
            # A server that can't be used won't take a report within seconds either. The scheduler retries for longer.
            seconds = 0.0 if isinstance(failure, ServerError) else _RETRY_SECONDS
        else:
            reason, seconds = reason_of(failure), 0.0
            log.error("%s", reason)
        self._leave(failure, reason)
        # If a time-out interrupts a workflow, the workflow itself reports success.
        self._outcome.failed(reason, is_final=is_final, retry_seconds=seconds)

    def _leave(self, failure: BaseException, reason: str) -> None:
        """Leave in Airflow's database why the run has failed, and what its workflow has counted, for the run's note."""
        left = {REASON_XCOM: cut(one_line(reason), _LONGEST_REASON), COUNTS_XCOM: summary_of(failure)}
        try:
            for key, value in left.items():
                if value is not None:
                    self._context["ti"].xcom_push(key=key, value=value)
        except Exception as error:  # noqa: BLE001 - the task's own error is the one to show
            log.warning("the reason of the failure could not be stored in Airflow: %s", type(error).__name__)

    def _count(self, failure: BaseException, *, is_final: bool = False) -> None:
        """Count a failed try. One that was asked to end leaves no outcome, so the scheduler counts it."""
        if not self._outcome.is_stopped:
            outcome = "retried" if self._outcome.is_retried and not is_final else "failed"
            self._metrics.send(outcome, summary_of(failure))

    @property
    def _conf(self) -> Mapping[str, object]:
        return self._context["dag_run"].conf or {}

    def _prepared_run(self, pipeline: IngestionPipeline, document: Document) -> PreparedRun:
        """Return this run of a pipeline in a form that needs neither Airflow nor the section ``dagFactory``."""
        return PreparedRun(
            {name: value for name, value in document.items() if name != "dagFactory"},
            pipeline.fqn,
            openmetadata_run_id(self._dag_id, self._context["run_id"], self._conf),
            settings.allowed_applications(),
            started=self._outcome.started,
            is_retried=self._outcome.is_retried,
        )

    def _show(self, config: Config, pipeline: IngestionPipeline, host_port: object) -> None:
        """Show in Airflow's UI, from the beginning, where the pipeline is and which version of its config runs."""
        self.links = links_to(pipeline, host_port)
        for key, value in {CONFIG_XCOM: config_version(config), **self.links}.items():
            self._context["ti"].xcom_push(key=key, value=value)

    def _new_runner(self, prepared: Prepared) -> Runner:
        if (python := prepared.interpreter.path) is not None:
            return InChild(prepared.run, self._mask, python)
        return InProcess(prepared.run, self._mask, self._ends_at, lambda: self._outcome.failed(OVERTIME, leave=False))

    def _report_by_ingestion(self, report: Report) -> bool:
        return self._runner is not None and self._runner.report(report)
