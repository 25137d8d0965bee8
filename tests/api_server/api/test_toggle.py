"""A redeploy that switches a pipeline on or off: its DAG follows, and what people have set in Airflow stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from dag_factory.api_server.api.app import create_app
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

DOCUMENT = {
    "name": "orders",
    "pipelineType": "metadata",
    "service": {"type": "databaseService", "name": "s"},
    "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
    "openMetadataServerConnection": {
        "hostPort": "https://om.example.com/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_TOKEN"}},
    },
}


class FakeAirflow:
    """
    Airflow's API about one DAG.

    :param is_paused: None where Airflow does not know the DAG yet
    :param becomes: what a parse that is under way makes of it, after some looks; None where none comes
    :param refuses: the status with which it refuses to pause
    """

    def __init__(
        self, store: FolderStore, is_paused: bool | None, *, becomes: bool | None = None, refuses: int | None = None
    ) -> None:
        self.store = store
        self.is_paused = is_paused
        self.becomes = becomes
        self.refuses = refuses
        self.looks = 0
        self.changes: list[bool] = []
        self.stored_then: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(lambda: {"dags": []})
        self.app.get("/api/v2/dags/orders")(self.dag)
        self.app.patch("/api/v2/dags/orders")(self.pause)

    def dag(self) -> JSONResponse:
        self.looks += 1
        if self.is_paused is None and self.looks > 2:
            self.is_paused = self.becomes
        return JSONResponse({"is_stale": False, "is_paused": self.is_paused}, 404 if self.is_paused is None else 200)

    async def pause(self, request: Request) -> JSONResponse:
        if self.refuses is not None:
            return JSONResponse({"detail": "no"}, self.refuses)
        self.is_paused = (await request.json())["is_paused"]
        self.changes.append(bool(self.is_paused))
        self.stored_then.append(json.loads(self.store.read("orders.json")))
        return JSONResponse({})


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    return store


Deploy = Callable[..., httpx.Response]


@pytest.fixture
def deploy(ask: Callable[..., httpx.Response]) -> Deploy:
    def deploy(airflow: FakeAirflow, store: FolderStore | None = None, **fields: Any) -> httpx.Response:
        app = create_app(airflow=lambda: airflow.app, store=lambda: store or airflow.store, parse_seconds=1.5)
        return ask(app, "POST", "/deploy", json={**DOCUMENT, **fields})

    return deploy


OFF: list[dict[str, Any]] = [{"enabled": False}, {"airflowConfig": {"pausePipeline": True}}]


@pytest.mark.slow
@pytest.mark.parametrize("off", OFF, ids=["enabled", "pausePipeline"])
@pytest.mark.parametrize("set_by_people", [False, True])
def test_a_redeploy_switches_the_dag_where_the_document_differs_and_leaves_it_where_not(
    store: FolderStore, deploy: Deploy, off: dict[str, Any], set_by_people: bool
) -> None:
    airflow = FakeAirflow(store, is_paused=set_by_people)
    assert deploy(airflow).status_code == 200
    assert deploy(airflow, description="new").status_code == 200
    assert (airflow.is_paused, airflow.changes) == (set_by_people, [])
    assert deploy(airflow, **off).status_code == 200
    assert airflow.is_paused is True
    airflow.is_paused = False  # in Airflow's UI
    assert deploy(airflow, **off, description="newer").status_code == 200
    assert airflow.is_paused is False
    airflow.is_paused = True
    assert deploy(airflow, description="newest").status_code == 200
    assert airflow.is_paused is False


def test_a_first_deploy_leaves_a_dag_whose_history_has_moved_here_as_it_is(store: FolderStore, deploy: Deploy) -> None:
    airflow = FakeAirflow(store, is_paused=False)
    assert deploy(airflow, enabled=False).status_code == 200
    assert (airflow.is_paused, airflow.changes) == (False, [])


class Dying(FolderStore):
    """A store whose writer dies, so to say, before it has written."""

    def write(self, key: str, data: bytes) -> None:
        raise StoreError("the process is gone")


def test_a_deploy_that_died_between_the_two_completes_when_it_is_repeated(store: FolderStore, deploy: Deploy) -> None:
    airflow = FakeAirflow(store, is_paused=False)
    deploy(airflow)
    assert deploy(airflow, Dying(store.root), enabled=False).status_code == 500
    assert airflow.is_paused is True
    assert "enabled" not in airflow.stored_then[0]
    airflow.is_paused = False
    assert deploy(airflow, enabled=False).status_code == 200
    assert airflow.is_paused is True


@pytest.mark.parametrize(("status", "answer"), [(403, 403), (404, 404), (422, 400), (500, 500)])
def test_where_airflow_does_not_pause_the_config_stays_as_it_was(
    store: FolderStore, deploy: Deploy, status: int, answer: int
) -> None:
    airflow = FakeAirflow(store, is_paused=False, refuses=status)
    deploy(airflow)
    before = store.read("orders.json")
    assert deploy(airflow, enabled=False).status_code == answer
    assert store.read("orders.json") == before


@pytest.mark.parametrize("becomes", [True, False])
def test_a_dag_that_airflow_did_not_know_yet_becomes_as_the_last_document_says(
    store: FolderStore, deploy: Deploy, becomes: bool
) -> None:
    airflow = FakeAirflow(store, is_paused=None, becomes=becomes)
    deploy(airflow)
    assert deploy(airflow, enabled=False).status_code == 200
    assert airflow.is_paused is True
    assert airflow.changes == ([] if becomes else [True])


def test_a_dag_that_airflow_never_gets_to_know_is_no_reason_to_refuse(store: FolderStore, deploy: Deploy) -> None:
    airflow = FakeAirflow(store, is_paused=None)
    deploy(airflow)
    assert deploy(airflow, enabled=False).status_code == 200
    assert airflow.changes == []


def test_a_store_that_fails_while_the_dag_is_awaited_is_in_the_log(
    store: FolderStore, deploy: Deploy, ask: Callable[..., httpx.Response], caplog: pytest.LogCaptureFixture
) -> None:
    airflow = FakeAirflow(store, is_paused=None)

    def opened() -> FolderStore:
        if airflow.looks >= 2:  # the first one is before the change
            raise StoreError("the store is away")
        return store

    deploy(airflow)
    app = create_app(airflow=lambda: airflow.app, store=opened)
    assert ask(app, "POST", "/deploy", json={**DOCUMENT, "enabled": False}).status_code == 200
    assert "DAG 'orders' may not be paused: the store is away" in caplog.text
