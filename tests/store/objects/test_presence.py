"""A store in a bucket that is emptied between two requests is not taken for a store without configs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dag_factory.errors import MissingStoreError
from dag_factory.store.memory import Known, Memory
from dag_factory.store.objects.location import located
from dag_factory.store.objects.object_store import ObjectStore
from dag_factory.store.own_files import IDENTITY
from tests.object_storage import S3, Proxy, Request, connection_to
from tests.store.any_store import InBucket


@pytest.fixture
def proxy(s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        in_bucket.location = f"s3://proxied@{in_bucket.bucket}/configs"
        yield proxy


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "memory", "/store")


def opened(kind: InBucket, memory: Memory) -> ObjectStore:
    return ObjectStore(located(kind.location), memory)


def is_listing(request: Request) -> bool:
    return "list-type" in request.path


def is_new_id(request: Request) -> bool:
    return request.method == "PUT" and request.path.endswith(IDENTITY)


def emptied_before(proxy: Proxy, in_bucket: InBucket, moment: Callable[[Request], bool], *keys: str) -> None:
    """Remove objects just before the first request of a kind is answered."""
    left = list(keys)

    def empty(request: Request) -> None:
        if moment(request):
            while left:
                in_bucket.remove(left.pop())

    proxy.fault = empty


def test_one_that_is_emptied_just_before_it_is_listed_is_not_remembered_as_empty(
    proxy: Proxy, in_bucket: InBucket, memory: Memory
) -> None:
    in_bucket.put("a.json")
    opened(in_bucket, memory).remember()
    before = memory.known()
    assert before is not None
    assert not before.is_empty
    emptied_before(proxy, in_bucket, is_listing, "a.json", IDENTITY)
    with pytest.raises(MissingStoreError, match="not the one that this Airflow knows"):
        opened(in_bucket, memory).remember()
    assert memory.known() == before


def test_one_that_nobody_knows_yet_is_not_remembered_where_it_is_emptied_just_before_it_is_listed(
    proxy: Proxy, in_bucket: InBucket, memory: Memory
) -> None:
    in_bucket.put("a.json")
    in_bucket.put(IDENTITY, "the bucket")
    emptied_before(proxy, in_bucket, is_listing, "a.json", IDENTITY)
    with pytest.raises(MissingStoreError, match=r"was emptied or replaced while it was looked at\. Retry"):
        opened(in_bucket, memory).remember()
    assert memory.known() is None


def test_one_that_is_emptied_just_before_it_gets_its_id_is_not_remembered_by_that_id(
    proxy: Proxy, in_bucket: InBucket, memory: Memory
) -> None:
    in_bucket.put("a.json")
    emptied_before(proxy, in_bucket, is_new_id, "a.json")
    with pytest.raises(MissingStoreError, match="was emptied or replaced"):
        opened(in_bucket, memory).remember()
    assert memory.known() is None


@pytest.mark.parametrize("first", ["nothing", "an empty store"])
def test_one_whose_configs_were_listed_is_known_though_it_was_emptied_before_it_could_be_remembered(
    in_bucket: InBucket, memory: Memory, first: str
) -> None:
    if first == "an empty store":
        opened(in_bucket, memory).remember()
    in_bucket.put("a.json")
    store = opened(in_bucket, memory)
    assert store.list_keys() == ["a.json"]
    in_bucket.remove("a.json")
    for ask in (store.list_keys, store.revisions, store.check, store.remember, store.bump):
        with pytest.raises(MissingStoreError, match="Was it emptied"):
            ask()
    assert memory.known() == Known(None, is_empty=False)
    with pytest.raises(MissingStoreError, match="Was it emptied"):
        opened(in_bucket, memory).list_keys()


def test_one_that_was_known_as_empty_is_asked_for_again_once_another_process_has_found_configs(
    in_bucket: InBucket, memory: Memory
) -> None:
    memory.note(Known(None, is_empty=True), instead_of=None)
    store = opened(in_bucket, memory)
    assert store.list_keys() == []
    memory.note(Known("the bucket", is_empty=False), instead_of=Known(None, is_empty=True))
    with pytest.raises(MissingStoreError, match="Was it emptied"):
        store.list_keys()


def test_one_that_was_taken_for_a_new_store_while_it_was_empty_gives_way_to_the_right_one(
    in_bucket: InBucket, memory: Memory
) -> None:
    memory.note(Known("a wrong bucket", is_empty=True), instead_of=None)
    in_bucket.put("a.json")
    in_bucket.put(IDENTITY, "the bucket")
    store = opened(in_bucket, memory)
    assert store.list_keys() == ["a.json"]
    store.remember()
    assert memory.known() == Known("the bucket", is_empty=False)
