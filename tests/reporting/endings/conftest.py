"""An Airflow and an OpenMetadata server, and pipelines whose runs end as a test wants."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dag_factory.portable.openmetadata.outcomes import FINAL
from sandbox import source
from sandbox.client import run_path, wait_until
from sandbox.mailbox import Mailbox
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack
from tests.places import ROOT

# What the operator of this Airflow wants of some DAGs: that a run as a whole may take 20 s.
POLICY = """
from datetime import timedelta

def dag_policy(dag):
    if dag.dag_id.startswith("hurried"):
        dag.dagrun_timeout = timedelta(seconds=20)
"""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenMetadataServer]:
    """An OpenMetadata server that a test may suspend and stop."""
    folder = tmp_path_factory.mktemp("openmetadata")
    source.create(folder / "source.db")
    with OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log") as openmetadata:
        yield openmetadata


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(scope="package")
def stack(
    server: OpenMetadataServer, store: Path, isolated_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    home = tmp_path_factory.mktemp("airflow")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY)
    path = os.pathsep.join([str(ROOT / "tests" / "sources"), *filter(None, [os.environ.get("PYTHONPATH")])])
    config: AirflowConfig = {
        "core": {"parallelism": 8},
        "openmetadata_dag_factory": {
            "config_store": store,
            "openmetadata_conn_id": "openmetadata",
            "allowed_pythons": isolated_python,
            "allowed_applications": "metadata.,status_source.",
        },
        # How soon Airflow knows is Airflow's affair. On a busy machine, a scheduler is silent for ten seconds.
        "scheduler": {
            "task_instance_heartbeat_timeout": 15,
            "task_instance_heartbeat_timeout_detection_interval": 3,
            "orphaned_tasks_check_interval": 5,
            "scheduler_health_check_threshold": 25,
        },
    }
    with (
        # SQLite lets one write at a time, and many runs at once would wait for each other.
        PostgresServer() as postgres,
        AirflowStack(
            home,
            dags_folder=ROOT / "dags",
            database=postgres.url(),
            config=config,
            env={"PYTHONPATH": path},
            triggerer=False,
            forked=True,
        ) as airflow,
    ):
        host, _, port = server.url.removeprefix("http://").partition(":")
        connection = {"connection_id": "openmetadata", "conn_type": "http", "host": host, "port": int(port)}
        airflow.api("POST", "/api/v2/connections", json={**connection, "password": server.token})
        yield airflow


@pytest.fixture
def mailbox(stack: AirflowStack) -> Iterator[Mailbox]:
    """A mail server to which Airflow's Connection for mail leads."""
    with Mailbox() as running:
        stack.api("POST", "/api/v2/connections", json={"connection_id": "smtp_default", **running.connection})
        yield running
        stack.api("DELETE", "/api/v2/connections/smtp_default")


@pytest.fixture(scope="class")
def set_token(stack: AirflowStack, server: OpenMetadataServer) -> Iterator[Callable[[str], None]]:
    """Let the Connection to the server have another token; after the test, it has the server's."""

    def change(token: str) -> None:
        body = {"connection_id": "openmetadata", "conn_type": "http", "password": token}
        stack.api("PATCH", "/api/v2/connections/openmetadata", json=body, params={"update_mask": "password"})

    yield change
    change(server.token)


