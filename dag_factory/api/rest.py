"""Airflow's public REST API, called within the process: its permissions and its audit log are the caller's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from dag_factory.api.answers import Refused
from dag_factory.api.transport import InProcessTransport

if TYPE_CHECKING:
    from starlette.types import ASGIApp


# Airflow looks up a token in its event loop, where it also waits for one of its 15 connections to the database. Once
# all are held by requests that need the event loop to go on, nothing moves for 30 s: so ours leave most of them alone.
AT_ONCE = 4

# Airflow answers 500 where its database refuses: a deadlock with the scheduler, such as that of a run which is ended
# while its task starts, or SQLite's lock. A request is one transaction, so nothing has changed then.
TRIES = 4


class AirflowApi:
    """
    Airflow's API server, for the caller's token.

    :param app: returns the API server's ASGI app; is called at the first request, when it has been built
    :param one_writer: make one change at a time. On SQLite, Airflow waits for the database's lock in its event loop, so
        that the request that holds the lock can't go on; both then answer 500 after some seconds
    """

    def __init__(self, app: Callable[[], ASGIApp], *, one_writer: bool = False) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._writer: AbstractAsyncContextManager[None] = asyncio.Lock() if one_writer else nullcontext()
        self._http = httpx.AsyncClient(
            transport=InProcessTransport(app),
            base_url="http://airflow.invalid",
            headers={"Accept-Encoding": "identity"},
            timeout=None,
        )

    async def login(self, username: str, password: str) -> httpx.Response:
        """Return what Airflow says to a username and a password: 201 and a token, or what is wrong."""
        return await self._http.post("/auth/token", json={"username": username, "password": password})

    async def send(self, token: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to ``/api/v2`` and return the answer, whatever its status."""
        for _ in range(TRIES):
            async with nullcontext() if method == "GET" else self._writer, self._slots:
                answer = await self._http.request(method, f"/api/v2{path}", headers=_bearer(token), **options)
            if answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                break
        return answer

    @asynccontextmanager
    async def stream(self, token: str, path: str, accept: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Get a page of ``/api/v2`` whose body is read piece by piece."""
        headers = {**_bearer(token), "Accept": accept}
        async with AsyncExitStack() as stack:
            async with self._slots:  # the connection is given back before the body comes
                request = self._http.stream("GET", f"/api/v2{path}", headers=headers, **options)
                response = await stack.enter_async_context(request)
            yield response


class Caller:
    """The caller of our API, by whose token we call Airflow."""

    def __init__(self, airflow: AirflowApi, token: str) -> None:
        self._airflow = airflow
        self.token = token

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to ``/api/v2`` and return the answer, whatever its status."""
        return await self._airflow.send(self.token, method, path, **options)

    async def ask(self, method: str, path: str, *, missing: str = "", **options: Any) -> Any:
        """
        Send a request to ``/api/v2`` and return the answer's JSON, None where it is empty.

        :param missing: the sentence where Airflow says 404
        :raises Refused: with Airflow's status where it refuses
        """
        response = await self.send(method, path, **options)
        if response.is_error:
            raise refused(response, missing)
        return response.json() if response.content else None

    @asynccontextmanager
    async def stream(self, path: str, accept: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Get a page of ``/api/v2`` whose body is read piece by piece; only a success is handed on."""
        async with self._airflow.stream(self.token, path, accept, **options) as response:
            if response.is_error:
                await response.aread()
                raise refused(response)
            yield response


def running_app() -> ASGIApp:
    """Return the ASGI app of the API server that this process is."""
    from airflow.api_fastapi.app import cached_app

    # What the API server itself says, for the cache goes by the arguments.
    return cached_app(apps=os.environ.get("AIRFLOW_API_APPS", "all"))


def dag_path(dag_id: str, *rest: str) -> str:
    """Return the path of a DAG, or of what is below it; no part of it can lead anywhere else."""
    return "/".join(["/dags", *(_part(part) for part in (dag_id, *rest))])


def _part(name: str) -> str:
    # Dots are not quoted, and a client takes these two for steps: Airflow lets a run have them as its id.
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def refused(response: httpx.Response, missing: str = "") -> Refused:
    """Return what Airflow's refusal is in the contract's words."""
    status = response.status_code
    if status == 401:
        return Refused(401, "Airflow does not accept these credentials.")
    if status == 403:
        return Refused(403, "The user lacks a permission in Airflow for this.")
    if status == 404:
        return Refused(404, missing or "Airflow does not have what was asked for. It may have been deleted meanwhile.")
    if status < 500:
        # The server's client does not cope with 422.
        return Refused(400 if status == 422 else status, f"Airflow refuses: {_reason(response)}")
    return Refused(500, f"Airflow's API answers {status}. The log of Airflow's API server says why.")


def _reason(response: httpx.Response) -> str:
    """Return what Airflow says, as far as it can't quote what it was sent."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    if isinstance(detail, str):
        return detail
    return "it is there already." if response.status_code == 409 else "the request does not have the form it needs."


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
