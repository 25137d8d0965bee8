"""Cost of the commands for authors on a folder of many configs, the CPU time of all their processes included."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.configs import write_store

PROGRAM = (sys.executable, "-W", "ignore", "-m", "dag_factory.cli")


class Cost(NamedTuple):
    """What a command has cost, in seconds and in MB; the memory is that of its largest process."""

    cpu: float
    wall: float
    memory: int


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many configs (%(default)s)")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        configs = Path(folder, "configs")
        names = write_store(configs, options.count)
        commands = {
            "validate": ("validate", str(configs)),
            "validate --output json": ("validate", str(configs), "--output", "json"),
            "list": ("list", str(configs)),
            "list --output json": ("list", str(configs), "--output", "json"),
            "show": ("show", names[-1], "--store", str(configs)),
        }
        print(f"| command, at {options.count:,} configs | CPU, s | wall, s | memory, MB |\n|---|---|---|---|")
        for name, arguments in commands.items():
            cost = measured(arguments, Path(folder))
            print(f"| `{name}` | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.memory} |", flush=True)


def measured(arguments: tuple[str, ...], home: Path) -> Cost:
    """
    Return what a command costs, its child processes included.

    :param home: for what Airflow writes
    """
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_ENV": "*",
    }
    began = time.monotonic()
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss // 1024)


if __name__ == "__main__":
    main()
