"""Cost of a parse: our loader compared with openmetadata-managed-apis's generated files, one for each pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.configs import LOADER, write_store
from benchmarks.figures import ratios, spread, table
from benchmarks.home import STATE, airflow_home
from benchmarks.processor import Job, Parse, run
from sandbox import source
from sandbox.server import OpenMetadataServer

# What openmetadata-managed-apis's template dag_runner.j2 renders to.
GENERATED = """
from airflow import DAG
from openmetadata_managed_apis.workflows import workflow_factory

workflow = workflow_factory.WorkflowFactory.create({config!r})
workflow.generate_dag(globals())
dag = workflow.get_dag()
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predecessor", description=__doc__)
    parser.add_argument("environment", type=Path, help="virtual environment with openmetadata-managed-apis; see README")
    parser.add_argument("--pipelines", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    python = options.environment.absolute() / "bin" / "python"
    if not python.exists():
        print(f"Skipped: there is no {python}. benchmarks/README.md says how to make this environment.")
        return
    theirs, ours = compare(python, options.pipelines, options.rounds)
    print(report(theirs, ours, options.pipelines))


def report(theirs: Sequence[Cycle], ours: Sequence[Cycle], pipelines: int) -> str:
    """Return the table of both, and the ratios."""
    rows = [[name, *figures(cycles, pipelines)] for name, cycles in (("predecessor", theirs), ("ours", ours))]
    head = ["", "one parse of all, s", "ms per pipeline", "CPU ms per pipeline", "calls to OpenMetadata"]
    return "\n".join(
        [
            f"{pipelines} pipelines, ours with an index; min / median / max\n",
            table(head, rows),
            "\nRatio of the predecessor to ours:\n",
            f"- on the clock: {spread(ratios(map(seconds, theirs), map(seconds, ours)), 0)}",
            f"- CPU time: {spread(ratios(map(cpu, theirs), map(cpu, ours)), 0)}",
        ]
    )


def compare(python: Path, pipelines: int, rounds: int) -> tuple[list[Cycle], list[Cycle]]:
    """Return the parses of all pipelines, one for each round: the predecessor's, and ours with an index."""
    theirs: list[Cycle] = []
    ours: list[Cycle] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        source.create(folder / "source.db")
        with OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log") as server:
            store = folder / "configs"
            write_store(store, pipelines, server=server.env)
            files = [Job(str(file)) for file in generate(store, folder / "dags")]
            env = {**airflow_home(folder / "airflow", store=store), **server.env}
            loader = Job(str(LOADER), env={STATE: str(folder / "state")})
            cycle([loader], env, server)  # writes the index
            for _ in range(rounds):
                theirs.append(cycle(files, env, server, python=str(python)))
                ours.append(cycle([loader], env, server))
    return theirs, ours


@dataclass(frozen=True)
class Cycle:
    """One parse of all pipelines, in as many files as they have, and the calls to OpenMetadata that it made."""

    parses: list[Parse]
    calls: int


def cycle(jobs: list[Job], env: Mapping[str, str], server: OpenMetadataServer, python: str = sys.executable) -> Cycle:
    """Parse all files once, one after the other, in a DAG processor of their own."""
    before = server.get("/sandbox/summary")["requests"]
    parses = run(jobs, rounds=1, env=env, python=python)
    # The server remembers only its last 1,000 requests, enough for a few rounds.
    return Cycle([parse for [parse] in parses], server.get("/sandbox/summary")["requests"] - before)


def figures(cycles: Sequence[Cycle], pipelines: int) -> Iterator[str]:
    """Yield the cells of a row."""
    yield spread(map(seconds, cycles))
    yield spread((1000 * seconds(cycle) / pipelines for cycle in cycles), 1)
    yield spread((1000 * cpu(cycle) / pipelines for cycle in cycles), 1)
    yield spread((cycle.calls for cycle in cycles), 0)


def seconds(cycle: Cycle) -> float:
    """Return the seconds that the DAG processor waited for the parses, the forks included."""
    return sum(parse.whole for parse in cycle.parses)


def cpu(cycle: Cycle) -> float:
    """Return the CPU seconds of the children."""
    return sum(parse.cpu for parse in cycle.parses)


def generate(store: Path, folder: Path) -> list[Path]:
    """Write the DAG file of each config, as a deploy does."""
    folder.mkdir()
    files = []
    for config in sorted(store.iterdir()):
        file = folder / f"{config.stem}.py"
        file.write_text(GENERATED.format(config=str(config)), encoding="utf-8")
        files.append(file)
    return files


if __name__ == "__main__":
    main()
