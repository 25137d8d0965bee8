from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dag_factory.store import configured_memory, knows_store
from dag_factory.store.database import BUSY_SECONDS
from dag_factory.store.index import Index, LastLoad, Named, Outcome
from dag_factory.store.memory import Known, Memory
from dag_factory.store.shards import WHOLE, Shard

KNOWN = Known("id", is_empty=False)


def test_who_only_looks_leaves_no_file(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state", "/store")
    index = Index(memory.database)
    assert (memory.known(), index.named(), index.outcomes(), index.outcome("a")) == (None, {}, {}, None)
    assert list(tmp_path.iterdir()) == []


def test_each_location_has_a_memory_of_its_own(tmp_path: Path) -> None:
    Memory(tmp_path, "/one").note(KNOWN, instead_of=None)
    assert Memory(tmp_path, "/one").known() == KNOWN
    assert Memory(tmp_path, "/another").known() is None


def test_what_another_process_has_noted_meanwhile_stays(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "/store")
    empty = Known("id", is_empty=True)
    memory.note(empty, instead_of=None)
    memory.note(KNOWN, instead_of=empty)
    # One that has looked before the first config was written, and notes it after.
    memory.note(Known("another", is_empty=True), instead_of=empty)
    assert memory.known() == KNOWN


def test_what_has_changed_is_replaced_and_what_is_gone_removed(tmp_path: Path) -> None:
    index = Index(Memory(tmp_path, "/store").database)
    one, two = Outcome("a.json", "1", "with", "copy"), Outcome("b.json")
    index.keep(WHOLE, {"a": one, "b": two}, {"a": "A", "b": "B"})
    assert index.outcomes() == {"a": one, "b": two}
    index.keep(WHOLE, {"b": one}, {"b": "again"}, gone=["a"])
    assert (index.outcomes(), index.outcome("b"), index.outcome("a")) == ({"b": one}, one, None)
    assert index.plans(["a", "b"]) == {"b": "again"}
    index.note_named({"a.json": Named("1", "a"), "b.json": Named("1", None)})
    index.note_named({"b.json": Named("2", "b")}, gone=["a.json"])
    assert index.named() == {"b.json": Named("2", "b")}


def test_where_a_dag_id_was_found_is_known_without_a_look_at_the_store(tmp_path: Path) -> None:
    index = Index(Memory(tmp_path, "/store").database)
    index.note_named({"z.json": Named("1", "orders"), "a.json": Named("1", "orders"), "b.json": Named("1", "b")})
    assert index.keys_of("orders") == ["a.json", "z.json"]
    index.keep(WHOLE, {"orders": Outcome("z.json")}, {})
    assert index.keys_of("orders") == ["z.json", "a.json"]
    assert index.keys_of("c") == []


def test_each_shard_is_known_to_have_been_loaded_for_itself(tmp_path: Path) -> None:
    index = Index(Memory(tmp_path, "/store").database)
    index.keep(Shard(0, 2), {}, {})
    assert [index.last_load(each).is_known for each in (Shard(0, 2), Shard(1, 2), WHOLE)] == [True, False, False]


def test_the_marker_of_a_load_that_nothing_else_is_known_of_does_not_count(tmp_path: Path) -> None:
    index = Index(Memory(tmp_path, "/store").database)
    index.keep(WHOLE, {}, {}, marker="1")
    assert index.last_load(WHOLE).marker == "1"
    # As a new version does, which remembers loads in another form.
    with closing(sqlite3.connect(Memory(tmp_path, "/store").database.path)) as connection, connection:
        connection.execute("DELETE FROM loads")
    assert index.last_load(WHOLE) == LastLoad({})


WRITER = """
import sys
from pathlib import Path
from dag_factory.store.database import Database
from dag_factory.store.index import Index, Named, Outcome
from dag_factory.store.shards import Shard
index, number = Index(Database(Path(sys.argv[1]), "/store")), int(sys.argv[2])
for each in range(30):
    index.note_named({f"{number} {each}.json": Named("1", f"p{each}")})
    index.keep(Shard(number, 4), {f"{number} {each}": Outcome("a.json")}, {f"{number} {each}": "plan"})
    assert len(index.plans(f"{number} {before}" for before in range(each + 1))) == each + 1
"""


@pytest.mark.slow
def test_several_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    assert [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers] == [("", 0)] * 4
    index = Index(Memory(tmp_path, "/store").database)
    assert len(index.outcomes()) == len(index.named()) == 120


def test_where_nothing_can_be_kept_all_goes_on_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path, "/store")
    index = Index(memory.database)
    memory.path.mkdir()
    for _ in range(2):
        memory.note(KNOWN, instead_of=None)
        index.note_named({"a.json": Named("1", "a")})
        index.keep(WHOLE, {"a": Outcome("a.json")}, {"a": "plan"})
        assert (memory.known(), index.named(), index.outcomes()) == (None, {}, {})
    (said,) = caplog.messages
    assert "can't be used" in said
    assert "Set [openmetadata_dag_factory] state_folder to a folder that Airflow's user can write to" in said


