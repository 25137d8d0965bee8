"""Time from a deploy until its DAG can be seen and triggered: ours compared with openmetadata-managed-apis."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.configs import LOADER, counts, document, write_store
from benchmarks.figures import percentile, table
from benchmarks.predecessor import generate
from benchmarks.written import Database
from dag_factory.cli.bundles import bundle_list
from sandbox import source
from sandbox.client import AirflowClient
from sandbox.fab import FabAirflowStack
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

LOOK_SECONDS = 0.1
PARTS = ("answered", "visible", "triggerable")
# Airflow's default, and the same for both.
PROCESSOR = {"min_file_process_interval": 30}
# What `init` recommends, and Airflow's defaults in place of the sandbox's quicker ones.
RECOMMENDED = {
    "min_file_process_interval": 14_400,
    "refresh_interval": 300,
    "bundle_refresh_check_interval": 5,
}


@dataclass(frozen=True)
class Deploy:
    """
    Seconds from the call until it was answered, the DAG visible, and a trigger accepted; inf: never, or too late.

    :param written: how many DAGs Airflow has written to its database because of it
    """

    answered: float
    visible: float
    triggerable: float
    written: int = 0


@dataclass(frozen=True)
class Limits:
    """
    :param rounds: how many deploys
    :param deploy: seconds that a DAG is waited for after a deploy
    :param all: seconds after which no deploy begins any more
    :param listing: seconds that the first listing of all DAGs may take
    """

    rounds: int
    deploy: float
    all: float
    listing: float


@dataclass(frozen=True)
class Figures:
    """What was measured, and how many DAGs Airflow listed when that began."""

    listed: int
    deploys: list[Deploy]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploy", description=__doc__)
    parser.add_argument("environment", type=Path, help="virtual environment with openmetadata-managed-apis; see README")
    parser.add_argument("--counts", default="100,1000", help="how many configs are there already (%(default)s)")
    parser.add_argument("--rounds", type=int, default=50, help="how many deploys (%(default)s)")
    parser.add_argument("--limit", type=float, default=120, help="seconds that a DAG is waited for (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="after which no deploy begins (%(default)s)")
    parser.add_argument("--listing", type=float, default=120, help="seconds to list all DAGs first (%(default)s)")
    options = parser.parse_args()
    python = options.environment.absolute() / "bin" / "python"
    sides: dict[str, Callable[..., AirflowStack]] = {"ours": ours}
    if python.exists():
        sides["predecessor"] = predecessor
    else:
        print(f"Without the predecessor: there is no {python}. benchmarks/README.md says how to make it.")
    limits = Limits(options.rounds, options.limit, 60 * options.minutes, options.listing)
    rows: list[list[object]] = []
    against: list[list[object]] = []
    for count in counts(options.counts):
        figures = {name: side(stack, count, limits, str(python)) for name, stack in sides.items()}
        for name, measured in figures.items():
            rows.append([f"{count:,}", name, f"{measured.listed:,}", len(measured.deploys), *cells(measured)])
        if "predecessor" in figures:
            against.append([f"{count:,}", *compared(figures["predecessor"], figures["ours"])])
    print(f"Seconds, p50 / p95; inf: longer than {limits.deploy:.0f} s, or refused\n")
    print(table(["configs", "", "listed before", "deploys", *PARTS], rows))
    if against:
        print("\nratio of the predecessor to ours, at p50\n")
        print(table(["configs", *PARTS], against))


def side(stack: Callable[..., AirflowStack], count: int, limits: Limits, python: str) -> Figures:
    """Measure one side, in an Airflow and on a PostgreSQL of its own."""
    with TemporaryDirectory() as name, ExitStack() as context:
        folder = Path(name)
        source.create(folder / "source.db")
        server = context.enter_context(OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log"))
        database = context.enter_context(PostgresServer()).url()
        airflow = context.enter_context(stack(folder, count, server, database, python))
        listed = wait_for_all(airflow, count, limits.listing)
        return Figures(listed, list(measure(airflow, server, limits)))


def ours(folder: Path, count: int, server: OpenMetadataServer, database: str, _: str) -> AirflowStack:
    """Return our Airflow over a store of so many configs, with one loader."""
    return over(folder, count, server, database, LOADER.parent, PROCESSOR)


def divided(  # noqa: PLR0913, PLR0917 - as `over`, and how the pipelines are divided
    folder: Path, count: int, server: OpenMetadataServer, database: str, shards: int, parts: int = 1
) -> AirflowStack:
    """Return our Airflow with the settings that we recommend: one loader, or several in some bundles."""
    (folder / "no_dags").mkdir()
    if shards == 1:
        return over(folder, count, server, database, LOADER.parent, RECOMMENDED)
    processor = {**RECOMMENDED, "dag_bundle_config_list": json.dumps(bundle_list(shards, parts))}
    return over(folder, count, server, database, folder / "no_dags", processor)


def over(  # noqa: PLR0913, PLR0917 - what an Airflow of ours depends on
    folder: Path,
    count: int,
    server: OpenMetadataServer,
    database: str,
    dags_folder: Path,
    processor: Mapping[str, object],
) -> AirflowStack:
    """Return our Airflow over a store of so many configs, with settings of its DAG processor."""
    write_store(folder / "configs", count, server=server.env, paused=True)
    return AirflowStack(
        folder / "airflow",
        dags_folder=dags_folder,
        database=database,
        config={
            "openmetadata_dag_factory": {"config_store": folder / "configs"},
            "dag_processor": processor,
            # Airflow's default in place of the sandbox's shorter one: it decides when a change is parsed once more.
            "core": {"min_serialized_dag_update_interval": 30},
        },
        env=server.env,
    )


def predecessor(folder: Path, count: int, server: OpenMetadataServer, database: str, python: str) -> AirflowStack:
    """Return an Airflow with the predecessor, which needs FAB's users, and so many of its configs and DAG files."""
    write_store(folder / "configs", count, server=server.env, paused=True)
    generate(folder / "configs", folder / "dags")
    return FabAirflowStack(
        folder / "airflow",
        dags_folder=folder / "dags",
        database=database,
        config={
            "openmetadata_airflow_apis": {"dag_generated_configs": folder / "configs"},
            "dag_processor": PROCESSOR,
        },
        env=server.env,
        python=python,
    )


