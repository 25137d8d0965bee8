"""A real Airflow whose configs break: their DAGs go on as they were, in every process, until they are mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.dags import tags
from tests.e2e.pipelines import sample
from tests.e2e.runs import reported, run
from tests.e2e.servers import calling

pytestmark = [pytest.mark.e2e, pytest.mark.together]

DAILY = {"airflowConfig": {"scheduleInterval": "0 3 * * *"}}


@pytest.fixture(scope="module")
def service(airflow: AirflowStack) -> Iterator[PipelineServiceClient]:
    with calling(airflow) as client:
        yield client


def details(airflow: AirflowStack, dag_id: str) -> dict[str, Any]:
    dag: dict[str, Any] = airflow.api("GET", f"/api/v2/dags/{dag_id}/details")
    return dag


def wait_for(airflow: AirflowStack, dag_id: str, what: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until Airflow has something written down of a DAG."""
    airflow.wait_for_dag(dag_id)

    def look() -> tuple[dict[str, Any] | None, str]:
        dag = details(airflow, dag_id)
        return (dag if is_so(dag) else None), f"{sorted(tags(dag))}, parsed {dag['last_parsed_time']}"

    return wait_until(look, f"DAG '{dag_id}': {what}", timeout=120)


def says_so(dag: dict[str, Any]) -> bool:
    return str(dag["doc_md"]).startswith("### The config is broken, so its last good version runs")


# Airflow takes a DAG's tags from each parse, and its docs from one some seconds after the last that it has taken.
def is_broken(dag: dict[str, Any]) -> bool:
    return "config-error" in tags(dag) and says_so(dag)


def is_good(dag: dict[str, Any]) -> bool:
    return "config-error" not in tags(dag) and not says_so(dag)


def is_waiting(dag: dict[str, Any]) -> bool:
    return is_good(dag) and (dag["next_dagrun_run_after"] or "") > datetime.now(timezone.utc).isoformat()


def wait_for_copy(store: Path, dag_id: str) -> None:
    wait_until(lambda: (list(store.glob(f".last_good/??/{dag_id}.*")) or None, ""), f"copy of {dag_id}", timeout=60)


def test_a_config_that_breaks_runs_as_it_was_in_every_process_until_it_is_mended_or_removed(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, service: PipelineServiceClient
) -> None:
    dag_id, path = "survivor", config_store / "survivors" / "first.json"
    path.parent.mkdir()
    path.write_text(json.dumps(sample(dag_id, version=0.3, **DAILY)))
    # Its first run may be one of a time that has passed.
    before = wait_for(airflow, dag_id, "good, and to run next in the future", is_waiting)
    wait_for_copy(config_store, dag_id)

    path.write_bytes(path.read_bytes()[:40])
    broken = wait_for(airflow, dag_id, "broken", is_broken)

    assert tags(broken) == {*tags(before), "config-error", "last-good"}
    assert broken["description"].startswith(
        "Config error, the last good version runs. survivors/first.json:1:37: is not JSON"
    )
    assert broken["is_paused"] is before["is_paused"] is False
    assert broken["next_dagrun_run_after"] == before["next_dagrun_run_after"] is not None
    assert broken["timetable_summary"] == before["timetable_summary"]
    for said in ("survivors/first.json", "is not JSON", "| Since | 20", "version 0.3, digest "):
        assert said in broken["doc_md"]
    assert broken["doc_md"].endswith(before["doc_md"])
    assert airflow.import_errors() == {}

    _, state, log = run(airflow, dag_id)
    assert state == "success", log
    assert "config 'survivors/first.json': is not JSON" in log
    assert "The last good version runs: version 0.3, digest " in log
    assert set(reported(openmetadata, f"sample_sqlite.{dag_id}").values()) == {"success"}

    # What a server asks for by the pipeline's name.
    service.disable(dag_id)
    service.enable(dag_id)
    started = service.trigger(dag_id)["run_id"]
    assert airflow.wait_for_run(dag_id, started) == "success"
    assert "success" in {each["pipelineState"] for each in service.status(dag_id)}

    airflow.stop_component("dag-processor")
    stopped = details(airflow, dag_id)["last_parsed_time"]
    airflow.start_component("dag-processor")
    again = wait_for(airflow, dag_id, "parsed anew", lambda dag: bool(dag["last_parsed_time"] > stopped))
    assert (tags(again), again["doc_md"]) == (tags(broken), broken["doc_md"])

    path.write_text(json.dumps(sample(dag_id, version=0.4, **DAILY)))
    mended = wait_for(airflow, dag_id, "mended", is_good)
    assert tags(mended) == tags(before)

    path.write_bytes(b"")
    wait_for(airflow, dag_id, "broken again", is_broken)
    service.delete(dag_id)
    assert not path.exists()
    assert list(config_store.glob(f".last_good/??/{dag_id}.*")) == []
    assert airflow.request("GET", f"/api/v2/dags/{dag_id}").status_code == 404


def test_broken_defaults_stop_none_of_the_configs_upon_them_and_a_deploy_takes_the_place_of_one(
    airflow: AirflowStack, config_store: Path, service: PipelineServiceClient
) -> None:
    folder = config_store / "upon_defaults"
    folder.mkdir()
    whole = sample("x", **DAILY)
    own = ("name", "displayName", "fullyQualifiedName")
    names = ["upon_one", "upon_two", "upon_three"]
    (folder / "defaults.yaml").write_text(yaml.safe_dump({k: v for k, v in whole.items() if k not in own}))
    for name in names:
        (folder / f"{name}.yaml").write_text(
            yaml.safe_dump({field: value for field, value in sample(name).items() if field in own})
        )
    before = {name: wait_for(airflow, name, "good", is_good) for name in names}
    wait_for_copy(config_store, names[-1])

    (folder / "defaults.yaml").write_text("pipelineType: [")
    for name in names:
        dag = wait_for(airflow, name, "broken", is_broken)
        assert dag["timetable_summary"] == before[name]["timetable_summary"]
        assert not dag["is_paused"]
        assert "upon_defaults/defaults.yaml" in dag["doc_md"].replace("\\", "")

    deployed = sample(names[0], **DAILY)
    assert "is deployed." in service.deploy(deployed)["message"]
    wait_for(airflow, names[0], "deployed", is_good)
    assert (config_store / f"{names[0]}.json").exists()
    assert is_broken(details(airflow, names[1]))
