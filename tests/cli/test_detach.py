"""What Airflow has stored of our DAGs can be read without this package, once `detach` was run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked_python import ForkedPython
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

STORE = """
from datetime import datetime, timedelta, timezone
from airflow.models import DagModel, DagRun
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select
from dag_factory.cli.detach import detach_dags
from tests.cli.stored_dags import store_dags

store_dags(stale=True)
FIRST = datetime(2026, 1, 1, 3, tzinfo=timezone.utc)
with create_session() as session:
    versions = {each.dag_id: each.id for each in session.scalars(select(DagVersion))}
    for dag_id in session.scalars(select(DagModel.dag_id)).all():
        for day in range(3):
            moment = FIRST + timedelta(days=day)
            run = DagRun(dag_id=dag_id, run_id=f"scheduled__{day}", run_type="scheduled", state="success",
                         logical_date=moment, data_interval=(moment, moment), run_after=moment, start_date=moment)
            run.created_dag_version_id = versions[dag_id]
            session.add(run)
        # As the page and the server's calls trigger one.
        run = DagRun(dag_id=dag_id, run_id="manual", run_type="manual", state="failed", run_after=moment,
                     start_date=moment)
        run.created_dag_version_id = versions[dag_id]
        session.add(run)
with create_session() as session:
    detach_dags(session)
"""
# Airflow's API server, as it starts without this package, and what its UI asks of a DAG.
ASK = """
import asyncio, importlib.abc, importlib.metadata, json, sys
import importlib_metadata

for module in (importlib.metadata, importlib_metadata):
    def distributions(every=module.distributions, **options):
        return (each for each in every(**options) if each.metadata["Name"] != "openmetadata-dag-factory")
    module.distributions = distributions

class Uninstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "dag_factory":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Uninstalled())
import httpx
from airflow.api_fastapi.app import cached_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

PATHS = json.loads(sys.argv[1])

async def ask():
    app = cached_app(apps="all")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    found = {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://a.invalid", headers=headers) as client:
        for dag_id in sys.argv[2:]:
            for path in PATHS:
                answer = await client.get(path.replace("DAG", dag_id))
                found[f"{dag_id} {path}"] = [answer.status_code, answer.text[:300]]
    print(json.dumps(found))

asyncio.run(ask())
"""
RANGE = "logical_date_gte=2026-01-01T00:00:00Z&logical_date_lte=2026-12-31T23:59:59Z"
# What the pages of a DAG and of its runs ask for.
ASKED = (
    f"/ui/calendar/DAG?granularity=daily&{RANGE}",
    f"/ui/calendar/DAG?granularity=hourly&{RANGE}",
    "/ui/grid/structure/DAG",
    "/ui/grid/runs/DAG",
    "/ui/structure/structure_data?dag_id=DAG",
    "/ui/dags?dag_ids=DAG&exclude_stale=false",
    "/ui/dags/DAG/latest_run",
    "/api/v2/dags/DAG",
    "/api/v2/dags/DAG/details",
    "/api/v2/dags/DAG/tasks",
    "/api/v2/dags/DAG/dagRuns",
    "/api/v2/dags/DAG/dagVersions",
    "/api/v2/dags/DAG/dagRuns/manual",
    "/api/v2/dags/DAG/dagRuns/manual/taskInstances",
)


def airflow_home(folder: Path, **env: str) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(folder / "configs"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **env,
    }


@pytest.mark.slow
@pytest.mark.parametrize("compressed", ["False", "True"], ids=["plain", "compressed"])
def test_detached_dags_can_be_read_without_this_package(
    tmp_path: Path, compressed: str, forked_python: ForkedPython
) -> None:
    store = tmp_path / "configs"
    store.mkdir()
    for name, schedule in {"nightly": "0 3 * * *", "once": '"@once"', "by_hand": "null"}.items():
        (store / f"{name}.yaml").write_text(CONFIG.format(name=name, schedule=schedule))
    (store / "broken.yaml").write_text("name: broken\npipelineType: dance\n")
    env = airflow_home(tmp_path, AIRFLOW__CORE__COMPRESS_SERIALIZED_DAGS=compressed)
    if compressed == "True":
        # Airflow reads that setting when it is imported.
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    else:
        done = forked_python.run(SCRIPT, env=env)
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


@pytest.mark.slow
def test_airflow_s_pages_of_detached_dags_are_answered_once_this_package_is_uninstalled(tmp_path: Path) -> None:
    store = tmp_path / "configs"
    store.mkdir()
    for name, schedule in {"nightly": "0 3 * * *", "by_hand": "null"}.items():
        (store / f"{name}.yaml").write_text(CONFIG.format(name=name, schedule=schedule))
    env = airflow_home(tmp_path)
    outputs = []
    for script, *arguments in ((STORE,), (ASK, json.dumps(ASKED), "nightly", "by_hand")):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        outputs.append(done.stdout)
    found: dict[str, list[Any]] = json.loads(outputs[1].splitlines()[-1])
    assert {path: answer for path, answer in found.items() if answer[0] != 200} == {}


@pytest.mark.slow
def test_without_a_database_of_airflow_s_it_ends_with_a_line(tmp_path: Path, forked_python: ForkedPython) -> None:
    script = "from dag_factory.cli.__main__ import main; main(['detach'])"
    done = forked_python.run(script, env=airflow_home(tmp_path))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Airflow's database can't be read or changed: OperationalError. Run")
    assert "Traceback" not in done.stderr
