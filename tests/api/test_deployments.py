from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from dag_factory.api.app import create_app
from dag_factory.api.transport import InProcessTransport
from dag_factory.store.folder import FolderStore

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

PARSE_BEGINS_AFTER_SECONDS = 0.3


class Everybody:
    """An auth manager by which everybody may do everything."""

    async def get_user_from_token(self, token: str) -> object:
        return token

    def is_authorized_dag(self, **_: object) -> bool:
        return True


class FakeAirflow:
    """
    Airflow's API as far as a deletion goes, which keeps in which order things happen.

    A parse begins some time after it was asked for, and reads the store then.

    :param run: the id of a run whose task keeps Airflow from deleting the DAG
    :param comes_back: deploy the pipeline anew while the parse is on its way
    """

    def __init__(self, store: FolderStore, *, run: str | None = None, comes_back: bool = False) -> None:
        self.store = store
        self.run = run
        self.comes_back = comes_back
        self.happened: list[str] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(self.dags)
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns")(self.runs)
        self.app.patch("/api/v2/dags/{dag_id}/dagRuns/{run_id}")(self.end)
        self.app.delete("/api/v2/dags/{dag_id}")(self.delete)

    def dags(self) -> dict[str, object]:
        return {"dags": [{"dag_id": dag_id, "file_token": "loader"} for dag_id in ("gone", "stays")]}

    async def parse(self, file: str) -> Response:
        assert file == "loader"
        self.begun = asyncio.create_task(self.begin())
        return JSONResponse({}, 201)

    async def begin(self) -> None:
        await asyncio.sleep(PARSE_BEGINS_AFTER_SECONDS)
        if self.comes_back:
            deploy(self.store, "gone")
        self.happened.append(f"a parse of {', '.join(sorted(self.store.list_keys()))}")
        self.store.note_loaded(self.store.marker() or "")

    def runs(self) -> dict[str, object]:
        return {"dag_runs": [{"dag_run_id": self.run}] if self.run else []}

    def end(self, run_id: str) -> dict[str, object]:
        self.happened.append(f"run {run_id} ended")
        self.run = None
        return {}

    def delete(self, dag_id: str) -> Response:
        if self.run:
            self.happened.append("a refusal, since a task runs")
            return JSONResponse({"detail": "running"}, 409)
        self.happened.append(f"DAG {dag_id} deleted")
        return Response(status_code=204)


def deploy(store: FolderStore, name: str) -> None:
    document = {"name": name, "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}}
    store.write(f"{name}.json", json.dumps(document).encode())
    store.bump()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    monkeypatch.setattr("airflow.api_fastapi.app._AuthManagerState.instance", Everybody())
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    for name in ("gone", "stays"):
        deploy(store, name)
    store.note_loaded(store.marker() or "")
    return store


def delete(airflow: FakeAirflow, name: str = "gone") -> str:
    app = create_app(airflow=lambda: airflow.app, store=lambda: airflow.store)

    async def ask() -> httpx.Response:
        headers = {"Authorization": "Bearer token"}
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: app), base_url="http://a.invalid") as client:
            answer = await client.delete("/delete", params={"dag_id": name}, headers=headers)
        await app.state.context.stop()
        return answer

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"])


def test_a_dag_is_deleted_only_once_a_parse_has_seen_that_its_config_is_gone(store: FolderStore) -> None:
    airflow = FakeAirflow(store)
    assert delete(airflow) == "Pipeline 'gone' is deleted."
    assert airflow.happened == ["a parse of stays.json", "DAG gone deleted"]


def test_a_task_that_runs_is_ended_and_keeps_no_dag(store: FolderStore) -> None:
    airflow = FakeAirflow(store, run="one")
    delete(airflow)
    assert airflow.happened == [
        "a parse of stays.json", "a refusal, since a task runs", "run one ended", "DAG gone deleted",
    ]  # fmt: skip


def test_a_pipeline_that_is_deployed_anew_during_its_deletion_keeps_its_dag(store: FolderStore) -> None:
    airflow = FakeAirflow(store, comes_back=True)
    delete(airflow)
    assert airflow.happened == ["a parse of gone.json, stays.json"]
    assert store.read("gone.json")


def test_a_dag_without_a_config_is_deleted_without_a_parse(store: FolderStore) -> None:
    airflow = FakeAirflow(store)
    delete(airflow, "dropped_long_ago")
    assert airflow.happened == ["DAG dropped_long_ago deleted"]
