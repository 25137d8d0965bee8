"""
Cost of the commands for authors on a folder of many configs, the CPU time of all their processes included.

With ``--before`` that of another checkout's commands too, each right before ours.
"""

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

CHECKOUT = Path(__file__).resolve().parents[1]
AS_JSON = ("--output", "json")
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
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    options = parser.parse_args()
    checkouts = {"before": options.before, "now": CHECKOUT} if options.before else {"now": CHECKOUT}
    with TemporaryDirectory() as folder:
        stores = {suffix: Path(folder, suffix) for suffix in ("json", "yaml")}
        for suffix, store in stores.items():
            names = write_store(store, options.count, key=f"{{name}}.{suffix}")
        commands = [("validate", ()), ("validate", AS_JSON), ("list", ()), ("list", AS_JSON)]
        print(f"| command, at {options.count:,} configs | of | | CPU, s | wall, s | memory, MB |")
        print("|---|---|---|---|---|---|")
        for suffix, store in stores.items():
            shown = ("show", names[-1], "--store", str(store))
            for arguments in [*((name, str(store), *output) for name, output in commands), shown]:
                for when, checkout in checkouts.items():
                    cost = measured(arguments, Path(folder), checkout)
                    said = " ".join([arguments[0], *arguments[2:] * (arguments[0] != "show")])
                    print(
                        f"| `{said}` | {suffix.upper()} | {when} | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.memory} |",
                        flush=True,
                    )


def measured(arguments: tuple[str, ...], home: Path, checkout: Path) -> Cost:
    """
    Return what a command costs, its child processes included.

    :param home: for what Airflow writes
    :param checkout: whose commands run
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_ENV": "*",
    }
    began = time.monotonic()
    process = subprocess.Popen([*PROGRAM, *arguments], cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss // 1024)


if __name__ == "__main__":
    main()
