"""A real Airflow that parses by itself once an hour: what is changed by hand shows all the same."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceError
from sandbox.stack import AirflowStack
from tests.e2e.airflows import STALE_SECONDS, log_of, wait_for_log, wait_for_parse
from tests.e2e.pipelines import SAMPLE, drop, sample
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def airflow(airflow_under_load: AirflowStack) -> AirflowStack:
    return airflow_under_load


@pytest.fixture(scope="module")
def store(airflow: AirflowStack) -> FolderStore:
    return FolderStore(airflow.option("openmetadata_dag_factory", "config_store"))


def put(store: FolderStore, path: str, **fields: Any) -> None:
    """Put the config of a pipeline, named as its file, into the store."""
    folder, _, name = path.rpartition("/")
    drop(store.root / folder, sample(name, **fields))


def test_a_config_that_is_dropped_changed_and_removed_does_so_in_airflow_by_the_api_server_alone(
    airflow: AirflowStack, store: FolderStore
) -> None:
    put(store, "by_hand")
    airflow.wait_for_dag("by_hand")

    put(store, "sales/emea/below")
    began = time.monotonic()
    airflow.wait_for_dag("below")
    print(f"dropped to visible: {time.monotonic() - began:.1f} s")
    wait_for_log(airflow, "config 'sales/emea/below.json' is new, and is good: DAG 'below'")

    put(store, "by_hand", description="Another one.")
    look = airflow.wait_for_dag
    wait_until(lambda: (look("by_hand")["description"] == "Another one." or None, ""), "the change", timeout=60)

    (store.root / "sales" / "defaults.yaml").write_text("displayName: Of the sales folder\n")
    (store.root / "sales" / "emea" / "below.json").write_text(
        json.dumps({name: value for name, value in SAMPLE.items() if name != "displayName"} | {"name": "below"})
    )
    title = "Of the sales folder"
    wait_until(lambda: (look("below")["dag_display_name"] == title or None, ""), "the defaults", timeout=60)

    (store.root / "by_hand.json").unlink()

    def gone() -> tuple[bool | None, str]:
        dag = airflow.api("GET", "/api/v2/dags/by_hand")
        return (dag["is_stale"] or None), str(dag["last_parsed_time"])

    wait_until(gone, "the DAG to be gone", timeout=90)
    wait_for_log(airflow, "config 'by_hand.json' is removed")

    (store.root / "torn.json").write_text('{"name": "canary-51c7",')
    wait_for_log(airflow, "config 'torn.json' is new, and is wrong: is not JSON")
    assert "config-error" in {tag["name"] for tag in airflow.wait_for_dag("torn")["tags"]}
    assert "canary-51c7" not in log_of(airflow)
    (store.root / "torn.json").unlink()
    assert airflow.import_errors() == {}


def test_a_deploy_makes_one_marker_and_the_watcher_has_nothing_to_add(
    airflow: AirflowStack, store: FolderStore
) -> None:
    with calling(airflow) as server:
        server.deploy(sample("deployed"))
        marker = store.marker()
        airflow.wait_for_dag("deployed")
        # What comes after it is taken up after it.
        put(store, "after_the_deploy")
        wait_for_log(airflow, "config 'after_the_deploy.json' is new, and is good")
        assert "deployed.json" not in log_of(airflow)
        assert store.marker() != marker
        server.delete("deployed")


def test_a_store_that_is_unmounted_takes_no_dag_no_deploy_and_no_deletion_and_is_as_before_when_it_is_back(
    airflow: AirflowStack, store: FolderStore
) -> None:
    put(store, "stays")
    airflow.wait_for_dag("stays")
    wait_for_parse(store)
    away = store.root.with_name("unmounted")
    store.root.rename(away)
    store.root.mkdir()  # the bare mount point
    try:
        wait_for_log(airflow, "is not the one that this Airflow knows")
        with calling(airflow) as server:
            calls: list[Callable[[], object]] = [
                lambda: server.deploy(sample("lost")),
                lambda: server.delete("stays"),
                lambda: server.trigger("stays"),
            ]
            for call in calls:
                with pytest.raises(PipelineServiceError) as refused:
                    call()
                assert refused.value.status == 503
            # A parse of the empty folder on either side of stale_dag_threshold, and time for what comes of the second.
            for seconds in (STALE_SECONDS + 1, 3):
                airflow.parse_again("stays")
                time.sleep(seconds)
            dag = airflow.api("GET", "/api/v2/dags/stays")
            assert not dag["is_stale"]
            assert not dag["has_import_errors"]
            server.enable("stays")
        # A user of Airflow's own UI can still start a run.
        run = airflow.trigger("stays")
        wait_until(lambda: failed(airflow, "stays", run), "the run to fail", timeout=120)
        logs = "".join(path.read_text() for path in (airflow.home / "logs").rglob("*dag_id=stays/**/*.log"))
        assert "is not the one that this Airflow knows" in logs
        assert list(store.root.iterdir()) == []
    finally:
        store.root.rmdir()
        away.rename(store.root)
    wait_for_log(airflow, "is back")
    put(store, "after_its_return")
    airflow.wait_for_dag("after_its_return")
    assert airflow.import_errors() == {}


def failed(stack: AirflowStack, dag_id: str, run_id: str) -> tuple[bool | None, str]:
    state = stack.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
    return (state == "failed") or None, state


@pytest.mark.together
@pytest.mark.parametrize("way", ["dropped", "deployed"])
def test_a_second_change_arrives_too_though_airflow_does_not_write_a_dag_down_twice_in_a_while(
    airflow: AirflowStack, store: FolderStore, way: str
) -> None:
    name = f"{way}_twice"

    def change(**fields: Any) -> None:
        if way == "dropped":
            put(store, name, **fields)
            return
        with calling(airflow) as server:
            server.deploy(sample(name, **fields))

    def is_parsed() -> tuple[bool | None, str]:
        return (airflow.wait_for_dag(name)["description"] == "Another one." or None), ""

    def is_written() -> tuple[bool | None, str]:
        (task,) = airflow.api("GET", f"/api/v2/dags/{name}/tasks")["tasks"]
        return (task["retries"] == 3 or None), f"{task['retries']} retries"

    change(airflowConfig={"retries": 0})
    airflow.wait_for_dag(name)
    change(airflowConfig={"retries": 3}, description="Another one.")
    # The description stands beside the DAG that runs, of which the task is a part.
    wait_until(is_parsed, "a parse", timeout=60)
    wait_until(is_written, "the task to be as it was changed last", timeout=90)


def test_a_thousand_files_copied_in_are_one_or_two_parses(airflow: AirflowStack, store: FolderStore) -> None:
    put(store, "before_the_crowd")
    airflow.wait_for_dag("before_the_crowd")
    wait_for_parse(store)
    markers, loaded = set(), set()

    def look() -> tuple[bool | None, str]:
        markers.add(store.marker())
        loaded.add(store.loaded())
        is_new = "1000 configs: each is new, and is good" in log_of(airflow)
        return ((is_new and store.loaded() == store.marker()) or None), f"{len(loaded)} parses"

    look()
    try:
        for number in range(1000):
            put(store, f"crowd/{number:04}")
        wait_until(look, "a parse of all of them", timeout=300)
        print(f"1,000 files: {len(markers) - 1} markers, {len(loaded) - 1} parses")
        assert len(loaded) - 1 <= 2
        assert airflow.api("GET", "/api/v2/importErrors")["total_entries"] == 0
    finally:
        # Each further parse would have them all to parse and to write.
        shutil.rmtree(store.root / "crowd")
        wait_for_parse(store)
