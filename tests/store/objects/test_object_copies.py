"""Last good versions in a bucket: what a load keeps, a worker on another machine finds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from dag_factory.dag.load import keep_last_good
from dag_factory.errors import ConfigError, MissingStoreError
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config, check
from dag_factory.store.last_good import InUse, LastGoodVersions, Version
from dag_factory.store.objects.object_copies import ObjectCopies
from tests.object_storage import REFUSED, S3, Proxy, connection_to
from tests.places import TESTS
from tests.store.any_store import InBucket, Kind, opened

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())


def version(dag_id: str, key: str | None = None, **fields: Any) -> Version:
    return Version(dag_id, key or f"{dag_id}.json", {"name": dag_id, **fields})


def keep(
    copies: LastGoodVersions,
    good: Sequence[Version],
    in_use: InUse | None = None,
    *,
    complete: bool = True,
    later: float = 600,
    seconds: float = 60,
) -> None:
    """Keep what a load has found that began a while after the last one."""
    copies.keep(good, in_use or InUse(), since=time.time() + later, complete=complete, seconds=seconds)


@pytest.fixture
def copies(in_bucket: InBucket) -> LastGoodVersions:
    return opened(in_bucket).last_good


def test_what_is_kept_is_found_by_others_by_its_dag_id_and_by_its_key(
    in_bucket: InBucket, copies: LastGoodVersions
) -> None:
    kept = [version("orders", "sales/orders.yaml", a=[1, 2.5, None, True, "ü"]), version("r" * 240)]
    keep(copies, kept)
    other = opened(in_bucket).last_good
    assert [other.find(each.dag_id) for each in kept] == kept
    assert other.find("others") is other.copies().of_key("others.json") is None
    assert other.copies().of_key("sales/orders.yaml") == other.copies().of_id("orders") == kept[0]
    assert sorted(each.dag_id for each in other.copies().all()) == sorted(each.dag_id for each in kept)
    assert other.copies().agrees("sales/orders.yaml", "orders")
    assert not other.copies().agrees("sales/orders.yaml", "others")
    assert opened(in_bucket).list_keys() == []


def test_a_newer_version_replaces_the_one_before_and_a_removed_config_s_goes(copies: LastGoodVersions) -> None:
    keep(copies, [version("a", x=1), version("b"), version("c")])
    for _ in range(2):
        keep(copies, [version("a", x=2)], InUse(["c"], ["c.json"]))
    assert copies.find("a") == version("a", x=2)
    assert sorted(each.dag_id for each in copies.copies().all()) == ["a", "c"]


def test_a_copy_that_is_newer_than_the_list_of_configs_stays(copies: LastGoodVersions) -> None:
    keep(copies, [version("a")])
    keep(copies, [], later=0)
    assert copies.find("a") is not None
    keep(copies, [], complete=False)
    assert copies.find("a") is not None
    keep(copies, [])
    assert copies.find("a") is None


def test_one_more_load_writes_nothing(s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        in_bucket.location = f"s3://proxied@{in_bucket.bucket}/configs"
        good = [version(str(number)) for number in range(5)]
        keep(opened(in_bucket).last_good, good)
        assert [each.method for each in proxy.requests].count("PUT") == 5
        proxy.requests.clear()
        copies = opened(in_bucket).last_good
        copies.copies()
        keep(copies, good)
        # One listing for the load and what it keeps.
        assert [each.method for each in proxy.requests] == ["GET"]


def test_what_there_is_no_time_for_is_left_to_the_next_load(copies: LastGoodVersions) -> None:
    keep(copies, [version("a")], seconds=0)
    assert copies.find("a") is None
    keep(copies, [version("a")])
    assert copies.find("a") is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"dag_id": "a", "key": "a.json", "document": {"x": 1}}'])
def test_a_copy_that_is_not_what_its_name_says_is_ignored(
    in_bucket: InBucket, copies: LastGoodVersions, content: str
) -> None:
    keep(copies, [version("a")])
    all_copies = copies.copies()
    assert isinstance(all_copies, ObjectCopies)
    (key,) = all_copies.names
    in_bucket.put(key, content)
    assert copies.find("a") is copies.copies().of_key("a.json") is None
    assert list(copies.copies().all()) == []


def test_a_forgotten_copy_is_gone_and_a_replaced_one_is_the_new_one(copies: LastGoodVersions) -> None:
    keep(copies, [version("a"), version("b")])
    copies.forget("a")
    assert copies.find("a") is None
    copies.replace(version("b"), {"name": "b", "x": 2})
    assert list(copies.copies().all()) == [version("b", x=2)]


def test_a_bucket_that_can_not_be_reached_stops_no_load_and_is_no_lack_of_copies(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        in_bucket.location = f"s3://proxied@{in_bucket.bucket}/configs"
        copies = opened(in_bucket).last_good
        keep(copies, [version("a")])
        proxy.fault = lambda request: REFUSED
        keep(copies, [version("b")])
        copies.forget("a")
        for ask in (lambda: copies.find("a"), copies.copies):
            with pytest.raises(MissingStoreError):
                ask()
        with pytest.raises(OSError, match="can't be reached"):
            copies.replace(version("a"), {})
        proxy.fault = None
        assert copies.find("a") == version("a")


def document(name: str, **fields: Any) -> str:
    return json.dumps({**SAMPLE, "name": name, "fullyQualifiedName": f"s.{name}", **fields})


def loaded(store: ConfigStore) -> dict[str, Config]:
    configs = Catalog(store, check).all()
    keep_last_good(store, configs, since=time.time() + 600, complete=True)
    return {each.dag_id: each for each in configs if isinstance(each, Config)}


def test_a_config_that_becomes_broken_runs_its_last_good_version(kind: Kind) -> None:
    kind.put("a.json", document("a"))
    kind.put("x/b.yaml", document("b"))
    good = loaded(opened(kind))
    assert sorted(good) == ["a", "b"]
    kind.put("a.json", "{")
    kind.put("x/b.yaml", document("b", pipelineType="nonsense"))
    broken = loaded(opened(kind))
    assert {dag_id: config.document for dag_id, config in broken.items()} == {
        dag_id: config.document for dag_id, config in good.items()
    }
    assert all(isinstance(config.trouble and config.trouble.problem, ConfigError) for config in broken.values())
    config = Catalog(opened(kind), check).find("a")
    assert isinstance(config, Config)
    assert config.document == good["a"].document
