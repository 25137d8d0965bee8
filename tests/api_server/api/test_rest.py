from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.rest import TRIES, AirflowApi, Caller, dag_path


class FakeAirflow:
    """Airflow with one DAG, whose database refuses the first changes."""

    def __init__(self, refusals: int, status: int = 500) -> None:
        self.refusals = refusals
        self.status = status
        self.asked = 0
        self.app = FastAPI()
        self.app.patch("/api/v2/dags/one")(self.change)

    def change(self) -> Response:
        self.asked += 1
        refused = self.asked <= self.refusals
        return JSONResponse({"detail": {"reason": "Database error"}}, self.status if refused else 200)

    def ask(self) -> None:
        caller = Caller(AirflowApi(lambda: self.app), "token")
        asyncio.run(caller.ask("PATCH", "/dags/one", json={}))


def test_a_change_that_airflow_s_database_refuses_is_made_again() -> None:
    airflow = FakeAirflow(refusals=TRIES - 1)
    airflow.ask()
    assert airflow.asked == TRIES


def test_one_that_is_refused_again_and_again_is_a_500_that_says_where_to_look() -> None:
    airflow = FakeAirflow(refusals=TRIES)
    with pytest.raises(Refused, match="The log of Airflow's API server says why") as refused:
        airflow.ask()
    assert refused.value.status == 500
    assert airflow.asked == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 503])
def test_what_airflow_refuses_for_another_reason_is_asked_once(status: int) -> None:
    airflow = FakeAirflow(refusals=1, status=status)
    with pytest.raises(Refused):
        airflow.ask()
    assert airflow.asked == 1


@pytest.mark.parametrize(
    "run_id",
    [".", "..", "...", "a/b", "../../connections", "%2e%2e", "a?b=c", "a#b", "a b", "ä", ";", "a\\b"],
)
def test_no_name_leads_to_another_path_of_airflow_s_than_its_own(run_id: str) -> None:
    app = FastAPI()
    asked = []

    @app.get("/{path:path}")
    async def call(request: Request) -> dict[str, str]:
        asked.append((request.scope["path"], request.scope["query_string"]))
        return {}

    path = dag_path("one", "dagRuns", run_id)
    asyncio.run(Caller(AirflowApi(lambda: app), "token").ask("GET", path))
    assert asked == [(f"/api/v2/dags/one/dagRuns/{run_id}", b"")]
    assert path.count("/") == 4
