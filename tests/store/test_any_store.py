"""What every store does, a folder or a bucket."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import ConfigError, ConflictError, MissingStoreError, StoreLockedError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore, writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.markers import LoadNote
from dag_factory.store.rotation import rotate
from dag_factory.store.shards import Shard
from dag_factory.store.writer import Deployed, delete
from tests.places import TESTS
from tests.store.any_store import Kind, opened

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
TOKEN = SAMPLE["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
ID = "pg_metadata_hourly"


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> str:
    key = Fernet.generate_key().decode()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    return key


@pytest.fixture
def store(kind: Kind) -> ConfigStore:
    return opened(kind)


def deploy(store: ConfigStore, **fields: Any) -> Deployed:
    document = json.dumps({**SAMPLE, **fields}).encode()
    return writer.deploy(store, writer.checked(writer.parsed(document)))


def missing(store: ConfigStore, key: str) -> bool:
    try:
        store.read(key)
    except KeyError:
        return True
    return False


CONFIGS = ["b.json", "a.yml", "C.YAML", "x/b.json", "x/y/a.json", "a/z.json", "defaults.yaml", "x/defaults.yaml"]
HIDDEN = [".a.json", ".git/a.json", "x/.b.yaml", "x/.y/c.json", ".json", ".version", ".last_good/ab/a.json"]


def test_configs_are_listed_by_their_suffix_in_sorted_order_and_hidden_ones_are_not(
    kind: Kind, store: ConfigStore
) -> None:
    for key in [*CONFIGS, *HIDDEN, "README.md", "a.txt", "json", "x/b.json.bak", "b.json~", "ä ü/+%20&.json"]:
        kind.put(key)
    assert store.list_keys() == sorted([*CONFIGS, "ä ü/+%20&.json"])
    assert sorted(store.revisions()) == store.list_keys()
    assert all(store.read(key) == b"{}" for key in store.list_keys())


def test_an_empty_store_has_no_keys_and_no_marker(store: ConfigStore) -> None:
    assert (store.list_keys(), dict(store.revisions()), store.marker(), store.loaded()) == ([], {}, None, None)
    assert store.recall("a") is store.load_problem() is None


def test_a_file_is_read_as_it_is_and_cut_where_it_is_too_large(kind: Kind, store: ConfigStore) -> None:
    kind.put("x/ä.yaml", "name: ä")
    kind.put("empty.json", "")
    kind.put("huge.json", "1" * (MAX_BYTES + 1000))
    assert store.read("x/ä.yaml") == "name: ä".encode()
    assert store.read("empty.json") == b""
    assert len(store.read("huge.json")) == MAX_BYTES + 1
    assert missing(store, "gone.json")


def test_a_revision_changes_with_its_file_alone(kind: Kind, store: ConfigStore) -> None:
    kind.put("a.json")
    kind.put("b.json")
    before = dict(store.revisions())
    assert dict(store.revisions()) == before
    kind.put("a.json", "longer")
    after = dict(store.revisions())
    assert (after["a.json"] != before["a.json"], after["b.json"]) == (True, before["b.json"])
    kind.remove("b.json")
    assert list(store.revisions()) == ["a.json"]


def test_size_and_time_of_a_file_are_known(kind: Kind, store: ConfigStore) -> None:
    kind.put("a.json", "12345")
    store.list_keys()
    assert (store.size("a.json"), store.size("b.json")) == (5, 0)
    assert (store.changed("a.json") or 0) > 1_700_000_000
    assert store.changed("b.json") is None
    assert opened(kind).changed("a.json") == pytest.approx(store.changed("a.json"), abs=1)


def test_files_are_read_in_the_order_in_which_they_were_announced_or_any_other(kind: Kind, store: ConfigStore) -> None:
    keys = [f"{number:03d}.json" for number in range(30)]
    for key in keys:
        kind.put(key, key)
    store.prefetch([*keys, "gone.json"])
    assert store.read(keys[3]).decode() == keys[3]
    assert store.read(keys[0]).decode() == keys[0]
    assert missing(store, "gone.json")
    assert [store.read(key).decode() for key in keys[4:]] == keys[4:]
    kind.put(keys[5], "new")
    assert store.read(keys[5]) == b"new"


def test_what_is_written_is_read_by_others_and_deleted_once(kind: Kind, store: ConfigStore) -> None:
    with store.lock():
        store.write("a.json", b"1")
        store.write("a.json", b"2")
        store.write("x/y.json", b"3")
        store.bump()
    other = opened(kind)
    assert (other.list_keys(), other.read("a.json"), kind.text("x/y.json")) == (["a.json", "x/y.json"], b"2", "3")
    with other.lock():
        assert other.delete("a.json")
        assert not other.delete("a.json")
    assert store.list_keys() == ["x/y.json"]


def test_a_later_marker_sorts_after_all_before_and_others_see_it(kind: Kind, store: ConfigStore) -> None:
    markers = [store.bump() for _ in range(3)]
    markers.append(opened(kind).bump())
    assert markers == sorted(set(markers))
    assert store.marker() == opened(kind).marker() == markers[-1]
    assert store.list_keys() == []


def test_a_change_gets_a_marker_though_its_writer_makes_none(store: ConfigStore) -> None:
    before = store.bump()
    with store.lock():
        store.write("a.json", b"{}")
    assert (store.marker() or "") > before


def test_a_writer_that_failed_after_a_change_leaves_it_to_be_seen(store: ConfigStore) -> None:
    before = store.bump()
    with pytest.raises(ZeroDivisionError), store.lock():
        store.write("a.json", b"{}")
        raise ZeroDivisionError
    store.settle()
    assert (store.marker() or "") > before


def test_no_change_makes_no_marker(store: ConfigStore) -> None:
    deploy(store)
    before = store.marker()
    with store.lock():
        store.read(f"{ID}.json")
    store.settle()
    assert store.marker() == before


def test_a_shard_s_marker_is_its_own_and_others_see_it(kind: Kind, store: ConfigStore) -> None:
    marker = store.bump()
    store.note_loaded(marker, Shard(3, 64))
    other = opened(kind)
    assert (other.loaded(Shard(3, 64)), other.loaded(Shard(2, 64)), other.loaded()) == (marker, None, None)
    store.note_loaded(marker)
    assert other.loaded() == marker


def test_a_load_may_note_from_when_on_another_one_is_needed(kind: Kind, store: ConfigStore) -> None:
    marker = store.bump()
    store.note_loaded(marker, Shard(3, 64), 1_234_567.0)
    other = opened(kind)
    assert other.load_note(Shard(3, 64)) == LoadNote(marker, 1_234_567.0)
    assert other.load_note() == LoadNote(None, None)
    store.note_loaded(marker, Shard(3, 64))
    assert other.load_note(Shard(3, 64)) == LoadNote(marker, None)


@pytest.mark.parametrize(
    "note", ["", "0", "0 again at ", "0 again at noon", "0 again at 1 again at 2", "0 again at 1e999"]
)
def test_a_load_s_note_that_somebody_else_has_written_stops_nothing(kind: Kind, store: ConfigStore, note: str) -> None:
    kind.put(".loaded", note)
    assert store.loaded() in {None, "0", "0 again at"}
    assert store.load_note().again_at in {None, float("inf")}


def test_notes_replace_those_before(kind: Kind, store: ConfigStore) -> None:
    store.note({"a": "x/b.json", "c": "d.yaml"})
    assert (opened(kind).recall("a"), opened(kind).recall("b")) == ("x/b.json", None)
    store.note({"c": "d.json"})
    assert (store.recall("a"), store.recall("c")) == (None, "d.json")
    store.note({})
    assert store.recall("c") is None


@pytest.mark.parametrize("note", ["", "{", "[]", '{"a": "../../etc/passwd.json"}', '{"a": ".hidden.json"}', "\x00"])
def test_notes_that_somebody_else_has_written_lead_nowhere(kind: Kind, store: ConfigStore, note: str) -> None:
    kind.put(".dag_ids.json", note)
    assert store.recall("a") is None


def test_a_note_that_somebody_has_made_longer_than_any_is_not_read_and_is_replaced_by_the_next(
    kind: Kind, store: ConfigStore
) -> None:
    made_up = f'{{"a": "b.json", "openmetadata_loader.py": "slow", "x": "{"x" * 4 * 1024**2}"}}'
    kind.put(".load.json", made_up)
    assert store.load_problem() is None
    store.note_load_problem(None)
    assert kind.text(".load.json") == "{}"
    kind.put(".dag_ids.json", made_up.replace("x" * 1024, "x" * 1024 * 9))
    assert store.recall("a") is None
    store.note({"a": "b.json"})
    assert store.recall("a") == "b.json"


def test_the_keys_of_100_000_configs_with_long_names_are_recalled(store: ConfigStore) -> None:
    keys = {f"{number:0>140}": f"{number:0>145}.json" for number in range(100_000)}
    store.note(keys)
    assert store.recall(last := max(keys)) == keys[last]


def test_what_is_only_compared_with_what_a_load_notes_is_not_made_into_objects(kind: Kind, store: ConfigStore) -> None:
    store.note({"b": "c.json"})  # imports what a store needs at its first call, so that this is not counted below
    kind.put(".dag_ids.json", f'{{"a": [{",".join(["{}"] * 1_000_000)}]}}')
    tracemalloc.start()
    store.note({"a": "b.json"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024**2  # a million mappings take four times as much
    assert store.recall("a") == "b.json"


def test_a_problem_of_a_load_is_noted_until_there_is_none(kind: Kind, store: ConfigStore) -> None:
    store.note_load_problem("took too long")
    assert opened(kind).load_problem() == "took too long"
    store.note_load_problem(None)
    assert opened(kind).load_problem() is None


def test_nobody_else_may_read_a_copy_of_what_a_writer_has_written(store: ConfigStore) -> None:
    with store.lock():
        store.write("a.json", b"{}")
    assert store.access("a.json").mode == 0o600


def test_a_known_store_that_was_emptied_is_missing_and_one_that_was_adopted_is_not(kind: Kind, tmp_path: Path) -> None:
    store = opened(kind, tmp_path / "state")
    deploy(store)
    known = store.remember()
    assert known is not None
    assert known.identity == opened(kind).check().identity
    kind.remove(f"{ID}.json")
    assert opened(kind, tmp_path / "state").list_keys() == []
    for name in (".store", ".version"):
        kind.remove(name)
    other = opened(kind, tmp_path / "state")
    for ask in (other.check, other.list_keys, other.revisions, other.confirm_absence, other.lock().__enter__):
        with pytest.raises(MissingStoreError, match="adopt-store"):
            ask()
    assert opened(kind, tmp_path / "another").list_keys() == []


def test_a_store_that_nobody_knows_is_not_taken_for_an_empty_one_that_lost_a_config(
    kind: Kind, store: ConfigStore
) -> None:
    with pytest.raises(MissingStoreError, match="holds no configs"):
        store.confirm_absence()
    kind.put("a.json")
    store.confirm_absence()


def test_what_is_deployed_is_kept_encrypted_and_found(kind: Kind, store: ConfigStore) -> None:
    assert deploy(store) == Deployed(ID, changed=True)
    assert TOKEN not in kind.text(f"{ID}.json")
    marker = store.marker()
    assert deploy(opened(kind)) == Deployed(ID, changed=False)
    assert store.marker() == marker
    config = Catalog(opened(kind)).find(ID)
    assert config is not None
    assert config.document["name"] == ID
    assert [each.dag_id for each in Catalog(opened(kind)).all()] == [ID]


def test_a_redeploy_replaces_and_a_delete_removes_the_pipeline_under_whatever_name(
    kind: Kind, store: ConfigStore
) -> None:
    kind.put("x/mine.yaml", json.dumps(SAMPLE))
    kind.put(f"x/{ID}.yaml", json.dumps(SAMPLE))
    deploy(store)
    assert deploy(opened(kind), displayName="another").changed
    before = store.marker() or ""
    Catalog(opened(kind)).all()
    assert delete(opened(kind), ID)
    assert not delete(opened(kind), ID)
    assert (store.marker() or "") > before
    assert Catalog(opened(kind)).look_up(ID) is None
    assert f"{ID}.json" not in store.list_keys()


def test_another_pipeline_s_id_is_refused(store: ConfigStore) -> None:
    deploy(store)
    with pytest.raises(ConflictError, match="belongs to the pipeline"):
        deploy(store, id="0b1e0d2c-0000-4000-8000-000000000000", fullyQualifiedName="other.pg_metadata_hourly")


def test_the_defaults_of_its_folders_are_merged_under_a_config_and_may_be_missing(
    kind: Kind, store: ConfigStore
) -> None:
    kind.put("defaults.yaml", "displayName: above\nenabled: false\n")
    kind.put("x/defaults.yml", "displayName: near\n")
    kind.put(f"x/y/{ID}.json", json.dumps({name: SAMPLE[name] for name in SAMPLE if name != "displayName"}))
    config = Catalog(store).find(ID)
    assert config is not None
    assert (config.document["displayName"], config.document["enabled"]) == ("near", SAMPLE.get("enabled", False))
    kind.put("x/defaults.yml", "- a list")
    assert "defaults.yml" in str(getattr(Catalog(opened(kind)).find(ID), "problem", None))


def test_a_rotated_key_seals_all_configs_again(
    kind: Kind, store: ConfigStore, fernet_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(store)
    deploy(store, name="other", fullyQualifiedName="s.other", id="0b1e0d2c-0000-4000-8000-000000000000")
    old, new = store.read("other.json"), Fernet.generate_key().decode()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{new},{fernet_key}")
    before = store.marker() or ""
    rotation = rotate(opened(kind), Keys())
    assert (rotation.is_complete, sorted(rotation.resealed)) == (True, ["other.json", f"{ID}.json"])
    assert store.read("other.json") != old
    assert (store.marker() or "") > before


def test_a_broken_config_may_be_replaced_and_is_a_problem_of_its_own(kind: Kind, store: ConfigStore) -> None:
    kind.put(f"{ID}.json", "{")
    kind.put("good.yaml", json.dumps({**SAMPLE, "name": "good", "fullyQualifiedName": "s.good"}))
    found = {each.dag_id: getattr(each, "problem", None) for each in Catalog(store).all()}
    assert isinstance(found.pop(ID), ConfigError)
    assert found == {"good": None}
    assert deploy(store).changed


def test_of_two_writers_of_one_file_none_overwrites_what_it_has_not_read(kind: Kind, store: ConfigStore) -> None:
    with store.lock():
        store.write("a.json", b"0")
    first, second = opened(kind), opened(kind)
    with pytest.raises(StoreLockedError, match=r"Nothing has changed. Retry"), first.lock():
        first.read("a.json")
        with second.lock():
            second.read("a.json")
            second.write("a.json", b"2")
        first.write("a.json", b"1")
    assert kind.text("a.json") in ("0", "2")


def test_a_probe_finds_that_writers_notice_each_other_and_leaves_nothing(kind: Kind, store: ConfigStore) -> None:
    kind.put("orders.json")
    before = store.revisions()
    store.probe()
    assert store.revisions() == before
    assert store.marker() is None
