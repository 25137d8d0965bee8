"""Airflow drops a request for a parse of a file that it is parsing, so commands that change the store ask again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from dag_factory.api_server.watch.loader_files import DagIds, LoaderFiles
from dag_factory.cli.asked_parses import Asked, ask_for_change, ask_until_done
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.errors import MissingStoreError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shards
from tests.forked_python import ForkedPython

NO_TIME = 0.001


class Airflow:
    """Notes what it is asked for, and answers each request by what a test wants."""

    def __init__(self, answer: Callable[[int, Collection[Shard]], None] = lambda nth, without: None) -> None:
        self.asked: list[tuple[DagIds, set[Shard]]] = []
        self._answer = answer

    async def send(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        self.asked.append((dag_ids, set(without)))
        self._answer(len(self.asked), without)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")
    store.bump()
    return store


def ask(
    store: FolderStore,
    airflow: Airflow,
    of: int = 1,
    *,
    is_running: Callable[[], bool] | None = lambda: True,
    limit_seconds: float = 60,
) -> Asked:
    """Ask for a change of which nothing more is known, in an Airflow that has the loaders of some shards."""
    dags = store.root.parent / "dags"
    LoaderFolder(dags).make(shards(of))
    files = LoaderFiles(lambda: store, dags, lambda: ())
    return ask_for_change(
        lambda: store, files, airflow, None, is_running=is_running, limit_seconds=limit_seconds, again_seconds=NO_TIME
    )


def load(store: FolderStore, shard: Shard = WHOLE) -> None:
    store.note_loaded(str(store.marker()), shard)


def test_a_request_that_airflow_drops_is_repeated_until_a_load_has_seen_the_change(
    store: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow = Airflow(lambda nth, _: load(store) if nth == 3 else None)
    assert ask(store, airflow) == Asked(True, "Airflow has parsed the change.")
    assert airflow.asked == [(None, set())] * 3
    said = capsys.readouterr()
    # Standard output may be read by a program.
    assert (said.out, said.err) == ("", "Waiting until Airflow has parsed the change, at most 60 s ...\n")


def test_only_those_that_have_not_seen_it_are_asked_for_again(store: FolderStore) -> None:
    airflow = Airflow(lambda nth, _: load(store, Shard(nth - 1, 3)) if nth <= 3 else None)
    assert ask(store, airflow, of=3).is_seen
    assert [without for _, without in airflow.asked] == [set(), {Shard(0, 3)}, {Shard(0, 3), Shard(1, 3)}]


def test_a_later_change_of_somebody_else_is_not_waited_for(store: FolderStore) -> None:
    def parse_and_change(nth: int, without: Collection[Shard]) -> None:
        del nth, without
        load(store)
        store.bump()

    assert ask(store, Airflow(parse_and_change)).is_seen


def test_where_no_parse_comes_within_the_limit_it_is_said_what_holds_and_what_to_look_at(store: FolderStore) -> None:
    airflow = Airflow()
    asked = ask(store, airflow, limit_seconds=0)
    assert not asked.is_seen
    assert "The change is stored, but no parse has seen it within 0 s." in asked.said
    assert "Is the DAG processor running" in asked.said
    assert len(airflow.asked) == 1


def test_nobody_waits_where_no_dag_processor_runs(store: FolderStore, capsys: pytest.CaptureFixture[str]) -> None:
    airflow = Airflow()
    asked = ask(store, airflow, is_running=lambda: False)
    assert not asked.is_seen
    assert "its DAG processor does not seem to be running" in asked.said
    assert not ask(store, airflow, is_running=None).is_seen
    assert airflow.asked == [(None, set())] * 2
    assert capsys.readouterr().err == ""


def test_ctrl_c_ends_the_waiting_and_no_more(store: FolderStore) -> None:
    airflow = Airflow(lambda nth, _: os.kill(os.getpid(), signal.SIGINT) if nth == 2 else None)
    asked = ask(store, airflow)
    assert asked == Asked(False, "Airflow was asked for a parse. The change is stored, and shows with the next one.")


def test_a_store_that_goes_away_meanwhile_fails_nothing(tmp_path: Path) -> None:
    def gone() -> FolderStore:
        raise MissingStoreError("config_store '/gone' is missing. Mount it.")

    files = LoaderFiles(gone, tmp_path, lambda: ())
    asked = ask_for_change(gone, files, Airflow(), None, is_running=lambda: True)
    assert asked.said == (
        "It is not known whether Airflow has parsed the change: config_store '/gone' is missing. Mount it."
    )


def test_while_parses_come_one_after_the_other_no_other_request_is_made() -> None:
    left = iter([3, 2, 1, 0])
    asked: list[int] = []

    def ask_once(each: int) -> bool:
        asked.append(each)
        return True

    assert ask_until_done(lambda: next(left), ask_once, "it is done", again_seconds=60) == 0
    assert asked == [3]


def test_where_airflow_can_t_be_asked_nothing_is_waited_for_and_where_nothing_is_left_it_is_not_asked() -> None:
    assert ask_until_done(lambda: 1, lambda left: False, "it is done") == 1
    assert ask_until_done(lambda: 0, lambda left: pytest.fail("was asked"), "it is done") == 0


# Before the command: tables, and a DAG processor that runs. Beside it: what that does with each request.
COMMAND = """
import os, signal, threading, time
from datetime import datetime, timezone
from airflow import settings
from airflow.jobs.job import Job
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.utils.session import create_session
from sqlalchemy import select
from dag_factory.cli.__main__ import main
from dag_factory.store import configured_store

