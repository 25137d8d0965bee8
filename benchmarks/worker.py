"""Cost of a worker's start: opening one config of few or many, and of listing the folder."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.child import in_child
from benchmarks.configs import counts, write_store
from benchmarks.figures import spread, table
from benchmarks.home import airflow_home

# Where a config lies, from the quickest to find to the slowest.
LAYOUTS = {
    "`<id>.json` in the root": "{name}.json",
    "`<id>.json` in 100 subfolders": "team_{group:02}/{name}.json",
    "any name, noted at the last parse": "shop-{number}.json",
    "any name, never noted": "shop-{number}.json",
}
NEVER_NOTED = list(LAYOUTS)[-1]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__)
    parser.add_argument("--counts", default="10,1000,10000", help="how many configs (%(default)s)")
    parser.add_argument("--opens", type=int, default=15, help="how many of them to open, one after the other")
    options = parser.parse_args()
    rows = []
    for layout, key in LAYOUTS.items():
        for count in counts(options.counts):
            with TemporaryDirectory() as folder:
                store = Path(folder, "configs")
                dag_ids = write_store(store, count, key=key)
                env = airflow_home(Path(folder, "airflow"), store=store)
                opens = 1 if layout == NEVER_NOTED else options.opens
                wanted = [dag_ids[count * turn // opens] for turn in range(opens)]
                rows.append([layout, f"{count:,}", *in_child(measure, env, wanted, layout != NEVER_NOTED)])
    print("CPU ms, min / median / max\n")
    print(table(["layout", "configs", "open one", "list the folder", "imports"], rows))


def measure(env: dict[str, str], dag_ids: list[str], noted: bool) -> list[str]:
    """Return the cells of a row: milliseconds to load one DAG, to list the folder, and to import all of it."""
    os.environ.update(env)
    import airflow.sdk.execution_time.task_runner  # noqa: F401
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    started = time.process_time()
    from dag_factory.dag.loader import load_dags

    imports = 1000 * (time.process_time() - started)
    from dag_factory import settings
    from dag_factory.store import open_store
    from dag_factory.store.catalog import Catalog

    def load(dag_id: str) -> None:
        with _airflow_parsing_context_manager(dag_id=dag_id):
            loaded = load_dags()
        if list(loaded) != [dag_id]:
            raise RuntimeError(f"asked for DAG '{dag_id}', got {list(loaded)}")

    if noted:
        Catalog(open_store(settings.config_store())).all()
        # The first DAG of a process also pays for what all others share.
        load(dag_ids[0])
    opened = [milliseconds(load, dag_id) for dag_id in dag_ids]
    listed = [milliseconds(open_store(settings.config_store()).list_keys) for _ in range(5)]
    return [spread(opened), spread(listed), f"{imports:.0f}"]


def milliseconds(function: Callable[..., object], *arguments: object) -> float:
    """Return the CPU time of a call."""
    started = time.process_time()
    function(*arguments)
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
