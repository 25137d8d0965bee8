"""Waits until Airflow takes the DAGs of removed files from the loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dag_factory.api_server.watch.loader_files import LoaderFile
from dag_factory.api_server.watch.parse_requests import request_parses
from dag_factory.cli.asked_parses import WAIT_SECONDS, ask_until_done, parses_now
from dag_factory.cli.migration.airflow_state import waiting
from dag_factory.dag.bundle_list import own_bundles
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.settings import airflow_settings


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
    outdated = {file for path in removed for file in _as_airflow_knows(path)}
    try:
        left = ask_until_done(
            lambda: waiting(dag_ids, outdated),
            # The files are gone, so it asks again also where the database did not answer at first.
            lambda _: request_parses(asked) or True,
            "Airflow takes the DAGs from the loader",
        )
    except SQLAlchemyError:
        return "Airflow's database can no longer be asked which DAGs the loader makes."
    if not left:
        return "Airflow takes all DAGs from the loader now."
    return (
        f"{left} DAGs are not made by the loader yet, after {WAIT_SECONDS:.0f} s. They have no scheduled runs until "
        "then. The log of the DAG processor says what it does."
    )


def _as_airflow_knows(path: Path) -> list[LoaderFile]:
    return [
        LoaderFile(name, str(path.absolute().relative_to(folder.absolute())))
        for name, folder in airflow_settings.local_bundles().items()
        if path.absolute().is_relative_to(folder.absolute())
    ]
