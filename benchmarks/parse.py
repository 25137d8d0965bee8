"""Cost of a parse: our loaders compared with a DAG file of as many plain DAGs, the least that Airflow itself costs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.configs import counts, write_loaders, write_plain_dags, write_store
from benchmarks.figures import middle, ratios, spread, table
from benchmarks.home import STATE, STORE, airflow_home
from benchmarks.processor import Job, Parse, run
from dag_factory.store.shards import WHOLE, shard_of

SHARDS = 64
PLAIN, OURS, OURS_NEW, YAML_NEW = "plain DAGs", "ours", "ours, without an index", "ours, YAML, without an index"
SHARD, SHARD_NEW = "ours, one shard", "ours, one shard, without an index"
HEAD = ["pipelines", "parsed", "DAGs", "load, ms", "serialize, ms", "send, ms", "all, ms", "per pipeline, ms"]
AGAINST = ["CPU to plain DAGs", "peak MB", "memory to plain DAGs"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse", description=__doc__)
    parser.add_argument("--counts", default="10,100,1000,5000", help="how many configs (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shards", type=int, default=SHARDS)
    options = parser.parse_args()
    print(report({count: measure(count, options.rounds, options.shards) for count in counts(options.counts)}))


def measure(count: int, rounds: int, of: int = SHARDS) -> dict[str, list[Parse]]:
    """
    Return the parses of each kind, one for each round; a round has one of each kind, one after the other.

    One round comes before these: it writes the last good versions, for which one load of many has too little time.
    """
    with TemporaryDirectory() as folder:
        kinds = jobs(Path(folder), count, of)
        parses = run(list(kinds.values()), rounds=rounds + 1, env=airflow_home(Path(folder, "airflow")))
    return {kind: measured[1:] for kind, measured in zip(kinds, parses, strict=True)}


def jobs(folder: Path, count: int, of: int = SHARDS) -> dict[str, Job]:
    """
    Write what is to be parsed, and return a job for each kind.

    Those without an index come before those with one: they write it. The shard is that of the first pipeline.
    """
    plain = folder / "plain_dags.py"
    write_plain_dags(plain, count)
    names = write_store(folder / "configs", count)
    write_store(folder / "yaml", count, key="{name}.yaml")
    whole = write_loaders(folder / "one", 1) / WHOLE.file_name
    shard = write_loaders(folder / "divided", of) / shard_of(names[0], of).file_name

    def job(file: Path, state: str, store: str = "configs", *, new: bool = False) -> Job:
        index = str(folder / state)
        return Job(str(file), env={STORE: str(folder / store), STATE: index}, forget=index if new else None)

    return {
        PLAIN: Job(str(plain)),
        YAML_NEW: job(whole, "of_yaml", "yaml", new=True),
        OURS_NEW: job(whole, "of_all", new=True),
        OURS: job(whole, "of_all"),
        SHARD: job(shard, "of_all"),
        SHARD_NEW: job(shard, "of_shard", new=True),
    }


def report(measured: Mapping[int, Mapping[str, Sequence[Parse]]]) -> str:
    """Return the table of the parses of each kind, by how many pipelines there are."""
    rows = [
        [f"{count:,}", kind, *figures(parses, count), *against(parses, kinds[PLAIN])]
        for count, kinds in measured.items()
        for kind, parses in kinds.items()
    ]
    return "CPU time of a parse; medians, or min / median / max\n\n" + table([*HEAD, *AGAINST], rows)


def figures(parses: Sequence[Parse], count: int) -> list[str]:
    """Return the cells of what a parse costs."""
    parts = ("load", "serialize", "send", "cpu")
    medians = [1000 * middle(getattr(parse, part) for parse in parses) for part in parts]
    return [f"{parses[0].dags:,}", *(f"{figure:,.1f}" for figure in medians), f"{medians[-1] / count:.2f}"]


def against(parses: Sequence[Parse], plain: Sequence[Parse]) -> list[str]:
    """Return the cells that compare with plain DAGs."""
    memory = [middle(parse.peak_megabytes for parse in each) for each in (parses, plain)]
    return [spread(ratios(map(cpu, parses), map(cpu, plain))), f"{memory[0]:,.0f}", f"{memory[0] / memory[1]:.2f}"]


def cpu(parse: Parse) -> float:
    """Return the CPU seconds of a parse."""
    return parse.cpu


if __name__ == "__main__":
    main()
