from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dag_factory.cli.checks.store_checks import file_system, room
from dag_factory.store import configured_store
from tests.cli.checks.conftest import OURS, Machine


def test_a_store_that_is_there_is_fine_and_known_once_it_was_used(machine: Machine) -> None:
    machine.drop("orders", "sales")
    first, second = machine.said("store")
    assert first == f"ok: '{machine.store}' is there, with 2 configs"
    assert second.startswith("warn: this machine does not know the store yet")
    configured_store().remember()
    assert machine.said("store") == [first]


def test_a_missing_store_fails_with_the_way_out_and_what_needs_it_is_not_looked_at(machine: Machine) -> None:
    machine.store.rmdir()
    (said,) = machine.said("store")
    assert said.startswith(f"fail: config_store '{machine.store}' is not a folder. Create it, mount it")
    for name in ("locks", "space", "loader", "marker", "parses", "configs", "fernet"):
        assert machine.said(name) == ["unknown: not looked at, since the check 'store' has failed"]


def test_another_store_in_its_place_fails(machine: Machine) -> None:
    machine.drop("orders")
    configured_store().remember()
    shutil.rmtree(machine.store)
    machine.store.mkdir()
    (said,) = machine.said("store")
    assert said.startswith("fail: ")
    assert "adopt-store" in said


def test_locks_are_tried_and_nothing_is_left_behind(machine: Machine) -> None:
    machine.drop("orders")
    before = sorted(machine.store.iterdir())
    assert machine.said("locks") == ["ok: locks work: of two writers at once, one waits or is refused"]
    assert sorted(machine.store.iterdir()) == before


def test_a_file_where_the_memory_is_to_be_is_a_failure(machine: Machine) -> None:
    assert machine.said("state_folder")[0].split(":")[0] in ("ok", "warn")
    assert not (machine.home / "state").exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/opt/airflow/state", "overlay"), ("/data/state", "ext4"), ("/data/fast/state", "tmpfs"), ("/", "overlay")],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    mounts = {"/": "overlay", "/data": "ext4", "/data/fast": "tmpfs"}
    assert file_system(Path(path), mounts) == kind


def test_there_is_room_and_a_folder_that_is_not_there_is_that_of_its_parent(machine: Machine) -> None:
    assert room("x", machine.home / "not" / "there") == room("x", machine.home)
    assert machine.said("space")[0].startswith(("ok: ", "warn: ", "fail: "))


def test_without_a_folder_for_the_memory_that_is_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OURS}STATE_FOLDER", "")
    assert machine.said("state_folder") == [
        "fail: [openmetadata_dag_factory] state_folder is empty. Set it to a folder that Airflow's user can write to."
    ]
