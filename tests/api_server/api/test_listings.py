"""No call about one pipeline lists the store, however many pipelines there are."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.app import create_app
from dag_factory.store import ConfigStore, open_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Memory
from dag_factory.store.own_files import LOADED
from tests.object_storage import S3, Proxy, connection_to
from tests.places import TESTS
from tests.store.any_store import Folder, InBucket

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
FILE = {"file_token": "loader", "bundle_name": "dags-folder", "relative_fileloc": "openmetadata_loader.py"}

_scanned: list[str] = []


def _note_listings(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"os.scandir", "os.listdir"}:
        _scanned.append(str(arguments[0]))


class FakeAirflow:
    """Airflow's API, which parses at once, knows each DAG whose config is in the store, and no runs."""

    def __init__(self, store: Callable[[], ConfigStore], holds: Callable[[str], bool]) -> None:
        self.store = store
        self.holds = holds
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(lambda: {"dags": [{"dag_id": "pipeline_0", **FILE}]})
        self.app.get("/api/v2/dags/{dag_id}")(self.dag)
        self.app.patch("/api/v2/dags/{dag_id}")(lambda: {})
        self.app.delete("/api/v2/dags/{dag_id}")(lambda: Response(status_code=204))
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns")(lambda: {"dag_runs": []})
        self.app.post("/api/v2/dags/{dag_id}/dagRuns")(lambda: {"dag_run_id": "run"})

    def parse(self, file: str) -> Response:
        del file
        store = self.store()
        if isinstance(store, FolderStore):
            (store.root / LOADED).write_text(store.marker() or "")  # `note_loaded` looks for unfinished files first
        else:
            store.note_loaded(store.marker() or "")
        return JSONResponse({}, 201)

    def dag(self, dag_id: str) -> Response:
        known = {"dag_id": dag_id, "is_stale": False, "is_paused": False, **FILE}
        return JSONResponse(known, 200 if self.holds(dag_id) else 404)


def document(name: str, description: str = "") -> dict[str, object]:
    return {**SAMPLE, "name": name, "fullyQualifiedName": f"s.{name}", "id": name, "description": description}


CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "deploy a new one": ("POST", "/deploy", {"json": document("new")}),
    "deploy it again": ("POST", "/deploy", {"json": document("new")}),
    "deploy it changed": ("POST", "/deploy", {"json": document("new", "changed")}),
    "status": ("GET", "/status", {"params": {"dag_id": "pipeline_1"}}),
    "trigger": ("POST", "/trigger", {"json": {"dag_id": "pipeline_1"}}),
    "disable": ("POST", "/disable", {"json": {"dag_id": "pipeline_1"}}),
    "enable": ("POST", "/enable", {"json": {"dag_id": "pipeline_1"}}),
    "kill": ("POST", "/kill", {"json": {"dag_id": "pipeline_1"}}),
    "delete": ("DELETE", "/delete", {"params": {"dag_id": "new"}}),
}

Ask = Callable[..., httpx.Response]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))


def app_of(store: Callable[[], ConfigStore], holds: Callable[[str], bool]) -> FastAPI:
    return create_app(airflow=lambda: FakeAirflow(store, holds).app, store=store, delete_seconds=0)


def call(ask: Ask, app: FastAPI, name: str) -> None:
    method, path, options = CALLS[name]
    answer = ask(app, method, path, **options)
    assert answer.status_code == 200, (name, answer.text)


def test_after_the_first_call_none_lists_a_folder_of_configs(
    ask: Ask,
    folder: Folder,
    tmp_path: Path,
) -> None:
    for number in range(3):
        folder.put(f"pipeline_{number}.json", json.dumps(document(f"pipeline_{number}")))
    memory = tmp_path / "state"
    before = open_store(folder.location, Memory(memory, folder.location))
    before.remember()
    before.bump()
    app = app_of(
        lambda: open_store(folder.location, Memory(memory, folder.location)),
        lambda dag_id: (folder.root / f"{dag_id}.json").exists(),
    )
    sys.addaudithook(_note_listings)
    listed: dict[str, int] = {}
    for name in CALLS:
        _scanned.clear()
        call(ask, app, name)
        listed[name] = _scanned.count(folder.location)
    assert listed == {"deploy a new one": 1, **dict.fromkeys([*CALLS][1:], 0)}


@pytest.mark.slow
def test_after_the_first_call_none_lists_the_objects_of_a_bucket(
    ask: Ask,
    s3: S3,
    in_bucket: InBucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        in_bucket.put(f"pipeline_{number}.json", json.dumps(document(f"pipeline_{number}")))
    deployed = {"pipeline_1", "new"}
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        location = f"s3://proxied@{in_bucket.bucket}/configs"
        memory = Memory(tmp_path / "state", location)
        app = app_of(lambda: open_store(location, memory), deployed.__contains__)
        open_store(location, memory).remember()
        listings: dict[str, int] = {}
        requests: dict[str, int] = {}
        for name in CALLS:
            proxy.requests.clear()
            call(ask, app, name)
            asked = [each.path for each in proxy.requests]
            listings[name] = sum("list-type" in path and "last_good" not in path for path in asked)
            # Whether a parse has seen a change is asked again and again.
            requests[name] = sum(
                not path.partition("?")[0].endswith((".loaded", ".version", ".store")) for path in asked
            )
    assert requests["deploy it changed"] <= 5
    assert requests["status"] <= 3
    assert listings == {"deploy a new one": 1, **dict.fromkeys([*CALLS][1:], 0)}
