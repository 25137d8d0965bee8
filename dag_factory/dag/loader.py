"""The loader: builds the DAGs of a store. A broken config affects no other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from airflow import settings as airflow_settings
from airflow.exceptions import AirflowClusterPolicySkipDag
from airflow.sdk import DAG, get_parsing_context

from dag_factory import settings
from dag_factory.airflow_versions import has_cluster_policies
from dag_factory.configs import allowed
from dag_factory.configs.allowed import Allowed
from dag_factory.dag import last_load
from dag_factory.dag.builder import build_dag, build_placeholder
from dag_factory.dag.load_notes import LoadNotes, begin_notes
from dag_factory.dag.stand_in import build_stand_in
from dag_factory.errors import ConfigError, SettingsError, StoreError
from dag_factory.options import DEFAULT_LONGEST_RUN
from dag_factory.store import ConfigStore, configured_memory, open_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.claims import defaults_keys
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.last_good import BUDGET_SECONDS, InUse, Version
from dag_factory.store.load_time import LoadTime
from dag_factory.store.memory import KEEP_SECONDS, Memory
from dag_factory.store.shards import Shard

log = logging.getLogger(__name__)


# If a link to the store is swapped while it is read, as git-sync does, it is read again.
_ATTEMPTS = 3


def load_dags(shard: int = 0, of: int = 1) -> dict[str, DAG]:
    """
    Return the DAGs of the configured store, by DAG id: all of a shard, or in a worker the one that it runs.

    A worker gets it from any shard's loader: that of its DAG may have changed since the run was queued.

    A broken config runs its last good version, or becomes a placeholder DAG that says what is wrong. While the store is
    missing, the DAGs are those of the last load. Nothing about a config or the store ever raises: an import error of
    the loader would stop all DAGs.

    :param shard: from 0 on
    :param of: how many shards there are
    """
    try:
        part, location = Shard(shard, of), settings.config_store()
        memory = configured_memory(location)
        store = open_store(location, memory)
    except SettingsError as error:
        log.error("No DAGs are loaded. %s", error)
        return {}
    wanted = get_parsing_context().dag_id
    try:
        if wanted is not None:
            return _one(store, wanted)
        loaded = _all(store, memory, part)
    except StoreError as error:
        if wanted is not None:
            return _one_of_last_load(memory, wanted, error)
        loaded = _all_of_last_load(memory, error)
    return {dag_id: dag for dag_id, dag in loaded.items() if part.holds(dag_id)}


def _all(store: ConfigStore, memory: Memory | None, shard: Shard) -> dict[str, DAG]:
    with begin_notes(store, memory.path if memory is not None else None) as notes:
        return _noted(store, memory, notes, shard)


def _noted(store: ConfigStore, memory: Memory | None, notes: LoadNotes, shard: Shard) -> dict[str, DAG]:
    known_keys = (memory.keys() if memory is not None else None) or None
    for _ in range(_ATTEMPTS):
        place = store.check()
        # Read before the configs, so that all configs of this marker are among them.
        marker, revisions, began = store.marker(), store.revisions(), time.time()
        dags = _dags(allowed.configured())
        load_time = LoadTime(notes.build_seconds, known_keys)
        catalog = Catalog(store, dags.check, load_time=load_time)
        configs = catalog.all()
        # A missing config may only mean that the store is missing.
        if store.check() == place:
            break
    if configs or place.identity is not None:  # an empty folder may be the store's mount point
        seconds = load_time.at_most(BUDGET_SECONDS)
        keep_last_good(store, configs, since=began, complete=catalog.is_complete, seconds=seconds)
    if marker is not None:
        store.note_loaded(marker, shard)
    known = store.remember()
    if memory is not None and known is not None:
        last_load.keep(memory, known, configs, revisions, seconds=load_time.at_most(KEEP_SECONDS))
    loaded = dags.of_all(configs)
    if (problem := load_time.problem()) is not None:
        log.log(logging.ERROR if load_time.left_out or load_time.put_off else logging.WARNING, "%s", problem)
    notes.built(len(loaded), problem)
    return loaded


def _one(store: ConfigStore, wanted: str) -> dict[str, DAG]:
    store.check()
    dags = _dags(allowed.configured())
    config = Catalog(store, dags.check).find(wanted)
    if config is None:
        store.confirm_absence()
        log.error("DAG '%s' is unknown: no config of the store has this id any more. Was its config removed?", wanted)
        return {}
    return dags.of_all([config])


def _all_of_last_load(memory: Memory | None, error: StoreError) -> dict[str, DAG]:
    configs = last_load.recalled(memory) if memory is not None else []
    log.error("%s Until the store is back, all DAGs stay as they were: %d, from the last load", error, len(configs))
    return _dags(last_load.CHECKED).of_all(configs)


def _one_of_last_load(memory: Memory | None, wanted: str, error: StoreError) -> dict[str, DAG]:
    log.error("%s", error)
    config = last_load.recalled_one(memory, wanted) if memory is not None else None
    if config is None:
        return {wanted: build_stand_in(wanted, str(error))}
    return _dags(last_load.CHECKED).of_all([config])


def _dags(opened: Allowed) -> _Dags:
    return _Dags(opened, _longest_run(), title_tag=_title_tag(), spread=_spread())


def _longest_run() -> int | None:
    """Return the setting ``longest_run``; an invalid value must not stop all DAGs."""
    try:
        return settings.longest_run()
    except SettingsError as error:
        log.error("%s. Until it is corrected, %d is used", error, DEFAULT_LONGEST_RUN)
        return DEFAULT_LONGEST_RUN


def _title_tag() -> bool:
    """Return the setting ``title_tag``; an invalid value must not stop all DAGs."""
    try:
        return settings.title_tag()
    except SettingsError as error:
        log.error("%s Until it is corrected, titles are not tags", error)
        return False


def _spread() -> int:
    """Return the setting ``schedule_spread_seconds``; an invalid value must not stop all DAGs."""
    try:
        return settings.schedule_spread_seconds()
    except SettingsError as error:
        log.error("%s. Until it is corrected, runs are not spread", str(error).rstrip("."))
        return 0


def keep_last_good(
    store: ConfigStore,
    configs: Iterable[Config | BrokenConfig],
    *,
    since: float,
    complete: bool,
    seconds: float = BUDGET_SECONDS,
) -> None:
    """
    Keep copies of the configs from which DAGs have been built, to run while the configs are broken. Never fails.

    :param since: when the configs were listed, in seconds since the epoch
    :param complete: whether these are all configs of the store
    :param seconds: for how long copies are written
    """
    good: list[Version] = []
    broken: dict[str, str] = {}
    for config in configs:
        if isinstance(config, Config) and config.trouble is None:
            access = store.access(config.key, defaults_keys(config.key))
            good.append(Version(config.dag_id, config.key, config.document, access))
        else:
            # Also one whose copy can't run, for the operator may allow it again.
            broken[config.dag_id] = config.key
    store.last_good.keep(
        good, InUse(broken.keys(), frozenset(broken.values())), since=since, complete=complete, seconds=seconds
    )


class _Dags:
    """The DAGs of configs, each built once."""

    def __init__(self, opened: Allowed, longest_run: int | None, *, title_tag: bool, spread: int = 0) -> None:
        self._build = partial(build_dag, opened=opened, longest_run=longest_run, title_tag=title_tag, spread=spread)
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

    def of_all(self, configs: Iterable[Config | BrokenConfig]) -> dict[str, DAG]:
        """Return the DAGs of configs, by DAG id."""
        return {config.dag_id: dag for config in configs if (dag := self._of(config)) is not None}

    def _of(self, config: Config | BrokenConfig) -> DAG | None:
        """Return the DAG of a config, or its placeholder; None where neither can be built."""
        if isinstance(config, BrokenConfig):
            return _placeholder(config)
        if _build_of(config) not in self._built:
            # For a config of the last load, a policy may have changed since.
            try:
                self.check(config)
            except ConfigError as error:
                return _placeholder(config.broken(error))
        if config.trouble is not None:
            log.warning("%s. The last good version runs", str(config.trouble.problem).rstrip("."))
        return self._built[_build_of(config)]


def _placeholder(config: BrokenConfig) -> DAG | None:
    log.warning("%s", config.problem)
    try:
        return _accepted(partial(build_placeholder, config))
    except Exception:
        log.exception(
            "config '%s': Airflow refuses the placeholder as well, so this config has no DAG at all", config.key
        )
        return None


def _build_of(config: Config) -> tuple[str, str, bool]:
    return (config.key, config.dag_id, config.trouble is not None)


def _accepted(build: Callable[[], DAG]) -> DAG:
    """
    Return a DAG that Airflow accepts.

    A DAG that fails Airflow's own checks, or that a cluster policy refuses, is an import error of its whole file.

    :raises ConfigError: where a cluster policy refuses it
    """
    dag = build()
    dag.validate()
    if has_cluster_policies():
        # Policies may change the DAG that they get, and Airflow calls them again: so they get a separate DAG here.
        _ask_cluster_policies(build())
    return dag


def _ask_cluster_policies(dag: DAG) -> None:
    try:
        airflow_settings.dag_policy(dag)
        for task in dag.tasks:
            airflow_settings.task_policy(task)
    except AirflowClusterPolicySkipDag:
        # Airflow leaves it out, as the policy asks.
        return
    except Exception as error:
        raise ConfigError(f"a cluster policy refuses the DAG: {error}") from error
