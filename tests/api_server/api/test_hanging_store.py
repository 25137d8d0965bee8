"""Calls while the file system of the config store hangs, as NFS does without its server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.store_access import StoreAccess
from dag_factory.api_server.api.store_threads import READS_AT_ONCE, StoreThreads
from dag_factory.api_server.api.transport import InProcessTransport
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore
from tests.documents import REST
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.usefixtures("ask"),  # everybody may do everything
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]

DOCUMENT = {"name": "orders", "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}
READ_SECONDS = 0.3
# Far more than a machine has default threads for.
MANY = 100


class Hanging:
    """Opens a store, once it answers."""

    def __init__(self, root: Path) -> None:
        self.answers = threading.Event()
        self.opened = 0
        self._root = root

    def __call__(self) -> FolderStore:
        self.opened += 1
        self.answers.wait(60)
        return FolderStore(self._root)


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition is true, with the event loop free meanwhile."""
    await asyncio.to_thread(wait_for, condition)


async def once_accepted(read: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    """Return what a read returns: until the first that hung has ended, which takes its own time, it is refused."""
    for _ in range(1000):
        with suppress(Refused):
            return await read()
        await asyncio.sleep(0.01)
    return await read()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Hanging]:
    (tmp_path / "orders.json").write_text(json.dumps(DOCUMENT))
    hanging = Hanging(tmp_path)
    yield hanging
    hanging.answers.set()  # a thread that hangs would keep the tests from ending


def airflow() -> FastAPI:
    app = FastAPI()
    app.get("/api/v2/dags/{dag_id}")(lambda dag_id: {"dag_id": dag_id, "is_paused": False, "is_stale": False})
    app.get("/api/v2/dags/{dag_id}/dagRuns")(lambda dag_id: {"dag_runs": [], "total_entries": 0})
    app.post("/api/v2/dags/{dag_id}/dagRuns")(lambda dag_id: {"dag_run_id": "r"})
    app.patch("/api/v2/dags/{dag_id}")(lambda dag_id: {})
    return app


def with_client(store: Hanging, work: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        app = create_app(airflow=airflow, store=store, read_seconds=READ_SECONDS)
        async with httpx.AsyncClient(
            transport=InProcessTransport(lambda: app),
            base_url="http://a.invalid",
            headers={"Authorization": "Bearer token"},
            timeout=None,
        ) as client:
            await work(client)
        await app.state.application.stop()

    asyncio.run(asyncio.wait_for(run(), 60))


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/status", {"params": {"dag_id": "orders"}}),
    ("GET", "/last_dag_logs", {"params": {"dag_id": "orders", "task_id": "ingestion_task"}}),
    ("POST", "/trigger", {"json": {"dag_id": "orders"}}),
    ("POST", "/kill", {"json": {"dag_id": "orders"}}),
    ("POST", "/enable", {"json": {"dag_id": "orders"}}),
    ("DELETE", "/delete", {"params": {"dag_id": "orders"}}),
]


@pytest.mark.parametrize(("method", "path", "options"), CALLS, ids=[call[1] for call in CALLS])
def test_a_call_about_a_pipeline_is_answered_503_with_the_way_out(
    store: Hanging, method: str, path: str, options: dict[str, Any]
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.request(method, path, **options)
        assert answer.status_code == 503, answer.text
        assert "has not answered within" in answer.json()["error"]
        assert "check whether the file system of config_store hangs" in answer.json()["error"]

    with_client(store, work)


@pytest.mark.slow
def test_however_many_calls_wait_for_the_store_all_others_are_answered(store: Hanging) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        waiting = [asyncio.create_task(client.get("/status", params={"dag_id": "orders"})) for _ in range(MANY)]
        await asyncio.sleep(READ_SECONDS / 3)
        assert (await client.get("/ip")).status_code == 200
        # Its permission is checked, and then what it says.
        assert (await client.post("/deploy", json={"name": "closed_one"})).status_code == 403
        assert (await client.post("/deploy", json={"name": "open"})).status_code == 400
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {503}
        assert (await client.get("/health-auth")).json()["status"] == "healthy"

    with_client(store, work)


def test_once_all_its_threads_hang_a_call_is_refused_at_once_and_nothing_waits_for_the_store(store: Hanging) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(client.get("/status", params={"dag_id": "orders"}) for _ in range(MANY)))
        assert store.opened == READS_AT_ONCE
        began = time.monotonic()
        answers = await asyncio.gather(*(client.get("/status", params={"dag_id": "orders"}) for _ in range(MANY)))
        assert {answer.status_code for answer in answers} == {503}
        # Each of them would have waited for that long.
        assert time.monotonic() - began < MANY * READ_SECONDS / 3
        assert store.opened == READS_AT_ONCE

    with_client(store, work)


