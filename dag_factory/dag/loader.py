"""The loader: builds the DAGs of a store. A broken config affects no other."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from airflow.sdk import DAG, get_parsing_context

from dag_factory import settings
from dag_factory.dag import last_load, load_settings
from dag_factory.dag.dags import Dags
from dag_factory.dag.fallback_dag import build_fallback_dag
from dag_factory.dag.later_seconds import configured_again_at
from dag_factory.dag.load import Load
from dag_factory.dag.load_notes import LoadNotes, begin_notes
from dag_factory.errors import DagFactoryError, SettingsError, StoreError
from dag_factory.reporting import metrics
from dag_factory.settings.airflow_versions import is_dag_processor
from dag_factory.store import ConfigStore, configured_memory, open_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.index import Index, LastLoad
from dag_factory.store.last_good import BUDGET_SECONDS
from dag_factory.store.load_time import LoadTime
from dag_factory.store.shards import WHOLE, Shard

log = logging.getLogger(__name__)

# If a link to the store is swapped while it is read, as git-sync does, it is read again.
_ATTEMPTS = 3


def load_dags(shard: int = 0, of: int = 1) -> dict[str, DAG]:
    """
    Return the DAGs of the configured store, by DAG id: those of a shard, or in a worker the one that it runs.

    A worker gets it from any shard's loader: that of its DAG may have changed since the run was queued.

    A broken config runs its last good version, or becomes a placeholder DAG that says what is wrong. While the store is
    missing, or a setting keeps it from being opened, the DAGs are those of the last load. Nothing about a config, a
    setting or the store ever raises: an import error of the loader would stop all DAGs.

    :param shard: which of ``of`` loader files this is, from 0 on. Where no such shard can be, all DAGs are returned:
        otherwise those that it was meant for would be in no file, and Airflow would count them as removed
    :param of: how many loader files there are; each DAG is in one of them
    """
    wanted = get_parsing_context().dag_id
    index = memory = None
    try:
        location = settings.config_store()
        memory = configured_memory(location)
        index = Index(memory.database) if memory is not None else None
        store = open_store(location, memory)
    except SettingsError as error:
        return _without_store(index, _held(shard, of), wanted, error)
    if wanted is not None:
        return _one(store, index, wanted)
    held = _held(shard, of)
    with _without_collector():
        try:
            with begin_notes(store, memory.path if memory is not None else None, held) as notes:
                return _all(store, index, held, notes)
        except StoreError as error:
            return _all_of_last_load(index, held, f"{error} Until the store is back")
        except Exception as error:  # noqa: BLE001 - an import error of the loader would stop all DAGs
            # Without the error's text, which may quote a config.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error(
                "The loader has failed with %s, which is a bug. Please report it with these lines:\n%s",
                type(error).__name__,
                where,
            )
            return _all_of_last_load(index, held, "Until that is fixed")


def _held(number: int, of: int) -> Shard:
    try:
        return Shard(number, of)
    except SettingsError as error:
        log.error("%s. Until load_dags() of this file is corrected, it loads all DAGs", str(error).rstrip("."))
        return WHOLE


@contextmanager
def _without_collector() -> Iterator[None]:
    """
    Hold off Python's search for unused cycles of objects.

    A load makes many objects that stay, and few cycles. Each search would go through all that Airflow has imported: at
    10,000 configs that takes as long as the load itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _all(store: ConfigStore, index: Index | None, shard: Shard, notes: LoadNotes) -> dict[str, DAG]:
    configured = load_settings.configured()
    last = index.last_load(shard) if index is not None else LastLoad({})
    # Where no load of this shard is remembered, any config may be one that Airflow has: then none is left out.
    known = {each.key: dag_id for dag_id, each in last.outcomes.items()} if last.is_known else None
    for _ in range(_ATTEMPTS):
        place = store.check()
        # Read before the configs, so that all configs of this marker are among them.
        marker, began = store.marker(), time.time()
        load_time = LoadTime(notes.build_seconds, known, seed=int(began))
        load = Load(store, shard, configured, load_time, index, last.outcomes)
        load.run()
        # A missing config may only mean that the store is missing.
        if store.check() == place:
            break
    else:
        raise StoreError("config_store is replaced again and again while it is read.")
    copies: dict[str, str] = {}
    if load.dags or place.identity is not None:  # an empty folder may be the store's mount point
        copies = load.keep_last_good(began, load_time.at_most(BUDGET_SECONDS))
    if marker is not None:
        store.note_loaded(marker, shard, _again_at(load, last, store, shard, began))
    # It was there for the whole load, so the load is good even if it is missing by now.
    with suppress(StoreError):
        store.remember()
    load.remember(copies, marker)
    notes.built(len(load.dags), left_out=len(load_time.left_out), put_off=len(load_time.put_off))
    if is_dag_processor():
        _send_metrics(load, shard, notes)
    return load.dags


def _again_at(load: Load, last: LastLoad, store: ConfigStore, shard: Shard, began: float) -> float | None:
    """Return from when on another load is needed, None where none is."""
    before = store.load_note(shard)
    # Another machine may have loaded it since, or this one may not have remembered its last load: then Airflow may have
    # stored anything meanwhile. Where neither knows of a load, Airflow has no DAG yet.
    may_be = before.marker != last.marker
    return configured_again_at(
        began,
        before.again_at,
        are_changed=may_be or load.are_changed,
        are_gone=may_be or load.are_gone,
        are_put_off=load.are_put_off,
    )


def _send_metrics(load: Load, shard: Shard, notes: LoadNotes) -> None:
    name = f"{shard.number}_of_{shard.of}"
    states = [metrics.CONFIGS.of(count, state=state, shard=name) for state, count in load.states.items()]
    metrics.send_from_parse([*states, metrics.LOAD.of(timedelta(seconds=notes.seconds), shard=name)])


def _one(store: ConfigStore, index: Index | None, wanted: str) -> dict[str, DAG]:
    try:
        store.check()
        dags = Dags(load_settings.configured())
        config = Catalog(store, dags.check, index=index).find(wanted)
        if config is None:
            store.confirm_absence()
    except StoreError as error:
        return _one_of_last_load(index, wanted, error)
    if config is None:
        log.error("DAG '%s' is unknown: no config of the store has this id any more. Was its config removed?", wanted)
        return {}
    built = dags.of(config)
    return {config.dag_id: built[0]} if built is not None else {}


def _without_store(index: Index | None, shard: Shard, wanted: str | None, error: SettingsError) -> dict[str, DAG]:
    """Return the DAGs of the last load where a setting keeps the store from being opened; none where none is known."""
    if wanted is not None:
        return _one_of_last_load(index, wanted, error)
    if index is None or not index.outcomes():
        log.error("No DAGs are loaded. %s", error)
        return {}
    return _all_of_last_load(index, shard, f"{str(error).rstrip('.')}. Until that is corrected")


def _all_of_last_load(index: Index | None, shard: Shard, reason: str) -> dict[str, DAG]:
    outcomes = index.outcomes() if index is not None else {}
    held = {dag_id: outcome for dag_id, outcome in outcomes.items() if shard.holds(dag_id)}
    log.error("%s, all DAGs stay as they were: %d, from the last load", reason, len(held))
    return last_load.recalled(index, held) if index is not None else {}


def _one_of_last_load(index: Index | None, wanted: str, error: DagFactoryError) -> dict[str, DAG]:
    log.error("%s", error)
    outcome = index.outcome(wanted) if index is not None else None
    recalled = last_load.recalled(index, {wanted: outcome}) if index is not None and outcome is not None else {}
    return recalled or {wanted: build_fallback_dag(wanted, str(error))}
