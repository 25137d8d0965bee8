"""The time of a load: pipelines that run are never left out, and it ends before Airflow ends it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from dag_factory.configs.allowed import Allowed
from dag_factory.dag.later_seconds import WRITING_SECONDS, configured_again_at
from dag_factory.dag.load import Load
from dag_factory.dag.load_settings import LoadSettings
from dag_factory.settings import airflow_settings
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.config_files import defaults_keys
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.load_time import LARGE_BYTES, LoadTime
from dag_factory.store.shards import WHOLE
from dag_factory.store.stamps import Stamp
from tests.dag.test_loader import Parse, parse
from tests.places import TESTS

__all__ = ["parse"]


class Clock:
    """Goes on by a second each time that a config is built, or by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def build(self, config: Config) -> None:
        del config
        self.now += 1


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def drop(store: FolderStore, *names: str, size: int = 0) -> None:
    for name in names:
        (store.root / f"{name}.json").write_text(
            json.dumps({"name": name, "pipelineType": "metadata", "x": "x" * size})
        )


def load(store: FolderStore, *known: str, limit: float = 10) -> tuple[list[Config | BrokenConfig], LoadTime, Catalog]:
    """Load a store of which the last load had some configs."""
    clock = Clock()
    load_time = LoadTime(limit, {f"{name}.json": name for name in known} or None, clock=clock)
    catalog = Catalog(store, clock.build, load_time=load_time)
    return catalog.all(), load_time, catalog


def ids(configs: list[Config | BrokenConfig]) -> list[str]:
    return [config.dag_id for config in configs]


KNOWN = [f"n{number}" for number in range(9)]


def test_what_the_last_load_had_is_never_left_out_and_new_configs_wait_for_more_time(store: FolderStore) -> None:
    drop(store, *KNOWN, "a_new_one", "z_new_one")
    configs, load_time, catalog = load(store, *KNOWN)
    assert ids(configs) == KNOWN
    assert load_time.left_out == {"a_new_one.json", "z_new_one.json"}
    assert not catalog.is_complete


def test_many_files_that_claim_one_dag_id_leave_the_time_for_all_that_ran(store: FolderStore) -> None:
    drop(store, *KNOWN)
    crowd = {f"a_{number}.json" for number in range(100)}
    for key in crowd:
        (store.root / key).write_text(json.dumps({"name": "same", "pipelineType": "metadata"}))
    configs, load_time, _ = load(store, *KNOWN, limit=60)
    assert set(KNOWN) <= set(ids(configs))
    assert len(crowd - load_time.left_out) == 16
    # Those that were known are still judged, whatever came since.
    configs, load_time, _ = load(store, *KNOWN, "a_98", "a_99", limit=60)
    assert not {"a_98.json", "a_99.json"} & load_time.left_out
    assert len(crowd - load_time.left_out) == 16


def test_new_configs_are_loaded_while_less_than_half_of_the_time_is_used(store: FolderStore) -> None:
    drop(store, *KNOWN, "a", "z")
    configs, load_time, catalog = load(store, *KNOWN, limit=22)
    assert ids(configs) == sorted([*KNOWN, "a", "z"])
    assert not load_time.left_out
    assert catalog.is_complete


def test_renamed_configs_are_not_more_than_there_were(store: FolderStore) -> None:
    drop(store, *(f"renamed_{name}" for name in KNOWN), "one_more")
    configs, load_time, _ = load(store, *KNOWN)
    assert len(configs) == len(KNOWN)
    assert len(load_time.left_out) == 1


def test_where_no_load_is_remembered_all_are_loaded_however_long_it_takes(store: FolderStore) -> None:
    drop(store, *KNOWN, "a")
    configs, load_time, _ = load(store)
    assert len(configs) == 10
    assert not load_time.left_out


def test_after_a_load_of_an_empty_store_what_is_imported_comes_in_several_loads(store: FolderStore) -> None:
    drop(store, *KNOWN)
    clock = Clock()
    load_time = LoadTime(10, {}, clock=clock)
    configs = Catalog(store, clock.build, load_time=load_time).all()
    assert configs
    assert load_time.left_out
    assert len(configs) + len(load_time.left_out) == len(KNOWN)


def test_a_load_without_limit_leaves_nothing_out(store: FolderStore) -> None:
    drop(store, *KNOWN, "a")
    load_time = LoadTime(None, {"n1.json": "n1"})
    assert len(Catalog(store, Clock().build, load_time=load_time).all()) == 10
    assert not load_time.left_out


def test_large_configs_come_last_and_run_as_they_were_where_there_is_no_time_to_read_them(store: FolderStore) -> None:
    drop(store, "a", size=2 * LARGE_BYTES)
    drop(store, "b", "c")
    (good,) = (config for config in Catalog(store).all() if config.dag_id == "a")
    version = Version("a", good.key, good.document, store.access(good.key, defaults_keys(good.key)))
    store.last_good.keep([version], InUse(), since=0, complete=True)
    clock = Clock()
    load_time = LoadTime(10, {f"{name}.json": name for name in "abc"}, clock=clock)
    order = load_time.in_order(["a.json", "b.json", "c.json", "new.json"], store.size)
    assert order == ["b.json", "c.json", "a.json", "new.json"]
    clock.now = 6
    config = next(each for each in Catalog(store, load_time=load_time).all() if each.dag_id == "a")
    assert isinstance(config, Config)
    assert config.trouble is not None
    assert "was not read" in str(config.trouble.problem)
    assert load_time.put_off == {"a.json"}


