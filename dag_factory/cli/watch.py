"""``watch``: notices files that are changed by hand, if no API server does."""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress

from dag_factory import settings
from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.parses import configured_parses
from dag_factory.api_server.watch.start import watch as watch_store
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import command
from dag_factory.settings import airflow_settings
from dag_factory.store import configured_store


@command
def watch(args: argparse.Namespace) -> None:
    """Watch the config store until the process is asked to end."""
    del args
    use_database()
    asyncio.run(_watch())


async def _watch() -> None:
    files = LoaderFiles(configured_store, airflow_settings.dags_folder())
    parses = configured_parses(configured_store, files)
    watching = asyncio.create_task(watch_store(configured_store, parses, files, poll=settings.watch_store() == "poll"))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await watching
    finally:
        await parses.stop()
