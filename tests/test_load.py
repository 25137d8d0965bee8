"""Many at once, on PostgreSQL and behind two processes of the API server: nothing is lost, torn or there twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any

import pytest
import yaml

from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.folder_store import FolderStore
from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.stack import AirflowStack
from tests.e2e.dags import listed, tags
from tests.e2e.pipelines import sample
from tests.e2e.servers import calling
from tests.stored import good
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

CONNECTIONS = 8
OURS = ("load_", "clash_", "first_of_all")


@pytest.fixture
def store(airflow_under_load: AirflowStack) -> Iterator[FolderStore]:
    """The store of that Airflow, in which other tests find nothing of these."""
    store = FolderStore(airflow_under_load.option("openmetadata_dag_factory", "config_store"))
    yield store
    for key in store.list_keys():
        if key.removeprefix("by_hand/").startswith(OURS):
            (store.root / key).unlink()


@pytest.fixture
def servers(airflow_under_load: AirflowStack) -> Iterator[list[PipelineServiceClient]]:
    """Clients with a connection each."""
    airflow = airflow_under_load
    with ExitStack() as stack:
        yield [stack.enter_context(calling(airflow)) for _ in range(CONNECTIONS)]


def pipeline(name: str) -> dict[str, Any]:
    return sample(name, fullyQualifiedName=f'sample_sqlite."{name}"')


@contextmanager
def parses_counted(airflow: AirflowStack, dag_id: str) -> Iterator[set[str]]:
    """Collect the times at which a DAG was parsed within the context."""
    parsed: set[str] = set()
    done = threading.Event()
    before = airflow.wait_for_dag(dag_id)["last_parsed_time"]

    def watch() -> None:
        while not done.wait(0.1):
            parsed.update({airflow.wait_for_dag(dag_id)["last_parsed_time"]} - {before})

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield parsed
    finally:
        done.set()
        watcher.join()


def test_a_hundred_pipelines_deployed_while_files_are_dropped_are_all_there_once_and_whole(
    airflow_under_load: AirflowStack,
    servers: list[PipelineServiceClient],
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    airflow = airflow_under_load
    servers[0].deploy(pipeline("first_of_all"))
    deployed = [f"load_deployed_{number:03}" for number in range(100)]
    dropped = [f"load_dropped_{number:03}" for number in range(50)]
    free: SimpleQueue[PipelineServiceClient] = SimpleQueue()
    for server in servers:
        free.put(server)

    def deploy(name: str) -> None:
        server = free.get()
        try:
            server.deploy(pipeline(name))
        finally:
            free.put(server)

    all_deployed = threading.Event()

    def find_the_api_again_and_again() -> None:
        # A server that looks for the API gives it 5 s to answer, however busy it is.
        while not all_deployed.wait(0.1):
            with calling(airflow) as other:
                assert other.detect() == "/api/v1/openmetadata"

    def drop() -> None:
        # As an editor, or a slow copy, does: under the name that it will have, and not in one piece.
        for number, name in enumerate(dropped):
            path = store.root / ("by_hand" if number % 2 else "") / f"{name}{'.yaml' if number % 3 else '.json'}"
            path.parent.mkdir(exist_ok=True)
            text = yaml.safe_dump(pipeline(name)) if path.suffix == ".yaml" else json.dumps(pipeline(name))
            with path.open("w") as file:
                for start in range(0, len(text), 300):
                    file.write(text[start : start + 300])
                    file.flush()

    with parses_counted(airflow, "first_of_all") as parses:
        with ThreadPoolExecutor(CONNECTIONS + 2) as pool:
            dropping, finding = pool.submit(drop), pool.submit(find_the_api_again_and_again)
            list(pool.map(deploy, deployed))
            all_deployed.set()
            dropping.result()
            finding.result()

        def look() -> tuple[list[str] | None, str]:
            dags = listed(airflow, "load_")
            good = [dag["dag_id"] for dag in dags if "config-error" not in tags(dag)]
            # Page after page: while DAGs are added, one may stand on two of them.
            return (good if good == expected else None), f"{len(good)} of {len(dags)} are good"

        expected = sorted(deployed + dropped)
        wait_until(look, "all pipelines to be listed, each once", timeout=180)
    with capsys.disabled():
        print(f"\nParses for 100 deploys from {CONNECTIONS} connections and 50 dropped files: {len(parses)}")

    configs = good(config for config in Catalog(store).all() if config.dag_id.startswith("load_"))
    assert [config.dag_id for config in configs] == expected
    assert {config.key for config in configs} >= {f"{name}.json" for name in deployed}
    # A load of the last configs may still write its note.
    wait_for(lambda: not list(store.root.rglob("*.new")))
    assert airflow.import_errors() == {}


def test_of_pipelines_of_one_id_that_come_at_once_to_several_processes_one_is_accepted(
    servers: list[PipelineServiceClient], store: FolderStore
) -> None:
    def accepted(server: PipelineServiceClient, name: str) -> str | None:
        try:
            server.deploy(pipeline(name))
        except PipelineServiceError as refused:
            assert refused.status == 409
            return None
        return name

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for number in range(20):
            names = [f"clash{separator}{number}" for separator in " .,:;?!&"]
            (winner,) = filter(None, pool.map(accepted, servers, names))
            assert json.loads(store.read(f"clash_{number}.json"))["name"] == winner
