from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dag_factory.configs.problem import ERROR, WARNING
from dag_factory.errors import StoreError
from dag_factory.store.examination import BROKEN, GOOD, LAST_GOOD, Examination, Examined
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.reading import in_processes, one_by_one
from tests.documents import REST

GOOD_ONE = {"pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def drop(store: FolderStore, key: str, **fields: Any) -> str:
    path = store.root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": path.stem, **GOOD_ONE, **fields}, indent=1))
    return key


def all_of(store: FolderStore) -> dict[str, Examined]:
    return {each.key: each for each in Examination(store).all()}


def test_a_config_is_good_runs_its_last_good_version_or_is_broken(store: FolderStore) -> None:
    drop(store, "good.json")
    drop(store, "misspelt.json", airflowConfig={"scheduleInteval": "0 3 * * *"})
    drop(store, "was_good.json", airflowConfig={"retries": "two"})
    drop(store, "broken.json", airflowConfig={"retries": "two"})
    copy = Version("was_good", "was_good.json", {"name": "was_good", **GOOD_ONE})
    store.last_good.keep([copy], InUse(), since=0, complete=True)
    found = all_of(store)
    assert {key: each.state for key, each in found.items()} == {
        "good.json": GOOD,
        "misspelt.json": GOOD,
        "was_good.json": LAST_GOOD,
        "broken.json": BROKEN,
    }
    (warning,) = found["misspelt.json"].warnings
    assert (warning.level, warning.field) == (WARNING, "airflowConfig.scheduleInteval")
    lines = (store.root / "misspelt.json").read_text().splitlines()
    assert lines[(warning.line or 0) - 1].strip().startswith('"scheduleInteval"')
    assert warning.column == 1 + lines[(warning.line or 0) - 1].index('"scheduleInteval"')
    for key in ("was_good.json", "broken.json"):
        assert [(each.level, each.field, each.config) for each in found[key].problems] == [
            (ERROR, "airflowConfig.retries", key)
        ]
    assert not found["good.json"].problems + found["good.json"].warnings


def test_one_config_is_examined_as_all_are(store: FolderStore) -> None:
    drop(store, "good.json")
    drop(store, "x/wrong.json", airflowConfig={"retries": "two", "scheduleInteval": "0 3 * * *"})
    drop(store, "good2.json", name="good")
    (store.root / "torn.yaml").write_text("name: [")
    (store.root / "nameless.yaml").write_text("pipelineType: metadata\n")
    examination = Examination(store)
    for key, each in all_of(store).items():
        alone = examination.of(key)
        assert alone is not None
        assert (alone.state, alone.problems, alone.warnings) == (each.state, each.problems, each.warnings), key
    assert Examination(store).of("gone.json") is None


def test_of_two_configs_of_one_id_the_one_that_loses_says_which_has_it(store: FolderStore) -> None:
    drop(store, "orders.json")
    drop(store, "x/copy.json", name="orders")
    found = all_of(store)
    assert found["orders.json"].state == GOOD
    assert found["x/copy.json"].dag_id == "copy"
    (problem,) = found["x/copy.json"].problems
    assert "is taken by config 'orders.json'" in problem.text
    assert (problem.field, problem.config) == ("name", "x/copy.json")


def test_a_problem_of_defaults_has_its_place_there(store: FolderStore) -> None:
    (store.root / "defaults.yaml").write_text("airflowConfig:\n  retries: two\n")
    drop(store, "orders.json")
    (problem,) = all_of(store)["orders.json"].problems
    assert (problem.config, problem.line, problem.column) == ("defaults.yaml", 2, 3)


def test_all_is_said_of_what_is_broken_warnings_too(store: FolderStore) -> None:
    drop(store, "a.json", enabled="false", airflowConfig={"retries": "two", "catchup": True})
    (found,) = Examination(store).all()
    assert {each.field for each in found.problems} == {"enabled", "airflowConfig.retries"}
    assert [each.field for each in found.warnings] == ["airflowConfig.catchup"]


def test_a_field_of_defaults_without_effect_in_one_config_is_no_warning(store: FolderStore) -> None:
    (store.root / "defaults.yaml").write_text("airflowConfig: {pipelineTimezone: Europe/Berlin}\n")
    drop(store, "on_demand.json")
    drop(store, "own.json", airflowConfig={"pipelineTimezone": "Europe/Berlin"})
    found = all_of(store)
    assert not found["on_demand.json"].warnings
    assert [each.text for each in found["own.json"].warnings] == [
        "has no effect, since scheduleInterval is missing. Write scheduleInterval beside it, or leave it out"
    ]
    assert Examination(store).of_defaults("defaults.yaml") == []


def test_defaults_are_examined_by_themselves_without_what_the_configs_have(store: FolderStore) -> None:
    (store.root / "defaults.yaml").write_text(
        "service: {type: databaseSevice}\nairflowConfig:\n  scheduleInteval: 0 3 * * *\n  retries: two\n"
    )
    found = Examination(store).of_defaults("defaults.yaml")
    assert {(each.field, each.line) for each in found} == {
        ("service.type", 1),
        ("airflowConfig.scheduleInteval", 3),
        ("airflowConfig.retries", 4),
    }
    (store.root / "defaults.yaml").write_text("a: [\n")
    (problem,) = Examination(store).of_defaults("defaults.yaml")
    assert "is not YAML" in problem.text


def test_nothing_is_written_where_configs_are_examined(store: FolderStore) -> None:
    for number in range(3):
        drop(store, f"of_another_name{number}.json", name=f"orders{number}")
    drop(store, "broken.json", name=1)
    before = sorted(path for path in store.root.rglob("*"))
    examination = Examination(store)
    examination.all()
    examination.of("broken.json")
    examination.find("orders1")
    examination.find("missing")
    assert sorted(path for path in store.root.rglob("*")) == before


# Of the test's own process: an xdist worker has threads, the commands have none.
FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


class Deadly(FolderStore):
    """Kills the process that reads a config of it, as the kernel does when memory is used up."""

    def read(self, key: str) -> bytes:
        if os.getpid() != PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(key)


PARENT = os.getpid()


@FORKS
def test_a_process_that_is_killed_is_said_and_no_part_passes_for_all(tmp_path: Path) -> None:
    store = Deadly(tmp_path)
    for number in range(201):
        (tmp_path / f"p{number}.json").write_text("{}")
    with pytest.raises(StoreError, match="was killed"):
        Examination(store).all(in_processes(2))


@FORKS
def test_several_processes_find_what_one_does(store: FolderStore) -> None:
    for number in range(250):
        drop(store, f"p{number}.json", airflowConfig={"retries": "two"} if number % 50 == 0 else {"catchup": True})
    drop(store, "again.json", name="p7")
    in_one = Examination(store).all(one_by_one)
    in_two = Examination(store).all(in_processes(2))
    assert in_one == in_two
    assert sum(each.state == BROKEN for each in in_one) == 6
