import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sandbox.run import LOG_TAIL_LINES, Progress, RunError, discard, ingest, locked, published
from tests.places import ROOT

REPOSITORY = ROOT


def command(state: Path) -> list[str]:
    return [sys.executable, "-m", "sandbox.run", "--state", str(state)]


def test_a_state_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path):
        second = subprocess.run(command(tmp_path), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == (
        f"{tmp_path} is in use by another run. Stop that one first, or use another folder: --state FOLDER.\n"
    )
    with locked(tmp_path):
        pass


def test_the_lock_is_refused_inside_the_process_too(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(RunError), locked(tmp_path):
        pass


def test_an_old_home_is_discarded_and_none_is_no_error(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    discard(home)
    (home / "logs").mkdir(parents=True)
    (home / "airflow.cfg").write_text("old")
    discard(home)
    assert list(tmp_path.iterdir()) == []


def test_what_is_published_is_for_the_owner_alone_and_goes_with_what_it_tells_of(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    with pytest.raises(KeyboardInterrupt), published(path, {"airflow": "http://127.0.0.1:1"}):
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text()) == {"airflow": "http://127.0.0.1:1"}
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


class Service:
    """A pipeline service and an OpenMetadata server whose only run ends in a state, and brings so many tables."""

    def __init__(self, state: str, tables: list[str]) -> None:
        self.state = state
        self.tables = tables
        self.run_id = ""

    def detect(self) -> str:
        return "/prefix"

    def deploy(self, pipeline: dict[str, Any]) -> dict[str, str]:
        return {"message": f"{pipeline['name']} deployed"}

    def trigger(self, name: str, conf: dict[str, str]) -> dict[str, str]:
        self.run_id = conf["pipelineRunId"]
        return {"message": f"{name} triggered"}

    def status(self, name: str) -> list[dict[str, str]]:
        earlier = {"runId": "earlier", "pipelineState": "success"}
        return [{"runId": self.run_id, "pipelineState": self.state}, earlier]

    def log(self, name: str, task_id: str) -> str:
        return "\n".join(f"{task_id} line {number}" for number in range(1, 101))

    def get(self, path: str) -> dict[str, Any]:
        return {"fqns": {"tables": self.tables}}


def ingest_with(service: Service) -> None:
    stand_in: Any = service
    ingest(stand_in, stand_in, Progress())


def test_a_run_that_fails_is_told_with_the_end_of_its_log() -> None:
    service = Service("failed", tables=["of an earlier run"])
    with pytest.raises(RunError) as error:
        ingest_with(service)
    first, *log = str(error.value).splitlines()
    assert first == f"Run '{service.run_id}' of pipeline 'sample_sqlite_metadata' failed. The end of its log:"
    assert len(log) == LOG_TAIL_LINES
    assert log[-1] == "ingestion_task line 100"


def test_a_run_that_brings_nothing_is_no_success() -> None:
    service = Service("success", tables=[])
    with pytest.raises(RunError, match="no table arrived"):
        ingest_with(service)


def test_what_is_done_and_what_arrived_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service("success", tables=["shop.orders"])
    ingest_with(service)
    said = [line.partition("s] ")[2] or line for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "Deploying sample_sqlite_metadata.json as an OpenMetadata server does, over /prefix ...",
        "sample_sqlite_metadata deployed",
        "sample_sqlite_metadata triggered",
        "The run ended: success",
        "1 tables arrived in OpenMetadata:",
        "  shop.orders",
    ]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command(tmp_path / "state"), cwd=REPOSITORY, stdout=output, stderr=output)
    yield process
    process.kill()
    process.wait()


@pytest.mark.e2e
def test_it_ingests_and_stays_until_it_is_told_to_stop(tmp_path: Path, running: subprocess.Popen[bytes]) -> None:
    output = tmp_path / "output"
    deadline = time.monotonic() + 240
    while "Ready." not in output.read_text():
        assert running.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.2)
    assert " tables arrived in OpenMetadata" in output.read_text()

    endpoints = tmp_path / "state" / "endpoints.json"
    assert endpoints.stat().st_mode & 0o777 == 0o600
    told = json.loads(endpoints.read_text())
    assert set(told) == {"airflow", "username", "password", "openmetadata", "config_store", "service"}
    login = {"username": told["username"], "password": told["password"]}
    assert httpx.post(f"{told['airflow']}/auth/token", json=login, trust_env=False).status_code == 201
    # What a deploy has written, which is not the file that was sent.
    deployed = (Path(told["config_store"]) / "sample_sqlite_metadata.json").stat()
    assert deployed.st_mode & 0o777 == 0o600

    started = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGTERM)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0, output.read_text()
    assert not endpoints.exists()
    assert not [process for process in started if process.is_running()]
    assert "Traceback" not in output.read_text()
