"""What Airflow lists, and a DAG that is not a pipeline's."""

from __future__ import annotations

from typing import Any

from sandbox.stack import AirflowStack

PAGE = 100
_HANDWRITTEN = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("{}", schedule=None, tags=["finance"], is_paused_upon_creation=False):
    EmptyOperator(task_id="close")
"""


def handwritten(dag_id: str) -> str:
    """Return the file of somebody else's DAG, whose tag is `finance`."""
    return _HANDWRITTEN.format(dag_id)


def listed(airflow: AirflowStack, prefix: str = "") -> list[dict[str, Any]]:
    """Return the DAGs that Airflow lists whose ids begin with ``prefix``, in the order of their ids."""
    dags: list[dict[str, Any]] = []
    while True:
        params: dict[str, Any] = {"limit": PAGE, "offset": len(dags), "order_by": "dag_id"}
        page = airflow.api("GET", "/api/v2/dags", params=params | ({"dag_id_pattern": prefix} if prefix else {}))
        dags += page["dags"]
        if not page["dags"] or len(dags) >= page["total_entries"]:
            return [dag for dag in dags if dag["dag_id"].startswith(prefix)]


def tags(dag: dict[str, Any]) -> set[str]:
    """Return the names of a DAG's tags."""
    return {tag["name"] for tag in dag["tags"]}
