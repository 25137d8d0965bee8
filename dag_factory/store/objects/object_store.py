"""A config store in object storage."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import StoreError
from dag_factory.store.folder.access import OWNER_ONLY, Access
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.json_notes import JsonNotes
from dag_factory.store.last_good import LastGoodVersions
from dag_factory.store.markers import LoadNote
from dag_factory.store.memory import Known, Memory, Place
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.changes import Changes
from dag_factory.store.objects.entries import Entry
from dag_factory.store.objects.failures import ChangedError, UncertainError
from dag_factory.store.objects.keys import is_config
from dag_factory.store.objects.location import Location
from dag_factory.store.objects.marker import Covered
from dag_factory.store.objects.object_copies import ObjectLastGood
from dag_factory.store.objects.presence import ObjectPresence
from dag_factory.store.objects.probe import probe
from dag_factory.store.objects.read_ahead import ReadAhead
from dag_factory.store.own_files import loaded_name
from dag_factory.store.shards import WHOLE, Shard
from dag_factory.store.stamps import Stamp

log = logging.getLogger(__name__)

_TOKEN_BYTES = 200
_MOST = MAX_BYTES + 1


class ObjectStore(JsonNotes):
    """
    The ``*.json``, ``*.yaml`` and ``*.yml`` objects below a prefix, those with a hidden name apart.

    `Changes` makes changes, so that no writer overwrites what it has not read.

    :param location: where they are
    :param memory: what this machine remembers of the store. With it, any other store is refused
    :param last_good: folder for the last good versions, None for hidden objects in the store
    :param bucket: the store's objects, by default those at the location
    """

    def __init__(
        self,
        location: Location,
        memory: Memory | None = None,
        *,
        last_good: Path | None = None,
        bucket: Bucket | None = None,
    ) -> None:
        self.location = location
        self._bucket = bucket or Bucket(location)
        self.last_good: LastGoodVersions = (
            FolderLastGood(last_good) if last_good is not None else ObjectLastGood(self._bucket)
        )
        self._presence = ObjectPresence(self._bucket, memory)
        self._changes = Changes(self._bucket, self._presence)
        self._entries: Mapping[str, Entry] = {}
        # Whether the listing is that of the last `revisions`, for the next `list_keys`.
        self._is_listed = False
        # Whether `_entries` are all objects, as far as this store object knows.
        self._are_all = False
        self._ahead = ReadAhead(lambda keys: self._bucket.get_all(keys, _MOST), self.size)

    def check(self) -> Place:
        return self._presence.check()

    def remember(self) -> Known | None:
        return self._presence.remember()

    def confirm_absence(self) -> None:
        self._presence.confirm_absence()

    def revisions(self) -> Mapping[str, str]:
        self._is_listed = False
        entries = self._listed()
        self._is_listed = True
        return {key: entry.revision for key, entry in entries.items()}

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        del unlisted  # a listing is of all objects, or fails
        return list(self._listed_once())

    def stamps(self, unlisted: dict[str, str] | None = None) -> Mapping[str, Stamp]:
        del unlisted
        entries = self._listed_once()
        # With the service's time: a revision of S3 is only the MD5 of the content, which an author may choose.
        return {
            key: Stamp(f"{entry.revision} {entry.size:x} {entry.changed}", is_certain=entry.is_certain)
            for key, entry in entries.items()
        }

    def _listed_once(self) -> Mapping[str, Entry]:
        """Return the listing that `revisions` has made, if it was not used yet, or a new one."""
        if not self._is_listed:
            self._listed()
        # Under the lock, the listing stays in use. Otherwise it is used once.
        self._is_listed = self._changes.current is not None
        return self._entries

    def _listed(self) -> Mapping[str, Entry]:
        found = self._bucket.list()
        self._entries = {key: found[key] for key in sorted(found) if is_config(key)}
        self._are_all = True
        self._presence.note_listing(bool(self._entries))
        if not self._entries:
            # A bucket that was emptied must not pass for a store without configs.
            self._presence.check()
        return self._entries

    def prefetch(self, keys: Iterable[str]) -> None:
        self._ahead.expect(keys)

    def read(self, key: str) -> bytes:
        if self._changes.current is None and self._ahead.knows(key):
            if (data := self._ahead.take(key)) is None:
                raise KeyError(key)
            return data
        try:
            return self._changes.read(key, _MOST)
        except FileNotFoundError:
            raise KeyError(key) from None

    def size(self, key: str) -> int:
        return self._entries[key].size if key in self._entries else 0

    def changed(self, key: str) -> float | None:
        if key in self._entries:
            return self._entries[key].changed
        if self._are_all:
            # Asking for each name that defaults may have, on each level of folders, would use up a load's time.
            return None
        with suppress(StoreError):
            entry = self._bucket.entry(key)
            return entry.changed if entry is not None else None
        return None

    def access(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        # Only the service knows who may read an object, so a copy of it is for its owner alone.
        del key, made_with
        return OWNER_ONLY

    def write(self, key: str, data: bytes) -> None:
        self._is_listed = self._are_all = False
        self._changes.write(key, data)

    def delete(self, key: str) -> bool:
        self._is_listed = False
        return self._changes.delete(key)

    def lock(self) -> AbstractContextManager[None]:
        self._is_listed = False
        return self._changes.lock()

    def probe(self) -> None:
        self._presence.check()
        probe(self._bucket)

    def settle(self) -> bool:
        # A writer that died leaves no note: the next listing of a watcher shows what it has changed.
        return False

    def marker(self) -> str | None:
        return self._changes.marker.read()

    def names(self) -> str | None:
        return self._changes.names.read()

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker, see `Marker.replace`.

        :param covering: further changes that it covers: revision by key, None where the object was removed
        """
        return self._changes.bump(covering)

    def covered(self) -> Covered:
        """
        Return which changes have a marker.

        :raises StoreError: where the store can't be reached
        """
        return self._changes.marker.covered()

    def loaded(self, shard: Shard = WHOLE) -> str | None:
        return self.load_note(shard).marker

    def load_note(self, shard: Shard = WHOLE) -> LoadNote:
        note = self._note(loaded_name(shard), _TOKEN_BYTES)
        return LoadNote.of(note.decode("ascii", "replace").strip() if note is not None else None)

    def note_loaded(self, marker: str, shard: Shard = WHOLE, again_at: float | None = None) -> None:
        self._keep(loaded_name(shard), str(LoadNote(marker, again_at)).encode())

    def _note(self, name: str, most: int) -> bytes | None:
        with suppress(FileNotFoundError, StoreError):
            return self._bucket.get(name, most)
        return None

    def _keep(self, name: str, note: bytes) -> None:
        """Replace a note, if that is needed and possible: a store that can't be written works too."""
        try:
            found = self._bucket.find(name, len(note) + 1)
            if found is None or found[0] != note:
                self._bucket.put(name, note, expected=found[1].revision if found is not None else None)
        except ChangedError:
            log.debug("another load has kept %s", name)
        except (UncertainError, StoreError) as error:
            log.debug("can't keep %s: %s", name, error)
