"""
All of it side by side, for `make bench`: what a parse costs, and what a change and rest cost in a real Airflow.

Prints tables in Markdown, keeps them in a file, and draws a picture. Takes a quarter of an hour at its defaults, and
needs PostgreSQL's programs. Other work on the machine makes times longer, and changes ratios and CPU times less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import parse, predecessor, running
from benchmarks.configs import counts
from benchmarks.deploy import Limits
from benchmarks.figures import middle
from benchmarks.machine import description
from benchmarks.parse import OURS, PLAIN, SHARD, SHARDS
from benchmarks.picture import Line, Panel, Point, svg
from benchmarks.predecessor import Cycle
from benchmarks.processor import Parse
from benchmarks.running import Plan, Running

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURE = REPOSITORY / "docs" / "images" / "cost-of-a-change.svg"
TABLES = REPOSITORY / "benchmarks" / "results.md"
PREDECESSOR = REPOSITORY / ".predecessor"
# What other defaults are then.
QUICK = {
    "sizes": "4,8",
    "airflows": "8",
    "rounds": 1,
    "shards": 4,
    "deploys": 2,
    "idle": 2,
    "predecessor": Path("none"),
}

Parses = Mapping[str, Sequence[Parse]]
Cycles = tuple[Sequence[Cycle], Sequence[Cycle]]


@dataclass(frozen=True)
class Bench:
    """
    What is measured, and by which functions.

    :param airflows: the numbers of pipelines of real Airflows
    :param compared: how many pipelines are compared with the predecessor: each of its parses takes almost a second
    """

    sizes: list[int]
    airflows: list[int]
    rounds: int
    shards: int
    plan: Plan
    python: Path
    compared: int = 20
    parses: Callable[[int, int, int], Parses] = field(default=parse.measure)
    runs: Callable[[int, int, Plan], Running] = field(default=running.start_and_measure)
    cycles: Callable[[Path, int, int], Cycles] = field(default=predecessor.compare)


@dataclass
class Results:
    """What was measured, as far as it has come."""

    parses: dict[int, Parses] = field(default_factory=dict)
    runs: list[Running] = field(default_factory=list)
    cycles: Cycles | None = None
    sections: list[str] = field(default_factory=list)

    def show(self, title: str, text: str) -> None:
        """Print a section, and keep it."""
        self.sections.append(f"## {title}\n\n{text}\n")
        print(f"{self.sections[-1]}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--sizes", default="10,100,1000,10000", help="numbers of pipelines to parse (%(default)s)")
    parser.add_argument(
        "--airflows", default="10,1000,10000", help="numbers of pipelines of real Airflows; 0: none (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is parsed (%(default)s)")
    parser.add_argument("--shards", type=int, default=SHARDS, help="how many loaders, beside one (%(default)s)")
    parser.add_argument("--deploys", type=int, default=20, help="deploys that are waited for (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="after which no deploy begins (%(default)s)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of rest in each Airflow (%(default)s)")
    parser.add_argument("--predecessor", type=Path, default=PREDECESSOR, help="its environment (%(default)s)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw it (%(default)s)")
    parser.add_argument("--tables", type=Path, default=TABLES, help="where to keep the tables (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="only show that it works, and keep nothing")
    options = parser.parse_args(arguments)
    if options.quick:
        parser.set_defaults(**QUICK)
        options = parser.parse_args(arguments)
    bench = Bench(
        sizes=list(counts(options.sizes)),
        airflows=[count for count in counts(options.airflows) if count],
        rounds=options.rounds,
        shards=options.shards,
        plan=Plan(
            Limits(options.deploys, 300, options.seconds, 300),
            answers=2 if options.quick else 100,
            idle=options.idle,
            quiet=2 if options.quick else 10,
        ),
        python=options.predecessor.absolute() / "bin" / "python",
    )
    began = description()
    print(f"{began}\n", flush=True)
    results = measure(bench)
    if not options.quick:
        keep(results, bench.shards, began, tables=options.tables, picture=options.picture)


def keep(results: Results, shards: int, machine: str, *, tables: Path, picture: Path) -> None:
    """Write the tables and the picture, each with a line that says where and when they were measured."""
    head = f"# Figures of `make bench`\n\n{machine}.\n\n[What they mean](README.md#all-of-it-side-by-side).\n"
    tables.write_text("\n".join([head, *results.sections]), encoding="utf-8")
    picture.write_text(svg(panels(results, shards), machine), encoding="utf-8")


def measure(bench: Bench) -> Results:
    """Measure all, and print each table as soon as it is there."""
    results = Results()
    for count in bench.sizes:
        _say(f"{count:,} pipelines: parses")
        results.parses[count] = bench.parses(count, bench.rounds, bench.shards)
    results.show("What a parse costs", parse.report(results.parses))
    if bench.python.exists():
        _say(f"{bench.compared} pipelines: parses beside the predecessor")
        results.cycles = bench.cycles(bench.python, bench.compared, bench.rounds)
        beside = predecessor.report(*results.cycles, bench.compared) + _each(results, bench.compared)
    else:
        beside = f"Left out: {bench.python} is missing, see benchmarks/README.md."
    results.show("Beside openmetadata-managed-apis", beside)
    for count in bench.airflows:
        for shards in dict.fromkeys((1, bench.shards)):
            _say(f"{count:,} pipelines: an Airflow with loaders: {shards}")
            try:
                results.runs.append(bench.runs(count, shards, bench.plan))
            except Exception as error:  # noqa: BLE001 - it must not cost the figures of the others
                results.show(f"{count:,} pipelines, loaders: {shards}", f"Failed: {type(error).__name__}: {error}")
    if results.runs:
        results.show("In a real Airflow", running.report(results.runs))
    return results


def panels(results: Results, shards: int) -> list[Panel]:
    """Return the panels of the picture: the parses that a change starts, and the time from a deploy to its DAG."""
    lines = [
        Line("a file of plain DAGs", _cpu(results.parses, PLAIN)),
        Line("one loader", _cpu(results.parses, OURS)),
        Line(f"one of {shards} loaders", _cpu(results.parses, SHARD)),
    ]
    if results.cycles is not None:
        theirs, _ = results.cycles
        pipelines = len(theirs[0].parses)
        each = middle(map(predecessor.cpu, theirs)) / pipelines
        beyond = [Point(count, count * each) for count in results.parses if count > pipelines]
        name = "openmetadata-managed-apis; dashed: as many times more"
        lines.append(Line(name, [Point(pipelines, pipelines * each)], beyond))
    made = [Panel("Parse after a change", "pipelines", "CPU seconds", lines)]
    if results.runs:
        times = [
            Line(
                "one loader" if of == 1 else f"{of} loaders",
                [Point(run.pipelines, running.visible(run)) for run in results.runs if run.shards == of],
            )
            for of in dict.fromkeys(run.shards for run in results.runs)
        ]
        made.append(Panel("From a deploy to its DAG", "pipelines", "seconds, p50", times))
    return made


def _each(results: Results, compared: int) -> str:
    """Return the ratio for one pipeline where ours has the most: there, the fixed part of a parse matters least."""
    if results.cycles is None or not results.parses:
        return ""
    most = max(results.parses)
    ours = middle(map(parse.cpu, results.parses[most][OURS])) / most
    theirs = middle(map(predecessor.cpu, results.cycles[0])) / compared
    return f"\n- CPU time of a pipeline, to ours at {most:,} pipelines: {theirs / ours:,.0f}"


def _cpu(parses: Mapping[int, Parses], kind: str) -> list[Point]:
    return [Point(count, middle(map(parse.cpu, kinds[kind]))) for count, kinds in sorted(parses.items())]


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
