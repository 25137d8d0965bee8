from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse

from dag_factory.api_server.api.app import create_app
from dag_factory.store.folder.folder_store import FolderStore

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

NAME, DAG_ID = "my pipeline", "my_pipeline"


class FakeAirflow:
    """
    Airflow's API about the runs of one DAG.

    :param runs: state by id, in the order in which Airflow lists them where it is asked for none
    :param overwritten: what a scheduler makes, once, of runs that are ended while it starts them
    :param known: whether it has parsed the DAG
    :param confs: conf by the id of a run
    """

    def __init__(
        self,
        runs: dict[str, str] | None = None,
        *,
        overwritten: dict[str, str] | None = None,
        known: bool = True,
        confs: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.confs = confs or {}
        self.runs = runs or {}
        self.overwritten = overwritten or {}
        self.known = known
        self.changes: list[str] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(lambda: {"dags": []})
        self.app.get("/api/v2/dags/{dag_id}")(self.dag)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns")(self.list)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns/{run_id}")(self.one)
        self.app.post("/api/v2/dags/{dag_id}/dagRuns")(self.start)
        self.app.patch("/api/v2/dags/{dag_id}/dagRuns/{run_id}")(self.end)

    def dag(self, dag_id: str) -> JSONResponse:
        found = self.known and dag_id == DAG_ID
        return JSONResponse({"is_stale": False, "is_paused": False}, 200 if found else 404)

    def list(
        self,
        limit: int,
        state: Annotated[list[str] | None, Query()] = None,
        order_by: str | None = None,
        offset: int = 0,
    ) -> dict[str, Any]:
        found = [(run_id, its) for run_id, its in self.runs.items() if its in (state or [its])]
        if order_by == "state":
            found.sort(key=lambda run: run[1])
        return {"dag_runs": [self.described(run_id) for run_id, _ in found[offset : offset + limit]]}

    def one(self, run_id: str) -> JSONResponse:
        return JSONResponse(self.described(run_id)) if run_id in self.runs else JSONResponse({}, 404)

    def described(self, run_id: str) -> dict[str, Any]:
        moments = dict.fromkeys(("run_after", "start_date", "end_date"))
        return {"dag_run_id": run_id, "state": self.runs[run_id], "conf": self.confs.get(run_id, {}), **moments}

    async def start(self, request: Request) -> dict[str, Any]:
        run_id = (await request.json()).get("dag_run_id", "a run")
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


SERVERS = "6f2b1a4e-93c7-4d1b-8e52-0d6b7a7c1f3e"


@pytest.mark.parametrize("place", ["json", "params"])
@pytest.mark.parametrize(
    "by", ["scheduled__2026", str(uuid.uuid5(uuid.NAMESPACE_URL, f"openmetadata:{DAG_ID}:scheduled__2026"))]
)
def test_a_kill_of_one_run_ends_that_run_alone_by_airflow_s_id_or_the_one_it_reports_under(
    call: Call, by: str, place: str
) -> None:
    others = {f"run {number}": "queued" for number in range(150)}
    airflow = FakeAirflow({**others, "scheduled__2026": "running"})
    options: dict[str, Any] = {"json": {"dag_id": NAME}}
    options[place] = {**options.get(place, {}), "run_id": by}
    answer = call(airflow, "POST", "kill", **options)
    assert answer.json() == {"message": f"1 run of pipeline '{DAG_ID}' ended."}
    assert airflow.changes == ["scheduled__2026 ends"]


def test_a_kill_of_a_run_under_the_server_s_id_ends_it_whatever_airflow_calls_it(call: Call) -> None:
    airflow = FakeAirflow({"by hand": "running", "other": "running"}, confs={"by hand": {"pipelineRunId": SERVERS}})
    assert call(airflow, "POST", "kill", json={"dag_id": NAME, "run_id": SERVERS.upper()}).status_code == 200
    assert airflow.changes == ["by hand ends"]


def test_a_kill_of_a_run_that_has_ended_changes_nothing_and_of_one_that_is_unknown_says_so(call: Call) -> None:
    airflow = FakeAirflow({"one": "success", "two": "running"})
    answer = call(airflow, "POST", "kill", json={"dag_id": NAME, "run_id": "one"})
    assert answer.json() == {"message": f"0 runs of pipeline '{DAG_ID}' ended."}
    answer = call(airflow, "POST", "kill", json={"dag_id": NAME, "run_id": SERVERS})
    assert answer.status_code == 404
    assert answer.json()["error"].startswith(f"Run '{SERVERS}' of pipeline '{DAG_ID}' is unknown, or older")
    assert airflow.changes == []


