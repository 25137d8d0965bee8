"""One run of a pipeline: its workflow built, executed, and its state reported to the OpenMetadata server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dag_factory.document import Document
from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.pipeline import IngestionPipeline
from dag_factory.secrets import secret_values
from dag_factory.workflow.server import connect, fetch_service, known_fields, report_failed
from dag_factory.workflow.types import Service, pipeline_type

if TYPE_CHECKING:
    from metadata.ingestion.ometa.ometa_api import OpenMetadata


def openmetadata_run_id(dag_id: str, run_id: str, requested: str | None = None) -> str:
    """
    Return the id under which a run reports to OpenMetadata: one rule for the worker and for whoever asks later.

    :param run_id: Airflow's id of the run
    :param requested: ``pipelineRunId`` of the trigger's conf, where the server has recorded the run already
    """
    if requested:
        return requested
    try:
        return str(uuid.UUID(run_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"openmetadata:{dag_id}:{run_id}"))


class PipelineRun:
    """
    A run of one pipeline.

    :param document: the pipeline's document, its references resolved
    :param run_id: id under which the run reports, see `openmetadata_run_id`
    :param on_secret: is told every secret that the server hands out, so that logs can be masked
    """

    def __init__(self, document: Document, run_id: str, *, on_secret: Callable[[str], None]) -> None:
        self._document = document
        self._run_id = run_id
        self._on_secret = on_secret
        self._pipeline = IngestionPipeline.from_document(document)
        self._type = pipeline_type(self._pipeline.pipeline_type)
        self._raise_on_error = document.get("raiseOnError") is not False
        self._server: OpenMetadata | None = None

    def execute(self) -> None:
        """
        Run the pipeline's workflow to its end.

        :raises ConfigError: where the config does not say which server to report to
        :raises WorkflowError: where the workflow can't be built, or openmetadata-ingestion is not installed
        :raises metadata.config.common.WorkflowExecutionError: where the workflow failed and the pipeline says
            ``raiseOnError``
        """
        connection = self._document.get("openMetadataServerConnection")
        if not connection:
            raise ConfigError("is missing, so there is nowhere to send metadata", field="openMetadataServerConnection")
        if find_spec("metadata") is None:
            raise WorkflowError(
                "openmetadata-ingestion is not installed in this worker. Install openmetadata-dag-factory[ingestion]"
            )
        self._server = connect(connection)
        try:
            workflow = _imported(self._type.workflow).create(self._config(self._server))
            workflow.execute()
        except BaseException:
            # A workflow that fails while it is built has reported that it runs, and would seem to run for ever; one
            # that a time-out interrupts reports success.
            self.report_failed()
            raise
        if self._raise_on_error:
            workflow.raise_from_status()

    def report_failed(self) -> None:
        """Tell the OpenMetadata server that the run failed, if it was reached at all."""
        if self._server is not None:
            report_failed(self._server, self._pipeline.fqn, self._run_id)

    def _config(self, server: OpenMetadata) -> Document:
        return {
            **self._type.steps(self._document, self._service(server)),
            "workflowConfig": {
                "loggerLevel": self._document.get("loggerLevel") or "INFO",
                "raiseOnError": self._raise_on_error,
                "openMetadataServerConfig": known_fields(self._document["openMetadataServerConnection"]),
            },
            "ingestionPipelineFQN": self._pipeline.fqn,
            "pipelineRunId": self._run_id,
            "enableStreamableLogs": bool(self._document.get("enableStreamableLogs")),
        }

    def _service(self, server: OpenMetadata) -> Service:
        service = fetch_service(server, self._document["service"])
        for secret in secret_values(service.connection):
            self._on_secret(secret)
        return service


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
