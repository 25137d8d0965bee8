"""A call that waits for a new pipeline asks for no second parse, which would hold up the next change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.transport import InProcessTransport
from dag_factory.store import writer
from dag_factory.store.folder.folder_store import FolderStore
from tests.places import TESTS

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
FILE = {"file_token": "loader", "bundle_name": "dags-folder", "relative_fileloc": "openmetadata_loader.py"}


class FakeAirflow:
    """
    Airflow's API, where a parse sees the store at once, and writes its DAGs some time after.

    :param writing_seconds: how long it takes
    """

    def __init__(self, store: FolderStore, writing_seconds: float) -> None:
        self.store = store
        self.writing_seconds = writing_seconds
        self.parses = 0
        self.known: set[str] = set()
        self.writing: list[asyncio.Task[None]] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(lambda: {"dags": [{"dag_id": "other", **FILE}]})
        self.app.get("/api/v2/dags/{dag_id}")(self.dag)
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)
        self.app.post("/api/v2/dags/{dag_id}/dagRuns")(lambda: {"dag_run_id": "run"})

    def dag(self, dag_id: str) -> Response:
        known = {"dag_id": dag_id, "is_stale": False, "is_paused": False, **FILE}
        return JSONResponse(known, 200 if dag_id in {*self.known, "other"} else 404)

    async def parse(self, file: str) -> Response:
        del file
        self.parses += 1
        self.store.note_loaded(self.store.marker() or "")
        self.writing.append(asyncio.create_task(self.write()))
        return JSONResponse({}, 201)

    async def write(self) -> None:
        found = {key.removesuffix(".json") for key in self.store.list_keys()}
        await asyncio.sleep(self.writing_seconds)
        self.known |= found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    (tmp_path / "configs").mkdir()
    return FolderStore(tmp_path / "configs")


def deploy(store: FolderStore) -> None:
    """Store a pipeline as a deploy does."""
    writer.deploy(store, writer.checked(SAMPLE))


def trigger(store: FolderStore, ask: Callable[..., httpx.Response], writing_seconds: float) -> int:
    """Trigger the pipeline, and return for how many parses Airflow was asked."""
    airflow = FakeAirflow(store, writing_seconds)
    app = create_app(airflow=lambda: airflow.app, store=lambda: store)
    answer = ask(app, "POST", "/trigger", json={"dag_id": SAMPLE["name"]})
    assert answer.status_code == 200, answer.text
    return airflow.parses


@pytest.mark.usefixtures("ask")
def test_a_deploy_and_a_trigger_at_once_are_one_parse(store: FolderStore) -> None:
    airflow = FakeAirflow(store, 1.0)
    app = create_app(airflow=lambda: airflow.app, store=lambda: store)

    async def calls() -> None:
        headers = {"Authorization": "Bearer token"}
        transport = InProcessTransport(lambda: app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.invalid", headers=headers) as client:
            for path, body in (("/deploy", SAMPLE), ("/trigger", {"dag_id": SAMPLE["name"]})):
                (await client.post(path, json=body)).raise_for_status()
        # A request that had to wait would come now.
        await asyncio.sleep(0.5)
        await app.state.application.stop()

    asyncio.run(calls())
    assert airflow.parses == 1


@pytest.mark.slow
def test_where_the_dag_does_not_come_with_that_parse_another_one_is_asked_for(
    store: FolderStore, ask: Callable[..., httpx.Response]
) -> None:
    deploy(store)
    store.note_loaded(store.marker() or "")
    assert trigger(store, ask, 0.1) == 1


@pytest.mark.slow
def test_a_file_without_a_marker_is_asked_for_after_a_while(
    store: FolderStore, ask: Callable[..., httpx.Response]
) -> None:
    (store.root / f"{SAMPLE['name']}.json").write_text(json.dumps(SAMPLE))
    assert trigger(store, ask, 0.1) == 1
