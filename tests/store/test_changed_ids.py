from __future__ import annotations

from typing import Any

import pytest

from dag_factory.errors import StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.changed_ids import ChangedIds
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
