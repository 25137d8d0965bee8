"""The DAG of a worker that can't see the store, and does not remember what was in it."""

from __future__ import annotations

from airflow.sdk import DAG

from dag_factory.dag.builder import PROBLEM_TASK
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.task.operator import ConfigErrorOperator, IngestionOperator


def build_fallback_dag(dag_id: str, reason: str) -> DAG:
    """
    Return a DAG that has a task for each task id that a pipeline can have.

    So the worker can start its task, whose log says why it fails; if the store is back by then, the task runs. Without
    this DAG the log would say that the DAG is unknown. The scheduler uses the retries of the DAG that it has stored.

    :param reason: why the pipeline can't be read
    """
    dag = DAG(dag_id=dag_id, schedule=None)
    for task_id in sorted({kind.task_id for kind in PIPELINE_TYPES.values()}):
        IngestionOperator(task_id=task_id, dag=dag)
    ConfigErrorOperator(task_id=PROBLEM_TASK, problem=reason, dag=dag)
    return dag