def test_once_the_store_answers_again_so_do_all_calls(store: Hanging) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        # Clients that give up count too: their threads hang all the same.
        given_up = [asyncio.create_task(client.get("/status", params={"dag_id": "orders"})) for _ in range(MANY)]
        await asyncio.sleep(READ_SECONDS / 3)
        for call in given_up:
            call.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        await asyncio.sleep(READ_SECONDS)
        assert (await client.get("/status", params={"dag_id": "orders"})).status_code == 503
        store.answers.set()
        while (answer := await client.get("/status", params={"dag_id": "orders"})).status_code == 503:
            await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()) == (200, [])
        # One after the other: a busy machine may take longer than the short limit here for many at once.
        for _ in range(READS_AT_ONCE + 1):
            assert (await client.get("/status", params={"dag_id": "orders"})).status_code == 200

    with_client(store, work)


def test_a_store_that_is_slow_is_waited_for_by_however_many_calls() -> None:
    """As long as it answers each in time: together they take many times the limit."""
    answered = 0

    def slow() -> int:
        nonlocal answered
        time.sleep(0.05)
        answered += 1
        return answered

    async def run() -> list[int]:
        threads = StoreThreads(0.2, reads_at_once=2)
        began = time.monotonic()
        found = await asyncio.gather(*(threads.read(slow) for _ in range(40)))
        assert time.monotonic() - began > 0.2
        return found

    assert len(asyncio.run(run())) == 40


def test_one_read_that_hangs_keeps_no_others_waiting(store: Hanging) -> None:
    async def run() -> None:
        threads = StoreThreads(0.2, reads_at_once=2)
        hung = asyncio.create_task(threads.read(store))
        assert await asyncio.gather(*(threads.read(lambda: 1) for _ in range(40))) == [1] * 40
        with pytest.raises(Refused):
            await hung

    asyncio.run(run())


def test_what_goes_wrong_in_a_read_is_raised_where_it_is_waited_for(tmp_path: Path) -> None:
    def work() -> None:
        raise TimeoutError("the file system's own")

    async def run() -> None:
        threads = StoreThreads(5.0)
        with pytest.raises(TimeoutError, match="own"):
            await threads.read(work)

    asyncio.run(run())


def test_a_change_and_a_look_at_the_store_s_health_have_threads_of_their_own(store: Hanging) -> None:
    """Reads that hang take none of theirs."""

    async def run() -> None:
        access = StoreAccess(store, read_seconds=READ_SECONDS, write_seconds=READ_SECONDS)
        reads = await asyncio.gather(*(access.holds("orders") for _ in range(MANY)), return_exceptions=True)
        assert all(isinstance(each, Refused) for each in reads)
        with pytest.raises(Refused, match="may or may not hold the change"):
            await access.change(lambda store: store.marker())
        assert store.opened == READS_AT_ONCE + 1
        health = asyncio.create_task(access.problems())
        await until(lambda: store.opened == READS_AT_ONCE + 2)
        store.answers.set()
        assert await health == {}
        assert await once_accepted(lambda: access.holds("orders"))

    asyncio.run(run())


def test_a_look_at_the_store_s_health_that_ends_after_its_caller_has_given_up_is_nobody_s_answer(
    store: Hanging,
) -> None:
    def opened() -> FolderStore:
        if store.answers.is_set():
            raise StoreError("the store is away")
        return store()

    async def run() -> None:
        access = StoreAccess(opened, check_seconds=0.2)
        # Both wait for the same look.
        for _ in range(2):
            assert "has not answered" in (await access.problems())["store"]
        assert store.opened == 1
        store.answers.set()
        await asyncio.sleep(0.2)
        assert await access.problems() == {"store": "the store is away"}

    asyncio.run(run())
