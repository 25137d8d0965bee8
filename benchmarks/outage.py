"""An OpenMetadata server that is down, or accepts and never answers: which DAGs are left, what a parse takes."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.configs import LOADER
from benchmarks.deploy import ours, predecessor, wait_for_all
from benchmarks.figures import table
from sandbox import source
from sandbox.failing import SocketServer, hang
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack, child_environment

LOOK_SECONDS = 1.0
# What a DAG processor's child does with one file, after its imports.
PARSE = """
import sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
file = Path(sys.argv[1])
started = time.perf_counter()
bag = BundleDagBag(file, bundle_path=file.parent, bundle_name="benchmark", load_op_links=False)
print(f"{time.perf_counter() - started} {len(bag.dags)}")
"""


@dataclass(frozen=True)
class Figures:
    """
    The effects of an outage.

    :param listed: how many DAGs Airflow listed when it began
    :param left: how many at its end
    :param first_lost: seconds after which one was missing, None where none was
    :param parse: seconds of one parse of one file meanwhile
    :param made: how many DAGs that parse made
    """

    listed: int
    left: int
    first_lost: float | None
    parse: float
    made: int


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("environment", type=Path, help="virtual environment with openmetadata-managed-apis; see README")
    parser.add_argument("--pipelines", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=90, help="how long an outage lasts (%(default)s)")
    parser.add_argument("--listing", type=float, default=120, help="seconds to list all DAGs before (%(default)s)")
    options = parser.parse_args()
    python = options.environment.absolute() / "bin" / "python"
    sides: dict[str, tuple[Callable[..., AirflowStack], str]] = {"ours": (ours, sys.executable)}
    if python.exists():
        sides["predecessor"] = (predecessor, str(python))
    else:
        print(f"Without the predecessor: there is no {python}. benchmarks/README.md says how to make it.")
    rows: list[list[object]] = []
    for name, (stack, interpreter) in sides.items():
        for fault, figures in side(stack, interpreter, options.pipelines, options.seconds, options.listing):
            lost = "never" if figures.first_lost is None else f"{figures.first_lost:.0f} s"
            parse = f"{figures.parse:.1f} s, {figures.made} DAGs"
            rows.append([fault, name, figures.listed, figures.left, lost, parse])
            print(*rows[-1], sep="; ", file=sys.stderr, flush=True)
    print(
        table(["server", "", "DAGs before", f"after {options.seconds:.0f} s", "first lost", "one parse"], sorted(rows))
    )


def side(
    stack: Callable[..., AirflowStack], python: str, count: int, seconds: float, listing: float
) -> Iterator[tuple[str, Figures]]:
    """Yield the effects of each fault on one side, in an Airflow and on a PostgreSQL of its own."""
    with TemporaryDirectory() as name, ExitStack() as context:
        folder = Path(name)
        source.create(folder / "source.db")
        server = context.enter_context(OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log"))
        database = context.enter_context(PostgresServer()).url()
        airflow = context.enter_context(stack(folder, count, server, database, python))
        file = min((folder / "dags").glob("*.py"), default=LOADER)
        env = child_environment({"AIRFLOW_HOME": str(airflow.home), **server.env})
        for fault, failing in {"down": down, "hanging": hanging}.items():
            listed = wait_for_all(airflow, count, listing)
            with failing(server):
                left, lost = watch(airflow, listed, seconds)
                yield fault, Figures(listed, left, lost, *parse(python, file, env))


@contextmanager
def down(server: OpenMetadataServer) -> Iterator[None]:
    """Let nothing listen where the server was."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hanging(server: OpenMetadataServer) -> Iterator[None]:
    """Put a server in its place that accepts connections and never answers."""
    with down(server), SocketServer(hang, port=int(server.url.rpartition(":")[2])):
        yield


def watch(airflow: AirflowStack, listed: int, seconds: float) -> tuple[int, float | None]:
    """Watch for some seconds how many DAGs Airflow lists; return the last number, and when it was first too small."""
    began = time.perf_counter()
    lost: float | None = None
    left = listed
    while (passed := time.perf_counter() - began) < seconds:
        left = int(airflow.api("GET", "/api/v2/dags", params={"limit": 1})["total_entries"])
        if left < listed and lost is None:
            lost = passed
        time.sleep(LOOK_SECONDS)
    return left, lost


def parse(python: str, file: Path, env: Mapping[str, str]) -> tuple[float, int]:
    """Parse a file once; return the seconds that it takes, and how many DAGs it makes."""
    command = [python, "-c", PARSE, str(file)]
    done = subprocess.run(command, env=env, cwd=file.parent, capture_output=True, text=True, check=True)
    took, made = done.stdout.split()[-2:]
    return float(took), int(made)


if __name__ == "__main__":
    main()
