"""Which DAG ids a change concerns: those whose DAGs a parse would change, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from dag_factory.store.catalog import Catalog
from dag_factory.store.changes import Seen
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.index import Index
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.verdicts import accepts_all
from tests.store.test_catalog import CANARY, MemoryStore, pipeline, stores
from tests.stored import problem_of


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(Database(tmp_path / "state", "/store"))


def seen(files: dict[str, Any], index: Index | None = None) -> Seen:
    return Seen.of(MemoryStore(files), index, accepts_all)


def concerned(before: dict[str, Any], after: dict[str, Any], index: Index | None = None) -> set[str]:
    return seen(after, index).differing(seen(before, index))


def made(files: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Return what each DAG id is made from, as a load without an index finds it."""
    return {
        each.dag_id: (each.key, json.dumps(each.document), str(problem_of(each)))
        for each in Catalog(MemoryStore(files)).all()
    }


@given(before=stores, after=stores)
def test_all_dags_that_change_are_among_them_whatever_has_changed(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, str], after: dict[str, str]
) -> None:
    index = Index(Database(tmp_path_factory.mktemp("state"), "/store"))
    was, now = made(before), made(after)
    found = concerned(before, after, index)
    assert {dag_id for dag_id in was.keys() | now.keys() if was.get(dag_id) != now.get(dag_id)} <= found
    assert found == concerned(before, after) == concerned(after, before, index)
    assert concerned(after, after, index) == set()


ORDERS = pipeline("orders", enabled=True)
OTHERS: dict[str, Any] = {f"o{number}.json": pipeline(f"o{number}") for number in range(20)}


@pytest.mark.parametrize(
    ("before", "after", "ids"),
    [
        ({}, {"a.json": ORDERS}, {"orders"}),
        ({"a.json": ORDERS}, {}, {"orders"}),
        ({"a.json": ORDERS}, {"a.json": {**ORDERS, "enabled": False}}, {"orders"}),
        ({"a.json": ORDERS}, {"a.json": pipeline("refunds")}, {"orders", "refunds"}),
        ({"a.json": ORDERS}, {"b.json": ORDERS}, {"orders"}),
        ({"z.json": ORDERS}, {"z.json": ORDERS, "orders.json": ORDERS}, {"orders", "z"}),
        ({"z.json": ORDERS, "a.json": ORDERS}, {"z.json": ORDERS}, {"orders", "z"}),
        ({"z.json": ORDERS, "a.json": ORDERS}, {"a.json": ORDERS}, {"z"}),
        ({"a.json": ORDERS}, {"a.json": "{"}, {"orders", "a"}),
        ({"x/a.json": ORDERS, "b.json": pipeline("b")}, {"x/a.json": ORDERS, "b.json": pipeline("b"),
          "x/defaults.yaml": "enabled: false"}, {"orders"}),
        ({"x/a.json": ORDERS, "y/a.json": "{"}, {"x/a.json": ORDERS, "y/a.json": "{", "a.json": pipeline("a")},
         {"a", "y_a_json"}),
    ],
    ids=["new", "removed", "changed", "renamed pipeline", "renamed file", "a winner comes", "a winner goes",
         "a loser goes", "broken", "defaults", "a problem gives way"],
)  # fmt: skip
def test_each_kind_of_change_concerns_few(
    before: dict[str, Any], after: dict[str, Any], ids: set[str], index: Index
) -> None:
    assert concerned({**OTHERS, **before}, {**OTHERS, **after}, index) == ids


def test_only_what_has_changed_is_opened(index: Index) -> None:
    seen(OTHERS, index)
    store = MemoryStore({**OTHERS, "o3.json": pipeline("other")})
    Seen.of(store, index, accepts_all)
    assert set(store.opened) == {"o3.json"}


def test_what_may_change_once_more_unnoticed_is_opened_again_and_concerns_nothing_by_that(index: Index) -> None:
    store = MemoryStore(OTHERS)
    store.just_changed = {"o3.json"}
    first = Seen.of(store, index, accepts_all)
    store.opened.clear()
    assert Seen.of(store, index, accepts_all) == first
    assert set(store.opened) == {"o3.json"}
    store.just_changed.clear()
    assert Seen.of(store, index, accepts_all) == first


def test_a_config_that_can_not_run_keeps_its_last_good_id(tmp_path: Path, index: Index) -> None:
    FolderLastGood(tmp_path).keep([Version("orders", "a.json", ORDERS)], InUse(), since=0, complete=True)

    def at(file: Any) -> Seen:
        return Seen.of(MemoryStore({"a.json": file}, last_good=tmp_path), index, accepts_all)

    assert at("{").differing(at(ORDERS)) == {"orders"}
    assert at("{").origins.keys() == {"orders"}


def test_it_tells_no_value(index: Index) -> None:
    files: dict[str, Any] = {"a.json": pipeline("a", password=CANARY), "b.json": f'{{"name": "{CANARY}"', "c.json": {}}
    assert CANARY not in str(seen(files, index))
