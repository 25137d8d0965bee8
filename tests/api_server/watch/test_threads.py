from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from dag_factory.api_server.watch.folder_watcher import FolderWatcher
from dag_factory.api_server.watch.intervals import Intervals
from dag_factory.api_server.watch.loader_files import DagIds
from dag_factory.api_server.watch.parses import Parses
from dag_factory.api_server.watch.pending_changes import Debounce
from dag_factory.api_server.watch.threads import AT_ONCE, finish, in_thread
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import Shard

LIMIT = 60


class Hanging:
    """Work that hangs until it may go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.begun = 0
        self.done = 0
        self._counting = threading.Lock()

    def __call__(self) -> None:
        with self._counting:
            self.begun += 1
        assert self.may_go_on.wait(LIMIT)
        with self._counting:
            self.done += 1


class NotForUs(ThreadPoolExecutor):
    """The threads that everything in the process needs; counts what they are given."""

    given = 0

    def submit(self, *arguments: Any, **options: Any) -> Future[Any]:
        self.given += 1
        return super().submit(*arguments, **options)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.may_go_on.set()


async def until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), LIMIT)


def watcher(store: FolderStore, asked: list[bool]) -> FolderWatcher:
    return FolderWatcher(store, asked.append, intervals=Intervals(Debounce(settle=0.01), poll=0.01, retry=0.01))


def test_neither_the_watcher_nor_what_asks_for_parses_takes_threads_that_others_need(tmp_path: Path) -> None:
    store, asked = FolderStore(tmp_path), list[bool]()

    async def request(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        store.note_loaded(store.marker() or "")

    async def story() -> int:
        others = NotForUs(1)
        asyncio.get_running_loop().set_default_executor(others)
        watching = asyncio.create_task(watcher(store, asked).run())
        await until(lambda: bool(asked))
        (tmp_path / "a.json").write_text("{}")
        await until(lambda: len(asked) > 1)
        parses = Parses(lambda: store, changed=set, later_seconds=(0.01,), gather_seconds=0.01)
        parses.ask(request, {"a"})
        assert await parses.wait_until_seen(LIMIT, {"a"})
        await parses.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return others.given

    assert asyncio.run(story()) == 0


def test_while_all_threads_hang_the_watcher_waits_and_it_goes_on_once_they_do(tmp_path: Path, hanging: Hanging) -> None:
    store, asked = FolderStore(tmp_path), list[bool]()

    async def story() -> None:
        hung = [in_thread(hanging) for _ in range(2 * AT_ONCE)]
        await until(lambda: hanging.begun == AT_ONCE)
        watching = asyncio.create_task(watcher(store, asked).run())
        # Others have threads, and the event loop is free.
        assert await asyncio.to_thread(int) == 0
        assert (hanging.begun, asked) == (AT_ONCE, [])
        hanging.may_go_on.set()
        await until(lambda: bool(asked))
        await asyncio.gather(*hung)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    assert hanging.done == 2 * AT_ONCE


def test_what_nobody_waits_for_any_more_is_not_begun(hanging: Hanging) -> None:
    async def story() -> None:
        hung = [in_thread(hanging) for _ in range(AT_ONCE)]
        given_up = in_thread(hanging)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        hanging.may_go_on.set()
        await asyncio.gather(*hung)
        await in_thread(int)

    asyncio.run(story())
    assert hanging.begun == AT_ONCE


def test_work_sees_the_context_variables_of_its_caller() -> None:
    name = ContextVar("name", default="nobody")

    async def story() -> str:
        name.set("somebody")
        return await in_thread(name.get)

    assert asyncio.run(story()) == "somebody"


def test_an_error_of_the_last_work_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise RuntimeError("hunter2")

    asyncio.run(finish(work))
    assert "can't end what it has begun (RuntimeError, test_threads.py line " in caplog.text
    assert "hunter2" not in caplog.text


def test_a_process_that_ends_does_not_wait_for_last_work_that_hangs(hanging: Hanging) -> None:
    asyncio.run(finish(hanging))
    assert (hanging.begun, hanging.done) == (1, 0)
