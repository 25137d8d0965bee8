import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.fernet import Fernet

from sandbox.client import AirflowClient
from sandbox.kept import recall
from sandbox.overview import EXAMPLE
from sandbox.progress import Progress
from sandbox.run import LOG_TAIL_LINES, ingest
from sandbox.state_folder import RunError, locked, published
from tests.places import ROOT

REPOSITORY = ROOT
TYPES = {
    "type:metadata",
    "type:lineage",
    "type:profiler",
    "type:TestSuite",
    "type:dbt",
    "type:usage",
    "type:application",
}


def command(state: Path) -> list[str]:
    return [sys.executable, "-m", "sandbox.run", "--state", str(state)]


def test_a_state_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path):
        second = subprocess.run(command(tmp_path), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == (
        f"{tmp_path} is in use by another sandbox, which is not affected. Use that one, or stop it by Ctrl-C in its "
        "terminal. To start another one beside it, give that a folder of its own: make run STATE=FOLDER\n"
    )
    with locked(tmp_path):
        pass


def test_a_sandbox_that_is_in_use_is_named_with_its_address(tmp_path: Path) -> None:
    with locked(tmp_path), published(tmp_path / "endpoints.json", {"airflow": "http://127.0.0.1:1"}):
        with pytest.raises(RunError, match=re.escape(f"{tmp_path} is in use by another sandbox (http://127.0.0.1:1)")):
            locked(tmp_path).__enter__()
        assert (tmp_path / "endpoints.json").exists()


def test_the_lock_is_refused_inside_the_process_too(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(RunError), locked(tmp_path):
        pass


def test_what_is_published_is_for_the_owner_alone_and_goes_with_what_it_tells_of(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    with pytest.raises(KeyboardInterrupt), published(path, {"airflow": "http://127.0.0.1:1"}):
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text()) == {"airflow": "http://127.0.0.1:1"}
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


class Service:
    """
    A pipeline service and an OpenMetadata server whose only run ends in a state, and brings so many tables.

    :param code: the server's answer to each deploy
    """

    def __init__(self, state: str, tables: list[str], code: int = 200) -> None:
        self.state = state
        self.tables = tables
        self.code = code
        self.run_id = ""

    def detect(self) -> str:
        return "/prefix"

    def put(self, path: str, entity: dict[str, Any]) -> dict[str, Any]:
        return {**entity, "id": "id"}

    def post(self, path: str, ids: list[str]) -> list[dict[str, Any]]:
        return [{"code": self.code, "reason": "Airflow refuses it"}]

    def trigger(self, name: str, conf: dict[str, str]) -> dict[str, str]:
        self.run_id = conf["pipelineRunId"]
        return {"message": f"{name} triggered"}

    def status(self, name: str) -> list[dict[str, str]]:
        earlier = {"runId": "earlier", "pipelineState": "success"}
        return [{"runId": self.run_id, "pipelineState": self.state}, earlier]

    def log(self, name: str, task_id: str) -> str:
        return "\n".join(f"{task_id} line {number}" for number in range(1, 101))

    def get(self, path: str) -> dict[str, Any]:
        return {"fqns": {"tables": self.tables}, "id": "id"}


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


def test_a_deploy_that_is_refused_says_why() -> None:
    with pytest.raises(RunError, match="Airflow refuses it"):
        ingest_with(Service("success", tables=["shop.orders"], code=500))


def test_a_run_that_brings_nothing_is_no_success() -> None:
    service = Service("success", tables=[])
    with pytest.raises(RunError, match="no table arrived"):
        ingest_with(service)


def test_what_is_done_and_what_arrived_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service("success", tables=["shop.orders"])
    ingest_with(service)
    said = [line.partition("s] ")[2] or line for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "Having the OpenMetadata server deploy its pipelines, over /prefix ...",
        "Deployed: sample_sqlite_metadata",
        "Deployed: sample_sqlite_lineage",
        "Deployed: sample_sqlite_profiler",
        "sample_sqlite_metadata triggered",
        "Waiting for its run ...",
        "The run ended: success",
        "1 tables arrived in OpenMetadata:",
        "  shop.orders",
    ]


class Sandbox:
    """A run of the sandbox in a process of its own."""

    def __init__(self, state: Path, output: Path) -> None:
        self.state = state
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(command(state), cwd=REPOSITORY, stdout=file, stderr=file)
        self.started: list[psutil.Process] = []

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_until_it_says(self, text: str) -> None:
        deadline = time.monotonic() + 240
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.state / "endpoints.json").read_text())
        return told

    def end(self, number: int) -> None:
        """Send a signal twice, as make and the terminal do, and check that all ends quietly."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        assert started
        self.process.send_signal(number)
        self.process.send_signal(number)
        assert self.process.wait(60) == 0, self.said
        assert not (self.state / "endpoints.json").exists()
        assert not [process for process in started if process.is_running()]
        assert "Traceback" not in self.said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Sandbox]]:
    running: list[Sandbox] = []

    def start() -> Sandbox:
        running.append(Sandbox(tmp_path / "state", tmp_path / f"output{len(running)}"))
        return running[-1]

    yield start
    for sandbox in running:
        sandbox.process.kill()
        sandbox.process.wait()


@pytest.mark.e2e
def test_it_ingests_stays_until_it_is_told_to_stop_and_starts_again_as_it_was(start: Callable[[], Sandbox]) -> None:
    first = start()
    first.wait_until_it_says("Ready.")
    assert " tables arrived in OpenMetadata" in first.said
    told = first.told()
    assert (first.state / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert set(told) == {"airflow", "page", "username", "password", "openmetadata", "config_store", "service"}
    for place in ("airflow", "page", "password", "openmetadata"):
        assert told[place] in first.said
    # What a deploy has written, which is not the file that was sent.
    store = Path(told["config_store"])
    assert (store / "sample_sqlite_metadata.json").stat().st_mode & 0o777 == 0o600

    with AirflowClient(told["airflow"], told["username"], told["password"]) as airflow:
        # As the README says.
        shutil.copy(EXAMPLE, store)
        airflow.wait_for_dag("customers_metadata")
        tags = {dag["dag_id"]: {tag["name"] for tag in dag["tags"]} for dag in listed(airflow)}
        assert len(tags) >= 13
        assert {tag for each in tags.values() for tag in each if tag.startswith("type:")} >= TYPES
        assert [dag_id for dag_id, each in tags.items() if "config-error" in each] == ["shop_refunds"]
        first.wait_until_it_says("warehouse_usage: failed")
        for name in ("shop_lineage", "shop_profiler", "shop_orders_quality", "shop_dbt", "table_counter"):
            assert f"{name}: success" in first.said
        recover(first, store, airflow)
    first.end(signal.SIGTERM)

    new = rotate_keys(first.state)
    second = start()
    second.wait_until_it_says("Ready.")
    assert "Started again in " in second.said
    assert "Making Airflow's database" not in second.said
    assert second.told() == told
    with AirflowClient(told["airflow"], told["username"], told["password"]) as airflow:
        # The runs of the first start are there. At some hours, a scheduled one is due too.
        runs = airflow.api("GET", "/api/v2/dags/shop_lineage/dagRuns")["dag_runs"]
        assert [run["state"] for run in runs if run["run_type"] == "manual"] == ["success"]
        # With a new token of the bot, and with the older key and the new one.
        assert airflow.wait_for_run("sample_sqlite_metadata", airflow.trigger("sample_sqlite_metadata")) == "success"
        forget_the_old_key(second, new)
        assert airflow.wait_for_run("sample_sqlite_metadata", airflow.trigger("sample_sqlite_metadata")) == "success"
    second.end(signal.SIGINT)


def ours(sandbox: Sandbox, *arguments: str, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Run one of our commands, as a user of the sandbox does, and return what it prints."""
    return airflows(sandbox, [sys.executable, "-m", "dag_factory.cli", *arguments], code, env)


