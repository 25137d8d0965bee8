"""
Where configs lie: the store, to which config each DAG id belongs, and the writer.

Runs in every process of Airflow; only the API server and the command line write configs. It may import `configs` and
what that may import.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.store.folder.access import Access
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from dag_factory.store.last_good import LastGoodVersions
from dag_factory.store.markers import LoadNote
from dag_factory.store.memory import Known, Memory, Place
from dag_factory.store.objects.location import is_url, local_path, located
from dag_factory.store.shards import WHOLE, Shard
from dag_factory.store.stamps import Stamp

__all__ = [
    "ConfigStore",
    "configured_index",
    "configured_memory",
    "configured_store",
    "knows_store",
    "memory_of",
    "open_store",
]

log = logging.getLogger(__name__)


class ConfigStore(Protocol):
    """
    A place that holds config files under keys: relative paths with ``/``, such as ``sales/orders.yaml``.

    A store knows nothing of pipelines. Its answers are sorted, so that they are always the same.
    """

    @property
    def last_good(self) -> LastGoodVersions:
        """Copies of the configs as they were when a DAG was last built from them."""

    def check(self) -> Place:
        """
        Return the store at the location; compare the result with a later one to notice another store.

        :raises MissingStoreError: where it is not the store that this machine knows
        """

    def remember(self) -> Known | None:
        """
        Remember the store on this machine, and return what is known of it; None where nothing is remembered.

        :raises MissingStoreError: where another store is known
        """

    def confirm_absence(self) -> None:
        """
        Make sure that a config that was not found is missing, rather than the whole store.

        :raises MissingStoreError: where the store may be unmounted
        """

    def revisions(self) -> Mapping[str, str]:
        """
        Return the revision of each file, by its key: it changes when the file does. No file is opened.

        :raises StoreError: where the store can't be listed
        """

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        """
        Return the keys of all config files, those of defaults included, sorted; no file is opened.

        :param unlisted: gets each folder whose configs can't be listed, with the reason
        :raises StoreError: where the store can't be listed
        """

    def stamps(self, unlisted: dict[str, str] | None = None) -> Mapping[str, Stamp]:
        """
        Return the stamp of each config file, those of defaults included, sorted by key; no file is opened.

        A certain stamp stays the same only while the content does. An object's has its revision, size and time.

        :param unlisted: gets each folder whose configs can't be listed, with the reason
        :raises StoreError: where the store can't be listed
        """

    def read(self, key: str) -> bytes:
        """
        Return a file's content, cut where it is larger than a config may be.

        :raises KeyError: where the file is missing
        :raises ConfigError: where it can't be read
        :raises StoreError: where the store can't be reached; under the lock also where the file system fails to read it
        """

    def prefetch(self, keys: Iterable[str]) -> None:
        """Announce the files that will be read next, each once, in this order: a remote store reads many at a time."""

    def size(self, key: str) -> int:
        """Return a file's size in bytes, 0 where that is unknown."""

    def changed(self, key: str) -> float | None:
        """Return when a file was last changed, in seconds since the epoch, None where that is unknown."""

    def access(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        """
        Return who may read a file.

        :param made_with: keys of further files that must be readable, if they exist
        """

    def write(self, key: str, data: bytes) -> None:
        """
        Write a file atomically: a concurrent reader, or one after a crash, finds the old file or the new one.

        Once `bump` has returned, the file survives a power cut, and the marker covers it.

        :raises StoreError: where it can't be written; says whether the old file is still there
        """

    def delete(self, key: str) -> bool:
        """
        Remove a file atomically; return whether it existed.

        :raises StoreError: where it can't be removed; says whether it is still there
        """

    def lock(self) -> AbstractContextManager[None]:
        """
        Hold the lock under which files are read and then changed, so that no other writer comes in between.

        A folder makes them wait. Object storage can't: there a change is refused where another writer has changed the
        file since it was first read under the lock, and what has been read is not read again.

        When it is released without an error, the marker covers all changes; in a folder even those of writers that
        died.

        :raises StoreLockedError: where another process holds it for too long, or a change is refused
        :raises StoreError: where the store can't be locked, or the marker can't be made
        """

    def probe(self) -> None:
        """
        Try whether writers notice each other here, and leave nothing behind.

        :raises StoreError: where they don't, or nothing can be written
        """

    def marker(self) -> str | None:
        """Return the version marker, which each `bump` replaces; None before the first."""

    def bump(self) -> str:
        """
        Replace the version marker by a later one and return it, once all changes are on disk.

        A reader that sees the marker sees all that was written before. Markers are texts, and later ones sort after.

        :raises StoreError: where it can't be replaced, or a change may not survive a power cut; says which
        """

    def names(self) -> str | None:
        """
        Return a text that changes when files may have appeared under names that a deploy does not give
        (`dag_factory.store.file_names`): by hand, or from an archive. It changes before the marker does.
        None before the first change.

        :raises StoreError: where the store can't be reached
        """

    def settle(self) -> bool:
        """
        Make the marker that a dead or failed writer left unmade; return whether a new marker is there.

        Does nothing while a writer holds the lock, since that one makes the marker itself.

        :raises StoreError: where it can't be made
        """

    def loaded(self, shard: Shard = WHOLE) -> str | None:
        """Return the marker that the last load of a shard found before it read configs, None where that is unknown."""

    def load_note(self, shard: Shard = WHOLE) -> LoadNote:
        """Return what the last load of a shard has noted; an empty note where there is none, or it can't be read."""

    def note_loaded(self, marker: str, shard: Shard = WHOLE, again_at: float | None = None) -> None:
        """
        Note the marker found before a shard's configs were read, if the store can be written; never fails.

        :param again_at: see `LoadNote`
        """

    def load_problem(self) -> str | None:
        """Return what the loader files have noted on the time that they take, None where that is short enough."""

    def note_load_problem(self, problem: str | None, shard: Shard = WHOLE) -> None:
        """Note a problem with the time that a loader file takes, if the store can be written; never fails."""

    def recall(self, dag_id: str) -> str | None:
        """Return the key last noted for a DAG id, None without a note. It may be outdated."""

    def note(self, keys: Mapping[str, str]) -> None:
        """Note the key of each DAG id's config, if the store can be written; never fails."""


def open_store(location: str, memory: Memory | None = None) -> ConfigStore:
    """
    Return the store at a location: a folder's path, or a URL such as ``s3://conn_id@bucket/prefix``.

    :param memory: what this machine remembers of the store. With it, any other store is refused
    :raises SettingsError: where the URL is invalid, or the home folder in the path unknown
    """
    last_good = settings.last_good_folder()
    path = local_path(location)
    if path is None and is_url(location):
        from dag_factory.store.objects.object_store import ObjectStore

        return ObjectStore(located(location), memory, last_good=last_good)
    return FolderStore(path or location, memory, last_good=last_good)


def configured_store() -> ConfigStore:
    """
    Return the store of the setting ``config_store``.

    :raises SettingsError: where the setting is empty
    :raises MissingStoreError: where the store is missing, or another one is in its place
    """
    location = settings.config_store()
    store = open_store(location, configured_memory(location))
    store.check()
    return store


def configured_memory(location: str) -> Memory | None:
    """Return what this machine remembers of the store at a location, None where it must not remember anything."""
    try:
        return memory_of(location)
    except SettingsError as error:
        log.warning("A config store that is not mounted may be taken for an empty one. %s", error)
        return None


def configured_index(location: str) -> Index | None:
    """Return what this machine has found in the store at a location, None where it must not remember anything."""
    memory = configured_memory(location)
    return Index(memory.database) if memory is not None else None


def memory_of(location: str) -> Memory:
    """
    Return what this machine remembers of the store at a location.

    :raises SettingsError: where the setting for it has no usable value
    """
    return Memory(settings.state_folder(), _plain(location))


def _plain(location: str) -> str:
    """Return a location in one form, however it is written."""
    path = local_path(location)
    if path is None and is_url(location):
        return str(located(location))
    return str(settings.expanded(path or location, "config_store").absolute())


def knows_store() -> bool:
    """Return whether this machine has ever seen the configured store."""
    try:
        memory = configured_memory(settings.config_store())
    except SettingsError:
        return False
    return memory is not None and memory.known() is not None
