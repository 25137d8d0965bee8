from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.transport import InProcessTransport
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.own_files import MARKER
from tests.airflow_versions import AUTH_MANAGER
from tests.documents import REST

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

DOCUMENT = {"name": "new", "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}
PARSE_BEGINS_AFTER_SECONDS = 0.3

FILE = {"file_token": "loader", "bundle_name": "dags-folder", "relative_fileloc": "openmetadata_loader.py"}

Delete = Callable[..., str]


class FakeAirflow:
    """
    Airflow's API as far as a deletion goes, which keeps in which order things happen.

    A parse begins some time after it was asked for, and reads the store then.

    :param runs: ids of runs, each of which starts just as Airflow is asked to delete the DAG, and keeps it from that
    :param comes_back: redeploy the pipeline while the parse is under way
    :param older_parse: an older parse stores the DAG again after its deletion; only then does the requested one begin
    """

    def __init__(
        self, store: FolderStore, *, runs: tuple[str, ...] = (), comes_back: bool = False, older_parse: bool = False
    ) -> None:
        self.store = store
        self.run: str | None = None
        self.to_come = list(runs)
        self.comes_back = comes_back
        self.older_parse = older_parse
        self.known = {"gone", "stays", "dropped_long_ago"}
        self.happened: list[str] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(self.dags)
        self.app.get("/api/v2/dags/{dag_id}")(self.dag)
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)
        self.app.get("/api/v2/dags/{dag_id}/dagRuns")(self.active)
        self.app.patch("/api/v2/dags/{dag_id}/dagRuns/{run_id}")(self.end)
        self.app.delete("/api/v2/dags/{dag_id}")(self.delete)

    def dags(self) -> dict[str, object]:
        return {"dags": [{"dag_id": dag_id, **FILE} for dag_id in ("gone", "stays")]}

    def dag(self, dag_id: str) -> Response:
        return JSONResponse({"dag_id": dag_id, "is_stale": False, **FILE}, 200 if dag_id in self.known else 404)

    async def parse(self, file: str) -> Response:
        assert file == "loader"
        self.begun = asyncio.create_task(self.begin())
        return JSONResponse({}, 201)

    async def begin(self) -> None:
        await asyncio.sleep(PARSE_BEGINS_AFTER_SECONDS)
        while self.older_parse and "gone" in self.known:
            await asyncio.sleep(0.01)
        if self.older_parse:
            self.happened.append("an older parse")
            self.known.add("gone")
        if self.comes_back:
            deploy(self.store, "gone")
        self.happened.append(f"a parse of {', '.join(sorted(self.store.list_keys()))}")
        self.store.note_loaded(self.store.marker() or "")

    def active(self) -> dict[str, object]:
        return {"dag_runs": [{"dag_run_id": self.run}] if self.run else []}

    def end(self, run_id: str) -> dict[str, object]:
        self.happened.append(f"run {run_id} ended")
        self.run = None
        return {}

    def delete(self, dag_id: str) -> Response:
        if self.to_come:
            self.run = self.to_come.pop(0)
            self.happened.append(f"a refusal, since run {self.run} has started")
            return JSONResponse({"detail": "running"}, 409)
        assert self.run is None, "the scheduler has this run in hand"
        if dag_id not in self.known:
            return JSONResponse({"detail": "not found"}, 404)
        self.known.discard(dag_id)
        self.happened.append(f"DAG {dag_id} deleted")
        return Response(status_code=204)


def deploy(store: FolderStore, name: str, dag_id: str | None = None) -> None:
    document = {"name": name, "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}
    store.write(f"{dag_id or name}.json", json.dumps(document).encode())
    store.bump()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    for name in ("gone", "stays"):
        deploy(store, name)
    store.note_loaded(store.marker() or "")
    return store


@pytest.fixture
def delete(ask: Callable[..., httpx.Response]) -> Delete:
    def delete(airflow: FakeAirflow, name: str = "gone", delete_seconds: float = 20) -> str:
        app = create_app(airflow=lambda: airflow.app, store=lambda: airflow.store, delete_seconds=delete_seconds)
        answer = ask(app, "DELETE", "/delete", params={"dag_id": name})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["message"])

    return delete


def test_a_dag_is_deleted_only_once_a_parse_has_seen_that_its_config_is_gone(
    store: FolderStore, delete: Delete
) -> None:
    airflow = FakeAirflow(store)
    assert delete(airflow) == "Pipeline 'gone' is deleted."
    assert airflow.happened == ["a parse of stays.json", "DAG gone deleted"]


def test_runs_are_ended_before_their_dag_is_deleted_also_those_that_start_meanwhile(
    store: FolderStore, delete: Delete
) -> None:
    airflow = FakeAirflow(store, runs=("two",))
    airflow.run = "one"
    delete(airflow)
    assert airflow.happened == [
        "a parse of stays.json", "run one ended",
        "a refusal, since run two has started", "run two ended", "DAG gone deleted",
    ]  # fmt: skip


def test_a_pipeline_that_is_deployed_anew_during_its_deletion_keeps_its_dag(store: FolderStore, delete: Delete) -> None:
    airflow = FakeAirflow(store, comes_back=True)
    delete(airflow)
    assert airflow.happened == ["a parse of gone.json, stays.json"]
    assert store.read("gone.json")


