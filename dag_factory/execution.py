"""
One execution of a pipeline's task, in the worker: its config made ready, its workflow run, its end told.

Airflow imports the operators at each parse, so what only a worker needs begins here.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING

from dag_factory import settings
from dag_factory.airflow_versions import AirflowFailException
from dag_factory.catalog import Catalog, Config
from dag_factory.config_version import CONFIG_XCOM, config_version
from dag_factory.document import Document
from dag_factory.errors import ConfigError, DagFactoryError, WorkflowError
from dag_factory.links import links_to
from dag_factory.masking import Mask
from dag_factory.pipeline import IngestionPipeline
from dag_factory.references import resolve
from dag_factory.reporting.own_end import tell_failed
from dag_factory.runner.interpreter import choose, environment
from dag_factory.runner.process import Child
from dag_factory.secrets import secret_values
from dag_factory.server_connection import FIELD, with_server
from dag_factory.store import open_store
from dag_factory.workflow.jobs import RUN
from dag_factory.workflow.logs import ingestion_logging
from dag_factory.workflow.overrides import overridden
from dag_factory.workflow.run import Job, PipelineRun, Summary, openmetadata_run_id

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class Execution:
    """
    One try of one run.

    :param dag_id: whose config is to be run
    :param context: Airflow's of the task
    """

    def __init__(self, dag_id: str, context: Context) -> None:
        self._dag_id = dag_id
        self._context = context
        self._mask = Mask()
        self._begun: Job | None = None
        self._run: PipelineRun | None = None
        self._child: Child | None = None
        self.links: Mapping[str, str] = MappingProxyType({})
        """Where the pipeline is in OpenMetadata's UI, by the XComs of the links."""

    def run(self) -> Summary:
        """
        Run the pipeline to its end and return, for each step of its workflow, what it has done.

        :raises AirflowFailException: where the config is wrong, so that no retry would help
        :raises DagFactoryError: where it fails in another way
        """
        with self._mask.over_output():
            try:
                return self._run_job(self._prepare())
            except Exception as error:  # noqa: BLE001 - whatever a workflow raises may quote its config
                failure = self._failure(error)
                if not isinstance(error, DagFactoryError):
                    log.error(self._mask.hide(traceback.format_exc()))
                if isinstance(failure, AirflowFailException) or not self._is_tried_again():
                    self._tell_failed(str(failure), overrule=True, patient=True)
            except BaseException as interruption:
                # A workflow that a time-out interrupts reports success.
                self._tell_failed(type(interruption).__name__, overrule=True)
                raise
        # Raised here, it carries no trace of the original.
        raise failure

    def kill(self) -> None:
        """End what runs, and tell that it was killed."""
        if self._child is not None:
            self._child.terminate()
        self._tell_failed("The task was killed")

    def _prepare(self) -> tuple[Job, str | None]:
        """Return the job of this run, and the interpreter for it, None where that is this process's."""
        config = self._config()
        stored = with_server(config.document or {}, on_secret=self._mask.add)
        # With the way to the server known, whatever is wrong with the rest can be told.
        server = resolve({FIELD: stored.get(FIELD)}, on_secret=self._mask.add)
        self._begun = self._job(IngestionPipeline.from_document(stored), server)
        # References in a conf stay as they are: who may trigger may not read what the worker can.
        document = overridden(resolve(stored, on_secret=self._mask.add), self._conf)
        for secret in secret_values(document):
            self._mask.add(secret)
        pipeline = IngestionPipeline.from_document(document)
        job = self._begun = self._job(pipeline, document)
        self._show(config, pipeline, (document.get(FIELD) or {}).get("hostPort"))
        python = choose(pipeline.dag_factory.runner.python)
        where = "in the task's process" if python is None else f"by {python}"
        log.info("Running config '%s' as OpenMetadata run %s, %s", config.key, job.run_id, where)
        return job, python

    def _config(self) -> Config:
        config = Catalog(open_store(settings.config_store())).find(self._dag_id)
        if config is not None and config.problem is not None:
            raise config.problem
        if config is None or config.document is None:
            raise ConfigError(f"no config of the store says '{self._dag_id}' any more")
        return config

    @property
    def _conf(self) -> Mapping[str, object]:
        return self._context["dag_run"].conf or {}

    def _job(self, pipeline: IngestionPipeline, document: Document) -> Job:
        """Return this run of the pipeline in the form that needs nothing of Airflow, nor of our section."""
        run_id = openmetadata_run_id(self._dag_id, self._context["run_id"], self._conf)
        theirs = {name: value for name, value in document.items() if name != "dagFactory"}
        return Job(theirs, pipeline.fqn, run_id)

    def _show(self, config: Config, pipeline: IngestionPipeline, host_port: object) -> None:
        """Show in Airflow's UI, from the beginning, where the pipeline is and which version of its config runs."""
        self.links = links_to(pipeline, host_port)
        for key, value in {CONFIG_XCOM: config_version(config), **self.links}.items():
            self._context["ti"].xcom_push(key=key, value=value)

    def _run_job(self, prepared: tuple[Job, str | None]) -> Summary:
        job, python = prepared
        with ingestion_logging(str(job.document.get("loggerLevel") or "INFO")):
            summary = self._run_here(job) if python is None else self._run_in_child(job, python)
        for step, counts in summary.items():
            log.info("%s: %s", step, ", ".join(f"{count} {name}" for name, count in counts.items()))
        return summary

    def _run_here(self, job: Job) -> Summary:
        self._run = PipelineRun(job, on_secret=self._mask.add)
        return self._run.execute()

    def _run_in_child(self, job: Job, python: str) -> Summary:
        self._child = Child(python, environment(python, secrets=self._mask.secrets), self._mask)
        summary: Summary = self._child.run(RUN, asdict(job))
        return summary

    def _tell_failed(self, reason: str, *, overrule: bool = False, patient: bool = False) -> None:
        if self._begun is None:
            return
        told = tell_failed(self._begun, reason, overrule=overrule, patient=patient)
        if not told and self._run is not None:
            # With a token that only openmetadata-ingestion can read, say.
            self._run.report_failed()

    def _is_tried_again(self) -> bool:
        """Return whether Airflow will try a task that fails again, so that its run goes on."""
        task_instance = self._context["ti"]
        return task_instance.try_number <= task_instance.max_tries

    def _failure(self, error: Exception) -> Exception:
        """Return what the task fails with: the same in plain words and without secrets."""
        text = self._mask.hide(str(error))
        if isinstance(error, ConfigError):
            return AirflowFailException(text)
        if isinstance(error, DagFactoryError):
            return type(error)(text)
        return WorkflowError(f"{type(error).__name__}: {text}")
