from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagDetails
from fastapi import FastAPI

from dag_factory.api_server import foreign_dags
from dag_factory.api_server.api import ending_runs
from dag_factory.api_server.api.transport import InProcessTransport
from sandbox.fab import FabAirflowStack
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack
from tests.airflow_versions import AUTH_MANAGER
from tests.api_server.api.api_server_alone import ApiServerAlone, FabApiServerAlone
from tests.places import ROOT
from tests.store.any_store import connect, folder, in_bucket  # noqa: F401 - fixtures


def permissions_in_the_docs() -> list[tuple[str, str]]:
    """Return what docs/server.md says that the server's user needs with FAB: actions on resources."""
    rows = re.findall(r"^\| `([\w ]+)` \| (`can_.*`) \|$", (ROOT / "docs" / "server.md").read_text(), re.MULTILINE)
    return [(action, resource) for resource, actions in rows for action in re.findall(r"`(\w+)`", actions)]


class Everybody:
    """An auth manager by which everybody may do everything, but for DAGs ``closed_…`` and Connections ``secret_…``."""

    async def get_user_from_token(self, token: str) -> object:
        return token

    def is_authorized_dag(self, *, details: DagDetails | None = None, **_: object) -> bool:
        return details is None or not str(details.id).startswith("closed_")

    def is_authorized_connection(self, *, method: str, details: ConnectionDetails, user: object) -> bool:
        assert (method, user) == ("GET", "token")
        return not str(details.conn_id).startswith("secret_")


@pytest.fixture(autouse=True)
def what_a_stand_in_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without what a stand-in of Airflow lacks: a scheduler that may undo the end of a run, and a database."""
    monkeypatch.setattr(ending_runs, "SETTLE_SECONDS", 0.01)
    monkeypatch.setattr(foreign_dags, "has_foreign_dag", lambda dag_id, or_stale=True: False)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., httpx.Response]:
    """Make a call of our app, in front of a stand-in of Airflow's; what it does after the answer is done as well."""
    monkeypatch.setattr(AUTH_MANAGER, Everybody())

    async def call(app: FastAPI, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: app), base_url="http://a.invalid") as client:
            headers = {"Authorization": "Bearer token", **options.pop("headers", {})}
            answer = await client.request(method, path, headers=headers, **options)
        await asyncio.gather(*app.state.application.tasks)
        await app.state.application.stop()
        return answer

    return lambda app, method, path, **options: asyncio.run(call(app, method, path, options))


@pytest.fixture(scope="session")
def fab(openmetadata: OpenMetadataServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflowStack]:
    """
    A real Airflow on the FAB auth manager, where `openmetadata` has the permissions that docs/server.md names.

    On PostgreSQL, since each of FAB's logins writes to the database: on SQLite, it and the start of a task lock each
    other out for 5 s within Airflow's API server.
    """
    with (
        PostgresServer() as postgres,
        FabAirflowStack(
            tmp_path_factory.mktemp("airflow_on_fab"),
            dags_folder=ROOT / "dags",
            database=postgres.url(),
            config={
                # Its runs import openmetadata-ingestion themselves, as in a pod.
                "openmetadata_dag_factory": {
                    "config_store": tmp_path_factory.mktemp("configs_on_fab"),
                    "warm_start": False,
                },
                # How long FAB remembers a user, in seconds.
                "fab": {"cache_ttl": 2},
            },
            env=openmetadata.env,
            triggerer=False,
            forked=True,
        ) as stack,
    ):
        with_users_of_the_docs(stack)
        yield stack


@pytest.fixture(scope="session")
def simple_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """Airflow's API server alone, on the simple auth manager, where `openmetadata` has the role `user`."""
    roles = {"viewer": "viewer", "openmetadata": "user", "op": "op"}
    config = alone(tmp_path_factory.mktemp("configs"))
    home = tmp_path_factory.mktemp("api_server")
    with ApiServerAlone(home, dags_folder=ROOT / "dags", config=config, roles=roles) as server:
        yield server


@pytest.fixture(scope="session")
def fab_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflowStack]:
    """The same on FAB, where `openmetadata` has the permissions that docs/server.md names."""
    config = alone(tmp_path_factory.mktemp("configs_on_fab"))
    home = tmp_path_factory.mktemp("fab_api_server")
    with FabApiServerAlone(home, dags_folder=ROOT / "dags", config=config) as server:
        with_users_of_the_docs(server)
        yield server


def alone(store: Path) -> AirflowConfig:
    """Return the configuration of an API server whose automations end at once."""
    return {"openmetadata_dag_factory": {"config_store": store, "python": "/bin/false"}}


def with_users_of_the_docs(fab: FabAirflowStack) -> None:
    """Make a viewer, and `openmetadata` as docs/server.md says."""
    fab.add_user("viewer", "Viewer")
    fab.add_role("OpenMetadata", permissions_in_the_docs())
    fab.add_user("openmetadata", "OpenMetadata")
