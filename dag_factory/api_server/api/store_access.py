"""The config store for calls: used in threads, one change at a time, and with a limit to each wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.store_threads import StoreThreads
from dag_factory.errors import DagFactoryError, MissingStoreError
from dag_factory.store import ConfigStore, knows_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.file_names import FileNames

Result = TypeVar("Result")

CHECK_SECONDS = 3.0


class StoreAccess:
    """
    Keeps a store that is slow, or hangs, from blocking the API server.

    :param open_store: opens the config store
    :param read_seconds: how long a read may take. One of a bucket is several requests, each of which may take seconds,
        and fails by itself after ten
    :param write_seconds: how long a change waits for those before it, and then for the store; more than for its lock
    :param check_seconds: how long a look at what is wrong with the store may take
    :param names: keeps the names of the store's files between calls; None to list the store each time
    """

    def __init__(
        self,
        open_store: Callable[[], ConfigStore],
        *,
        read_seconds: float = 30.0,
        write_seconds: float = 30.0,
        check_seconds: float = CHECK_SECONDS,
        names: FileNames | None = None,
    ) -> None:
        self._open = open_store
        self.names = names
        self._write_seconds = write_seconds
        self._check_seconds = check_seconds
        self._threads = StoreThreads(read_seconds)
        # Only one call at a time waits for the store's lock in a thread, so that threads are left for all other calls.
        self._writing = asyncio.Lock()
        # At most one, so that a store that hangs blocks one thread only.
        self._check: asyncio.Future[dict[str, str]] | None = None

    async def change(self, work: Callable[[ConfigStore], Result]) -> Result:
        """
        Do some work on the store in a thread, after all earlier work.

        A file system that hangs blocks one thread, and no call waits for it for ever.

        :raises Refused: 503, where the store does not answer
        """
        limit = self._write_seconds
        try:
            await asyncio.wait_for(self._writing.acquire(), limit)
        except asyncio.TimeoutError:
            raise Refused(
                503,
                f"Other changes of the config store have not finished within {limit:.0f} s. Nothing has changed. "
                "Retry; if this persists, check whether the file system of config_store hangs.",
            ) from None
        task = self._threads.run(lambda: work(self._open()))
        task.add_done_callback(self._changed)
        done, _ = await asyncio.wait([task], timeout=limit)
        if not done:
            raise Refused(
                503,
                f"The config store has not answered within {limit:.0f} s, so it may or may not hold the change. "
                "Retry; if this persists, check whether the file system of config_store hangs.",
            )
        return task.result()

    def _changed(self, task: asyncio.Future[Any]) -> None:
        self._writing.release()
        # Retrieved here, since asyncio logs an exception that nobody has retrieved.
        if not task.cancelled():
            task.exception()

    async def problems(self) -> dict[str, str]:
        """
        Return as ``store`` why the store can't be used, or as ``load`` why not all of it is loaded; else nothing.

        It may hang, as NFS does without its server.
        """
        check = self._check
        if check is None:
            check = self._check = self._threads.run(self._find_problems)
            check.add_done_callback(self._checked)
        done, _ = await asyncio.wait([check], timeout=self._check_seconds)
        if not done:
            return {"store": f"config_store has not answered within {self._check_seconds:.0f} s. Is its server up?"}
        return check.result()

    def _checked(self, check: asyncio.Future[dict[str, str]]) -> None:
        # Not kept for later calls: by then, it may no longer be true.
        self._check = None
        # Retrieved here, since asyncio logs an exception that nobody has retrieved.
        if not check.cancelled():
            check.exception()

    def _find_problems(self) -> dict[str, str]:
        try:
            problem = self._open().load_problem()
        except DagFactoryError as error:
            return {"store": str(error)}
        return {"load": problem} if problem is not None else {}

    async def require(self) -> None:
        """
        Check that the store is not missing, if this machine has ever seen it; else it may be for other machines only.

        :raises Refused: 503, where it is missing, or does not answer
        """

        def check() -> None:
            try:
                self._open()
            except MissingStoreError as error:
                if knows_store():
                    raise Refused(503, str(error)) from None
            except DagFactoryError:
                pass

        await self._threads.read(check)

    async def holds(self, dag_id: str) -> bool:
        """Return whether the store has a config of a DAG id; one that was dropped a moment ago may be missed."""
        return await self._threads.read(lambda: self._look_up(dag_id) is not None)

    async def lacks(self, dag_id: str) -> bool:
        """Return whether the store has no config of a DAG id. It is listed before that is said."""

        def find() -> bool:
            return self._look_up(dag_id) is None and Catalog(self._open()).look_up(dag_id) is None

        return await self._threads.read(find)

    async def owner(self, dag_id: str) -> str | None:
        """Return the name of the pipeline to which a DAG id belongs; None without one, or without the store."""

        def find() -> str | None:
            try:
                config = self._look_up(dag_id)
            except DagFactoryError:
                return None  # a DAG that Airflow has can be controlled without the store
            return str(config.document["name"]) if config is not None else None

        return await self._threads.read(find)

    def _look_up(self, dag_id: str) -> Config | BrokenConfig | None:
        return Catalog(self._open(), names=self.names).look_up(dag_id)
