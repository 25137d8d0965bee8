from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from dag_factory.api_server.api.transport import PIECES_AHEAD, InProcessTransport


def talk(app: Any, talk: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        transport = InProcessTransport(lambda: app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.invalid") as client:
            await talk(client)

    asyncio.run(run())


def test_method_path_query_headers_and_body_arrive() -> None:
    app = FastAPI()

    @app.post("/echo/{what:path}")
    async def echo(what: str, request: Request) -> dict[str, Any]:
        body = (await request.body()).decode()
        return {"what": what, "query": dict(request.query_params), "body": body, "x": request.headers["x-any"]}

    async def ask(client: httpx.AsyncClient) -> None:
        answer = await client.post("/echo/a%2Bb", params={"q": "ä"}, content="whole", headers={"X-Any": "1"})
        assert answer.json() == {"what": "a+b", "query": {"q": "ä"}, "body": "whole", "x": "1"}

    talk(app, ask)


@pytest.mark.parametrize("root_path", ["", "/airflow", "/two/steps"])
def test_what_is_mounted_in_an_app_is_reached_wherever_the_app_stands(root_path: str) -> None:
    app, mounted = FastAPI(root_path=root_path), FastAPI()

    @mounted.get("/{what}")
    async def within(request: Request, what: str) -> str:
        return f"{what} {request.scope['path']}"

    app.mount("/auth", mounted)
    app.get("/beside/{what}")(within)

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/auth/a%20b")).json() == f"a b {root_path}/auth/a b"
        assert (await client.get("/beside/a")).json() == f"a {root_path}/beside/a"

    talk(app, ask)


def test_an_answer_is_made_no_faster_than_it_is_read_and_ends_when_nobody_reads_on() -> None:
    made = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 1000

    app = FastAPI()
    app.get("/")(lambda: StreamingResponse(endless()))

    async def ask(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/") as answer:
            async for _ in answer.aiter_raw():
                break
            await asyncio.sleep(0.1)
        so_far = made
        await asyncio.sleep(0.1)
        assert made == so_far <= PIECES_AHEAD + 3

    talk(app, ask)


def test_an_app_that_answers_500_and_raises_has_answered_500() -> None:
    app = FastAPI()

    @app.get("/")
    async def broken() -> None:
        raise RuntimeError

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/")).status_code == 500

    talk(app, ask)


def test_an_answer_that_breaks_off_is_an_error_to_whoever_reads_it() -> None:
    async def breaks_off() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("broken off")

    app = FastAPI()
    app.get("/")(lambda: StreamingResponse(breaks_off()))

    async def ask(client: httpx.AsyncClient) -> None:
        with pytest.raises(RuntimeError, match="broken off"):
            await client.get("/")

    talk(app, ask)


def test_an_app_that_fails_or_does_not_answer_at_all_is_an_error() -> None:
    async def fails(*_: Any) -> None:
        raise RuntimeError("no answer")

    async def silent(*_: Any) -> None:
        return None

    async def ask_failing(client: httpx.AsyncClient) -> None:
        with pytest.raises(RuntimeError, match="no answer"):
            await client.get("/")

    async def ask_silent(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")

    talk(fails, ask_failing)
    talk(silent, ask_silent)
