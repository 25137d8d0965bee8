"""The commands that Airflow's command line has from us: ``airflow openmetadata-dag-factory …``."""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress

from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand, lazy_load_command


def commands() -> list[CLICommand]:
    """Return our commands; Airflow 3.2 and later ask for them, each time that ``airflow`` starts."""
    watch_command = ActionCommand(
        name="watch",
        help="Watch the config store for files that are changed by hand",
        description=(
            "Watch the config store until stopped. What is changed there by hand is reported, one line for each file, "
            "and Airflow is asked for a parse of the loader. The API server does the same, unless the setting "
            "watch_store is off; of all that could, one process of a machine watches."
        ),
        func=lazy_load_command("dag_factory.cli.watch"),
        args=(),
    )
    return [
        GroupCommand(
            name="openmetadata-dag-factory",
            help="Run OpenMetadata ingestion pipelines",
            subcommands=(watch_command,),
        )
    ]


def watch(args: argparse.Namespace) -> None:
    """Watch the config store until the process is told to end."""
    del args
    asyncio.run(_watch())


async def _watch() -> None:
    from dag_factory import settings
    from dag_factory.parses import Loader, configured_parses
    from dag_factory.store import configured_store
    from dag_factory.watch.start import watch as watch_store

    parses = configured_parses(configured_store)
    loader = Loader(configured_store, settings.dags_folder())
    watching = asyncio.create_task(watch_store(configured_store, parses, loader, poll=settings.watch_store() == "poll"))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with suppress(asyncio.CancelledError):
        await watching
    await parses.stop()
