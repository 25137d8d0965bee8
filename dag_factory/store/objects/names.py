"""An object whose content changes when configs may have been added under names that no deploy gives."""

from __future__ import annotations

from uuid import uuid4

from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.own_files import NAMES

_MOST_BYTES = 64


class Names:
    """The object behind `ConfigStore.names`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self) -> str | None:
        """
        Return the content, None before the first; one request.

        :raises StoreError: where the store can't be reached
        """
        return self._bucket.get_text(NAMES, _MOST_BYTES)

    def replace(self) -> None:
        """
        Replace the content by a new one, whatever another writer has put there.

        :raises StoreError: where it can't be written
        """
        self._bucket.write_all({NAMES: uuid4().hex.encode()})
