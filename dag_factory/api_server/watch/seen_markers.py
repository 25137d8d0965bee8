"""Which changes of the store the loads of the loader have seen."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from dag_factory.api_server.watch.loader_files import DagIds, LoaderFiles
from dag_factory.api_server.watch.threads import in_thread
from dag_factory.errors import DagFactoryError, StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.markers import is_seen
from dag_factory.store.shards import WHOLE, Shard

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
SETTLING_SECONDS = 5

Notes = dict[Shard, "str | None"]
"""The marker that the last load of each shard has seen."""


class Look(NamedTuple):
    """
    What is known of a change at one time.

    :param marker: the store's
    :param notes: what the shards that it concerns have seen
    :param unseen: which of them have not seen the change
    """

    marker: str | None
    notes: Notes
    unseen: set[Shard]


class SeenMarkers:
    """
    Says which markers of the store the loads of each shard have seen: a load notes that in the store.

    :param store: opens the config store
    :param files: knows which shards a change concerns; without it, the loader is one file
    :param settling_seconds: how long a look at the store's marker waits for one of another thread
    """

    def __init__(
        self,
        store: Callable[[], ConfigStore],
        files: LoaderFiles | None = None,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self._store = store
        self._files = files
        self._settling = threading.Lock()
        self._settling_seconds = settling_seconds

    def are_of_shards(self) -> bool:
        """Return whether the loader is divided into shards; the DAGs folder, which may hang too, is listed for that."""
        return self._files is not None and self._files.are_divided()

    def shards(self, dag_ids: DagIds) -> list[Shard]:
        """Return the shards that a change concerns."""
        return self._files.shards(dag_ids) if self._files is not None else [WHOLE]

    def look(self, dag_ids: DagIds, wanted: str | None = None) -> Look:
        """
        Return what the shards that a change concerns have seen.

        :param wanted: the marker that covers it, where a later one may be about other shards; None for the store's
        :raises StoreError: where a marker is due and can't be made
        """
        notes = self._notes(dag_ids)
        marker = self._marker()
        target = wanted if wanted is not None and self.are_of_shards() else marker
        return Look(marker, notes, {shard for shard, noted in notes.items() if not is_seen(noted, target)})

    async def look_for_another(self, before: Notes, seconds: float, dag_ids: DagIds, marker: str | None) -> Look:
        """Return what `look` does, as soon as another marker is noted or all is seen, or after some seconds."""
        deadline = time.monotonic() + seconds
        while True:
            look = await in_thread(self.look, dag_ids, marker)
            if look.notes != before or not look.unseen or time.monotonic() > deadline:
                return look
            await asyncio.sleep(POLL_SECONDS)

    async def wait(self, limit_seconds: float, dag_ids: DagIds = None) -> bool:
        """
        Return whether a load has begun that sees a change in the store as it is now; wait for it up to a limit.

        :param dag_ids: what the change concerns
        """
        try:
            wanted = await in_thread(self._marker)
        except DagFactoryError as error:
            log.warning("%s", error)
            return False
        deadline = time.monotonic() + limit_seconds
        while not all(is_seen(noted, wanted) for noted in (await in_thread(self._notes, dag_ids)).values()):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def _marker(self) -> str | None:
        """
        Return a marker that covers all changes.

        :raises StoreError: where one is due and can't be made
        """
        # If another thread is about to make it, `settle` returns at once, and the marker is still the former one. A
        # thread may hang on a network file system for ever, and must not hold up those that come after it is back.
        if not self._settling.acquire(timeout=self._settling_seconds):
            raise StoreError(
                f"config_store has not answered for {self._settling_seconds:.0f} s. Is its file system reachable?"
            )
        try:
            store = self._store()
            store.settle()
            return store.marker()
        finally:
            self._settling.release()

    def _notes(self, dag_ids: DagIds) -> Notes:
        """Return what the last load of each shard that a change concerns has seen."""
        shards = self.shards(dag_ids)
        try:
            store = self._store()
            return {shard: store.loaded(shard) for shard in shards}
        except DagFactoryError:
            return dict.fromkeys(shards)
