"""
An Airflow with some pipelines: how soon it lists them, what it costs while idle, and what a change costs.

``python -m benchmarks.running`` measures one, such as one that `make bench` would take too long for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.burst import burst
from benchmarks.configs import document
from benchmarks.deploy import Deploy, Limits, divided, measure, seconds_until
from benchmarks.figures import middle, percentile, table
from benchmarks.idle import age, megabytes, share_of_a_core
from benchmarks.machine import description
from benchmarks.written import Database
from sandbox import source
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

# At 10,000 DAGs, each look takes Airflow half a second of a core, which the DAG processor would lack.
LISTING_LOOK_SECONDS = 3.0
# As Airflow names them.
PROCESSOR, HEALTHY = "dag_processor", "healthy"


@dataclass(frozen=True)
class Plan:
    """
    What to measure.

    :param deploys: how many deploys, how long each is waited for, and for how long the first listing
    :param answers: how many deploys that nobody waits for
    :param idle: seconds of rest over which CPU time is measured
    :param quiet: seconds without a parse after which an Airflow counts as idle
    """

    deploys: Limits
    answers: int = 100
    idle: float = 60
    quiet: float = 10


@dataclass(frozen=True)
class Running:
    """
    The figures of an Airflow with some pipelines.

    :param listing: seconds from the start of the DAG processor until Airflow lists all
    :param unhealthy: how often of 100 looks meanwhile the DAG processor was not healthy
    :param idle: share of a core that the DAG processor uses while nothing changes
    :param memory: megabytes of each component
    :param tables: bytes of each table of the database, before the deploys
    """

    pipelines: int
    shards: int
    listed: int
    listing: float
    unhealthy: float
    idle: float
    memory: dict[str, float]
    tables: dict[str, int]
    deploys: list[Deploy]
    answers: list[float]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.running", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--shards", type=int, default=64, help="how many loaders: one, or a bundle (%(default)s)")
    parser.add_argument("--parts", type=int, default=1, help="how many bundles they are in (%(default)s)")
    parser.add_argument("--listing", type=float, default=900, help="seconds to list all DAGs first (%(default)s)")
    parser.add_argument("--deploys", type=int, default=10, help="deploys that are waited for (%(default)s)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of rest (%(default)s)")
    options = parser.parse_args()
    print(f"{description()}\n", flush=True)
    plan = Plan(Limits(options.deploys, 300, 60, options.listing), idle=options.idle)
    print(report([start_and_measure(options.pipelines, options.shards, plan, options.parts)]))


def start_and_measure(pipelines: int, shards: int, plan: Plan, parts: int = 1) -> Running:
    """Measure an Airflow and a PostgreSQL of their own; both and the store write durably."""
    with TemporaryDirectory() as name, ExitStack() as context:
        folder = Path(name)
        source.create(folder / "source.db")
        server = context.enter_context(OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log"))
        database = context.enter_context(PostgresServer({"fsync": "on"})).url()
        airflow = context.enter_context(divided(folder, pipelines, server, database, shards, parts))
        return measure_running(airflow, server, pipelines, shards, plan)


def measure_running(
    airflow: AirflowStack, server: OpenMetadataServer, pipelines: int, shards: int, plan: Plan
) -> Running:
    """Measure an Airflow that has been started."""
    database = Database(airflow.option("database", "sql_alchemy_conn"))
    pids = {name: process.pid for name, process in airflow.processes.items()}
    listed, unhealthy = _list(airflow, pipelines, plan.deploys.listing)
    listing = age(pids["dag-processor"])
    _settle(database, plan.quiet, plan.deploys.listing)
    return Running(
        pipelines,
        shards,
        listed,
        listing,
        unhealthy,
        share_of_a_core(pids["dag-processor"], plan.idle),
        {name: megabytes(pid) for name, pid in pids.items()},
        database.bytes_of_tables(),
        list(measure(airflow, server, plan.deploys)),
        _answers(airflow, server, plan.answers),
    )


def _list(airflow: AirflowStack, count: int, limit: float) -> tuple[int, float]:
    """Wait until all are listed; return how many are, and how often of 100 looks the DAG processor was not healthy."""
    counted: list[int] = [0]
    ill: list[bool] = []

    def look() -> bool:
        counted[0] = int(airflow.api("GET", "/api/v2/dags", params={"limit": 1})["total_entries"])
        ill.append(airflow.health()[PROCESSOR] != HEALTHY)
        return counted[0] >= count

    seconds_until(look, time.perf_counter(), limit, LISTING_LOOK_SECONDS)
    return counted[0], 100 * sum(ill) / len(ill)


def _settle(database: Database, quiet: float, limit: float) -> None:
    """Wait until nothing has been parsed for some seconds."""
    seen = [(database.last_parsed(), time.perf_counter())]

    def look() -> bool:
        if (parsed := database.last_parsed()) != seen[0][0]:
            seen[0] = (parsed, time.perf_counter())
        return time.perf_counter() - seen[0][1] >= quiet

    seconds_until(look, time.perf_counter(), limit)


def _answers(airflow: AirflowStack, server: OpenMetadataServer, count: int) -> list[float]:
    """Return the seconds until the answer of deploys that come one after the other."""
    pipelines = [document(f"answered_{number:05}", number, server.env, paused=True) for number in range(count)]
    return [answer.seconds for answer in burst(airflow, pipelines, 1).accepted]


def report(measured: Sequence[Running]) -> str:
    """Return the tables of what changes cost, and of what Airflow costs while nothing changes."""
    change = [
        "pipelines", "loaders", "listed, s", "unhealthy, %", "deploys", "answered, p50 / p99 ms",
        "visible, p50 / p95 s", "triggerable, p50 / p95 s", "DAGs written, median / most",
    ]  # fmt: skip
    components = list(measured[0].memory)
    least = min(measured, key=lambda each: each.pipelines).idle
    rest = ["pipelines", "loaders", "idle, % of a core", "to the fewest", *(f"{name}, MB" for name in components)]
    idle = [
        [
            *_which(each),
            f"{100 * each.idle:.2f}",
            f"{each.idle / least:.2f}" if least else "-",
            *(f"{each.memory[name]:,.0f}" for name in components),
        ]
        for each in measured
    ]
    most = max(measured, key=lambda each: each.listed)
    tables = [*list(most.tables.items())[:8], ("all tables", sum(most.tables.values()))]
    sizes = [[name, f"{size / most.listed:,.0f}"] for name, size in tables]
    return "\n\n".join(
        [
            "A change, PostgreSQL, one DAG processor; inf: not within the limit",
            table(change, map(_change, measured)),
            "While nothing changes: the DAG processor's CPU time, and memory, what is shared counted once",
            table(rest, idle),
            f"Bytes of the database per pipeline, indexes included, at {most.listed:,} pipelines without a run",
            table(["table", "bytes per pipeline"], sizes),
        ]
    )


def visible(running: Running) -> float:
    """Return the median of the seconds from a deploy to its DAG; NaN where nothing was deployed."""
    return middle(deploy.visible for deploy in running.deploys)


def _which(each: Running) -> list[str]:
    return [f"{each.pipelines:,}", f"{each.shards}"]


def _change(each: Running) -> list[str]:
    written = [deploy.written for deploy in each.deploys]
    return [
        *_which(each),
        f"{each.listing:.0f}" if each.listed >= each.pipelines else f"only {each.listed:,}",
        f"{each.unhealthy:.0f}",
        f"{len(each.deploys)}",
        _percentiles(each.answers, 0.99, 1000, 0),
        _percentiles([deploy.visible for deploy in each.deploys], 0.95),
        _percentiles([deploy.triggerable for deploy in each.deploys], 0.95),
        "-" if isnan(middle(written)) else f"{middle(written):,.0f} / {max(written):,}",
    ]


def _percentiles(values: Sequence[float], high: float, unit: float = 1, digits: int = 2) -> str:
    """Return the median and a higher percentile."""
    if not values:
        return "-"
    return " / ".join(f"{unit * percentile(values, share):,.{digits}f}" for share in (0.5, high))


if __name__ == "__main__":
    main()
