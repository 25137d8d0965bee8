"""A load of a bucket: DAGs stay while the service is away, and no error leaves the loader."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_factory.dag.loader import load_dags
from dag_factory.store import configured_store
from tests.object_storage import REFUSED, S3, SLOW_DOWN, Fault, Proxy, Request, connection_to
from tests.places import TESTS
from tests.store.any_store import InBucket

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
STORE = "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"


def document(name: str) -> str:
    return json.dumps({**SAMPLE, "name": name, "fullyQualifiedName": f"s.{name}"})


def reading(name: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "GET" and request.path.endswith(f"/{name}")


FAULTS: dict[str, Fault] = {
    "down": lambda request: SLOW_DOWN,
    "while it is listed": lambda request: REFUSED if "list-type" in request.path else None,
    "while it is read": lambda request: REFUSED if reading("two.json")(request) else None,
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_dags_stay_as_they_were_while_the_service_is_away(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        monkeypatch.setenv(STORE, f"s3://proxied@{in_bucket.bucket}/configs")
        for name in ("one", "two"):
            in_bucket.put(f"{name}.json", document(name))
        assert sorted(load_dags()) == ["one", "two"]
        in_bucket.put("three.json", document("three"))
        in_bucket.put("two.json", document("two").replace('"displayName"', '"displayName" '))
        proxy.fault = FAULTS[fault]
        assert sorted(load_dags()) == ["one", "two"]
        assert "Until the store is back, all DAGs stay as they were: 2, from the last load" in caplog.text
        proxy.fault = None
        assert sorted(load_dags()) == ["one", "three", "two"]


def test_a_load_notes_the_marker_that_it_has_seen_and_one_more_lists_all_once_and_reads_and_writes_nothing(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        monkeypatch.setenv(STORE, f"s3://proxied@{in_bucket.bucket}/configs")
        for number in range(5):
            in_bucket.put(f"x{number}.json", document(f"x{number}"))
        marker = configured_store().bump()
        load_dags()
        assert configured_store().loaded() == marker
        proxy.requests.clear()
        load_dags()
        listings = Counter("last_good" in each.path for each in proxy.requests if "list-type" in each.path)
        assert listings == {False: 1}  # the last good versions of what has not changed need no look
        assert not [each.path for each in proxy.requests if "/configs/x" in each.path]
        assert not [each.path for each in proxy.requests if each.method == "PUT"]


def copies() -> list[str]:
    """Return the DAG ids that have a last good version in the bucket."""
    return sorted(version.dag_id for version in configured_store().last_good.copies().all())


def test_last_good_versions_that_are_gone_are_written_again_by_the_load_after_a_change(
    in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE, in_bucket.location)
    names = ["a", "b", "c"]
    for each in names:
        in_bucket.put(f"{each}.json", document(each))
    load_dags()
    assert copies() == names
    for each in names:
        configured_store().last_good.forget(each)
    assert copies() == []
    in_bucket.put("c.json", document("c").replace('"displayName"', '"displayName" '))
    assert sorted(load_dags()) == names
    assert copies() == names


def test_last_good_versions_that_were_in_a_folder_are_written_into_the_bucket_by_the_next_load(
    in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = "AIRFLOW__OPENMETADATA_DAG_FACTORY__LAST_GOOD_FOLDER"
    monkeypatch.setenv(STORE, in_bucket.location)
    monkeypatch.setenv(folder, str(tmp_path))
    for each in ("a", "b"):
        in_bucket.put(f"{each}.json", document(each))
    load_dags()
    assert copies() == ["a", "b"]
    monkeypatch.delenv(folder)
    assert copies() == []
    assert sorted(load_dags()) == ["a", "b"]
    assert copies() == ["a", "b"]


@pytest.mark.parametrize("is_by_defaults", [True, False])
def test_configs_that_break_together_cost_a_request_for_each_config_its_lines_and_its_copy(
    s3: S3, in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch, *, is_by_defaults: bool
) -> None:
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_PROXIED", connection_to(proxy.endpoint))
        monkeypatch.setenv(STORE, f"s3://proxied@{in_bucket.bucket}/configs")
        names = [f"n{number}" for number in range(20)]
        for each in names:
            in_bucket.put(f"x/y/{each}.json", document(each))
        assert sorted(load_dags()) == sorted(names)
        if is_by_defaults:
            in_bucket.put("x/defaults.yaml", "- broken")
        else:
            for each in names:
                in_bucket.put(f"x/y/{each}.json", document(each).replace('"metadata"', '"nonsense"'))
        for _ in range(2):
            proxy.requests.clear()
            dags = load_dags()
            assert sorted(dags) == sorted(names)
            assert all("config-error" in dag.tags for dag in dags.values())
            asked = Counter((each.method, each.path) for each in proxy.requests)
            assert not [path for method, path in asked if method == "HEAD" and "/x/" in path]
            of_copies = [asked[each] for each in asked if "/.last_good/" in each[1] and "list-type" not in each[1]]
            assert of_copies == [1] * len(names)
            assert [asked[each] for each in asked if "/x/y/n" in each[1]] == [1 if is_by_defaults else 2] * len(names)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("s3://key:wJalrXUtnFEMIcanary@bucket/x", "No DAGs are loaded"),
        ("s3://nobody_has_it@bucket/x", "the Connection 'nobody_has_it', which Airflow does not find"),
        ("nonsense://bucket/x", "Airflow has no file system for 'nonsense://'"),
    ],
)
def test_a_location_that_is_wrong_is_said_and_never_an_import_error(
    in_bucket: InBucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, location: str, said: str
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv(STORE, location)
    assert load_dags() == {}
    assert said in caplog.text
    assert "canary" not in caplog.text