def test_what_can_wait_gets_a_part_of_what_is_left() -> None:
    clock = Clock()
    load_time = LoadTime(20, clock=clock)
    assert load_time.at_most(5) == 5
    clock.now = 12
    assert load_time.at_most(5) == 2
    clock.now = 21
    assert load_time.at_most(5) == 0
    assert LoadTime(None).at_most(5) == 5


@pytest.mark.parametrize(
    ("module", "whole", "limits"), [("30", "50", (30, 50)), ("10", "0", (10, None)), ("0", "50", (None, 50))]
)
def test_the_limits_of_a_load_are_airflow_s(
    monkeypatch: pytest.MonkeyPatch, module: str, whole: str, limits: tuple[float | None, float | None]
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", module)
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT", whole)
    assert airflow_settings.load_limits() == limits


@pytest.mark.slow
def test_in_airflow_a_flood_of_configs_leaves_the_pipelines_that_run(parse: Parse, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.root.mkdir()
    drop(store, "runs")
    assert "not loaded yet" not in parse(store.root)["log"]
    # Each takes about 20 ms, and a load may take 500 ms.
    flood = "".join(f"  - k{number}: v\n" for number in range(1_000))
    for number in range(50):
        (store.root / f"flood{number}.yaml").write_text(f"name: flood{number}\npipelineType: metadata\nx:\n{flood}")
    result = parse(store.root, AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="1")
    assert result["errors"] == {}
    assert "runs" in result["dags"]
    assert len(result["dags"]) < 51
    assert "new configs are not loaded yet" in result["log"]
    assert "new configs are not loaded yet" in (store.load_problem() or "")
    # Those that were let in stay in.
    assert set(parse(store.root, AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="1")["dags"]) >= set(result["dags"])
    no_limits = {"AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0", "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "0"}
    assert len(parse(store.root, **no_limits)["dags"]) == 51
    assert store.load_problem() is None


@pytest.mark.parametrize(("used", "size", "is_put_off"), [(10, 1, False), (10.1, 0, False), (10.1, 1, True)])
def test_a_config_is_put_off_where_it_is_too_large_and_it_is_too_late(used: float, size: int, is_put_off: bool) -> None:
    clock = Clock()
    load_time = LoadTime(20, {"b.json": "b"}, clock=clock)
    clock.now = used
    assert load_time.puts_off("a.json", lambda _: LARGE_BYTES + size) is is_put_off


SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
ALLOWED = Allowed(env=("*",))


class CostlyStore(FolderStore):
    """Takes a second to open a config; and takes no file for one that has just been changed."""

    def __init__(self, root: Path, clock: Clock) -> None:
        super().__init__(root)
        self.clock = clock
        self.opened: list[str] = []

    def stamps(self, unlisted: dict[str, str] | None = None) -> dict[str, Stamp]:
        return {key: Stamp(stamp.text) for key, stamp in super().stamps(unlisted).items()}

    def read(self, key: str) -> bytes:
        data = super().read(key)
        self.opened.append(key)
        self.clock.now += 1
        return data


class Machine:
    """Loads a store again and again, as a DAG processor does: each load knows what the ones before have remembered."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "store"
        self.root.mkdir()
        self._index = Index(Database(folder / "state", str(self.root)))
        self._seed = 0
        self.opened: list[str] = []
        self.states: dict[str, int] = {}
        self.put_off: set[str] = set()
        self.are_put_off = False
        self.copies: list[str] = []

    def write(self, *names: str, **fields: Any) -> None:
        for name in names:
            (self.root / f"{name}.json").write_text(json.dumps({**SAMPLE, "name": name, **fields}))

    def load(self, limit: float | None = None, settings: LoadSettings | None = None) -> dict[str, str]:
        """Return what the docs of the DAGs of a load say, by DAG id."""
        clock = Clock()
        store = CostlyStore(self.root, clock)
        last = self._index.last_load(WHOLE)
        known = {each.key: dag_id for dag_id, each in last.outcomes.items()} if last.is_known else None
        self._seed += 1
        load_time = LoadTime(limit, known, seed=self._seed, clock=clock)
        found = Load(store, WHOLE, settings or LoadSettings(ALLOWED, 86_400), load_time, self._index, last.outcomes)
        found.run()
        found.remember(found.keep_last_good(time.time() + 60, 60), None)
        self.opened, self.states, self.put_off = store.opened, found.states, load_time.put_off
        self.are_put_off = found.are_put_off
        self.copies = sorted(version.dag_id for version in store.last_good.copies().all())
        return {dag_id: dag.doc_md or "" for dag_id, dag in found.dags.items()}

    def loads_until_none_is_put_off(self, limit: float) -> int:
        for number in range(1, 50):
            docs = self.load(limit)
            assert sorted(docs) == ALL
            assert self.states["good"] + self.states["last_good"] + self.states["broken"] == len(ALL)
            if not self.put_off:
                return number
        raise AssertionError(f"{self.put_off} are put off again and again")


ALL = [f"n{number:02}" for number in range(30)]
COSTLY = 10.0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.write(*ALL)
    assert sorted(machine.load()) == ALL
    return machine


def test_small_configs_that_have_changed_stay_as_they_were_where_there_is_no_time_and_later_loads_take_them(
    machine: Machine,
) -> None:
    machine.write(*ALL, description="newer")
    docs = machine.load(COSTLY)
    assert sorted(docs) == ALL
    assert len(machine.opened) < COSTLY
    assert sum("newer" in doc for doc in docs.values()) == len(ALL) - len(machine.put_off) > 0
    assert not [doc for doc in docs.values() if "was not read" in doc]
    assert machine.states == {"good": len(ALL), "last_good": 0, "broken": 0, "waiting": 0}
    assert machine.copies == ALL
    assert machine.are_put_off
    # Each goes on where the one before has ended.
    assert machine.loads_until_none_is_put_off(COSTLY) <= 5
    docs = machine.load(COSTLY)
    assert machine.opened == []
    assert all("newer" in doc for doc in docs.values())
    assert not machine.are_put_off


def test_configs_that_have_to_be_judged_anew_are_put_off_too_and_later_loads_take_them(machine: Machine) -> None:
    others = LoadSettings(ALLOWED, 3600)
    for _ in range(6):
        assert sorted(machine.load(COSTLY, others)) == ALL
        assert len(machine.opened) < COSTLY
    assert machine.put_off == set()
    machine.load(COSTLY, others)
    assert machine.opened == []


@pytest.mark.parametrize("why", ["a setting has changed", "last good versions are gone"])
def test_a_config_that_has_changed_is_taken_before_those_that_are_only_judged_anew(machine: Machine, why: str) -> None:
    settings = LoadSettings(ALLOWED, 3600 if why == "a setting has changed" else 86_400)
    if why == "last good versions are gone":
        shutil.rmtree(machine.root / ".last_good")
    machine.write(ALL[-1], description="newer")
    docs = machine.load(COSTLY, settings)
    assert sorted(docs) == ALL
    assert "newer" in docs[ALL[-1]]
    assert machine.put_off


def test_the_heir_of_a_dag_id_is_judged_in_time_so_that_its_dag_stays(machine: Machine) -> None:
    machine.write("zz", name=ALL[0])
    for name in ALL[10:]:
        machine.write(name, name="same")
    assert machine.load().keys() >= {ALL[0], "zz"}
    (machine.root / f"{ALL[0]}.json").unlink()
    machine.write("zz", name=ALL[0], description="newer")
    for name in ALL[10:]:
        machine.write(name, name="same", description="newer")
    docs = machine.load(COSTLY)
    assert machine.put_off
    assert ALL[0] in docs


def test_broken_configs_take_turns_so_that_one_that_is_mended_is_judged(machine: Machine) -> None:
    machine.write(*ALL, pipelineType="nonsense")
    machine.load()
    machine.write(ALL[-1], description="mended")
    # Each load judges three of them: it opens a broken config, and once more for the lines.
    assert any("mended" in machine.load(COSTLY)[ALL[-1]] for _ in range(11))


def test_files_that_can_not_be_read_do_not_keep_others_from_being_read(machine: Machine) -> None:
    for name in ALL[:-1]:
        (machine.root / f"{name}.json").write_text("{")
    machine.load()
    machine.write(ALL[-1], description="newer")
    assert any("newer" in machine.load(COSTLY)[ALL[-1]] for _ in range(40))
    assert machine.copies == ALL


def test_disputed_configs_that_have_changed_stay_as_they_were_too(machine: Machine) -> None:
    for name in ALL[:20]:
        machine.write(name, name="same")
    before = machine.load()
    assert len(before) == len(ALL)
    for name in ALL[:20]:
        machine.write(name, name="same", description="newer")
    assert machine.load(COSTLY).keys() == before.keys()
    assert len(machine.opened) < COSTLY
    assert machine.put_off


def test_a_load_that_is_late_before_it_judges_anything_still_judges_some(machine: Machine) -> None:
    load_time = LoadTime(10, {"a.json": "a"}, clock=(clock := Clock()))
    clock.now = 9
    load_time.begin_step()
    assert not load_time.is_late
    clock.now = 10.5
    assert load_time.is_late


@pytest.mark.parametrize(("are_put_off", "then"), [(False, None), (True, 100.0 + WRITING_SECONDS)])
def test_another_load_is_asked_for_where_something_was_put_off(are_put_off: bool, then: float | None) -> None:
    assert configured_again_at(100.0, None, are_changed=False, are_gone=False, are_put_off=are_put_off) == then
