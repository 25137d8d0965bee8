"""What the last loads have made of the configs: enough to build the same DAGs again without reading a config."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from airflow.sdk import DAG

from dag_factory.dag.accepted import accepted
from dag_factory.dag.dags import placeholder
from dag_factory.dag.plan import PlaceholderPlan, Plan, from_text
from dag_factory.errors import ConfigError
from dag_factory.store.config import BrokenConfig
from dag_factory.store.index import Index, Outcome

log = logging.getLogger(__name__)

# How many plans are in memory at once.
_BATCH = 500


class Plans:
    """
    The plans of DAG ids, read a few hundred at a time.

    :param dag_ids: those that will be asked for, sorted
    """

    def __init__(self, index: Index, dag_ids: Sequence[str]) -> None:
        self._index = index
        self._dag_ids = dag_ids
        self._read: dict[str, str] = {}

    def of(self, dag_id: str) -> Plan | PlaceholderPlan | None:
        """Return the plan of a DAG id, None where it is missing or can't be read."""
        if dag_id not in self._read:
            place = bisect_left(self._dag_ids, dag_id)
            self._read = dict(self._index.plans(self._dag_ids[place : place + _BATCH]))
        text = self._read.pop(dag_id, None)
        if text is None:
            return None
        try:
            plan = from_text(text)
        except ValueError:
            plan = None
        if plan is None or plan.dag_id != dag_id:
            log.warning("the plan that the last load has kept of DAG '%s' can't be read, so it is ignored", dag_id)
            return None
        return plan


def recalled(index: Index, outcomes: Mapping[str, Outcome]) -> dict[str, DAG]:
    """
    Return the DAGs of the last load, by DAG id.

    :param outcomes: by DAG id; those of which nothing else was kept are left out
    """
    dag_ids = sorted(outcomes)
    plans = Plans(index, dag_ids)
    planned = {dag_id: plan for dag_id in dag_ids if (plan := plans.of(dag_id)) is not None}
    built = {dag_id: again(plan, outcomes[dag_id].key) for dag_id, plan in planned.items()}
    return {dag_id: dag for dag_id, dag in built.items() if dag is not None}


def again(plan: Plan | PlaceholderPlan, key: str) -> DAG | None:
    """
    Return the DAG of the last load, its placeholder where Airflow refuses it by now, None where it refuses both.

    :param key: of the config that had it
    """
    try:
        return accepted(plan)
    except Exception as error:
        # It was built before, but a policy of Airflow's operator, or Airflow itself, may have changed.
        if not isinstance(error, ConfigError):
            log.exception("Airflow refuses the DAG '%s' of the last load", plan.dag_id)
        problem = (
            error if isinstance(error, ConfigError) else ConfigError(f"Airflow refuses it: {type(error).__name__}")
        )
        replaced = placeholder(BrokenConfig(plan.dag_id, key, problem.within(key)))
        return replaced[0] if replaced is not None else None
