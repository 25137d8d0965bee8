"""OpenMetadata ingestion on Apache Airflow: every stored pipeline becomes a DAG, in memory, at parse time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG

__all__ = ["load_dags"]
__version__ = "0.1.0"


def load_dags() -> dict[str, DAG]:
    """Return the DAGs of the configured store; see `dag_factory.dag.loader.load_dags`."""
    # Airflow imports this package in every process to discover the plugin: the DAG machinery comes when it is needed.
    from dag_factory.dag.loader import load_dags

    return load_dags()
