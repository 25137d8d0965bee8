"""Where Airflow keeps the logs of tasks elsewhere, the server gets them from there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_factory.api.log_pages import readable
from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

NAME, TASK = "remote_log", "ingestion_task"

# Airflow looks for the store of the tasks' logs beside the logging config that a setting names. That can't be Airflow's
# own, which knows stores on the network only.
REMOTE = """
import os, shutil
from pathlib import Path

from airflow.configuration import conf

HANDLER = "airflow.utils.log.file_task_handler.FileTaskHandler"
LOGGING_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"task": {"class": HANDLER, "base_log_folder": conf.get("logging", "base_log_folder")}},
    "loggers": {"airflow.task": {"handlers": ["task"], "level": "INFO"}},
}


class Folder:
    processors = ()

    def upload(self, path, ti=None):
        to = self.remote(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_suffix(".partial")
        shutil.copyfile(Path(conf.get("logging", "base_log_folder"), path), partial)
        os.replace(partial, to)

    def stream(self, relative_path, ti):
        log = self.remote(relative_path)
        return ([f"elsewhere: {log}"], [self.lines(log)]) if log.exists() else ([], [])

    def remote(self, path):
        return Path(conf.get("logging", "remote_base_log_folder"), path)

    def lines(self, log):
        with log.open() as lines:
            yield from lines


REMOTE_TASK_LOG = Folder()
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


@pytest.fixture
def airflow(tmp_path: Path, elsewhere: Path, openmetadata: OpenMetadataServer) -> Iterator[AirflowStack]:
    module = tmp_path / "home" / "config" / "remote_folder.py"
    module.parent.mkdir(parents=True)
    module.write_text(REMOTE)
    (tmp_path / "configs").mkdir()
    config: AirflowConfig = {
        "openmetadata_dag_factory": {"config_store": tmp_path / "configs"},
        "logging": {
            "remote_logging": True,
            "remote_base_log_folder": elsewhere,
            "logging_config_class": "remote_folder.LOGGING_CONFIG",
        },
    }
    home = tmp_path / "home"
    with AirflowStack(home, dags_folder=ROOT / "dags", config=config, env=openmetadata.env) as stack:
        yield stack


def test_a_log_that_is_kept_elsewhere_is_whole_and_readable_when_the_local_one_is_gone(
    airflow: AirflowStack, elsewhere: Path
) -> None:
    sample = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
    with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as server:
        server.deploy({**sample, "name": NAME, "fullyQualifiedName": f"sample_sqlite.{NAME}"})
        server.trigger(NAME, {"pipelineRunId": str(uuid.uuid4())})

        def uploaded() -> tuple[Path | None, str]:
            runs = server.status(NAME)
            return next(elsewhere.rglob("attempt=1.log"), None), f"{runs}"

        remote = wait_until(uploaded, "the log to be kept elsewhere", timeout=300)
        local = airflow.home / "logs" / remote.relative_to(elsewhere)
        written = local.read_bytes()
        local.unlink()

        log = server.log(NAME, TASK).splitlines()

    assert f"elsewhere: {remote}" in log
    text = [readable(entry) for entry in written.splitlines()]
    lines = [line for entry in text if entry is not None for line in entry.splitlines()]
    assert any("Workflow Success %: 100.0" in line for line in lines)
    assert sorted(set(lines) - set(log)) == []
    assert not [line for line in log if line.startswith("{")]
