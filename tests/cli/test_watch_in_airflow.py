"""A real Airflow whose store is watched by `airflow openmetadata-dag-factory watch` while its API server is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import shard_of
from sandbox.client import wait_until
from sandbox.stack import AirflowStack, child_environment
from tests.e2e.airflows import LOADERS, WATCHING, log_of, wait_for_log, wait_for_parse
from tests.e2e.pipelines import drop, sample

pytestmark = pytest.mark.e2e

NAME = "seen_by_the_command"


def test_the_command_waits_while_the_api_server_watches_and_does_the_same_once_it_is_gone(
    airflow: AirflowStack, config_store: Path
) -> None:
    store, shard = FolderStore(config_store), shard_of(NAME, LOADERS)
    with (airflow.logs / "watch.log").open("wb") as output:
        command = subprocess.Popen(
            [sys.executable, "-m", "airflow", "openmetadata-dag-factory", "watch"],
            env=child_environment({"AIRFLOW_HOME": str(airflow.home), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}),
            cwd=airflow.home,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for_log(airflow, "Another process watches", "watch")
            airflow.stop_component("api-server")
            wait_for_log(airflow, WATCHING, "watch")
            drop(store.root, sample(NAME))
            wait_for_log(airflow, f"config '{NAME}.json' is new, and is good: DAG '{NAME}'", "watch")
            wait_for_parse(store, shard)
            command.send_signal(signal.SIGTERM)
            code = command.wait(30)
        finally:
            command.kill()
            command.wait()
            # Others need it too.
            watched = log_of(airflow).count(WATCHING)
            if "api-server" not in airflow.processes:
                airflow.start_component("api-server")
            airflow.wait_until_healthy()
    wait_until(lambda: (log_of(airflow).count(WATCHING) > watched or None, ""), "to watch again", timeout=60)
    assert code == 0, log_of(airflow, "watch")
    assert "Traceback" not in log_of(airflow, "watch")
