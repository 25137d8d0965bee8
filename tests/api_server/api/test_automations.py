"""Automations: how many at a time, for how long, and what the server hears of one that could not end."""

from __future__ import annotations

import json
import logging
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.automations import Automations, Limits
from dag_factory.api_server.api.automations import interpreter as configured_interpreter
from sandbox.server import OpenMetadataServer
from tests.waiting import wait_for

Interpreter = Callable[[str], str]

CANARY = "canary-55d0a7"
DOCUMENT = {"id": str(uuid.uuid4()), "name": "test-connection", "openMetadataServerConnection": {"token": CANARY}}

# Says that it is there, and waits to be let go.
WAIT = """
import os, pathlib, time
folder = pathlib.Path(job["document"]["folder"])
(folder / f"begun-{kind}-{os.getpid()}").write_text(str(job.get("problem")))
while kind == "automation" and not (folder / "go").exists():
    time.sleep(0.02)
"""


@contextmanager
def automations(python: str | None, workers: int = 2, waiting: int = 1, seconds: float = 60) -> Iterator[Automations]:
    running = Automations(lambda: python, lambda: Limits(workers, waiting, seconds))
    try:
        yield running
    finally:
        running.stop()


def begun(folder: Path, kind: str = "automation") -> list[Path]:
    return list(folder.glob(f"begun-{kind}-*"))