@pytest.mark.parametrize("run_id", ["a/b", "..", "a" * 251, ["a"], {"a": 1}, 7], ids=lambda value: str(value)[:5])
def test_a_kill_of_what_can_t_be_a_run_is_refused_and_ends_nothing(call: Call, run_id: object) -> None:
    airflow = FakeAirflow({"one": "running"})
    answer = call(airflow, "POST", "kill", json={"dag_id": NAME, "run_id": run_id})
    assert (answer.status_code, airflow.changes) == (400, [])
    assert "'run_id'" in answer.json()["error"]


@pytest.mark.parametrize("run_id", ["", None])
def test_an_empty_run_id_is_none(call: Call, run_id: str | None) -> None:
    airflow = FakeAirflow({"one": "running"})
    call(airflow, "POST", "kill", json={"dag_id": NAME, "run_id": run_id}, params={"run_id": ""})
    assert airflow.changes == ["one ends"]


def test_the_queued_runs_are_those_that_the_server_does_not_know_itself(call: Call) -> None:
    servers = {f"server's {number}": "queued" for number in range(20)}
    own = {"scheduled": "queued", "by hand": "queued", "running": "running"}
    confs: dict[str, dict[str, Any]] = {run_id: {"pipelineRunId": SERVERS} for run_id in servers}
    confs["by hand"] = {"pipelineRunId": None}
    airflow = FakeAirflow({**servers, **own}, confs=confs)
    answer = call(airflow, "GET", "status", params={"dag_id": NAME, "only_queued": "true"})
    ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"openmetadata:{DAG_ID}:{run}")) for run in ("scheduled", "by hand")]
    assert [run["runId"] for run in answer.json()] == ids
    assert len(call(airflow, "GET", "status", params={"dag_id": NAME}).json()) == 10


WRONG = {"a text": "../🚀", "a list": [1], "null": None, "a number": 1, "an empty text": ""}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("name", ["trigger", "enable", "disable", "kill"])
def test_no_wrong_body_or_parameter_of_a_trigger_or_toggle_is_a_422(call: Call, name: str, kind: str) -> None:
    airflow = FakeAirflow({"one": "running"})
    bodies: list[Any] = [WRONG[kind], {"dag_id": WRONG[kind]}, {"conf": {}}]
    if name == "trigger":
        bodies.append({"dag_id": NAME, "conf": WRONG[kind] or [1]})
    json_body = {"headers": {"Content-Type": "application/json"}}
    answers = [call(airflow, "POST", name, content=json.dumps(body), **json_body) for body in bodies]
    if name == "trigger":
        answers.append(call(airflow, "POST", name, json={"dag_id": NAME}, params={"run_id": "x" * 300}))
    for answer in answers:
        assert answer.status_code in (400, 404), answer.text
        assert answer.json().keys() == {"error"}
    assert airflow.changes == []


def test_a_refusal_of_airflow_s_that_is_a_422_is_a_400(call: Call) -> None:
    airflow = FakeAirflow()
    airflow.app.router.routes[:] = [
        route for route in airflow.app.router.routes if "POST" not in getattr(route, "methods", ())
    ]
    airflow.app.post("/api/v2/dags/{dag_id}/dagRuns")(lambda: JSONResponse({"detail": [{"input": "secret"}]}, 422))
    answer = call(airflow, "POST", "trigger", json={"dag_id": NAME})
    assert answer.status_code == 400
    assert answer.json() == {"error": "Airflow refuses: a part of the request is missing or invalid."}


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


def test_a_trigger_of_a_pipeline_whose_parse_airflow_killed_says_that_instead(call: Call, store: FolderStore) -> None:
    store.note_load_problem("The last parse of openmetadata_loader.py began and did not end.")
    answer = call(FakeAirflow(known=False), "POST", "trigger", json={"dag_id": NAME})
    assert answer.status_code == 503
    assert answer.json()["error"].endswith(" 1 s. The last parse of openmetadata_loader.py began and did not end.")


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
        sentence = f"The pipeline is unknown. The DAG id '{DAG_ID}' belongs to the pipeline '{NAME}'."
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
