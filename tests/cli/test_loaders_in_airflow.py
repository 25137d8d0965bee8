"""A real Airflow whose one loader is replaced by four, and these by one again, while it runs."""

from __future__ import annotations

import os
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shard_of, shards
from sandbox.client import wait_until
from sandbox.stack import AirflowStack, child_environment
from tests.airflow_versions import OUR_COMMANDS
from tests.e2e.pipelines import drop, sample
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e

# At least one in each of four shards; the last is deployed only once they are there.
NAMES = [f"sharded_{number}" for number in range(8)]
assert {shard_of(name, 4) for name in NAMES} == set(shards(4))


class Move:
    """The command that moves an Airflow to another number of shards, and what is seen of its DAGs meanwhile."""

    def __init__(self, airflow: AirflowStack, of: int) -> None:
        self._airflow = airflow
        path = os.environ.get("PYTHONPATH", "")
        self._process = subprocess.Popen(
            [*OUR_COMMANDS, "init", "--shards", str(of)],
            env=child_environment({"AIRFLOW_HOME": str(airflow.home), "PYTHONPATH": path}),
            cwd=airflow.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # For how many seconds a DAG was seen to be missing.
        self.stale_seconds = 0.0
        self.output = ""

    def watch(self) -> None:
        """Look at the DAGs until some time after the command has ended."""
        done_at: float | None = None
        while done_at is None or time.monotonic() < done_at + 8:
            began = time.monotonic()
            dags = dags_of(self._airflow)
            if set(dags) != set(NAMES) or any(dag["is_stale"] for dag in dags.values()):
                self.stale_seconds += time.monotonic() - began + 0.3
            if done_at is None and self._process.poll() is not None:
                done_at = time.monotonic()
            time.sleep(0.3)
        self.output = self._process.communicate()[0]
        assert self._process.returncode == 0, self.output


def dags_of(airflow: AirflowStack) -> dict[str, dict[str, Any]]:
    """Return what Airflow says of our DAGs, those that are stale included."""
    found = airflow.api("GET", "/api/v2/dags", params={"dag_id_pattern": "sharded_", "exclude_stale": False})["dags"]
    return {dag["dag_id"]: dag for dag in found}


def files_of(airflow: AirflowStack) -> dict[str, str]:
    return {dag_id: dag["relative_fileloc"] for dag_id, dag in dags_of(airflow).items()}


def state_of(airflow: AirflowStack) -> dict[str, tuple[bool, list[str]]]:
    """Return of each DAG whether it is paused, and its runs."""
    runs = {
        dag_id: sorted(run["dag_run_id"] for run in airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"])
        for dag_id in NAMES
    }
    return {dag_id: (dag["is_paused"], runs[dag_id]) for dag_id, dag in dags_of(airflow).items()}


def versions_of(airflow: AirflowStack) -> dict[str, int]:
    return {dag_id: airflow.api("GET", f"/api/v2/dags/{dag_id}/dagVersions")["total_entries"] for dag_id in NAMES}


def test_one_loader_becomes_four_and_one_again_and_no_dag_is_lost(airflow_apart: AirflowStack) -> None:
    airflow = airflow_apart
    store = FolderStore(airflow.option("openmetadata_dag_factory", "config_store"))
    loaders = LoaderFolder(Path(airflow.option("core", "dags_folder")))
    for name in NAMES:
        drop(store.root, sample(name, airflowConfig={"scheduleInterval": None}))
    for name in NAMES:
        airflow.wait_for_dag(name)
    assert set(files_of(airflow).values()) == {WHOLE.file_name}
    for number, name in enumerate(NAMES):
        airflow.api("PATCH", f"/api/v2/dags/{name}", json={"is_paused": number % 2 == 0})
    ran = NAMES[:3:2]
    for name in ran:
        airflow.api("POST", f"/api/v2/dags/{name}/dagRuns", json={"logical_date": None})
    before, versions = state_of(airflow), versions_of(airflow)

    move = Move(airflow, 4)
    move.watch()
    print(f"1 -> 4: stale for {move.stale_seconds:.1f} s\n{move.output}")
    assert "openmetadata_loader.py' was removed." in move.output
    assert loaders.found() == shards(4)
    assert files_of(airflow) == {name: shard_of(name, 4).file_name for name in NAMES}
    assert move.stale_seconds == 0
    assert state_of(airflow) == before
    # To Airflow, the loader's name is a part of the DAG: one that has run gets one more version.
    assert versions_of(airflow) == {name: count + (name in ran) for name, count in versions.items()}

    only_the_shard_of_a_change_is_parsed(airflow, store)

    move = Move(airflow, 1)
    move.watch()
    print(f"4 -> 1: stale for {move.stale_seconds:.1f} s\n{move.output}")
    assert loaders.found() == [WHOLE]
    assert set(files_of(airflow).values()) == {WHOLE.file_name}
    assert move.stale_seconds == 0
    assert state_of(airflow) == before
    assert airflow.import_errors() == {}


def is_described(airflow: AirflowStack, name: str, text: str) -> tuple[bool | None, str]:
    return airflow.wait_for_dag(name)["description"] == text or None, ""


def only_the_shard_of_a_change_is_parsed(airflow: AirflowStack, store: FolderStore) -> None:
    name = NAMES[0]

    def parsed(way: str, description: str) -> set[Shard]:
        before = {each: dag["last_parsed_time"] for each, dag in dags_of(airflow).items()}
        began = time.monotonic()
        document = sample(name, description=description, airflowConfig={"scheduleInterval": None})
        if way == "dropped":
            drop(store.root, document)
        else:
            with calling(airflow) as server:
                server.deploy(document)
        wait_until(partial(is_described, airflow, name, description), f"'{name}' as it is {way}", timeout=60)
        print(f"{way} to visible: {time.monotonic() - began:.1f} s")
        after = {each: dag["last_parsed_time"] for each, dag in dags_of(airflow).items()}
        return {shard_of(each, 4) for each in NAMES if after[each] != before[each]}

    for way in ("dropped", "deployed"):
        # Of what changed while there was one loader, all are parsed once more some time later, maybe just now.
        found = [parsed(way, f"{way} for the {number}. time") for number in range(3)]
        assert found.count({shard_of(name, 4)}) >= 2, found
