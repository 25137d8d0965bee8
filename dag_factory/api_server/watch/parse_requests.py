"""
The two ways of asking Airflow for a parse: through its REST API with a caller's permissions, and by a row in its
database.

If neither finds the file, the loader's own file is touched. Airflow may drop any request, see `Parses`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from dag_factory.api_server.watch.loader_files import DagIds, LoaderFile, LoaderFiles
from dag_factory.api_server.watch.threads import in_thread
from dag_factory.dag.tags import TAG
from dag_factory.store.shards import Shard

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

# How many DAGs are fetched to find the files that make them.
_MAX_DAGS = 100
# How many DAG ids one query names.
_MAX_IDS = 500
# For more files than these, Airflow's REST API is not called: each call takes it 20 ms.
_MAX_FILES = 4


class Caller(Protocol):
    """The caller of our API, with whose permissions Airflow's REST API is called."""

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to ``/api/v2`` and return the answer, whatever its status."""


class RestRequests:
    """
    Requests through Airflow's REST API, which identifies a file by a token of its DAGs.

    If a file has made no DAG yet, the caller may not edit all of its DAGs, or a change concerns many files, they are
    requested in Airflow's database instead: the change is in the store, and parses of it are our own business.
    """

    def __init__(self, files: LoaderFiles, database: DatabaseRequests) -> None:
        self._files = files
        self._database = database
        self._tokens: dict[LoaderFile, str] = {}

    async def send(self, caller: Caller, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        """Ask once for the files that a change concerns, without those of some shards."""
        if self._tokens.keys().isdisjoint(self._files.files(None)):
            await in_thread(self._files.find, await self._list(caller))
        files = self._files.files(dag_ids, without)
        if not 0 < len(files) <= _MAX_FILES:
            return await self._database.send(dag_ids, without)
        if not self._tokens.keys() >= set(files):
            for dag_id in sorted(dag_ids or ())[:_MAX_FILES]:
                await self._look_up(caller, dag_id)
        # All of them, even if one is refused.
        if not all([await self._ask(caller, file) for file in files]):
            await self._database.send(dag_ids, without)
        return None

    async def _list(self, caller: Caller) -> list[tuple[str, LoaderFile]]:
        """Return DAGs that the caller may see, with the files that have made them."""
        answer = await caller.send("GET", "/dags", params={"tags": TAG, "limit": _MAX_DAGS})
        return [] if answer.is_error else [self._noted(dag) for dag in answer.json()["dags"]]

    async def _look_up(self, caller: Caller, dag_id: str) -> None:
        """Take note of the file that makes a DAG, if Airflow knows it and the caller may see it."""
        answer = await caller.send("GET", f"/dags/{quote(dag_id, safe='')}")
        if not answer.is_error:
            self._noted(answer.json())

    def _noted(self, dag: Mapping[str, Any]) -> tuple[str, LoaderFile]:
        file = LoaderFile(str(dag["bundle_name"]), str(dag["relative_fileloc"]))
        self._tokens[file] = str(dag["file_token"])
        return str(dag["dag_id"]), file

    async def _ask(self, caller: Caller, file: LoaderFile) -> bool:
        """Ask for one file; return whether Airflow has taken the request."""
        token = self._tokens.get(file)
        if token is None:
            return False
        answer = await caller.send("PUT", f"/parseDagFile/{token}")
        # 409: the same request is waiting already.
        if answer.is_error and answer.status_code != HTTPStatus.CONFLICT:
            # Looked up again the next time: it may be another file by now.
            self._tokens.clear()
            return False
        return True


class DatabaseRequests:
    """
    Requests by a row in Airflow's database, as its own API makes them. For changes by hand, which have no caller.

    Where no file has made a DAG yet, or the database can't be reached, the loader's file is touched instead.
    """

    def __init__(self, files: LoaderFiles) -> None:
        self._files = files

    async def send(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        """Ask once for the files that a change concerns, without those of some shards."""
        await in_thread(self._send, dag_ids, without)

    def _send(self, dag_ids: DagIds, without: Collection[Shard]) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._files.find(tagged_dags())
        except SQLAlchemyError as error:
            log.debug("Airflow's database can't be read: %s", type(error).__name__)
        files = self._files.files(dag_ids, without)
        if not files or not request_parses(files):
            self._files.touch(dag_ids, without)


def tagged_dags() -> list[tuple[str, LoaderFile]]:
    """Return DAGs with our tag, and the files that have made them: each file that is named like one of ours, once."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    file = (DagModel.bundle_name, DagModel.relative_fileloc)
    ours = (DagTag.name == TAG, DagModel.is_stale.is_(False), DagModel.relative_fileloc.is_not(None))
    files = select(func.min(DagModel.dag_id), *file).join(DagTag, DagTag.dag_id == DagModel.dag_id).where(*ours)
    dags = select(DagModel.dag_id, *file).join(DagTag, DagTag.dag_id == DagModel.dag_id).where(*ours)
    with create_session() as session:
        found = [(dag_id, LoaderFile(*each)) for dag_id, *each in session.execute(files.group_by(*file))]
        others = {each.path for _, each in found if each.shard is None}
        if others:
            few = dags.where(DagModel.relative_fileloc.in_(others)).order_by(DagModel.dag_id).limit(_MAX_DAGS)
            found += [(dag_id, LoaderFile(*each)) for dag_id, *each in session.execute(few)]
    return found


def missing_dags(dag_ids: Collection[str]) -> set[str]:
    """Return which of some DAG ids Airflow has no DAG for; none where its database can't be reached."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    missing, ordered = set(dag_ids), sorted(dag_ids)
    try:
        with create_session() as session:
            for start in range(0, len(ordered), _MAX_IDS):
                some = DagModel.dag_id.in_(ordered[start : start + _MAX_IDS])
                missing.difference_update(session.scalars(select(DagModel.dag_id).where(some, ~DagModel.is_stale)))
    except SQLAlchemyError as error:
        log.debug("Airflow's database can't be read: %s", type(error).__name__)
        return set()
    return missing


def request_parses(files: Iterable[LoaderFile]) -> bool:
    """Ask Airflow for a parse of some files by rows in its database; return whether the database could be reached."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        for file in files:
            _insert(file)
    except SQLAlchemyError as error:
        log.debug("can't ask for a parse in Airflow's database: %s", type(error).__name__)
        return False
    return True


def have_dags(files: Iterable[LoaderFile]) -> bool:
    """Return whether, by Airflow's database, some of its DAGs are made by one of these files."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    known = set(files)
    columns = (DagModel.bundle_name, DagModel.relative_fileloc)
    query = select(*columns).where(DagModel.is_stale.is_(False), DagModel.relative_fileloc.is_not(None)).distinct()
    try:
        with create_session() as session:
            return any(LoaderFile(bundle, str(path)) in known for bundle, path in session.execute(query))
    except SQLAlchemyError:
        return False


def _insert(file: LoaderFile) -> None:
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    try:
        with create_session() as session:
            session.add(DagPriorityParsingRequest(bundle_name=file.bundle, relative_fileloc=file.path))
    except IntegrityError:
        log.debug("a request for a parse of %s is waiting already", file.path)
