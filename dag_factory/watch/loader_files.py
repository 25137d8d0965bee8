"""The files that Airflow parses for our DAGs: how to find them, and how to touch one so that Airflow parses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog

LOADER = "openmetadata_loader.py"

File = TypeVar("File")


class LoaderFiles:
    """
    The files of the loader, as Airflow knows them by the DAGs that they have made, and the one on this machine, if any.

    :param store: opens the config store
    :param dags_folder: Airflow's DAGs folder
    """

    def __init__(self, store: Callable[[], ConfigStore], dags_folder: Path) -> None:
        self._store = store
        self._path = dags_folder / LOADER

    def find(self, dags: Iterable[tuple[str, File]]) -> set[File]:
        """
        Return the files that have made DAGs of the store.

        :param dags: DAG ids with the files that made them; other DAGs may carry our tag too, and are left out
        """
        catalog = Catalog(self._store())
        files: set[File] = set()
        for dag_id, file in dags:
            if file not in files and catalog.look_up(dag_id) is not None:
                files.add(file)
        return files

    def touch(self) -> None:
        """
        Make the loader's file newer, which Airflow notices within about a second.

        Does nothing if the loader is not ``openmetadata_loader.py`` in the DAGs folder: Airflow then parses it at the
        next regular time.
        """
        with suppress(OSError):
            if self._path.is_file():
                os.utime(self._path)
