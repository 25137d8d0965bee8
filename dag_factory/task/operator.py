"""The tasks: one that runs a pipeline, and one that says why its config can't be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM, left_by_task
from dag_factory.settings.airflow_versions import AirflowFailException
from dag_factory.task.links import PipelineLink, ServiceLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dag_factory.portable.ingestion.run import Summary
    from dag_factory.task.execution import Execution


class IngestionOperator(BaseOperator):
    """
    Runs the pipeline of its DAG: reads its config from the store, resolves references, runs the workflow.

    The operator itself holds nothing of the config, so nothing of it can appear in Airflow's database or UI. The
    workflow runs in this process, or in a child with another interpreter, whichever has openmetadata-ingestion.
    Returns, for each step of the workflow, how many records, errors and so on there were.

    :param problem: what is wrong with the config, where its last good version runs
    """

    ui_color = "#e8ddff"
    operator_extra_links = (PipelineLink(), ServiceLink())

    _execution: Execution | None = None

    def __init__(self, *, problem: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Context) -> Summary:
        # Imported late, since only a worker needs it.
        from dag_factory.task.execution import Execution

        self._execution = Execution(self.dag_id, context, self.problem)
        return self._execution.run()

    def on_kill(self) -> None:
        if self._execution is not None:
            self._execution.kill()

    @property
    def has_begun(self) -> bool:
        """Whether this process runs the task."""
        return self._execution is not None

    @property
    def links(self) -> Mapping[str, str]:
        """The pipeline's addresses in OpenMetadata's UI, by the XComs of the links; known once the task has started."""
        return self._execution.links if self._execution is not None else {}


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
        left = left_by_task(
            "failed", context["ti"].try_number, reason=self.problem, is_reported=False, task_failed=True
        )
        context["ti"].xcom_push(key=OUTCOME_XCOM, value=left)
        from dag_factory.reporting.run_tags import BROKEN
        from dag_factory.task.run_metrics import RunMetrics

        run_metrics = RunMetrics(self.dag_id)
        run_metrics.type = BROKEN
        run_metrics.send("failed")
        raise AirflowFailException(self.problem)
