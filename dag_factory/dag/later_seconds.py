"""When to parse once more after a change, since Airflow may ignore it at the first parse."""

from __future__ import annotations

from dag_factory.settings import airflow_settings

# Airflow needs so long to parse the loader and to store its DAGs.
WRITING_SECONDS = 5


def configured_later_seconds() -> list[float]:
    """Return what `later_seconds` does for an Airflow that is configured like this one."""
    return later_seconds(airflow_settings.dag_update_seconds(), airflow_settings.stale_dag_seconds())


def later_seconds(dag_update_seconds: float, stale_dag_seconds: float) -> list[float]:
    """
    Return after how many seconds Airflow takes over what it may have ignored at the first parse.

    :param dag_update_seconds: after storing a DAG, Airflow does not store it again for so long (``[core]
        min_serialized_dag_update_interval``); 0 without such a limit
    :param stale_dag_seconds: how long a DAG must be missing from parses until Airflow counts it as removed
        (``[dag_processor] stale_dag_threshold``)
    """
    return sorted({seconds + WRITING_SECONDS for seconds in (dag_update_seconds, stale_dag_seconds) if seconds})
