"""Asking for a parse as nobody: who has changed a file by hand has not called us, and has no rights to lend."""

from __future__ import annotations

import asyncio
import logging

from dag_factory.dag.builder import TAG
from dag_factory.watch.parses import Loader

log = logging.getLogger(__name__)

# A bundle and a path in it.
File = tuple[str, str]


class DatabaseRequest:
    """
    Asks as Airflow's own API does, by a row in Airflow's database: for the files that have made DAGs of the store.

    Where none is known yet, or the database can't be asked, the loader's file is touched instead.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._files: set[File] = set()

    async def send(self) -> None:
        """Ask once. Airflow may drop it."""
        await asyncio.to_thread(self._send)

    def _send(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            # Without its last config the store is no longer known by any DAG, but the file is the one it was.
            self._files = self._loader.files(_dags()) or self._files
            for file in self._files:
                _request(file)
        except SQLAlchemyError as error:
            log.debug("can't ask for a parse in Airflow's database: %s", type(error).__name__)
            self._loader.touch()
        else:
            if not self._files:
                self._loader.touch()


def _dags() -> list[tuple[str, File]]:
    """Return the DAGs that carry our tag, as others may too, with the files that have made them."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (DagModel.dag_id, DagModel.bundle_name, DagModel.relative_fileloc)
    query = (
        select(*columns)
        .join(DagTag, DagTag.dag_id == DagModel.dag_id)
        .where(DagTag.name == TAG, DagModel.is_stale.is_(False), DagModel.relative_fileloc.is_not(None))
        .order_by(DagModel.dag_id)
        .limit(100)
    )
    with create_session() as session:
        return [(dag_id, (bundle, str(path))) for dag_id, bundle, path in session.execute(query)]


def _request(file: File) -> None:
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    bundle, path = file
    try:
        with create_session() as session:
            session.add(DagPriorityParsingRequest(bundle_name=bundle, relative_fileloc=path))
    except IntegrityError:
        log.debug("a request for a parse of %s waits already", path)