import_all_models()
Base.metadata.create_all(settings.engine)
with create_session() as session:
    session.add(Job(job_type="DagProcessorJob", state="running", latest_heartbeat=datetime.now(timezone.utc)))

def take_requests():
    taken = 0
    while True:
        with create_session() as session:
            requests = list(session.scalars(select(DagPriorityParsingRequest)))
            for request in requests:
                session.delete(request)
        for request in requests:
            taken += 1
            {answer}
        time.sleep(0.02)

threading.Thread(target=take_requests, daemon=True).start()
main({arguments})
"""
PARSE = "configured_store().note_loaded(configured_store().marker())"
DROPPED_ONCE = f"taken == 2 and {PARSE}"
INTERRUPTED = "os.kill(os.getpid(), signal.SIGINT)"


class Program:
    """Our program, with an Airflow whose DAG processor runs, and an archive of one config."""

    def __init__(self, home: Path, python: ForkedPython) -> None:
        self.store = home / "configs"
        self.store.mkdir()
        self.config = self.store / "orders.json"
        self.config.write_text('{"name": "orders"}')
        self._python = python
        bundle = {"name": "ours", "classpath": "dag_factory.IngestionBundle", "kwargs": {}}
        self._env = {
            "AIRFLOW_HOME": str(home),
            "PATH": "",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(self.store),
        }
        self.archive = str(home / "store.tar")
        self._run(
            f"from dag_factory.cli.__main__ import main; main(['export', {self.archive!r}, '--secrets', 'left-out'])"
        )
        self.config.unlink()

    def import_(self, *options: str, answer: str) -> tuple[str, str]:
        """Import the archive, with a DAG processor that answers requests; return what is printed and said beside it."""
        return self._run(COMMAND.format(answer=answer, arguments=["import", self.archive, *options]))

    def _run(self, code: str) -> tuple[str, str]:
        done = self._python.run(code, env=self._env)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def program(tmp_path: Path, forked_python: ForkedPython) -> Program:
    return Program(tmp_path, forked_python)


def test_an_import_says_that_airflow_has_parsed_it(program: Program) -> None:
    out, _ = program.import_(answer=PARSE)
    assert "1 file written, 0 unchanged.\nAirflow has parsed the change. " in out


@pytest.mark.slow
def test_an_import_whose_first_request_airflow_drops_asks_again_and_prints_one_document(program: Program) -> None:
    out, err = program.import_("--output", "json", answer=DROPPED_ONCE)
    assert json.loads(out)["parsed"] is True
    assert "Waiting until Airflow has parsed the change, at most 120 s ...\n" in err


def test_an_import_that_is_interrupted_while_it_waits_has_done_its_work(program: Program) -> None:
    out, err = program.import_(answer=INTERRUPTED)
    assert "1 file written, 0 unchanged.\nAirflow was asked for a parse. The change is stored" in out
    assert "Traceback" not in err
    assert program.config.exists()
