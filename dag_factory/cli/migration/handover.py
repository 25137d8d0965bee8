"""Waits until Airflow takes the DAGs of removed files from the loader."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dag_factory.api_server.watch.loader_files import LoaderFile
from dag_factory.api_server.watch.parse_requests import request_parses
from dag_factory.cli.migration.airflow_state import parses_now, waiting
from dag_factory.dag.bundle_list import own_bundles
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.settings import airflow_settings

WAIT_SECONDS = 120.0
# Airflow drops a request where it is parsing the file already.
ASK_SECONDS = 10.0
POLL_SECONDS = 0.5


def wait_for_loader(loaders: LoaderFolder, removed: Sequence[Path], dag_ids: Sequence[str]) -> str:
    """
    Have Airflow parse the loaders, where its DAG processor runs; return what came of it.

    Airflow takes DAGs for removed once it notices that their files are. Until a parse of the loader, they would have no
    scheduled runs.

    :param removed: files that are no longer there
    :param dag_ids: of the DAGs that they have made
    """
    from sqlalchemy.exc import SQLAlchemyError

    if not parses_now():
        return (
            "Airflow's DAG processor does not run. Before you start the scheduler, have Airflow store the new DAGs: "
            "airflow dags reserialize. Else it may start runs of the old ones, whose files are gone."
        )
    asked = [file for shard in loaders.found() for file in _as_airflow_knows(loaders.path / shard.file_name)]
    asked += [LoaderFile(bundle.name, shard.file_name) for bundle in own_bundles() for shard in bundle.part.all()]
    limit = f"at most {WAIT_SECONDS:.0f} s ..."
    print(f"Waiting until Airflow takes the DAGs from the loader, {limit}", file=sys.stderr, flush=True)
    outdated = {file for path in removed for file in _as_airflow_knows(path)}
    try:
        left = _wait(dag_ids, outdated, asked)
    except SQLAlchemyError:
        return "Airflow's database can no longer be asked which DAGs the loader makes."
    if not left:
        return "Airflow takes all DAGs from the loader now."
    return (
        f"{left} DAGs are not made by the loader yet, after {WAIT_SECONDS:.0f} s. They have no scheduled runs until "
        "then. The log of the DAG processor says what it does."
    )


def _wait(dag_ids: Sequence[str], outdated: set[LoaderFile], asked: Sequence[LoaderFile]) -> int:
    """Ask for parses until the loader makes all DAGs; return how many it does not make in time."""
    deadline, ask_at = time.monotonic() + WAIT_SECONDS, 0.0
    while (left := waiting(dag_ids, outdated)) and time.monotonic() < deadline:
        if time.monotonic() > ask_at:
            request_parses(asked)
            ask_at = time.monotonic() + ASK_SECONDS
        time.sleep(POLL_SECONDS)
    return left


def _as_airflow_knows(path: Path) -> list[LoaderFile]:
    return [
        LoaderFile(name, str(path.absolute().relative_to(folder.absolute())))
        for name, folder in airflow_settings.local_bundles().items()
        if path.absolute().is_relative_to(folder.absolute())
    ]
