"""Which version of a config speaks for a DAG id, once a good one was kept: whatever becomes of its file."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dag_factory.dag.load import keep_last_good
from dag_factory.errors import ConfigError
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config, Trouble
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import Shard
from tests.stored import problem_of

CANARY = "s3cr3t-canary"


def check(config: Config) -> None:
    """Refuse what says of itself that no DAG can be built from it."""
    if config.document.get("refused"):
        raise ConfigError("is refused", field="refused")


def catalog(root: Path) -> Catalog:
    return Catalog(FolderStore(root), check)


def load(root: Path) -> dict[str, Config | BrokenConfig]:
    """Do with a store what the loader does: read all of it, and keep what is good."""
    store = FolderStore(root)
    loaded = Catalog(store, check)
    configs = loaded.all()
    keep_last_good(store, configs, since=time.time() + 60, complete=loaded.is_complete)
    return {config.dag_id: config for config in configs}


def load_in_shards(root: Path, of: int = 3) -> None:
    """Do with a store what several loaders do: each builds its DAG ids alone, and keeps what of these is good."""
    for number in range(of):
        store, shard = FolderStore(root), Shard(number, of)
        loaded = Catalog(store, check)
        configs = [loaded.settled(dag_id, found) for dag_id, found in loaded.held(shard)]
        since = time.time() + 60
        keep_last_good(store, configs, since=since, complete=loaded.is_complete, shard=shard, broken=loaded.broken)


def write(root: Path, key: str, content: str | dict[str, Any]) -> None:
    (root / key).parent.mkdir(parents=True, exist_ok=True)
    (root / key).write_text(content if isinstance(content, str) else json.dumps(content))


def orders(**fields: Any) -> dict[str, Any]:
    return {"name": "orders metadata", "password": CANARY, **fields}


def state(config: Config | BrokenConfig | None) -> str:
    """Return what a config does in the catalogue."""
    if config is None:
        return "gone"
    return "broken" if isinstance(config, BrokenConfig) else "last good" if config.trouble else "good"


def trouble_of(config: Config | BrokenConfig) -> Trouble | None:
    return config.trouble if isinstance(config, Config) else None


def states(root: Path) -> dict[str, str]:
    return {f"{dag_id} {config.key}": state(config) for dag_id, config in load(root).items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with one config that has been good, in a file that is named otherwise than its DAG."""
    root = tmp_path / "store"
    write(root, "sales/defaults.yaml", "loggerLevel: DEBUG")
    write(root, "sales/orders.yaml", orders(version=1))
    write(root, "other.json", {"name": "other"})
    assert states(root) == {"orders_metadata sales/orders.yaml": "good", "other other.json": "good"}
    return root


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def make_its_folder_a_link_to_nothing(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.symlink_to("nowhere")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "empty": lambda path: path.write_bytes(b""),
    "not UTF-8": lambda path: path.write_bytes(b"\xff"),
    "a list": lambda path: path.write_text("[]"),
    "without a name": lambda path: path.write_text(json.dumps({"version": 2})),
    "with a number for a name": lambda path: path.write_text(json.dumps(orders(name=5))),
    "wrong in a field": lambda path: path.write_text(json.dumps(orders(refused=True, version=2))),
    "renamed and wrong": lambda path: path.write_text(json.dumps(orders(name="sales orders", refused=True))),
    "a folder": make_a_folder,
    "a link to nothing": make_a_link_to_nothing,
    "of broken defaults": lambda path: path.with_name("defaults.yaml").write_text("{"),
    "of broken defaults of the root": lambda path: (path.parents[1] / "defaults.yaml").write_text("- a"),
    "of defaults that it can't use": lambda path: path.with_name("defaults.yaml").write_text("refused: true"),
    "in a folder that is a link to nothing": make_its_folder_a_link_to_nothing,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_config_that_breaks_runs_as_it_was(root: Path, damage: str) -> None:
    DAMAGES[damage](root / "sales" / "orders.yaml")
    for _ in range(3):
        config = load(root)["orders_metadata"]
        assert state(config) == "last good"
        assert config.key == "sales/orders.yaml"
        assert config.document == {"loggerLevel": "DEBUG", "name": "orders metadata", "password": CANARY, "version": 1}
        assert CANARY not in str(trouble_of(config))
        assert set(load(root)) == {"orders_metadata", "other"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_worker_and_the_api_find_the_same(root: Path, damage: str) -> None:
    DAMAGES[damage](root / "sales" / "orders.yaml")
    config = load(root)["orders_metadata"]
    for found in (catalog(root).find("orders_metadata"), catalog(root).look_up("orders_metadata")):
        if found is None:
            assert damage == "in a folder that is a link to nothing"  # known once all are listed
            continue
        assert (found.key, found.document, str(trouble_of(found))) == (
            config.key,
            config.document,
            str(trouble_of(config)),
        )
    # Without a check of its own the API sees only what the files say.
    if "wrong in a field" not in damage and "in a folder" not in damage and damage != "renamed and wrong":
        present = Catalog(FolderStore(root)).look_up("orders_metadata")
        assert present is not None
        assert present.document["name"] == "orders metadata"


@pytest.mark.parametrize("damage", DAMAGES)
def test_mended_it_runs_as_it_is(root: Path, damage: str) -> None:
    DAMAGES[damage](root / "sales" / "orders.yaml")
    load(root)
    if (root / "sales").is_symlink():
        (root / "sales").unlink()
    elif (root / "sales" / "orders.yaml").is_dir():
        (root / "sales" / "orders.yaml").rmdir()
    (root / "defaults.yaml").unlink(missing_ok=True)
    shutil.rmtree(root / "sales", ignore_errors=True)
    write(root, "sales/orders.yaml", orders(version=3))
    config = load(root)["orders_metadata"]
    assert state(config) == "good"
    assert config.document == orders(version=3)
    write(root, "sales/orders.yaml", "{")
    assert load(root)["orders_metadata"].document == orders(version=3)


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if "in a folder" not in damage])
def test_removed_it_is_gone_and_does_not_come_back(root: Path, damage: str) -> None:
    DAMAGES[damage](root / "sales" / "orders.yaml")
    load(root)
    shutil.rmtree(root / "sales")
    (root / "defaults.yaml").unlink(missing_ok=True)
    assert states(root) == {"other other.json": "good"}
    write(root, "sales/orders.yaml", "{")
    assert states(root) == {"other other.json": "good", "orders sales/orders.yaml": "broken"}