def airflows(sandbox: Sandbox, command: list[str], code: int = 0, env: dict[str, str] | None = None) -> str:
    env = {**os.environ, "AIRFLOW_HOME": str(sandbox.state / "airflow"), **(env or {})}
    done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def recover(sandbox: Sandbox, store: Path, airflow: AirflowClient) -> None:
    """Lose the config store, and do what docs/recover.md says."""
    assert "no difference" in ours(sandbox, "diff")
    shutil.rmtree(store)
    assert "is not a folder" in ours(sandbox, "diff", code=3)
    store.mkdir()
    assert "adopt-store" in ours(sandbox, "diff", code=3)
    assert "is adopted" in ours(sandbox, "adopt-store")
    assert "3 only on the server" in ours(sandbox, "diff", code=1)
    assert "3 of 3 pipelines deployed" in ours(sandbox, "sync")
    shutil.copytree(REPOSITORY / "sandbox" / "pipelines", store / "sandbox")
    assert "no difference" in ours(sandbox, "diff")
    airflow.wait_for_dag("sample_sqlite_lineage")
    assert airflow.wait_for_run("sample_sqlite_metadata", airflow.trigger("sample_sqlite_metadata")) == "success"


def rotate_keys(state: Path) -> str:
    """Give Airflow a new Fernet key before the old one, and OpenMetadata's bot another token; return the new key."""
    kept = json.loads((state / "kept.json").read_text())
    new = Fernet.generate_key().decode()
    (state / "kept.json").write_text(
        json.dumps({**kept, "fernet_key": f"{new},{kept['fernet_key']}", "token": "another-token-of-the-bot"})
    )
    return new


