"""Folders that can't be listed: their configs stay as they were, and that takes no time for those of other folders."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dag_factory.dag.load import keep_last_good
from dag_factory.store.all_copies import AllCopies
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from dag_factory.store.last_good import FOLDER, Version
from dag_factory.store.stamps import Stamp


class CountingCopies(AllCopies[Any]):
    """Counts which copies are opened."""

    def __init__(self, copies: AllCopies[Any], opened: list[str]) -> None:
        self._all = copies
        self._opened = opened

    def listed(self) -> Iterable[Any]:
        return self._all.listed()

    def newest_first(self, copies: Iterable[Any]) -> Iterator[Version]:
        for version in self._all.newest_first(copies):
            self._opened.append(version.key)
            yield version


class CountingLastGood(FolderLastGood):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened: list[str] = []

    def copies(self) -> Any:
        return CountingCopies(super().copies(), self.opened)


class CountingStore(FolderStore):
    """Counts which copies are opened, and takes no file for one that has just been changed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.last_good = self.counting = CountingLastGood(root / FOLDER)

    def stamps(self, unlisted: dict[str, str] | None = None) -> dict[str, Stamp]:
        return {key: Stamp(stamp.text) for key, stamp in super().stamps(unlisted).items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with ten configs of its own, and one behind a link."""
    root = tmp_path / "store"
    root.mkdir()
    behind = tmp_path / "behind"
    behind.mkdir()
    for path in [*(root / f"n{number}.json" for number in range(10)), behind / "linked.json"]:
        path.write_text(json.dumps({"name": path.stem, "pipelineType": "metadata"}))
    (root / "team").symlink_to(behind)
    return root


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(Database(tmp_path / "state", "/store"))


def load(root: Path, index: Index | None) -> tuple[dict[str, Config | BrokenConfig], list[str]]:
    """Return the configs of a load by DAG id, and the keys of the copies that it has opened to find them."""
    store = CountingStore(root)
    catalog = Catalog(store, index=index)
    claimed = catalog.owners()
    opened = list(store.counting.opened)
    configs = [catalog.settled(dag_id, found) for dag_id, found in claimed.items()]
    keep_last_good(store, configs, since=time.time() + 60, complete=catalog.is_complete)
    return {config.dag_id: config for config in configs}, opened


def test_a_link_that_leads_nowhere_has_no_copy_opened_only_to_find_what_lay_behind_it(root: Path, index: Index) -> None:
    (root / "docs").symlink_to("../gone")
    assert len(load(root, index)[0]) == 11
    for _ in range(2):
        configs, opened = load(root, index)
        assert len(configs) == 11
        assert opened == []


@pytest.mark.parametrize("is_remembered", [True, False])
def test_configs_behind_a_link_that_broke_stay_and_of_others_no_copy_is_opened(
    root: Path, index: Index, *, is_remembered: bool
) -> None:
    before = load(root, index)[0]
    (root / "team").unlink()
    (root / "team").symlink_to("../gone")
    for _ in range(2):
        # Another machine, which has never seen the folder, finds them by their copies.
        configs, opened = load(root, index if is_remembered else None)
        assert configs.keys() == before.keys()
        linked = configs["linked"]
        assert isinstance(linked, Config)
        assert linked.trouble is not None
        assert "lies in folder 'team', which can't be listed" in str(linked.trouble.problem)
        assert set(opened) == {"team/linked.json"}
        assert len(opened) == (1 if is_remembered else 2)
