"""The tasks: what they refuse to run, and in which words."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from dag_factory.settings.airflow_versions import AirflowFailException
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from dag_factory.task.operator import IngestionOperator
from tests.places import TESTS

SAMPLE = TESTS / "samples" / "pg_metadata_hourly.json"

RUN = SimpleNamespace(conf=None)


def context(task: IngestionOperator, run: SimpleNamespace | None = RUN) -> Any:
    """Return what the task reads of its context; its first try is the last one."""
    instance = SimpleNamespace(try_number=1, max_tries=0, xcom_push=lambda **_: None)
    return {"dag_run": run, "run_id": "run", "task": task, "ti": instance}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("defaults.yaml", "config 'defaults.yaml': is not YAML"),
        ("orders.json", "config 'orders.json': is not JSON"),
        ("other.json", "no config of the store has the DAG id 'orders' any more"),
    ],
)
def test_a_config_that_breaks_between_parse_and_start_is_refused_and_not_run_in_part(
    store: Path, broken: str, problem: str
) -> None:
    if broken == "defaults.yaml":
        (store / "orders.json").write_text(json.dumps({**json.loads(SAMPLE.read_text()), "name": "orders"}))
    (store / broken).write_text("{")
    task = IngestionOperator(task_id="ingestion_task", dag=DAG("orders"))
    with pytest.raises(AirflowFailException, match=f"^{problem}"):
        task.execute(context(task, None))


@pytest.mark.parametrize("server", ["http://canary/api", ["canary"], None])
def test_a_server_that_is_no_object_is_refused_by_its_field(store: Path, server: object) -> None:
    document = {**json.loads(SAMPLE.read_text()), "name": "orders", "openMetadataServerConnection": server}
    (store / "orders.json").write_text(json.dumps(document))
    task = IngestionOperator(task_id="ingestion_task", dag=DAG("orders"))
    with pytest.raises(
        AirflowFailException, match=r"^config 'orders.json', field 'openMetadataServerConnection': is "
    ) as error:
        task.execute(context(task))
    assert "canary" not in str(error.value)


def last_good(store: Path) -> None:
    """Keep a copy of a good config, as the DAG processor does, and break the config."""
    document = {**json.loads(SAMPLE.read_text()), "name": "orders", "version": 7}
    document["openMetadataServerConnection"] = {"hostPort": {"$env": "OPENMETADATA_NOT_IN_WORKER"}}
    folder = FolderStore(store)
    folder.last_good.keep([Version("orders", "orders.json", document)], InUse(), since=time.time() + 60, complete=True)


@pytest.mark.parametrize("content", ["{", json.dumps({**json.loads(SAMPLE.read_text()), "name": "orders"}), None])
def test_a_dag_that_was_built_from_a_last_good_version_runs_that_one(
    store: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """What it runs is seen by the field that the copy alone has wrong."""
    last_good(store)
    if content is not None:
        (store / "orders.json").write_text(content)
    task = IngestionOperator(task_id="ingestion_task", problem="config 'orders.json': is bad.", dag=DAG("orders"))
    with pytest.raises(AirflowFailException, match=r"field 'openMetadataServerConnection.hostPort'"):
        task.execute(context(task))
    (said,) = [record.getMessage() for record in caplog.records if "last good" in record.getMessage()]
    assert said.startswith("config 'orders.json': is bad. The last good version runs: version 7, digest ")


def test_a_config_that_breaks_between_parse_and_start_runs_its_last_good_version(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last_good(store)
    (store / "orders.json").write_text("{")
    task = IngestionOperator(task_id="ingestion_task", dag=DAG("orders"))
    with pytest.raises(AirflowFailException, match=r"field 'openMetadataServerConnection.hostPort'"):
        task.execute(context(task))
    assert "config 'orders.json': is not JSON" in caplog.text
