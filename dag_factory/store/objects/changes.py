"""Changes a store in object storage: a change is refused where another writer was faster, and gets a marker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from dag_factory.errors import StoreError, StoreLockedError
from dag_factory.store.file_names import may_name_others
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.entries import Entry
from dag_factory.store.objects.failures import ChangedError, UncertainError
from dag_factory.store.objects.marker import Marker
from dag_factory.store.objects.names import Names
from dag_factory.store.objects.presence import ObjectPresence

Answer = TypeVar("Answer")


@dataclass
class Change:
    """
    What one writer has read and changed so far.

    :param thread: the writer's
    :param found: each object that it has read, None where it was missing
    :param made: the revision of each object that it has changed, and that no marker covers yet; None for a removal
    :param is_covered: whether a marker was made since the last change
    """

    thread: int
    found: dict[str, tuple[bytes, Entry] | None] = field(default_factory=dict)
    made: dict[str, str | None] = field(default_factory=dict)
    is_covered: bool = False


class Changes:
    """
    The changes of a store's objects.

    Where a folder has a lock, here is a condition: an object is replaced or removed only if it still is as the writer
    has first read it. So of two writers of one object one wins, the other is refused, and none waits. A writer reads
    each object only once, so that it decides by one state of it.

    A writer that dies between a change and its marker leaves the change uncovered. The next writer of the same object
    makes the marker, or the next look of a watcher.

    :param bucket: the store's objects
    :param presence: checks that they are the store
    """

    def __init__(self, bucket: Bucket, presence: ObjectPresence) -> None:
        self._bucket = bucket
        self._presence = presence
        self.marker = Marker(bucket)
        self.names = Names(bucket)
        self._change: Change | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        self._presence.give_identity()
        self._change = change = Change(threading.get_ident())
        try:
            yield
        except BaseException:
            # What was changed before is seen without waiting for a watcher, where that is possible.
            with suppress(StoreError):
                if change.made:
                    self._cover(change, None)
            raise
        else:
            self._settle(change)
        finally:
            self._change = None

    @property
    def current(self) -> Change | None:
        """The change of this thread, None where it has not locked the store through this object."""
        change = self._change
        return change if change is not None and change.thread == threading.get_ident() else None

    def read(self, key: str, most: int) -> bytes:
        """
        Return the first bytes of an object.

        :raises FileNotFoundError: where it is missing
        :raises StoreError: where the store can't be reached
        """
        if (change := self.current) is None:
            return self._bucket.get(key, most)
        if (found := self._found(change, key, most)) is None:
            raise FileNotFoundError(key)
        return found[0]

    def write(self, key: str, data: bytes) -> None:
        state = f"Config '{key}' may or may not be written to it. Retry."
        expected = self._expected(key)
        revision = self._changed(key, state, lambda: self._bucket.put(key, data, expected=expected))
        self._note(key, (data, Entry(revision, len(data), None)))

    def delete(self, key: str) -> bool:
        if (expected := self._expected(key)) is None:
            return False
        state = f"Config '{key}' may or may not be removed from it. Retry."
        self._changed(key, state, lambda: self._bucket.remove(key, expected=expected))
        self._note(key, None)
        return True

    def bump(self, covering: Mapping[str, str | None] | None) -> str:
        if (change := self.current) is None:
            self._presence.check()
            return self._announce({}, covering)
        return self._cover(change, covering)

    def _announce(self, made: Mapping[str, str | None], covering: Mapping[str, str | None] | None) -> str:
        """Make a marker for the changes of a writer, and further ones."""
        if may_name_others(made, covering):
            self.names.replace()
        return self.marker.replace({**made, **(covering or {})})

    def _cover(self, change: Change, covering: Mapping[str, str | None] | None) -> str:
        marker = self._announce(change.made, covering)
        change.made.clear()
        change.is_covered = True
        return marker

    def _settle(self, change: Change) -> None:
        """Make the marker that is due: for this writer's changes, or one that has died after a change of its own."""
        present = {key: found[1] for key, found in change.found.items() if found is not None}
        if change.made:
            self._cover(change, None)
        elif present and not change.is_covered:
            covered = self.marker.covered()
            if due := {key: entry.revision for key, entry in present.items() if covered.is_due(key, entry)}:
                self._cover(change, due)

    def _found(self, change: Change, key: str, most: int) -> tuple[bytes, Entry] | None:
        if key not in change.found:
            change.found[key] = self._bucket.find(key, most)
        return change.found[key]

    def _expected(self, key: str) -> str | None:
        """Return the revision that an object must still have, None where it must be missing."""
        if (change := self.current) is not None and key in change.found:
            found = change.found[key]
            return found[1].revision if found is not None else None
        entry = self._bucket.entry(key)
        return entry.revision if entry is not None else None

    def _note(self, key: str, found: tuple[bytes, Entry] | None) -> None:
        if (change := self.current) is not None:
            change.found[key] = found
            change.made[key] = found[1].revision if found is not None else None
            change.is_covered = False

    def _changed(self, key: str, uncertain: str, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except ChangedError:
            raise StoreLockedError(
                f"config '{key}' was changed by another writer at the same time, in config_store "
                f"'{self._bucket.location}'. Nothing has changed. Retry."
            ) from None
        except UncertainError as error:
            raise StoreError(
                f"config_store '{self._bucket.location}' has not answered ({error.reason}). {uncertain}"
            ) from error