def test_more_than_the_workers_wait_and_more_than_may_wait_are_refused(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    document = {**DOCUMENT, "folder": str(tmp_path)}
    with automations(interpreter(WAIT)) as running:
        for _ in range(3):
            running.start(document)
        with pytest.raises(Refused, match=r"^3 automations run or wait already, .* Retry later\.$") as refused:
            running.start(document)
        assert refused.value.status == 503
        wait_for(lambda: len(begun(tmp_path)) == 2)
        (tmp_path / "go").touch()
        wait_for(lambda: len(begun(tmp_path)) == 3)

        def accepts_again() -> bool:
            try:
                running.start(document)
            except Refused:
                return False
            return True

        wait_for(accepts_again)


def test_without_openmetadata_ingestion_it_says_what_to_install() -> None:
    with automations(None) as running, pytest.raises(Refused, match="need openmetadata-ingestion") as refused:
        running.start(DOCUMENT)
    assert refused.value.status == 501


@pytest.mark.parametrize(("seconds", "body", "problem"), [
    (1, WAIT, "took longer than 1 s, so it was ended."),
    (60, f"{WAIT}" "if kind == 'automation': os._exit(3)", "ended with exit code 3 and without a result. Its log may"),
    (60, f"{WAIT}" "if kind == 'automation': os.kill(os.getpid(), 9)", "was killed (SIGKILL). Unless a user did"),
])  # fmt: skip
def test_one_that_could_not_tell_its_end_is_reported_by_another_child(
    interpreter: Interpreter, tmp_path: Path, seconds: float, body: str, problem: str
) -> None:
    if seconds > 1:
        (tmp_path / "go").touch()
    with automations(interpreter(body), seconds=seconds) as running:
        running.start({**DOCUMENT, "folder": str(tmp_path)})
        wait_for(lambda: [path.read_text() for path in begun(tmp_path, "automation_failed")] not in ([], [""]))
    (report,) = begun(tmp_path, "automation_failed")
    assert report.read_text().startswith(f"The automation has failed: the child process {problem}")


def test_stopping_ends_what_runs_and_forgets_what_waits(
    interpreter: Interpreter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with automations(interpreter(WAIT), workers=1) as running:
        for _ in range(2):
            running.start({**DOCUMENT, "folder": str(tmp_path)})
        wait_for(lambda: len(begun(tmp_path)) == 1)
        running.stop()
        (path,) = begun(tmp_path)
        assert not psutil.pid_exists(int(path.name.rpartition("-")[2]))
        assert begun(tmp_path, "automation_failed") == []
        with pytest.raises(Refused):
            running.start(DOCUMENT)
    not_reported = f"The failure of automation {DOCUMENT['id']} is not reported to the server"
    assert f"{not_reported}: the API server is being stopped" in caplog.text


class Held(dict[str, Any]):
    """A document that is read once it is released."""

    def __init__(self, *fields: dict[str, Any]) -> None:
        super().__init__(*fields)
        self.released = threading.Event()

    def __getitem__(self, name: str) -> Any:
        self.released.wait(60)
        return super().__getitem__(name)


def test_one_whose_turn_comes_during_a_stop_is_not_called_done(
    interpreter: Interpreter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    document = Held({**DOCUMENT, "folder": str(tmp_path)})
    with automations(interpreter(WAIT)) as running:
        running.start(document)
        stop = threading.Thread(target=running.stop)
        stop.start()

        def is_stopping() -> bool:
            try:
                running.start(DOCUMENT)
            except Refused:
                return True
            return False

        wait_for(is_stopping)
        document.released.set()
        stop.join()
    assert begun(tmp_path) == []
    assert f"Automation {DOCUMENT['id']} is not run: the API server is being stopped" in caplog.text
    assert "is done" not in caplog.text


def test_the_log_says_how_it_ended_without_a_secret(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    python = interpreter("""
        print(job)
        on_secret("learnt-secret")
        raise ValueError(f"wrong: learnt-secret {job}")
    """)
    with automations(python) as running:
        running.start(DOCUMENT)
        wait_for(lambda: "has failed" in caplog.text)
    assert f"Automation {DOCUMENT['id']} has failed: ValueError: wrong: ***" in caplog.text
    assert CANARY not in caplog.text
    assert "learnt-secret" not in caplog.text


def test_one_whose_interpreter_can_not_be_started_is_in_the_log_and_gives_its_place_back(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    # An interpreter that is a folder can't be started.
    with automations(str(tmp_path), workers=1, waiting=0) as running:
        running.start(DOCUMENT)
        wait_for(lambda: "can't be started here" in caplog.text)
        assert CANARY not in caplog.text

        def accepts_again() -> bool:
            with suppress(Refused):
                running.start(DOCUMENT)
                return True
            return False

        wait_for(accepts_again)


def test_where_the_failure_can_not_be_reported_either_the_log_says_so(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import os
        if kind == "automation":
            os._exit(3)
        raise ValueError(f"the server is away: {job}")
    """)
    with automations(python) as running:
        running.start(DOCUMENT)
        wait_for(lambda: "can't be reported to the server" in caplog.text)
    assert f"The failure of automation {DOCUMENT['id']} can't be reported to the server: ValueError" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("setting", "python"), [("/opt/ingestion/bin/python", "/opt/ingestion/bin/python"), (None, sys.executable)]
)
def test_the_interpreter_is_that_of_the_settings_and_else_this_one(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, python: str
) -> None:
    name = "AIRFLOW__OPENMETADATA_DAG_FACTORY__PYTHON"
    monkeypatch.delenv(name, raising=False) if setting is None else monkeypatch.setenv(name, setting)
    assert configured_interpreter() == python


def created(openmetadata: OpenMetadataServer, connection: dict[str, Any]) -> dict[str, Any]:
    """Create a test of a connection on the server, and return it as the server sends it to be run."""
    request = {
        "name": f"test-connection-{uuid.uuid4()}",
        "workflowType": "TEST_CONNECTION",
        "request": {
            "connection": {"config": connection},
            "serviceType": "Database",
            "connectionType": connection["type"],
        },
    }
    automation: dict[str, Any] = openmetadata.put("/api/v1/automations/workflows", request)
    server = {
        "hostPort": f"{openmetadata.url}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": openmetadata.token},
    }
    return {**automation, "openMetadataServerConnection": server}


def outcome(openmetadata: OpenMetadataServer, automation: dict[str, Any]) -> dict[str, Any]:
    """Wait until the server has the outcome of an automation, as its UI does."""
    path = f"/api/v1/automations/workflows/{automation['id']}"
    wait_for(lambda: openmetadata.get(path)["status"] in ("Successful", "Failed"), timeout=150)
    found: dict[str, Any] = openmetadata.get(path)
    return found


def sqlite(openmetadata: OpenMetadataServer) -> dict[str, Any]:
    service = openmetadata.get("/api/v1/services/databaseServices/name/sample_sqlite")
    config: dict[str, Any] = service["connection"]["config"]
    return config


def test_a_real_test_of_a_connection_brings_its_steps_to_the_server(openmetadata: OpenMetadataServer) -> None:
    automation = created(openmetadata, sqlite(openmetadata))
    with automations(sys.executable, seconds=150) as running:
        running.start({**automation, "fieldOfANewerServer": 1})
        found = outcome(openmetadata, automation)
    assert found["status"] == "Successful"
    assert found["response"]["status"] == "Successful"
    steps = {step["name"]: step["passed"] for step in found["response"]["steps"]}
    assert steps == dict.fromkeys(("CheckAccess", "GetSchemas", "GetTables", "GetViews"), True)


def test_a_connection_that_can_t_be_made_at_all_is_reported_with_the_reason(
    openmetadata: OpenMetadataServer, caplog: pytest.LogCaptureFixture
) -> None:
    # Its definition is not on the server, so no step of it can be taken.
    password = f"{CANARY}-password"
    login = {"username": "u", "authType": {"password": password}}
    automation = created(openmetadata, {"type": "Redshift", "hostPort": "127.0.0.1:1", "database": "d", **login})
    with automations(sys.executable, seconds=150) as running:
        running.start(automation)
        found = outcome(openmetadata, automation)
    assert found["status"] == "Failed"
    (step,) = found["response"]["steps"]
    assert (step["name"], step["passed"]) == ("CheckAccess", False)
    assert step["message"]
    assert password not in json.dumps(found["response"])
    assert password not in caplog.text


def test_a_connection_that_hangs_is_ended_and_reported_as_failed(
    openmetadata: OpenMetadataServer, silent_port: int
) -> None:
    login = {"username": "u", "authType": {"password": CANARY}}
    automation = created(
        openmetadata, {"type": "Postgres", "hostPort": f"127.0.0.1:{silent_port}", "database": "d", **login}
    )
    with automations(sys.executable, seconds=10) as running:
        running.start(automation)
        found = outcome(openmetadata, automation)
    assert found["status"] == "Failed"
    (step,) = found["response"]["steps"]
    assert step["message"] == "The automation has failed: the child process took longer than 10 s, so it was ended."
