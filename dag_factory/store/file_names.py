"""Which config files are named after a DAG id, and which of them are not where a deploy puts them?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dag_factory.configs.dag_ids import MAX_DAG_ID, clean_dag_id

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore

KEEP_SECONDS = 60.0
UNWATCHED_SHARE = 0.1
"""How much of its time a process lists the store at most where nobody announces changes by hand."""

KeysById = Mapping[str, list[str]]


def stem_id(key: str) -> str:
    """Return the DAG id that a file's name gives."""
    return fitting(clean_dag_id(key.rpartition("/")[2].rpartition(".")[0]))


def deployed_key(dag_id: str) -> str:
    """Return the key under which a deploy stores the config of a DAG id."""
    return f"{dag_id}.json"


def is_deployed_key(key: str) -> bool:
    """Return whether a deploy gives a file this key: then its DAG id leads to it, and nothing has to be listed."""
    return "/" not in key and key == deployed_key(stem_id(key))


def may_name_others(changed: Iterable[str], covering: Iterable[str] | None) -> bool:
    """
    Return whether a marker may cover files under keys that no deploy gives, so that `ConfigStore.names` has to change.

    :param changed: the keys that writers have changed
    :param covering: those that are known to be changed by hand; empty where that is unknown, None where none are
    """
    by_hand = None if covering is None else list(covering)
    return by_hand == [] or not all(map(is_deployed_key, [*changed, *(by_hand or ())]))


def keys_by_stem(keys: Iterable[str]) -> KeysById:
    """
    Return the keys that no deploy gives, by the DAG ids that the files' names give, those nearest to the root first.

    In a store that only deploys write, there are none.
    """
    found: dict[str, list[str]] = {}
    for key in sorted((key for key in keys if not is_deployed_key(key)), key=nearness):
        found.setdefault(stem_id(key), []).append(key)
    return found


def nearness(key: str) -> tuple[int, str]:
    """Return the sort key by which configs nearest to the store's root come first, then by name."""
    return (key.count("/"), key)


def fitting(dag_id: str) -> str:
    """Return an id that Airflow accepts: one that is too long is cut, with a digest in place of the rest."""
    return dag_id if len(dag_id) <= MAX_DAG_ID else f"{dag_id[: MAX_DAG_ID - 9]}_{digest(dag_id)}"


def digest(text: str) -> str:
    """Return eight characters that identify a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class _Listed:
    names: str | None
    until: float
    keys: KeysById


class FileNames:
    """
    The keys that no deploy gives, kept between questions, so that a deploy need not list a store.

    They are listed again where `ConfigStore.names` has changed. So a deploy by another API server costs no listing, and
    a change by hand costs one. A file that was dropped a moment ago, which no watcher has announced yet, may be missed:
    then a deploy of its DAG id wins, and the file is shown as a problem, as if it had been dropped after the deploy.
    Such a file in the store's root is not missed where it is named after the id, with the suffix of YAML.

    Where nobody watches, nothing is announced. Then they are kept only for as long as listing stays a small part of the
    time: with 10,000 files for about a second, with a few for some milliseconds.

    Several threads may ask at once.

    :param keep_seconds: after which they are listed again all the same, in case that no watcher runs
    :param is_watched: whether changes by hand are announced
    :param clock: returns seconds
    """

    def __init__(
        self,
        keep_seconds: float = KEEP_SECONDS,
        *,
        is_watched: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_seconds = keep_seconds
        self._is_watched = is_watched
        self._clock = clock
        self._listed: _Listed | None = None

    def keys_of(self, dag_id: str, store: ConfigStore) -> list[str]:
        """
        Return the keys that may be those of a DAG id, the likeliest first; some may be missing by now.

        :raises StoreError: where the store can't be listed
        """
        # Read before the listing, which then has all files that this covers.
        names, now = store.names(), self._clock()
        listed = self._listed
        if listed is None or listed.names != names or now > listed.until:
            unlisted: dict[str, str] = {}
            keys = keys_by_stem(store.list_keys(unlisted))
            listed = _Listed(names, self._kept_until(now), keys)
            self._listed = None if unlisted else listed
        likely = [f"{dag_id}.yaml", f"{dag_id}.yml", *listed.keys.get(dag_id, ())]
        return list(dict.fromkeys(likely))

    def _kept_until(self, began: float) -> float:
        """Return until when a listing is kept that began at a moment and has just ended."""
        if self._is_watched:
            return began + self._keep_seconds
        took = self._clock() - began
        return began + min(took / UNWATCHED_SHARE, self._keep_seconds)
