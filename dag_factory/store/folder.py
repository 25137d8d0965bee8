"""A config store in a folder of the file system."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from uuid import uuid4

from dag_factory.document import MAX_BYTES, SUFFIXES
from dag_factory.errors import ConfigError, StoreError

log = logging.getLogger(__name__)

# Hidden, as all files are that the store keeps for itself: hidden files are never configs.
NOTES = ".dag_ids.json"


class FolderStore:
    """
    A folder of ``*.json``, ``*.yaml`` and ``*.yml`` files, subfolders included.

    Links are followed, as a Kubernetes ConfigMap or a git-sync volume needs; hidden files and folders are left out.
    What carries a config's name but is no readable file is listed all the same: reading it says what is wrong.

    :param location: path of the folder; ``~`` is expanded
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        self.root = Path(location).expanduser()

    def list_keys(self) -> list[str]:
        try:
            return sorted(self._list())
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(
                f"config_store '{self.root}' is not a folder. Create it, mount it, or set "
                "[openmetadata_dag_factory] config_store to the folder that holds the configs."
            ) from None
        except OSError as error:
            raise StoreError(f"config_store '{self.root}' can't be listed: {error.strerror}") from error

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

    def recall(self, dag_id: str) -> str | None:
        return self._notes().get(dag_id)

    def note(self, keys: Mapping[str, str]) -> None:
        if keys == self._notes():
            return
        new = self.root / f"{NOTES}.{uuid4().hex}"
        try:
            new.write_text(json.dumps(dict(keys), sort_keys=True, indent=0), encoding="utf-8")
            new.replace(self.root / NOTES)
        except OSError as error:
            # A read-only store works as well: a worker then looks through the configs.
            log.debug("can't note DAG ids in %s: %s", self.root, error.strerror)
            with suppress(OSError):
                new.unlink()

    def _notes(self) -> dict[str, str]:
        try:
            notes = json.loads((self.root / NOTES).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def _list(self) -> Iterator[str]:
        """Yield the keys of all configs; a folder with several paths is listed once, at the one nearest to the root."""
        seen = set()
        folders = deque([PurePosixPath()])
        while folders:
            beneath = folders.popleft()
            try:
                status = (self.root / beneath).stat()
                names = sorted(path.name for path in (self.root / beneath).iterdir())
            except OSError as error:
                if beneath == PurePosixPath():
                    raise
                log.error("config_store: folder '%s' can't be listed: %s", beneath, error.strerror)
                continue
            if (status.st_dev, status.st_ino) in seen:
                log.warning("config_store: folder '%s' is listed under another path already", beneath)
                continue
            seen.add((status.st_dev, status.st_ino))
            for name in names:
                key = beneath / name
                if name.startswith("."):
                    continue
                if not _is_text(name):
                    log.error("config_store: %r in folder '%s' is no name in UTF-8: left out", name, beneath)
                elif key.suffix.lower() in SUFFIXES:
                    yield str(key)
                elif (self.root / key).is_dir():
                    folders.append(key)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
