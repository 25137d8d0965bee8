"""What a run takes from its trigger to its success, and what it costs, with workers that start warm and cold."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psutil

from benchmarks.child import in_child
from benchmarks.configs import LOADER
from benchmarks.figures import spread, table
from sandbox import source
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack, child_environment

SAMPLE = Path(__file__).resolve().parents[1] / "configs" / "sample_sqlite_metadata.json"
LOOK_SECONDS = 0.02
# After a run, its processes still have to end.
REST_SECONDS = 1.0
MEGABYTE = 2**20
HEAD = ["worker", "run", "trigger to success, s", "CPU, s", "beyond the workflow's own, s", "memory of a run, MB"]


@dataclass
class Runs:
    """What the runs of one pipeline took: seconds until their success, seconds of CPU; and the memory of one, in MB."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many runs of each kind (%(default)s)")
    options = parser.parse_args()
    rows, kept = [], []
    with TemporaryDirectory() as name:
        folder = Path(name)
        source.create(folder / "source.db")
        with OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log") as server:
            own = [in_child(workflow_seconds, {**server.env}) for _ in range(options.rounds)]
            for number, warm in enumerate([False, True]):
                home = folder / f"airflow_{number}"
                with PostgresServer() as postgres, airflow(home, server, postgres.url(), warm=warm) as stack:
                    measured = measure(stack, options.rounds)
                    side = "warm" if warm else "cold"
                    kept.append([side, *(f"{figure:,.0f}" for figure in resident(stack))])
                for where, runs in measured.items():
                    beyond = [cpu - sorted(own)[len(own) // 2] for cpu in runs.cpu]
                    rows.append(
                        [side, where, spread(runs.seconds), spread(runs.cpu), spread(beyond), f"{runs.memory:.0f}"]
                    )
    print(f"The workflow's own CPU: {spread(own)} s\n")
    print(table(HEAD, rows))
    print("\nMemory while nothing runs, MB (PSS)\n")
    print(table(["worker", "scheduler", "its workers", "template"], kept))


def airflow(home: Path, server: OpenMetadataServer, database: str, *, warm: bool) -> AirflowStack:
    """Return an Airflow with two pipelines, one of which runs in a process of its own interpreter."""
    store = home / "configs"
    store.mkdir(parents=True)
    for name, runner in (("in_process", {}), ("isolated", {"python": sys.executable})):
        document = {**json.loads(SAMPLE.read_text()), "name": name, "fullyQualifiedName": f"sample_sqlite.{name}"}
        (store / f"{name}.json").write_text(json.dumps({**document, "dagFactory": {"runner": runner}}))
    ours = {"config_store": store, "allowed_pythons": sys.executable, "warm_start": warm}
    return AirflowStack(
        home,
        dags_folder=LOADER.parent,
        database=database,
        config={"openmetadata_dag_factory": ours},
        env=server.env,
    )


def measure(stack: AirflowStack, rounds: int) -> dict[str, Runs]:
    """Run both pipelines in turns; the first run of each, and the one whose memory is read, count for nothing else."""
    found = {name: Runs() for name in ("in_process", "isolated")}
    for name in found:
        stack.wait_for_dag(name)
        succeed(stack, name)
    for _ in range(rounds):
        for name, runs in found.items():
            time.sleep(REST_SECONDS)
            before = cpu_seconds(stack)
            runs.seconds.append(succeed(stack, name))
            time.sleep(REST_SECONDS)
            runs.cpu.append(cpu_seconds(stack) - before)
    for name, runs in found.items():
        with Memory(stack) as memory:
            succeed(stack, name)
        runs.memory = memory.most
    return found


def succeed(stack: AirflowStack, dag_id: str) -> float:
    """Trigger a run, and return the seconds until Airflow has it as a success."""
    began = time.monotonic()
    run_id = stack.trigger(dag_id)
    while (state := stack.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]) not in ("success", "failed"):
        time.sleep(LOOK_SECONDS)
    if state != "success":
        raise RuntimeError(f"the run of '{dag_id}' has failed:\n{stack.task_log(dag_id, run_id, 'ingestion_task')}")
    return time.monotonic() - began


def scheduler(stack: AirflowStack) -> psutil.Process:
    """Return the scheduler's process, from which LocalExecutor's workers are forked."""
    (command,) = psutil.Process(stack.processes["scheduler"].pid).children()
    return command


def cpu_seconds(stack: AirflowStack) -> float:
    """Return what the processes below the scheduler have used, with those of them that have ended: runs, mostly."""
    times = [each.cpu_times() for each in scheduler(stack).children()]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))


def resident(stack: AirflowStack) -> Iterator[float]:
    """Yield the memory of the scheduler, of LocalExecutor's workers and of templates, each shared page in shares."""
    root = scheduler(stack)
    templates = [each for each in root.children() if "--template" in each.cmdline()]
    workers = [each for each in root.children() if each not in templates]
    for processes in ([root], workers, templates):
        yield sum(megabytes(each) for each in processes)


def megabytes(process: psutil.Process) -> float:
    """Return a process's memory, each page that others share in shares; 0 once it has ended."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss) / MEGABYTE
    return 0.0


class Memory:
    """Reads again and again how much memory the processes of a run take, and keeps the most."""

    def __init__(self, stack: AirflowStack) -> None:
        self._root = scheduler(stack)
        self._known = set(self._root.children(recursive=True))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.most = 0.0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.wait(0.1):
            new = [each for each in self._root.children(recursive=True) if each not in self._known]
            self.most = max(self.most, sum(megabytes(each) for each in new))


def workflow_seconds(env: dict[str, str]) -> float:
    """Return the CPU time of the sample's workflow alone, in a process that has all imports."""
    os.environ.update(child_environment(env))
    from dag_factory.portable.ingestion.imports import import_ingestion
    from dag_factory.portable.ingestion.run import PipelineRun, PreparedRun

    import_ingestion()
    document: dict[str, Any] = json.loads(SAMPLE.read_text())
    document.pop("dagFactory", None)
    document["openMetadataServerConnection"] = {
        **document["openMetadataServerConnection"],
        "hostPort": env["OPENMETADATA_HOST_PORT"],
        "securityConfig": {"jwtToken": env["OPENMETADATA_JWT_TOKEN"]},
    }
    run = PipelineRun(PreparedRun(document, "sample_sqlite.own", str(uuid4())), on_secret=lambda _: None)
    began = time.process_time()
    run.execute()
    return time.process_time() - began


if __name__ == "__main__":
    main()
