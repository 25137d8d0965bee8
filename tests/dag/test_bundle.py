from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import time_machine

from dag_factory import IngestionBundle
from dag_factory.dag.load_history import Limits
from dag_factory.dag.load_notes import LoadNotes, notes_path
from dag_factory.errors import LoaderError, SettingsError
from dag_factory.store import memory_of, open_store
from dag_factory.store.shards import WHOLE, Shard, shard_of, shards
from tests.airflow_versions import bundles_configured
from tests.forked_python import ForkedPython
from tests.places import TESTS

SAMPLES = TESTS / "samples"
OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY"
LIST = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, as Airflow's processes on this machine are configured to have it."""
    monkeypatch.setenv(f"{OURS}__CONFIG_STORE", str(tmp_path / "configs"))
    monkeypatch.setenv(f"{OURS}__STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    (tmp_path / "configs").mkdir()
    return tmp_path / "configs"


def bundle_of(monkeypatch: pytest.MonkeyPatch, **kwargs: object) -> IngestionBundle:
    """Return the bundle as Airflow makes it of its configuration. None of its refreshes comes before its time."""
    arguments = {"refresh_interval": 0, **kwargs}
    configured = [{"name": "ours", "classpath": "dag_factory.IngestionBundle", "kwargs": arguments}]
    monkeypatch.setenv(LIST, json.dumps(configured))
    bundle = bundles_configured().get_bundle("ours")
    assert isinstance(bundle, IngestionBundle)
    return bundle


def names(bundle: IngestionBundle) -> list[str]:
    return sorted(path.name for path in bundle.path.iterdir())


def touched(bundle: IngestionBundle) -> list[str]:
    """Return the loaders that a refresh has touched or written."""
    for path in bundle.path.iterdir():
        os.utime(path, (1, 1))
    bundle.refresh()
    return sorted(path.name for path in bundle.path.iterdir() if path.stat().st_mtime > 1)


def drop(store: Path, name: str) -> None:
    """Put a config into the store as a writer does."""
    opened = open_store(str(store))
    opened.write(f"{name}.json", json.dumps({"name": name}).encode())
    opened.bump()


def test_it_makes_the_loaders_of_its_part_below_airflow_s_folder_for_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(monkeypatch, shards=4, part=1, parts=2)
    assert bundle.path == tmp_path / "bundles" / "ours"
    assert not bundle.path.exists()  # the API server and the scheduler only ask for its name
    bundle.initialize()
    assert names(bundle) == [Shard(1, 4).file_name, Shard(3, 4).file_name]
    assert touched(bundle) == []
    assert not bundle.supports_versioning


def test_without_arguments_it_is_the_one_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_of(monkeypatch)
    bundle.initialize()
    assert names(bundle) == [WHOLE.file_name]


def test_a_change_touches_loaders_and_none_does_not(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_of(monkeypatch, shards=2)
    bundle.initialize()
    drop(store, "orders")
    assert touched(bundle) == []  # Airflow parses all of them when its DAG processor starts
    drop(store, "customers")
    own = shard_of("customers", 2)
    assert touched(bundle) == [own.file_name]
    open_store(str(store)).note_loaded(open_store(str(store)).marker() or "", own)
    assert touched(bundle) == []


def test_a_store_that_is_missing_touches_nothing_and_is_said_once(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = bundle_of(monkeypatch, shards=2)
    drop(store, "orders")
    bundle.initialize()
    bundle.refresh()
    away = store.rename(store.with_name("away"))
    assert [touched(bundle) for _ in range(3)] == [[]] * 3
    assert caplog.text.count("Until the store is back, all DAGs stay as they are") == 1
    away.rename(store)
    drop(store, "customers")
    assert touched(bundle) != []


def test_a_worker_without_the_store_has_the_loaders_all_the_same(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.rmdir()
    bundle = bundle_of(monkeypatch, shards=2)
    bundle.initialize()
    assert len(names(bundle)) == 2


def test_loaders_that_were_cleaned_away_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_of(monkeypatch, shards=2)
    bundle.initialize()
    (bundle.path / Shard(1, 2).file_name).unlink()
    assert touched(bundle) == [Shard(1, 2).file_name]


def test_loaders_of_another_number_stay_until_each_new_one_is_parsed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_of(monkeypatch, shards=1).initialize()
    drop(store, "orders")
    bundle = bundle_of(monkeypatch, shards=2)
    bundle.initialize()
    for shard in shards(2):
        bundle.refresh()
        assert WHOLE.file_name in names(bundle)
        note_load(store, shard)
    # Airflow may still be storing the DAGs of the last of these parses.
    with time_machine.travel(1_000_000, tick=False) as clock:
        bundle.refresh()
        assert WHOLE.file_name in names(bundle)
        clock.shift(61)
        # One of the others may be parsed last: then the new ones are parsed once more.
        assert touched(bundle) == [shard.file_name for shard in shards(2)]
    assert names(bundle) == [shard.file_name for shard in shards(2)]


def test_they_also_stay_where_no_change_of_the_store_was_ever_announced(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "orders.json").write_text('{"name": "orders"}')
    with time_machine.travel(1_000_000, tick=False) as clock:
        bundle_of(monkeypatch, shards=1).initialize()
        bundle = bundle_of(monkeypatch, shards=2)
        bundle.initialize()
        for shard in shards(2):
            for _ in range(2):
                bundle.refresh()
                clock.shift(61)
                bundle.refresh()
                assert WHOLE.file_name in names(bundle)
            note_load(store, shard)
        bundle.refresh()
        clock.shift(61)
        bundle.refresh()
    assert names(bundle) == [shard.file_name for shard in shards(2)]


def test_a_load_from_when_there_were_as_many_before_does_not_count(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(1_000_000, tick=False) as clock:
        drop(store, "orders")
        bundle_of(monkeypatch, shards=2).initialize()
        for shard in shards(2):
            note_load(store, shard)
        for number in (1, 2):
            clock.shift(1000)
            bundle = bundle_of(monkeypatch, shards=number)
            bundle.initialize()
            for _ in range(2):
                bundle.refresh()
                clock.shift(61)
            assert names(bundle) == sorted(shard.file_name for shard in (WHOLE, *shards(2)))
        for shard in shards(2):
            note_load(store, shard)
        bundle.refresh()
        clock.shift(61)
        bundle.refresh()
    assert names(bundle) == [shard.file_name for shard in shards(2)]


def note_load(store: Path, shard: Shard) -> None:
    """Note a load as the DAG processor's process for it does."""
    opened = open_store(str(store))
    with LoadNotes(opened, notes_path(memory_of(str(store)).path, shard), Limits(), shard) as notes:
        notes.built(1)
    if (marker := opened.marker()) is not None:
        opened.note_loaded(marker, shard)
    notes.end()
    assert notes._lock is not None
    os.close(notes._lock)  # as the end of the process does


def test_a_bundle_that_can_t_be_is_said_with_its_name_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"bundle 'ours': part is 4, of 4 parts\. The first part is 0, .*to 3\."):
        bundle_of(monkeypatch, shards=64, part=4, parts=4)
    with pytest.raises(SettingsError, match=r"bundle 'ours': store is not the same as .* config_store") as raised:
        bundle_of(monkeypatch, store="s3://me:canary@configs")
    assert "canary" not in str(raised.value)
    with pytest.raises(SettingsError, match=r"bundle 'ours': store is not the same as .* config_store"):
        bundle_of(monkeypatch, store=5)


def test_the_store_may_be_named_in_the_bundle_too(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle_of(monkeypatch, store=str(store), shards=2).initialize()


def test_parts_that_do_not_fit_together_are_said_when_the_dag_processor_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = bundle_of(monkeypatch, shards=4, part=1, parts=2)
    bundle.refresh()
    bundle.refresh()
    assert caplog.text.count("No bundle makes part 0 of 2") == 1


def test_a_worker_without_the_store_builds_the_stand_in_from_any_of_the_loaders(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_python: ForkedPython
) -> None:
    store.rmdir()
    bundle = bundle_of(monkeypatch, shards=2)
    bundle.initialize()
    other = next(shard for shard in shards(2) if not shard.holds("orders"))
    script = f"""
from pathlib import Path
from tests.airflow_versions import bag_of
path = Path({str(bundle.path)!r})
bag = bag_of(path / {other.file_name!r}, root=path, bundle="ours")
print(sorted(bag.dags), bag.import_errors)
"""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "orders"}
    done = forked_python.run(script, env=environment)
    assert done.stdout.splitlines()[-1] == "['orders'] {}", done.stderr


def test_a_folder_that_can_t_be_made_is_said_with_the_setting_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundles").write_text("in the way")
    with pytest.raises(LoaderError, match=r"bundle 'ours': the loaders in .* can't be made: .*dag_bundle_storage_path"):
        bundle_of(monkeypatch, shards=2).initialize()
