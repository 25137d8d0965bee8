"""Which configs come first in a load, and which have to wait where there is not enough time for all?"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Mapping

NEW_SHARE = 0.5
"""From this share of the limit on, new configs wait: the next load may be slower, and must still end in time."""
DISPUTED_SHARE = 0.25
"""From this share of the limit on, new configs with a disputed DAG id wait: the load of each shard judges all of them
before it builds a DAG."""
LARGE_SHARE = 0.5
"""From this share of the limit on, large configs are not read, and what has changed of others is not judged: they stay
as they were."""
LEAST_SHARE = 0.1
"""Each step of a load, such as reading or judging, has at least this share of the limit, even if it begins late: so
each load goes on with what others have put off."""

LARGE_BYTES = 32 * 1024
"""Most configs have a tenth of that."""


class LoadTime:
    """
    Measures a load, and decides which configs have to wait.

    Airflow ends a load that takes too long, and then counts all DAGs as removed; so it does with a DAG that a load does
    not return. So configs that the last load had come first and are never left out. New ones wait where there is not
    enough time for all.

    A file's size does not say what its config costs: YAML's aliases and inherited defaults may expand to a thousand
    times of it. So once a part of the time is used up, configs that the last load had are put off too, whatever their
    size. Their DAGs stay as they were, and later loads go on with them.

    :param limit_seconds: None for no limit
    :param known: the DAG ids that the last load had, by the key of the config, None where that is unknown
    :param seed: a number that differs from load to load and reorders what is read, so that no config is always last;
        None for the order of the keys
    :param clock: returns seconds
    """

    def __init__(
        self,
        limit_seconds: float | None = None,
        known: Mapping[str, str] | None = None,
        *,
        seed: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit_seconds
        self._known = known
        self._seed = seed
        self._clock = clock
        self._began = clock()
        self._late_share = LARGE_SHARE
        self.left_out: set[str] = set()
        """The keys of new configs that have to wait."""
        self.put_off: set[str] = set()
        """The keys of configs that are not read or judged this time, and stay as they were."""

    def in_order(self, keys: Iterable[str], size: Callable[[str], int]) -> list[str]:
        """
        Return keys in the order in which the configs are to be read.

        :param size: returns a config's size in bytes
        """
        if self._limit is None:
            return list(keys)
        return sorted(keys, key=lambda key: (self.is_new(key), size(key) > LARGE_BYTES, self._place_of(key), key))

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
        Decide and note whether a config is not to be read this time, so that there is time for the others: a large one,
        or later on any that the last load had.

        :param size: returns a config's size in bytes
        """
        used = self._used_share()
        is_too_large = used > LARGE_SHARE and size(key) > LARGE_BYTES
        if is_too_large or (used > self._late_share and self.last_id(key) is not None):
            self.put_off.add(key)
        return key in self.put_off

    def begin_step(self) -> None:
        """Give the step of a load that begins now, such as reading or judging, its share even if it is late."""
        self._late_share = max(LARGE_SHARE, self._used_share() + LEAST_SHARE)

    @property
    def is_late(self) -> bool:
        """Whether nothing more is to be judged that can stay as it was."""
        return self._used_share() > self._late_share

    def waits(self, key: str) -> bool:
        """Return whether a config is not to be judged this time, if it can stay as it was."""
        return key in self.put_off or self.is_late

    def last_id(self, key: str) -> str | None:
        """Return the DAG id that a config had in the last load, None where it had none or that is unknown."""
        return self._known.get(key) if self._known is not None else None

    def at_most(self, seconds: float) -> float:
        """Return how long a task that can wait may take: at most ``seconds``, and a quarter of the time left."""
        return seconds if self._limit is None else max(0.0, min(seconds, (self._limit - self._used()) / 4))

    def _place_of(self, key: str) -> int:
        # New ones keep their order, so that each load takes in the next of those that wait.
        return 0 if self._seed is None or self.is_new(key) else zlib.crc32(f"{self._seed} {key}".encode())

    def _used(self) -> float:
        return self._clock() - self._began

    def _used_share(self) -> float:
        return self._used() / self._limit if self._limit is not None else 0.0
