"""The loader: from a store to DAGs, with one config's trouble kept to itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from airflow import settings as airflow_settings
from airflow.exceptions import AirflowClusterPolicySkipDag
from airflow.sdk import DAG, get_parsing_context

from dag_factory import allowed, settings
from dag_factory.airflow_versions import has_cluster_policies
from dag_factory.allowed import Allowed
from dag_factory.builder import build_dag, build_placeholder
from dag_factory.catalog import Catalog, Config
from dag_factory.claims import defaults_keys
from dag_factory.errors import ConfigError, SettingsError
from dag_factory.options import DEFAULT_LONGEST_RUN
from dag_factory.store import ConfigStore, open_store
from dag_factory.store.last_good import InUse, Version

log = logging.getLogger(__name__)


def load_dags() -> dict[str, DAG]:
    """
    Return the DAGs of the configured store, by DAG id: all of them, or in a worker the one that it runs.

    A broken config runs its last good version, or becomes a placeholder DAG that says what is wrong; nothing about one
    config ever raises, for an import error of the loader would stop all DAGs.

    :raises StoreError: where the store as a whole can't be read
    """
    store = open_store(settings.config_store())
    dags = _Dags(allowed.configured(), _longest_run())
    catalog = Catalog(store, dags.check)
    wanted = get_parsing_context().dag_id
    if wanted is None:
        # Read first, so that every config of this marker is among those that are read.
        marker, began = store.marker(), time.time()
        configs = catalog.all()
        keep_last_good(store, configs, since=began, complete=catalog.is_complete)
        if marker is not None:
            store.note_loaded(marker)
    else:
        config = catalog.find(wanted)
        configs = [config] if config is not None else []
        if config is None:
            log.error("DAG '%s' is asked for, but no config of the store has this id any more", wanted)
    return {config.dag_id: dag for config in configs if (dag := dags.of(config)) is not None}


def _longest_run() -> int | None:
    """Return for how many seconds runs may go on; a setting that says nothing sensible must not stop all DAGs."""
    try:
        return settings.longest_run()
    except SettingsError as error:
        log.error("%s. Until then, it is %d", error, DEFAULT_LONGEST_RUN)
        return DEFAULT_LONGEST_RUN


def keep_last_good(store: ConfigStore, configs: Sequence[Config], *, since: float, complete: bool) -> None:
    """
    Keep copies of the configs from which DAGs have been built, to run while the configs are broken. Never fails.

    :param since: when the configs were listed, in seconds since the epoch
    :param complete: whether these are all configs of the store
    """
    broken = [config for config in configs if config.problem is not None or config.trouble is not None]
    good = [
        Version(config.dag_id, config.key, config.document, store.access(config.key, defaults_keys(config.key)))
        for config in configs
        if config.problem is None and config.trouble is None and config.document is not None
    ]
    # Also of one whose copy can't run, for the operator may allow it again.
    in_use = InUse({config.dag_id for config in broken}, {config.key for config in broken})
    store.last_good.keep(good, in_use, since=since, complete=complete)


class _Dags:
    """The DAGs of configs, each built once."""

    def __init__(self, opened: Allowed, longest_run: int | None) -> None:
        self._build = partial(build_dag, opened=opened, longest_run=longest_run)
        self._built: dict[tuple[str, str, bool], DAG] = {}

    def check(self, config: Config) -> None:
        """
        Build the DAG of a config.

        :raises ConfigError: where it can't be built, or Airflow does not take it
        """
        try:
            self._built[_build_of(config)] = _accepted(partial(self._build, config))
        except ConfigError as error:
            raise error.within(config.key) from None
        except Exception as error:
            log.exception("config '%s': Airflow refuses its DAG", config.key)
            raise ConfigError(
                f"Airflow refuses the DAG: {type(error).__name__}. See the log", config=config.key
            ) from error

    def of(self, config: Config) -> DAG | None:
        """Return the DAG of a config, or its placeholder; None where not even that is to be had."""
        problem = config.problem
        if problem is None:
            if config.trouble is not None:
                log.warning("%s. The last good version runs", str(config.trouble.problem).rstrip("."))
            if _build_of(config) not in self._built:
                self.check(config)
            return self._built[_build_of(config)]
        log.warning("%s", problem)
        try:
            return _accepted(partial(build_placeholder, config, problem))
        except Exception:
            log.exception(
                "config '%s': Airflow refuses the placeholder as well, so this config shows nowhere", config.key
            )
            return None


def _build_of(config: Config) -> tuple[str, str, bool]:
    return (config.key, config.dag_id, config.trouble is not None)


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
