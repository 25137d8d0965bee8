"""
Where configs lie: the store, which config speaks for which DAG id, and the writer.

Runs in every process of Airflow; only the API server and the command line write. It may import `configs` and what that
may import.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.store.folder.access import Access
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.presence import Place
from dag_factory.store.last_good import LastGood
from dag_factory.store.memory import Known, Memory

__all__ = ["ConfigStore", "configured_memory", "configured_store", "knows_store", "open_store"]

log = logging.getLogger(__name__)


class ConfigStore(Protocol):
    """
    A place that holds config files under keys: relative paths with ``/``, such as ``sales/orders.yaml``.

    A store knows nothing of pipelines. Its answers are sorted, so that the same question gets the same answer.
    """

    @property
    def last_good(self) -> LastGood:
        """Copies of the configs as they were when a DAG was last built from them."""

    def check(self) -> Place:
        """
        Return which store is there; what it says may be compared with what it says later.

        :raises MissingStoreError: where it is not the store that this machine knows
        """

    def remember(self) -> Known | None:
        """
        Let this machine know the store from now on, and return what it knows; None where it remembers nothing.

        :raises MissingStoreError: where it knows another one
        """

    def confirm_absence(self) -> None:
        """
        Make sure that a config that was not found is not there, rather than the store.

        :raises MissingStoreError: where the store may only be out of reach
        """

    def revisions(self) -> Mapping[str, str]:
        """
        Return the revision of each file, by its key: it changes when the file does. No file is opened.

        :raises StoreError: where the store can't be listed
        """

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        """
        Return the keys of all config files, those of defaults included, sorted; no file is opened.

        :param unlisted: is given each folder whose configs can't be listed, with the reason
        :raises StoreError: where the store can't be listed
        """

    def read(self, key: str) -> bytes:
        """
        Return a file's content, at most a little more than the largest size that a config may have.

        :raises KeyError: where the file is missing
        :raises ConfigError: where there is one that can't be read
        :raises StoreError: under the lock, where the file system fails to read it
        """

    def size(self, key: str) -> int:
        """Return a file's size in bytes, 0 where that is not known."""

    def changed(self, key: str) -> float | None:
        """Return when a file was changed last, in seconds since the epoch, None where that is not known."""

    def access(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        """
        Return who may read a file.

        :param made_with: keys of further files that must be readable, those that do not exist apart
        """

    def write(self, key: str, data: bytes) -> None:
        """
        Write a file in one step: a reader at the same time, or after a crash, finds the old file or the new one.

        It is sure to survive a power cut, and covered by the marker, once `bump` has returned.

        :raises StoreError: where that is not possible; it says whether the old file is still there
        """

    def delete(self, key: str) -> bool:
        """
        Remove a file, as surely as `write` writes one; return whether there was one.

        :raises StoreError: where it can't be removed; it says whether it is still there
        """

    def lock(self) -> AbstractContextManager[None]:
        """
        Hold the store's lock, which one thread of one process can hold at a time. Writing and deleting need it.

        When it is released without an error, the marker covers all changes, also those of writers that have died.

        :raises StoreLockedError: where another one holds it for too long
        :raises StoreError: where it is not possible, or the marker can't be made to cover all changes
        """

    def marker(self) -> str | None:
        """Return the version marker, which is a new one after each `bump`; None before the first."""

    def bump(self) -> str:
        """
        Replace the version marker by a later one and return it, once all changes are sure to survive a power cut.

        A reader that sees it sees all that was written before. Markers are texts, and a later one sorts after.

        :raises StoreError: where it can't be replaced, or a change may not survive; it says which
        """

    def settle(self) -> bool:
        """
        Make the marker that a writer did not make because it died or failed; return whether one was due.

        While a writer holds the lock nothing is done, since it makes that marker itself.

        :raises StoreError: where it can't be made
        """

    def loaded(self) -> str | None:
        """Return the marker that the loader found when it last began to read, None where that is not known."""

    def note_loaded(self, marker: str) -> None:
        """Note the marker that was found before all configs were read, as far as the store can keep it; never fails."""

    def load_problem(self) -> str | None:
        """Return what the loader has noted last of the time that it takes, None where all is well."""

    def note_load_problem(self, problem: str | None) -> None:
        """Note what is to be said of the time that the loader takes, as far as the store can keep it; never fails."""

    def recall(self, dag_id: str) -> str | None:
        """Return the key last noted for a DAG id, if any. It is a hint and may be out of date."""

    def note(self, keys: Mapping[str, str]) -> None:
        """Note which key speaks for which DAG id, as far as the store can keep it; never fails."""


def open_store(location: str, memory: Memory | None = None) -> ConfigStore:
    """
    Return the store at a location, a folder's path.

    :param memory: what this machine remembers of it. With it, all that is not the known store is refused
    """
    return FolderStore(location, memory, last_good=settings.last_good_folder())


def configured_store() -> ConfigStore:
    """
    Return the store that the setting ``config_store`` names.

    :raises SettingsError: where it names none
    :raises MissingStoreError: where it is not there, or another one is
    """
    location = settings.config_store()
    store = open_store(location, configured_memory(location))
    store.check()
    return store


def configured_memory(location: str) -> Memory | None:
    """Return what this machine remembers of the store at a location, None where it is to remember nothing."""
    try:
        folder = settings.state_folder()
    except SettingsError as error:
        log.warning("A config store that is not mounted may be taken for an empty one. %s", error)
        return None
    return Memory(folder, str(Path(location).expanduser().absolute()))


def knows_store() -> bool:
    """Return whether this machine has ever seen the configured store."""
    try:
        memory = configured_memory(settings.config_store())
    except SettingsError:
        return False
    return memory is not None and memory.known() is not None
