from __future__ import annotations

import json
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dag_factory.api_server.watch.change_log import CHANGED, MAX_LINES, NEW, REMOVED, report
from dag_factory.portable.secrets.references import encrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from tests.documents import REST

CANARY = "canary-11f0"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture(autouse=True)
def at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dag_factory.api_server.watch")


def drop(store: FolderStore, key: str, **fields: Any) -> str:
    service = {"type": "databaseService", "name": "s"}
    document = {"name": Path(key).stem, "pipelineType": "metadata", "service": service, **REST, **fields}
    store.write(key, json.dumps(document).encode())
    return key


def said(store: FolderStore, changes: dict[str, str], caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    report(store, changes)
    return [
        record.getMessage() for record in caplog.records if record.name == "dag_factory.api_server.watch.change_log"
    ]


def test_each_change_is_a_line(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    changes = {drop(store, "a.json"): NEW, drop(store, "x/b.json", name="named b"): CHANGED, "c.json": REMOVED}
    assert said(store, changes, caplog) == [
        "config 'a.json' is new, and is good: DAG 'a'",
        "config 'x/b.json' has changed, and is good: DAG 'named_b'",
        "config 'c.json' is removed",
    ]


def test_no_name_of_a_file_or_a_field_makes_a_line_of_its_own(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    (store.root / "a\nINFO b.json").write_text('{"name": "a"}')
    (store.root / "c\x1b[2J.json").write_text(json.dumps({"name": "c", "x\ny": {"$env": 1}}))
    lines = said(store, dict.fromkeys([*store.list_keys(), "gone\n.json"], NEW), caplog)
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_what_is_wrong_is_said_by_its_field_and_quotes_no_value(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.write("torn.json", f'{{"name": "{CANARY}'.encode())
    drop(store, "late.json", airflowConfig={"scheduleInterval": CANARY})
    drop(store, "kind.json", airflowConfig={"retries": CANARY})
    store.write("nameless.json", b"{}")
    lines = said(store, dict.fromkeys(store.list_keys(), NEW), caplog)
    assert len(lines) == 4
    assert all("is new, and is wrong" in line for line in lines)
    assert "field 'airflowConfig.retries'" in lines[0]
    assert "field 'name'" in lines[2]
    assert "is not JSON" in lines[3]
    assert CANARY not in caplog.text


def test_a_config_whose_id_another_one_has_is_wrong_and_says_whose(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    drop(store, "orders.json")
    (line,) = said(store, {drop(store, "sales/copy.json", name="orders"): NEW}, caplog)
    assert "the DAG id 'orders' is taken by config 'orders.json'" in line
    (line,) = said(store, {"orders.json": CHANGED}, caplog)
    assert line.endswith("is good: DAG 'orders'")


def test_defaults_are_judged_by_the_configs_that_inherit_them(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    drop(store, "beside.json", airflowConfig={"scheduleInterval": "nonsense"})
    for number in range(3):
        drop(store, f"sales/{number}.json", name=f"sales_{number}")
    defaults = "sales/defaults.yaml"
    store.write(defaults, b"displayName: Sales\n")
    assert said(store, {defaults: NEW}, caplog) == [
        "config 'sales/defaults.yaml' is new; all 3 configs that inherit it are good"
    ]
    store.write(defaults, b"airflowConfig: {retries: canary-11f0}\n")
    (line,) = said(store, {defaults: CHANGED}, caplog)
    assert (
        "has changed; of the 3 configs that inherit it, 3 are wrong ('sales/0.json', 'sales/1.json', 'sales/2.json')"
        in line
    )
    assert "The first: field 'airflowConfig.retries' (config 'sales/defaults.yaml', line 1, column 17): " in line
    assert CANARY not in caplog.text
    store.delete(defaults)
    assert "all 3 configs that inherit it are good" in said(store, {defaults: REMOVED}, caplog)[0]


def test_a_config_that_goes_while_those_that_inherit_are_looked_through_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class ListedOnceMore(FolderStore):
        def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
            return sorted([*super().list_keys(unlisted), "gone.json"])

    store = ListedOnceMore(tmp_path)
    drop(store, "wrong.json", airflowConfig={"retries": CANARY})
    store.write("defaults.yaml", b"displayName: Sales\n")
    (line,) = said(store, {"defaults.yaml": NEW}, caplog)
    assert "1 are wrong ('wrong.json')" in line


def test_what_is_gone_before_it_is_read_is_removed(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    assert said(store, {"gone.json": NEW}, caplog) == ["config 'gone.json' is removed"]


def test_as_many_as_there_is_room_for_have_a_line_each(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    changes = {drop(store, f"good{number}.json"): NEW for number in range(MAX_LINES)}
    assert len(said(store, changes, caplog)) == MAX_LINES


def test_of_very_many_the_good_are_counted_and_the_wrong_named_by_their_cause(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {drop(store, f"good{number}.json"): NEW for number in range(MAX_LINES + 1)}
    for number in range(250):
        store.write(f"wrong{number:03}.json", b"{")
        changes[f"wrong{number:03}.json"] = CHANGED
    changes[drop(store, "late.json", airflowConfig={"retries": CANARY})] = CHANGED
    lines = said(store, changes, caplog)
    assert lines[0] == f"{MAX_LINES + 1} configs: each is new, and is good"
    assert lines[1].startswith("config 'late.json' has changed, and is wrong: ")
    assert lines[2].startswith("250 configs are wrong: is not JSON")
    assert len(lines) == 3 + 3
    for number in range(250):
        assert sum(f"'wrong{number:03}.json' (line 1, column 2)" in line for line in lines) == 1


def keep_last_good(store: FolderStore) -> None:
    """Keep copies as the DAG processor does."""
    good = [Version(each.dag_id, each.key, each.document) for each in Catalog(store).all()]
    store.last_good.keep(good, InUse(), since=time.time() + 60, complete=True)


def test_a_config_that_goes_on_as_it_was_says_so(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    drop(store, "orders.json")
    drop(store, "late.json")
    keep_last_good(store)
    store.write("orders.json", b"{")
    drop(store, "late.json", airflowConfig={"retries": CANARY})
    store.write("never.json", b"{")
    lines = said(store, {"orders.json": CHANGED, "late.json": CHANGED, "never.json": NEW}, caplog)
    assert [line.endswith("; its last good version keeps running") for line in lines] == [True, False, True]
    assert lines[0].startswith("config 'late.json' has changed, and is wrong: field 'airflowConfig.retries' (line 1, ")
    assert CANARY not in "".join(lines)


def test_broken_defaults_of_configs_that_go_on_as_they_were_say_so(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "abc":
        drop(store, f"x/{name}.json")
    keep_last_good(store)
    store.write("x/defaults.yaml", b"[")
    (line,) = said(store, {"x/defaults.yaml": NEW}, caplog)
    assert "of the 3 configs that inherit it, 3 are wrong" in line
    assert line.endswith("; its last good version keeps running")


def test_a_value_that_was_encrypted_for_another_dag_is_wrong(
    store: FolderStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{'A' * 43}=")
    own, copied = (encrypted(CANARY, dag_id, Keys()) for dag_id in ("a", "b"))
    assert ", and is good: DAG 'a'" in said(store, {drop(store, "a.json", extra=own): NEW}, caplog)[0]
    (line, *_) = said(store, {drop(store, "a.json", extra=copied): CHANGED}, caplog)
    assert "field 'extra'" in line
    assert "was encrypted for another DAG than 'a'" in line


def test_all_that_is_wrong_in_a_config_is_said_with_its_places(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    text = """\
name: orders
pipelineType: metadata
service: {type: databaseService, name: s}
enabled: yes
airflowConfg: {}
airflowConfig:
  scheduleInterval: 0 0 31 2 *
"""
    store.write("sales/defaults.yml", json.dumps({**REST, "airflowConfig": {"retries": -1}}).encode())
    store.write("sales/orders.yaml", text.encode())
    (line,) = said(store, {"sales/orders.yaml": NEW}, caplog)
    assert "is new, and is wrong in 4 fields: " in line
    assert "field 'enabled' (line 4, column 1): is neither true nor false. Write true or false, without quotes" in line
    assert "field 'airflowConfg' (line 5, column 1): is unknown here. Did you mean 'airflowConfig'?" in line
    assert "field 'airflowConfig.scheduleInterval' (line 7, column 3): matches no date" in line
    assert "field 'airflowConfig.retries' (config 'sales/defaults.yml', line 1, " in line


def test_what_is_doubtful_in_a_good_config_is_said_beside_it(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    drop(store, "orders.json", loggerLevl="INFO")
    good, doubtful = said(store, {"orders.json": NEW}, caplog)
    assert good == "config 'orders.json' is new, and is good: DAG 'orders'"
    assert doubtful.startswith("config 'orders.json' (line 1, column ")
    assert doubtful.endswith("): field 'loggerLevl': is unknown here. Did you mean 'loggerLevel'?")


def test_what_is_doubtful_in_defaults_is_said_once(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    store.write("defaults.yaml", b"loggerLevl: INFO\n")
    changes = {drop(store, f"{name}.json"): NEW for name in "abc"}
    lines = said(store, changes, caplog)
    assert lines[3:] == [
        "config 'defaults.yaml' (line 1, column 1): field 'loggerLevl': is unknown here. Did you mean 'loggerLevel'?"
    ]


def test_defaults_are_read_once_for_all_configs_and_once_for_all_positions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened: Counter[str] = Counter()

    class CountingStore(FolderStore):
        def read(self, key: str) -> bytes:
            opened[key] += 1
            return super().read(key)

    store = CountingStore(tmp_path)
    store.write("x/defaults.yaml", b"airflowConfig: {retries: -1}\n")
    changes = {drop(store, f"x/{number}.json"): NEW for number in range(5)}
    lines = said(store, changes, caplog)
    assert sum("(config 'x/defaults.yaml', line 1, column 17)" in line for line in lines) == 5
    assert opened["x/defaults.yaml"] == opened["defaults.yaml"] == 2


@pytest.mark.parametrize("name", ["default.yaml", "Defaults.yaml", "defaults.json", "DEFAULT.YML"])
def test_a_near_miss_of_the_name_of_defaults_is_named(
    store: FolderStore, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    store.write(name, json.dumps(REST).encode())
    (line,) = said(store, {name: NEW}, caplog)
    assert "is named almost like the defaults of a folder" in line
    assert "rename the file to defaults.yaml" in line


def test_two_files_of_defaults_in_one_folder_are_wrong(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("defaults.yaml", "defaults.yml"):
        store.write(name, b"displayName: Sales\n")
    (line,) = said(store, {drop(store, "a.json"): NEW}, caplog)
    assert "config 'defaults.yml'" in line
    assert "is in the same folder as a defaults.yaml. Keep one of the two" in line


def test_a_line_of_the_watcher_builds_no_dag(store: FolderStore, caplog: pytest.LogCaptureFixture) -> None:
    import sys

    drop(store, "a.json")
    builder = sys.modules.pop("dag_factory.dag.builder", None)
    try:
        said(store, {"a.json": NEW}, caplog)
        assert "dag_factory.dag.builder" not in sys.modules
    finally:
        if builder is not None:
            sys.modules["dag_factory.dag.builder"] = builder
