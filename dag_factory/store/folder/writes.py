"""How a change gets into a store's folder: locked, noted as pending, made, and covered by a marker."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from dag_factory.errors import MissingStoreError, StoreError, StoreLockedError
from dag_factory.store.folder.announcements import Announcements
from dag_factory.store.folder.files import UncertainError, is_there, remove, replace, revision_of, sweep, sync
from dag_factory.store.folder.lock import Lock, locked
from dag_factory.store.folder.notes import token
from dag_factory.store.folder.own_files import ANNOUNCED, LOADED, LOCK, MARKER, PENDING, is_key
from dag_factory.store.folder.pending import Pending
from dag_factory.store.folder.presence import Presence, no_folder
from dag_factory.store.folder.tokens import later_than

# How long a writer waits for the others. One takes some milliseconds, and a server that calls does not wait for long.
LOCK_SECONDS = 20.0


class Writes:
    """
    The changes of a store's folder.

    A change is on disk before a marker covers it, and until then it is noted on disk as pending: `Pending`. So a writer
    that dies at any line leaves either nothing to do or a note that a marker is due, and the next one that
    releases the lock or calls `settle` makes that marker.

    :param root: the folder
    :param presence: says whether the folder is the store
    :param lock_seconds: how long to wait for other writers
    """

    def __init__(self, root: Path, presence: Presence, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._root = root
        self._presence = presence
        self._lock_seconds = lock_seconds
        self._pending = Pending(root / PENDING)
        self._announcements = Announcements(root / ANNOUNCED)
        # The lock and the thread that holds it, by way of this object.
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
            # A store that was unmounted meanwhile is not where it was written to.
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
        self._presence.give_identity()
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
                    f"config_store '{self._root}' can't be locked: {error.strerror}. Nothing has changed."
                ) from error
            # It may have been unmounted while others had the lock.
            self._presence.check()
            self._lock = (lock, threading.get_ident())
            try:
                if self._pending.exists():
                    self.sweep()
                yield
                # Left behind by a writer that died; all that this one did is covered.
                if self._pending.exists():
                    self._bump({}, "may hold a change")
            finally:
                self._lock = None

    def settle(self) -> bool:
        """
        Make the marker that a writer has left undone; return whether there was one to make.

        It does nothing while somebody is at work on the store, since they will make it.

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

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker by a later one and return it. All changes that are pending are covered by it.

        :param covering: further changes that it covers: revision by key, None where the file was removed. `announced`
            reports them to those who watch the folder
        :raises StoreError: where it can't be replaced, or a change may not survive a power cut; it says which
        """
        with nullcontext() if self.is_locked_here else self.lock():
            return self._bump(covering or {}, "holds the change")

    def _bump(self, covering: Mapping[str, str | None], state: str) -> str:
        self._check_lock("It may hold the change, and Airflow may not see it.")
        # Looked at before the marker is made: what somebody changes by hand later is another change.
        changes = {key: self._revision(key) for key in self._pending.changes() if is_key(key)}
        unsynced = self._sync({(self._root / key).parent for key in changes})
        marker = later_than(self.marker(), self.loaded())
        try:
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
        # Only now: had the writer died before, those who watch would have to bump in its place.
        self._announcements.add({**changes, **covering})
        self._pending.clear()
        with suppress(MissingStoreError):
            self._presence.remember()
        return marker

    @property
    def is_locked_here(self) -> bool:
        """Whether this thread has locked the store by way of this object."""
        return self._lock is not None and self._lock[1] == threading.get_ident()

    def _check_lock(self, state: str) -> None:
        """
        Make sure that the store is there, and no other writer is at work where this one began by locking it.

        :param state: what holds of the store
        :raises MissingStoreError: where the folder was unmounted or replaced, or the lock removed, in the meantime
        """
        if self._lock is None or not self.is_locked_here:
            self._presence.check()
        elif not self._lock[0].is_valid():
            raise MissingStoreError(
                f"config_store '{self._root}' was replaced, or its file {LOCK} removed, while it was locked. "
                f"{state} Retry."
            )

    def _revision(self, key: str) -> str | None:
        path = self._root / key
        return revision_of(path) if os.path.lexists(path) else None

    def _sync(self, folders: set[Path]) -> OSError | None:
        """Return the first error, None where all changes of some folders are on disk."""
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
        """Remove what writers that died have left behind, and no marker depends on. Never fails."""
        for folder in {self._root, *((self._root / key).parent for key in self._pending.changes() if is_key(key))}:
            sweep(folder)

    def announced(self) -> dict[str, str | None]:
        """Return the newest revision of each key that a marker was made for, as far as known; None for a removal."""
        return self._announcements.all()

    def loaded(self) -> str | None:
        return token(self._root / LOADED)
