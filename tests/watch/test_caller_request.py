from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api.rest import AirflowApi, Caller
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.own_files import MARKER
from dag_factory.watch.caller_request import CallersRequest, LoaderFiles
from dag_factory.watch.parses import LOADER, WRITING_SECONDS, Loader, Parses, later_seconds


class FakeAirflow:
    """
    Airflow's API as far as parses go. A parse sees the store's marker, like the loader; ``drops`` requests are lost.

    :param status: what a request for a parse is answered
    """

    def __init__(self, store: FolderStore, *, known: str | None = "one", status: int = 201, drops: int = 0) -> None:
        self.store = store
        self.known = known
        self.status = status
        self.drops = drops
        self.requests: list[str] = []
        self.seen: list[str | None] = []
        self.app = FastAPI()
        self.app.get("/api/v2/dags")(self.dags)
        self.app.put("/api/v2/parseDagFile/{file}")(self.parse)

    def dags(self) -> dict[str, object]:
        mine = [{"dag_id": self.known, "file_token": "loader"}] if self.known else []
        return {"dags": [{"dag_id": "not_ours", "file_token": "other"}, *mine]}

    async def parse(self, file: str, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer token"
        self.requests.append(file)
        if self.status == 201 and len(self.requests) > self.drops:
            self.seen.append(self.store.marker())
            self.store.note_loaded(self.seen[-1] or "")
        return JSONResponse({}, self.status)

    @property
    def request(self) -> CallersRequest:
        return request_to(lambda: self.app, self.store)


def request_to(app: Callable[[], FastAPI], store: FolderStore) -> CallersRequest:
    return CallersRequest(LoaderFiles(Loader(lambda: store, store.root.parent)), Caller(AirflowApi(app), "token"))


def deployed(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    store.write("one.json", json.dumps({"name": "one"}).encode())
    store.bump()
    return store


def ask(airflow: FakeAirflow, work: Callable[[Parses], None], limit: float = 20, patience: float = 5) -> bool:
    async def run() -> bool:
        parses = Parses(lambda: airflow.store, patience_seconds=(patience,) * 4)
        work(parses)
        try:
            return await parses.wait_until_seen(limit)
        finally:
            await parses.stop()

    return asyncio.run(run())


def test_many_changes_at_once_are_one_request_for_the_file_that_makes_our_dags(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path))

    def many(parses: Parses) -> None:
        for _ in range(100):
            parses.ask(airflow.request)

    assert ask(airflow, many)
    assert airflow.requests == ["loader"]


def test_a_request_that_airflow_drops_is_made_again(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path), drops=2)
    assert ask(airflow, lambda parses: parses.ask(airflow.request), patience=0.3)
    assert len(airflow.requests) >= 3  # on a slow machine, once more


def test_where_a_parse_has_seen_it_all_nothing_is_asked_unless_it_is_wanted_all_the_same(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path))
    airflow.store.note_loaded(airflow.store.marker() or "")
    assert ask(airflow, lambda parses: parses.ask(airflow.request))
    assert airflow.requests == []

    async def wanted() -> None:
        parses = Parses(lambda: airflow.store, patience_seconds=(0.1,))
        parses.ask(airflow.request, even_if_seen=True)
        while not airflow.requests:
            await asyncio.sleep(0.01)
        await parses.stop()

    asyncio.run(wanted())
    assert airflow.requests == ["loader"]


def test_a_change_whose_writer_died_before_its_marker_is_not_taken_for_seen(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path))
    airflow.store.note_loaded(airflow.store.marker() or "")
    FolderStore(airflow.store.root).write("two.json", b"{}")
    assert not ask(airflow, lambda parses: None, limit=0.3)
    FolderStore(airflow.store.root).delete("two.json")
    assert ask(airflow, lambda parses: parses.ask_if_unseen(airflow.request))
    # Who asks and who waits may each make a marker for what the writer left without one, and each is worth a parse.
    assert len(airflow.requests) in {1, 2}
    assert airflow.seen[-1] == airflow.store.marker()


