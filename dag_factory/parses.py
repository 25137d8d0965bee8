"""Asking Airflow to parse the loader after a change, rather than waiting until it does by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from dag_factory.catalog import Catalog
from dag_factory.errors import DagFactoryError
from dag_factory.store import ConfigStore

log = logging.getLogger(__name__)

LOADER = "openmetadata_loader.py"
POLL_SECONDS = 0.2
# How long each request is given. Airflow drops one that comes while the loader is being parsed, and the parse that is
# under way may have read the store before the change: so whoever asked asks again until a parse has seen the change.
PATIENCE_SECONDS = (3, 5, 10, 20)

File = TypeVar("File")


class ParseRequest(Protocol):
    """A way to ask Airflow for a parse of the loader."""

    async def send(self) -> None:
        """Ask once. Airflow may drop it."""


class Parses:
    """
    Asks for parses of the loader until one has seen the store's marker. Any number of changes meanwhile is one request.

    :param store: opens the config store
    """

    def __init__(
        self, store: Callable[[], ConfigStore], *, patience_seconds: tuple[float, ...] = PATIENCE_SECONDS
    ) -> None:
        self._store = store
        self._patience = patience_seconds
        self._task: asyncio.Task[None] | None = None

    def ask(self, request: ParseRequest, *, even_if_seen: bool = False) -> None:
        """
        Ask for a parse in the background. Never fails, and never waits.

        :param even_if_seen: ask also where a parse has seen all changes, for a file may have come without one
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._until_seen(request, even_if_seen))

    async def wait_until_seen(self, limit_seconds: float) -> bool:
        """Return whether a parse has begun that saw all that is in the store now; wait for it up to a limit."""
        wanted = await asyncio.to_thread(self._marker)
        deadline = time.monotonic() + limit_seconds
        while (seen := await asyncio.to_thread(self._seen)) != wanted:
            # Markers are ordered by time, and a later one covers what was written before.
            if wanted is not None and seen is not None and seen > wanted:
                break
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def stop(self) -> None:
        """End what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _until_seen(self, request: ParseRequest, even_if_seen: bool) -> None:
        try:
            attempts = iter(self._patience)
            seen = await asyncio.to_thread(self._seen)
            while even_if_seen or seen != await asyncio.to_thread(self._marker):
                patience = next(attempts, None)
                if patience is None:
                    log.warning("No parse of the loader has been seen. Is Airflow's DAG processor running?")
                    return
                even_if_seen = False
                await request.send()
                before, seen = seen, await self._seen_within(patience)
                if seen != before:
                    attempts = iter(self._patience)
        except Exception as error:  # noqa: BLE001 - a change is kept whether a parse can be asked for or not
            log.warning("Can't ask Airflow for a parse of the loader: %s", type(error).__name__)

    async def _seen_within(self, seconds: float) -> str | None:
        """Return what the last parse saw, as soon as it is all there is, or after some seconds."""
        before = await asyncio.to_thread(self._seen)
        deadline = time.monotonic() + seconds
        while True:
            seen = await asyncio.to_thread(self._seen)
            if seen != before or seen == await asyncio.to_thread(self._marker) or time.monotonic() > deadline:
                return seen
            await asyncio.sleep(POLL_SECONDS)

    def _marker(self) -> str | None:
        return self._store().marker()

    def _seen(self) -> str | None:
        try:
            return self._store().loaded()
        except DagFactoryError:
            return None


class Loader:
    """
    The module that makes our DAGs: the files under which Airflow knows it, and the one that may lie on this machine.

    :param store: opens the config store
    :param dags_folder: Airflow's DAGs folder
    """

    def __init__(self, store: Callable[[], ConfigStore], dags_folder: Path) -> None:
        self._store = store
        self._path = dags_folder / LOADER

    def files(self, dags: Iterable[tuple[str, File]]) -> set[File]:
        """
        Return the files that have made DAGs of the store.

        :param dags: DAG ids with the files that made them, those that others have made included
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

        It does nothing where the loader does not lie in the DAGs folder under the name that README.md gives it: Airflow
        then parses it in its own time.
        """
        with suppress(OSError):
            if self._path.is_file():
                os.utime(self._path)
