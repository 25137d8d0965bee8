"""What a store in a bucket does that a folder does not, and how many requests it takes."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dag_factory.errors import MissingStoreError, StoreError, StoreLockedError
from dag_factory.store import ConfigStore, open_store, writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.memory import Memory
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.entries import Entry
from dag_factory.store.objects.location import located
from dag_factory.store.objects.object_store import ObjectStore
from tests.object_storage import KEY_ID, REFUSED, S3, SECRET, SLOW_DOWN, Fault, Proxy, Request, connection_to, refusal
from tests.places import TESTS
from tests.store.any_store import InBucket, opened

SAMPLE = (TESTS / "samples" / "pg_metadata_hourly.json").read_bytes()
ID = "pg_metadata_hourly"


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


@pytest.fixture
def proxy(s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        in_bucket.location = f"s3://proxied@{in_bucket.bucket}/configs"
        yield proxy


def quick(kind: InBucket, seconds: float = 0.3) -> ObjectStore:
    """Return a store whose requests fail soon, on a busy machine maybe all of them."""
    location = located(kind.location)
    bucket = Bucket(location, request_seconds=seconds, list_seconds=seconds)
    return ObjectStore(location, bucket=bucket)


def deploy(store: ConfigStore, name: str = ID) -> writer.Deployed:
    document = {**json.loads(SAMPLE), "name": name, "fullyQualifiedName": f"s.{name}", "id": name}
    return writer.deploy(store, writer.checked(document))


def answering(refusal: tuple[int, bytes]) -> Fault:
    """Return a fault of all requests."""
    return lambda request: refusal


def asked(proxy: Proxy) -> Counter[str]:
    """Return how many requests of each kind have come, and forget them."""
    kinds = Counter("LIST" if "list-type" in each.path else each.method for each in proxy.requests)
    proxy.requests.clear()
    return kinds


class Listed(Bucket):
    """A bucket that holds what a test says."""

    entries: Mapping[str, Entry]

    def list(self, *, hidden: str | None = None) -> dict[str, Entry]:
        del hidden
        return dict(self.entries)


def test_an_object_that_was_replaced_by_one_with_the_same_md5_has_another_stamp() -> None:
    location = located("s3://bucket")
    bucket = Listed(location)
    stamps = []
    # An author can make two such contents; the time of writing is the service's.
    for second in (1, 2):
        bucket.entries = {"a.json": Entry("cee9a457e790cf20d4bdaa6d69f01e41", 72, float(second))}
        stamps.append(ObjectStore(location, bucket=bucket).stamps()["a.json"])
    assert stamps[0] != stamps[1]
    assert ObjectStore(location, bucket=bucket).stamps()["a.json"] == stamps[1]


def test_a_marker_takes_one_request_and_a_worker_s_config_few(proxy: Proxy, in_bucket: InBucket) -> None:
    deploy(open_store(in_bucket.location))
    deploy(open_store(in_bucket.location), "other")
    asked(proxy)
    store = open_store(in_bucket.location)
    store.marker()
    assert asked(proxy) == {"GET": 1}
    store.check()
    assert asked(proxy) == {"GET": 1}
    assert Catalog(store).find(ID) is not None
    # The config, and two names for the defaults of the one folder that it lies in.
    assert asked(proxy) == {"GET": 3}
    store.revisions()
    assert asked(proxy) == {"LIST": 1}


def test_a_load_reads_each_object_once_after_one_listing(proxy: Proxy, in_bucket: InBucket) -> None:
    for name in "abcde":
        in_bucket.put(f"{name}.json", SAMPLE.decode().replace(ID, name))
    store = open_store(in_bucket.location)
    store.check()
    asked(proxy)
    store.revisions()
    assert len(Catalog(store).all()) == 5
    # Besides the configs two names of defaults, which are missing, and the notes on ids, none of which is due. That
    # there are no last good versions is seen by two more looks, and one at the bucket.
    assert asked(proxy) == {"LIST": 1 + 2, "HEAD": 1, "GET": 5 + 2 + 1}


def test_a_deploy_takes_few_requests(proxy: Proxy, in_bucket: InBucket) -> None:
    deploy(open_store(in_bucket.location))
    asked(proxy)
    store = open_store(in_bucket.location)
    assert not deploy(store).changed
    unchanged = asked(proxy)
    assert writer.deploy(open_store(in_bucket.location), writer.checked(
        {**json.loads(SAMPLE), "fullyQualifiedName": f"s.{ID}", "id": ID, "displayName": "other"}
    )).changed  # fmt: skip
    changed = asked(proxy)
    # The store's id, the config, two missing defaults, the marker; and where something changes two objects.
    assert (unchanged, changed) == ({"GET": 5}, {"GET": 5, "PUT": 2})


def test_a_hidden_folder_is_not_even_listed(proxy: Proxy, in_bucket: InBucket) -> None:
    for key in (".last_good/ab/1.json", "x/a.json", "x/y/b.json", "c.json"):
        in_bucket.put(key)
    store = open_store(in_bucket.location)
    assert store.list_keys() == ["c.json", "x/a.json", "x/y/b.json"]
    listed = [each.path for each in proxy.requests if "list-type" in each.path]
    assert len(listed) == 2
    assert not any("last_good" in path for path in listed)


def test_a_marker_is_replaced_by_a_later_one_only_whoever_makes_it(proxy: Proxy, in_bucket: InBucket) -> None:
    store, other = opened(in_bucket), opened(in_bucket)
    store.bump()
    between: list[str] = []

    def another_is_faster(request: Request) -> None:
        if request.method == "PUT" and not between:
            between.append("")
            between.append(other.bump())

    proxy.fault = another_is_faster
    marker = store.bump()
    assert marker > between[1]
    assert store.marker() == marker


def test_a_change_whose_marker_failed_gets_it_when_it_is_made_again(proxy: Proxy, in_bucket: InBucket) -> None:
    store = open_store(in_bucket.location)
    deploy(store, "before")
    marker = store.marker()
    proxy.fault = lambda request: REFUSED if request.method == "PUT" and ".version" in request.path else None
    with pytest.raises(StoreError, match=r"holds the change, but Airflow may not see it yet.*InvalidRequest.*Retry"):
        deploy(store)
    proxy.fault = None
    assert (store.marker(), f"{ID}.json" in store.list_keys()) == (marker, True)
    assert not deploy(opened(in_bucket)).changed
    assert store.marker() != marker
    marker = store.marker()
    assert not deploy(opened(in_bucket)).changed
    assert store.marker() == marker


def test_a_write_whose_answer_was_lost_counts_as_made_and_one_that_never_came_as_uncertain(
    proxy: Proxy, in_bucket: InBucket
) -> None:
    store = ObjectStore(located(in_bucket.location))
    deploy(store, "before")
    lost: list[str] = []

    def lose_the_first(request: Request) -> None:
        # The client tries again, and is then refused by what it has written itself.
        proxy.loses_answers = request.method == "PUT" and request.path not in lost
        lost.append(request.path)

    proxy.fault = lose_the_first
    assert deploy(store).changed
    assert lost.count(f"/{in_bucket.bucket}/configs/{ID}.json") > 1
    proxy.loses_answers = False
    with pytest.raises(StoreError, match=r"has not answered .*may or may not be written"), store.lock():
        # Only what writes has little time.
        store._bucket._request_seconds = 0.3
        proxy.fault = lambda request: 2.0 if request.method == "PUT" else None
        store.write("slow.json", b"{}")


UNREACHABLE = "can't be reached"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [SLOW_DOWN, (503, b""), 2.0], ids=["503", "empty", "slow"])
def test_a_service_that_is_slow_or_refuses_is_an_error_of_the_store_within_its_limit(
    proxy: Proxy, in_bucket: InBucket, fault: float | tuple[int, bytes]
) -> None:
    in_bucket.put("a.json")
    assert opened(in_bucket).list_keys() == ["a.json"]
    proxy.fault = lambda request: fault
    store = quick(in_bucket)
    for ask in (store.check, store.marker, store.list_keys, store.revisions, lambda: store.read("a.json"), store.bump):
        with pytest.raises(MissingStoreError, match=UNREACHABLE):
            ask()
    with pytest.raises(MissingStoreError, match=UNREACHABLE), store.lock():
        raise AssertionError
    # What the store works without stays unknown.
    assert store.loaded() is None
    store.note({"a": "b.json"})
    proxy.fault = None
    assert opened(in_bucket).list_keys() == ["a.json"]


def test_the_code_of_a_refusal_is_named(proxy: Proxy, in_bucket: InBucket) -> None:
    proxy.fault = lambda request: SLOW_DOWN
    with pytest.raises(MissingStoreError, match=r"can't be reached \(SlowDown\)"):
        opened(in_bucket).check()


def test_a_service_that_is_down_is_an_error_of_the_store(proxy: Proxy, in_bucket: InBucket) -> None:
    proxy.__exit__()
    with pytest.raises(MissingStoreError, match=UNREACHABLE):
        opened(in_bucket).check()


def test_a_few_refusals_are_waited_out(proxy: Proxy, in_bucket: InBucket) -> None:
    in_bucket.put("a.json")
    left = [SLOW_DOWN, SLOW_DOWN]
    proxy.fault = lambda request: left.pop() if left else None
    assert opened(in_bucket).list_keys() == ["a.json"]


def test_a_listing_that_fails_in_the_midst_is_none(proxy: Proxy, in_bucket: InBucket) -> None:
    in_bucket.put("a.json")
    in_bucket.put("x/b.json")
    proxy.fault = lambda request: REFUSED if "prefix=configs%2Fx" in request.path else None
    with pytest.raises(MissingStoreError, match=UNREACHABLE):
        opened(in_bucket).list_keys()


def test_a_connection_that_is_missing_and_a_protocol_that_nobody_has_are_errors_of_the_store() -> None:
    with pytest.raises(MissingStoreError, match="Connection 'nobody_has_it', which Airflow does not find"):
        open_store("s3://nobody_has_it@bucket/x").check()
    with pytest.raises(MissingStoreError, match=r"Install openmetadata-dag-factory\[azure\] for all components"):
        open_store("abfs://container/x").check()
    with pytest.raises(MissingStoreError, match="no file system for 'nonsense://'"):
        open_store("nonsense://bucket/x").check()


def test_credentials_are_in_no_error_log_object_or_memory(
    proxy: Proxy, in_bucket: InBucket, tmp_path: Path, caplog: pytest.LogCaptureFixture, s3: S3
) -> None:
    caplog.set_level(logging.DEBUG, "dag_factory")
    store = open_store(in_bucket.location, Memory(tmp_path, in_bucket.location))
    deploy(store)
    store.remember()
    said = []
    for fault in (refusal(400, SECRET), refusal(403, "InvalidAccessKeyId"), refusal(403, KEY_ID)):
        proxy.fault = answering(fault)
        for ask in (store.check, store.list_keys, lambda: deploy(store, "other")):
            with pytest.raises(StoreError) as caught:
                ask()
            said.append(str(caught.value))
    proxy.fault = None
    objects = s3.request("GET", f"/{in_bucket.bucket}?list-type=2").decode()
    written = [in_bucket.text(key) for key in (".version", ".store", f"{ID}.json")]
    kept = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    for text in [*said, caplog.text, objects, *written, *kept]:
        assert SECRET not in text
        assert KEY_ID not in text
        assert "Connection" in text or "proxied" not in text


def test_new_credentials_of_the_connection_are_used_without_a_restart(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = refusal(403, "InvalidAccessKeyId")
    with Proxy(s3.port) as old, Proxy(s3.port) as new:
        monkeypatch.setenv("AIRFLOW_CONN_RENEWED", connection_to(old.endpoint))
        store = open_store(f"s3://renewed@{in_bucket.bucket}/configs")
        assert store.list_keys() == []
        old.fault = lambda request: denied
        with pytest.raises(MissingStoreError, match=r"refuses access.*InvalidAccessKeyId.*Connection 'renewed'"):
            store.list_keys()
        monkeypatch.setenv("AIRFLOW_CONN_RENEWED", connection_to(new.endpoint))
        assert store.list_keys() == []


def test_a_connection_that_is_deleted_once_access_was_refused_is_named(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_DELETED", connection_to(proxy.endpoint))
        store = open_store(f"s3://deleted@{in_bucket.bucket}/configs")
        assert store.list_keys() == []

        def fault(request: object) -> tuple[int, bytes]:
            monkeypatch.delenv("AIRFLOW_CONN_DELETED", raising=False)
            return refusal(403, "InvalidAccessKeyId")

        proxy.fault = fault
        with pytest.raises(MissingStoreError) as caught:
            store.list_keys()
    assert "Connection 'deleted'" in str(caught.value)
    assert "can't be reached" not in str(caught.value)


def test_a_store_of_a_client_that_blocks_works_too() -> None:
    import fsspec

    fsspec.filesystem("memory").mkdir("/bucket-of-tests")
    store = open_store("memory://bucket-of-tests/x")
    assert deploy(store).changed
    assert not deploy(open_store("memory://bucket-of-tests/x")).changed
    assert open_store("memory://bucket-of-tests/x").list_keys() == [f"{ID}.json"]
    with pytest.raises(StoreLockedError), store.lock():
        store.read(f"{ID}.json")
        other = open_store("memory://bucket-of-tests/x")
        with other.lock():
            other.write(f"{ID}.json", b"{}")
        store.delete(f"{ID}.json")
    assert writer.delete(store, ID)
    fsspec.filesystem("memory").rm("/bucket-of-tests", recursive=True)
