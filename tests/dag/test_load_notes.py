"""Notes of loads: what a process that was killed leaves behind, and what health says of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dag_factory.dag.load_history import Limits, LoadHistory
from dag_factory.dag.load_notes import LoadNotes, notes_path, read_loads
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard
from tests.forked_python import ForkedPython
from tests.places import ROOT

LIMITS = Limits(module=30, parse=50)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    folder = tmp_path / "store"
    folder.mkdir()
    return FolderStore(folder)


def notes_of(store: FolderStore, path: Path, clock: Clock, shard: Shard = WHOLE) -> LoadNotes:
    return LoadNotes(store, path, LIMITS, shard, clock=clock)


def release(notes: LoadNotes) -> None:
    """Let go of the lock, as the end of the process would."""
    assert notes._lock is not None
    os.close(notes._lock)


def test_a_load_notes_its_figures_and_a_slow_one_warns_until_one_is_fast(store: FolderStore, tmp_path: Path) -> None:
    path, clock = notes_path(tmp_path / "store.sqlite", WHOLE), Clock()
    for seconds, is_slow in ((40, True), (3, False)):
        with notes_of(store, path, clock) as notes:
            clock.now += 2
            notes.built(8_000)
        clock.now += seconds - 2
        notes.end()
        release(notes)
        assert (store.load_problem() is not None) is is_slow
        last = read_loads(path).last
        assert last is not None
        assert (last.dags, last.built, last.ended) == (8_000, 2, seconds)


def test_the_load_after_one_that_was_killed_says_so_before_it_can_be_killed_itself(
    store: FolderStore, tmp_path: Path
) -> None:
    path, clock = tmp_path / "loads" / "a.json", Clock()
    killed = notes_of(store, path, clock)
    killed.__enter__()
    release(killed)
    assert store.load_problem() is None
    clock.now += 60
    with notes_of(store, path, clock) as notes:
        assert "began and did not end" in (store.load_problem() or "")
        notes.built(8_000)
        # Airflow may still kill it while it serializes the DAGs.
        assert "began and did not end" in (store.load_problem() or "")
    notes.end()
    assert store.load_problem() is None


def test_what_a_load_left_out_is_still_said_when_its_parse_has_ended(store: FolderStore, tmp_path: Path) -> None:
    with notes_of(store, tmp_path / "a.json", Clock()) as notes:
        notes.built(8_000, left_out=3)
    notes.end()
    assert (store.load_problem() or "").startswith("3 new configs are not loaded yet")


def test_what_a_load_left_out_is_said_where_no_notes_can_be_kept(store: FolderStore) -> None:
    with LoadNotes(store, None, LIMITS, clock=Clock()) as notes:
        notes.built(8_000, put_off=3)
    assert (store.load_problem() or "").startswith("3 configs have changed and were not judged yet")


def test_a_load_that_another_dag_processor_runs_at_the_time_is_not_taken_for_a_killed_one(
    store: FolderStore, tmp_path: Path
) -> None:
    path, clock = tmp_path / "a.json", Clock()
    with notes_of(store, path, clock) as running:
        before = path.read_bytes()
        with notes_of(store, path, clock) as other:
            other.built(8_000)
        other.end()
        assert path.read_bytes() == before
        assert store.load_problem() is None
        running.built(8_000)
    running.end()
    assert read_loads(path).killed == 0


def test_a_load_that_a_missing_store_ended_is_not_one_that_airflow_stopped(store: FolderStore, tmp_path: Path) -> None:
    notes = notes_of(store, tmp_path / "a.json", Clock())
    with pytest.raises(OSError, match="away"), notes:
        raise OSError("away")
    notes.end()
    assert store.load_problem() is None
    release(notes)
    stopped = notes_of(store, tmp_path / "a.json", Clock())
    with pytest.raises(KeyboardInterrupt), stopped:
        raise KeyboardInterrupt
    stopped.end()
    assert "Airflow stopped the last load" in (store.load_problem() or "")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"last": 3, "complete": {}, "killed": "x"}', "\0" * 20_000])
def test_notes_that_can_t_be_read_count_as_missing(store: FolderStore, tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    assert read_loads(path) == LoadHistory()
    with notes_of(store, path, Clock()) as notes:
        notes.built(5)
    notes.end()
    assert read_loads(path).complete is not None


def test_a_folder_that_can_t_be_written_stops_no_load(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with notes_of(store, tmp_path / "file" / "a.json", Clock()) as notes:
        notes.built(5)
    notes.end()


def test_the_figures_of_each_shard_are_kept_for_themselves(store: FolderStore, tmp_path: Path) -> None:
    memory = tmp_path / "store.sqlite"
    for shard in (Shard(0, 2), Shard(1, 2)):
        with notes_of(store, notes_path(memory, shard), Clock(), shard) as notes:
            notes.built(5 + shard.number)
        notes.end()
    found = [read_loads(notes_path(memory, shard)).complete for shard in (Shard(0, 2), Shard(1, 2))]
    assert [complete and complete.dags for complete in found] == [5, 6]


# Parses the loader in the process that Airflow's DAG processor forks for it, and kills that once it hangs.
PARSES = """
import signal, sys, uuid
from pathlib import Path
import structlog
from airflow.dag_processing.processor import DagFileProcessorProcess
from tests.airflow_versions import BEFORE_3_2

