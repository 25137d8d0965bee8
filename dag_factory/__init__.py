"""
OpenMetadata ingestion on Apache Airflow: every stored pipeline becomes a DAG, in memory, at parse time.

The names in ``__all__`` are what may be imported. All else of this package may change in any release.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from dag_factory.dag.bundle import IngestionBundle
    from dag_factory.errors import ConfigError, DagFactoryError, SettingsError, StoreError, WorkflowError
    from dag_factory.task.operator import IngestionOperator

__all__ = [
    "ConfigError",
    "DagFactoryError",
    "IngestionBundle",
    "IngestionOperator",
    "SettingsError",
    "StoreError",
    "WorkflowError",
    "load_dags",
]
__version__ = "0.1.0"

_MODULES = {"IngestionBundle": "dag.bundle", "IngestionOperator": "task.operator"}


def load_dags(shard: int = 0, of: int = 1) -> dict[str, DAG]:
    """Return the DAGs of the configured store, or of a shard of it; see `dag_factory.dag.loader.load_dags`."""
    # Airflow imports this package in every process to discover the plugin: the DAG machinery comes when it is needed.
    from dag_factory.dag.loader import load_dags

    return load_dags(shard, of)


def __getattr__(name: str) -> object:
    """Import the others of ``__all__`` when they are asked for, for the same reason."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module = _MODULES.get(name, "errors")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
