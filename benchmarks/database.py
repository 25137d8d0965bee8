"""Cost of writing unchanged DAGs to the database: with our timetable, and with Airflow's own of the same schedule."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.airflow_database import DATABASES, add_bundle, airflow_on, arrived, write_dags
from benchmarks.child import in_child
from benchmarks.configs import write_store
from benchmarks.figures import ratios, spread, table

# How the names of DAGs begin, and the timetable that these are given.
AIRFLOWS, OURS = "with_airflows", "with_ours"
TIMETABLES = {
    AIRFLOWS: "airflow.timetables.trigger.CronTriggerTimetable",
    OURS: "dag_factory.configs.timetables.schedule.PipelineTimetable",
}


@dataclass(frozen=True)
class Write:
    """Seconds that writing all DAGs took: the DAG processor's CPU time, and clock time, with the database's part."""

    cpu: float
    clock: float


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.database", description=__doc__)
    parser.add_argument("--dags", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default=DATABASES)
    options = parser.parse_args()
    rows: list[list[object]] = []
    for name in options.databases.split(","):
        with airflow_on(name, lambda store: write_configs(store, options.dags)) as env:
            writes = in_child(measure, env, options.rounds)
        for unit in ("cpu", "clock"):
            airflows, ours = ([getattr(write, unit) for write in writes[timetable]] for timetable in (AIRFLOWS, OURS))
            per_dag = ([1000 * second / options.dags for second in seconds] for seconds in (airflows, ours))
            rows.append([name, unit, *map(spread, per_dag), spread(ratios(airflows, ours))])
    print(f"{options.dags:,} unchanged DAGs; min / median / max\n")
    print(table(["database", "time", "Airflow's timetable, ms per DAG", "ours, ms per DAG", "ratio"], rows))


def write_configs(store: Path, dags: int) -> None:
    """Write so many configs into a store for each timetable."""
    for prefix in TIMETABLES:
        write_store(store, dags, prefix=prefix)


def measure(env: dict[str, str], rounds: int) -> dict[str, list[Write]]:
    """Return the writes of each timetable, one for each round, in one process, as the DAG processor writes."""
    os.environ.update(env)
    add_bundle()
    texts = {timetable: list(serialized(timetable)) for timetable in TIMETABLES}
    writes: dict[str, list[Write]] = {timetable: [] for timetable in texts}
    for number in range(rounds + 1):
        for timetable, found in texts.items():
            dags = arrived(found)
            clock, cpu = time.perf_counter(), time.process_time()
            write_dags(dags)
            if number:  # the first round makes the rows
                writes[timetable].append(Write(time.process_time() - cpu, time.perf_counter() - clock))
    return writes


def serialized(prefix: str) -> Iterator[str]:
    """Yield the DAGs whose names begin so, with the timetable of that name, as the child of a parse sends them."""
    from dag_factory import load_dags
    from tests.airflow_versions import DagSerialization

    for dag_id, dag in load_dags().items():
        if dag_id.startswith(prefix):
            data: dict[str, Any] = DagSerialization.to_dict(dag)
            data["dag"]["timetable"]["__type"] = TIMETABLES[prefix]
            yield json.dumps(data)


if __name__ == "__main__":
    main()
