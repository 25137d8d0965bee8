"""Airflow's own DAG processor with our bundle: no DAGs folder, and a part of the pipelines for each of two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.cli.bundles import VARIABLE, bundle_list
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import Shard, shard_of, shards
from sandbox.stack import child_environment
from tests.e2e.pipelines import drop, sample

pytestmark = pytest.mark.e2e

NAMES = [f"bundled_{number}" for number in range(8)]
# Which DAG is made by which file of which bundle, and what was wrong.
SHOW = """
import json
from airflow.models.dag import DagModel
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from sqlalchemy import select
with create_session() as session:
    rows = session.execute(select(DagModel.dag_id, DagModel.bundle_name, DagModel.relative_fileloc, DagModel.is_stale))
    errors = list(session.scalars(select(ParseImportError.stacktrace)))
    print(json.dumps([errors, {dag_id: each for dag_id, *each in rows}]))
"""


class Machine:
    """A machine with Airflow's configuration for two parts of four shards, whose processes share only a database."""

    def __init__(self, home: Path, store: Path, database: Path) -> None:
        home.mkdir(exist_ok=True)
        self.bundles = home / "bundles"
        self._home = home
        self._env = child_environment(
            {
                "AIRFLOW_HOME": str(home),
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "AIRFLOW__CORE__DAGS_FOLDER": str(home / "nowhere"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}?timeout=60",
                "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.bundles),
                "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
                VARIABLE: json.dumps(bundle_list(4, 2)),
            }
        )

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self._env,
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def made(self) -> dict[str, list[object]]:
        errors, dags = json.loads(self.run("-c", SHOW).splitlines()[-1])
        assert errors == []
        found: dict[str, list[object]] = dags
        return found


def test_each_dag_processor_parses_the_shards_of_its_part_and_no_dags_folder_is_needed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "configs")
    for name in NAMES:
        drop(store.root, sample(name))
    store.bump()
    one, two, all_parts = (
        Machine(tmp_path / name, store.root, tmp_path / "airflow.db") for name in ("one", "two", "all")
    )
    one.run("-m", "airflow", "db", "migrate")

    output = one.run("-m", "airflow", "dag-processor", "--num-runs", "1", "--bundle-name", "openmetadata_0")
    first = [name for name in NAMES if shard_of(name, 4).number % 2 == 0]
    assert 0 < len(first) < len(NAMES)
    expected = {name: ["openmetadata_0", shard_of(name, 4).file_name, False] for name in first}
    assert one.made() == expected, output
    # Each load has noted what it has seen.
    assert [store.loaded(shard) == store.marker() for shard in shards(4)] == [True, False, True, False]

    two.run("-m", "airflow", "dag-processor", "--num-runs", "1", "--bundle-name", "openmetadata_1")
    others = {name: ["openmetadata_1", shard_of(name, 4).file_name, False] for name in NAMES if name not in first}
    assert two.made() == {**expected, **others}
    assert sorted(path.name for path in two.bundles.glob("*/*.py")) == [Shard(1, 4).file_name, Shard(3, 4).file_name]
    assert not (tmp_path / "one" / "nowhere").exists()

    more = [next(name for name in map(str, range(100)) if shard_of(name, 4) == shard) for shard in shards(4)]
    for name in more:
        drop(store.root, sample(name))
    store.bump()
    all_parts.run("-m", "airflow", "dag-processor", "--num-runs", "1")
    parts = {name: (f"openmetadata_{shard_of(name, 4).number % 2}", shard_of(name, 4).file_name) for name in more}
    assert all_parts.made() == {**expected, **others, **{name: [*each, False] for name, each in parts.items()}}
