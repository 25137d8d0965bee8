import configparser
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from airflow.configuration import conf

from sandbox.client import BUSY_DATABASE, AirflowApiError, AirflowClient, wait_until
from sandbox.process import ProcessDied
from sandbox.stack import API_SERVER_SQLITE_SECONDS, COMPONENTS, AirflowStack, child_environment
from tests.waiting import wait_for

DAG = """
from airflow.sdk import DAG, task

with DAG("sandbox_stack", is_paused_upon_creation=False):

    @task
    def add(params: dict) -> None:
        print(params["left"] + params["right"])

    add()
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AirflowStack]:
    """A stack that isn't started."""
    stack = AirflowStack(
        tmp_path / "home", dags_folder=tmp_path, config={"core": {"parallelism": 2}, "ours": {"option": "50 %"}}
    )
    yield stack
    stack.stop()


def family(stack: AirflowStack) -> list[psutil.Process]:
    """Every process of a stack that runs: the leashes, what they hold, and all below."""
    roots = [psutil.Process(process.pid) for process in stack.processes.values() if process.exit_code is None]
    if stack.template is not None:
        roots.append(psutil.Process(stack.template.pid))
    return roots + [child for root in roots for child in root.children(recursive=True)]


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    found = set()
    for process in processes:
        # A task's process may have ended since it was found.
        with suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add((connection.laddr.ip, connection.laddr.port))
    return found


def test_options_are_laid_over_the_defaults_and_a_percent_sign_survives(stack: AirflowStack) -> None:
    stack.prepare()
    config = configparser.ConfigParser()
    config.read(stack.home / "airflow.cfg")
    assert config["core"]["parallelism"] == "2"
    assert config["core"]["executor"] == "LocalExecutor"
    assert config["ours"]["option"] == "50 %"


def test_secrets_are_for_the_owner_alone_and_new_for_each_stack(stack: AirflowStack, tmp_path: Path) -> None:
    stack.prepare()
    for name in ("airflow.cfg", "passwords.json"):
        assert (stack.home / name).stat().st_mode & 0o777 == 0o600
    assert json.loads((stack.home / "passwords.json").read_text()) == {"admin": stack.password}
    with_other_secrets = AirflowStack(tmp_path / "other", dags_folder=tmp_path)
    with_other_secrets.stop()
    assert with_other_secrets.password != stack.password


def test_children_get_the_environment_without_settings_of_another_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.setenv("KEPT", "yes")
    before = dict(os.environ)
    environment = child_environment({"ADDED": "too"})
    assert not {"AIRFLOW__CORE__EXECUTOR", "PYTHONDONTWRITEBYTECODE"} & set(environment)
    assert environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert (environment["KEPT"], environment["ADDED"]) == ("yes", "too")
    assert dict(os.environ) == before


def test_a_wait_in_vain_says_what_was_seen_last() -> None:
    with pytest.raises(TimeoutError, match=r"^Waited 0 s for the sun\. Last seen: clouds$"):
        wait_until(lambda: (None, "clouds"), "the sun", 0)


# In place of Airflow: its database is migrated, its scheduler dies, and each other component waits with a child.
STAND_IN = """#!/bin/sh
case "$3" in
    db) ;;
    scheduler) echo "No module named 'nowhere'"; exit 1 ;;
    *) sleep 60 & wait ;;
esac
"""


def test_a_component_that_dies_is_named_and_none_is_left(tmp_path: Path) -> None:
    started: list[psutil.Process] = []
    stand_in = tmp_path / "stand_in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)

    class Watched(AirflowStack):
        def stop(self) -> None:
            started.extend(family(self))
            super().stop()

    stack = Watched(tmp_path / "home", dags_folder=tmp_path, python=str(stand_in))
    with pytest.raises(ProcessDied, match=r"(?s)^scheduler ended with exit code 1\..*nowhere"), stack:
        pass
    assert started
    assert not [process for process in started if process.is_running()]


def test_forked_components_end_with_the_stack(tmp_path: Path) -> None:
    package = tmp_path / "airflow"
    package.mkdir()
    (package / "__init__.py").touch()
    said = "'migrate' in sys.argv or print(sys.argv, flush=True) or time.sleep(60)"
    (package / "__main__.py").write_text(f"import sys, time; {said}")
    stack = AirflowStack(tmp_path / "home", dags_folder=tmp_path, env={"PYTHONPATH": str(tmp_path)}, forked=True)
    try:
        stack.prepare()
        stack.migrate()
        stack.start_components()
        logs = {name: stack.logs / f"{name}.log" for name in COMPONENTS}
        wait_for(lambda: all(f"'{name}'" in log.read_text() for name, log in logs.items()))
        started = set(family(stack))
        # The template and each component, with their leashes.
        assert len(started) == 2 * (1 + len(COMPONENTS))
    finally:
        stack.stop()
    assert not [process for process in started if process.is_running()]


@pytest.mark.e2e
def test_it_runs_a_dag_that_is_dropped_later_and_listens_at_one_port_alone(
    airflow: AirflowStack, dags_folder: Path
) -> None:
    assert set(airflow.processes) == set(COMPONENTS) - {"triggerer"}
    (dags_folder / "later.py").write_text(DAG)
    airflow.wait_for_dag("sandbox_stack")

    run_id = airflow.trigger("sandbox_stack", conf={"left": 20, "right": 22}, run_id="by-hand+1")
    assert run_id == "by-hand+1"
    assert airflow.wait_for_run("sandbox_stack", run_id) == "success"
    assert airflow.task_states("sandbox_stack", run_id) == {"add": "success"}
    assert "42" in airflow.task_log("sandbox_stack", run_id, "add")

    assert listening(family(airflow)) == {("127.0.0.1", int(airflow.url.rpartition(":")[2]))}
    (dags_folder / "later.py").unlink()


def test_an_api_server_gives_up_on_a_locked_sqlite_file_before_a_task_gives_up_on_it() -> None:
    assert conf.getfloat("workers", "execution_api_timeout") > API_SERVER_SQLITE_SECONDS


@pytest.mark.e2e
def test_an_api_server_does_not_wait_as_long_for_a_locked_sqlite_file_as_others_do(airflow_apart: AirflowStack) -> None:
    variable = {"key": "written", "value": "once"}
    with closing(sqlite3.connect(airflow_apart.home / "airflow.db", timeout=60, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        while_locked = airflow_apart.request("POST", "/api/v2/variables", json=variable, timeout=30)
    assert while_locked.status_code == 500
    assert BUSY_DATABASE in while_locked.text
    assert airflow_apart.api("POST", "/api/v2/variables", json=variable)["key"] == "written"
    airflow_apart.wait_until_healthy()


@pytest.mark.e2e
def test_it_refuses_a_wrong_password(airflow: AirflowStack) -> None:
    with AirflowClient(airflow.url, "admin", "wrong") as stranger, pytest.raises(AirflowApiError) as refused:
        stranger.api("GET", "/api/v2/dags")
    assert refused.value.status == 401


@pytest.mark.e2e
def test_a_dag_that_never_comes_is_said_so(airflow: AirflowStack) -> None:
    with pytest.raises(TimeoutError, match=r"DAG 'nobody' to appear\. Last seen: .*404.*import errors: none"):
        airflow.wait_for_dag("nobody", timeout=0)
