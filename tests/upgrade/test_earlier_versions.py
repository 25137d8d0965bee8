"""What each released version has written is read by this one: nothing is lost, and nothing means something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from dag_factory import __version__
from dag_factory.api_server.sync.last_difference import last_difference
from dag_factory.dag.load_notes import notes_path, read_loads
from dag_factory.dag.loader import load_dags
from dag_factory.errors import MissingStoreError
from dag_factory.portable.secrets.references import decrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_memory, configured_store
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import restore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config
from dag_factory.store.folder.pending import Pending
from dag_factory.store.own_files import MARKER, PENDING
from dag_factory.store.shards import WHOLE, shards
from dag_factory.store.writer import checked, delete, deploy
from tests.object_storage import S3, connection_to
from tests.upgrade.frozen import (
    FOLDER,
    SHARDS,
    TOKEN,
    Frozen,
    all_frozen,
    environment,
    meaning,
    put_memory_in_place,
    tags_of,
)

ALL = all_frozen()


@pytest.fixture(params=ALL, ids=lambda frozen: frozen.folder.name)
def frozen(request: pytest.FixtureRequest) -> Frozen:
    found: Frozen = request.param
    return found


@pytest.fixture
def place(frozen: Frozen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine as an earlier version has left it, with this version's settings."""
    for name, value in frozen.thawed(tmp_path).items():
        monkeypatch.setenv(name, value)
    put_memory_in_place(tmp_path)
    return tmp_path


def test_there_is_something_of_each_version_that_was_released() -> None:
    assert {frozen.folder.name for frozen in ALL} == {path.name for path in FOLDER.iterdir() if path.name[0].isdigit()}
    assert ALL, "python -m tests.upgrade"
    assert __version__ != "0.1.0" or [frozen.folder.name for frozen in ALL] == ["0.1.0"]


def test_each_config_is_the_dag_that_it_was(frozen: Frozen, place: Path) -> None:
    assert meaning()["dags"] == frozen.expected["dags"]


def test_the_stores_own_notes_are_read(frozen: Frozen, place: Path) -> None:
    store, expected = configured_store(), frozen.expected
    assert store.check().identity == expected["identity"]
    assert store.marker() == expected["marker"]
    loaded = {f"{shard.number} of {shard.of}": store.loaded(shard) for shard in (WHOLE, *shards(SHARDS))}
    assert loaded == expected["loaded"]
    assert store.load_problem() == expected["load_problem"]
    for dag_id, dag in expected["dags"].items():
        # Only a config whose file has another name needs a note.
        assert store.recall(dag_id) in (dag["file"], None)
    assert store.recall("shop_orders") == "shop/orders.yaml"


def test_a_change_that_was_not_announced_is(frozen: Frozen, place: Path) -> None:
    store = configured_store()
    assert Pending(place / "store" / PENDING).changes() == frozen.expected["pending"]
    before = store.marker()
    with store.lock():
        pass
    after = store.marker()
    assert before is not None
    assert after is not None
    assert after > before
    assert not (place / "store" / PENDING).exists()


def test_a_secret_is_opened_and_redeployed_without_a_change(frozen: Frozen, place: Path) -> None:
    config = Catalog(configured_store()).find("shop_deployed")
    assert isinstance(config, Config)
    document = decrypted(config.document, config.dag_id, Keys())
    assert document["openMetadataServerConnection"]["securityConfig"]["jwtToken"] == TOKEN
    assert document["aFieldOfANewerServer"] == {"kept": True}
    assert not deploy(configured_store(), checked(document)).changed
    assert delete(configured_store(), "shop_deployed")


def test_a_machine_knows_its_store_and_keeps_its_dags_while_that_is_missing(frozen: Frozen, place: Path) -> None:
    shutil.rmtree(place / "store")
    (place / "store").mkdir()
    with pytest.raises(MissingStoreError):
        configured_store()
    kept = load_dags()
    assert {dag_id: tags_of(dag) for dag_id, dag in kept.items()} == {
        dag_id: dag["tags"] for dag_id, dag in frozen.expected["dags"].items()
    }


def test_what_is_known_of_loads_and_of_the_server_is_read(frozen: Frozen, place: Path) -> None:
    memory = configured_memory(str(place / "store"))
    assert memory is not None
    last = read_loads(notes_path(memory.path, WHOLE)).complete
    assert last is not None
    assert last.dags == 4
    difference = last_difference()
    assert difference is not None
    assert (difference.only_here, difference.older_here) == (1, 2)


def test_an_export_is_imported(frozen: Frozen, place: Path) -> None:
    for name in ("store", "state"):
        shutil.rmtree(place / name)
    (place / "store").mkdir()
    archive = Archive(frozen.folder / "export.tar.gz")
    done = restore(configured_store(), archive, Keys(), overwrite=False, shown=lambda items, what, count: items)
    assert (len(done.written), done.differing, done.sealed_elsewhere) == (5, [], {})
    # The last good version of a broken config is not part of an export.
    good = {dag_id: dag for dag_id, dag in frozen.expected["dags"].items() if dag["state"] == "good"}
    assert {dag_id: dag for dag_id, dag in meaning()["dags"].items() if dag["state"] == "good"} == good


def test_a_bucket_with_the_same_objects_means_the_same(
    frozen: Frozen, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hidden objects of a bucket are named and made as a folder's files; the marker has lines beside it."""
    bucket = s3.bucket()
    objects = {
        path.relative_to(frozen.folder / "store").as_posix(): path for path in (frozen.folder / "store").rglob("*")
    }
    for key, path in objects.items():
        if path.is_file() and Path(key).name not in _OF_FOLDERS:
            body = path.read_bytes() + (b"\n0123456789abcdef" if key == MARKER else b"")
            s3.request("PUT", f"/{bucket}/configs/{quote(key)}", body)
    settings = environment(tmp_path, frozen.key)
    store = next(name for name in settings if name.endswith("__CONFIG_STORE"))
    settings |= {store: f"s3://frozen@{bucket}/configs", "AIRFLOW_CONN_FROZEN": connection_to(s3.endpoint)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert configured_store().marker() == frozen.expected["marker"]
    found = meaning()
    assert found["dags"] == frozen.expected["dags"]
    assert found["identity"] == frozen.expected["identity"]
    assert found["marker"] == frozen.expected["marker"]


# Locks and notes of writers, which a bucket has in its marker.
_OF_FOLDERS = {".lock", ".announced", PENDING}


def test_what_is_frozen_names_nobodys_machine() -> None:
    for frozen in ALL:
        assert "/" not in json.dumps(sorted(frozen.expected))
        for path in frozen.folder.rglob("*"):
            assert not path.is_file() or str(FOLDER).encode() not in path.read_bytes(), path
