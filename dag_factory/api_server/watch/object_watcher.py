"""Notices what has changed in object storage, which reports nothing: lists the objects again and again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from dag_factory.api_server.watch.threads import in_thread
from dag_factory.errors import StoreError
from dag_factory.store.objects.object_store import ObjectStore

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0
# Listing very many objects costs money and time: of the watcher's time, it takes a twentieth at most.
_SHARE = 20
# A writer makes the marker after the change. A listing may come in between.
SETTLING_SECONDS = 2.0


class ObjectWatcher:
    """
    Compares each listing of a store with the one before, and makes a marker for changes that none covers: those by
    hand, and those of a writer that died.

    The first listing has no earlier one, so each start makes a marker, for changes made while no process watched.
    Watchers on several machines need not agree. What one has announced, the others learn from the marker.

    :param ask: asks for a parse; its argument: whether to ask even if the store's marker shows no change
    :param interval_seconds: the time between two listings, at least
    """

    def __init__(
        self,
        store: ObjectStore,
        ask: Callable[[bool], None],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self._store = store
        self._ask = ask
        self._interval_seconds = interval_seconds
        self._settling_seconds = settling_seconds

    async def run(self) -> None:
        """Watch until cancelled."""
        log.info("Watching config_store '%s' by listing it about every %.0f s", self._location, self._interval_seconds)
        known: Mapping[str, str] | None = None
        is_missing = False
        while True:
            took = 0.0
            try:
                began = time.monotonic()
                found = await in_thread(self._store.revisions)
                took = time.monotonic() - began
                await self._announce(known, found)
                known = found
                if is_missing:
                    log.info("config_store '%s' is back", self._location)
                is_missing = False
            except StoreError as error:
                if not is_missing:
                    log.error("%s Until the store is back, changes in it are not noticed", error)
                is_missing = True
            await asyncio.sleep(max(self._interval_seconds, _SHARE * took))

    async def _announce(self, before: Mapping[str, str] | None, now: Mapping[str, str]) -> None:
        """
        Make a marker for what has changed, unless there is one.

        :raises StoreError: where it can't be made
        """
        changes = changed(before, now) if before is not None else {}
        if changes and (await self._uncovered(changes)):
            await asyncio.sleep(self._settling_seconds)
            changes = await self._uncovered(changes)
        else:
            changes = {}
        if changes:
            log.info("%d configs were changed in config_store '%s' without a marker", len(changes), self._location)
        if changes or before is None:
            await in_thread(self._store.bump, changes)
            self._ask(False)

    async def _uncovered(self, changes: Mapping[str, str | None]) -> dict[str, str | None]:
        covered = await in_thread(self._store.covered)
        return {key: revision for key, revision in changes.items() if not covered.holds(key, revision)}

    @property
    def _location(self) -> str:
        return str(self._store.location)


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str | None]:
    """Return the revision of each key that is new or has changed, None where it is gone."""
    changes: dict[str, str | None] = {key: revision for key, revision in now.items() if before.get(key) != revision}
    return {**changes, **dict.fromkeys(before.keys() - now.keys())}
