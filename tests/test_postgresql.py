"""On PostgreSQL, which enforces what SQLite lets pass: widths of columns, ranges of numbers, what a text may hold."""

from __future__ import annotations

import json
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.stack import AirflowStack
from tests.documents import REST
from tests.e2e.dags import listed, tags
from tests.e2e.pipelines import TASK, drop, sample
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e

LONG = "long " * 10_000


@pytest.fixture
def airflow(airflow_under_load: AirflowStack) -> AirflowStack:
    return airflow_under_load


@pytest.fixture
def store(airflow: AirflowStack) -> Path:
    return Path(airflow.option("openmetadata_dag_factory", "config_store"))


def extreme(name: str, **fields: Any) -> dict[str, Any]:
    service = {"type": "databaseService", "name": LONG}
    return {"name": name, "pipelineType": "metadata", "service": service, **REST, **fields}


EXTREMES = [
    extreme("texts", displayName=LONG, description=LONG, owners=[{"name": f"{LONG}{n}"} for n in range(10)]),
    extreme("scripts", displayName="Bestellungen 📦 注文 ", description="\u202e\ufeff\u0001 <script>alert(1)</script>"),
    extreme("x" * 250, airflowConfig={"retries": 2**31 - 1, "retryDelay": 2**31 - 1, "concurrency": 2**31 - 1}),
    extreme("y" * 300),
    extreme("late", airflowConfig={"startDate": "2899-12-31T23:59:59Z", "pipelineTimezone": "Pacific/Kiritimati"}),
    extreme("early", airflowConfig={"startDate": "1970-01-01", "scheduleInterval": "0 0 29 2 *"}),
    extreme(
        "wordy",
        airflowConfig={"scheduleInterval": f"{','.join(map(str, range(60)))} {','.join(['1-23'] * 99)} 1-31 * *"},
    ),
    extreme(
        "patient", airflowConfig={"workflowTimeout": 2**31 - 1, "maxActiveRuns": 2**31 - 1, "scheduleInterval": "@once"}
    ),
    extreme("restless", airflowConfig={"scheduleInterval": "@continuous"}),
    extreme("nul", description="a\x00b"),
    extreme("half", description="a\ud800b"),
]


def test_the_most_extreme_configs_stop_no_pipeline_from_running(airflow: AirflowStack, store: Path) -> None:
    folder = store / "extremes"
    folder.mkdir()
    for document in EXTREMES:
        (folder / f"{document['name'][:50]}.json").write_text(json.dumps(document))
    beside = drop(folder, sample("beside_extremes"))
    airflow.wait_for_dag(beside)
    begins = {document["name"][:50] for document in EXTREMES}
    dags = {dag["dag_id"]: dag for dag in listed(airflow) if dag["dag_id"][:50] in begins}
    broken = {dag_id for dag_id, dag in dags.items() if "config-error" in tags(dag)}
    assert len(dags) == len(EXTREMES)
    assert {dag_id[:241] for dag_id in broken} == {"nul", "half", "y" * 241}
    assert airflow.import_errors() == {}

    run_id = airflow.trigger(beside)

    assert airflow.wait_for_run(beside, run_id) == "success"
    versions = airflow.api("GET", f"/api/v2/dags/{beside}/dagVersions")
    assert versions["total_entries"] == 1
    # One of them runs without a pause, which other tests here needn't wait for.
    for dag_id in dags:
        airflow.api("PATCH", f"/api/v2/dags/{quote(dag_id, safe='')}", json={"is_paused": True})
    shutil.rmtree(folder)


def test_twenty_pipelines_live_their_whole_lives_at_once(airflow: AirflowStack) -> None:
    # SQLite lets one write at a time, and Airflow's own API then fails under such a load.
    names = [f"crowd_{number:02}" for number in range(20)]

    def start(name: str) -> str:
        with calling(airflow) as server:
            server.deploy(sample(name))
            run_id = str(uuid.uuid4())
            server.trigger(name, {"pipelineRunId": run_id})
            return run_id

    def end(name: str) -> str:
        with calling(airflow) as server:
            (run,) = server.status(name)
            assert "Workflow Success %: 100.0" in server.log(name, TASK)
            server.disable(name)
            queued = str(uuid.uuid4())
            server.trigger(name, {"pipelineRunId": queued})
            assert queued in {run["runId"] for run in server.status(name)}
            assert server.status(name, only_queued=True) == []  # the server has recorded the run itself
            assert "1 run " in server.kill(name)["message"]
            server.enable(name)
            assert "is deployed." in server.deploy(sample(name, description="Another one."))["message"]
            assert "is deleted" in server.delete(name)["message"]
            return str(run["pipelineState"])

    with ThreadPoolExecutor(len(names)) as crowd:
        for name, run_id in zip(names, crowd.map(start, names), strict=True):
            airflow.wait_for_run(name, run_id, timeout=600)
        assert set(crowd.map(end, names)) == {"success"}
    left = airflow.api("GET", "/api/v2/dags", params={"dag_id_pattern": "crowd_", "exclude_stale": "false"})
    assert left["dags"] == []
