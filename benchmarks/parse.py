"""Cost of a parse: our loader compared with a DAG file of as many plain DAGs, the least that Airflow itself costs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.configs import LOADER, counts, write_plain_dags, write_store
from benchmarks.figures import ratios, spread, table
from benchmarks.home import airflow_home
from benchmarks.processor import Job, Parse, run

KEYS = {"JSON": "{name}.json", "YAML": "{name}.yaml"}
STORE = "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse", description=__doc__)
    parser.add_argument("--counts", default="10,100,1000,5000", help="how many configs (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        env = airflow_home(Path(folder, "airflow"))
        parts: list[list[object]] = []
        against: list[list[object]] = []
        for count in counts(options.counts):
            plain, *ours = run(list(jobs(Path(folder, str(count)), count)), rounds=options.rounds, env=env)
            parts.append([f"{count:,}", "plain DAGs", *figures(plain)])
            for form, parses in zip(KEYS, ours, strict=True):
                parts.append([f"{count:,}", form, *figures(parses)])
                against.append([f"{count:,}", form, spread(ratios(map(cpu, parses), map(cpu, plain)))])
    print("CPU time of the child; medians, or min / median / max\n")
    print(table(["DAGs", "from", *PARTS, "all, ms per DAG", "all, s", "wall, s", "peak MB"], parts))
    print()
    print(table(["DAGs", "from", "ratio to plain DAGs"], against))


def jobs(folder: Path, count: int) -> Iterator[Job]:
    """Yield the files to parse: plain DAGs, then our loader over each form of config."""
    folder.mkdir()
    plain = folder / "plain_dags.py"
    write_plain_dags(plain, count)
    yield Job(str(plain))
    for form, key in KEYS.items():
        store = folder / form
        write_store(store, count, key=key)
        # To name it by way of the loader imports the loader, and all of that counts as import.
        yield Job(str(LOADER), watch="dag_factory.dag.loader:Catalog.all", env={STORE: str(store)})


PARTS = ("import, ms", "read, ms per DAG", "build, ms per DAG", "serialize, ms per DAG", "send, ms per DAG")


def figures(parses: list[Parse]) -> Iterator[object]:
    """Yield the cells of a row."""
    dags = parses[0].dags
    yield f"{1000 * median(parse.imports for parse in parses):.0f}"
    for part in (
        [parse.watched for parse in parses],
        [parse.load - parse.watched for parse in parses],
        [parse.serialize for parse in parses],
        [parse.send for parse in parses],
    ):
        yield f"{1000 * median(part) / dags:.2f}"
    yield spread(1000 * parse.cpu / dags for parse in parses)
    yield f"{median(map(cpu, parses)):.2f}"
    yield f"{median(parse.whole for parse in parses):.2f}"
    yield f"{median(parse.peak_megabytes for parse in parses):.0f}"


def cpu(parse: Parse) -> float:
    """Return the CPU seconds of a parse."""
    return parse.cpu


if __name__ == "__main__":
    main()
