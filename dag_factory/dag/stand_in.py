"""The DAG of a worker that can't see the store, and does not know what was in it."""

from __future__ import annotations

from airflow.sdk import DAG

from dag_factory.dag.builder import PROBLEM_TASK
from dag_factory.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.task.operator import ConfigErrorOperator, IngestionOperator


def build_stand_in(dag_id: str, reason: str) -> DAG:
    """
    Return a DAG that has a task of each id that a pipeline's may have.

    So whichever the worker is to run can begin, and its log says why it fails, or it runs if the store is back by then.
    Without any the log would say that the DAG is unknown. Airflow's scheduler knows the DAG's retries.

    :param reason: why the pipeline can't be read
    """
    dag = DAG(dag_id=dag_id, schedule=None)
    for task_id in sorted({kind.task_id for kind in PIPELINE_TYPES.values()}):
        IngestionOperator(task_id=task_id, dag=dag)
    ConfigErrorOperator(task_id=PROBLEM_TASK, problem=reason, dag=dag)
    return dag
