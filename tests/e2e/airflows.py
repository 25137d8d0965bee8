"""
The Airflows that several modules of tests share, each started for the first test that asks for it.

Each takes half a minute of a core to start, and some of one for as long as it runs: settings that get along with each
other are those of one Airflow, and a test that needs a store or a DAG of its own has one in an Airflow that is there.
The processes of most are forked from one. Those of `airflow_apart` and of tests/sandbox/test_run.py each start by
themselves, as a user's do.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shards
from sandbox.client import wait_until
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack, merge
from tests.e2e.remote_logs import remote_logging
from tests.metrics_receivers import OtlpReceiver, StatsdReceiver, collecting
from tests.places import ROOT, TESTS

DAGS_FOLDER = ROOT / "dags"
LOADERS = 24
# Modules that the workers of an Airflow find: an application, and what stands for spaCy's model.
WORKER_MODULES = (ROOT / "sandbox" / "applications", TESTS / "portable" / "ingestion" / "worker_modules")
# What the API server logs once changes by hand are noticed.
WATCHING = "Watching config_store"
# After so many seconds without a parse, `airflow_under_load` takes a DAG for gone.
STALE_SECONDS = 15
# Makes a process find no openmetadata-ingestion.
WITHOUT_INGESTION = TESTS / "task" / "runner" / "without_ingestion"


def log_of(airflow: AirflowStack, component: str = "api-server") -> str:
    """Return what a component of an Airflow has logged."""
    return (airflow.logs / f"{component}.log").read_text()


def wait_for_log(airflow: AirflowStack, line: str, component: str = "api-server") -> None:
    """Wait until a component has logged a line."""
    wait_until(
        lambda: (line in log_of(airflow, component) or None, log_of(airflow, component)[-3000:]), line, timeout=60
    )


def wait_for_parse(store: FolderStore, shard: Shard = WHOLE) -> None:
    """Wait until the loader of a shard has seen all that is in a store."""
    wait_until(lambda: (store.loaded(shard) == store.marker() or None, f"{store.loaded(shard)}"), "a parse", timeout=60)


def stack(
    home: Path,
    openmetadata: OpenMetadataServer,
    store: Path,
    config: AirflowConfig | None = None,
    *,
    dags_folder: Path = DAGS_FOLDER,
    paths: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    forked: bool = True,
    **options: Any,
) -> AirflowStack:
    """
    Return an Airflow that runs the loader over a store, and whose workers know the OpenMetadata server.

    ``config`` is merged over its airflow.cfg, ``paths`` are where its processes look for modules first, ``env`` are
    further environment variables of theirs, and ``options`` are those of `AirflowStack`.
    """
    ours = merge({"openmetadata_dag_factory": {"config_store": store}}, config or {})
    theirs = {**openmetadata.env, **(env or {})}
    if paths:
        theirs["PYTHONPATH"] = os.pathsep.join(filter(None, [*map(str, paths), os.environ.get("PYTHONPATH")]))
    return AirflowStack(home, dags_folder=dags_folder, config=ours, env=theirs, forked=forked, **options)


@pytest.fixture(scope="session")
def config_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config store of the fixture `airflow`: tests drop configs of their own, with dag ids of their own."""
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The DAGs folder of the fixture `airflow`: its loaders, and what a test drops beside them.

    There are several, since hundreds of tests drop configs there, and each change has Airflow parse and write all
    that are of the same loader. The other Airflows have one.
    """
    folder = tmp_path_factory.mktemp("airflow_dags")
    LoaderFolder(folder).make(shards(LOADERS))
    return folder


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsdReceiver]:
    """What receives the metrics of the fixture `airflow`."""
    with StatsdReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def otlp() -> Iterator[OtlpReceiver]:
    """What receives the metrics of the fixture `airflow_apart`, as a collector of OpenTelemetry."""
    with collecting(OtlpReceiver()) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def airflow(
    openmetadata: OpenMetadataServer,
    config_store: Path,
    dags_folder: Path,
    isolated_python: str,
    statsd: StatsdReceiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowStack]:
    """
    A real Airflow with the simple auth manager.

    On PostgreSQL, since tests run together in it: on SQLite, where each write locks out all others, a trigger and the
    start of a task may wait for each other within Airflow's API server. `airflow_apart` is on SQLite.
    """
    roles = {"viewer": "viewer", "openmetadata": "user", "op": "op"}
    ours: AirflowConfig = {
        # Runs that wait for a server that doesn't answer leave others a worker.
        "core": {"parallelism": 12, "test_connection": "Enabled"},
        "metrics": {"statsd_on": True, "statsd_host": "127.0.0.1", "statsd_port": statsd.port},
        "openmetadata_dag_factory": {
            "allowed_pythons": isolated_python,
            "allowed_applications": "metadata.,service_sources.",
        },
    }
    home = tmp_path_factory.mktemp("airflow")
    with (
        PostgresServer() as postgres,
        stack(
            home,
            openmetadata,
            config_store,
            ours,
            dags_folder=dags_folder,
            roles=roles,
            database=postgres.url(),
            triggerer=False,
        ) as airflow,
    ):
        yield airflow


@pytest.fixture(scope="session")
def airflow_under_load(
    openmetadata: OpenMetadataServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    """
    An Airflow behind two processes that answer, with a store of its own, for tests of many pipelines.

    Its workers find modules of ours. Its regular parses are four hours apart, so in tests only requests cause one. It
    writes a DAG down at most once in 15 s.
    """
    config: AirflowConfig = {
        "api": {"workers": 2},
        "core": {"min_serialized_dag_update_interval": 15},
        "dag_processor": {"stale_dag_threshold": STALE_SECONDS},
        "openmetadata_dag_factory": {"allowed_applications": "metadata.,table_counter."},
        "scheduler": {"parsing_cleanup_interval": 1},
    }
    home, store = tmp_path_factory.mktemp("airflow_under_load"), tmp_path_factory.mktemp("watched") / "configs"
    with (
        PostgresServer() as postgres,
        stack(
            home, openmetadata, store, config, paths=WORKER_MODULES, database=postgres.url(), triggerer=False
        ) as airflow,
    ):
        # There was no folder when the API server started. What is in it before it is watched is not reported as new.
        store.mkdir()
        wait_for_log(airflow, WATCHING)
        yield airflow


@pytest.fixture(scope="session")
def airflow_apart(
    openmetadata: OpenMetadataServer,
    isolated_python: str,
    otlp: OtlpReceiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowStack]:
    """
    An Airflow that has apart what others have at hand.

    Its API server has a base path, as behind a proxy of several services; openmetadata-ingestion is in another
    interpreter alone; the logs of tasks are kept elsewhere, see `remote_logging`; its metrics go to OpenTelemetry; and
    its DAGs folder is its own.
    """
    home = tmp_path_factory.mktemp("airflow_apart")
    ours: AirflowConfig = {
        "openmetadata_dag_factory": {"python": isolated_python},
        "metrics": {"otel_on": True, "otel_port": otlp.port, "otel_interval_milliseconds": 5000},
    }
    exporter = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp.port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    config = merge(ours, remote_logging(home, tmp_path_factory.mktemp("logs_elsewhere")))
    store = tmp_path_factory.mktemp("configs")
    dags_folder = Path(shutil.copytree(DAGS_FOLDER, home / "dags"))
    with stack(
        home,
        openmetadata,
        store,
        config,
        paths=[WITHOUT_INGESTION],
        env=exporter,
        dags_folder=dags_folder,
        base_path="/data/airflow",
        triggerer=False,
        # OpenTelemetry starts a thread while Airflow is imported, and what a thread holds at a fork stays held.
        forked=False,
    ) as airflow:
        yield airflow
