from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, StreamingResponse

from dag_factory.api_server.api.app import create_app
from dag_factory.store.folder.folder_store import FolderStore
from tests.documents import REST

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


def entry(**fields: object) -> bytes:
    return json.dumps(fields).encode()


class FakeAirflow:
    """
    Airflow with runs of one DAG, each of one task.

    :param starts: when each run has started, if it has, by its id
    :param task: what Airflow says of the task of every run
    """

    def __init__(self, starts: dict[str, str | None], **task: Any) -> None:
        self.starts = starts
        self.task = {"task_id": "ingestion_task", "state": "success", "hostname": "worker", "try_number": 1, **task}
        self.app = FastAPI()
        self.app.get("/api/v2/dags/one/dagRuns")(self.runs)
        self.app.get("/api/v2/dags/one/dagRuns/{run_id}")(self.run)
        self.app.get("/api/v2/dags/one/dagRuns/{run_id}/taskInstances")(lambda: {"task_instances": [self.task]})
        self.app.get("/api/v2/dags/one/dagRuns/{run_id}/taskInstances/ingestion_task/logs/{number}")(self.log)

    def runs(
        self,
        order_by: str,
        limit: int,
        state: Annotated[list[str] | None, Query()] = None,
        duration_gte: float | None = None,
        start_date_lt: datetime | None = None,
        offset: int = 0,
    ) -> dict[str, Any]:
        # As on PostgreSQL, where runs without a start come first. Airflow takes a 0 for no filter, and a run without a
        # start for one that starts now; Airflow 3.1 has no filter of durations.
        ids = [
            run_id
            for run_id, start in self.starts.items()
            if (not state or self.state(run_id) in state) and (start or not (duration_gte or start_date_lt))
        ]
        if order_by == "-start_date":
            ids.sort(key=lambda run_id: self.starts[run_id] or "9", reverse=True)
        return {"dag_runs": [{"dag_run_id": run_id, "start_date": self.starts[run_id]} for run_id in ids[:limit]]}

    def state(self, run_id: str) -> str:
        name = run_id.split(maxsplit=1)[0]
        return {"waits": "queued", "running": "running", "cancelled": "failed"}.get(name, "success")

    def run(self, run_id: str) -> JSONResponse:
        found = run_id in self.starts
        return JSONResponse(
            {"dag_run_id": run_id, "start_date": self.starts[run_id]} if found else {}, 200 if found else 404
        )

    def log(self, run_id: str, number: int) -> StreamingResponse:
        return StreamingResponse([entry(event=f"try {number} of {run_id}")], media_type="application/x-ndjson")


LogOf = Callable[..., str]


@pytest.fixture
def page_for(ask: Callable[..., httpx.Response], tmp_path: Path) -> Callable[..., httpx.Response]:
    def page_for(airflow: FakeAirflow, **asked: object) -> httpx.Response:
        app = create_app(airflow=lambda: airflow.app, store=lambda: FolderStore(tmp_path))
        return ask(app, "GET", "/last_dag_logs", params={"dag_id": "one", "task_id": "ingestion_task", **asked})

    return page_for


@pytest.fixture
def log_of(page_for: Callable[..., httpx.Response]) -> LogOf:
    return lambda airflow, **asked: str(page_for(airflow, **asked).json()["ingestion_task"])


@pytest.mark.parametrize("after", ["", "0"])
def test_an_empty_page_number_is_the_first_page_as_older_servers_ask_for_it(log_of: LogOf, after: str) -> None:
    assert log_of(FakeAirflow({"one": "2026-01-01T00:00:00Z"}), after=after) == "try 1 of one"


@pytest.mark.parametrize("after", ["-1", "x", " ", "1.5", "null", "1" * 30])
def test_what_is_not_a_page_number_is_a_400_that_names_the_parameter(
    page_for: Callable[..., httpx.Response], after: str
) -> None:
    answer = page_for(FakeAirflow({"one": "2026-01-01T00:00:00Z"}), after=after)
    assert answer.status_code == 400
    assert "'after'" in answer.json()["error"]


def test_the_log_of_a_run_is_had_by_airflow_s_id_or_the_one_it_reports_under(
    page_for: Callable[..., httpx.Response], log_of: LogOf
) -> None:
    airflow = FakeAirflow({"older": "2026-01-01T00:00:00Z", "newer": "2026-01-02T00:00:00Z", "waits": None})
    reported = str(uuid.uuid5(uuid.NAMESPACE_URL, "openmetadata:one:older"))
    assert log_of(airflow) == "try 1 of newer"
    for run_id in ("older", reported, reported.upper()):
        assert log_of(airflow, run_id=run_id) == "try 1 of older"
    assert log_of(airflow, run_id="") == "try 1 of newer"
    assert page_for(airflow, run_id=str(uuid.uuid4())).status_code == 404
    assert page_for(airflow, run_id="../older").status_code == 400


def test_the_log_is_that_of_the_last_run_that_has_started_however_many_wait(
    log_of: LogOf,
) -> None:
    waiting = dict.fromkeys((f"waits {number}" for number in range(20)), None)
    cancelled = dict.fromkeys((f"cancelled {number}" for number in range(20)), None)
    started = {"older": "2026-01-01T00:00:00Z", "running": "2026-01-02T00:00:00.500000Z"}
    assert log_of(FakeAirflow({**waiting, **cancelled, **started})) == "try 1 of running"
    newer = {**started, "newer": "2026-01-02T00:00:01Z"}
    assert log_of(FakeAirflow({**waiting, **cancelled, **newer})) == "try 1 of newer"
    assert log_of(FakeAirflow({**waiting, **cancelled})) == "No run has started yet."


def test_the_log_of_a_task_that_was_tried_again_is_that_of_its_last_try(log_of: LogOf) -> None:
    assert log_of(FakeAirflow({"one": "2026-01-01T00:00:00Z"}, try_number=3)) == "try 3 of one"


@pytest.mark.parametrize(
    "task",
    [
        {"state": "failed", "try_number": 0, "hostname": ""},
        {"state": "skipped", "try_number": 0, "hostname": ""},
        {"state": "skipped", "try_number": 1, "hostname": ""},
        {"state": "upstream_failed", "try_number": 0, "hostname": None},
    ],
)
def test_a_task_that_was_ended_before_it_started_has_a_sentence_in_place_of_a_log(
    log_of: LogOf, task: dict[str, Any]
) -> None:
    airflow = FakeAirflow({"one": "2026-01-01T00:00:00Z"}, **task)
    assert log_of(airflow) == "The task was ended before it started, so it has no log."


def test_a_task_that_skipped_itself_has_a_log(log_of: LogOf) -> None:
    assert log_of(FakeAirflow({"one": "2026-01-01T00:00:00Z"}, state="skipped")) == "try 1 of one"


@pytest.mark.parametrize("path", ["/status", "/last_dag_logs"])
def test_a_config_that_was_dropped_a_moment_ago_is_known(
    ask: Callable[..., httpx.Response], tmp_path: Path, path: str
) -> None:
    """In a file that is found only if the store is listed again."""
    app = create_app(airflow=FastAPI, store=lambda: FolderStore(tmp_path))

    def status() -> int:
        return ask(app, "GET", path, params={"dag_id": "dropped", "task_id": "ingestion_task"}).status_code

    assert status() == 404
    document = {"name": "dropped", "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}}
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "dropped.yaml").write_text(json.dumps({**document, **REST}))
    assert status() == 200
