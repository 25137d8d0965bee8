"""Calls about a name that is the id of somebody else's DAG, which those who make pipelines may not touch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server import foreign_dags
from dag_factory.api_server.api.app import create_app
from dag_factory.store.folder.folder_store import FolderStore
from sandbox.client import AirflowApiError, wait_until
from sandbox.pipeline_service import PipelineServiceError
from sandbox.stack import AirflowStack
from tests.documents import REST
from tests.e2e.dags import handwritten
from tests.e2e.pipelines import TASK, sample
from tests.e2e.servers import calling

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

NAME = "finance_close"
DOCUMENT = {"name": NAME, "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "trigger", {"json": {"dag_id": NAME}}),
    ("POST", "kill", {"json": {"dag_id": NAME}}),
    ("POST", "enable", {"json": {"dag_id": NAME}}),
    ("POST", "disable", {"json": {"dag_id": NAME}}),
    ("GET", "status", {"params": {"dag_id": NAME}}),
    ("GET", "last_dag_logs", {"params": {"dag_id": NAME, "task_id": "close"}}),
]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def call(
    ask: Callable[..., httpx.Response], store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., httpx.Response]:
    """Call an Airflow that fails the test where it is asked for anything, and has a DAG of somebody else's."""
    monkeypatch.setattr(foreign_dags, "has_foreign_dag", lambda dag_id, or_stale=True: dag_id == NAME)
    app = create_app(airflow=FastAPI, store=lambda: store)
    return lambda method, name, **options: ask(app, method, f"/{name}", **options)


@pytest.mark.parametrize(("method", "name", "options"), CALLS, ids=[name for _, name, _ in CALLS])
def test_its_pipeline_is_unknown(
    call: Callable[..., httpx.Response], method: str, name: str, options: dict[str, Any]
) -> None:
    answer = call(method, name, **options)
    assert answer.status_code == 404
    assert answer.json()["error"] == f"The pipeline is unknown. The DAG '{NAME}' of this Airflow is not a pipeline's."


def test_it_is_not_deleted(call: Callable[..., httpx.Response]) -> None:
    answer = call("DELETE", "delete", params={"dag_id": NAME})
    assert answer.status_code == 200
    assert answer.json()["message"].startswith("Nothing is deleted: that name is unknown. The DAG 'finance_close'")


def test_a_new_pipeline_does_not_get_its_id(call: Callable[..., httpx.Response], store: FolderStore) -> None:
    answer = call("POST", "deploy", json=DOCUMENT)
    assert (answer.status_code, store.list_keys()) == (409, [])
    assert "Give the pipeline another name" in answer.json()["error"]


def test_a_pipeline_that_was_there_first_is_deployed_again(
    call: Callable[..., httpx.Response], store: FolderStore
) -> None:
    store.write(f"{NAME}.json", json.dumps(DOCUMENT).encode())
    assert call("POST", "deploy", json={**DOCUMENT, "description": "Another one."}).status_code == 200


def wait_until_stale(airflow: AirflowStack, dag_id: str) -> None:
    def look() -> tuple[bool | None, str]:
        is_stale = airflow.api("GET", f"/api/v2/dags/{dag_id}")["is_stale"]
        return (is_stale or None), f"is_stale={is_stale}"

    wait_until(look, f"DAG '{dag_id}' to be stale", timeout=120)


@pytest.mark.e2e
def test_in_airflow_it_stays_as_it_is_whatever_the_server_calls(
    airflow: AirflowStack, dags_folder: Path, config_store: Path
) -> None:
    (dags_folder / f"{NAME}.py").write_text(handwritten(NAME))
    airflow.wait_for_dag(NAME)
    with calling(airflow) as server:
        for change in (
            lambda: server.deploy(sample(NAME)), lambda: server.trigger(NAME), lambda: server.kill(NAME),
            lambda: server.disable(NAME), lambda: server.status(NAME), lambda: server.log(NAME, TASK),
        ):  # fmt: skip
            with pytest.raises(PipelineServiceError, match="is not a pipeline's"):
                change()
        assert "Nothing is deleted" in server.delete(NAME)["message"]
        assert airflow.api("GET", f"/api/v2/dags/{NAME}")["is_paused"] is False
        assert airflow.api("GET", f"/api/v2/dags/{NAME}/dagRuns")["total_entries"] == 0
        assert not (config_store / f"{NAME}.json").exists()
        # Nor is its history deleted once its file is gone; by then the id is free for a pipeline.
        (dags_folder / f"{NAME}.py").unlink()
        wait_until_stale(airflow, NAME)
        assert "Nothing is deleted" in server.delete(NAME)["message"]
        airflow.api("GET", f"/api/v2/dags/{NAME}")
        server.deploy(sample(NAME))
        assert "OpenMetadata" in {tag["name"] for tag in airflow.wait_for_dag(NAME)["tags"]}
        assert "is deleted" in server.delete(NAME)["message"]
    with pytest.raises(AirflowApiError, match="404"):
        airflow.api("GET", f"/api/v2/dags/{NAME}")
