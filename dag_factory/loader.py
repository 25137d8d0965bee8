"""The loader: from a store to DAGs, with one config's trouble kept to itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from airflow import settings as airflow_settings
from airflow.exceptions import AirflowClusterPolicySkipDag
from airflow.sdk import DAG, get_parsing_context

from dag_factory import allowed, settings
from dag_factory.airflow_versions import has_cluster_policies
from dag_factory.allowed import Allowed
from dag_factory.builder import build_dag, build_placeholder
from dag_factory.catalog import Catalog, Config
from dag_factory.errors import ConfigError, SettingsError
from dag_factory.options import DEFAULT_LONGEST_RUN
from dag_factory.store import open_store

log = logging.getLogger(__name__)


def load_dags() -> dict[str, DAG]:
    """
    Return the DAGs of the configured store, by DAG id: all of them, or in a worker the one that it runs.

    A broken config becomes a placeholder DAG that says what is wrong; nothing about one config ever raises, for an
    import error of the loader would stop all DAGs.

    :raises StoreError: where the store as a whole can't be read
    """
    store = open_store(settings.config_store())
    catalog = Catalog(store)
    wanted = get_parsing_context().dag_id
    if wanted is None:
        # Read first, so that every config of this marker is among those that are read.
        marker = store.marker()
        configs = catalog.all()
        if marker is not None:
            store.note_loaded(marker)
    else:
        config = catalog.find(wanted)
        configs = [config] if config is not None else []
        if config is None:
            log.error("DAG '%s' is asked for, but no config of the store has this id any more", wanted)
    opened, longest_run = allowed.configured(), _longest_run()
    return {config.dag_id: dag for config in configs if (dag := _dag(config, opened, longest_run)) is not None}


def _longest_run() -> int | None:
    """Return for how many seconds runs may go on; a setting that says nothing sensible must not stop all DAGs."""
    try:
        return settings.longest_run()
    except SettingsError as error:
        log.error("%s. Until then, it is %d", error, DEFAULT_LONGEST_RUN)
        return DEFAULT_LONGEST_RUN


def _dag(config: Config, opened: Allowed, longest_run: int | None) -> DAG | None:
    """Return the DAG of a config, or its placeholder; None where not even that is to be had."""
    try:
        return _accepted(partial(build_dag, config, opened, longest_run=longest_run))
    except ConfigError as error:
        problem = error.within(config.key)
        log.warning("%s", problem)
    except Exception as error:
        log.exception("config '%s': Airflow refuses its DAG", config.key)
        problem = ConfigError(f"Airflow refuses the DAG: {type(error).__name__}. See the log", config=config.key)
    try:
        return _accepted(partial(build_placeholder, config, problem))
    except Exception:
        log.exception("config '%s': Airflow refuses the placeholder as well, so this config shows nowhere", config.key)
        return None


def _accepted(build: Callable[[], DAG]) -> DAG:
    """
    Return a DAG that Airflow will take.

    A DAG that fails Airflow's own checks, or that a cluster policy refuses, is an import error of its whole file.

    :raises ConfigError: where a cluster policy refuses it
    """
    dag = build()
    dag.validate()
    if has_cluster_policies():
        # Policies change the DAG that they see, and Airflow will call them again: let them see another one.
        _ask_cluster_policies(build())
    return dag


def _ask_cluster_policies(dag: DAG) -> None:
    try:
        airflow_settings.dag_policy(dag)
        for task in dag.tasks:
            airflow_settings.task_policy(task)
    except AirflowClusterPolicySkipDag:
        # Airflow will leave it out, as the policy means it.
        return
    except Exception as error:
        raise ConfigError(f"a cluster policy refuses the DAG: {error}") from error