def wait_for_all(airflow: AirflowClient, count: int, limit: float) -> int:
    """Wait until Airflow lists so many DAGs, or for as many seconds; return how many it lists."""

    def listed() -> int:
        return int(airflow.api("GET", "/api/v2/dags", params={"limit": 1})["total_entries"])

    seconds_until(lambda: listed() >= count, time.perf_counter(), limit)
    return listed()


def measure(airflow: AirflowStack, server: OpenMetadataServer, limits: Limits) -> Iterator[Deploy]:
    """Make deploys one after the other, and yield the times of each, and how many DAGs it made Airflow write."""
    database = Database(airflow.option("database", "sql_alchemy_conn"))
    began = time.perf_counter()
    with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as client:
        client.detect()
        for number in range(limits.rounds):
            if time.perf_counter() - began > limits.all:
                break
            pipeline = document(f"deployed_{number:05}", number, server.env, paused=True)
            before = database.last_parsed()
            done = deploy(airflow, client, pipeline, limits.deploy)
            yield replace(done, written=database.written_since(before))


def deploy(airflow: AirflowClient, client: PipelineServiceClient, pipeline: dict[str, Any], limit: float) -> Deploy:
    """Deploy a pipeline, and look for its DAG and trigger it at the same time."""
    name = pipeline["name"]
    started = time.perf_counter()
    try:
        client.deploy(pipeline)
    except PipelineServiceError as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return Deploy(inf, inf, inf)
    answered = time.perf_counter() - started
    with ThreadPoolExecutor(2) as pool:
        visible = pool.submit(seconds_until, lambda: is_visible(airflow, name), started, limit)
        triggerable = pool.submit(seconds_until, lambda: is_triggered(client, name), started, limit)
        return Deploy(answered, visible.result(), triggerable.result())


def is_visible(airflow: AirflowClient, name: str) -> bool:
    """Return whether Airflow knows a DAG."""
    try:
        return airflow.request("GET", f"/api/v2/dags/{name}").status_code == httpx.codes.OK
    except httpx.TimeoutException:
        return False


def is_triggered(client: PipelineServiceClient, name: str) -> bool:
    """Return whether a trigger is accepted."""
    try:
        client.trigger(name)
    except PipelineServiceError:
        return False
    return True


def seconds_until(look: Callable[[], bool], started: float, limit: float, pause: float = LOOK_SECONDS) -> float:
    """Return the seconds from ``started`` until ``look`` returns true, inf where it does not within a limit."""
    while not look():
        if time.perf_counter() - started > limit:
            return inf
        time.sleep(pause)
    return time.perf_counter() - started


def cells(figures: Figures) -> list[str]:
    """Return the cells of a side: p50 / p95 of each part."""
    return [f"{at(figures, part, 0.5):.2f} / {at(figures, part, 0.95):.2f}" for part in PARTS]


def compared(other: Figures, to: Figures) -> list[str]:
    """Return the ratio of the medians of each part."""
    return [f"{at(other, part, 0.5) / at(to, part, 0.5):.1f}" for part in PARTS]


def at(figures: Figures, part: str, share: float) -> float:
    """Return a percentile of a part."""
    return percentile((getattr(deploy, part) for deploy in figures.deploys), share)


if __name__ == "__main__":
    main()
