"""Loads all sample configs, twice in processes with other hash seeds, and says which bytes the DAGs have."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.matrix import digests
from tools.matrix.inside import say_found

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ("configs", "sandbox/examples", "tests/samples", "tests/docs/example/configs")

# A plan is all that a DAG is built from; what Airflow writes of the DAG has the form of its version.
LOAD = """
import json
from dag_factory.dag.plan import as_text
from dag_factory.dag.dags import Dags
from dag_factory.dag import load_settings
from dag_factory.store import configured_store
from dag_factory.store.catalog import Catalog
from tests.airflow_versions import DagSerialization
dags = Dags(load_settings.configured())
for config in sorted(Catalog(configured_store(), dags.check).all(), key=lambda config: config.dag_id):
    dag, plan = dags.of(config)
    written = DagSerialization.to_dict(dag)
    # Where this machine's DAGs folder is.
    written["dag"].pop("_processor_dags_folder", None)
    serialized = json.dumps(written, sort_keys=True)
    print("DAG " + json.dumps([config.dag_id, as_text(plan), serialized]))
"""


def main() -> None:
    plans, written, count, failed = hashlib.sha256(), hashlib.sha256(), 0, []
    for folder in SAMPLES:
        first, second = (loaded(ROOT / folder, seed) for seed in ("1", "2"))
        if first != second:
            failed.append(f"{folder}: two loads of it make other DAGs")
        if not first:
            failed.append(f"{folder}: no DAG")
        count += len(first)
        for _, plan, dag in first:
            plans.update(plan.encode())
            # The DAG names the file that built it, which is elsewhere in another clone.
            written.update(dag.replace(str(ROOT), "").encode())
    say_found(digests.summary(count, plans.hexdigest(), written.hexdigest()), failed)


def loaded(store: Path, seed: str) -> list[list[str]]:
    """Return id, plan and serialized form of each DAG of a store."""
    with tempfile.TemporaryDirectory() as home:
        # A load writes its notes into the store.
        copied = shutil.copytree(store, Path(home) / "store", ignore=shutil.ignore_patterns(".*"))
        env = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(copied),
            "PYTHONHASHSEED": seed,
        }
        done = subprocess.run(
            [sys.executable, "-c", LOAD], env=env, cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE
        )
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("DAG ")]


if __name__ == "__main__":
    main()
