"""
``python -m benchmarks.recovery``: what it takes to bring back a lost store.

The OpenMetadata server is the sandbox's, Airflow's API server a real one. Nothing is parsed, unless ``--visible`` asks
for a DAG processor with 64 loaders, and for the time until Airflow lists all pipelines.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from benchmarks.deploy import wait_for_all
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.shards import shards
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

SERVICE = "recovered"
LOADERS = 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=10_000)
    parser.add_argument("--visible", action="store_true", help="parse them too, and wait until Airflow lists all")
    parser.add_argument("--limit", type=float, default=900, help="seconds for which that is waited for (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.pipelines, arguments.limit if arguments.visible else None)


def measure(folder: Path, count: int, limit: float | None) -> None:
    """Print a line for each command: what it printed last, its time, its own CPU time and its largest memory."""
    store, dags = folder / "configs", folder / "dags"
    store.mkdir()
    dags.mkdir()
    server = OpenMetadataServer(folder / "absent.db", log=folder / "openmetadata.log")
    ours = {"openmetadata_dag_factory": {"config_store": store, "watch_store": "off"}}
    with server:
        began = time.monotonic()
        make_pipelines(server, count)
        print(f"{count} pipelines made in {time.monotonic() - began:.0f} s", flush=True)
        airflow = AirflowStack(folder / "airflow", dags_folder=dags, config=ours, env=server.env)
        try:
            airflow.prepare()
            airflow.migrate()
            api_server = airflow.start_component("api-server")
            wait_until_up(airflow.url)
            server.deploy_to(airflow.url, airflow.username, airflow.password)
            if limit is not None:
                LoaderFolder(dags).make(shards(LOADERS))
                airflow.start_component("dag-processor")
                run(airflow, server, api_server.pid, ["sync", "--undeployed"])
                began = time.monotonic()
                listed = wait_for_all(airflow, count, limit)
                print(f"Airflow lists {listed} DAGs {time.monotonic() - began:.0f} s later", flush=True)
                print(f"largest process of the API server: {largest(api_server.pid):.0f} MiB", flush=True)
                run(airflow, server, api_server.pid, ["diff"])
                return
            for command in (["diff"], ["sync", "--undeployed"], ["diff"], ["diff"]):
                run(airflow, server, api_server.pid, command)
            for config in store.glob("*.json"):
                config.unlink()
            run(airflow, server, api_server.pid, ["sync", "--write"])
            run(airflow, server, api_server.pid, ["diff"])
        finally:
            airflow.stop()


def make_pipelines(server: OpenMetadataServer, count: int) -> None:
    config = {"type": "Postgres", "hostPort": "db:5432", "username": "u", "database": "db"}
    request = {"name": SERVICE, "serviceType": "Postgres", "connection": {"config": config}}
    service = server.put("/api/v1/services/databaseServices", request)
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(trust_env=False, headers=headers, timeout=60, base_url=server.url) as http:
        for number in range(count):
            pipeline = {
                "name": f"pipeline_{number:05}",
                "service": {"id": service["id"], "type": "databaseService"},
                "pipelineType": "metadata",
                "sourceConfig": {"config": {"type": "DatabaseMetadata", "threads": 1}},
                "airflowConfig": {"scheduleInterval": f"{number % 60} 3 * * *"},
            }
            http.put("/api/v1/services/ingestionPipelines", json=pipeline).raise_for_status()


def wait_until_up(url: str) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/api/v2/version", trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise TimeoutError("The API server does not answer")


def run(airflow: AirflowStack, server: OpenMetadataServer, api_server: int, command: list[str]) -> None:
    connection = {"conn_type": "generic", "host": f"{server.url}/api", "password": server.token}
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(airflow.home),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID": "the_server",
        "AIRFLOW_CONN_THE_SERVER": json.dumps(connection),
        "NO_PROXY": "127.0.0.1",
    }
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    api_before = cpu_of(api_server)
    done = subprocess.Popen(
        [sys.executable, "-m", "dag_factory.cli", *command],
        env=env,
        cwd=airflow.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = done.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{' '.join(command)}: exit {done.returncode}, {time.monotonic() - began:.0f} s, {own:.1f} s CPU, largest "
        f"child so far {after.ru_maxrss / 1024:.0f} MiB, API server {cpu_of(api_server) - api_before:.0f} s CPU; "
        f"{(out.strip().splitlines() or ['nothing'])[-1]} {err.strip()[-300:]}",
        flush=True,
    )


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and those below it."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in tree)


def largest(pid: int) -> float:
    """Return the memory of the largest of a process and those below it, in MiB."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(max(each.memory_info().rss for each in tree) / 2**20)


if __name__ == "__main__":
    main()
