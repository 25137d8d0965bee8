from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.rest import AirflowApi, Caller
from dag_factory.api_server.watch.loader_files import DagIds, LoaderFile, LoaderFiles
from dag_factory.api_server.watch.parse_requests import DatabaseRequests, RestRequests
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shard_of, shards
from tests.forked_python import ForkedPython

SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import select
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.parse_requests import DatabaseRequests, missing_dags

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
lacking = {dag_id for dag_id, _, is_stale in dags if is_stale} | {f"nobody_{number}" for number in range(1200)}
assert missing_dags([*lacking, *(dag_id for dag_id, _, is_stale in dags)]) == lacking
requests = DatabaseRequests(LoaderFiles(lambda: store, dags_folder))
found = []

def ask():
    asyncio.run(requests.send(None))
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
    loader = tmp_path / "dags" / WHOLE.file_name
    loader.write_text("")
    os.utime(loader, (1, 1))
    return tmp_path


def run(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of Airflow's with its tables: to make them takes seconds of a core."""
    home = tmp_path_factory.mktemp("migrated")
    run(home, "-m", "airflow", "db", "migrate")
    return home / "airflow.db"


def requests(migrated: Path, home: Path, *dags: tuple[str, str, bool]) -> list[list[list[str]]]:
    shutil.copy(migrated, home / "airflow.db")
    answer = run(home, "-c", SCRIPT, str(home / "configs"), str(home / "dags"), json.dumps(dags))
    found: list[list[list[str]]] = json.loads(answer.splitlines()[-1])
    return found


def touched(home: Path) -> bool:
    return (home / "dags" / WHOLE.file_name).stat().st_mtime > 1


@pytest.mark.e2e
def test_the_files_of_our_dags_are_asked_for_each_once_also_when_the_last_config_is_gone(
    migrated: Path, home: Path
) -> None:
    ours = ("one", "any/name.py", False)
    others = [("not_of_the_store", "other.py", False), ("gone", "old.py", True)]
    wanted = [["ours", "any/name.py"]]
    assert requests(migrated, home, ours, *others) == [wanted, wanted, wanted]
    assert not touched(home)


@pytest.mark.e2e
def test_of_files_that_divide_the_dags_among_them_a_sibling_shows_which_a_change_concerns(
    migrated: Path, home: Path
) -> None:
    # All may have changed, so all four are asked for, though Airflow knows a DAG of one of them.
    known = ("any", f"om/{shards(4)[2].file_name}", False)
    wanted = [["ours", f"om/{shard.file_name}"] for shard in shards(4)]
    assert requests(migrated, home, known) == [wanted] * 3


@pytest.mark.e2e
def test_where_airflow_knows_none_of_them_the_loader_is_touched(migrated: Path, home: Path) -> None:
    assert requests(migrated, home, ("not_of_the_store", "other.py", False)) == [[], [], []]
    assert touched(home)


@pytest.mark.slow
def test_where_the_database_can_t_be_asked_the_loader_is_touched(home: Path, forked_python: ForkedPython) -> None:
    # It has no tables.
    script = (
        "import asyncio; from pathlib import Path; from dag_factory.store.folder.folder_store import FolderStore;"
        "from dag_factory.api_server.watch.loader_files import LoaderFiles;"
        "from dag_factory.api_server.watch.parse_requests import DatabaseRequests;"
        f"store = FolderStore('{home}/configs');"
        f"asyncio.run(DatabaseRequests(LoaderFiles(lambda: store, Path('{home}/dags'))).send(None))"
    )
    done = forked_python.run(script, env={**os.environ, "AIRFLOW_HOME": str(home)})
    assert done.returncode == 0, done.stderr
    assert touched(home)


def dag(dag_id: str, path: str, token: str) -> dict[str, str]:
    return {"dag_id": dag_id, "bundle_name": "ours", "relative_fileloc": path, "file_token": token}


class RestApi:
    """
    Airflow's API as far as parses go.

    :param known: the DAG of ours that it knows, with another one that carries the same tag
    :param status: what a request for a parse is answered
    """

    def __init__(self, home: Path, *, known: str | None = "one", status: int = 201) -> None:
        self.known = known
        self.status = status
        self.parsed: list[str] = []
        self.listed = 0
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(self.dags)
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)
        store = FolderStore(home / "configs")
        files = LoaderFiles(lambda: store, home / "dags")
        self._requests = RestRequests(files, DatabaseRequests(files))

    def dags(self) -> dict[str, object]:
        self.listed += 1
        mine = [dag(self.known, "any/name.py", "loader")] if self.known else []
        return {"dags": [dag("not_ours", "other.py", "other"), *mine]}

    async def parse(self, file: str, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer token"
        self.parsed.append(file)
        return JSONResponse({}, self.status)

    def ask(self, times: int = 1, app: Callable[[], FastAPI] | None = None) -> None:
        async def ask() -> None:
            caller = Caller(AirflowApi(app or (lambda: self.app)), "token")
            for _ in range(times):
                await self._requests.send(caller, {"one"})

        asyncio.run(ask())


def test_a_caller_asks_for_the_file_that_makes_our_dags_which_is_looked_up_once(home: Path) -> None:
    api = RestApi(home)
    api.ask(times=3)
    assert api.parsed == ["loader"] * 3
    assert api.listed == 1
    assert not touched(home)


def test_the_loader_is_touched_where_airflow_knows_none_of_its_dags_yet(home: Path) -> None:
    api = RestApi(home, known=None)
    api.ask()
    assert api.parsed == []
    assert touched(home)


def test_the_loader_is_touched_where_the_caller_may_not_edit_all_of_its_dags(home: Path) -> None:
    RestApi(home, status=403).ask()
    assert touched(home)


def test_a_request_that_waits_already_is_as_good_as_one_s_own(home: Path) -> None:
    RestApi(home, status=409).ask()
    assert not touched(home)


def test_a_file_that_airflow_refuses_once_is_looked_up_again(home: Path) -> None:
    api = RestApi(home, status=404)
    api.ask(times=2)
    assert api.listed == 2


class DividedApi(RestApi):
    """
    Airflow's API where four files make our DAGs.

    :param dags: the DAGs that the caller may see, of which the list shows the first alone
    """

    def __init__(self, home: Path, *dags: str, status: int = 201) -> None:
        super().__init__(home, status=status)
        self._dags = dags
        self.app.get("/api/v2/dags/{dag_id}")(self.one)
        self.database = RecordedRequests()
        store = FolderStore(home / "configs")
        self._requests = RestRequests(LoaderFiles(lambda: store, home / "dags"), self.database)

    def _found(self, dag_id: str) -> dict[str, str]:
        name = shard_of(dag_id, 4).file_name
        return dag(dag_id, name, f"token of {name}")

    def dags(self) -> dict[str, object]:
        self.listed += 1
        return {"dags": [self._found(dag_id) for dag_id in self._dags[:1]]}

    def one(self, dag_id: str) -> Response:
        return JSONResponse(self._found(dag_id)) if dag_id in self._dags else JSONResponse({}, 404)

    def ask_for(self, *dag_ids: str) -> None:
        async def ask() -> None:
            await self._requests.send(Caller(AirflowApi(lambda: self.app), "token"), dag_ids)

        asyncio.run(ask())


class RecordedRequests(DatabaseRequests):
    """Requests in a database, which are only noted."""

    def __init__(self) -> None:
        self.sent: list[DagIds] = []

    async def send(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        del without
        self.sent.append(dag_ids)


ONE_EACH = [next(str(number) for number in range(1000) if shard.holds(str(number))) for shard in shards(4)]


def test_a_caller_asks_for_the_file_of_the_changed_dag_alone(home: Path) -> None:
    api = DividedApi(home, *ONE_EACH)
    for dag_id in ONE_EACH:
        api.ask_for(dag_id)
    assert api.parsed == [f"token of {shard.file_name}" for shard in shards(4)]
    assert api.listed == 1
    assert api.database.sent == []


def test_a_file_that_has_made_no_dag_yet_is_asked_for_in_the_database(home: Path) -> None:
    api = DividedApi(home, ONE_EACH[0])
    api.ask_for(ONE_EACH[2])
    assert api.parsed == []
    assert api.database.sent == [(ONE_EACH[2],)]


def test_a_file_with_dags_that_the_caller_may_not_edit_is_asked_for_in_the_database(home: Path) -> None:
    api = DividedApi(home, *ONE_EACH, status=403)
    api.ask_for(ONE_EACH[0])
    assert api.database.sent == [(ONE_EACH[0],)]


def test_many_changes_at_once_are_no_crowd_of_calls_of_airflow_s_api(home: Path) -> None:
    api = DividedApi(home, ONE_EACH[0])
    ids = [str(number) for number in range(1000)]
    api._requests = RestRequests(
        LoaderFiles(
            lambda: FolderStore(home / "configs"),
            home / "dags",
            lambda: [LoaderFile("ours", shard.file_name) for shard in shards(64)],
        ),
        api.database,
    )
    api.ask_for(*ids)
    assert api.parsed == []
    assert len(api.database.sent) == 1
