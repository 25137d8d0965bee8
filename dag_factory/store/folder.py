"""A config store in a folder of the file system."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from uuid6 import uuid7

from dag_factory.document import MAX_BYTES, SUFFIXES
from dag_factory.errors import ConfigError, StoreError
from dag_factory.store.files import NEW, replace, revision_of, sync
from dag_factory.store.listing import Identity, keys_in

log = logging.getLogger(__name__)

# Hidden, as all files are that the store keeps for itself: hidden files are never configs.
NOTES = ".dag_ids.json"
MARKER = ".version"
LOADED = ".loaded"
LOCK = ".lock"
ANNOUNCED = ".announced"
MAX_ANNOUNCED_BYTES = 1024 * 1024


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

    :param location: path of the folder; ``~`` is expanded
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        self.root = Path(location).expanduser()
        self._written: dict[str, str | None] = {}

    def list_keys(self) -> list[str]:
        return sorted(self._listed({}))

    def snapshot(self) -> Snapshot:
        """
        Return what the folder holds now; no file is opened.

        :raises StoreError: where the folder can't be listed
        """
        folders: dict[Path, Identity] = {}
        return Snapshot({key: revision_of(self.root / key) for key in self._listed(folders)}, folders)

    def _listed(self, folders: dict[Path, Identity]) -> list[str]:
        try:
            return list(keys_in(self.root, folders))
        except (FileNotFoundError, NotADirectoryError):
            raise self._no_folder() from None
        except OSError as error:
            raise StoreError(f"config_store '{self.root}' can't be listed: {error.strerror}") from error

    def _no_folder(self) -> StoreError:
        return StoreError(
            f"config_store '{self.root}' is not a folder. Create it, mount it, or set "
            "[openmetadata_dag_factory] config_store to the folder that holds the configs."
        )

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
            if path.is_symlink():
                raise ConfigError("is a link to nothing. Mend the link or remove it") from None
            raise KeyError(key) from None
        except OSError as error:
            raise ConfigError(f"can't be read: {error.strerror}") from None

    def write(self, key: str, data: bytes) -> None:
        path = self.root / key
        # Never made here: where it is missing, the mount with all configs may be.
        if not self.root.is_dir():
            raise self._no_folder()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._written[key] = replace(path, data, mode=0o600)
        except OSError as error:
            raise StoreError(f"config '{key}' can't be written to '{self.root}': {error.strerror}") from error

    def delete(self, key: str) -> bool:
        path = self.root / key
        try:
            path.unlink()
            self._written[key] = None
            sync(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"config '{key}' can't be removed from '{self.root}': {error.strerror}") from error
        return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                # NFS locks only what is open for writing, so not the folder itself. Never removed: others may wait.
                file = stack.enter_context((self.root / LOCK).open("a"))
                fcntl.flock(file, fcntl.LOCK_EX)
            except (FileNotFoundError, NotADirectoryError):
                raise self._no_folder() from None
            except OSError as error:
                raise StoreError(f"config_store '{self.root}' can't be locked: {error.strerror}") from error
            yield

    def marker(self) -> str | None:
        return self._token(MARKER)

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        """
        Replace the version marker by a new one and return it.

        :param covering: what changes the marker stands for besides those of this object: revision by key, None where
            the file was removed. ``announced`` tells them to those who watch the folder
        """
        # Ordered by time, so that a person who looks at two sees which is the newer one.
        marker = str(uuid7())
        try:
            replace(self.root / MARKER, marker.encode(), mode=0o644)
        except OSError as error:
            raise StoreError(f"the version marker of '{self.root}' can't be replaced: {error.strerror}") from error
        # Only now: had the writer died before, those who watch would have to bump in its place.
        self._announce({**self._written, **(covering or {})})
        self._written.clear()
        return marker

    def announced(self) -> dict[str, str | None]:
        """
        Return the newest revision of each key that a marker was made for, None where that was the file's removal.

        It is not known of all keys: of those that are not there, somebody has yet to say that they have changed.
        """
        announced: dict[str, str | None] = {}
        try:
            lines = (self.root / ANNOUNCED).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return announced
        for line in lines:
            with suppress(ValueError, TypeError, RecursionError):
                announced.update(json.loads(line))
        return announced

    def loaded(self) -> str | None:
        return self._token(LOADED)

    def note_loaded(self, marker: str) -> None:
        if marker != self.loaded():
            self._keep(LOADED, marker.encode())

    def recall(self, dag_id: str) -> str | None:
        key = self._notes().get(dag_id)
        return key if isinstance(key, str) and _is_key(key) else None

    def note(self, keys: Mapping[str, str]) -> None:
        if keys != self._notes():
            self._keep(NOTES, json.dumps(dict(keys), sort_keys=True, indent=0).encode())

    def _announce(self, revisions: Mapping[str, str | None]) -> None:
        """Append to the announcements, so that several processes may do so at once."""
        if not revisions:
            return
        try:
            # For the owner alone: whoever deploys and whoever watches.
            descriptor = os.open(self.root / ANNOUNCED, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                # What is forgotten costs a parse, at most.
                if os.fstat(descriptor).st_size > MAX_ANNOUNCED_BYTES:
                    file.truncate(0)
                file.write(json.dumps(dict(revisions)).encode() + b"\n")
        except OSError as error:
            log.debug("can't keep %s in %s: %s", ANNOUNCED, self.root, error.strerror)

    def _keep(self, name: str, note: bytes) -> None:
        try:
            replace(self.root / name, note, mode=0o644)
        except OSError as error:
            # A read-only store works as well: workers then look through the configs, and who waits for a parse waits
            # for the DAG itself.
            log.debug("can't keep %s in %s: %s", name, self.root, error.strerror)

    def _token(self, name: str) -> str | None:
        try:
            return (self.root / name).read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def _notes(self) -> dict[str, object]:
        try:
            notes = json.loads((self.root / NOTES).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return notes if isinstance(notes, dict) else {}


def is_own_file(name: str) -> bool:
    """Return whether a file's name is one that only the store itself gives."""
    return name in {NOTES, MARKER, LOADED, LOCK, ANNOUNCED} or (name.startswith(".") and name.endswith(NEW))


def _is_key(text: str) -> bool:
    """Return whether a text could be a key: notes may have been tampered with, and must not lead out of the store."""
    path = PurePosixPath(text)
    hidden = any(part.startswith(".") for part in path.parts)
    return not path.is_absolute() and not hidden and path.suffix.lower() in SUFFIXES
