from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import select
from dag_factory.watch.parses import Loader
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.watch.database_request import DatabaseRequest

store = FolderStore(sys.argv[1])
dags_folder = Path(sys.argv[2])
dags = json.loads(sys.argv[3])
with create_session() as session:
    session.add(DagBundleModel(name="ours"))
    session.flush()
    for dag_id, path, is_stale in dags:
        session.add(DagModel(dag_id=dag_id, bundle_name="ours", relative_fileloc=path, fileloc=path, is_stale=is_stale))
        session.flush()
        session.add(DagTag(name="OpenMetadata", dag_id=dag_id))
request = DatabaseRequest(Loader(lambda: store, dags_folder))
found = []

def ask():
    asyncio.run(request.send())
    with create_session() as session:
        rows = session.scalars(select(DagPriorityParsingRequest))
        found.append(sorted([row.bundle_name, row.relative_fileloc] for row in rows))

ask()
ask()
for key in store.list_keys():
    store.delete(key)
with create_session() as session:
    for row in session.scalars(select(DagPriorityParsingRequest)):
        session.delete(row)
ask()
print(json.dumps(found))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "one.json").write_text('{"name": "one"}')
    (tmp_path / "dags").mkdir()
    loader = tmp_path / "dags" / "openmetadata_loader.py"
    loader.write_text("")
    os.utime(loader, (1, 1))
    return tmp_path


def run(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def requests(home: Path, *dags: tuple[str, str, bool]) -> list[list[list[str]]]:
    run(home, "-m", "airflow", "db", "migrate")
    answer = run(home, "-c", SCRIPT, str(home / "configs"), str(home / "dags"), json.dumps(dags))
    found: list[list[list[str]]] = json.loads(answer.splitlines()[-1])
    return found


def touched(home: Path) -> bool:
    return (home / "dags" / "openmetadata_loader.py").stat().st_mtime > 1


@pytest.mark.e2e
def test_the_files_of_our_dags_are_asked_for_each_once_also_when_the_last_config_is_gone(home: Path) -> None:
    ours = ("one", "any/name.py", False)
    others = [("not_of_the_store", "other.py", False), ("gone", "old.py", True)]
    wanted = [["ours", "any/name.py"]]
    assert requests(home, ours, *others) == [wanted, wanted, wanted]
    assert not touched(home)


@pytest.mark.e2e
def test_where_airflow_knows_none_of_them_the_loader_is_touched(home: Path) -> None:
    assert requests(home, ("not_of_the_store", "other.py", False)) == [[], [], []]
    assert touched(home)


def test_where_the_database_can_t_be_asked_the_loader_is_touched(home: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from dag_factory.store.folder.folder_store import FolderStore;"
        "from dag_factory.watch.database_request import DatabaseRequest;"
        "from dag_factory.watch.parses import Loader;"
        "asyncio.run(DatabaseRequest(Loader(lambda: FolderStore(sys.argv[1]), Path(sys.argv[2]))).send())"
    )
    run(home, "-c", script, str(home / "configs"), str(home / "dags"))
    assert touched(home)
