"""`make bench`: what it measures, prints and draws; real parses at tiny sizes, and Airflows that are stood in for."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import parse
from benchmarks.__main__ import Bench, keep, measure, panels
from benchmarks.deploy import Deploy, Limits
from benchmarks.parse import OURS, PLAIN, SHARD
from benchmarks.picture import Point
from benchmarks.predecessor import Cycle
from benchmarks.processor import Parse
from benchmarks.running import Plan, Running
from tests.airflow_versions import BEFORE_3_2

PLAN = Plan(Limits(rounds=1, deploy=1, all=1, listing=1))


def parsed(seconds: float, dags: int = 1) -> Parse:
    return Parse(dags=dags, load=seconds, serialize=0, send=0, cpu=seconds, peak_megabytes=100, whole=seconds)


def parses(count: int, rounds: int, of: int) -> dict[str, list[Parse]]:
    """Plain DAGs cost 2 s each, ours 1 s each, and a shard its part of them."""
    seconds = {PLAIN: 2.0 * count, OURS: float(count), SHARD: count / of}
    return {kind: [parsed(each)] * rounds for kind, each in seconds.items()}


def cycles(_: Path, pipelines: int, rounds: int) -> tuple[list[Cycle], list[Cycle]]:
    """The predecessor takes 100 s for each of its files."""
    return [Cycle([parsed(100)] * pipelines, 3)] * rounds, [Cycle([parsed(0.5)], 0)] * rounds


def running(pipelines: int, shards: int, _: Plan) -> Running:
    seconds = pipelines / shards
    return Running(
        pipelines=pipelines,
        shards=shards,
        listed=pipelines,
        listing=12,
        unhealthy=0,
        idle=0.02 * pipelines,
        memory={"scheduler": 250.0},
        tables={"serialized_dag": 5000 * pipelines, "dag": 1000 * pipelines},
        deploys=[Deploy(0.01, seconds, seconds, written=pipelines // shards)],
        answers=[0.015],
    )


def bench(python: Path) -> Bench:
    return Bench([2, 4], [2, 4], 2, 2, PLAN, python, compared=2, parses=parses, runs=running, cycles=cycles)


def test_all_that_is_compared_is_printed_as_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    measure(bench(Path(sys.executable)))

    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    by_name = {tuple(cell.strip("| ") for cell in row[:2]): row for row in rows}
    # Half of the CPU time of plain DAGs, and a shard half of that.
    assert by_name["4", OURS][8] == "0.50 / 0.50 / 0.50"
    assert by_name["4", SHARD][8] == "0.25 / 0.25 / 0.25"
    assert rows[[row[0] for row in rows].index("| predecessor")][3] == "100,000.0 / 100,000.0 / 100,000.0"
    assert "- CPU time of a pipeline, to ours at 4 pipelines: 100" in printed
    changes, rest = ([row for row in rows if row[:2] == ["| 4", "2"]][place] for place in (0, 1))
    assert changes[5:8] == ["15 / 15", "2.00 / 2.00", "2.00 / 2.00"]
    assert rest[2:4] == ["8.00", "2.00"]
    assert ["| serialized_dag", "5,000 |"] in rows


def test_a_missing_predecessor_is_said_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = measure(bench(tmp_path / "bin" / "python"))

    assert results.cycles is None
    assert f"Left out: {tmp_path / 'bin' / 'python'} is missing" in capsys.readouterr().out


def test_the_picture_has_what_was_measured_and_says_what_was_not(tmp_path: Path) -> None:
    costs, times = panels(measure(bench(Path(sys.executable))), 2)

    lines = {line.name: line for line in costs.lines}
    assert lines["one loader"].points == [Point(2, 2), Point(4, 4)]
    assert lines["one of 2 loaders"].points == [Point(2, 1), Point(4, 2)]
    assert lines["a file of plain DAGs"].points == [Point(2, 4), Point(4, 8)]
    theirs = next(line for name, line in lines.items() if name.startswith("openmetadata-managed-apis"))
    assert (theirs.points, theirs.beyond) == ([Point(2, 200)], [Point(4, 400)])
    assert {line.name: line.points for line in times.lines} == {
        "one loader": [Point(2, 2), Point(4, 4)],
        "2 loaders": [Point(2, 1), Point(4, 2)],
    }


def test_tables_and_picture_are_kept_with_the_machine_and_the_date(tmp_path: Path) -> None:
    results = measure(bench(tmp_path / "none"))

    keep(results, 2, "a machine, a date", tables=tmp_path / "results.md", picture=tmp_path / "cost.svg")

    tables, picture = (tmp_path / "results.md").read_text(), (tmp_path / "cost.svg").read_text()
    assert "a machine, a date" in tables
    assert "a machine, a date" in picture
    assert [line for line in tables.splitlines() if line.startswith("## ")] == [
        "## What a parse costs",
        "## Beside openmetadata-managed-apis",
        "## In a real Airflow",
    ]


def test_an_airflow_that_fails_is_said_and_costs_no_other_figures(capsys: pytest.CaptureFixture[str]) -> None:
    def failing(pipelines: int, shards: int, plan: Plan) -> Running:
        if pipelines == 4 and shards == 1:
            raise TimeoutError("not healthy")
        return running(pipelines, shards, plan)

    results = measure(replace(bench(Path("none")), runs=failing))

    assert [(run.pipelines, run.shards) for run in results.runs] == [(2, 1), (2, 2), (4, 2)]
    assert "## 4 pipelines, loaders: 1\n\nFailed: TimeoutError: not healthy" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(BEFORE_3_2, reason="they measure as Airflow 3.2 and later parse")
def test_parses_of_each_kind_make_the_dags_that_they_are_to_make() -> None:
    measured = parse.measure(8, rounds=1, of=4)

    made = {kind: each.dags for kind, (each,) in measured.items()}
    shard = made.pop(parse.SHARD)
    assert made.pop(parse.SHARD_NEW) == shard < 8
    assert set(made.values()) == {8}
    assert all(each.cpu > 0 and each.peak_megabytes > 0 for (each,) in measured.values())
