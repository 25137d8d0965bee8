"""Asking Airflow to parse the loader after a change, rather than waiting until it does by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from dag_factory import settings
from dag_factory.errors import DagFactoryError, StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog

log = logging.getLogger(__name__)

LOADER = "openmetadata_loader.py"
POLL_SECONDS = 0.2
# For Airflow to parse the loader and to write down what it has found.
WRITING_SECONDS = 5
# How long each request is given. Airflow drops one that comes while the loader is being parsed, and the parse that is
# under way may have read the store before the change: so the request is repeated until a parse has seen the change.
PATIENCE_SECONDS = (3, 5, 10, 20)

File = TypeVar("File")


class ParseRequest(Protocol):
    """A way to ask Airflow for a parse of the loader."""

    async def send(self) -> None:
        """Ask once. Airflow may drop it."""


@dataclass(frozen=True)
class _Wanted:
    request: ParseRequest
    even_if_seen: bool

    def and_then(self, later: _Wanted) -> _Wanted:
        """Return what serves both."""
        return _Wanted(later.request, self.even_if_seen or later.even_if_seen)


class Parses:
    """
    Asks for parses of the loader until one has seen the store's marker. Any number of changes meanwhile is one request.

    Some of what a parse says Airflow takes only from one that comes later, see `later_seconds`. So after the last of
    some changes a parse is asked for once more, and again.

    :param store: opens the config store
    :param later_seconds: when that is, after the last change, in order
    """

    def __init__(
        self,
        store: Callable[[], ConfigStore],
        *,
        later_seconds: Sequence[float] = (),
        patience_seconds: tuple[float, ...] = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._later_seconds = later_seconds
        self._patience = patience_seconds
        self._wanted: _Wanted | None = None
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.Task[None] | None = None

    def ask_if_unseen(self, request: ParseRequest) -> None:
        """
        Ask for a parse in the background, where none has seen all that is in the store. Never fails, and never waits.

        For callers that find a change in the store for which no parse may have been requested yet.
        """
        self._want(_Wanted(request, even_if_seen=False))

    def ask(self, request: ParseRequest, *, even_if_seen: bool = False) -> None:
        """
        Ask for a parse in the background, for a change of one's own. Never fails, and never waits.

        :param even_if_seen: ask also where a parse has seen all changes, for a file may have come without one
        """
        self._want(_Wanted(request, even_if_seen))
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.create_task(self._ask_later(request))

    async def wait_until_seen(self, limit_seconds: float) -> bool:
        """Return whether a parse has begun that saw all that is in the store now; wait for it up to a limit."""
        try:
            wanted = await asyncio.to_thread(self._marker)
        except DagFactoryError as error:
            log.warning("%s", error)
            return False
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
        for task in (self._later, self._task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _want(self, wanted: _Wanted) -> None:
        self._wanted = wanted if self._wanted is None else self._wanted.and_then(wanted)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _ask_later(self, request: ParseRequest) -> None:
        began = time.monotonic()
        for seconds in self._later_seconds:
            await asyncio.sleep(began + seconds - time.monotonic())
            # By a new marker it is known when a parse has come.
            with suppress(DagFactoryError):
                await asyncio.to_thread(lambda: self._store().bump())
            self._want(_Wanted(request, even_if_seen=True))

    async def _work(self) -> None:
        # A change that comes while the marker is looked at for the last time has asked as well.
        while (wanted := self._wanted) is not None:
            self._wanted = None
            await self._until_seen(wanted.request, wanted.even_if_seen)

    async def _until_seen(self, request: ParseRequest, even_if_seen: bool) -> None:
        try:
            try:
                await self._ask_until_seen(request, even_if_seen)
            except StoreError as error:
                # Without a marker nobody can say when a parse has seen the change, but one may well come and see it.
                log.warning("%s", error)
                await request.send()
        except Exception as error:  # noqa: BLE001 - a change is kept whether a parse can be asked for or not
            log.warning("Can't ask Airflow for a parse of the loader: %s", type(error).__name__)

    async def _ask_until_seen(self, request: ParseRequest, even_if_seen: bool) -> None:
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
        """
        Return a marker that covers all changes.

        :raises StoreError: where one has yet to be made, and can't be
        """
        store = self._store()
        store.settle()
        return store.marker()

    def _seen(self) -> str | None:
        try:
            return self._store().loaded()
        except DagFactoryError:
            return None


def configured_parses(store: Callable[[], ConfigStore]) -> Parses:
    """Return parses of an Airflow that is configured like this one."""
    return Parses(store, later_seconds=later_seconds(settings.dag_update_seconds(), settings.stale_dag_seconds()))


def later_seconds(dag_update_seconds: float, stale_dag_seconds: float) -> list[float]:
    """
    Return how long after a change Airflow is sure to take from a parse what it may have left out of the one at once.

    :param dag_update_seconds: for how long it leaves a DAG as it has last written it down (``[core]
        min_serialized_dag_update_interval``); 0 where it does not
    :param stale_dag_seconds: how much later than the last parse with a DAG one without it must end, for Airflow to take
        the DAG for gone (``[dag_processor] stale_dag_threshold``)
    """
    return sorted({seconds + WRITING_SECONDS for seconds in (dag_update_seconds, stale_dag_seconds) if seconds})


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

        It does nothing where the loader does not lie in the DAGs folder as ``openmetadata_loader.py``: Airflow then
        parses it in its own time.
        """
        with suppress(OSError):
            if self._path.is_file():
                os.utime(self._path)
