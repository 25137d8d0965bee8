"""
When to parse once more after a change, since Airflow may ignore it at the first parse.

Each process that makes or notices a change knows these times (`later_seconds`). Whether a load has found something that
Airflow may ignore is known to that load alone, which notes until when it may (`again_at`); it notes nothing where all
its changes are DAGs that the load before did not have. So a new pipeline takes one parse, and one more only where
Airflow does not have its DAG then.
"""

from __future__ import annotations

from dag_factory.settings import airflow_settings

# From a change until a load finds it, and from then until Airflow has stored the load's DAGs.
FINDING_SECONDS = 3
WRITING_SECONDS = 3
# No setting is longer. Anybody who can write to the store can write the note of the load before.
_LONGEST_SECONDS = 86_400


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
    margin = FINDING_SECONDS + WRITING_SECONDS
    return sorted({seconds + margin for seconds in (dag_update_seconds, stale_dag_seconds) if seconds})


def configured_again_at(
    began: float, before: float | None, *, are_changed: bool, are_gone: bool, are_put_off: bool = False
) -> float | None:
    """
    Return what `again_at` does for an Airflow that is configured like this one.

    :param are_put_off: whether the load had no time for something, so that another one is needed in any case
    """
    # A removed DAG may come back changed while Airflow does not store it yet, so this interval counts too.
    changed = airflow_settings.dag_update_seconds() if are_changed or are_gone else 0
    gone = airflow_settings.stale_dag_seconds() if are_gone else 0
    again = again_at(began, before, max(changed, gone))
    return began + WRITING_SECONDS if again is None and are_put_off else again


def again_at(began: float, before: float | None, ignored_seconds: float) -> float | None:
    """
    Return from when on another load is needed, in seconds since the epoch; None where Airflow takes all of this one.

    :param began: when the load has begun, in seconds since the epoch
    :param before: what this was after the load before it
    :param ignored_seconds: for how long Airflow may ignore something that the load has found, 0 where it does not
    """
    times = [before] if before is not None and began < before <= began + _LONGEST_SECONDS else []
    times += [began + ignored_seconds + WRITING_SECONDS] if ignored_seconds else []
    return max(times, default=None)
