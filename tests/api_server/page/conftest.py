from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from jwt.exceptions import InvalidTokenError

from dag_factory.api_server.api.rest import AirflowApi
from dag_factory.api_server.api.transport import InProcessTransport
from dag_factory.api_server.page.app import create_page
from dag_factory.api_server.page.seconds import Budget
from tests.airflow_versions import AUTH_MANAGER
from tests.api_server.page.fake_airflow import FakeAirflow

Ask = Callable[..., httpx.Response]
AskTogether = Callable[[FakeAirflow, str, list[Any]], list[Any]]


class OneUser:
    """An auth manager that knows one user, who may do everything but for DAGs named ``closed…``."""

    async def get_user_from_token(self, token: str) -> object:
        if token != "right":
            raise InvalidTokenError
        return "user"

    def is_authorized_dag(self, *, details: DagDetails, **_: object) -> bool:
        return not str(details.id).startswith("closed")

    def batch_is_authorized_dag(self, requests: list[dict[str, Any]], *, user: object) -> bool:
        assert user == "user"
        return all(self.is_authorized_dag(details=each["details"]) for each in requests)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """
    Make a request of the page over a stand-in of Airflow, as the browser of a user who has logged in.

    A ``plain`` one has no headers but those that are given.
    """
    monkeypatch.setattr(AUTH_MANAGER, OneUser())
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path / "configs"))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))

    async def call(airflow: FakeAirflow, method: str, path: str, seconds: float, options: Any) -> httpx.Response:
        api = AirflowApi(lambda: airflow.app)
        page = create_page(api, budget=Budget(seconds), standings=airflow.standings)
        browser = {} if options.pop("plain", False) else {"Sec-Fetch-Site": "same-origin", "Cookie": "_token=right"}
        headers = {**browser, **options.pop("headers", {})}
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: page), base_url="http://a.invalid") as client:
            return await client.request(method, path, headers=headers, **options)

    def made(
        airflow: FakeAirflow, path: str, *, method: str = "GET", seconds: float = 20.0, **options: Any
    ) -> httpx.Response:
        return asyncio.run(call(airflow, method, path, seconds, options))

    return made


@pytest.fixture
def ask_together(ask: Ask) -> AskTogether:
    """Post several bodies to one page at the same time and return the JSON of the answers."""
    browser = {"Sec-Fetch-Site": "same-origin", "Cookie": "_token=right"}

    async def calls(airflow: FakeAirflow, path: str, bodies: list[Any]) -> list[Any]:
        page = create_page(AirflowApi(lambda: airflow.app))
        transport = InProcessTransport(lambda: page)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.invalid", headers=browser) as client:
            answers = await asyncio.gather(*(client.post(path, json=body) for body in bodies))
        return [each.json() for each in answers]

    return lambda airflow, path, bodies: asyncio.run(calls(airflow, path, bodies))
