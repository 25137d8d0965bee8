"""The store that a command is about: a folder that the caller names, or the configured one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dag_factory import settings
from dag_factory.cli.database import use_database
from dag_factory.cli.output import progress
from dag_factory.configs.allowed import Allowed, allowed_for_authors, allowed_here
from dag_factory.errors import CommandError
from dag_factory.store import ConfigStore, configured_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.objects.location import local_path
from dag_factory.store.reading import Read, Reading, in_processes, one_by_one


def chosen_store(folder: str | None) -> tuple[ConfigStore, Allowed]:
    """
    Return a store and what configs may reach in it. It is read, and this machine remembers nothing of it.

    :param folder: of an author's configs, None for the configured store
    :raises CommandError: where the folder is missing
    :raises MissingStoreError: where the configured store is
    """
    if folder is None:
        use_database()
        return configured_store(), allowed_here()
    if not Path(folder).expanduser().is_dir():
        raise CommandError(f"'{folder}' is not a folder. Name a folder of configs.")
    return FolderStore(folder), allowed_for_authors()


def configured_folder() -> Path | None:
    """
    Return the folder of the configured store, whether it is there or not; None where it is object storage.

    :raises SettingsError: where its home folder is unknown
    """
    path = local_path(settings.config_store())
    return settings.expanded(path, "config_store") if path is not None else None


def reading(store: ConfigStore) -> Read:
    """Return what reads the configs of a store and shows its progress: many of a folder are read on all cores."""
    read = in_processes(os.cpu_count() or 1) if isinstance(store, FolderStore) else one_by_one

    def shown(store: ConfigStore, keys: Sequence[str], allowed: Allowed) -> Iterable[Reading]:
        return progress(read(store, keys, allowed), "Checking configs", len(keys))

    return shown


def path_of(store: ConfigStore, key: str) -> str:
    """Return the path of a file as the caller can open it, from the working directory on; of an object, its key."""
    if not isinstance(store, FolderStore):
        return key
    path = store.root / key
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
