"""The tasks: one that runs a pipeline, and one that says why there is none to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dag_factory import settings
from dag_factory.airflow_versions import AirflowFailException
from dag_factory.catalog import Catalog
from dag_factory.errors import ConfigError
from dag_factory.store import open_store

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dag_factory.workflow.run import PipelineRun


class IngestionOperator(BaseOperator):
    """
    Runs the pipeline of its DAG: reads its config from the store, resolves references, runs the workflow.

    The operator itself holds nothing of the config, so nothing of it can appear in Airflow's database or UI.
    Needs openmetadata-ingestion in the worker.
    """

    ui_color = "#e8ddff"

    _run: PipelineRun | None = None

    def execute(self, context: Context) -> None:
        from airflow.sdk.log import mask_secret

        from dag_factory.references import resolve
        from dag_factory.secrets import secret_values
        from dag_factory.workflow.run import PipelineRun, openmetadata_run_id

        try:
            config = Catalog(open_store(settings.config_store())).find(self.dag_id)
            if config is None or config.document is None:
                raise AirflowFailException(f"The config of '{self.dag_id}' is no longer in the store.")
            document = resolve(config.document, on_secret=mask_secret)
            for secret in secret_values(document):
                mask_secret(secret)
            run_id = openmetadata_run_id(self.dag_id, context["run_id"], _conf(context).get("pipelineRunId"))
            self.log.info("Running config '%s' as OpenMetadata run %s", config.key, run_id)
            self._run = PipelineRun(document, run_id, mask=mask_secret)
            self._run.execute()
        except ConfigError as error:
            # No retry mends a config.
            raise AirflowFailException(str(error)) from None

    def on_kill(self) -> None:
        if self._run is not None:
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


def _conf(context: Context) -> dict[str, Any]:
    return context["dag_run"].conf or {}
