from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.fab import FabAirflowStack
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer

ROOT = Path(__file__).parents[2]


def permissions_in_the_readme() -> list[tuple[str, str]]:
    """Return what README.md says that the server's user needs with FAB: actions on resources."""
    rows = re.findall(r"^\| `([\w ]+)` \| (`can_.*`) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [(action, resource) for resource, actions in rows for action in re.findall(r"`(\w+)`", actions)]


@pytest.fixture(scope="session")
def fab(openmetadata: OpenMetadataServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflowStack]:
    """
    A real Airflow on the FAB auth manager, where `openmetadata` has the permissions that README.md names.

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
                "openmetadata_dag_factory": {"config_store": tmp_path_factory.mktemp("configs_on_fab")},
                # How long FAB remembers a user, in seconds.
                "fab": {"cache_ttl": 2},
            },
            env=openmetadata.env,
        ) as stack,
    ):
        stack.add_user("viewer", "Viewer")
        stack.add_role("OpenMetadata", permissions_in_the_readme())
        stack.add_user("openmetadata", "OpenMetadata")
        yield stack
