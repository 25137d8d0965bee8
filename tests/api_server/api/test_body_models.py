"""Bodies that do not fit: each field has a sentence of its own, which quotes nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server.api.app import create_app
from dag_factory.store.folder.folder_store import FolderStore

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

UUID = "b1a5a9f0-0000-4000-8000-00000000000A"
NO_DAG_ID = "The field 'dag_id' is missing, or is not a text. It is the pipeline's name."
NO_NAME = "The field 'name' is missing, or is not a text."
NO_SERVER = "The field 'openMetadataServerConnection' is missing, or its 'hostPort' is not a text."

WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "no dag_id": ("trigger", {}, NO_DAG_ID),
    "null": ("enable", {"dag_id": None}, NO_DAG_ID),
    "a number is no text": ("disable", {"dag_id": 1}, NO_DAG_ID),
    "a conf that is a list": (
        "trigger",
        {"dag_id": "one", "conf": []},
        "The field 'conf' is not a JSON object. Leave it out for a run as the config says.",
    ),
    "a conf that Airflow would quote": (
        "trigger",
        {"dag_id": "one", "conf": {"testCases": "canary"}},
        "The field 'conf.testCases' is not a list of names. Trigger the pipeline with a list of names there, or leave "
        "the key out.",
    ),
    "a run_id that is a list": (
        "kill",
        {"dag_id": "one", "run_id": ["canary"]},
        "The field 'run_id' is not a text. It is the id of a run.",
    ),
    "an id that is no UUID": ("run_automation", {"id": "canary"}, "The field 'id' is missing, or is not a UUID."),
    "a name that is empty": ("run_automation", {"id": UUID, "name": ""}, NO_NAME),
    "no server": ("run_automation", {"id": UUID, "name": "canary"}, NO_SERVER),
    "a server without a host": (
        "run_automation",
        {"id": UUID, "name": "canary", "openMetadataServerConnection": {"hostPort": 1}},
        NO_SERVER,
    ),
}


@pytest.mark.parametrize(("call", "body", "sentence"), WRONG.values(), ids=WRONG)
def test_a_field_that_does_not_fit_is_named_in_a_sentence(
    ask: Callable[..., httpx.Response], tmp_path: Path, call: str, body: dict[str, Any], sentence: str
) -> None:
    app = create_app(airflow=FastAPI, store=lambda: FolderStore(tmp_path))
    answer = ask(app, "POST", f"/{call}", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": sentence})


@pytest.mark.parametrize("nothing", [None, "", 0, False, []], ids=str)
def test_an_empty_run_id_of_any_kind_ends_all_runs(
    ask: Callable[..., httpx.Response], tmp_path: Path, nothing: object
) -> None:
    airflow = FastAPI()
    airflow.get("/api/v2/dags/one")(lambda: {"dag_id": "one", "is_paused": False, "is_stale": False})
    airflow.get("/api/v2/dags/one/dagRuns")(lambda: {"dag_runs": []})
    app = create_app(airflow=lambda: airflow, store=lambda: FolderStore(tmp_path))
    answer = ask(app, "POST", "/kill", json={"dag_id": "one", "run_id": nothing})
    assert answer.json() == {"message": "0 runs of pipeline 'one' ended."}
