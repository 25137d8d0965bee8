"""Airflow's public REST API, called within the process, with the caller's permissions and name in the audit log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.transport import InProcessTransport

if TYPE_CHECKING:
    from starlette.types import ASGIApp


# Airflow checks tokens in its event loop, which blocks it until one of 15 database connections is free. If requests
# that need the event loop hold all of them, nothing moves for 30 s. So our requests use only a few.
AT_ONCE = 4

# Airflow answers 500 where its database refuses: in a deadlock with the scheduler, such as when a run is ended while
# its task starts, or by SQLite's lock. A request is one transaction, so nothing has changed then.
TRIES = 4


class AirflowApi:
    """
    Airflow's API server, for the caller's token.

    :param app: returns the API server's ASGI app; called at the first request, when the app has been built
    :param one_writer: make one change at a time. With SQLite, waiting for the database's lock blocks Airflow's event
        loop, so the request that holds the lock can't go on, and both are answered 500 after some seconds
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
        """Return Airflow's answer to a username and a password: 201 and a token, or an error."""
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
            async with self._slots:  # Airflow returns its database connection before the body comes
                request = self._http.stream("GET", f"/api/v2{path}", headers=headers, **options)
                response = await stack.enter_async_context(request)
            yield response


class Caller:
    """The caller of our API, whose token we use to call Airflow."""

    def __init__(self, airflow: AirflowApi, token: str) -> None:
        self._airflow = airflow
        self.token = token

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to ``/api/v2`` and return the answer, whatever its status."""
        return await self._airflow.send(self.token, method, path, **options)

    async def ask(self, method: str, path: str, *, missing: str = "", **options: Any) -> Any:
        """
        Send a request to ``/api/v2`` and return the answer's JSON, None where it is empty.

        :param missing: the message where Airflow answers 404
        :raises Refused: with Airflow's status where it refuses
        """
        response = await self.send(method, path, **options)
        if response.is_error:
            raise refused(response, missing)
        return response.json() if response.content else None

    @asynccontextmanager
    async def stream(self, path: str, accept: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Get a page of ``/api/v2`` whose body is read piece by piece; raise Refused unless it is a success."""
        async with self._airflow.stream(self.token, path, accept, **options) as response:
            if response.is_error:
                await response.aread()
                raise refused(response)
            yield response


def running_app() -> ASGIApp:
    """Return the ASGI app of this process's API server."""
    from airflow.api_fastapi.app import cached_app

    # The API server's own argument, by which the app is cached.
    return cached_app(apps=os.environ.get("AIRFLOW_API_APPS", "all"))


def dag_path(dag_id: str, *rest: str) -> str:
    """Return the path of a DAG, or of what is below it, with all parts quoted."""
    return "/".join(["/dags", *(_part(part) for part in (dag_id, *rest))])


def _part(name: str) -> str:
    # A run may have these as its id; unquoted, they would be steps in the path.
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def refused(response: httpx.Response, missing: str = "") -> Refused:
    """Return Airflow's refusal in the contract's form."""
    status = response.status_code
    if status == 401:
        return Refused(401, "Airflow no longer accepts these credentials. Log in again.")
    if status == 403:
        return Refused(403, "The user lacks Airflow's permission for this. Ask Airflow's operator for it.")
    if status == 404:
        return Refused(404, missing or "Airflow does not have what was asked for. It may have been deleted meanwhile.")
    if status < 500:
        # The server's client can't handle 422.
        return Refused(400 if status == 422 else status, f"Airflow refuses: {_reason(response)}")
    return Refused(500, f"Airflow's API answers {status}. The log of Airflow's API server says why.")


def _reason(response: httpx.Response) -> str:
    """Return Airflow's reason, without parts that may quote the request."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    if isinstance(detail, str):
        return detail
    return "it exists already." if response.status_code == 409 else "a part of the request is missing or invalid."


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
