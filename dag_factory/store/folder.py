"""A config store in a folder of the file system."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dag_factory.document import MAX_BYTES, SUFFIXES
from dag_factory.errors import ConfigError, MissingStoreError, StoreError, StoreLockedError
from dag_factory.store.access import Access, AccessRights
from dag_factory.store.announcements import Announcements
from dag_factory.store.files import NEW, UncertainError, is_there, remove, replace, revision_of, sweep, sync
from dag_factory.store.identity import IDENTITY
from dag_factory.store.last_good import FOLDER, LastGood
from dag_factory.store.listing import CLOSED, Identity, keys_in
from dag_factory.store.lock import Lock, locked
from dag_factory.store.memory import Known, Memory
from dag_factory.store.notes import keep, mapping, token
from dag_factory.store.pending import Pending
from dag_factory.store.presence import Place, Presence, no_folder
from dag_factory.store.tokens import later_than

# Hidden, as all files are that the store keeps for itself: hidden files are never configs.
NOTES = ".dag_ids.json"
MARKER = ".version"
LOADED = ".loaded"
LOCK = ".lock"
ANNOUNCED = ".announced"
PENDING = ".pending"
# How long a writer waits for the others. One takes some milliseconds, and a server that calls does not wait for long.
LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class Snapshot:
    """
    What a folder held at one look.

    :param revisions: a text for each key, another one once the file is; of a link, it is that of the file it leads to
    :param folders: the folders that were listed, each with its device and inode
    """

    revisions: Mapping[str, str]
    folders: Mapping[Path, Identity]


class FolderStore:
    """
    A folder of ``*.json``, ``*.yaml`` and ``*.yml`` files, subfolders included.

    Links are followed, as a Kubernetes ConfigMap or a git-sync volume needs; hidden files and folders are left out.
    What carries a config's name but is no readable file is listed all the same: reading it says what is wrong.

    A change is on disk before a marker covers it, and until then it is noted on disk as pending: `Pending`. So a writer
    that dies at any line leaves either nothing to do or a note that a marker is due, and whoever leaves the lock next,
    or calls `settle`, makes that marker.

    :param location: path of the folder; ``~`` is expanded
    :param memory: what this machine remembers of it. With it, a folder that is not the known store is refused
    :param last_good: folder for the last good versions, None for a hidden one of the store
    :param lock_seconds: how long to wait for other writers
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        memory: Memory | None = None,
        *,
        last_good: Path | None = None,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self.root = Path(location).expanduser()
        self._presence = Presence(self.root, memory)
        self.last_good = LastGood(last_good or self.root / FOLDER)
        self._rights = AccessRights(self.root)
        self._lock_seconds = lock_seconds
        self._pending = Pending(self.root / PENDING)
        self._announcements = Announcements(self.root / ANNOUNCED)
        # The lock and the thread that holds it, by way of this object.
        self._lock: tuple[Lock, int] | None = None

    def check(self) -> Place:
        return self._presence.check()

    def remember(self) -> Known | None:
        return self._presence.remember()

    def confirm_absence(self) -> None:
        self._presence.confirm_absence()

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        return sorted(self._listed({}, unlisted))

    def revisions(self) -> Mapping[str, str]:
        return self.snapshot().revisions

    def snapshot(self) -> Snapshot:
        """
        Return what the folder holds now; no file is opened.

        :raises StoreError: where the folder can't be listed
        """
        folders: dict[Path, Identity] = {}
        return Snapshot({key: revision_of(self.root / key) for key in self._listed(folders)}, folders)

    def _listed(self, folders: dict[Path, Identity], unlisted: dict[str, str] | None = None) -> list[str]:
        self._presence.check()
        try:
            keys = list(keys_in(self.root, folders, unlisted if unlisted is not None else {}))
        except (FileNotFoundError, NotADirectoryError):
            raise no_folder(self.root) from None
        except OSError as error:
            raise StoreError(f"config_store '{self.root}' can't be listed: {error.strerror}") from error
        # What was listed after the store was unmounted is the folder where it is to be mounted.
        self._presence.check()
        return keys

    def read(self, key: str) -> bytes:
        path = self.root / key
        try:
            kind = path.stat().st_mode
            if stat.S_ISDIR(kind):
                raise ConfigError("is a folder with the name of a config. Rename it")
            if not stat.S_ISREG(kind):
                # Opening a pipe would wait for whoever writes to it.
                raise ConfigError("is not a regular file")
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            if os.path.islink(path):  # noqa: PTH114 - unlike pathlib's, it never fails
                raise ConfigError("is a link to nothing. Mend the link or remove it") from None
            raise KeyError(key) from None
        except OSError as error:
            # Who holds the lock decides by what it reads, and a config that fails to be read is not a broken one.
            if self._holds_lock() and error.errno not in CLOSED:
                raise StoreError(f"config '{key}' can't be read: {error.strerror}. Do the same again.") from error
            raise ConfigError(f"can't be read: {error.strerror}") from None

    def changed(self, key: str) -> float | None:
        path = self.root / key
        for look in (path.stat, path.lstat):
            with suppress(OSError):
                return look().st_mtime
        return None

    def access(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        return self._rights.of(key, made_with)

    def write(self, key: str, data: bytes) -> None:
        path = self.root / key
        with self._changing(key, "written to"):
            self._pending.add(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, data, mode=0o600)

    def delete(self, key: str) -> bool:
        path = self.root / key
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
                f"config '{key}' may or may not be {done} '{self.root}': {error.strerror}. Do the same again."
            ) from error
        except OSError as error:
            self._pending.withdraw(key)
            raise StoreError(
                f"config '{key}' can't be {done} '{self.root}': {error.strerror}. It is as it was before."
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
                lock = stack.enter_context(locked(self.root / LOCK, limit_seconds))
            except (FileNotFoundError, NotADirectoryError):
                raise no_folder(self.root) from None
            except TimeoutError as error:
                raise StoreLockedError(
                    f"config_store '{self.root}' is locked by another process: {error}. Nothing has changed. "
                    "Do the same again; where it stays locked, look for a process that hangs."
                ) from None
            except OSError as error:
                raise StoreError(
                    f"config_store '{self.root}' can't be locked: {error.strerror}. Nothing has changed."
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
        return token(self.root / MARKER)

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker by a later one and return it. All changes that are pending are covered by it.

        :param covering: further changes that it covers: revision by key, None where the file was removed. `announced`
            reports them to those who watch the folder
        :raises StoreError: where it can't be replaced, or a change may not survive a power cut; it says which
        """
        with nullcontext() if self._holds_lock() else self.lock():
            return self._bump(covering or {}, "holds the change")

    def _bump(self, covering: Mapping[str, str | None], state: str) -> str:
        self._check_lock("It may hold the change, and Airflow may not see it.")
        # Looked at before the marker is made: what somebody changes by hand later is another change.
        changes = {key: self._revision(key) for key in self._pending.changes() if _is_key(key)}
        unsynced = self._sync({(self.root / key).parent for key in changes})
        marker = later_than(self.marker(), self.loaded())
        try:
            replace(self.root / MARKER, marker.encode(), mode=0o644)
        except OSError as error:
            raise StoreError(
                f"config_store '{self.root}' {state}, but Airflow may not see it: its version marker can't be "
                f"replaced: {error.strerror}. Do the same again."
            ) from error
        unsynced = self._sync({self.root}) or unsynced
        if unsynced is not None:
            raise StoreError(
                f"config_store '{self.root}' {state}, but it may not survive a power cut: {unsynced.strerror}. "
                "Do the same again."
            ) from unsynced
        # Only now: had the writer died before, those who watch would have to bump in its place.
        self._announcements.add({**changes, **covering})
        self._pending.clear()
        with suppress(MissingStoreError):
            self.remember()
        return marker

    def _holds_lock(self) -> bool:
        return self._lock is not None and self._lock[1] == threading.get_ident()

    def _check_lock(self, state: str) -> None:
        """
        Make sure that the store is there, and no other writer is at work where this one began by locking it.

        :param state: what holds of the store
        :raises MissingStoreError: where the folder was unmounted or replaced, or the lock removed, in the meantime
        """
        if self._lock is None or not self._holds_lock():
            self._presence.check()
        elif not self._lock[0].is_valid():
            raise MissingStoreError(
                f"config_store '{self.root}' was replaced, or its file {LOCK} removed, while it was locked. "
                f"{state} Do the same again."
            )

    def _revision(self, key: str) -> str | None:
        path = self.root / key
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
        for folder in {self.root, *((self.root / key).parent for key in self._pending.changes() if _is_key(key))}:
            sweep(folder)

    def announced(self) -> dict[str, str | None]:
        """Return the newest revision of each key that a marker was made for, as far as known; None for a removal."""
        return self._announcements.all()

    def loaded(self) -> str | None:
        return token(self.root / LOADED)

    def note_loaded(self, marker: str) -> None:
        if marker != self.loaded():
            self._keep(LOADED, marker.encode())

    def recall(self, dag_id: str) -> str | None:
        key = mapping(self.root / NOTES).get(dag_id)
        return key if isinstance(key, str) and _is_key(key) else None

    def note(self, keys: Mapping[str, str]) -> None:
        if keys != mapping(self.root / NOTES):
            self._keep(NOTES, json.dumps(dict(keys), sort_keys=True, indent=0).encode())

    def _keep(self, name: str, note: bytes) -> None:
        with suppress(MissingStoreError):
            self._presence.check()
            keep(self.root / name, note)


def is_own_file(name: str) -> bool:
    """Return whether a file's name is one that only the store itself gives."""
    kept = {IDENTITY, NOTES, MARKER, LOADED, LOCK, ANNOUNCED, PENDING}
    return name in kept or (name.startswith(".") and name.endswith(NEW))


def _is_key(text: str) -> bool:
    """Return whether a text could be a key: notes may have been tampered with, and must not lead out of the store."""
    path = PurePosixPath(text)
    hidden = any(part.startswith(".") for part in path.parts)
    return not path.is_absolute() and not hidden and path.suffix.lower() in SUFFIXES
