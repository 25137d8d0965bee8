"""
One run of a pipeline: builds and executes its workflow, and reports its state to the OpenMetadata server.

It may run in an interpreter that has openmetadata-ingestion, but neither Airflow nor this package's dependencies. So
this module imports what `dag_factory.portable.ingestion` says, and openmetadata-ingestion late.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.portable.ingestion.collector import collecting_on_request_rarely, collecting_rarely
from dag_factory.portable.ingestion.fitted_source_config import fitted_source_config
from dag_factory.portable.ingestion.models import in_one_sentence
from dag_factory.portable.ingestion.ometa_client import connect, fetch_service, known_fields, server_version
from dag_factory.portable.ingestion.query_header import read_version_once
from dag_factory.portable.ingestion.run_status import ensure_reported, report_once
from dag_factory.portable.ingestion.secrets_read import report_secrets_read
from dag_factory.portable.ingestion.server_calls import ServerCalls, within_time
from dag_factory.portable.ingestion.staging import Staging
from dag_factory.portable.openmetadata.counts import with_summary
from dag_factory.portable.openmetadata.outcomes import STOPPED, Report, Reporter
from dag_factory.portable.openmetadata.pipeline_types import Resources, Service, pipeline_type
from dag_factory.portable.openmetadata.python_classes import check_connector
from dag_factory.portable.secrets.redaction import secret_values

if TYPE_CHECKING:
    from metadata.ingestion.api.step import Step
    from metadata.ingestion.ometa.ometa_api import OpenMetadata
    from metadata.workflow.base import BaseWorkflow

    from dag_factory.configs.document import Document

Summary = dict[str, dict[str, int]]
"""The counts of a run: for each step, by its name, how many ``records``, ``errors`` and so on."""


@dataclass(frozen=True)
class RunOutcome:
    """The final ``state`` of a run, whether the OpenMetadata server has it, and what the run has done."""

    state: str
    is_reported: bool
    summary: Summary


REPORT_SECONDS = 20.0
"""For how long a report waits for a server that does not answer."""

_COUNTS = ("records", "updated_records", "warnings", "errors", "filtered")


@dataclass(frozen=True)
class PreparedRun:
    """
    One run of a pipeline, prepared by the worker, in the form of JSON.

    :param document: the pipeline's document, its references resolved, with the run's ``conf`` merged over it
    :param pipeline_fqn: the pipeline's fullyQualifiedName
    :param run_id: id under which the run reports, see `openmetadata_run_id`
    :param allowed_applications: prefixes of the Python classes that the document and the server may name
    :param started: when the run began, in epoch milliseconds
    :param is_retried: whether Airflow retries the task if this try fails, so that the run goes on
    """

    document: Document
    pipeline_fqn: str
    run_id: str
    allowed_applications: Sequence[str] = ()
    started: int | None = None
    is_retried: bool = False


class PipelineRun:
    """
    A run of one pipeline.

    :param on_secret: called with every secret from the server, so that logs can be masked
    :param ends_at: `time.monotonic` at which the run's time is over: then calls to the server have short time-outs
    :param on_folder: called with every folder that is to be removed after the run, for the case that the run can't
    """

    def __init__(
        self,
        prepared: PreparedRun,
        *,
        on_secret: Callable[[str], None],
        ends_at: float | None = None,
        on_folder: Callable[[Path], object] = lambda _: None,
    ) -> None:
        self._prepared = prepared
        self._document = prepared.document
        self._on_secret = on_secret
        self._ends_at = ends_at
        self._type = pipeline_type(prepared.document["pipelineType"])
        self._raise_on_error = boolean_of(prepared.document, "raiseOnError", default=True)
        self._began = int(time.time() * 1000)
        self._server: OpenMetadata | None = None
        self._staging = Staging(on_folder)

    def execute(self) -> RunOutcome:
        """
        Run the pipeline's workflow to its end, make sure that the server has its final state, and return that.

        :raises ConfigError: where the config does not say which server to report to
        :raises WorkflowError: where the workflow can't be built, openmetadata-ingestion is not installed, or the server
            stopped answering during the run
        :raises metadata.config.common.WorkflowExecutionError: where the workflow failed and the pipeline says
            ``raiseOnError``
        """
        connection = _connection(self._document)
        require_ingestion()
        calls = ServerCalls(str(connection.get("hostPort")), ends_at=self._ends_at)
        with report_secrets_read(self._on_secret), within_time(calls):
            try:
                return self._execute(connection)
            except Exception as error:
                if calls.problem is None:
                    raise
                raise WorkflowError(calls.problem) from error

    def _execute(self, connection: Document) -> RunOutcome:
        # The task reports errors, with the reason: see `dag_factory.task.execution`.
        try:
            # Where no worker has done so, openmetadata-ingestion is imported here.
            with collecting_rarely():
                server = self._server = connect(connection)
                workflow = self._workflow(self._config(server))
            read_version_once()
            with collecting_on_request_rarely():
                workflow.execute()
        finally:
            self._staging.remove()
        report = Report(
            Reporter.WORKFLOW,
            _state_of(workflow),
            started=self._prepared.started or self._began,
            since=self._began,
            steps=workflow.build_ingestion_status().model_dump(mode="json"),
        )
        state, is_reported = ensure_reported(server, self._prepared.pipeline_fqn, self._prepared.run_id, report)
        summary = _summary(workflow.workflow_steps())
        if self._raise_on_error:
            try:
                workflow.raise_from_status()
            except Exception as error:
                with_summary(error, summary)
                raise
        return RunOutcome(state, is_reported, summary)

    def report(self, report: Report, *, seconds: float = REPORT_SECONDS) -> bool:
        """
        Report what is known of the run, and return whether the OpenMetadata server has it. Call `execute` first.

        :param seconds: how long to wait, about, for a server that does not answer
        """
        if self._server is None:
            return False
        host_port = str(self._document["openMetadataServerConnection"].get("hostPort"))
        # The process is about to end, even if the server does not answer.
        with within_time(ServerCalls(host_port, ends_at=time.monotonic() + seconds)):
            return report_once(self._server, self._prepared.pipeline_fqn, self._prepared.run_id, report)

    def remove_staged(self) -> None:
        """Remove what the run has staged, for the process is about to end."""
        self._staging.remove()

    def report_stopped(self) -> None:
        """Report that the run was asked to end, unless Airflow retries its task."""
        if not self._prepared.is_retried:
            self.report(
                Report(Reporter.KILL_HANDLER, "failed", STOPPED, started=self._prepared.started, since=self._began)
            )

    def _workflow(self, config: Document) -> BaseWorkflow:
        """
        Return the workflow of a config.

        :raises WorkflowError: where openmetadata-ingestion refuses the config
        """
        try:
            return _imported(self._type.workflow).create(config)
        except Exception as error:
            if (plain := in_one_sentence(error, "the workflow's config")) is None:
                raise
            raise plain from None

    def _config(self, server: OpenMetadata) -> Document:
        resources = Resources(lambda: self._service(server), self._staging.folder, self._prepared.allowed_applications)
        source_config = fitted_source_config(self._document, lambda: server_version(server))
        return {
            **self._type.steps({**self._document, "sourceConfig": source_config}, resources),
            "workflowConfig": {
                "loggerLevel": self._document.get("loggerLevel") or "INFO",
                "raiseOnError": self._raise_on_error,
                "openMetadataServerConfig": known_fields(self._document["openMetadataServerConnection"]),
            },
            "ingestionPipelineFQN": self._prepared.pipeline_fqn,
            "pipelineRunId": self._prepared.run_id,
            "enableStreamableLogs": boolean_of(self._document, "enableStreamableLogs", default=False),
        }

    def _service(self, server: OpenMetadata) -> Service:
        service = fetch_service(server, self._document["service"])
        for secret in secret_values(service.connection):
            self._on_secret(secret)
        check_connector(service.connection, self._prepared.allowed_applications)
        return service


def require_ingestion() -> None:
    """
    Check that this interpreter has openmetadata-ingestion.

    :raises WorkflowError: where it does not
    """
    if find_spec("metadata") is None:
        raise WorkflowError(
            f"openmetadata-ingestion is not installed for {sys.executable}. Install "
            "openmetadata-dag-factory[ingestion] there, or set [openmetadata_dag_factory] python to an interpreter "
            "that has openmetadata-ingestion"
        )


def boolean_of(document: Document, field: str, *, default: bool) -> bool:
    """
    Return the value of a field that is true or false, or a text, where it came from a reference such as ``$env``.

    :raises ConfigError: where it is anything else
    """
    value = document.get(field)
    if value is None:
        return default
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    if not isinstance(value, bool):
        raise ConfigError("is neither true nor false. Write true or false, without quotes", field=field)
    return value


def close_streamed_log() -> None:
    """
    Send what a workflow with ``enableStreamableLogs`` has logged, and close that log.

    A workflow does this at its end, but not if it fails while it is built.
    """
    streamed = sys.modules.get("metadata.utils.streamable_logger")
    if streamed is not None:
        streamed.cleanup_streamable_logging()


def report_run(document: Document, pipeline_fqn: str, run_id: str, *, report: Mapping[str, Any]) -> bool:
    """
    Report what is known of a run whose own process can't, and return whether the OpenMetadata server has it.

    :param document: like the next two, that of the run's `PreparedRun`
    :param report: a `Report`, in the form of JSON
    :raises ConfigError: where the config does not say which server to report to
    :raises WorkflowError: where the server can't be reached
    """
    connection = _connection(document)
    require_ingestion()
    return report_once(connect(connection), pipeline_fqn, run_id, Report.from_json(report))


def _connection(document: Document) -> Document:
    connection = document.get("openMetadataServerConnection")
    if not isinstance(connection, dict) or not connection:
        raise ConfigError(
            "is missing, so there is nowhere to send metadata. Write an object with a hostPort",
            field="openMetadataServerConnection",
        )
    return connection


def _state_of(workflow: BaseWorkflow) -> str:
    """Return the final state of a workflow, by openmetadata-ingestion's own rule."""
    from metadata.config.common import WorkflowExecutionError

    try:
        workflow.raise_from_status_internal()
    except WorkflowExecutionError:
        return "failed"
    success = workflow.calculate_success()
    partial = success is not None and workflow.workflow_config.successThreshold <= success < 100
    return "partialSuccess" if partial else "success"


def _summary(steps: Iterable[Step]) -> Summary:
    from metadata.ingestion.api.step import Summary as StepSummary

    found: Summary = {}
    for number, step in enumerate(steps, 1):
        counted = StepSummary.from_step(step)
        name = f"{counted.name} ({number})" if counted.name in found else counted.name
        found[name] = {count: getattr(counted, count) or 0 for count in _COUNTS}
    return found


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