def test_a_dag_without_a_config_is_deleted_without_a_parse(store: FolderStore, delete: Delete) -> None:
    airflow = FakeAirflow(store)
    delete(airflow, "dropped_long_ago")
    assert airflow.happened == ["DAG dropped_long_ago deleted"]


def test_a_dag_that_an_older_parse_brings_back_after_its_deletion_is_deleted_once_more(
    store: FolderStore, delete: Delete
) -> None:
    airflow = FakeAirflow(store, older_parse=True)
    delete(airflow, delete_seconds=0.1)
    assert airflow.happened == [
        "DAG gone deleted", "an older parse", "a parse of stays.json", "DAG gone deleted",
    ]  # fmt: skip


class LosesItsStore(FakeAirflow):
    """An Airflow whose store fails as soon as it is asked whether the DAG has come back."""

    def dag(self, dag_id: str) -> Response:
        self.is_lost = "an older parse" in self.happened
        return super().dag(dag_id)

    def opened(self) -> FolderStore:
        if self.is_lost:
            raise StoreError("the store is away")
        return self.store

    is_lost = False


def test_a_store_that_fails_after_a_deletion_is_in_the_log(
    store: FolderStore, ask: Callable[..., httpx.Response], caplog: pytest.LogCaptureFixture
) -> None:
    airflow = LosesItsStore(store, older_parse=True)
    app = create_app(airflow=lambda: airflow.app, store=airflow.opened, delete_seconds=0.1)
    assert ask(app, "DELETE", "/delete", params={"dag_id": "gone"}).status_code == 200
    assert airflow.happened == ["DAG gone deleted", "an older parse", "a parse of stays.json"]
    assert "DAG 'gone' may have come back after its deletion: the store is away" in caplog.text


def test_a_dag_that_is_deployed_anew_after_its_deletion_is_left_alone_by_what_comes_later(
    store: FolderStore, delete: Delete
) -> None:
    airflow = FakeAirflow(store, older_parse=True, comes_back=True)
    delete(airflow, delete_seconds=0.1)
    assert airflow.happened == ["DAG gone deleted", "an older parse", "a parse of gone.json, stays.json"]
    assert "gone" in airflow.known


def test_a_deletion_by_a_name_that_only_cleans_to_the_id_of_a_pipeline_touches_nothing(
    store: FolderStore, delete: Delete
) -> None:
    deploy(store, "by its name", "by_its_name")
    airflow = FakeAirflow(store)
    airflow.known.add("by_its_name")
    marker = store.marker()
    for other in ("by.its.name", "by_its_name"):
        assert delete(airflow, other) == (
            "Nothing is deleted: that name is unknown. The DAG id 'by_its_name' belongs to the pipeline 'by its name'."
        )
    assert (airflow.happened, store.marker()) == ([], marker)
    assert store.read("by_its_name.json")
    assert delete(airflow, "by its name") == "Pipeline 'by_its_name' is deleted."


def test_a_deletion_whose_config_is_gone_already_waits_all_the_same_for_a_parse_to_see_that(
    store: FolderStore, delete: Delete
) -> None:
    FolderStore(store.root).delete("gone.json")
    airflow = FakeAirflow(store)
    assert delete(airflow) == "Pipeline 'gone' is deleted."
    assert airflow.happened == ["a parse of stays.json", "DAG gone deleted"]


def test_a_deploy_that_is_not_announced_says_so_and_the_same_again_announces_it(
    store: FolderStore, ask: Callable[..., httpx.Response]
) -> None:
    airflow = FakeAirflow(store)

    def deploy() -> httpx.Response:
        app = create_app(airflow=lambda: airflow.app, store=lambda: store)
        return ask(app, "POST", "/deploy", json=DOCUMENT)

    (store.root / MARKER).rename(store.root / ".kept")
    (store.root / MARKER / "in the way").mkdir(parents=True)
    answer = deploy()
    assert answer.status_code == 500
    assert "holds the change, but Airflow may not see it" in answer.json()["error"]
    shutil.rmtree(store.root / MARKER)
    (store.root / ".kept").rename(store.root / MARKER)
    before = store.marker()
    answer = deploy()
    assert "nothing has changed" in answer.json()["message"]
    assert store.marker() != before