def test_without_a_good_version_the_problem_shows(root: Path) -> None:
    write(root, "new.json", "{")
    write(root, "wrong.json", {"name": "never good", "refused": True})
    assert states(root) == {
        "orders_metadata sales/orders.yaml": "good",
        "other other.json": "good",
        "new new.json": "broken",
        "never_good wrong.json": "broken",
    }


def test_since_when_is_when_the_file_at_fault_was_changed(root: Path) -> None:
    def since(key: str, content: str, moment: int) -> float | None:
        import os

        write(root, key, content)
        os.utime(root / key, (moment, moment))
        trouble = trouble_of(load(root)["orders_metadata"])
        return trouble.since if trouble is not None else None

    assert since("sales/orders.yaml", json.dumps(orders()), 500) is None
    assert since("sales/defaults.yaml", "refused: true", 2000) == 2000
    assert since("sales/orders.yaml", json.dumps(orders()), 3000) == 3000
    assert since("sales/defaults.yaml", "{", 4000) == 4000
    assert since("sales/orders.yaml", "{", 1000) == 1000


def test_a_config_that_was_moved_is_good_where_it_is(root: Path) -> None:
    (root / "sales" / "orders.yaml").rename(root / "moved.yaml")
    assert states(root) == {"orders_metadata moved.yaml": "good", "other other.json": "good"}
    write(root, "moved.yaml", "{")
    assert states(root)["orders_metadata moved.yaml"] == "last good"


