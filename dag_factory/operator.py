"""The tasks: one that runs a pipeline, and one that says why there is none to run."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dag_factory import settings
from dag_factory.airflow_versions import AirflowFailException
from dag_factory.catalog import Catalog
from dag_factory.config_version import CONFIG_XCOM, config_version
from dag_factory.errors import ConfigError, DagFactoryError, WorkflowError
from dag_factory.links import PipelineLink, ServiceLink, links_to
from dag_factory.store import open_store

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dag_factory.catalog import Config
    from dag_factory.document import Document
    from dag_factory.masking import Mask
    from dag_factory.pipeline import IngestionPipeline
    from dag_factory.runner.process import Child
    from dag_factory.workflow.run import Job, PipelineRun, Summary


class IngestionOperator(BaseOperator):
    """
    Runs the pipeline of its DAG: reads its config from the store, resolves references, runs the workflow.

    The operator itself holds nothing of the config, so nothing of it can appear in Airflow's database or UI. The
    workflow runs in this process, which then needs openmetadata-ingestion, or in a child of another interpreter, which
    then needs it. Returns, for each step of the workflow, how many records, errors and so on there were.
    """

    ui_color = "#e8ddff"
    operator_extra_links = (PipelineLink(), ServiceLink())

    links: Mapping[str, str] = MappingProxyType({})
    """Where the pipeline is in OpenMetadata's UI, by the XComs of the links; known once the task has begun."""

    _begun: Job | None = None
    _run: PipelineRun | None = None
    _child: Child | None = None

    def execute(self, context: Context) -> Summary:
        from dag_factory.masking import Mask

        mask = Mask()
        with mask.over_logs():
            try:
                return self._execute(context, mask)
            except Exception as error:  # noqa: BLE001 - whatever a workflow raises may quote its config
                failure = _failure(error, mask)
                if not isinstance(error, DagFactoryError):
                    self.log.error(mask.hide(traceback.format_exc()))
                if isinstance(failure, AirflowFailException) or not _is_tried_again(context):
                    self._tell_failed(str(failure), overrule=True, patient=True)
            except BaseException as interruption:
                # A workflow that a time-out interrupts reports success.
                self._tell_failed(type(interruption).__name__, overrule=True)
                raise
        # Raised here, it carries no trace of the original.
        raise failure

    def on_kill(self) -> None:
        if self._child is not None:
            self._child.terminate()
        self._tell_failed("The task was killed")

    def _execute(self, context: Context, mask: Mask) -> Summary:
        from dag_factory.pipeline import IngestionPipeline
        from dag_factory.references import resolve
        from dag_factory.runner.interpreter import choose
        from dag_factory.secrets import secret_values
        from dag_factory.server_connection import FIELD, with_server
        from dag_factory.workflow.logs import ingestion_logging
        from dag_factory.workflow.overrides import overridden

        config = Catalog(open_store(settings.config_store())).find(self.dag_id)
        if config is not None and config.problem is not None:
            raise config.problem
        if config is None or config.document is None:
            raise ConfigError(f"no config of the store says '{self.dag_id}' any more")
        stored = with_server(config.document, on_secret=mask.add)
        server = resolve({FIELD: stored.get(FIELD)}, on_secret=mask.add)
        # Whatever is wrong with the rest can be told.
        self._begun = self._job(context, IngestionPipeline.from_document(stored), server)
        conf = context["dag_run"].conf or {}
        # References in a conf stay as they are: who may trigger may not read what the worker can.
        document = overridden(resolve(stored, on_secret=mask.add), conf)
        for secret in secret_values(document):
            mask.add(secret)
        pipeline = IngestionPipeline.from_document(document)
        job = self._begun = self._job(context, pipeline, document)
        self._show(context, config, pipeline, (document.get(FIELD) or {}).get("hostPort"))
        python = choose(pipeline.dag_factory.runner.python)
        self.log.info(
            "Running config '%s' as OpenMetadata run %s, %s",
            config.key,
            job.run_id,
            "in the task's process" if python is None else f"by {python}",
        )
        with ingestion_logging(str(document.get("loggerLevel") or "INFO")):
            summary = self._run_here(job, mask) if python is None else self._run_in_child(job, mask, python)
        for step, counts in summary.items():
            self.log.info("%s: %s", step, ", ".join(f"{count} {name}" for name, count in counts.items()))
        return summary

    def _run_here(self, job: Job, mask: Mask) -> Summary:
        from dag_factory.workflow.run import PipelineRun

        self._run = PipelineRun(job, on_secret=mask.add)
        return self._run.execute()

    def _run_in_child(self, job: Job, mask: Mask, python: str) -> Summary:
        from dag_factory.runner.interpreter import environment
        from dag_factory.runner.process import Child
        from dag_factory.workflow.jobs import RUN

        self._child = Child(python, environment(python, secrets=mask.secrets), mask)
        summary: Summary = self._child.run(RUN, asdict(job))
        return summary

    def _job(self, context: Context, pipeline: IngestionPipeline, document: Document) -> Job:
        """Return this run of the pipeline in the form that needs nothing of Airflow, nor of this section of ours."""
        # A signal's handler that needs it must not be the one to import it.
        from dag_factory.reporting import own_end  # noqa: F401
        from dag_factory.workflow.overrides import requested_run_id
        from dag_factory.workflow.run import Job, openmetadata_run_id

        requested = requested_run_id(context["dag_run"].conf or {})
        run_id = openmetadata_run_id(self.dag_id, context["run_id"], requested)
        theirs = {name: value for name, value in document.items() if name != "dagFactory"}
        return Job(theirs, pipeline.fqn, run_id)

    def _show(self, context: Context, config: Config, pipeline: IngestionPipeline, host_port: object) -> None:
        """Show in Airflow's UI, from the beginning, where the pipeline is and which version of its config runs."""
        self.links = links_to(pipeline, host_port)
        for key, value in {CONFIG_XCOM: config_version(config), **self.links}.items():
            context["ti"].xcom_push(key=key, value=value)

    def _tell_failed(self, reason: str, *, overrule: bool = False, patient: bool = False) -> None:
        from dag_factory.reporting.own_end import tell_failed

        if self._begun is None:
            return
        told = tell_failed(self._begun, reason, overrule=overrule, patient=patient)
        if not told and self._run is not None:
            # With a token that only openmetadata-ingestion can read, say.
            self._run.report_failed()


class ConfigErrorOperator(BaseOperator):
    """
    Stands for a pipeline whose config is broken, and fails with what is wrong.

    :param problem: what is wrong and the way out
    """

    ui_color = "#ffd6d6"

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Context) -> None:
        raise AirflowFailException(self.problem)


def _is_tried_again(context: Context) -> bool:
    """Return whether Airflow will try a task that fails again, so that its run goes on."""
    task_instance = context["ti"]
    return task_instance.try_number <= task_instance.max_tries


def _failure(error: Exception, mask: Mask) -> Exception:
    """Return what the task fails with: the same in plain words and without secrets."""
    text = mask.hide(str(error))
    if isinstance(error, ConfigError):
        return AirflowFailException(text)  # no retry mends a config
    if isinstance(error, DagFactoryError):
        return type(error)(text)
    return WorkflowError(f"{type(error).__name__}: {text}")
