"""``import``: writes what ``export`` has written into the config store."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.parse_requests import DatabaseRequests
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.output import count_of, print_json, print_lines, progress
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.settings import airflow_settings
from dag_factory.store import configured_store
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import Restored, restore


@command
def import_(args: argparse.Namespace) -> int:
    """Write an archive into the config store; return 1 where a config was left as it was, or can't be decrypted."""
    use_database()
    done = restore(configured_store(), Archive(Path(args.file)), Keys(), overwrite=args.overwrite, shown=progress)
    if done.written:
        files = LoaderFiles(configured_store, airflow_settings.dags_folder())
        asyncio.run(DatabaseRequests(files).send(None))
    if args.output == "json":
        print_json(asdict(done))
    else:
        print_lines(_lines(done))
    return FOUND if done.differing or done.sealed_elsewhere else 0


def _lines(done: Restored) -> Iterator[str]:
    for key in done.differing:
        yield f"{key}: differs from the store's."
    if done.differing and not done.written:
        yield "Nothing was written. Run with --overwrite to overwrite these."
        return
    for key, problem in done.sealed_elsewhere.items():
        yield f"{key}: {problem.rstrip('.')}."
    yield f"{count_of(len(done.written), 'file')} written, {done.unchanged} unchanged."
    if done.written:
        yield "Airflow was asked for a parse. 'openmetadata-dag-factory validate' says what is wrong with configs."
