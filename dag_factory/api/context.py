"""What the routes work with: one of each for an app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import httpx
from fastapi import Depends, Request, Security
from fastapi.security.http import HTTPBase

from dag_factory.api.answers import Refused
from dag_factory.api.automations import Automations
from dag_factory.api.calls import dag_id_of, require_dag_name
from dag_factory.api.identity import Logins, require
from dag_factory.api.rest import Caller, dag_path, refused
from dag_factory.errors import DagFactoryError, MissingStoreError
from dag_factory.store import ConfigStore, knows_store
from dag_factory.store.catalog import Catalog
from dag_factory.watch.caller_request import CallersRequest, LoaderFiles
from dag_factory.watch.parses import Parses

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

Result = TypeVar("Result")

POLL_SECONDS = 0.3
ASK_AGAIN_SECONDS = 10.0
CHECK_SECONDS = 3.0


@dataclass(frozen=True)
class Context:
    """
    The parts of the app that calls share, and what several of them do.

    :param store: opens the config store
    :param parse_seconds: how long a call waits until Airflow knows a pipeline that is in the store
    :param delete_seconds: how long a deletion waits until Airflow has seen that a config is gone
    :param write_seconds: how long a change waits for those before it, and then for the store; more than for its lock
    """

    store: Callable[[], ConfigStore]
    logins: Logins
    parses: Parses
    loader_files: LoaderFiles
    automations: Automations
    parse_seconds: float = 60.0
    delete_seconds: float = 20.0
    write_seconds: float = 30.0
    # One at a time waits for the store's lock, in a thread, so that threads are left for all other calls.
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # What waits until Airflow knows a DAG, to pause or unpause it, by the DAG's id.
    toggles: dict[str, object] = field(default_factory=dict)
    # At most one, so that a store that hangs takes one thread.
    store_checks: list[asyncio.Task[dict[str, str]]] = field(default_factory=list)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after the answer."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def ask_for_parse(self, caller: Caller, *, even_if_seen: bool = False) -> None:
        """Ask for a parse of the loader with a caller's rights; see `Parses.ask`."""
        self.parses.ask(CallersRequest(self.loader_files, caller), even_if_seen=even_if_seen)

    async def change(self, caller: Caller, work: Callable[[ConfigStore], Result]) -> Result:
        """
        Change the store, and return what the work returns.

        Also where it fails, or has found its wish done already, a parse is asked for where none has seen all there is:
        a change may be in place that nobody has asked for, of this call or of one that died. Where the store is missing
        nothing can be in place.
        """
        is_there = True
        try:
            return await self._alone(lambda: work(self.store()))
        except MissingStoreError:
            is_there = False
            raise
        finally:
            if is_there:
                self.parses.ask_if_unseen(CallersRequest(self.loader_files, caller))

    async def _alone(self, work: Callable[[], Result]) -> Result:
        """
        Do some work on the store in a thread, when all that came before is done.

        A file system that hangs takes one thread with it, and no call waits for it without end.

        :raises Refused: 503, where the store does not answer
        """
        limit = self.write_seconds
        try:
            await asyncio.wait_for(self.writing.acquire(), limit)
        except asyncio.TimeoutError:
            raise Refused(
                503,
                f"Other changes of the config store have not finished within {limit:.0f} s. Nothing has changed. "
                "Retry; if this persists, check whether the file system of config_store hangs.",
            ) from None
        task = asyncio.ensure_future(asyncio.to_thread(work))
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait([task], timeout=limit)
        if not done:
            raise Refused(
                503,
                f"The config store has not answered within {limit:.0f} s, so it may or may not hold the change. "
                "Retry; if this persists, check whether the file system of config_store hangs.",
            )
        return task.result()

    def _done(self, task: asyncio.Future[Any]) -> None:
        self.writing.release()
        # Looked at, for nobody may wait for it any more.
        if not task.cancelled():
            task.exception()

    async def store_problems(self) -> dict[str, str]:
        """
        Return as ``store`` why the store can't be used, or as ``load`` why not all of it is loaded; else nothing.

        It may hang, as an NFS does whose server is gone.
        """
        if not self.store_checks:
            self.store_checks.append(asyncio.create_task(asyncio.to_thread(self._check_store)))
        check = self.store_checks[0]
        done, _ = await asyncio.wait([check], timeout=CHECK_SECONDS)
        if not done:
            return {"store": f"config_store has not answered within {CHECK_SECONDS:.0f} s. Is its server up?"}
        if check in self.store_checks:
            self.store_checks.remove(check)
        return check.result()

    def _check_store(self) -> dict[str, str]:
        try:
            problem = self.store().load_problem()
        except DagFactoryError as error:
            return {"store": str(error)}
        return {"load": problem} if problem is not None else {}

    async def require_store(self) -> None:
        """
        Check that no store is missing that this machine has known; one that it never saw may be for others to see.

        :raises Refused: 503, where it is missing
        """

        def check() -> None:
            try:
                self.store()
            except MissingStoreError as error:
                if knows_store():
                    raise Refused(503, str(error)) from None
            except DagFactoryError:
                pass

        await asyncio.to_thread(check)

    async def stop(self) -> None:
        """End what runs in the background."""
        await self.parses.stop()
        await asyncio.to_thread(self.automations.stop)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def pipeline(self, caller: Caller, name: str, method: ResourceMethod, *, run: bool = False) -> str:
        """
        Return the DAG id of the pipeline that a call is about, where the caller may do that with it, or with its runs.

        Many names have one DAG id, and the pipeline that was deployed first has it. The server calls by the names of
        those that were refused as well, and none of that may touch the other pipeline.

        :raises Refused: 403, where they may not
        :raises AnothersId: where the DAG id belongs to a pipeline of another name
        """
        dag_id = dag_id_of(name)
        if method != "DELETE":  # what was refused can be deleted, or the server would keep it for ever
            require_dag_name(name)
        await require(caller, method, dag_id, run=run)
        owner = await asyncio.to_thread(self._owner_of, dag_id)
        if owner is not None and owner != name:
            raise AnothersId(dag_id, owner)
        return dag_id

    def _owner_of(self, dag_id: str) -> str | None:
        try:
            return Catalog(self.store()).owner(dag_id)
        except DagFactoryError:
            return None  # what Airflow has can be steered without the store

    async def dag(self, caller: Caller, dag_id: str) -> dict[str, Any]:
        """
        Return what Airflow says of a DAG; where its config is in the store but not parsed yet, wait for that.

        :raises Refused: 404 where the pipeline is unknown, 503 where Airflow does not parse it in time
        """
        deadline = time.monotonic() + self.parse_seconds
        ask_again = 0.0
        while (dag := await find_dag(caller, dag_id)) is None:
            if not await self.is_stored(dag_id):
                raise unknown(dag_id)
            now = time.monotonic()
            if now > deadline:
                raise Refused(
                    503,
                    f"The config of pipeline '{dag_id}' is stored, but Airflow has not parsed it within "
                    f"{self.parse_seconds:.0f} s. Is the DAG processor running, with openmetadata_loader.py in its "
                    "DAGs folder?",
                )
            if now >= ask_again:
                self.ask_for_parse(caller, even_if_seen=True)
                ask_again = now + ASK_AGAIN_SECONDS
            await asyncio.sleep(POLL_SECONDS)
        return dag

    async def is_stored(self, dag_id: str) -> bool:
        """Return whether the store has a config of a DAG id."""
        return await asyncio.to_thread(lambda: Catalog(self.store()).look_up(dag_id) is not None)


