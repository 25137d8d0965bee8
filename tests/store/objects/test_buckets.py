"""What a store in a bucket does that a folder does not, whatever the bucket's service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from dag_factory.errors import ConfigError, MissingStoreError, StoreLockedError
from dag_factory.store import open_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.memory import Memory
from tests.places import TESTS
from tests.store.any_store import InBucket, opened

SAMPLE = (TESTS / "samples" / "pg_metadata_hourly.json").read_text()
ID = "pg_metadata_hourly"

ODD = [
    "../up.json",
    "x/../up.json",
    "./a.json",
    "x//a.json",
    "/a.json",
    "x/./a.json",
    "a.json/",
    "good.json?versionId=1.json",
]


def test_keys_that_are_no_path_of_a_config_are_left_out(any_bucket: InBucket) -> None:
    any_bucket.put("good.json")
    for key in ODD:
        # Clients of Azure can't write what a URL doesn't keep.
        if not (any_bucket.location.startswith("abfs:") and {".", ".."} & set(key.split("/"))):
            any_bucket.put(key)
    for key in ("configs-of-others/a.json", "above.json"):
        any_bucket.service.put(any_bucket.bucket, key, b"{}")
    assert opened(any_bucket).list_keys() == ["good.json"]


@pytest.mark.slow
def test_more_objects_than_one_answer_lists_are_all_listed(any_bucket: InBucket) -> None:
    for number in range(1005):
        any_bucket.put(f"x/{number:04d}.json")
    assert len(opened(any_bucket).list_keys()) == 1005


@pytest.mark.parametrize("before", ["1", None], ids=["there", "missing"])
@pytest.mark.parametrize("by_hand", ["2", None], ids=["changed", "removed"])
@pytest.mark.parametrize("change", ["write", "delete"])
def test_a_writer_is_refused_where_its_object_is_no_longer_as_it_has_read_it(
    any_bucket: InBucket, before: str | None, by_hand: str | None, change: str
) -> None:
    if before is not None:
        any_bucket.put("a.json", before)
    store = opened(any_bucket)

    def attempt() -> None:
        with store.lock():
            with suppress(KeyError):
                store.read("a.json")
            if by_hand is not None:
                any_bucket.put("a.json", by_hand)
            elif before is not None:
                any_bucket.remove("a.json")
            if change == "write":
                store.write("a.json", b"3")
            else:
                store.delete("a.json")

    # What is gone need not be deleted, and where nothing was and is, nothing has changed.
    if (change == "delete" and (before is None or by_hand is None)) or (before is None and by_hand is None):
        attempt()
    else:
        with pytest.raises(StoreLockedError, match="by another writer"):
            attempt()
    if by_hand is not None:
        assert any_bucket.text("a.json") == by_hand


# Before its first write it waits: then both writers have read the same state, and one of them must be refused.
WRITER = """
import json, sys
from dag_factory.errors import StoreLockedError
from dag_factory.store import open_store
location, name = sys.argv[1:]
refused = made = 0
while made < 5:
    store = open_store(location)
    try:
        with store.lock():
            try:
                names = json.loads(store.read("names.json"))
            except KeyError:
                names = []
            if not made and not refused:
                print("has read", flush=True); sys.stdin.readline()
            store.write("names.json", json.dumps([*names, name]).encode())
            store.bump()
        made += 1
    except StoreLockedError:
        refused += 1
print(json.dumps([made, refused]))
"""


@pytest.mark.slow
def test_of_several_processes_that_write_one_object_none_loses_what_it_has_written(any_bucket: InBucket) -> None:
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, any_bucket.location, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    }
    for process in processes.values():
        assert process.stdout is not None
        while "has read" not in process.stdout.readline():
            assert process.poll() is None
    for process in processes.values():
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = {name: process.communicate(timeout=120)[0] for name, process in processes.items()}
    counts = {name: json.loads(output.splitlines()[-1]) for name, output in done.items()}
    assert Counter(json.loads(any_bucket.text("names.json"))) == {name: made for name, (made, _) in counts.items()}
    assert sum(refused for _, refused in counts.values()) > 0


def test_a_bucket_that_is_missing_is_no_empty_store(any_bucket: InBucket, tmp_path: Path) -> None:
    location = any_bucket.location
    any_bucket.service.drop_bucket(any_bucket.bucket)
    for ask in ("check", "list_keys", "revisions", "confirm_absence", "remember"):
        with pytest.raises(MissingStoreError, match=r"NoSuchBucket|ContainerNotFound|404|FileNotFoundError"):
            getattr(open_store(location, Memory(tmp_path, location)), ask)()
    with pytest.raises(MissingStoreError):
        open_store(location).bump()


FORKING = """
import os, sys
from dag_factory.store import open_store
store = open_store(sys.argv[1])
print(store.list_keys(), flush=True)
child = os.fork()
print(open_store(sys.argv[1]).list_keys(), flush=True)
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0)
"""


@pytest.mark.slow
def test_a_child_of_a_process_that_has_used_the_store_uses_it_too(any_bucket: InBucket) -> None:
    any_bucket.put("a.json")
    done = subprocess.run(
        [sys.executable, "-c", FORKING, any_bucket.location], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.count("['a.json']") == 3


def test_a_config_that_is_too_large_is_its_own_problem_and_read_no_further(any_bucket: InBucket) -> None:
    any_bucket.put("good.json", SAMPLE.replace(ID, "good"))
    any_bucket.put("huge.json", " " * 40_000_000)
    store = open_store(any_bucket.location)
    found = {each.dag_id: getattr(each, "problem", None) for each in Catalog(store).all()}
    assert isinstance(found["huge"], ConfigError)
    assert found["good"] is None
