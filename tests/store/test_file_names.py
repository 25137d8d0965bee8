"""A deploy lists no store: how files are called is kept, until a change by hand is announced."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet

from dag_factory.errors import ConflictError
from dag_factory.store import ConfigStore, writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.file_names import KEEP_SECONDS, UNWATCHED_SHARE, FileNames, is_deployed_key, keys_by_stem
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.objects.object_store import ObjectStore
from tests.places import TESTS
from tests.store.any_store import Folder, Kind, opened

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())


class Counted:
    """A store that counts how often its files are listed."""

    def __init__(self, store: ConfigStore) -> None:
        self.store = store
        self.listings = 0

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        self.listings += 1
        return self.store.list_keys(unlisted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


def document(name: str, service: str = "s") -> str:
    return json.dumps({**SAMPLE, "name": name, "fullyQualifiedName": f"{service}.{name}", "id": f"{service} {name}"})


def deploy(store: Counted, names: FileNames, name: str, service: str = "s") -> writer.Deployed:
    checked = writer.checked(writer.parsed(document(name, service).encode()))
    return writer.deploy(cast(ConfigStore, store), checked, names=names)


def delete(store: Counted, names: FileNames, name: str) -> bool:
    return writer.delete(cast(ConfigStore, store), name, names)


def announce(store: Counted, *keys: str) -> None:
    """Make a marker as a watcher does."""
    assert isinstance(store.store, (FolderStore, ObjectStore))
    store.store.bump(dict.fromkeys(keys, "new"))


def test_deploys_redeploys_and_deletions_list_a_store_once_and_then_never_again(kind: Kind) -> None:
    store, names = Counted(opened(kind)), FileNames()
    for number in range(4):
        deploy(store, names, f"orders_{number}")
    deploy(store, names, "orders_1", "s")
    assert delete(store, names, "orders_2")
    assert not delete(store, names, "unknown")
    assert deploy(store, names, "orders_2").changed
    assert store.listings == 1


def test_deploys_by_another_server_cost_no_listing(kind: Kind) -> None:
    one, other = Counted(opened(kind)), Counted(opened(kind))
    mine, others = FileNames(), FileNames()
    for number in range(3):
        deploy(one, mine, f"orders_{number}")
        deploy(other, others, f"sales_{number}")
    with pytest.raises(ConflictError):
        deploy(one, mine, "sales 1")
    assert delete(one, mine, "sales_2")
    assert (one.listings, other.listings) == (1, 1)


def test_a_file_dropped_under_another_name_is_known_once_it_is_announced_after_one_listing(kind: Kind) -> None:
    store, names = Counted(opened(kind)), FileNames()
    deploy(store, names, "orders")
    kind.put("team/Sales of May.json", document("Sales of May", "by_hand"))
    announce(store, "team/Sales of May.json")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"belongs to the pipeline 'by_hand.Sales of May'"):
            deploy(store, names, "Sales_of_May")
    assert store.listings == 2


@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_a_file_named_after_the_id_in_the_root_is_known_even_before_it_is_announced(kind: Kind, suffix: str) -> None:
    store, names = Counted(opened(kind)), FileNames()
    deploy(store, names, "orders")
    kind.put(f"sales.{suffix}", document("sales", "by_hand"))
    with pytest.raises(ConflictError, match=r"belongs to the pipeline 'by_hand.sales'"):
        deploy(store, names, "sales")
    assert delete(store, names, "sales")
    assert store.listings == 1


@pytest.mark.parametrize("key", ["defaults.yaml", "team/defaults.yml"])
def test_a_file_of_defaults_is_no_config_of_its_name(kind: Kind, key: str) -> None:
    store = Counted(opened(kind))
    kind.put(key, document("defaults"))
    assert not delete(store, FileNames(), "defaults")
    assert json.loads(store.read(key))["name"] == "defaults"


def test_of_a_file_that_no_watcher_has_announced_the_deployed_one_of_the_same_id_wins(kind: Kind) -> None:
    store, names = Counted(opened(kind)), FileNames()
    deploy(store, names, "orders")
    kind.put("team/sales.json", document("sales", "by_hand"))
    assert deploy(store, names, "sales").changed
    found = {config.key: config.dag_id for config in Catalog(store.store).all()}
    assert found == {"orders.json": "orders", "sales.json": "sales", "team/sales.json": "team_sales_json"}


def test_files_are_listed_again_after_a_while_even_if_nothing_was_announced(kind: Kind) -> None:
    now = 0.0
    store, names = Counted(opened(kind)), FileNames(clock=lambda: now)
    deploy(store, names, "orders")
    kind.put("team/sales.json", document("sales", "by_hand"))
    now = KEEP_SECONDS + 1
    with pytest.raises(ConflictError):
        deploy(store, names, "sales")
    assert store.listings == 2


@pytest.mark.slow
def test_where_nobody_watches_listing_takes_a_small_part_of_the_time_and_what_was_dropped_is_soon_known(
    kind: Kind,
) -> None:
    now = 0.0

    class Slow(Counted):
        def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
            nonlocal now
            now += 0.08  # as long as 10,000 files take
            return super().list_keys(unlisted)

    store, names = Slow(opened(kind)), FileNames(is_watched=False, clock=lambda: now)
    for number in range(100):
        deploy(store, names, f"orders_{number % 5}")
        now += 0.012
    assert store.listings * 0.08 <= UNWATCHED_SHARE * now + 0.08
    kind.put("team/sales.json", document("sales", "by_hand"))
    now += 0.08 / UNWATCHED_SHARE
    with pytest.raises(ConflictError):
        deploy(store, names, "sales")


def test_a_change_by_hand_that_nobody_can_name_has_files_listed_again(kind: Kind) -> None:
    store, names = Counted(opened(kind)), FileNames()
    deploy(store, names, "orders")
    kind.put("team/sales.json", document("sales", "by_hand"))
    announce(store)
    with pytest.raises(ConflictError):
        deploy(store, names, "sales")


def test_a_file_that_was_removed_by_hand_is_not_missed(kind: Kind) -> None:
    kind.put("team/sales.json", document("sales", "by_hand"))
    store, names = Counted(opened(kind)), FileNames()
    deploy(store, names, "orders")
    kind.remove("team/sales.json")
    assert deploy(store, names, "sales").changed


def test_a_file_that_a_writer_has_put_elsewhere_before_it_died_is_known_after_the_next_marker(folder: Folder) -> None:
    store, names = Counted(opened(folder)), FileNames()
    deploy(store, names, "orders")
    FolderStore(folder.root).write("team/sales.json", document("sales", "archive").encode())
    assert FolderStore(folder.root).settle()
    with pytest.raises(ConflictError):
        deploy(store, names, "sales")


def test_while_a_folder_cannot_be_listed_nothing_is_kept(folder: Folder) -> None:
    (folder.root / "closed").mkdir()
    (folder.root / "closed" / "sales.json").write_text(document("sales", "by_hand"))
    (folder.root / "loop").symlink_to("loop")
    store, names = Counted(opened(folder)), FileNames()
    deploy(store, names, "orders")
    deploy(store, names, "more")
    assert store.listings == 2


def test_what_deploys_have_written_takes_no_memory() -> None:
    keys = ["a.json", "B-2.json", "x y.json", "a.yaml", "team/a.json", "A.JSON"]
    assert [key for key in keys if is_deployed_key(key)] == ["a.json", "B-2.json"]
    assert keys_by_stem(keys) == {"a": ["a.yaml", "team/a.json"], "x_y": ["x y.json"], "A": ["A.JSON"]}