async def find_dag(caller: Caller, dag_id: str) -> dict[str, Any] | None:
    """Return what Airflow says of a DAG, None where it knows none, or no file makes it any more."""
    answer = await caller.send("GET", dag_path(dag_id))
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_error:
        raise refused(answer)
    dag: dict[str, Any] = answer.json()
    return None if dag.get("is_stale") else dag


class AnothersId(Refused):
    """A call is about a pipeline that is not there, and whose DAG id belongs to another one."""

    def __init__(self, dag_id: str, owner: str) -> None:
        self.whose = f"The DAG id '{dag_id}' belongs to the pipeline {owner!r}."
        super().__init__(404, f"The pipeline is unknown. {self.whose}")


def unknown(dag_id: str) -> Refused:
    """Return the answer to a call about a pipeline that is not there."""
    return Refused(404, f"Pipeline '{dag_id}' is unknown. Deploy it first.")


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


# For the OpenAPI page, which offers to log in by them; the header is read by `Logins`.
_BASIC = HTTPBase(scheme="basic", scheme_name="Basic", description="A user of Airflow", auto_error=False)
_BEARER = HTTPBase(scheme="bearer", scheme_name="Bearer", description="A token of Airflow", auto_error=False)


async def caller_of(request: Request) -> Caller:
    """
    Return who makes a call.

    :raises Refused: as `Logins.caller` does
    """
    client = request.client.host if request.client is not None else ""
    return await _context(request).logins.caller(request.headers.get("authorization"), client)


async def _caller(
    request: Request, _basic: Annotated[object, Security(_BASIC)], _bearer: Annotated[object, Security(_BEARER)]
) -> Caller:
    return await caller_of(request)


ContextDep = Annotated[Context, Depends(_context)]
CallerDep = Annotated[Caller, Depends(_caller)]
