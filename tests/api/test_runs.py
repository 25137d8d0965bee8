from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse

from dag_factory.api.app import create_app
from dag_factory.store.folder import FolderStore

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

NAME, DAG_ID = "my pipeline", "my_pipeline"


class FakeAirflow:
    """
    Airflow's API about the runs of one DAG.

    :param runs: state by id, in the order in which Airflow lists them where it is asked for none
    :param overwritten: what a scheduler makes, once, of runs that are ended while it starts them
    :param known: whether it has parsed the DAG
    """

    def __init__(
        self, runs: dict[str, str] | None = None, *, overwritten: dict[str, str] | None = None, known: bool = True
    ) -> None:
        self.runs = runs or {}
        self.overwritten = overwritten or {}
        self.known = known
        self.changes: list[str] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(lambda: {"dags": []})
        self.app.get("/api/v2/dags/{dag_id}")(self.dag)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns")(self.list)
        self.app.post("/api/v2/dags/{dag_id}/dagRuns")(self.start)
        self.app.patch("/api/v2/dags/{dag_id}/dagRuns/{run_id}")(self.end)

    def dag(self, dag_id: str) -> JSONResponse:
        found = self.known and dag_id == DAG_ID
        return JSONResponse({"is_stale": False, "is_paused": False}, 200 if found else 404)

    def list(self, state: Annotated[list[str], Query()], limit: int, order_by: str | None = None) -> dict[str, Any]:
        found = [(run_id, its) for run_id, its in self.runs.items() if its in state]
        if order_by == "state":
            found.sort(key=lambda run: run[1])
        return {"dag_runs": [{"dag_run_id": run_id} for run_id, _ in found[:limit]]}

    async def start(self, request: Request) -> dict[str, Any]:
        run_id = (await request.json())["dag_run_id"]
        self.changes.append(f"{run_id} starts")
        return {"dag_run_id": run_id}

    def end(self, run_id: str) -> dict[str, Any]:
        self.changes.append(f"{run_id} ends")
        self.runs[run_id] = self.overwritten.pop(run_id, "failed")
        return {}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    store.write(f"{DAG_ID}.json", json.dumps({"name": NAME}).encode())
    return store


@pytest.fixture
def call(ask: Callable[..., httpx.Response], store: FolderStore) -> Callable[..., httpx.Response]:
    def call(airflow: FakeAirflow, method: str, name: str, **options: Any) -> httpx.Response:
        app = create_app(airflow=lambda: airflow.app, store=lambda: store, parse_seconds=1)
        return ask(app, method, f"/{name}", **options)

    return call


Call = Callable[..., httpx.Response]


def kill(call: Call, airflow: FakeAirflow) -> str:
    return str(call(airflow, "POST", "kill", json={"dag_id": NAME}).json()["message"])


def test_what_is_queued_is_ended_before_what_runs_so_that_none_of_it_starts(call: Call) -> None:
    airflow = FakeAirflow({"one": "running", "two": "queued", "three": "queued", "four": "success"})
    assert kill(call, airflow) == f"3 runs of pipeline '{DAG_ID}' ended."
    assert airflow.changes == ["two ends", "three ends", "one ends"]


@pytest.mark.parametrize("state", ["running", "success"])
def test_a_run_that_the_scheduler_has_started_while_it_was_ended_is_ended_again_and_counts_once(
    call: Call, state: str
) -> None:
    airflow = FakeAirflow({"one": "queued", "two": "queued", "before": "success"}, overwritten={"two": state})
    assert kill(call, airflow) == f"2 runs of pipeline '{DAG_ID}' ended."
    assert airflow.changes == ["one ends", "two ends", "two ends"]
    assert airflow.runs == {"one": "failed", "two": "failed", "before": "success"}


def test_where_nothing_runs_a_kill_changes_nothing(call: Call) -> None:
    airflow = FakeAirflow({"before": "success"})
    assert kill(call, airflow) == f"0 runs of pipeline '{DAG_ID}' ended."
    assert airflow.changes == []


@pytest.mark.parametrize("written", ["{}", "{{{}}}", "urn:uuid:{}"])
@pytest.mark.parametrize("digits", ["6F2B1A4E-93C7-4D1B-8E52-0D6B7A7C1F3E", "6f2b1a4e93c74d1b8e520d6b7a7c1f3e"])
def test_a_run_has_the_one_id_that_it_reports_under_however_the_uuid_is_written(
    call: Call, digits: str, written: str
) -> None:
    airflow = FakeAirflow()
    conf = {"pipelineRunId": written.format(digits)}
    answer = call(airflow, "POST", "trigger", json={"dag_id": NAME, "conf": conf})
    assert answer.json()["run_id"] == "6f2b1a4e-93c7-4d1b-8e52-0d6b7a7c1f3e"
    call(airflow, "POST", "trigger", json={"dag_id": NAME}, params={"run_id": digits})
    assert airflow.changes == ["6f2b1a4e-93c7-4d1b-8e52-0d6b7a7c1f3e starts"] * 2


def test_a_trigger_of_a_pipeline_that_airflow_never_parses_says_so_in_the_end(call: Call) -> None:
    airflow = FakeAirflow(known=False)
    answer = call(airflow, "POST", "trigger", json={"dag_id": NAME})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith(
        f"The config of pipeline '{DAG_ID}' is stored, but Airflow has not parsed it within 1 s. "
        "Is the DAG processor running"
    )
    assert airflow.changes == []


BY_BODY = [("POST", call, "json") for call in ("trigger", "enable", "disable", "kill")]
BY_QUERY = [("GET", call, "params") for call in ("status", "last_dag_logs")]


@pytest.mark.parametrize(("method", "name", "place"), BY_BODY + BY_QUERY, ids=lambda value: value)
def test_a_call_by_another_name_that_cleans_to_the_same_id_is_about_a_pipeline_that_is_not_there(
    call: Call, method: str, name: str, place: str
) -> None:
    airflow = FakeAirflow({"one": "running"})
    for other in ("my.pipeline", DAG_ID):
        answer = call(airflow, method, name, **{place: {"dag_id": other, "task_id": "any"}})
        assert answer.status_code == 404
        sentence = f"There is no pipeline of that name. The DAG id '{DAG_ID}' belongs to the pipeline '{NAME}'."
        assert answer.json() == {"error": sentence}
    assert airflow.changes == []


@pytest.mark.parametrize("document", [None, b"no JSON", b'{"name": {"$env": "NAME"}}', b'{"pipelineType": "metadata"}'])
def test_where_no_config_says_whose_an_id_is_a_call_goes_by_the_id(
    call: Call, store: FolderStore, document: bytes | None
) -> None:
    store.delete(f"{DAG_ID}.json")
    if document is not None:
        store.write(f"{DAG_ID}.json", document)
    airflow = FakeAirflow({"one": "running"})
    assert kill(call, airflow) == f"1 run of pipeline '{DAG_ID}' ended."


def test_a_pipeline_that_airflow_knows_can_be_steered_where_the_store_can_t_be_read(
    ask: Callable[..., httpx.Response], tmp_path: Path
) -> None:
    airflow = FakeAirflow({"one": "running"})
    app = create_app(airflow=lambda: airflow.app, store=lambda: FolderStore(tmp_path / "nowhere"))
    assert ask(app, "POST", "/kill", json={"dag_id": NAME}).status_code == 200
    assert airflow.changes == ["one ends"]
