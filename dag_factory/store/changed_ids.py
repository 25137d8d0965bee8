"""Which DAG ids have changed since the last look at the store?"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dag_factory.store import ConfigStore


class ChangedIds:
    """
    Compares the store with what it was when it was last looked at. Several threads may ask at once.

    :param store: opens the config store
    """

    def __init__(self, store: Callable[[], ConfigStore]) -> None:
        self._store = store
        self._looking = threading.Lock()

    def __call__(self) -> frozenset[str] | None:
        """
        Return the DAG ids that a parse would change, None where that is unknown, as at the first look.

        :raises StoreError: where the store can't be listed
        """
        return None
