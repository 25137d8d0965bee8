"""Watches the configured store: in the API server, or as a command of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dag_factory.api_server.watch.folder_watcher import FolderWatcher
from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.object_watcher import ObjectWatcher
from dag_factory.api_server.watch.parse_requests import DatabaseRequests
from dag_factory.api_server.watch.parses import Parses
from dag_factory.api_server.watch.threads import in_thread
from dag_factory.api_server.watch.unexpected import where
from dag_factory.api_server.watch.wanted_parse import ParseRequest
from dag_factory.errors import DagFactoryError, MissingStoreError
from dag_factory.store import ConfigStore
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.objects.object_store import ObjectStore

if TYPE_CHECKING:
    from dag_factory.api_server.watch.file_events import FileEvents

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0

_FAILED = "Watching the config store has failed (%s) and starts again. Please report this bug"


async def watch(store: Callable[[], ConfigStore], parses: Parses, files: LoaderFiles, *, poll: bool) -> None:
    """
    Watch a store until cancelled.

    :param store: opens the config store
    :param parses: asks for a parse after a change
    :param files: the files to parse
    :param poll: list the folder repeatedly, even where the kernel could report file events
    :raises DagFactoryError: where the store can't be opened, and is not just missing
    """
    opened = await _opened(store)
    ask = partial(_ask, parses, DatabaseRequests(files).send)
    while True:
        try:
            if isinstance(opened, FolderStore):
                await until_cancelled(FolderWatcher(opened, ask, open_events=None if poll else _open_events).run())
            elif isinstance(opened, ObjectStore):
                await until_cancelled(ObjectWatcher(opened, ask).run())
            else:
                log.info("The config store is of a kind that can't be watched")
                return
        except Exception as error:  # noqa: BLE001 - else watching would end unnoticed
            log.error(_FAILED, where(error))
            await asyncio.sleep(RETRY_SECONDS)


async def until_cancelled(watching: Coroutine[Any, Any, None]) -> None:
    """
    Run a watcher. On cancellation, cancel it too, wait for its end, and ignore its errors.

    Otherwise the watcher would be started again after such an error, and the API server could not shut down.
    """
    task = asyncio.create_task(watching)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    task.result()


async def _opened(store: Callable[[], ConfigStore]) -> ConfigStore:
    """Return the store as soon as it can be opened; DagFactoryError where it can not be, and is not just missing."""
    is_missing = False
    while True:
        try:
            return await in_thread(store)
        except MissingStoreError as error:
            if not is_missing:
                log.error("%s Until the store is back, nothing is deployed or deleted, and it is not watched", error)
            is_missing = True
        except DagFactoryError:
            raise
        except Exception as error:  # noqa: BLE001 - else watching would end unnoticed
            log.error(_FAILED, where(error))
        await asyncio.sleep(RETRY_SECONDS)


def _ask(parses: Parses, request: ParseRequest, even_if_seen: bool) -> None:
    parses.ask(request, even_if_seen=even_if_seen)


def _open_events(folders: Iterable[Path], wake: Callable[[], None]) -> FileEvents | None:
    # Airflow imports this package in every process, and watchdog is for the one that watches.
    from dag_factory.api_server.watch.file_events import open_file_events

    return open_file_events(folders, wake)
