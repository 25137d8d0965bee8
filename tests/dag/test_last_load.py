"""What is kept of a load: the same DAGs, no secrets, and only what has changed is written."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import assume, given
from hypothesis import strategies as st

from dag_factory.configs.allowed import Allowed
from dag_factory.dag import last_load
from dag_factory.dag.builder import build_dag
from dag_factory.errors import ConfigError
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Known, Memory
from tests.places import TESTS

SAMPLES = TESTS / "samples"
SAMPLE = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
KNOWN = Known("id", is_empty=False)
OPEN = Allowed(env=("*",), connections=("*",), applications=("metadata.",))

SECRET = "canary-9a2e"
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            f"https://user:{SECRET}@host/api",
            f"https://host/api?token={SECRET}",
            f"password={SECRET}",
            f"Bearer {SECRET}{SECRET}{SECRET}1",
            "***",
        ]
    ),
)
names = st.sampled_from(
    ["password", "token", "hostPort", "config", "name", "value", "type", "headers", "connectionOptions", "filter", "x"]
)
values = st.recursive(
    st.one_of(texts, st.integers(-(2**40), 2**40), st.booleans(), st.none(), st.just({"$env": "A"})),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


def as_text(config: Config | BrokenConfig) -> Any:
    """Return the DAG of a config as Airflow keeps it, or what is wrong."""
    if isinstance(config, BrokenConfig):
        return str(config.problem)
    try:
        return json.dumps(DagSerialization.to_dict(build_dag(config, OPEN)), sort_keys=True)
    except ConfigError as error:
        return str(error)


def recalled(memory: Memory, config: Config | BrokenConfig) -> Config | BrokenConfig:
    last_load.keep(memory, KNOWN, [config], {})
    found = last_load.recalled_one(memory, config.dag_id)
    assert found is not None
    return found


# Addresses that a DAG can be built with; what stands beside them, and in the source config, may be anything.
hosts = st.sampled_from(
    ["http://om:8585/api", f"https://user:{SECRET}@host/api", f"https://host/api?token={SECRET}", {"$env": "A"}]
)
fields = st.dictionaries(names, values, max_size=3)


@given(host=hosts, server=fields, source=fields, description=texts, extra=fields)
def test_the_dag_of_what_is_kept_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    host: object,
    server: dict[str, Any],
    source: dict[str, Any],
    description: str,
    extra: dict[str, Any],
) -> None:
    document = {**SAMPLE, **extra, "name": "orders", "description": description}
    document["sourceConfig"] = {"config": {**source, "type": "DatabaseMetadata"}}
    document["openMetadataServerConnection"] = {**server, "hostPort": host}
    config = Config("orders", "orders.json", document)
    before = as_text(config)
    assume(before.startswith("{"))
    memory = Memory(tmp_path_factory.mktemp("state"), "/store")
    assert as_text(recalled(memory, config)) == before


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"problem": {"no": 1}, "trouble": null}'])
def test_a_config_whose_copy_can_not_be_read_is_left_out_and_no_other(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path, "/store")
    configs = [Config(name, f"{name}.json", {**SAMPLE, "name": name}) for name in ("orders", "other")]
    last_load.keep(memory, KNOWN, configs, {})
    with closing(sqlite3.connect(memory.path)) as connection:
        connection.execute("UPDATE configs SET content = ? WHERE dag_id = 'orders'", (text,))
        connection.commit()
    assert [config.dag_id for config in last_load.recalled(memory)] == ["other"]
    assert last_load.recalled_one(memory, "orders") is None
    assert "the copy of DAG 'orders' from the last load can't be read" in caplog.text


def test_of_an_address_that_can_not_be_read_nothing_is_kept() -> None:
    document = {"openMetadataServerConnection": {"hostPort": f"http://user:{SECRET}@[om/api"}}
    assert last_load.without_secrets(document) == {"openMetadataServerConnection": {"hostPort": "***"}}


def test_of_a_broken_config_only_the_problem_is_kept(tmp_path: Path) -> None:
    problem = ConfigError("is no number", field="airflowConfig.retries", config="orders.json")
    config = BrokenConfig("orders", "orders.json", problem, {**SAMPLE, "airflowConfig": {"retries": SECRET}})
    memory = Memory(tmp_path, "/store")
    found = recalled(memory, config)
    assert as_text(found) == str(problem)
    assert found.document == {}
    assert SECRET.encode() not in memory.path.read_bytes()


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "/store")
    good = [Config(each, f"sales/{each}.json", SAMPLE) for each in "abc"]
    configs: list[Config | BrokenConfig] = [*good]
    revisions = {"defaults.yaml": "1", **{config.key: "1" for config in configs}}

    def keep() -> int:
        return last_load.keep(memory, KNOWN, configs, revisions)

    assert keep() == 3
    assert keep() == 0
    revisions["sales/a.json"] = "2"
    assert keep() == 1
    revisions["defaults.yaml"] = "2"
    assert keep() == 3
    configs[1] = good[1].broken(ConfigError("is refused", config="sales/b.json"))
    assert keep() == 1
    del configs[0]
    assert keep() == 1
    assert [config.dag_id for config in last_load.recalled(memory)] == ["b", "c"]


MANY = 3_000


def test_thousands_of_configs_that_stay_the_same_cost_two_reads_and_no_write(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.root.mkdir()
    for number in range(MANY):
        (store.root / f"p{number:05}.json").write_text(json.dumps({**SAMPLE, "name": f"p{number:05}"}))
    memory = Memory(tmp_path / "state", "/store")
    configs, revisions = Catalog(store).all(), store.revisions()
    began = time.perf_counter()
    kept = 0
    while kept < MANY:  # a load keeps what it finds the time for
        kept += last_load.keep(memory, KNOWN, configs, revisions)
    assert kept == MANY
    first, size, changed = time.perf_counter() - began, memory.path.stat().st_size, memory.path.stat().st_mtime_ns
    began = time.perf_counter()
    assert last_load.keep(memory, KNOWN, configs, store.revisions()) == 0
    print(f"{MANY} configs: first {first:.2f} s, {size / 1e6:.0f} MB; same again {time.perf_counter() - began:.3f} s")
    assert memory.path.stat().st_mtime_ns == changed