@pytest.fixture(scope="class")
def token_in_file(
    set_token: Callable[[str], None], server: OpenMetadataServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let the server's token stand in a file, which only openmetadata-ingestion reads."""
    path = tmp_path_factory.mktemp("of_the_server") / "token"
    path.write_text(server.token)
    set_token(str(path))


def failures_of(status: dict[str, Any]) -> str:
    """Return what a status of a run says of all its failures."""
    return " ".join(failure["error"] for step in status.get("status") or [] for failure in step.get("failures") or [])


class Pipeline:
    """A pipeline of its own for a test, whose runs do what the test wants."""

    def __init__(self, stack: AirflowStack, server: OpenMetadataServer, store: Path, folder: Path) -> None:
        self.stack, self.server, self.store, self.folder = stack, server, store, folder
        self.held = folder / "hold"
        self.dag_id = self.fqn = ""

    def make(
        self,
        name: str,
        *,
        then: str = "end",
        options: dict[str, str] | None = None,
        hold: bool | int = False,
        fields: dict[str, Any] | None = None,
        **airflow_config: Any,
    ) -> Pipeline:
        """
        Store the pipeline, and wait until Airflow knows it.

        :param hold: whether its workflow waits until `held` is removed; the number of the one try that does so
        """
        self.dag_id, self.fqn = name, f"{name}_service.{name}"
        if hold:
            self.held = self.folder / ("hold" if hold is True else f"hold{hold}")
            self.held.touch()
        self.options = {"folder": str(self.folder), "then": then, **(options or {})}
        self.register()
        document = {
            "name": name,
            "fullyQualifiedName": self.fqn,
            "pipelineType": "metadata",
            "service": {"type": "databaseService", "name": f"{name}_service"},
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
            "airflowConfig": airflow_config,
            "version": 0.3,
            **(fields or {}),
        }
        (self.store / f"{name}.json").write_text(json.dumps(document))
        self.stack.wait_for_dag(name)
        return self

    def register(self) -> None:
        """Create the service and the pipeline at the server, which knows them before it deploys."""
        connection = {
            "type": "CustomDatabase",
            "sourcePythonClass": "status_source.StatusSource",
            "connectionOptions": self.options,
        }
        service = self.server.put(
            "/api/v1/services/databaseServices",
            {"name": f"{self.dag_id}_service", "serviceType": "CustomDatabase", "connection": {"config": connection}},
        )
        self.server.put(
            "/api/v1/services/ingestionPipelines",
            {
                "name": self.dag_id,
                "service": {"id": service["id"], "type": "databaseService"},
                "pipelineType": "metadata",
                "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                "airflowConfig": {},
            },
        )

    def start(self) -> str:
        """Start a run and return its id, for Airflow and for the server."""
        run_id = str(uuid.uuid4())
        return self.stack.trigger(self.dag_id, {"pipelineRunId": run_id}, run_id)

    def processes(self, number: int = 1) -> tuple[int, int]:
        """Wait until a try is in its workflow; return the ids of the workflow's process and of its parent."""
        path = self.folder / str(number)
        wait_until(
            lambda: (path.exists() or None, str(self.stack.task_states(self.dag_id, self.run_id()))), "a try", 120
        )
        task, worker = map(int, path.read_text().split())
        return task, worker

    def run_id(self) -> str:
        return str(self.stack.api("GET", f"/api/v2/dags/{self.dag_id}/dagRuns")["dag_runs"][0]["dag_run_id"])

    def state(self, run_id: str) -> str | None:
        received = self.server.get(f"/sandbox/statuses/{run_id}")
        return str(received[-1]["pipelineState"]) if received else None

    def record(self, run_id: str) -> dict[str, Any]:
        """Return what the server shows of a run."""
        path = f"/api/v1/services/ingestionPipelines/{self.fqn}/pipelineStatus/{run_id}"
        return dict(self.server.get(path))

    def server_has(self, run_id: str, state: str, *words: str, timeout: float = 180) -> None:
        """
        Wait until the server has a run in a state that lasts; check its dates.

        :param words: what stands in the failures that it shows with the run
        """

        def has_it() -> tuple[bool | None, str]:
            found = self.state(run_id)
            shown = self.record(run_id) if found == state else {}
            text = failures_of(shown)
            return (bool(shown) and all(word in text for word in words)) or None, f"{found}: {text}"

        wait_until(has_it, f"the server to have '{state}'{' with ' if words else ''}{', '.join(words)}", timeout)
        shown = self.record(run_id)
        if shown["pipelineState"] in FINAL:
            assert shown["startDate"] < shown["endDate"]

    def server_had(self, run_id: str, state: str, *words: str, timeout: float = 180) -> None:
        """
        Wait until the server has, or has had, a run in a state, however soon that was another one.

        :param words: what stood in the failures with it
        """

        def had_it() -> tuple[bool | None, list[str]]:
            received = self.server.get(f"/sandbox/statuses/{run_id}")
            texts = [failures_of(each) for each in received if each["pipelineState"] == state]
            found = any(all(word in text for word in words) for text in texts)
            return found or None, [f"{each['pipelineState']}: {failures_of(each)}" for each in received]

        wait_until(had_it, f"the server to get '{state}'{' with ' if words else ''}{', '.join(words)}", timeout)

    def mark(self, run_id: str, state: str) -> None:
        """Set the state of a run, as a user does."""
        self.stack.api("PATCH", run_path(self.dag_id, run_id), json={"state": state})

    def mark_task(self, run_id: str, state: str) -> None:
        """Set the state of a run's task, as a user does."""
        path = f"{run_path(self.dag_id, run_id)}/taskInstances/ingestion_task"
        self.stack.api("PATCH", path, json={"new_state": state})

    def clear(self, run_id: str) -> None:
        """Have a run's task run again, as a user does."""
        how = {"dry_run": False, "only_failed": False, "only_running": False}
        body = {**how, "dag_run_id": run_id, "task_ids": ["ingestion_task"]}
        self.stack.api("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", json=body)

    def airflow_state(self, run_id: str) -> str:
        return str(self.stack.api("GET", run_path(self.dag_id, run_id))["state"])

    def airflow_knows(self, run_id: str, state: str = "failed", timeout: float = 180) -> None:
        def knows() -> tuple[bool | None, str]:
            found = self.airflow_state(run_id)
            return (found == state or None), found

        wait_until(knows, f"Airflow to know that the run is {state}", timeout)


@pytest.fixture(scope="package")
def pipeline(
    stack: AirflowStack, server: OpenMetadataServer, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Pipeline]]:
    """Make a pipeline; whatever one holds ends with the last test."""
    made: list[Pipeline] = []

    def make(name: str, **options: Any) -> Pipeline:
        made.append(Pipeline(stack, server, store, tmp_path_factory.mktemp(name)))
        return made[-1].make(name, **options)

    yield make
    for each in made:
        each.held.unlink(missing_ok=True)


@pytest.fixture(scope="package")
def isolated(pipeline: Callable[..., Pipeline], isolated_python: str) -> Callable[..., tuple[Pipeline, str, int]]:
    """Make a pipeline that is run by another interpreter, start it, and return it, the run and the child's id."""

    def start(name: str, **options: Any) -> tuple[Pipeline, str, int]:
        fields = {"dagFactory": {"runner": {"python": isolated_python}}}
        made = pipeline(f"isolated_{name}", hold=True, fields=fields, **options)
        run_id = made.start()
        child, _ = made.processes()
        made.server_has(run_id, "running")
        return made, run_id, child

    return start
