"""The worker asks its own settings, whatever the DAG processor's said: nothing is sent where they say no."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dag_factory.errors import MissingConnectionError, ServerError, WorkflowError
from dag_factory.portable.openmetadata.counts import REASON_XCOM
from dag_factory.settings.airflow_versions import AirflowFailException, AirflowTaskTimeout
from dag_factory.task.execution import Execution
from sandbox.failing import HTML, HttpServer, Reply, running
from tests.documents import REST
from tests.sent_metrics import sent_from

OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
PIPELINE = {
    "name": "orders",
    "pipelineType": "metadata",
    "service": {"type": "databaseService", "name": "shop"},
    **REST,
}


OPERATOR = SimpleNamespace(execution_timeout=None)


class Task:
    """Stands for the task instance."""

    try_number = 1
    max_tries = 0

    def xcom_push(self, **_: object) -> None:
        """Forget it."""


def execution(task: Task | None = None) -> Execution:
    """Return the execution of the pipeline `orders`, in a task."""
    context = {"dag_run": SimpleNamespace(conf={}), "run_id": "manual", "ti": task or Task(), "task": OPERATOR}
    return Execution("orders", cast("Any", context))


def run() -> str:
    """Run the pipeline and return what its task fails with."""
    with pytest.raises(AirflowFailException) as failure:
        execution().run()
    return str(failure.value)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(f"{OURS}CONFIG_STORE", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-env")
    monkeypatch.setenv("AIRFLOW_CONN_PROD_DB", "postgres://u:canary-connection@db/prod")
    monkeypatch.setenv("OPENMETADATA_JWT_TOKEN", "canary-open")
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "setting"),
    [
        ({"$env": "AWS_SECRET_ACCESS_KEY"}, "allowed_env"),
        ({"$connection": "prod_db", "field": "uri"}, "allowed_connections"),
        ({"$fernet": "12345678:gAAAA"}, "fernet_key"),
    ],
    ids=str,
)
@pytest.mark.parametrize("field", ["securityConfig", "extraHeaders"])
def test_a_reference_that_the_worker_does_not_open_is_sent_nowhere(
    store: Path, reference: dict[str, str], setting: str, field: str
) -> None:
    with running(HttpServer(otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", field: {"jwtToken": reference}}
        (store / "orders.json").write_text(json.dumps({**PIPELINE, "openMetadataServerConnection": server}))
        problem = run()
    assert setting in problem
    assert problem.startswith(f"config 'orders.json', field 'openMetadataServerConnection.{field}")
    assert "canary" not in problem
    assert listener.requests == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "allowed_servers"),
        ({"hostPort": {"$env": "OPENMETADATA_OTHER"}}, "allowed_servers"),
        ({"secretsManagerProvider": "aws"}, "allowed_servers"),
    ],
    ids=str,
)
def test_an_open_token_is_sent_to_no_server_that_is_not(
    store: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], problem: str
) -> None:
    with running(HttpServer(otherwise=Reply(404))) as listener:
        monkeypatch.setenv("OPENMETADATA_OTHER", f"http://127.0.0.1:{listener.port}/api")
        monkeypatch.setenv(f"{OURS}ALLOWED_SERVERS", "om.example,127.0.0.1:1")
        token = {"securityConfig": {"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}}}
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", **token, **fields}
        (store / "orders.json").write_text(json.dumps({**PIPELINE, "openMetadataServerConnection": server}))
        assert problem in run()
    assert listener.requests == []


def test_a_reference_that_is_not_open_elsewhere_in_a_config_is_reported_to_its_server_and_not_followed(
    store: Path,
) -> None:
    with running(HttpServer(otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "own"}}
        source = {"config": {"password": {"$env": "AWS_SECRET_ACCESS_KEY"}}}
        document = {**PIPELINE, "openMetadataServerConnection": server, "sourceConfig": source}
        (store / "orders.json").write_text(json.dumps(document))
        assert "allowed_env" in run()
    assert set(listener.tokens) == {"Bearer own"}


def test_a_place_for_staging_within_the_store_is_refused_and_reported(store: Path) -> None:
    with running(HttpServer(otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "own"}}
        source = {"config": {"type": "DatabaseUsage", "stageFileLocation": str(store / "victim.json")}}
        fields = {"pipelineType": "usage", "openMetadataServerConnection": server, "sourceConfig": source}
        (store / "orders.json").write_text(json.dumps({**PIPELINE, **fields}))
        assert run().startswith("field 'sourceConfig.config.stageFileLocation': lies in the folder of")
    assert not (store / "victim.json").exists()
    assert any("pipelineStatus" in request for request in listener.requests)


def test_a_connection_that_airflow_does_not_find_is_left_to_airflow_s_retries_since_its_backend_may_be_away(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{OURS}ALLOWED_CONNECTIONS", "vault_*")
    words = r"^config 'orders.json', field '.*password': .*'vault_db', which .* whether its secrets backend answers"
    with running(HttpServer(otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "own"}}
        source = {"config": {"password": {"$connection": "vault_db", "field": "password"}}}
        document = {**PIPELINE, "openMetadataServerConnection": server, "sourceConfig": source}
        (store / "orders.json").write_text(json.dumps(document))
        with pytest.raises(MissingConnectionError, match=words):
            execution().run()


class InterruptedTask(Task):
    """A task whose time is over when it leaves something in Airflow."""

    def xcom_push(self, **_: object) -> None:
        raise AirflowTaskTimeout("Timeout")


def test_a_report_that_airflow_s_time_out_interrupts_leaves_the_task_its_own_failure(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = {"hostPort": "http://127.0.0.1:1/api", "securityConfig": {"jwtToken": "own"}}
    source = {"config": {"password": {"$env": "AWS_SECRET_ACCESS_KEY"}}}
    document = {**PIPELINE, "openMetadataServerConnection": server, "sourceConfig": source}
    (store / "orders.json").write_text(json.dumps(document))
    with sent_from(monkeypatch, "airflow.sdk") as sent:
        with pytest.raises(AirflowFailException, match="allowed_env") as failure:
            execution(InterruptedTask()).run()
        assert "airflow.openmetadata.runs.metadata.failed:1|c" in sent.sync()
    # Airflow would log what is in its chain, without this package's mask.
    assert failure.value.__context__ is None
    assert failure.value.__cause__ is None
    assert "interrupted: AirflowTaskTimeout" in caplog.text


def test_a_task_that_fails_leaves_why_in_one_line_without_secrets(store: Path) -> None:
    class Kept(Task):
        def xcom_push(self, **said: object) -> None:
            pushed[said["key"]] = said["value"]

    pushed: dict[object, object] = {}
    config = {"password": {"$env": "AWS_SECRET_ACCESS_KEY"}}
    with running(HttpServer(otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "canary-token"}}
        document = {**PIPELINE, "openMetadataServerConnection": server, "sourceConfig": {"config": config}}
        (store / "orders.json").write_text(json.dumps(document))
        with pytest.raises(AirflowFailException) as failure:
            execution(Kept()).run()
    assert pushed[REASON_XCOM] == " ".join(str(failure.value).split())
    assert "canary" not in json.dumps(list(pushed.values()))


def test_what_a_reference_became_is_in_no_link(store: Path) -> None:
    pushed: list[object] = []
    server = {"hostPort": "http://127.0.0.1:1/api", "securityConfig": {"jwtToken": "token"}}
    names = {"fullyQualifiedName": {"$env": "OPENMETADATA_JWT_TOKEN"}, "openMetadataServerConnection": server}
    (store / "orders.json").write_text(json.dumps({**PIPELINE, **names}))
    task = Task()
    task.xcom_push = lambda **said: pushed.append(said)  # type: ignore[method-assign]
    started = execution(task)
    started._prepare()
    assert len(pushed) >= 2
    assert "canary-open" not in json.dumps(pushed)


class BusyOnce(dict[str, Reply]):
    """Answers by path, of which the first call about the status of a run is answered 503."""

    was_busy = False

    def get(self, path: str, default: Any = None) -> Any:
        if "pipelineStatus" in path and not self.was_busy:
            self.was_busy = True
            return Reply(503)
        return super().get(path, default)


def test_an_interpreter_that_the_server_s_version_does_not_accept_starts_no_workflow(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = store.parent / "python"
    python.write_text(
        f'#!/bin/sh\necho started >> {store.parent}/starts\necho \'{{"version": "1.12.14.2", "places": []}}\'\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv(f"{OURS}ALLOWED_PYTHONS", str(python))
    version = Reply(200, b'{"version": "2.0.6"}')
    knows_the_token = {"/api/v1/system/version": version, "/api/v1/users/loggedInUser": Reply()}
    with running(HttpServer(BusyOnce(knows_the_token), otherwise=Reply(404))) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "own"}}
        runner = {"dagFactory": {"runner": {"python": str(python)}}}
        document = {**PIPELINE, **runner, "openMetadataServerConnection": server}
        (store / "orders.json").write_text(json.dumps(document))
        with pytest.raises(
            WorkflowError, match=rf"^config 'orders.json', field 'dagFactory.runner.python': '{python}'"
        ):
            execution().run()
    # It was asked for its version, and for no workflow.
    assert (store.parent / "starts").read_text() == "started\n"
    # The server can be used and is only busy, so the report is retried.
    assert len([request for request in listener.requests if "pipelineStatus" in request]) > 1


@pytest.mark.parametrize("reply", [Reply(401), Reply(200, HTML)], ids=["token refused", "no OpenMetadata"])
def test_a_server_that_can_t_be_used_is_not_asked_for_long_to_take_the_report_of_it(store: Path, reply: Reply) -> None:
    version = Reply() if reply.status == 401 else reply
    with running(HttpServer({"/api/v1/system/version": version}, otherwise=reply)) as listener:
        server = {"hostPort": f"http://127.0.0.1:{listener.port}/api", "securityConfig": {"jwtToken": "old"}}
        (store / "orders.json").write_text(json.dumps({**PIPELINE, "openMetadataServerConnection": server}))
        with pytest.raises(ServerError):
            execution().run()
    assert len([request for request in listener.requests if "pipelineStatus" in request]) == 1
