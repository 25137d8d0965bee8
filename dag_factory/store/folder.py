"""A config store in a folder of the file system."""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

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
        if not self.root.is_dir():
            raise StoreError(
                f"config_store '{self.root}' is not a folder. Create it, mount it, or set "
                "[openmetadata_dag_factory] config_store to the folder that holds the configs."
            )
        try:
            return sorted(self._list(self.root, PurePosixPath(), ()))
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
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.root, prefix=NOTES, delete=False, encoding="utf-8") as file:
                json.dump(keys, file, sort_keys=True, indent=0)
            Path(file.name).chmod(0o644)
            Path(file.name).replace(self.root / NOTES)
        except OSError as error:
            # A read-only store works as well: a worker then looks through the configs.
            log.debug("can't note DAG ids in %s: %s", self.root, error.strerror)

    def _notes(self) -> dict[str, str]:
        try:
            notes = json.loads((self.root / NOTES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def _list(self, folder: Path, beneath: PurePosixPath, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            log.warning("config_store: folder '%s' is a link to a folder that holds it, and is left out", beneath)
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                key = beneath / entry.name
                if PurePosixPath(entry.name).suffix.lower() in SUFFIXES:
                    yield str(key)
                elif _is_folder(entry):
                    yield from self._list_subfolder(Path(entry.path), key, (*above, identity))

    def _list_subfolder(self, folder: Path, key: PurePosixPath, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        try:
            yield from self._list(folder, key, above)
        except OSError as error:
            log.error("config_store: folder '%s' can't be listed: %s", key, error.strerror)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
