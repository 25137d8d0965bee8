"""Changes a store's folder: each change is made under the lock, noted as pending, and covered by a marker."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4

from dag_factory.errors import MissingStoreError, StoreError, StoreLockedError
from dag_factory.store.file_names import may_name_others
from dag_factory.store.folder.announcements import Announcements
from dag_factory.store.folder.files import UncertainError, is_there, remove, replace, revision_of, sweep, sync
from dag_factory.store.folder.lock import Lock, locked
from dag_factory.store.folder.notes import token
from dag_factory.store.folder.pending import Pending
from dag_factory.store.folder.presence import Presence, no_folder
from dag_factory.store.markers import LoadNote, later_than
from dag_factory.store.own_files import ANNOUNCED, LOADED, LOCK, MARKER, NAMES, PENDING, is_key

# How long a writer waits for others. A write takes some milliseconds, and the calling server does not wait for long.
LOCK_SECONDS = 20.0


class Writes:
    """
    The changes of a store's folder.

    A change is on disk before a marker covers it, and until then it is noted on disk as `Pending`. So a writer that
    dies at any line leaves either nothing to do or a note that a marker is due: the next writer that releases the lock
    makes it, or a call of `settle`.

    :param root: the folder
    :param presence: checks that the folder is the store
    :param lock_seconds: how long to wait for other writers
    """

    def __init__(self, root: Path, presence: Presence, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._root = root
        self._presence = presence
        self._lock_seconds = lock_seconds
        self._pending = Pending(root / PENDING)
        self._announcements = Announcements(root / ANNOUNCED)
        # The lock that was taken through this object, and the thread that holds it.
        self._lock: tuple[Lock, int] | None = None

    def write(self, key: str, data: bytes) -> None:
        path = self._root / key
        with self._changing(key, "written to"):
            self._pending.add(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, data, mode=0o600)

    def delete(self, key: str) -> bool:
        path = self._root / key
        with self._changing(key, "removed from"):
            if not is_there(path):
                return False
            self._pending.add(key)
            return remove(path)

    @contextmanager
    def _changing(self, key: str, done: str) -> Iterator[None]:
        """Report a failed change, and whether the config is still as it was."""
        self._check_lock(f"Config '{key}' is as it was before.")
        try:
            yield
            # If the store was unmounted meanwhile, the change went elsewhere.
            self._check_lock(f"Config '{key}' may or may not be {done} it.")
        except UncertainError as error:
            raise StoreError(
                f"config '{key}' may or may not be {done} '{self._root}': {error.strerror}. Retry."
            ) from error
        except OSError as error:
            self._pending.withdraw(key)
            raise StoreError(
                f"config '{key}' can't be {done} '{self._root}': {error.strerror}. It is as it was before."
            ) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._locked(self._lock_seconds):
            yield

    @contextmanager
    def _locked(self, limit_seconds: float) -> Iterator[None]:
        identity = self._presence.give_identity()
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(locked(self._root / LOCK, limit_seconds))
            except (FileNotFoundError, NotADirectoryError):
                raise no_folder(self._root) from None
            except TimeoutError as error:
                raise StoreLockedError(
                    f"config_store '{self._root}' is locked by another process: {error}. Nothing has changed. "
                    "Retry; if it stays locked, look for a process that hangs."
                ) from None
            except OSError as error:
                raise StoreError(
                    f"config_store '{self._root}' can't be locked: {error.strerror}. Nothing has changed. Check its "
                    "disk and its mount; on a network file system, that it supports locks (flock)."
                ) from error
            # The store may have been unmounted while others had the lock, also one that no memory knows yet.
            if self._presence.check().identity != identity and identity is not None:
                raise MissingStoreError(
                    f"config_store '{self._root}' was replaced while it was being locked. Nothing has changed. Retry."
                )
            self._lock = (lock, threading.get_ident())
            try:
                if self._pending.exists():
                    self.sweep()
                yield
                # No marker covers these changes yet: this writer's, if it made none, or those of a writer that died.
                if self._pending.exists():
                    self._bump({}, "may hold a change")
            finally:
                self._lock = None

    def settle(self) -> bool:
        """
        Make the marker that a writer that died has left to be made; return whether one was made.

        Does nothing while another writer holds the lock, since that one makes it.

        :raises StoreError: where it can't be made
        """
        if not self._pending.exists():
            return False
        before = self.marker()
        with suppress(StoreLockedError), self._locked(0):
            pass
        return self.marker() != before

    def marker(self) -> str | None:
        return token(self._root / MARKER)

    def names(self) -> str | None:
        return token(self._root / NAMES)

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker by a later one, which covers all pending changes, and return it.

        :param covering: further changes that it covers: revision by key, None where the file was removed. `announced`
            returns them to those who watch the folder
        :raises StoreError: where it can't be replaced, or a change may not survive a power cut; it says which
        """
        with nullcontext() if self.is_locked_here else self.lock():
            return self._bump(covering, "holds the change")

    def _bump(self, covering: Mapping[str, str | None] | None, state: str) -> str:
        self._check_lock("It may hold the change, and Airflow may not see it.")
        # Read before the marker is made: a later change by hand must not count as covered.
        changes = {key: self.revision(key) for key in self._pending.changes() if is_key(key)}
        unsynced = self._sync({(self._root / key).parent for key in changes})
        before = self.marker()
        # Where it was removed, the next one must be later than what any shard's load has found.
        marker = later_than(before, *self._noted_by_loads(of_shards=before is None))
        try:
            # Nobody knows what was changed by hand where nothing is named, nor all that a writer that died has changed.
            if may_name_others(changes, covering):
                replace(self._root / NAMES, uuid4().hex.encode(), mode=0o644)
            replace(self._root / MARKER, marker.encode(), mode=0o644)
        except OSError as error:
            raise StoreError(
                f"config_store '{self._root}' {state}, but Airflow may not see it: its version marker can't be "
                f"replaced: {error.strerror}. Retry."
            ) from error
        unsynced = self._sync({self._root}) or unsynced
        if unsynced is not None:
            raise StoreError(
                f"config_store '{self._root}' {state}, but it may not survive a power cut: {unsynced.strerror}. Retry."
            ) from unsynced
        # Only now: if the writer dies before this line, a watcher must bump in its place.
        self._announcements.add({**changes, **(covering or {})})
        self._pending.clear()
        with suppress(MissingStoreError):
            self._presence.remember(holds_config=any(changes.values()))
        return marker

    @property
    def is_locked_here(self) -> bool:
        """Whether this thread has locked the store through this object."""
        return self._lock is not None and self._lock[1] == threading.get_ident()

    def _check_lock(self, state: str) -> None:
        """
        Make sure that the store is there, and that the lock, if this thread has it, still holds.

        :param state: a sentence for the error: the state of the config or the store
        :raises MissingStoreError: where the folder was unmounted or replaced, or the lock removed, meanwhile
        """
        if self._lock is None or not self.is_locked_here:
            self._presence.check()
        elif not self._lock[0].is_valid():
            raise MissingStoreError(
                f"config_store '{self._root}' was replaced, or its file {LOCK} removed, while it was locked. "
                f"{state} Retry."
            )

    def revision(self, key: str) -> str | None:
        """Return the revision of a file, None where it is missing."""
        path = self._root / key
        return revision_of(path) if os.path.lexists(path) else None

    def _sync(self, folders: set[Path]) -> OSError | None:
        """Sync folders to disk, and return the first error; None where all succeed."""
        failure = None
        for folder in folders:
            try:
                sync(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                failure = failure or error
        return failure

    def sweep(self) -> None:
        """Remove the unfinished files of writers that died. Never fails."""
        for folder in {self._root, *((self._root / key).parent for key in self._pending.changes() if is_key(key))}:
            sweep(folder)

    def announced(self) -> dict[str, str | None]:
        """Return the newest revision of each key that a marker covers, as far as known; None for a removal."""
        return self._announcements.all()

    def _noted_by_loads(self, *, of_shards: bool) -> list[str | None]:
        """Return the markers that loads have noted: that of one loader, and those of shards where asked for."""
        paths = [self._root / LOADED]
        # Where it can't be listed, writing the marker will say what is wrong with the folder.
        with suppress(OSError):
            paths += self._root.glob(f"{LOADED}_*") if of_shards else ()
        return [LoadNote.of(token(path)).marker for path in paths]
