from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dag_factory.store.folder.folder_store import FolderStore, Snapshot
from dag_factory.watch.loader_files import LoaderFiles
from dag_factory.watch.parses import Parses
from dag_factory.watch.start import watch


class FaultyStore(FolderStore):
    """A store that raises, the first time it is listed, what nobody expects, with a config's text in it."""

    faults = 1

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

    caplog.set_level("INFO", "dag_factory.watch")
    asyncio.run(asyncio.wait_for(story(), 60))
    (failed,) = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert failed.startswith("Watching the config store has failed (RuntimeError, test_start.py line ")
    assert "hunter2" not in caplog.text
