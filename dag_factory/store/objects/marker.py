"""The version marker of a store in object storage, and which changes it covers."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from dag_factory.errors import StoreError
from dag_factory.store.markers import later_than
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.entries import Entry
from dag_factory.store.objects.failures import ChangedError, UncertainError
from dag_factory.store.own_files import MARKER

MOST_COVERED = 500
_MARKER_BYTES = 36
_MOST_BYTES = 64 * 1024
_ATTEMPTS = 12
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Covered:
    """
    Which changes have a marker.

    :param marks: one for each of the last few hundred changes
    :param since: when the marker was made, by the service's clock; None where that is unknown
    """

    marks: frozenset[str] = frozenset()
    since: float | None = None

    def holds(self, key: str, revision: str | None) -> bool:
        """Return whether a marker is known to cover a revision of an object, or its removal."""
        return _mark(key, revision) in self.marks

    def is_due(self, key: str, entry: Entry) -> bool:
        """Return whether an object is newer than the marker, which therefore does not cover it."""
        is_newer = self.since is None or entry.changed is None or entry.changed >= self.since
        return is_newer and not self.holds(key, entry.revision)


class Marker:
    """
    An object: the marker in its first line, then a mark for each of the last changes that it covers.

    Each new marker replaces the one that its writer has read, on condition that it is still there: so markers are
    replaced by later ones only, though there is no lock between writers.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self) -> str | None:
        """
        Return the marker, None before the first; one request, and few bytes.

        :raises StoreError: where the store can't be reached
        """
        return self._bucket.get_text(MARKER, _MARKER_BYTES)

    def covered(self) -> Covered:
        """
        Return which changes have a marker.

        :raises StoreError: where the store can't be reached
        """
        lines, entry = self._found()
        return Covered(frozenset(lines[1:]), entry.changed if entry is not None else None)

    def replace(self, covering: Mapping[str, str | None]) -> str:
        """
        Replace the marker by a later one, and return it.

        :param covering: the revision of each object that was changed, None where it was removed
        :raises StoreError: where it can't be replaced
        """
        marks = [_mark(key, revision) for key, revision in covering.items()]
        pause = 0.01
        for _ in range(_ATTEMPTS):
            lines, entry = self._found()
            marker = later_than(*lines[:1])
            content = "\n".join([marker, *[*marks, *lines[1:]][:MOST_COVERED]])
            try:
                self._bucket.put(MARKER, content.encode(), expected=entry.revision if entry is not None else None)
            except ChangedError:
                # Another writer was faster; its marker may not cover this change.
                time.sleep(random.uniform(0, pause))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except UncertainError as error:
                raise self._failed(error.reason) from error
            else:
                return marker
        raise self._failed("too many writers replace it at once")

    def _found(self) -> tuple[list[str], Entry | None]:
        found = self._bucket.find(MARKER, _MOST_BYTES)
        return (found[0].decode("ascii", "replace").split("\n"), found[1]) if found is not None else ([], None)

    def _failed(self, reason: str) -> StoreError:
        return StoreError(
            f"config_store '{self._bucket.location}' holds the change, but Airflow may not see it yet: its version "
            f"marker can't be replaced ({reason}). Retry."
        )


def _mark(key: str, revision: str | None) -> str:
    return hashlib.sha256(f"{key}\n{revision or ''}".encode("utf-8", "surrogateescape")).hexdigest()[:12]