loader = Path(sys.argv[1])
hang, said = loader.with_name("hang"), loader.with_name("said")
bundle = {} if BEFORE_3_2 else {"bundle_name": "store", "dag_file_rel_path": loader.name}

def parse():
    with open("/dev/null", "wb") as null:
        process = DagFileProcessorProcess.start(
            id=uuid.uuid4(), path=loader, bundle_path=loader.parent, callbacks=[], client=None,
            logger=structlog.get_logger(), logger_filehandle=null, **bundle,
        )
        while not process.is_ready and not said.exists():
            process._service_subprocess(0.1)
        if process.is_ready:
            return len(process.parsing_result.serialized_dags)
        process.kill(signal.SIGKILL)
        return "killed"

# A child that Airflow forks would write out, too, what is still held here.
print(parse(), flush=True)
hang.touch()
for _ in range(2):
    print(parse(), said.read_text(), flush=True)
    said.unlink()
hang.unlink()
print(parse(), flush=True)
"""

LOADER = """
# Airflow looks for its name here.
import time
from pathlib import Path
from dag_factory import load_dags
from dag_factory.store import configured_store

globals().update(load_dags())
if Path(__file__).with_name("hang").exists():
    Path(__file__).with_name("being").write_text(configured_store().load_problem() or "nothing")
    Path(__file__).with_name("being").rename(Path(__file__).with_name("said"))
    time.sleep(600)
"""


def test_in_airflow_s_own_child_a_parse_that_is_killed_is_reported_until_one_ends(
    store: FolderStore, tmp_path: Path, forked_python: ForkedPython
) -> None:
    loader = tmp_path / "dags" / "openmetadata_loader.py"
    loader.parent.mkdir()
    loader.write_text(LOADER)
    (store.root / "orders.json").write_text((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store.root),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": str(tmp_path / "state"),
    }
    done = forked_python.run(PARSES, str(loader), env=env)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if re.match(r"\d+$|killed ", line)]
    assert [line[:40] for line in said] == ["1", "killed nothing", "killed The last parse of openmetadata_lo", "1"]
    assert store.load_problem() is None
    loads = read_loads(notes_path(next((tmp_path / "state").glob("*.sqlite")), WHOLE))
    assert (loads.killed, loads.complete and loads.complete.dags) == (0, 1)


def test_notes_are_no_config_even_where_the_state_folder_is_in_the_store(store: FolderStore) -> None:
    with notes_of(store, notes_path(store.root / "state" / "store.sqlite", WHOLE), Clock()) as notes:
        assert store.list_keys() == []
    release(notes)
