"""Differences between versions of Airflow 3, so that callers need not know them."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import airflow
from airflow import settings

try:  # Airflow 3.2 and later
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowTaskTimeout
except ImportError:  # pragma: no cover - Airflow 3.1
    from airflow.exceptions import (  # type: ignore[attr-defined,no-redef]
        AirflowFailException,
        AirflowNotFoundException,
        AirflowTaskTimeout,
    )

__all__ = [
    "MOST_CHANGED_AT_ONCE",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowTaskTimeout",
    "has_cluster_policies",
    "has_executor",
    "is_dag_processor",
    "started_runs",
    "stats",
]

_IS_3_1 = airflow.__version__.startswith("3.1.")
MOST_CHANGED_AT_ONCE = 100 if _IS_3_1 else None
"""How many DAGs one ``PATCH /dags`` changes: in 3.1 one page (the default ``maximum_page_limit``), else all (None)."""
# Every run that has started and ended lasted longer, even where the clocks of two machines differ.
_ANY_DURATION = -1e9
# By which the clock of the database may be behind.
_MOST_BEHIND = timedelta(seconds=1)


def has_cluster_policies() -> bool:
    """Return whether a cluster policy is registered that may change or refuse a DAG."""
    if hasattr(settings, "get_policy_plugin_manager"):
        hook = settings.get_policy_plugin_manager().hook
    else:  # pragma: no cover - Airflow 3.1
        hook = settings.POLICY_PLUGIN_MANAGER.hook
    return bool(hook.dag_policy.get_hookimpls() or hook.task_policy.get_hookimpls())


def is_dag_processor() -> bool:
    """Return whether this is a process that Airflow's DAG processor has forked for one parse, rather than a command."""
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return hasattr(task_runner, "SUPERVISOR_COMMS")


def has_executor(name: str) -> bool:
    """Return whether Airflow is configured with an executor. A DAG that names another one breaks its whole file."""
    from airflow.exceptions import UnknownExecutorException
    from airflow.executors.executor_loader import ExecutorLoader

    try:
        ExecutorLoader.lookup_executor_name_by_str(name)
    except UnknownExecutorException:
        return False
    return True


def stats(*, of_task: bool) -> Any:
    """
    Return Airflow's class of metrics for this process, with the methods ``incr``, ``gauge`` and ``timing``.

    :param of_task: whether this is the process of a task: only the task SDK's metrics are set up there
    """
    try:
        return import_module("airflow.sdk.observability.stats" if of_task else "airflow.observability.stats").Stats
    except ImportError:  # pragma: no cover - Airflow 3.1, which has one for all
        return import_module("airflow.stats").Stats


def started_runs() -> dict[str, Any]:
    """
    Return the parameters by which Airflow lists only runs that have started.

    A filter of dates takes a run without a start for one that starts now. Airflow 3.1 has no filter of durations.
    """
    if _IS_3_1:  # pragma: no cover - Airflow 3.1
        return {"start_date_lt": (datetime.now(timezone.utc) - _MOST_BEHIND).isoformat()}
    return {"duration_gte": _ANY_DURATION}
