"""Which configs come first in a load, and which have to wait where there is not enough time for all?"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

NEW_SHARE = 0.5
"""From this share of the limit on, new configs wait: the next load may be slower, and must still end in time."""
DISPUTED_SHARE = 0.25
"""From this share of the limit on, new configs with a disputed DAG id wait: the load of each shard judges all of them
before it builds a DAG."""
LARGE_SHARE = 0.5
"""From this share of the limit on, large configs are not read, and run their last good versions."""

LARGE_BYTES = 32 * 1024
"""Most configs have a tenth of that."""


class LoadTime:
    """
    Measures a load, and decides which configs have to wait.

    Airflow ends a load that takes too long, and then counts all DAGs as removed; so it does with a DAG that a load does
    not return. So configs that the last load had come first and are never left out. New ones wait where there is not
    enough time for all.

    :param limit_seconds: None for no limit
    :param known: the keys of the configs that the last load had, None where that is unknown
    :param clock: returns seconds
    """

    def __init__(
        self,
        limit_seconds: float | None = None,
        known: Collection[str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit_seconds
        self._known = known
        self._clock = clock
        self._began = clock()
        self.left_out: set[str] = set()
        """The keys of new configs that have to wait."""
        self.put_off: set[str] = set()
        """The keys of large configs that are not read this time."""

    def in_order(self, keys: Iterable[str], size: Callable[[str], int]) -> list[str]:
        """
        Return keys in the order in which the configs are to be read.

        :param size: returns a config's size in bytes
        """
        if self._limit is None:
            return list(keys)
        return sorted(keys, key=lambda key: (self.is_new(key), size(key) > LARGE_BYTES, key))

    def is_new(self, key: str) -> bool:
        """Return whether the last load did not have a config."""
        return self._known is not None and key not in self._known

    def leaves_out(self, key: str, before: int, had: int | None = None, *, share: float = NEW_SHARE) -> bool:
        """
        Decide and note whether a config has to wait for a later load.

        :param before: how many configs come before it. A new one waits only beyond the last load's number, so that
            renaming all files leaves none out
        :param had: how many there were in the last load, None for all that it knew
        :param share: of the limit, from which on new configs wait
        """
        is_one_more = self.is_new(key) and before >= (len(self._known or ()) if had is None else had)
        if is_one_more and self._used_share() > share:
            self.left_out.add(key)
        return key in self.left_out

    def puts_off(self, key: str, size: Callable[[str], int]) -> bool:
        """
        Decide and note whether a config is large, and not to be read this time, so that there is time for the others.

        :param size: returns a config's size in bytes
        """
        if self._used_share() <= LARGE_SHARE or size(key) <= LARGE_BYTES:
            return False
        self.put_off.add(key)
        return True

    def at_most(self, seconds: float) -> float:
        """Return how long a task that can wait may take: at most ``seconds``, and a quarter of the time left."""
        return seconds if self._limit is None else max(0.0, min(seconds, (self._limit - self._used()) / 4))

    def _used(self) -> float:
        return self._clock() - self._began

    def _used_share(self) -> float:
        return self._used() / self._limit if self._limit is not None else 0.0