def test_a_file_that_another_process_holds_is_not_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(tmp_path, "/store")
    memory.note(KNOWN, instead_of=None)
    memory.path.chmod(0o600)
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute("DROP TABLE claims")
        connection.commit()
    # What an operational error says of one table says nothing of the others.
    assert Index(memory.database).named() == {}
    assert memory.known() == KNOWN
    assert "corrupt" not in caplog.text


def test_a_file_that_another_process_keeps_locked_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    connect = sqlite3.connect

    def counting(path: Path, timeout: float, isolation_level: None) -> sqlite3.Connection:
        waits.append(timeout)
        return connect(path, timeout=timeout / 100, isolation_level=isolation_level)

    memory = Memory(tmp_path, "/store")
    index = Index(memory.database)
    memory.note(KNOWN, instead_of=None)
    with closing(connect(memory.path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", counting)
        assert (memory.known(), index.named(), index.outcomes(), index.plans(["a"])) == (None, {}, {}, {})
        index.note_named({"a.json": Named("1", "a")})
        connection.execute("ROLLBACK")
    assert waits == [BUSY_SECONDS, 0, 0, 0, 0]
    assert memory.known() == KNOWN


def test_a_machine_without_a_folder_to_remember_in_does_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", "")
    assert configured_memory("/store") is None
    assert "A config store that is not mounted may be taken for an empty one" in caplog.text
    assert not knows_store()


def test_without_a_store_none_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", "")
    assert not knows_store()


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_of_ours_is_made_anew(tmp_path: Path, content: bytes) -> None:
    memory = Memory(tmp_path, "/store")
    memory.path.write_bytes(content)
    assert memory.known() is None
    memory.note(KNOWN, instead_of=None)
    assert memory.known() == KNOWN


@pytest.mark.parametrize("version", [0, 1, 2, 3, 99])
def test_a_file_of_an_earlier_or_later_version_keeps_which_store_it_knows(tmp_path: Path, version: int) -> None:
    memory = Memory(tmp_path, "store")
    memory.note(KNOWN, instead_of=None)
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute("DROP TABLE dags")
        connection.execute("CREATE TABLE dags (another TEXT)")
        connection.execute(f"PRAGMA user_version = {version}")
    index = Index(memory.database)
    index.keep(WHOLE, {"a": Outcome("a.json")}, {})
    assert (memory.known(), index.outcomes()) == (KNOWN, {"a": Outcome("a.json")})


@pytest.mark.parametrize(
    "row", ["'x' AS another", "'x' AS identity, 'no' AS is_empty", "1.5 AS identity, 0 AS is_empty"]
)
def test_a_file_of_a_later_version_is_made_anew_whatever_its_tables_hold(tmp_path: Path, row: str) -> None:
    memory = Memory(tmp_path, "store")
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute(f"CREATE TABLE store AS SELECT {row}")
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    assert memory.known() is None
    memory.note(KNOWN, instead_of=None)
    assert memory.known() == KNOWN
