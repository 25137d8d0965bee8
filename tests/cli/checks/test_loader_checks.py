from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from dag_factory.cli.checks.check import Level
from dag_factory.cli.checks.loader_checks import marker, shown
from dag_factory.cli.checks.site import Site
from dag_factory.dag.load_history import Limits, LoadRecord
from dag_factory.dag.load_notes import LoadNotes, notes_path
from dag_factory.store import configured_memory, configured_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shards
from tests.cli.checks.conftest import Machine

LIMITS = Limits(30, 50)


def test_a_machine_without_a_loader_is_warned_and_one_with_it_is_not(machine: Machine) -> None:
    assert machine.said("loader")[0].startswith("warn: this machine has no loader")
    machine.loaders()
    first, *_, last = machine.said("loader")
    assert first == f"ok: 1 loader in '{machine.dags}'"
    assert last.startswith("unknown: whether Airflow has parsed them is unknown: its file")


def test_loaders_of_two_numbers_missing_ones_and_changed_ones_are_named(machine: Machine) -> None:
    machine.loaders(4)
    (machine.dags / Shard(2, 4).file_name).unlink()
    (machine.dags / Shard(1, 4).file_name).write_text("# mine")
    said = "\n".join(machine.said("loader"))
    assert "lacks 1 of 4 loaders, such as openmetadata_loader_2_of_4.py: their pipelines have no DAG. Run" in said
    assert "1 loaders in" in said
    assert "differ from ours, such as openmetadata_loader_1_of_4.py" in said
    machine.loaders(2)
    said = "\n".join(machine.said("loader"))
    assert f"warn: '{machine.dags}' has loaders of 2 and of 4 shards, so each pipeline has two" in said


def test_bundles_that_leave_pipelines_without_a_dag_fail(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = {"name": "ours", "classpath": "dag_factory.IngestionBundle", "kwargs": {"shards": 4, "parts": 2}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    said = "\n".join(machine.said("loader"))
    assert "ok: 2 loaders in bundles of ours: ours" in said
    assert "fail: No bundle makes part 1 of 2: the pipelines of its shards have no DAG. Add it" in said


def test_a_change_that_no_loader_has_seen_fails_once_it_is_old(machine: Machine) -> None:
    machine.loaders(2)
    assert machine.said("marker") == ["ok: no config was deployed or dropped yet, so there is nothing to parse"]
    store = configured_store()
    marker = store.bump()
    (said,) = machine.said("marker")
    assert said.startswith("warn: 2 of 2 loaders have not seen the last change, of ")
    store.note_loaded(marker, Shard(0, 2))
    assert machine.said("marker")[0].startswith("ok: 1 of 2 loaders have seen the last change, of ")
    store.note_loaded(marker, Shard(1, 2))
    assert machine.said("marker")[0].startswith("ok: all 2 loaders have seen the last change, of ")
    old = UUID(int=(int((time.time() - 86_400 * 3) * 1000) << 80) | (7 << 76))
    (machine.store / ".version").write_text(str(old))
    for shard in shards(2):
        (machine.store / f".loaded_{shard.number}_of_2").unlink()
    (said,) = machine.said("marker")
    assert said.startswith("fail: 2 of 2 loaders have not seen the last change, of 3 days ago: openmetadata_loader_0")
    assert said.endswith("Is the DAG processor running, with these files in its DAGs folder or bundles?")


def test_a_change_is_seen_by_the_loaders_that_it_concerns_and_the_others_are_not_late(machine: Machine) -> None:
    machine.loaders(3)
    store = configured_store()
    for shard in shards(3):
        store.note_loaded(store.bump(), shard)
    last = UUID(int=(int((time.time() - 86_400 * 3) * 1000) << 80) | (7 << 76))
    (machine.store / ".version").write_text(str(last))
    for shard in shards(3):
        store.note_loaded(str(UUID(int=last.int - 1)), shard)
    (said,) = machine.said("marker")
    assert said.startswith("fail: 3 of 3 loaders have not seen the last change, of 3 days ago: ")
    store.note_loaded(str(last), Shard(1, 3))
    assert machine.said("marker") == [
        "ok: 1 of 3 loaders have seen the last change, of 3 days ago; others are parsed when one concerns them"
    ]


class AirflowWithDags(Site):
    """An installation whose Airflow has so many DAGs of ours."""

    dags = 13

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return self.dags, 0


def test_a_store_without_a_marker_beside_more_dags_than_it_has_configs_may_be_the_wrong_one(machine: Machine) -> None:
    machine.drop("orders")
    (found,) = marker(AirflowWithDags())
    assert found.level is Level.WARN
    assert "Airflow has 13 DAGs of this package for its 1 configs" in found.text
    machine.drop(*(f"orders_{number}" for number in range(12)))
    assert marker(AirflowWithDags())[0].level is Level.OK


def test_one_loader_is_not_counted(machine: Machine) -> None:
    machine.loaders()
    configured_store().bump()
    assert machine.said("marker")[0].startswith("warn: the loader has not seen the last change, of ")


def note(machine: Machine, *loads: LoadRecord) -> None:
    """Note loads on this machine, as Airflow's child does."""
    memory = configured_memory(str(machine.store))
    assert memory is not None
    for load in loads:
        moments = iter([load.began, load.began + (load.built or 0), load.began + (load.ended or 0)])
        notes = LoadNotes(
            FolderStore(machine.store), notes_path(memory.path, WHOLE), load.limits, clock=partial(next, moments)
        )
        with notes:
            if load.built is not None:
                notes.built(load.dags, left_out=load.left_out)
        if load.ended is not None:
            notes.end()
        assert notes._lock is not None
        os.close(notes._lock)


def test_a_parse_says_how_near_it_came_to_a_limit(machine: Machine) -> None:
    machine.loaders()
    assert machine.said("parses") == ["ok: no loader was parsed on this machine; other machines report no problem"]
    note(machine, LoadRecord(time.time() - 60, LIMITS, 100, built=3, ended=6))
    (said,) = machine.said("parses")
    assert said.startswith(
        "ok: the slowest of 1 took 6.0 s, 3.0 s of it to build 100 DAGs: 12% of 50 s ([dag_processor]"
    )
    note(machine, LoadRecord(time.time() - 30, LIMITS, 9_000, built=20, ended=44))
    (said,) = machine.said("parses")
    assert said.startswith("warn: A parse of openmetadata_loader.py took 44 s of the 50 s of [dag_processor]")


def test_a_killed_parse_fails_as_does_one_that_left_configs_out(machine: Machine) -> None:
    machine.loaders()
    note(machine, LoadRecord(time.time() - 90, LIMITS), LoadRecord(time.time() - 30, LIMITS))
    (said,) = machine.said("parses")
    assert said.startswith("fail: The last parse of openmetadata_loader.py began and did not end. Airflow kills")
    note(machine, LoadRecord(time.time(), LIMITS, 9_000, built=20, ended=30, left_out=3))
    assert machine.said("parses")[0].startswith("fail: 3 new configs are not loaded yet")


def test_what_another_machine_has_noted_is_said(machine: Machine) -> None:
    machine.loaders()
    configured_store().note_load_problem("A parse took 44 s of 50 s. Divide the store.")
    assert machine.said("parses") == ["warn: A parse took 44 s of 50 s. Divide the store."]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h"), (200_000, "2 days")],
)
def test_a_duration_is_shown_in_its_largest_unit(seconds: float, text: str) -> None:
    assert shown(seconds) == text
