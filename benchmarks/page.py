"""
What the page in Airflow's UI costs: its first view of many pipelines, beside Airflow's own list of as many DAGs.

Airflow's API server runs in this process, over DAGs and runs in a database, and is asked as a browser asks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx

from benchmarks.airflow_database import DATABASES, add_bundle, airflow_on, arrived, write_dags
from benchmarks.child import in_child
from benchmarks.configs import write_store
from benchmarks.figures import ratios, spread, table

PAGE = "/openmetadata-pipelines"
AIRFLOWS = "Airflow's own list, 50 DAGs with their last runs"
# What a browser asks for, one after the other, for each view.
VIEWS = {
    AIRFLOWS: ["/ui/dags?limit=50&dag_runs_limit=10"],
    "50 pipelines": [f"{PAGE}/data/pipelines"],
    "the counts": [f"{PAGE}/data/overview"],
    "page 100 of the good ones": [f"{PAGE}/data/pipelines?state=good&page=100"],
    "broken": [f"{PAGE}/data/pipelines?state=broken"],
    "failed of one type, newest first": [f"{PAGE}/data/pipelines?last=failed&type=metadata&sort=-last_run"],
    "search": [f"{PAGE}/data/pipelines?q=pipeline_0042"],
}
RUNS_OF_EACH = 10


@dataclass(frozen=True)
class View:
    """Seconds that a view took: CPU time of the API server, and clock time."""

    cpu: float
    clock: float


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default=DATABASES)
    options = parser.parse_args()
    rows: list[list[object]] = []
    for name in options.databases.split(","):
        with airflow_on(name, lambda store: write_configs(store, options.pipelines)) as env:
            in_child(fill, env)
            views = in_child(measure, env, options.rounds)
        beside = [view.cpu for view in views[AIRFLOWS]]
        for title, found in views.items():
            cpu, clock = [view.cpu for view in found], [view.clock for view in found]
            rows.append([name, title, spread(clock), spread(cpu), spread(ratios(cpu, beside))])
    print(f"{options.pipelines:,} pipelines with {RUNS_OF_EACH} runs each; min / median / max\n")
    print(table(["database", "view", "clock, s", "CPU, s", "CPU to Airflow's list"], rows))


def write_configs(store: Path, pipelines: int) -> None:
    """Write so many configs into a store, about a hundred of which are broken."""
    write_store(store, pipelines, prefix="pipeline")
    for broken in sorted(store.glob("*.json"))[:: pipelines // 100 or 1]:
        broken.write_text('{"name": ')


def fill(env: dict[str, str]) -> int:
    """Write the DAGs of the store, and runs of each, into the database; return how many DAGs there are."""
    os.environ.update(env)
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import insert

    from dag_factory import load_dags
    from tests.airflow_versions import DagSerialization

    add_bundle()
    dags = load_dags()
    write_dags(arrived(json.dumps(DagSerialization.to_dict(dag)) for dag in dags.values()))
    with create_session() as session:
        runs = list(_runs(list(dags)))
        for start in range(0, len(runs), 5000):
            session.execute(insert(DagRun), runs[start : start + 5000])
    return len(dags)


def _runs(dag_ids: list[str]) -> Iterator[dict[str, Any]]:
    first = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for day in range(RUNS_OF_EACH):
        for number, dag_id in enumerate(dag_ids):
            moment = first + timedelta(days=day, seconds=number)
            yield {
                "dag_id": dag_id,
                "run_id": f"scheduled__{moment.isoformat()}",
                "run_type": "scheduled",
                "state": "failed" if number % 50 == 0 else "success",
                "run_after": moment,
                "logical_date": moment,
                "queued_at": moment,
                "start_date": moment,
                "end_date": moment + timedelta(minutes=2),
                "clear_number": 0,
                "conf": {},
            }


def measure(env: dict[str, str], rounds: int) -> dict[str, list[View]]:
    """Return the times of each view, one for each round, in turn."""
    os.environ.update(env)
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> dict[str, list[View]]:
    from airflow.api_fastapi.app import cached_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    app = cached_app(apps="all")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    headers = {"Authorization": f"Bearer {token}"}
    found: dict[str, list[View]] = {title: [] for title in VIEWS}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://a.invalid", headers=headers) as client:
        for number in range(rounds + 1):
            for title, paths in VIEWS.items():
                clock, cpu = time.perf_counter(), time.process_time()
                for path in paths:
                    (await client.get(path)).raise_for_status()
                if number:  # the first round imports and connects
                    found[title].append(View(time.process_time() - cpu, time.perf_counter() - clock))
    return found


if __name__ == "__main__":
    main()
