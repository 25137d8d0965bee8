"""Which DAG ids have changed since the last look at the store, or since the last marker?"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.store import ConfigStore, configured_index
from dag_factory.store.changes import Seen
from dag_factory.store.index import Index

LOOK_SECONDS = 10.0


class ChangedIds:
    """
    Compares the store with what it was when it was last looked at. Several threads may ask at once.

    :param store: opens the config store
    :param index: returns what this machine knows of it, by default of the configured store
    """

    def __init__(self, store: Callable[[], ConfigStore], index: Callable[[], Index | None] | None = None) -> None:
        self._store = store
        self._index = index or _configured
        self._looking = threading.Lock()
        self._seen: Seen | None = None

    def __call__(self) -> frozenset[str] | None:
        """
        Return the DAG ids that a parse would change, None where that is unknown: at the first look, and where an
        earlier one hangs.

        :raises StoreError: where the store can't be listed; the next look then finds what this one would have found
        """
        if not self._looking.acquire(timeout=LOOK_SECONDS):
            return None
        try:
            before, now = self._seen, Seen.of(self._store(), self._index())
            self._seen = now
        finally:
            self._looking.release()
        return None if before is None else frozenset(now.differing(before))


class Looks:
    """
    Looks at the store, one for each marker: several bundles of a process ask for the same.

    :param store: opens the config store
    """

    def __init__(self, store: Callable[[], ConfigStore]) -> None:
        self._store = store
        self._last: tuple[str, str, Seen] | None = None

    def at(self, marker: str | None) -> Seen:
        """
        Return what the store was after its marker was found.

        :raises StoreError: where the store can't be listed
        """
        location = settings.config_store()
        if marker is not None and self._last is not None and self._last[:2] == (location, marker):
            return self._last[2]
        seen = Seen.of(self._store(), _configured())
        if marker is not None:
            self._last = (location, marker, seen)
        return seen


class ChangedSinceMarker:
    """
    Compares the store at one marker with the store at the marker before.

    :param looks: shared by all that ask in this process
    """

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._seen: Seen | None = None

    def __call__(self, marker: str | None) -> frozenset[str] | None:
        """
        Return the DAG ids that a parse would change, None at the first look.

        :param marker: the store's
        :raises StoreError: where the store can't be listed; the next look then finds what this one would have found
        """
        before, self._seen = self._seen, self._looks.at(marker)
        return None if before is None else frozenset(self._seen.differing(before))


def _configured() -> Index | None:
    try:
        return configured_index(settings.config_store())
    except SettingsError:
        return None