def forget_the_old_key(sandbox: Sandbox, new: str) -> None:
    """Rotate the Fernet key, as docs/configs.md says, and check that nothing needs the old one any more."""
    only_new = {"AIRFLOW__CORE__FERNET_KEY": new}
    assert "3 of 3 configs with encrypted values can't be decrypted" in ours(sandbox, "doctor", code=1, env=only_new)
    airflows(sandbox, [sys.executable, "-m", "airflow", "rotate-fernet-key"])
    assert "3 configs encrypted again" in ours(sandbox, "rotate-key")
    # The Connection, whose password is the new token, and the values of the store.
    assert "no difference" in ours(sandbox, "diff", env=only_new)
    assert "3 configs hold encrypted values, and all can be decrypted" in ours(sandbox, "doctor", code=1, env=only_new)


def listed(airflow: AirflowClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.api("GET", "/api/v2/dags?limit=100")["dags"]
    return found


@pytest.mark.e2e
def test_it_ends_quietly_while_it_starts_and_leaves_ports_in_use_to_others(
    start: Callable[[], Sandbox], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    kept = recall(tmp_path / "state" / "kept.json")
    with (
        socket.create_server(("127.0.0.1", kept.airflow_port)) as airflow,
        socket.create_server(("127.0.0.1", kept.openmetadata_port)) as openmetadata,
    ):
        sandbox = start()
        sandbox.wait_until_it_says("Making Airflow's database")
        for listener in (airflow, openmetadata):
            assert f"Port {listener.getsockname()[1]} is in use by another program, so " in sandbox.said
        config = (sandbox.state / "airflow" / "airflow.cfg").read_text()
        assert f"port = {kept.airflow_port}\n" not in config
        sandbox.end(signal.SIGINT)
        for listener in (airflow, openmetadata):
            with socket.create_connection(listener.getsockname()), listener.accept()[0]:
                pass
    # At the next start, they may be free again.
    assert recall(tmp_path / "state" / "kept.json") == kept


def test_it_ends_with_a_line_where_it_can_t_be_run(tmp_path: Path) -> None:
    (tmp_path / "configs").write_text("no folder")
    done = subprocess.run(command(tmp_path), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "configs" in done.stderr
