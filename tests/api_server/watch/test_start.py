from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.parses import Parses
from dag_factory.api_server.watch.start import until_cancelled, watch
from dag_factory.store.folder.folder_store import FolderStore, Snapshot


class FaultyStore(FolderStore):
    """
    A store that raises, the first time it is listed, what nobody expects, with a config's text in it.

    :param is_nameless: whether it raises that whenever it is asked for its keys
    """

    faults = 1
    is_nameless = False
    was_asked = False

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        if self.is_nameless:
            self.was_asked = True
            raise RuntimeError("hunter2")
        return super().list_keys(unlisted)

    def snapshot(self) -> Snapshot:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("hunter2")
        return super().snapshot()


def test_an_unexpected_error_is_logged_without_its_text_and_does_not_end_the_watching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FaultyStore(tmp_path / "configs")
    store.root.mkdir()
    store.write("one.json", json.dumps({"name": "one"}).encode())

    async def story() -> None:
        parses = Parses(lambda: store, retry_seconds=())
        files = LoaderFiles(lambda: store, tmp_path)
        watching = asyncio.create_task(watch(lambda: store, parses, files, poll=True))
        try:
            while "Watching config_store" not in caplog.text:
                await asyncio.sleep(0.02)
            assert not watching.done()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await parses.stop()

    caplog.set_level("INFO", "dag_factory.api_server.watch")
    asyncio.run(asyncio.wait_for(story(), 60))
    (failed,) = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert failed.startswith("Watching the config store has failed (RuntimeError, test_start.py line ")
    assert "hunter2" not in caplog.text


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    while text not in caplog.text:
        await asyncio.sleep(0.02)


async def is_ended_by_its_cancellation(watching: asyncio.Task[None]) -> bool:
    watching.cancel()
    await asyncio.wait([watching], timeout=5)
    is_ended = watching.cancelled()
    while not watching.done():
        watching.cancel()
        await asyncio.wait([watching], timeout=1)
    return is_ended


@pytest.mark.slow
def test_after_an_unexpected_error_while_changes_are_checked_it_still_ends_when_it_is_cancelled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FaultyStore(tmp_path / "configs")
    store.root.mkdir()
    store.faults, store.is_nameless = 0, True

    async def story() -> None:
        parses = Parses(lambda: store, retry_seconds=())
        files = LoaderFiles(lambda: store, tmp_path)
        watching = asyncio.create_task(watch(lambda: store, parses, files, poll=True))
        await logged(caplog, "Watching config_store")
        (store.root / "defaults.yaml").write_text("displayName: All\n")
        while not store.was_asked:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)  # until the error has come out of the thread
        assert await is_ended_by_its_cancellation(watching)
        await parses.stop()

    caplog.set_level("INFO", "dag_factory.api_server.watch")
    asyncio.run(asyncio.wait_for(story(), 60))


def test_an_unexpected_error_while_the_store_is_opened_does_not_end_the_watching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FolderStore(tmp_path)
    faults = [RuntimeError("hunter2")]

    def opened() -> FolderStore:
        if faults:
            raise faults.pop()
        return store

    async def story() -> None:
        parses = Parses(lambda: store, retry_seconds=())
        watching = asyncio.create_task(watch(opened, parses, LoaderFiles(lambda: store, tmp_path), poll=True))
        await logged(caplog, "Watching config_store")
        assert await is_ended_by_its_cancellation(watching)
        await parses.stop()

    caplog.set_level("INFO", "dag_factory.api_server.watch")
    asyncio.run(asyncio.wait_for(story(), 60))
    assert "hunter2" not in caplog.text


def test_a_watcher_that_fails_as_it_is_cancelled_does_not_pass_for_one_to_start_again() -> None:
    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError

    async def story() -> None:
        watching = asyncio.create_task(until_cancelled(failing()))
        await asyncio.sleep(0.05)
        assert await is_ended_by_its_cancellation(watching)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_what_a_watcher_raises_by_itself_is_raised() -> None:
    async def failing() -> None:
        raise RuntimeError("hunter2")

    with pytest.raises(RuntimeError, match="hunter2"):
        asyncio.run(until_cancelled(failing()))