def test_a_change_that_no_marker_can_be_made_for_is_asked_for_and_not_taken_for_seen(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path))
    airflow.store.note_loaded(airflow.store.marker() or "")
    FolderStore(airflow.store.root).write("two.json", b"{}")
    (airflow.store.root / MARKER).unlink()
    (airflow.store.root / MARKER / "in the way").mkdir(parents=True)

    async def wanted() -> bool:
        parses = Parses(lambda: airflow.store)
        parses.ask_if_unseen(airflow.request)
        while not airflow.requests:
            await asyncio.sleep(0.01)
        seen = await parses.wait_until_seen(0)
        await parses.stop()
        return seen

    assert not asyncio.run(wanted())


class OvertakenStore(FolderStore):
    """A store that changes just after somebody has seen, for the last time, that there is nothing new in it."""

    then: Callable[[], object] | None = None
    looks = 2

    def marker(self) -> str | None:
        found = super().marker()
        if found == self.loaded():
            self.looks -= 1
            if self.looks == 0 and self.then is not None:
                self.bump()
                self.then()
        return found


def test_a_change_that_comes_during_the_last_look_at_the_marker_is_asked_for_too(tmp_path: Path) -> None:
    store = OvertakenStore(deployed(tmp_path).root)
    airflow = FakeAirflow(store)

    async def run() -> bool:
        parses = Parses(lambda: store)
        loop = asyncio.get_running_loop()
        store.then = lambda: loop.call_soon_threadsafe(parses.ask, airflow.request)
        parses.ask(airflow.request)
        while store.looks > 0:
            await asyncio.sleep(0.01)
        seen = await parses.wait_until_seen(5)
        await parses.stop()
        return seen

    assert asyncio.run(run())
    assert airflow.requests == ["loader"] * 2


def test_what_airflow_takes_only_from_a_later_parse_is_asked_for_again_after_the_last_change(tmp_path: Path) -> None:
    airflow = FakeAirflow(deployed(tmp_path))

    async def run() -> list[str | None]:
        parses = Parses(lambda: airflow.store, later_seconds=(0.5, 1.5))
        for _ in range(5):
            parses.ask(airflow.request)
            await asyncio.sleep(0.02)
        while len(airflow.seen) < 3:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        await parses.stop()
        return airflow.seen

    seen = asyncio.run(run())
    assert len(seen) == 3
    assert len(set(seen)) == 3


def test_later_is_when_airflow_surely_takes_what_it_may_have_left_out() -> None:
    assert later_seconds(30, 50) == [30 + WRITING_SECONDS, 50 + WRITING_SECONDS]
    assert later_seconds(0, 50) == later_seconds(50, 50) == [50 + WRITING_SECONDS]


def touched(loader: Path) -> bool:
    return loader.stat().st_mtime > 1


def loader_in(folder: Path) -> Path:
    loader = folder / LOADER
    loader.write_text("")
    os.utime(loader, (1, 1))
    return loader


def test_the_loader_is_touched_where_airflow_knows_none_of_its_dags_yet(tmp_path: Path) -> None:
    loader = loader_in(tmp_path)
    airflow = FakeAirflow(deployed(tmp_path), known=None)
    assert not ask(airflow, lambda parses: parses.ask(airflow.request), limit=0.5)
    assert touched(loader)


def test_the_loader_is_touched_where_the_caller_may_not_edit_all_of_its_dags(tmp_path: Path) -> None:
    loader = loader_in(tmp_path)
    airflow = FakeAirflow(deployed(tmp_path), status=403)
    assert not ask(airflow, lambda parses: parses.ask(airflow.request), limit=0.5)
    assert touched(loader)


def test_a_request_that_waits_already_is_as_good_as_one_s_own(tmp_path: Path) -> None:
    loader = loader_in(tmp_path)
    airflow = FakeAirflow(deployed(tmp_path), status=409)
    assert not ask(airflow, lambda parses: parses.ask(airflow.request), limit=0.5)
    assert not touched(loader)


def test_an_airflow_that_can_t_be_asked_harms_nobody(tmp_path: Path) -> None:
    def no_app() -> FastAPI:
        raise RuntimeError

    airflow = FakeAirflow(deployed(tmp_path))
    broken = request_to(no_app, airflow.store)
    assert not ask(airflow, lambda parses: parses.ask(broken), limit=0.5)
