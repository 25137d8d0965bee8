"""A config store in a folder of the file system."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import ConfigError, MissingStoreError, StoreError
from dag_factory.settings import expanded
from dag_factory.store.folder.access import Access, AccessRights
from dag_factory.store.folder.files import read_own, revision_at, stamp_at
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.folder.listing import CLOSED, Found, Identity, files_in, not_listed
from dag_factory.store.folder.notes import keep, token
from dag_factory.store.folder.presence import ATTEMPTS, Presence, ReplacedError, no_folder
from dag_factory.store.folder.probe import probe
from dag_factory.store.folder.writes import LOCK_SECONDS, Writes
from dag_factory.store.json_notes import JsonNotes
from dag_factory.store.last_good import FOLDER
from dag_factory.store.markers import LoadNote
from dag_factory.store.memory import Known, Memory, Place
from dag_factory.store.own_files import loaded_name
from dag_factory.store.shards import WHOLE, Shard
from dag_factory.store.stamps import Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """
    What a folder held when it was listed.

    :param revisions: the revision of each key's file; of a link, that of the file it leads to
    :param folders: the folders that were listed, each with its device and inode
    :param unlisted: the folders and links that can't be listed, each with the reason
    :param ignored: further paths of folders, and names that are not UTF-8, each with the message for it
    """

    revisions: Mapping[str, str]
    folders: Mapping[Path, Identity]
    unlisted: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)


class FolderStore(JsonNotes):
    """
    A folder of ``*.json``, ``*.yaml`` and ``*.yml`` files, subfolders included.

    Links are followed, as a Kubernetes ConfigMap or a git-sync volume needs; hidden files and folders are ignored.
    Whatever has a config's name is listed, even if it can't be read: `read` then says what is wrong.

    `Writes` makes changes, so that none is lost and each is seen.

    :param location: path of the folder; ``~`` is expanded
    :param memory: what this machine remembers of the store. With it, any other folder is refused
    :param last_good: folder for the last good versions, None for a hidden one in the store
    :param lock_seconds: how long to wait for other writers
    :raises SettingsError: where the home folder that a ``~`` stands for is unknown
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        memory: Memory | None = None,
        *,
        last_good: Path | None = None,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self.root = expanded(location, "config_store")
        self._presence = Presence(self.root, memory)
        self.last_good = FolderLastGood(last_good or self.root / FOLDER)
        self._rights = AccessRights(self.root)
        self._writes = Writes(self.root, self._presence, lock_seconds=lock_seconds)

    def check(self) -> Place:
        return self._presence.check()

    def remember(self) -> Known | None:
        return self._presence.remember()

    def confirm_absence(self) -> None:
        self._presence.confirm_absence()

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        return sorted(key for key, _ in self._found(unlisted))

    def stamps(self, unlisted: dict[str, str] | None = None) -> Mapping[str, Stamp]:
        now = time.time()
        return {key: stamp_at(file, now) for key, file in sorted(self._found(unlisted), key=lambda found: found[0])}

    def revisions(self) -> Mapping[str, str]:
        return self.snapshot().revisions

    def snapshot(self) -> Snapshot:
        """
        Return what the folder holds now; no file is opened.

        :raises StoreError: where the folder can't be listed
        """
        folders: dict[Path, Identity] = {}
        unlisted: dict[str, str] = {}
        ignored: dict[str, str] = {}
        files = self._listed(folders, unlisted, ignored)
        return Snapshot({key: revision_at(file) for key, file in files}, folders, unlisted, ignored)

    def _found(self, unlisted: dict[str, str] | None) -> list[Found]:
        """Return all files of configs, and log which folders can't be listed."""
        left_out: dict[str, str] = {}
        ignored: dict[str, str] = {}
        files = self._listed({}, left_out, ignored)
        for folder, reason in left_out.items():
            log.error("%s", not_listed(folder, reason))
        # For debugging alone: the watcher warns once, and a store with such names is in order.
        for message in ignored.values():
            log.debug("config_store: %s", message)
        if unlisted is not None:
            unlisted.update(left_out)
        return files

    def _listed(self, folders: dict[Path, Identity], unlisted: dict[str, str], ignored: dict[str, str]) -> list[Found]:
        for _ in range(ATTEMPTS):
            for found in (folders, unlisted, ignored):
                found.clear()
            self._presence.check()
            try:
                files = list(files_in(self.root, folders, unlisted, ignored))
            except (FileNotFoundError, NotADirectoryError):
                raise no_folder(self.root) from None
            except OSError as error:
                raise StoreError(
                    f"config_store '{self.root}' can't be listed: {error.strerror}. May Airflow's user read it?"
                ) from error
            # If the store was unmounted meanwhile, the empty mount point was listed, even if it is mounted again.
            place = self._presence.check()
            if folders.get(self.root) == place.folder:
                if files:
                    self._presence.has_configs(place)
                return files
        raise ReplacedError(self.root)

    def prefetch(self, keys: Iterable[str]) -> None:
        del keys  # the kernel reads ahead

    def read(self, key: str) -> bytes:
        path = self.root / key
        try:
            kind = path.stat().st_mode
            if stat.S_ISDIR(kind):
                raise ConfigError("is a folder with the name of a config. Rename it")
            if not stat.S_ISREG(kind):
                # Opening a pipe would block until there is a writer.
                raise ConfigError("is not a regular file. Replace it or remove it")
            # A link may lead to one of the kernel's files that block their reader.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read(MAX_BYTES + 1) or b""
        except FileNotFoundError:
            if os.path.islink(path):  # noqa: PTH114 - unlike pathlib's, it never fails
                raise ConfigError("is a broken link. Fix it or remove it") from None
            raise KeyError(key) from None
        except OSError as error:
            # A writer that holds the lock decides by what it reads: a failed read must not pass for a broken config.
            if self._writes.is_locked_here and error.errno not in CLOSED:
                raise StoreError(f"config '{key}' can't be read: {error.strerror}. Retry.") from error
            raise ConfigError(f"can't be read: {error.strerror}. Check that Airflow's user may read it") from None

    def size(self, key: str) -> int:
        try:
            return os.stat(f"{self.root}/{key}").st_size  # noqa: PTH116 - of each config at each load
        except OSError:
            return 0

    def changed(self, key: str) -> float | None:
        path = self.root / key
        for look in (path.stat, path.lstat):
            with suppress(OSError):
                return look().st_mtime
        return None

    def access(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        return self._rights.of(key, made_with)

    def write(self, key: str, data: bytes) -> None:
        self._writes.write(key, data)

    def delete(self, key: str) -> bool:
        return self._writes.delete(key)

    def lock(self) -> AbstractContextManager[None]:
        return self._writes.lock()

    def probe(self) -> None:
        self._presence.check()
        probe(self.root)

    def settle(self) -> bool:
        return self._writes.settle()

    def marker(self) -> str | None:
        return self._writes.marker()

    def names(self) -> str | None:
        return self._writes.names()

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker, see `Writes.bump`.

        :param covering: further changes that it covers: revision by key, None where the file was removed
        """
        return self._writes.bump(covering)

    def sweep(self) -> None:
        """Remove the unfinished files of writers that died. Never fails."""
        self._writes.sweep()

    def revision(self, key: str) -> str | None:
        """Return the revision of a file, None where it is missing."""
        return self._writes.revision(key)

    def announced(self) -> dict[str, str | None]:
        """Return the newest revision of each key that a marker covers, as far as known; None for a removal."""
        return self._writes.announced()

    def loaded(self, shard: Shard = WHOLE) -> str | None:
        return self.load_note(shard).marker

    def load_note(self, shard: Shard = WHOLE) -> LoadNote:
        return LoadNote.of(token(self.root / loaded_name(shard)))

    def note_loaded(self, marker: str, shard: Shard = WHOLE, again_at: float | None = None) -> None:
        note = str(LoadNote(marker, again_at))
        if note != token(self.root / loaded_name(shard)):
            self._keep(loaded_name(shard), note.encode())

    def _note(self, name: str, most: int) -> bytes | None:
        with suppress(OSError):
            return read_own(self.root / name, most)
        return None

    def _keep(self, name: str, note: bytes) -> None:
        with suppress(MissingStoreError):
            self._presence.check()
            keep(self.root / name, note)
