"""What the log says of changed configs: a line for each, good or what is wrong, never a value."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath

from dag_factory import allowed
from dag_factory.allowed import Allowed
from dag_factory.builder import build_dag
from dag_factory.catalog import Catalog, Config
from dag_factory.claims import is_defaults
from dag_factory.errors import ConfigError
from dag_factory.plain_text import one_line
from dag_factory.store import ConfigStore

log = logging.getLogger(__name__)

NEW, CHANGED, REMOVED = "is new", "has changed", "is removed"
# Where more are good they are only counted, and where more are wrong only these are shown.
MAX_LINES = 20


def report(store: ConfigStore, changes: Mapping[str, str]) -> None:
    """
    Check configs that have changed, and log what became of them.

    :param changes: NEW, CHANGED or REMOVED by key
    :raises StoreError: where the store can't be listed
    """
    catalog = Catalog(store, partial(_check_dag, allowed.configured()))
    good: dict[str, list[str]] = {NEW: [], CHANGED: [], REMOVED: []}
    wrong: list[str] = []
    for key, change in sorted(changes.items()):
        try:
            said = _check(catalog, store, key, change)
        except KeyError:
            good[REMOVED].append(f"config '{key}' {REMOVED}")
        except ConfigError as error:
            wrong.append(f"config '{key}' {change}, and is wrong: {_without_config(error, key)}")
        except _WrongUponDefaultsError as error:
            wrong.append(f"config '{key}' {change}; {error}")
        else:
            good[change].append(f"config '{key}' {change}{said}")
    for change, lines in good.items():
        if len(lines) > MAX_LINES:
            lines[:] = [f"{len(lines)} configs: each {change}{'' if change == REMOVED else ', and is good'}"]
        for line in lines:
            log.info("%s", one_line(line))
    for line in wrong[:MAX_LINES]:
        log.warning("%s", one_line(line))
    if len(wrong) > MAX_LINES:
        log.warning("and %d more configs are wrong", len(wrong) - MAX_LINES)


def _check(catalog: Catalog, store: ConfigStore, key: str, change: str) -> str:
    """
    Return what is to be said of a config that is good.

    :raises KeyError: where it is gone by now
    :raises ConfigError: where it is wrong
    :raises _WrongUponDefaultsError: where it is defaults, and configs upon it are wrong
    """
    if is_defaults(key):
        return _check_beneath(catalog, store, key)
    if change == REMOVED:
        return ""
    dag_id = _build(catalog, key)
    if dag_id is None:
        raise KeyError(key)
    return f", and is good: DAG '{dag_id}'"


class _WrongUponDefaultsError(Exception):
    pass


def _check_beneath(catalog: Catalog, store: ConfigStore, defaults: str) -> str:
    """Check the configs that lie upon defaults."""
    folder = PurePosixPath(defaults).parent
    keys = [key for key in store.list_keys() if not is_defaults(key) and PurePosixPath(key).is_relative_to(folder)]
    problems = []
    for key in keys:
        try:
            _build(catalog, key)
        except ConfigError as error:
            problems.append(error.within(key))
    if problems:
        # Whether that comes of the defaults, only their author knows: the first says which file and field is wrong.
        raise _WrongUponDefaultsError(
            f"of the {len(keys)} configs upon it {len(problems)} are wrong. The first: {problems[0]}"
        )
    return f"; of the {len(keys)} configs upon it all are good"


def _build(catalog: Catalog, key: str) -> str | None:
    """
    Return the DAG id of a config that a DAG can be built from, None where it is gone by now.

    :raises ConfigError: where none can be; it says whether the last good version goes on running
    """
    config = catalog.judge(key)
    if config is None:
        return None
    if config.trouble is not None:
        raise _still_running(config.trouble.problem)
    if config.problem is not None:
        raise config.problem
    return config.dag_id


def _check_dag(opened: Allowed, config: Config) -> None:
    try:
        build_dag(config, opened)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this config's trouble
        raise ConfigError(f"Airflow refuses the DAG: {type(error).__name__}") from None


def _still_running(problem: ConfigError) -> ConfigError:
    text = f"{problem.problem.rstrip('.')}; its last good version keeps running"
    return ConfigError(text, field=problem.field, config=problem.config)


def _without_config(error: ConfigError, key: str) -> str:
    """Return what is wrong; the config is named already where it is this one."""
    return str(ConfigError(error.problem, field=error.field, config=error.config if error.config != key else None))
