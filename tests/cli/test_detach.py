"""What Airflow has stored of our DAGs can be read without this package, once `detach` was run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

CONFIG = """\
name: {name}
pipelineType: metadata
service: {{type: databaseService, name: shop}}
sourceConfig: {{config: {{type: DatabaseMetadata}}}}
openMetadataServerConnection: {{hostPort: "http://localhost:8585/api"}}
airflowConfig: {{scheduleInterval: {schedule}}}
"""
SCRIPT = """
import importlib.abc, json, sys
from airflow.models import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select, update
from dag_factory.cli.detach import detach_dags
from dag_factory.errors import LoaderError
from tests.airflow_versions import timetables_of_plugins
from tests.cli.stored_dags import store_dags

store_dags(stale=False)

class Uninstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "dag_factory":
            raise ModuleNotFoundError(name)

def read():
    "Return the schedule of each DAG, as an Airflow without this package reads it, or the kind of the error."
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "dag_factory"}
    for name in kept:
        del sys.modules[name]
    sys.meta_path.insert(0, Uninstalled())
    known = timetables_of_plugins()
    ours = {name: known.pop(name) for name in list(known) if name.startswith("dag_factory")}
    found = {}
    with create_session() as session:
        for row in session.scalars(select(SerializedDagModel)):
            try:
                dag = row.dag
                found[row.dag_id] = [type(dag.timetable).__name__, list(dag.task_ids)]
            except Exception as error:
                found[row.dag_id] = type(error).__name__
    del sys.meta_path[0]
    sys.modules.update(kept)
    known.update(ours)
    return found

def hashes():
    with create_session() as session:
        return dict(session.execute(select(SerializedDagModel.dag_id, SerializedDagModel.dag_hash)).all())

found = {"before": read(), "hashes": hashes()}
with create_session() as session:
    try:
        detach_dags(session)
    except LoaderError as error:
        found["refused"] = str(error)
    session.rollback()
with create_session() as session:
    session.execute(update(DagModel).values(is_stale=True))
with create_session() as session:
    found["dry"] = list(detach_dags(session, is_dry=True))
found["after_dry"] = read()
with create_session() as session:
    found["detached"] = list(detach_dags(session))
found["after"] = read()
with create_session() as session:
    found["again"] = list(detach_dags(session))
after = hashes()
found["same_hash"] = [dag_id for dag_id, value in found.pop("hashes").items() if after[dag_id] == value]
print(json.dumps(found))
"""


def airflow_home(folder: Path, **env: str) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(folder / "configs"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **env,
    }


@pytest.mark.parametrize("compressed", ["False", "True"], ids=["plain", "compressed"])
def test_detached_dags_can_be_read_without_this_package(tmp_path: Path, compressed: str) -> None:
    store = tmp_path / "configs"
    store.mkdir()
    for name, schedule in {"nightly": "0 3 * * *", "once": '"@once"', "by_hand": "null"}.items():
        (store / f"{name}.yaml").write_text(CONFIG.format(name=name, schedule=schedule))
    (store / "broken.yaml").write_text("name: broken\npipelineType: dance\n")
    env = airflow_home(tmp_path, AIRFLOW__CORE__COMPRESS_SERIALIZED_DAGS=compressed)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    readable = {"broken": ["NullTimetable", ["config_error"]], "by_hand": ["NullTimetable", ["ingestion_task"]]}
    assert {dag_id for dag_id, read in found["before"].items() if isinstance(read, str)} == {"nightly", "once"}
    assert "Remove the loaders" in found["refused"]
    assert found["dry"] == [2, 2]
    assert found["after_dry"] == found["before"]
    assert found["detached"] == [2, 2]
    one_task = ["NullTimetable", ["ingestion_task"]]
    assert found["after"] == {**readable, "nightly": one_task, "once": one_task}
    # Done once, there is nothing left to do; and a parse by this package would store them again.
    assert found["again"] == [0, 0]
    assert set(found["same_hash"]) == set(readable)


def test_without_a_database_of_airflow_s_it_ends_with_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dag_factory.cli", "detach"]
    done = subprocess.run(command, env=airflow_home(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Airflow's database can't be read or changed: OperationalError. Run")
    assert "Traceback" not in done.stderr
