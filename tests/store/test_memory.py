from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dag_factory.store import configured_memory, knows_store
from dag_factory.store.memory import Known, Memory

KNOWN = Known("id", is_empty=False)


def test_who_only_looks_leaves_no_file(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state", "/store")
    assert (memory.known(), memory.contents(), memory.content("a")) == (None, {}, None)
    assert list(tmp_path.iterdir()) == []


def test_each_location_has_a_memory_of_its_own(tmp_path: Path) -> None:
    Memory(tmp_path, "/one").note(KNOWN)
    assert Memory(tmp_path, "/one").known() == KNOWN
    assert Memory(tmp_path, "/another").known() is None


def test_what_has_changed_is_replaced_and_what_is_gone_removed(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "/store")
    assert memory.keep(KNOWN, {"a": "1", "b": "1"}, str.upper) == 2
    assert memory.keep(KNOWN, {"b": "2", "c": "1"}, lambda dag_id: f"{dag_id} again") == 3
    assert memory.contents() == {"b": "b again", "c": "c again"}


WRITER = """
import sys
from pathlib import Path
from dag_factory.store.memory import Known, Memory
memory = Memory(Path(sys.argv[1]), "/store")
for number in range(30):
    revisions = {f"p{each}": f"{sys.argv[2]} {number}" for each in range(50)}
    memory.keep(Known("id", is_empty=False), revisions, lambda _: sys.argv[2])
    assert len(memory.contents()) == 50 and len(set(memory.contents().values())) == 1
"""


def test_several_processes_that_write_at_once_leave_what_one_of_them_has_found(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stderr=subprocess.PIPE, text=True)
        for name in "abcd"
    ]
    assert [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers] == [("", 0)] * 4


def test_what_there_was_no_time_for_is_kept_the_next_time(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "/store")
    revisions = dict.fromkeys("abc", "1")
    assert [memory.keep(KNOWN, revisions, str.upper, seconds=-1) for _ in range(4)] == [1, 1, 1, 0]
    assert memory.contents() == {"a": "A", "b": "B", "c": "C"}


def test_where_nothing_can_be_kept_all_goes_on_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path, "/store")
    memory.path.mkdir()
    for _ in range(2):
        memory.note(KNOWN)
        memory.note_keys({"a.json"})
        assert (memory.known(), memory.keys(), memory.contents()) == (None, frozenset(), {})
    (said,) = caplog.messages
    assert "can't be used" in said
    assert "Set [openmetadata_dag_factory] state_folder to a folder that Airflow's user can write to" in said


def test_a_file_that_another_process_holds_is_not_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(tmp_path, "/store")
    memory.note(KNOWN)
    memory.path.chmod(0o600)
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute("DROP TABLE keys")
        connection.commit()
    # What an operational error says of one table says nothing of the others.
    assert memory.keys() == frozenset()
    assert memory.known() == KNOWN
    assert "corrupt" not in caplog.text


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
    memory.note(KNOWN)
    assert memory.known() == KNOWN


def test_a_file_of_an_earlier_version_is_added_to_and_keeps_what_it_knows(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "store")
    memory.note(Known("id", is_empty=False))
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute("DROP TABLE keys")
        connection.execute("PRAGMA user_version = 1")
    again = Memory(tmp_path, "store")
    again.note_keys({"a.json"})
    assert (again.known(), again.keys()) == (Known("id", is_empty=False), frozenset({"a.json"}))