def test_moved_and_broken_at_once_it_runs_as_it_was_until_it_is_good_again_or_removed(root: Path) -> None:
    (root / "sales" / "orders.yaml").unlink()
    write(root, "moved.yaml", orders(refused=True))
    for _ in range(2):
        assert states(root) == {"orders_metadata moved.yaml": "last good", "other other.json": "good"}
    found = catalog(root).find("orders_metadata")
    assert state(found) == "last good"
    # The version is its own by now, so that it need not even say its name.
    write(root, "moved.yaml", "{")
    assert states(root) == {"orders_metadata moved.yaml": "last good", "other other.json": "good"}
    write(root, "moved.yaml", orders(version=2))
    assert load(root)["orders_metadata"].document == orders(version=2)
    (root / "moved.yaml").unlink()
    assert states(root) == {"other other.json": "good"}


def test_one_that_does_not_say_its_name_is_not_taken_for_another_one_that_was_removed(root: Path) -> None:
    (root / "sales" / "orders.yaml").unlink()
    write(root, "orders_metadata.json", "{")
    for _ in range(2):
        assert states(root) == {"orders_metadata orders_metadata.json": "broken", "other other.json": "good"}
    # Nor later, for what was removed is gone by then.
    write(root, "orders_metadata.json", orders(refused=True))
    assert states(root) == {"orders_metadata orders_metadata.json": "broken", "other other.json": "good"}


def test_a_config_that_was_renamed_twice_does_not_fall_back_to_its_first_name(root: Path) -> None:
    """Not even where it loses the second one while it is broken, and others show their problems under the first."""
    write(root, "orders_metadata.json", "{")
    write(root, "sales/orders.yaml", {"name": "refunds"})
    load(root)
    write(root, "refunds.json", {"name": "refunds"})
    write(root, "sales/orders.yaml", "{")
    for _ in range(3):
        assert states(root) == {
            "orders sales/orders.yaml": "broken",
            "orders_metadata orders_metadata.json": "broken",
            "other other.json": "good",
            "refunds refunds.json": "good",
        }


def test_a_version_that_another_config_runs_does_not_come_back_for_the_one_that_was_renamed(root: Path) -> None:
    write(root, "moved.yaml", orders(refused=True))
    write(root, "sales/orders.yaml", {"name": "refunds"})
    load(root)
    write(root, "refunds.json", {"name": "refunds"})
    write(root, "sales/orders.yaml", "{")
    expected = {
        "orders sales/orders.yaml": "broken",
        "orders_metadata moved.yaml": "last good",
        "other other.json": "good",
        "refunds refunds.json": "good",
    }
    for _ in range(3):
        assert states(root) == expected
    (root / "moved.yaml").unlink()
    del expected["orders_metadata moved.yaml"]
    for _ in range(3):
        assert states(root) == expected


def test_a_good_config_that_loses_its_id_leaves_no_version_to_run_once_it_is_broken(root: Path) -> None:
    write(root, "refunds.yaml", orders())  # another one's id
    write(root, "sales/orders.yaml", {"name": "refunds"})
    write(root, "refunds.json", {"name": "refunds"})
    load(root)
    write(root, "sales/orders.yaml", "{")
    (root / "refunds.json").unlink()
    (root / "refunds.yaml").unlink()
    for _ in range(2):
        assert states(root) == {"orders sales/orders.yaml": "broken", "other other.json": "good"}


def test_two_configs_that_swap_their_names_follow_them(root: Path) -> None:
    write(root, "other.json", orders(version=7))
    write(root, "sales/orders.yaml", {"name": "other"})
    assert states(root) == {"orders_metadata other.json": "good", "other sales/orders.yaml": "good"}
    write(root, "other.json", "{")
    config = load(root)["orders_metadata"]
    assert (state(config), config.document) == ("last good", orders(version=7))


def test_two_configs_that_swap_their_names_and_break_run_as_they_were(root: Path) -> None:
    write(root, "other.json", orders(refused=True))
    write(root, "sales/orders.yaml", {"name": "other", "refused": True})
    assert states(root) == {"orders_metadata sales/orders.yaml": "last good", "other other.json": "last good"}


