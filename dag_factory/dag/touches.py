"""Which loader files of a bundle are touched when the store has changed, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from math import inf

from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store import ConfigStore
from dag_factory.store.markers import is_seen
from dag_factory.store.parts import Part
from dag_factory.store.shards import Shard, shards_of

# Airflow overlooks a file that is touched while it is parsed, so it is touched again.
MOST_TOUCHES = 4

Changed = Callable[["str | None"], "Collection[str] | None"]
"""Takes the store's marker; returns the DAG ids that have changed since the last call, None where that is unknown."""


@dataclass
class _Due:
    """
    What a shard's loader file still waits for.

    :param marker: what a parse is to see, None once one has
    :param touches: how many are left for that
    :param later: when it is touched once more if the last parse was not enough, by the clock
    """

    marker: str | None
    touches: int = MOST_TOUCHES
    later: list[float] = field(default_factory=list)


class Touches:
    """
    Touches the loader files of the shards that a change concerns, until a parse has seen it.

    A parse notes in the store which marker it has seen. Some changes Airflow takes only from a later parse: where the
    last one has noted so, the files are touched again at `later_seconds` after the change.

    :param files: the loader files
    :param part: those of which shards
    :param changed: asked where the marker has changed
    :param later_seconds: see `dag_factory.dag.later_seconds`
    :param look_seconds: how long after a look at the store the next one comes at the earliest. The process that has
        changed the store asks Airflow for a parse, and Airflow refreshes the bundle before that: a look then would only
        hold up the parse. The look is for changes for which no process could ask
    :param clock: returns seconds
    """

    def __init__(  # noqa: PLR0913 - the last two by name, each with a default
        self,
        files: LoaderFolder,
        part: Part,
        changed: Changed,
        later_seconds: Sequence[float] = (),
        *,
        look_seconds: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._part = part
        self._changed = changed
        self._later_seconds = later_seconds
        self._look_seconds = look_seconds
        self._clock = clock
        # Airflow parses all files when the DAG processor starts, so at first there is nothing to touch.
        self._is_first = True
        self._marker: str | None = None
        # When the marker was the same, or it was found out what had changed.
        self._looked = -inf
        self._due: dict[Shard, _Due] = {}

    def take_up(self, store: ConfigStore) -> None:
        """
        Look at the store's marker; where it has changed, touch the loader files that the change concerns, in time.

        :raises StoreError: where the store can't be listed; the change is then taken up the next time
        """
        marker, now = store.marker(), self._clock()
        if marker == self._marker and not self._is_first:
            self._looked = now
        elif now - self._looked >= self._look_seconds:
            changed = self._changed(marker)
            if not self._is_first:
                later = [now + seconds for seconds in self._later_seconds]
                for shard in filter(self._part.holds, shards_of(changed, self._part.shards)):
                    self._due[shard] = _Due(marker, later=list(later))
            self._marker, self._is_first, self._looked = marker, False, now
        if self._due:
            self._files.touch([shard for shard in sorted(self._due) if self._is_time(shard, store)])

    def _is_time(self, shard: Shard, store: ConfigStore) -> bool:
        """Return whether a loader file is to be touched now, and forget it where it waits for nothing more."""
        due = self._due[shard]
        if due.marker is not None and is_seen(store.loaded(shard), due.marker):
            due.marker = None
        is_unseen = due.marker is not None and due.touches > 0
        if is_unseen:
            due.touches -= 1
        now = self._clock()
        is_late = any(moment <= now for moment in due.later) and (
            due.marker is not None or store.load_note(shard).may_need_another
        )
        due.later = [moment for moment in due.later if moment > now]
        if not due.later and (due.marker is None or due.touches == 0):
            del self._due[shard]
        return is_unseen or is_late
