"""The tasks: one that runs a pipeline, and one that says why there is none to run."""

from __future__ import annotations

import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dag_factory import settings
from dag_factory.airflow_versions import AirflowFailException
from dag_factory.catalog import Catalog
from dag_factory.errors import ConfigError, DagFactoryError, WorkflowError
from dag_factory.store import open_store

if TYPE_CHECKING:
    from airflow.sdk import Context

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
        # Raised here, it carries no trace of the original.
        raise failure

    def on_kill(self) -> None:
        if self._child is not None:
            self._child.terminate()
        if self._run is not None:
            self._run.report_failed()

    def _execute(self, context: Context, mask: Mask) -> Summary:
        from dag_factory.pipeline import IngestionPipeline
        from dag_factory.references import resolve
        from dag_factory.runner.interpreter import choose
        from dag_factory.secrets import secret_values

        config = Catalog(open_store(settings.config_store())).find(self.dag_id)
        if config is not None and config.problem is not None:
            raise config.problem
        if config is None or config.document is None:
            raise ConfigError(f"no config of the store says '{self.dag_id}' any more")
        document = resolve(config.document, on_secret=mask.add)
        for secret in secret_values(document):
            mask.add(secret)
        pipeline = IngestionPipeline.from_document(document)
        python = choose(pipeline.dag_factory.runner.python)
        job = self._job(context, pipeline, document)
        self.log.info(
            "Running config '%s' as OpenMetadata run %s, %s",
            config.key,
            job.run_id,
            "in the task's process" if python is None else f"by {python}",
        )
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
        from dag_factory.workflow.run import Job, openmetadata_run_id

        conf = context["dag_run"].conf or {}
        run_id = openmetadata_run_id(self.dag_id, context["run_id"], conf.get("pipelineRunId"))
        theirs = {name: value for name, value in document.items() if name != "dagFactory"}
        return Job(theirs, pipeline.fqn, run_id)


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


def _failure(error: Exception, mask: Mask) -> Exception:
    """Return what the task fails with: the same in plain words and without secrets."""
    text = mask.hide(str(error))
    if isinstance(error, ConfigError):
        return AirflowFailException(text)  # no retry mends a config
    if isinstance(error, DagFactoryError):
        return type(error)(text)
    return WorkflowError(f"{type(error).__name__}: {text}")
