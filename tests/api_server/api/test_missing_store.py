"""Calls while the config store is missing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.store_access import StoreAccess
from dag_factory.errors import MissingStoreError
from dag_factory.store import configured_store
from tests.places import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

PIPELINE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
Ask = Callable[..., httpx.Response]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that is known."""
    root = tmp_path / "store"
    root.mkdir()
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(root))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))
    (root / "orders.json").write_text(json.dumps({**PIPELINE, "name": "orders"}))
    configured_store().remember()
    return root


def test_no_run_is_queued_whose_task_would_not_find_its_config(ask: Ask, store: Path) -> None:
    asked: list[str] = []

    def app() -> FastAPI:
        app = FastAPI()

        @app.get("/api/v2/dags/orders")
        def dag() -> dict[str, object]:
            return {"dag_id": "orders", "is_paused": False, "is_stale": False}

        @app.post("/api/v2/dags/orders/dagRuns")
        def run() -> dict[str, str]:
            asked.append("run")
            return {"dag_run_id": "r"}

        return app

    call = {"json": {"dag_id": "orders"}}
    assert ask(create_app(airflow=app), "POST", "/trigger", **call).status_code == 200
    store.rename(store.with_name("away"))
    answer = ask(create_app(airflow=app), "POST", "/trigger", **call)
    assert answer.status_code == 503
    assert "is not a folder" in answer.json()["error"]
    assert asked == ["run"]


def test_a_store_that_only_others_see_keeps_no_run_from_being_queued(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path / "not_here"))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))
    app = FastAPI()
    app.get("/api/v2/dags/orders")(lambda: {"dag_id": "orders", "is_paused": False, "is_stale": False})
    app.post("/api/v2/dags/orders/dagRuns")(lambda: {"dag_run_id": "r"})
    answer = ask(create_app(airflow=lambda: app), "POST", "/trigger", json={"dag_id": "orders"})
    assert answer.status_code == 200, answer.text


def our_app() -> FastAPI:
    """Our app in front of `airflow`, made for each call: a call stops it at its end."""
    return create_app(airflow=airflow)


class Asked:
    """Counts how often a parse is asked for."""

    def __init__(self) -> None:
        self.times = 0

    def ask_if_unseen(self, request: object, dag_ids: object) -> None:
        self.times += 1


class ParseRequests:
    async def send(self, caller: object, dag_ids: object) -> None:
        raise AssertionError


def test_a_change_of_a_store_that_is_missing_asks_for_no_parse(store: Path) -> None:
    nothing: Any = None
    asked: Any = Asked()
    requests: Any = ParseRequests()
    application = Application(
        StoreAccess(configured_store), logins=nothing, parses=asked, parse_requests=requests, automations=nothing
    )
    asyncio.run(application.change(nothing, "orders", lambda store: store.bump()))
    assert asked.times == 1
    store.rename(store.with_name("away"))
    with pytest.raises(MissingStoreError):
        asyncio.run(application.change(nothing, "orders", lambda store: store.bump()))
    assert asked.times == 1


def test_health_says_that_the_load_takes_too_long_until_it_does_not(ask: Ask, store: Path) -> None:
    configured_store().note_load_problem("3 new configs are not loaded yet")
    assert ask(our_app(), "GET", "/health-auth").json()["load"] == "3 new configs are not loaded yet"
    configured_store().note_load_problem(None)
    assert set(ask(our_app(), "GET", "/health-auth").json()) == {"status", "version"}


def airflow() -> FastAPI:
    """An Airflow that fails the test where it is asked to delete a DAG."""
    app = FastAPI()
    app.get("/api/v2/dags/orders/dagRuns")(lambda: {"dag_runs": []})
    return app


def test_a_deploy_and_a_deletion_are_refused_and_health_says_why(
    ask: Ask, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert "store" not in ask(our_app(), "GET", "/health-auth").json()
    away = store.with_name("away")
    store.rename(away)
    store.mkdir()
    calls = (("POST", "/deploy", {"json": PIPELINE}), ("DELETE", "/delete", {"params": {"dag_id": "orders"}}))
    for method, path, options in calls:
        answer = ask(our_app(), method, path, **options)
        assert (answer.status_code, list(answer.json())) == (503, ["error"]), answer.text
        assert "is not the one that this Airflow knows" in answer.json()["error"]
    health = ask(our_app(), "GET", "/health-auth")
    assert health.status_code == 200
    assert health.json()["status"] == "healthy"
    assert "is not the one that this Airflow knows" in health.json()["store"]
    assert list(store.iterdir()) == []
    store.rmdir()
    away.rename(store)
    assert "store" not in ask(our_app(), "GET", "/health-auth").json()
