from __future__ import annotations

from typing import Any

import pytest

from dag_factory.errors import StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.changed_ids import ChangedIds, ChangedSinceMarker, Looks
from tests.store.test_catalog import MemoryStore, pipeline


class Scene:
    """A store whose files change, and may be away."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}
        self.is_away = False
        self.changed = ChangedIds(self._open, lambda: None)

    def _open(self) -> ConfigStore:
        if self.is_away:
            raise StoreError("away")
        return MemoryStore(self.files)


def test_the_first_look_knows_nothing_and_each_later_one_what_is_new_since() -> None:
    scene = Scene()
    scene.files = {"a.json": pipeline("a")}
    assert scene.changed() is None
    assert scene.changed() == frozenset()
    scene.files = {"a.json": pipeline("a"), "b.json": pipeline("b")}
    assert scene.changed() == frozenset({"b"})
    assert scene.changed() == frozenset()


def test_what_changes_while_the_store_is_away_is_found_when_it_is_back() -> None:
    scene = Scene()
    scene.changed()
    scene.files, scene.is_away = {"a.json": pipeline("a")}, True
    with pytest.raises(StoreError):
        scene.changed()
    scene.is_away = False
    assert scene.changed() == frozenset({"a"})


def test_a_config_that_takes_an_id_also_concerns_the_id_under_which_the_other_is_shown() -> None:
    scene = Scene()
    scene.files = {"by_hand.json": pipeline("orders")}
    scene.changed()
    scene.files = {"by_hand.json": pipeline("orders"), "orders.json": pipeline("orders")}
    found = scene.changed() or frozenset()
    assert "orders" in found
    assert len(found) == 2


class Bundles:
    """Two bundles of one process over a store that counts how often it is opened."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {"a.json": pipeline("a")}
        self.opened = 0
        self.is_away = False
        looks = Looks(self._open)
        self.first, self.second = ChangedSinceMarker(looks), ChangedSinceMarker(looks)

    def _open(self) -> ConfigStore:
        self.opened += 1
        if self.is_away:
            raise StoreError("away")
        return MemoryStore(self.files)


def test_bundles_of_one_process_share_the_look_at_a_marker_and_each_knows_what_is_new_to_it() -> None:
    bundles = Bundles()
    assert bundles.first("1") is bundles.second("1") is None
    assert bundles.opened == 1
    bundles.files = {**bundles.files, "b.json": pipeline("b")}
    assert bundles.first("2") == frozenset({"b"})
    bundles.files = {**bundles.files, "c.json": pipeline("c")}
    # It has missed a marker.
    assert bundles.second("3") == frozenset({"b", "c"})
    assert bundles.first("3") == frozenset({"c"})
    assert bundles.opened == 3


def test_a_store_without_a_marker_is_looked_at_by_each() -> None:
    bundles = Bundles()
    bundles.first(None)
    bundles.files = {}
    assert bundles.second(None) is None
    assert bundles.first(None) == frozenset({"a"})
    assert bundles.opened == 3


def test_a_look_that_fails_is_made_again_for_the_same_marker() -> None:
    bundles = Bundles()
    bundles.first("1")
    bundles.files, bundles.is_away = {}, True
    with pytest.raises(StoreError):
        bundles.first("2")
    bundles.is_away = False
    assert bundles.first("2") == frozenset({"a"})


def test_another_store_with_the_same_marker_is_looked_at_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bundles = Bundles()
    bundles.first("1")
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", "/another")
    bundles.files = {}
    assert bundles.first("1") == frozenset({"a"})
