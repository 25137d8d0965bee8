"""HTTP within the process: requests to an ASGI app, whose answer is read piece by piece as the app makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Scope

PIECES_AHEAD = 4


class InProcessTransport(httpx.AsyncBaseTransport):
    """
    Carries the requests of an `httpx.AsyncClient` to an ASGI app of this process.

    httpx's own transport collects the whole answer first. A task's log has no size limit, so here the app waits until
    each piece is read.

    Paths are relative to the app. If it is served below a path (FastAPI's ``root_path``, Airflow's ``[api] base_url``),
    that is prepended, as mounted apps need it.

    :param app: returns the app; called at the first request
    """

    def __init__(self, app: Callable[[], ASGIApp]) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(await request.aread())
        app = self._app()
        exchange.start(app, _scope(request, getattr(app, "root_path", "")))
        try:
            start = await exchange.started
        except BaseException:
            await exchange.aclose()
            raise
        return httpx.Response(start["status"], headers=list(start.get("headers", [])), stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer, whose body is what iterating gives."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES_AHEAD)
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._ended = False
        self.started: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def start(self, app: ASGIApp, scope: Scope) -> None:
        self._task = asyncio.create_task(self._run(app, scope))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self._gone.set()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - raised again to the reader of the answer
            self._error = error
        if not self.started.done():
            self.started.set_exception(self._error or httpx.RemoteProtocolError("the app has not answered"))
        elif self._ended:
            self._error = None  # the app's answer says what is wrong
        await self._pieces.put(None)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self.started.done():
            self.started.set_result(message)
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
            if message.get("body"):
                await self._pieces.put(message["body"])


def _scope(request: httpx.Request, root_path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": root_path + request.url.path,
        "raw_path": root_path.encode() + request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": root_path,
        "extensions": {},
    }
