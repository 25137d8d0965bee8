"""What a run by another interpreter costs without Airflow: started for itself, and forked from a template."""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from benchmarks.figures import ratios, spread, table
from dag_factory.portable.ingestion.orders import RUN
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.interpreter import environment
from dag_factory.task.runner.templates import start_templates, template_of
from sandbox import source
from sandbox.server import OpenMetadataServer
from tests.child_processes import pid_of, stop_templates, template_pid
from tests.e2e.pipelines import SAMPLE, prepared

MEGABYTE = 2**20


class Cost(NamedTuple):
    """What a run took: seconds of CPU and of the clock, and the memory in MB that it shares with no other process."""

    cpu: float
    clock: float
    memory: float


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_child", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="how many runs of each kind (%(default)s)")
    rounds = parser.parse_args().rounds
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as name:
        database = Path(name, "source.db")
        source.create(database)
        with OpenMetadataServer(database, log=Path(name, "openmetadata.log")) as server:
            started = [cost(server.env) for _ in range(rounds)]
            start_templates([sys.executable], idle=900)
            first = cost(server.env)
            forked = [cost(server.env) for _ in range(rounds)]
            template = psutil.Process(template_pid(sys.executable)).memory_full_info().rss / MEGABYTE
            stop_templates()
    kinds = {"started": started, "the first of a template": [first], "forked": forked}
    rows = [[kind, *(spread(each) for each in zip(*costs, strict=True))] for kind, costs in kinds.items()]
    print(table(["run", "CPU, s", "clock, s", "memory of its own, MB"], rows))
    print(f"\nThe template: {template:.0f} MB. Started to forked, CPU: ", end="")
    print(spread(ratios([each.cpu for each in started], [each.cpu for each in forked]), 1))


def cost(env: Mapping[str, str]) -> Cost:
    """Run the sample once."""
    child = Child(sys.executable, environment(sys.executable), Mask(in_airflow=False))
    over = threading.Event()
    most = [0.0]
    reader = threading.Thread(target=_read_memory, args=[child, over, most])
    reader.start()
    before, began = cpu_seconds(), time.monotonic()
    child.run(RUN, prepared(SAMPLE, env))
    clock = time.monotonic() - began
    over.set()
    reader.join()
    time.sleep(0.2)  # until the template has collected it
    return Cost(cpu_seconds() - before, clock, most[0])


def cpu_seconds() -> float:
    """Return what all children of this process that have ended have used, and its template with those it forked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    if template_of(sys.executable) is not None:
        times = psutil.Process(template_pid(sys.executable)).cpu_times()
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _read_memory(child: Child, over: threading.Event, most: list[float]) -> None:
    while not over.wait(0.2):
        if (pid := pid_of(child)) is not None:
            with suppress(psutil.Error):
                guard = psutil.Process(pid)
                family = [guard, *guard.children(recursive=True)]
                most[0] = max(most[0], sum(each.memory_full_info().uss for each in family) / MEGABYTE)


if __name__ == "__main__":
    main()
