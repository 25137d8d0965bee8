"""Copies of good configs in each kind of store: one for each DAG id, and which of them go when."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.dag.load import keep_last_good
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.references import decrypted, encrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.copies import bucket_of, key_part_of
from dag_factory.store.last_good import InUse, LastGoodVersions, Version
from dag_factory.store.rotation import rotate
from dag_factory.store.shards import Shard
from tests.store.any_store import Kind, opened

LATER = 600
"""So much later than the last load a load begins, in seconds: a copy that is as new as the load stays."""


def version(dag_id: str, key: str | None = None, **fields: Any) -> Version:
    return Version(dag_id, key or f"{dag_id}.json", {"name": dag_id, **fields})


def keep(
    copies: LastGoodVersions, good: Sequence[Version], in_use: InUse | None = None, *, later: float = LATER
) -> dict[str, str]:
    return copies.keep(good, in_use or InUse(), since=time.time() + later, complete=True)


def kept(copies: LastGoodVersions) -> list[Version]:
    """Return the contents of all copies."""
    now = copies.copies()
    return sorted(now.newest_first(now.listed()), key=lambda each: (each.dag_id, each.key))


@pytest.fixture
def copies(kind: Kind) -> LastGoodVersions:
    return opened(kind).last_good


def test_a_newer_version_replaces_the_one_before_at_once(copies: LastGoodVersions) -> None:
    keep(copies, [version("a", x=1), version("b")])
    keep(copies, [version("a", x=2), version("b")])
    assert kept(copies) == [version("a", x=2), version("b")]


def test_a_copy_that_was_too_new_to_be_removed_is_removed_by_a_later_load_that_finds_nothing_changed(
    copies: LastGoodVersions,
) -> None:
    keep(copies, [version("a", "x/a.yaml"), version("b")])
    names = keep(copies, [version("a"), version("b")], later=-LATER)
    assert len(kept(copies)) == 3
    keep(copies, [], InUse(names=list(names.values())))
    assert kept(copies) == [version("a"), version("b")]


def test_the_only_copy_for_a_dag_id_stays_though_another_one_was_remembered(copies: LastGoodVersions) -> None:
    names = keep(copies, [version("a", x=1)])
    keep(copies, [version("a", x=2)])
    keep(copies, [], InUse(names=list(names.values())))
    assert kept(copies) == [version("a", x=2)]


def test_the_copy_of_a_broken_config_goes_when_a_good_one_gets_its_dag_id(copies: LastGoodVersions) -> None:
    keep(copies, [version("a", "x/a.yaml")])
    keep(copies, [version("a")], InUse(keys=["x/a.yaml"]))
    assert kept(copies) == [version("a")]
    assert copies.copies().of_key("x/a.yaml") is None


def test_who_has_listed_the_copies_before_one_was_replaced_reads_the_newer_one(copies: LastGoodVersions) -> None:
    keep(copies, [version("a", x=1)])
    before = copies.copies()
    assert before.agrees("a.json", "a")  # lists them
    keep(copies, [version("a", x=2)])
    assert before.of_id("a") == before.of_key("a.json") == version("a", x=2)
    copies.forget("a")
    assert before.of_id("a") is None


@pytest.mark.parametrize("written_last", ["the old one", "the new one"])
def test_a_rotation_leaves_no_copy_under_the_old_key_that_a_killed_one_has_left(kind: Kind, written_last: str) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    store = opened(kind)
    sealed = [version("a", password=encrypted("s3cr3t", "a", Keys(key))) for key in (new, old)]
    for each in sealed if written_last == "the old one" else reversed(sealed):
        keep(store.last_good, [each], later=-LATER)  # removes none
    assert len(kept(store.last_good)) == 2
    rotate(store, Keys(f"{new},{old}"))
    (left,) = kept(store.last_good)
    assert decrypted(left.document, "a", Keys(new)) == {"name": "a", "password": "s3cr3t"}
    assert rotate(store, Keys(f"{new},{old}")).copies == 0


def check(config: Config) -> None:
    if config.document.get("refused"):
        raise ConfigError("is refused", field="refused")


def load(store: ConfigStore) -> dict[str, Config | BrokenConfig]:
    loaded = Catalog(store, check)
    configs = loaded.all()
    keep_last_good(store, configs, since=time.time() + LATER, complete=loaded.is_complete)
    return {config.dag_id: config for config in configs}


def forge(kind: Kind, **fields: Any) -> None:
    """Write a copy for the DAG id 'a' by hand, with a name as a load would give it."""
    made_up = {"dag_id": "a", "key": "moved.yaml", "access": [0o600, None], "document": {"name": "a"}, **fields}
    content = json.dumps(made_up, separators=(",", ":"))
    key_part = key_part_of(made_up["key"] if isinstance(made_up["key"], str) else "moved.yaml")
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    kind.put(f".last_good/{bucket_of('a')}/a.{key_part}.{digest}.json", content)


@pytest.mark.parametrize(
    "fields", [{}, {"access": [0o640, 4, "of a later version"]}, {"access": [0o600, None], "x": 1}]
)
def test_a_copy_as_a_load_writes_it_runs_whoever_has_written_it(kind: Kind, fields: dict[str, Any]) -> None:
    kind.put("a.yaml", "name: a\nrefused: true")
    forge(kind, **fields)
    assert isinstance(load(opened(kind))["a"], Config)
    assert kept(opened(kind).last_good)[0].key == "a.yaml"


@pytest.mark.parametrize(
    "fields",
    [
        {"access": ["x", None]},
        {"access": [True, None]},
        {"access": [0o666, None]},
        {"access": [0o4755, None]},
        {"access": [0o600, "0"]},
        {"access": [0o600, 2**40]},
        {"access": [0o600, -1]},
        {"access": []},
        {"access": "x"},
        {"access": None},
        {"dag_id": ["a"]},
        {"dag_id": "b"},
        {"dag_id": "../../a"},
        {"dag_id": "", "key": "a.yaml"},
        {"dag_id": ["a"], "key": "a.yaml"},
        {"dag_id": "../../a", "key": "a.yaml"},
        {"key": ["moved.yaml"]},
        {"key": "../moved.yaml"},
        {"key": "moved"},
        {"key": "moved\0.yaml"},
        {"document": []},
        {"document": "name: a"},
        {"document": None},
        {"document": {"name": "a", "x": float("nan")}},
        {"document": {}},
        {"document": {"name": None}},
        {"document": {"name": ["a"]}},
        {"document": {"name": "b"}},
        {"dag_id": "_", "document": {"name": "?"}},
    ],
    ids=str,
)
def test_a_copy_that_somebody_has_made_up_stops_no_load_and_does_not_run(kind: Kind, fields: dict[str, Any]) -> None:
    kind.put("a.yaml", "name: a\nrefused: true")
    kind.put("b.yaml", "name: b")
    forge(kind, **fields)
    for _ in range(2):
        found = load(opened(kind))
        assert sorted(found) == ["a", "b"]
        assert isinstance(found["a"], BrokenConfig)
        assert isinstance(found["b"], Config)
    key = Fernet.generate_key().decode()
    assert rotate(opened(kind), Keys(key)).is_complete
    assert [each.dag_id for each in kept(opened(kind).last_good)] == ["b"]


def test_a_version_belongs_to_the_broken_config_that_runs_it(kind: Kind) -> None:
    kind.put("x/a.yaml", "name: a")
    load(opened(kind))
    kind.remove("x/a.yaml")
    kind.put("moved.yaml", "name: a\nrefused: true")
    load(opened(kind))
    assert kept(opened(kind).last_good) == [version("a", "moved.yaml")]


def test_a_good_config_has_no_copy_for_an_id_that_it_gave_before_or_has_not_got(kind: Kind) -> None:
    kind.put("x/a.yaml", "name: a")
    load(opened(kind))
    kind.put("a.json", "{")  # shows its problem under this id
    kind.put("x/a.yaml", "name: b")
    load(opened(kind))
    assert kept(opened(kind).last_good) == [version("b", "x/a.yaml")]
    kind.put("b.json", '{"name": "b"}')
    load(opened(kind))
    assert kept(opened(kind).last_good) == [version("b")]


def test_a_version_that_the_operator_forbids_for_a_while_stays_whichever_loader_shows_the_problem(kind: Kind) -> None:
    kind.put("x/a.yaml", "name: b")
    load(opened(kind))
    kind.put("x/a.yaml", "{")

    def forbid(config: Config) -> None:
        raise ConfigError("is not allowed", field="name")

    for number in range(8):
        store, shard = opened(kind), Shard(number, 8)
        loaded = Catalog(store, forbid)
        configs = [loaded.settled(dag_id, found) for dag_id, found in loaded.held(shard)]
        since = time.time() + LATER
        keep_last_good(store, configs, since=since, complete=True, shard=shard, broken=loaded.broken)
    config = load(opened(kind))["b"]
    assert isinstance(config, Config)
    assert config.trouble is not None