def test_a_broken_newcomer_takes_no_id_of_one_that_runs(root: Path) -> None:
    """Not even from a place that comes first."""
    write(root, "orders_metadata.json", orders(refused=True))
    expected = {
        "orders_metadata sales/orders.yaml": "good",
        "orders_metadata_json orders_metadata.json": "broken",
        "other other.json": "good",
    }
    assert states(root) == expected
    found = catalog(root).find("orders_metadata")
    assert found is not None
    assert found.key == "sales/orders.yaml"
    write(root, "sales/orders.yaml", "{")
    assert states(root) == {**expected, "orders_metadata sales/orders.yaml": "last good"}


def test_a_good_newcomer_that_comes_first_takes_the_id_of_a_broken_one_which_shows_its_problem(root: Path) -> None:
    """As a deploy does."""
    write(root, "sales/orders.yaml", "{")
    load(root)
    write(root, "orders_metadata.json", orders(version=2))
    configs = load(root)
    assert configs["orders_metadata"].document == orders(version=2)
    assert state(configs["orders_metadata"]) == "good"
    assert configs["orders"].key == "sales/orders.yaml"
    assert "is not YAML" in str(problem_of(configs["orders"]))
    # Its copy is of the newcomer from now on.
    (root / "orders_metadata.json").unlink()
    assert states(root) == {"orders sales/orders.yaml": "broken", "other other.json": "good"}


def test_a_newcomer_that_comes_later_does_not_take_the_id_of_a_broken_one_that_runs_as_it_was(root: Path) -> None:
    """For a copy that somebody has kept aside is such a one too, and has never run."""
    write(root, "sales/z/backup.yaml", orders(version=0))
    write(root, "sales/orders.yaml", "{")
    configs = load(root)
    assert configs["orders_metadata"].document is not None
    assert configs["orders_metadata"].document["version"] == 1
    assert "is taken by config 'sales/orders.yaml'" in str(problem_of(configs["backup"]))


def test_what_the_operator_has_forbidden_since_does_not_run_and_is_kept(root: Path) -> None:
    write(root, "sales/orders.yaml", "{")

    def forbid(config: Config) -> None:
        if config.document.get("password") == CANARY:
            raise ConfigError("is not allowed", field="password")

    store = FolderStore(root)
    configs = Catalog(store, forbid).all()
    assert {config.dag_id: state(config) for config in configs} == {"orders": "broken", "other": "good"}
    keep_last_good(store, configs, since=time.time() + 60, complete=True)
    assert states(root)["orders_metadata sales/orders.yaml"] == "last good"


def test_a_config_whose_id_another_one_has_is_no_last_good_version(root: Path) -> None:
    write(root, "z.json", {"name": "other", "version": "z"})
    load(root)
    write(root, "z.json", "{")
    (root / "other.json").unlink()
    assert states(root) == {"orders_metadata sales/orders.yaml": "good", "z z.json": "broken"}


def test_a_copy_that_can_not_be_read_leaves_the_problem(root: Path) -> None:
    write(root, "sales/orders.yaml", "{")
    for copy in root.glob(".last_good/??/orders_metadata*"):
        copy.write_bytes(b"")
    assert states(root) == {"orders sales/orders.yaml": "broken", "other other.json": "good"}


def test_a_worker_opens_one_config_and_one_copy_of_many(root: Path) -> None:
    for number in range(100):
        write(root, f"n{number}.json", {"name": f"n {number}"})
    load(root)
    write(root, "sales/orders.yaml", "{")
    load(root)
    opened: list[str] = []

    class Counting(FolderStore):
        def read(self, key: str) -> bytes:
            opened.append(key)
            return super().read(key)

    assert state(Catalog(Counting(root), check).find("orders_metadata")) == "last good"
    assert opened == ["orders_metadata.json", "sales/orders.yaml"]


