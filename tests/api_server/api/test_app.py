from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.transport import InProcessTransport
from dag_factory.errors import SettingsError
from dag_factory.store.folder.folder_store import FolderStore


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Have the tests' process collect again what an app has exempted from collection at its start."""
    yield
    gc.unfreeze()


def imported_by(script: str, names: list[str], tmp_path: Path) -> list[str]:
    script = f"{script}\nimport sys, json; print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_whoever_imports_the_plugin_imports_no_fastapi_and_no_api(tmp_path: Path) -> None:
    script = (
        "import airflow.plugins_manager, sys\nbefore = 'fastapi' in sys.modules\nimport dag_factory.api_server.plugin"
    )
    script += "\nassert before or 'fastapi' not in sys.modules"
    assert imported_by(script, ["dag_factory.api_server.api", "uvicorn", "watchdog", "metadata"], tmp_path) == []


@pytest.mark.slow
def test_the_api_server_imports_no_ingestion_code(tmp_path: Path) -> None:
    script = "from dag_factory.api_server.plugin import OpenMetadataDagFactoryPlugin as P\n"
    script += "p = P()\napp, page = p.fastapi_apps\nassert app['url_prefix'] == '/api/v1/openmetadata'\n"
    script += "assert page['url_prefix'] == '/openmetadata-pipelines'\nassert p.fastapi_apps[0]['app'] is app['app']"
    assert imported_by(script, ["metadata", "dag_factory.dag.loader", "sqlparse"], tmp_path) == []


def test_what_nobody_has_thought_of_is_a_plain_500_and_its_text_stands_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "canary-90b2"
    app = create_app(airflow=FastAPI, store=lambda: FolderStore(tmp_path))

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(canary)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: app), base_url="http://a.invalid") as client:
            return await client.get("/broken")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert list(answer.json()) == ["error"]
    assert canary not in answer.text
    assert canary not in caplog.text
    assert "RuntimeError while answering" in caplog.text
    assert "in broken" in caplog.text


def test_the_store_is_watched_while_the_api_server_runs_and_stops_no_start_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "dag_factory.api_server.watch")
    store = FolderStore(tmp_path)

    async def live() -> None:
        app = create_app(airflow=FastAPI, store=lambda: store)
        async with app.router.lifespan_context(app):
            while not caplog.messages and mode == "poll":
                await asyncio.sleep(0.01)

    for mode, said in (("off", ""), ("wrong", "watch_store is invalid"), ("poll", "Watching config_store")):
        caplog.clear()
        monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE", mode)
        asyncio.run(live())
        assert said in caplog.text
        assert bool(caplog.messages) is bool(said)


def test_a_store_that_can_not_be_opened_is_logged_and_stops_no_api_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> FolderStore:
        raise SettingsError("config_store is empty. Set it")

    async def live() -> None:
        app = create_app(airflow=FastAPI, store=fail)
        async with app.router.lifespan_context(app):
            while "is not watched" not in caplog.text:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(live(), 60))
    assert "The config store is not watched. config_store is empty. Set it" in caplog.messages


def test_what_an_api_server_that_died_has_left_undone_is_done_at_the_next_start_though_nobody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE", "off")
    FolderStore(tmp_path).write("a.json", b"{}")
    store = FolderStore(tmp_path)

    async def live() -> None:
        app = create_app(airflow=FastAPI, store=lambda: store)
        async with app.router.lifespan_context(app):
            while store.marker() is None:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(live(), 60))


def test_what_is_in_memory_when_the_api_server_has_started_is_not_looked_through_at_each_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE", "off")

    async def exempted() -> int:
        app = create_app(airflow=FastAPI, store=lambda: FolderStore(tmp_path))
        async with app.router.lifespan_context(app):
            return gc.get_freeze_count()

    # Another test of this process may have had Airflow do the same.
    gc.unfreeze()
    before = len(gc.get_objects())
    assert asyncio.run(exempted()) > before / 2


@pytest.mark.parametrize(("setting", "paths"), [("True", {"/docs", "/openapi.json"}), ("False", {"/openapi.json"})])
def test_there_is_a_page_about_the_api_where_airflow_shows_its_own(
    setting: str, paths: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__ENABLE_SWAGGER_UI", setting)
    app = create_app(airflow=FastAPI)
    found = {getattr(route, "path", "") for route in app.routes}
    assert found & {"/docs", "/redoc", "/openapi.json"} == paths
