"""When Airflow takes what it may have ignored, and which loads say that they need another one."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from dag_factory.dag import loader
from dag_factory.dag.later_seconds import WRITING_SECONDS, again_at, later_seconds
from dag_factory.store.catalog import Catalog
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import Shard, shard_of
from tests.places import TESTS

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
UPDATE, STALE = 30, 50


@pytest.mark.parametrize(
    ("before", "ignored", "then"),
    [
        (None, 0, None),
        (None, 30, 130.0 + WRITING_SECONDS),
        # What an earlier load has found may be ignored until then, whatever this one finds.
        (110.0, 0, 110.0),
        (180.0, 30, 180.0),
        (110.0, 30, 130.0 + WRITING_SECONDS),
        # This one is the other load that was needed.
        (100.0, 0, None),
        (99.0, 0, None),
        # Nobody but somebody who may write to the store has noted these.
        (float("inf"), 0, None),
        (float("nan"), 0, None),
        (1e12, 30, 130.0 + WRITING_SECONDS),
    ],
)
def test_another_load_is_needed_until_airflow_takes_all(
    before: float | None, ignored: float, then: float | None
) -> None:
    assert again_at(100.0, before, ignored) == then


def test_a_parse_that_is_asked_for_later_is_enough_where_the_change_was_found_in_time() -> None:
    (asked,) = later_seconds(UPDATE, 0)
    found = 2.0
    needed = again_at(found, None, UPDATE)
    assert needed is not None
    assert again_at(asked, needed, 0) is None


class Scene:
    """A store whose configs change, and loads of it that a machine remembers, or one that remembers nothing."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        self.store = FolderStore(folder / "configs")
        self.store.root.mkdir()
        self.shard = shard

    def change(self, name: str, **fields: Any) -> None:
        self.store.write(f"{name}.json", json.dumps({**SAMPLE, "name": name, **fields}).encode())
        self.store.bump()

    def remove(self, name: str) -> None:
        self.store.delete(f"{name}.json")
        self.store.bump()

    def seconds(self) -> float | None:
        """Load the shard, and return in how many seconds it needs another load; None where it needs none."""
        loader.load_dags(self.shard.number, self.shard.of)
        assert self.store.loaded(self.shard) == self.store.marker()
        found = self.store.load_note(self.shard).again_at
        return None if found is None else found - self.now

    def on(self, machine: str) -> None:
        """Let another machine make the next loads, which remembers its own alone."""
        os.environ["AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER"] = str(self.store.root.parent / machine)

    now = 1_000_000.0


@pytest.fixture(params=[Shard(0, 1), shard_of("orders", 4)], ids=["one file", "a shard"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path, request.param)
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(made.store.root))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setattr(time, "time", lambda: made.now)
    return made


def test_new_pipelines_need_one_load(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.change("customers")
    scene.change(same_shard("orders", "another"))
    assert scene.seconds() is None


def same_shard(name: str, start: str) -> str:
    ids = (f"{start}{number}" for number in range(100))
    return next(each for each in ids if shard_of(each, 4) == shard_of(name, 4))


def test_a_changed_pipeline_needs_a_load_after_airflow_s_interval(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.change("orders", description="Another one")
    assert scene.seconds() == UPDATE + WRITING_SECONDS
    # A load that comes too early changes nothing about that.
    scene.now += 10
    assert scene.seconds() == UPDATE + WRITING_SECONDS - 10
    scene.now += UPDATE
    assert scene.seconds() is None


def test_a_pipeline_that_is_gone_needs_a_load_after_it_counts_as_stale(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.remove("orders")
    assert scene.seconds() == STALE + WRITING_SECONDS
    scene.now += STALE + WRITING_SECONDS
    assert scene.seconds() is None


def test_a_config_that_makes_the_same_dag_needs_one_load(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.store.write("orders.json", json.dumps({**SAMPLE, "name": "orders"}, indent=4).encode())
    scene.store.bump()
    assert scene.seconds() is None


def test_a_config_that_breaks_or_is_mended_is_a_changed_pipeline(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    for fields in ({"pipelineType": "none such"}, {"pipelineType": SAMPLE["pipelineType"]}):
        scene.now += 1000
        scene.change("orders", **fields)
        assert scene.seconds() == UPDATE + WRITING_SECONDS


def test_what_another_machine_has_loaded_since_may_need_another_load(scene: Scene) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.change("customers")
    scene.on("another")
    # Nothing is known there of the DAGs that Airflow has.
    assert scene.seconds() == STALE + WRITING_SECONDS
    scene.now += 10
    scene.on("state")
    scene.change("customers", description="Another one, which is new to this machine")
    assert scene.seconds() == STALE + WRITING_SECONDS


def test_where_the_index_can_not_be_written_a_change_is_not_taken_for_a_new_pipeline(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.change("orders")
    scene.seconds()
    monkeypatch.setattr(Database, "write", lambda *_: None)
    for fields in ({}, {"description": "Another one"}):
        scene.now += 1000
        scene.change("customers", **fields)
        found = scene.seconds()
    assert found == STALE + WRITING_SECONDS


def test_a_dag_that_a_load_leaves_out_for_whatever_reason_counts_as_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.change("orders")
    scene.seconds()
    scene.now += 1000
    scene.remove("orders")
    monkeypatch.setattr(Catalog, "is_complete", False)
    assert scene.seconds() == STALE + WRITING_SECONDS


def test_where_airflow_stores_no_dag_for_long_one_that_was_gone_waits_as_long(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "300")
    scene.change("orders")
    scene.seconds()
    scene.now += 60
    scene.remove("orders")
    assert scene.seconds() == 300 + WRITING_SECONDS
    scene.now += 90
    scene.change("orders", description="Another one")
    assert scene.seconds() == 210 + WRITING_SECONDS


def test_where_nothing_is_remembered_any_change_may_need_another_load(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "configured_memory", lambda _: None)
    scene.change("orders")
    # Airflow has no DAG yet.
    assert scene.seconds() is None
    scene.now += 1000
    scene.change("customers")
    assert scene.seconds() == STALE + WRITING_SECONDS
