from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from dag_factory.api_server.watch.loader_files import LoaderFile, LoaderFiles
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.parts import Part
from dag_factory.store.shards import WHOLE, Shard, shard_of, shards


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    store.write("orders.json", json.dumps({"name": "orders"}).encode())
    return store


def files_of(store: FolderStore, bundles: Iterable[LoaderFile] = ()) -> LoaderFiles:
    return LoaderFiles(lambda: store, store.root.parent / "dags", lambda: list(bundles))


def file(shard: Shard, bundle: str = "dags-folder", folder: str = "") -> LoaderFile:
    return LoaderFile(bundle, f"{folder}{shard.file_name}")


def test_a_change_concerns_the_file_of_its_shard_even_if_that_has_made_no_dag_yet(store: FolderStore) -> None:
    files = files_of(store)
    files.find([("any", file(Shard(3, 64), folder="om/"))])
    for dag_id in ("orders", "customers", "new"):
        assert files.files({dag_id}) == [file(shard_of(dag_id, 64), folder="om/")]
        assert files.shards({dag_id}) == [shard_of(dag_id, 64)]
    assert files.are_divided()


def test_where_it_is_unknown_what_has_changed_all_files_are_concerned(store: FolderStore) -> None:
    files = files_of(store)
    files.find([("any", file(Shard(3, 4)))])
    assert files.files(None) == [file(shard) for shard in shards(4)]
    assert files.files(()) == []


def test_a_loader_of_any_name_is_one_file_for_all_if_it_makes_a_dag_of_the_store(store: FolderStore) -> None:
    files = files_of(store)
    files.find([("not_ours", LoaderFile("dags-folder", "other.py")), ("orders", LoaderFile("repo", "any/name.py"))])
    assert files.files({"new"}) == [LoaderFile("repo", "any/name.py")]
    assert files.shards({"new"}) == [WHOLE]
    assert not files.are_divided()


def test_when_no_dag_is_left_the_files_are_the_same(store: FolderStore) -> None:
    files = files_of(store)
    files.find([("orders", file(WHOLE))])
    files.find([])
    assert files.files(None) == [file(WHOLE)]


def test_while_one_number_of_shards_replaces_another_a_change_concerns_a_file_of_each(store: FolderStore) -> None:
    files = files_of(store)
    files.find([("orders", file(WHOLE)), ("any", file(Shard(0, 4)))])
    assert files.files({"orders"}) == sorted([file(WHOLE), file(shard_of("orders", 4))])
    assert files.shards({"orders"}) == sorted([WHOLE, shard_of("orders", 4)])


def test_our_bundles_are_known_by_the_configuration_and_each_shard_is_in_the_bundle_that_makes_it(
    store: FolderStore,
) -> None:
    bundles = [file(shard, f"part_{number}") for number in range(2) for shard in Part(number, 2, 8).all()]
    files = files_of(store, bundles)
    for dag_id in ("orders", "customers", "new"):
        shard = shard_of(dag_id, 8)
        assert files.files({dag_id}) == [file(shard, f"part_{shard.number % 2}")]
    assert files.files(None) == sorted(bundles)


def test_before_airflow_knows_a_dag_the_dags_folder_says_how_many_shards_there_are(store: FolderStore) -> None:
    files = files_of(store)
    assert files.shards(None) == [WHOLE]
    LoaderFolder(store.root.parent / "dags").make(shards(4))
    assert files.files(None) == []
    assert files.shards(None) == shards(4)


def test_a_touch_is_of_the_file_in_the_dags_folder_that_is_concerned(store: FolderStore) -> None:
    local = LoaderFolder(store.root.parent / "dags")
    local.make(shards(4))
    for path in local.path.iterdir():
        os.utime(path, (1, 1))

    def touched() -> list[str]:
        return sorted(path.name for path in local.path.iterdir() if path.stat().st_mtime > 1)

    files_of(store).touch({"orders"})
    assert touched() == [shard_of("orders", 4).file_name]
    files_of(store).touch(None)
    assert touched() == [shard.file_name for shard in shards(4)]
