"""
What the page in Airflow's UI costs: its first view of many pipelines, beside Airflow's own list of as many DAGs.

Airflow's API server runs in this process, over DAGs and runs in a database, and is asked as a browser asks.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx

from benchmarks.airflow_database import BUNDLE, DATABASES, add_bundle, airflow_on
from benchmarks.child import in_child
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
        with airflow_on(name, Path.mkdir) as env:
            in_child(fill, env, options.pipelines)
            views = in_child(measure, env, options.rounds)
        beside = [view.cpu for view in views[AIRFLOWS]]
        for title, found in views.items():
            cpu, clock = [view.cpu for view in found], [view.clock for view in found]
            rows.append([name, title, spread(clock), spread(cpu), spread(ratios(cpu, beside))])
    print(f"{options.pipelines:,} pipelines with {RUNS_OF_EACH} runs each; min / median / max\n")
    print(table(["database", "view", "clock, s", "CPU, s", "CPU to Airflow's list"], rows))


def fill(env: dict[str, str], pipelines: int) -> int:
    """
    Write the rows of DAGs, about a hundred of which are broken, and of their runs into the database.

    Only the tables that lists of DAGs read are filled: that takes seconds, while parsing and storing as many DAGs takes
    minutes. So this machine's index, which the table of pipelines also looks into, knows none of them.

    :return: how many DAGs there are
    """
    os.environ.update(env)
    from airflow.models import DagModel
    from airflow.models.dag import DagTag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import insert

    add_bundle()
    dag_ids = [f"pipeline_{number:05}" for number in range(pipelines)]
    tags = [
        {"dag_id": dag_id, "name": name} for number, dag_id in enumerate(dag_ids) for name in _tags(number, pipelines)
    ]
    filled: list[tuple[Any, list[dict[str, Any]]]] = [
        (DagModel, [_dag(dag_id) for dag_id in dag_ids]),
        (DagTag, tags),
        # Of the class, an insert would leave out the state, whose attribute has another name than its column.
        (DagRun.__table__, list(_runs(dag_ids))),
    ]
    with create_session() as session:
        for table_of, found in filled:
            for start in range(0, len(found), 5000):
                session.execute(insert(table_of), found[start : start + 5000])
    return len(dag_ids)


def _dag(dag_id: str) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "bundle_name": BUNDLE,
        "relative_fileloc": "openmetadata_loader.py",
        "fileloc": "openmetadata_loader.py",
        "owners": "openmetadata",
        "is_paused": False,
        "is_stale": False,
        "timetable_description": "At 03:00",
        "max_active_tasks": 16,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
    }


def _tags(number: int, pipelines: int) -> list[str]:
    wrong = ["config-error"] if number % (pipelines // 100 or 1) == 0 else []
    return ["OpenMetadata", "type:metadata", f"service:service_{number % 200}", *wrong]


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
