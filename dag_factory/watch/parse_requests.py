"""
The two ways of asking Airflow for a parse: through its REST API with a caller's permissions, and by a row in its
database.

If neither finds the file, the loader's own file is touched. Airflow may drop any request, see `Parses`.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from dag_factory.dag.builder import TAG
from dag_factory.watch.loader_files import LoaderFiles

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

# How many DAGs are fetched to find the files that make them.
_MAX_DAGS = 100

# A bundle and a path in it.
BundleFile = tuple[str, str]


class Caller(Protocol):
    """The caller of our API, with whose permissions Airflow's REST API is called."""

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to ``/api/v2`` and return the answer, whatever its status."""


class RestRequests:
    """
    Requests through Airflow's REST API, which identifies a file by a token of its DAGs.

    If the file has made no DAG yet, or the caller may not edit all of them, the loader's file is touched instead.
    """

    def __init__(self, files: LoaderFiles) -> None:
        self._files = files
        self._tokens: set[str] = set()

    async def send(self, caller: Caller) -> None:
        """Ask once."""
        if not self._tokens:
            self._tokens = await self._find(caller)
        for token in list(self._tokens):
            answer = await caller.send("PUT", f"/parseDagFile/{token}")
            # 409: the same request is waiting already.
            if answer.is_error and answer.status_code != HTTPStatus.CONFLICT:
                self._tokens.discard(token)
        if not self._tokens:
            await asyncio.to_thread(self._files.touch)

    async def _find(self, caller: Caller) -> set[str]:
        """Return the tokens of the loader's files, as far as the caller may see their DAGs."""
        answer = await caller.send("GET", "/dags", params={"tags": TAG, "limit": _MAX_DAGS})
        if answer.is_error:
            return set()
        dags = [(str(dag["dag_id"]), str(dag["file_token"])) for dag in answer.json()["dags"]]
        return await asyncio.to_thread(self._files.find, dags)


class DatabaseRequests:
    """
    Requests by a row in Airflow's database, as its own API makes them. For changes by hand, which have no caller.

    Where no file has made a DAG yet, or the database can't be reached, the loader's file is touched instead.
    """

    def __init__(self, files: LoaderFiles) -> None:
        self._files = files
        self._found: set[BundleFile] = set()

    async def send(self) -> None:
        """Ask once."""
        await asyncio.to_thread(self._send)

    def _send(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            # After the last config is removed, no DAG shows the files any more, but they are still the same.
            self._found = self._files.find(_tagged_dags()) or self._found
            for file in self._found:
                _insert(file)
        except SQLAlchemyError as error:
            log.debug("can't ask for a parse in Airflow's database: %s", type(error).__name__)
            self._files.touch()
        else:
            if not self._found:
                self._files.touch()


def _tagged_dags() -> list[tuple[str, BundleFile]]:
    """Return DAGs with our tag, and the files that have made them."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (DagModel.dag_id, DagModel.bundle_name, DagModel.relative_fileloc)
    query = (
        select(*columns)
        .join(DagTag, DagTag.dag_id == DagModel.dag_id)
        .where(DagTag.name == TAG, DagModel.is_stale.is_(False), DagModel.relative_fileloc.is_not(None))
        .order_by(DagModel.dag_id)
        .limit(_MAX_DAGS)
    )
    with create_session() as session:
        return [(dag_id, (bundle, str(path))) for dag_id, bundle, path in session.execute(query)]


def _insert(file: BundleFile) -> None:
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    bundle, path = file
    try:
        with create_session() as session:
            session.add(DagPriorityParsingRequest(bundle_name=bundle, relative_fileloc=path))
    except IntegrityError:
        log.debug("a request for a parse of %s is waiting already", path)