def test_a_folder_elsewhere_serves_a_store_that_can_not_be_written_to(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / ".last_good")
    elsewhere = tmp_path / "elsewhere"
    store = FolderStore(root, last_good=elsewhere)
    keep_last_good(store, Catalog(store, check).all(), since=time.time(), complete=True)
    assert not (root / ".last_good").exists()
    write(root, "sales/orders.yaml", "{")
    (root / ".dag_ids.json").unlink()
    assert state(Catalog(FolderStore(root, last_good=elsewhere), check).look_up("orders_metadata")) == "last good"
    assert states(root)["orders sales/orders.yaml"] == "broken"


# A store of few files and names, so that they collide; and the same files once some have been changed.
keys = st.sampled_from(["a.json", "b.json", "x/a.yaml", "x/b.json", "x/y/a.json", "z.yaml"])
good = st.builds(
    lambda name, version: {"name": name, "v": version}, st.sampled_from(["a", "b", "c d"]), st.integers(0, 2)
)
bad = st.one_of(
    st.just("{"), st.just(""), good.map(lambda document: {**document, "refused": True}), st.just({"refused": False})
)
files = st.dictionaries(keys, st.one_of(good, good, bad), max_size=6)
defaults = st.dictionaries(
    st.sampled_from(["defaults.yaml", "x/defaults.yaml"]), st.sampled_from(["d: 1", "{", "refused: true"]), max_size=2
)


def fill(root: Path, *contents: dict[str, Any]) -> None:
    for path in root.iterdir():
        if not path.name.startswith("."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for content in contents:
        for key, each in content.items():
            write(root, key, each)


@pytest.mark.slow
@given(st.lists(st.tuples(files, defaults), min_size=2, max_size=4))
@example(
    # What is left of two configs that have swapped their names is broken, and a file without a name claims its old id.
    [
        ({"a.json": {"name": "b", "v": 0}, "b.json": {"name": "a", "v": 0}}, {}),
        ({"x/a.yaml": "{", "a.json": {"name": "a", "v": 0, "refused": True}}, {}),
    ]
)
@example(
    # A broken file has good versions under two DAG ids: only the newer one stands for it.
    [
        ({"a.json": "{", "b.json": "{", "x/a.yaml": {"name": "a", "v": 0}}, {}),
        ({"x/a.yaml": {"name": "b", "v": 0}, "a.json": "{"}, {}),
        ({"a.json": "{", "b.json": {"name": "b", "v": 0}, "x/a.yaml": "{"}, {}),
    ]
)
def test_whatever_is_changed_all_agrees_with_itself_and_with_find(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[dict[str, Any], dict[str, str]]]
) -> None:
    root = tmp_path_factory.mktemp("store")
    for content in history:
        fill(root, *content)
        configs = catalog(root).all()
        assert [config.dag_id for config in configs] == sorted({config.dag_id for config in configs})
        assert sorted(config.key for config in configs) == sorted(content[0])
        for config in configs:
            assert str(catalog(root).find(config.dag_id)) == str(config)
        load(root)
        after = load(root)
        # What runs as it was goes on doing so.
        assert {str(config) for config in after.values() if trouble_of(config)} == {
            str(config) for config in configs if trouble_of(config)
        }


@pytest.mark.slow
@given(st.lists(st.tuples(files, defaults), min_size=2, max_size=4))
def test_several_loaders_keep_what_one_would(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[dict[str, Any], dict[str, str]]]
) -> None:
    whole, divided = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("divided")
    for content in history:
        for root in (whole, divided):
            fill(root, *content)
        load(whole)
        load_in_shards(divided)
        assert kept_in(divided) == kept_in(whole)


def kept_in(root: Path) -> set[str]:
    return {path.name for path in root.glob(".last_good/??/*")}


@given(files, keys, bad)
def test_breaking_one_config_changes_no_other_and_keeps_its_own_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], key: str, damage: str | dict[str, Any]
) -> None:
    root = tmp_path_factory.mktemp("store")
    fill(root, content)
    before = load(root)
    write(root, key, damage)
    after = load(root)
    for dag_id, config in before.items():
        if state(config) == "good":
            assert after[dag_id].document == config.document
            assert after[dag_id].key == config.key
            assert state(after[dag_id]) == ("last good" if config.key == key else "good")