class Hung(FolderStore):
    """A store on a file system that does not answer, until it is released."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.answers = threading.Event()

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.answers.wait()
        with super().lock():
            yield


@pytest.mark.usefixtures("ask")
def test_a_store_that_hangs_keeps_no_deploy_waiting_without_end(store: FolderStore) -> None:
    hung = Hung(store.root)
    airflow = FakeAirflow(store)
    app = create_app(airflow=lambda: airflow.app, store=lambda: hung, write_seconds=0.3)

    async def calls() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            transport=InProcessTransport(lambda: app),
            base_url="http://a.invalid",
            headers={"Authorization": "Bearer token"},
        ) as client:
            answers = list(await asyncio.gather(*(client.post("/deploy", json=DOCUMENT) for _ in range(2))))
            hung.answers.set()
            answers.append(await client.post("/deploy", json=DOCUMENT))
        await app.state.application.stop()
        return answers

    first, second, third = asyncio.run(calls())
    assert (first.status_code, second.status_code) == (503, 503)
    # Which of the two comes first to the store is as it happens.
    waiting, hanging = sorted((first.json()["error"], second.json()["error"]), key=lambda error: "may not" in error)
    assert "Nothing has changed" in waiting
    assert "it may or may not hold the change" in hanging
    assert third.status_code == 200


def test_a_store_that_stays_locked_is_a_503(store: FolderStore, ask: Callable[..., httpx.Response]) -> None:
    airflow = FakeAirflow(store)
    app = create_app(airflow=lambda: airflow.app, store=lambda: FolderStore(store.root, lock_seconds=0.1))
    with store.lock():
        answer = ask(app, "POST", "/deploy", json=DOCUMENT)
    assert answer.status_code == 503
    assert "locked by another process" in answer.json()["error"]


@pytest.mark.parametrize(
    ("reference", "status", "problem"),
    [
        ({"$connection": "prod_db", "field": "uri"}, 400, "allowed_connections"),
        ({"$env": "AWS_SECRET_ACCESS_KEY"}, 400, "allowed_env"),
        (
            {"$connection": "secret_one", "field": "uri"},
            403,
            "the Connection 'secret_one', and the user lacks Airflow's",
        ),
        ({"$connection": "openmetadata_one", "field": "uri"}, 200, ""),
        ({"$env": "OPENMETADATA_A"}, 200, ""),
    ],
    ids=str,
)
def test_a_document_refers_only_to_what_is_open_and_what_its_deployer_may_read(
    store: FolderStore,
    ask: Callable[..., httpx.Response],
    monkeypatch: pytest.MonkeyPatch,
    reference: dict[str, str],
    status: int,
    problem: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_CONNECTIONS", "openmetadata*,secret_*")
    airflow = FakeAirflow(store)
    app = create_app(airflow=lambda: airflow.app, store=lambda: airflow.store)
    document = {**DOCUMENT, "sourceConfig": {"config": {"type": "DatabaseMetadata", "x": [reference]}}}
    answer = ask(app, "POST", "/deploy", json=document)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert problem in answer.json()["error"]
        assert f"{DOCUMENT['name']}.json" not in store.list_keys()


def test_what_the_operator_s_defaults_refer_to_is_not_the_deployer_s_to_read(
    store: FolderStore, ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_CONNECTIONS", "secret_*")
    (store.root / "defaults.yaml").write_text("more: {$connection: secret_one, field: password}")
    airflow = FakeAirflow(store)
    app = create_app(airflow=lambda: airflow.app, store=lambda: airflow.store)
    assert ask(app, "POST", "/deploy", json=DOCUMENT).status_code == 200


def test_who_may_not_deploy_a_document_learns_nothing_of_it(
    ask: Callable[..., httpx.Response], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path))
    for name, status in (("closed one", 403), ("open one", 400)):
        answer = ask(create_app(airflow=FastAPI), "POST", "/deploy", json={"name": name, "pipelineType": "unknown"})
        assert answer.status_code == status, answer.text
        assert ("pipelineType" in answer.text) == (status == 400)
    assert not list(tmp_path.glob("*.json"))


class OneDag:
    """An auth manager by which everybody may edit one DAG, and no other."""

    async def get_user_from_token(self, token: str) -> object:
        return token

    def is_authorized_dag(self, *, details: DagDetails | None = None, **_: object) -> bool:
        return details is not None and details.id == "mine"


NAMELESS = {"pipelineType": "unknown", "sourceConfig": {"config": {"x": {"$env": "SECRET_PROBE"}}}}


@pytest.mark.parametrize(
    "name", [{}, {"name": None}, {"name": 3}, {"name": ["mine"]}, {"name": {"$env": "A"}}], ids=str
)
def test_who_may_not_deploy_all_learns_nothing_of_a_document_without_a_name(
    ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch, store: FolderStore, name: dict[str, object]
) -> None:
    def answer() -> httpx.Response:
        return ask(create_app(airflow=FastAPI, store=lambda: store), "POST", "/deploy", json={**NAMELESS, **name})

    to_all = answer()
    assert to_all.status_code == 400, to_all.text
    assert {"name", "pipelineType"} <= {problem["field"] for problem in to_all.json()["problems"]}
    monkeypatch.setattr(AUTH_MANAGER, OneDag())
    refused = answer()
    assert refused.status_code == 403, refused.text
    assert "Write the pipeline's name" in refused.json()["error"]
    assert "allowed" not in refused.text
    assert "pipelineType" not in refused.text


def test_who_may_deploy_one_pipeline_learns_what_is_wrong_with_that_one(
    ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch, store: FolderStore
) -> None:
    monkeypatch.setattr(AUTH_MANAGER, OneDag())
    for name, status in (("mine", 400), ("other", 403)):
        app = create_app(airflow=FastAPI, store=lambda: store)
        assert ask(app, "POST", "/deploy", json={**NAMELESS, "name": name}).status_code == status
