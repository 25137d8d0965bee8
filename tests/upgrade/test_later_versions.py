"""
What a later version has written, after one has gone back to this one: nothing of it is lost, and nothing fails.

What that version will write is unknown, so each hidden file is changed as a later format may: more fields, another
form, a higher number. What this version can't read, it leaves where it is, or makes again from the configs.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dag_factory.api_server.sync.last_difference import last_difference
from dag_factory.dag.load_notes import notes_path, read_loads
from dag_factory.dag.loader import load_dags
from dag_factory.errors import ArchiveError, MissingStoreError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_memory, configured_store
from dag_factory.store.archive import MANIFEST
from dag_factory.store.archive.reading import Archive
from dag_factory.store.copies import name_of, version_in
from dag_factory.store.database import SCHEMA_VERSION
from dag_factory.store.markers import is_seen
from dag_factory.store.rotation import rotate
from dag_factory.store.shards import WHOLE
from tests.upgrade.frozen import all_frozen, meaning, put_memory_in_place, tags_of

NEWEST = all_frozen()[-1]
DAGS = NEWEST.expected["dags"]
LATER = "of a later version"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine as this version, or one that wrote as it does, has left it."""
    for name, value in NEWEST.thawed(tmp_path).items():
        monkeypatch.setenv(name, value)
    put_memory_in_place(tmp_path)
    return tmp_path


@pytest.fixture
def store(place: Path) -> Path:
    return place / "store"


def database(place: Path) -> Path:
    (path,) = (place / "state").glob("*.sqlite")
    return path


def last_good(store: Path, dag_id: str) -> Path:
    (path,) = (store / ".last_good").glob(f"*/{dag_id}.*")
    return path


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def test_unknown_notes_beside_a_store_stay_and_count_as_no_config(store: Path) -> None:
    (store / ".later.json").write_text("{}")
    (store / ".later").mkdir()
    (store / ".later" / "more.yaml").write_text("name: no_config\n")
    assert meaning()["dags"] == DAGS
    writer = configured_store()
    with writer.lock():
        writer.bump()
    assert (store / ".later.json").exists()
    assert (store / ".later" / "more.yaml").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".dag_ids.json", json.dumps({"format": 2, "keys": {"shop_orders": "shop/orders.yaml"}})),
        (".dag_ids.json", json.dumps({"shop_orders": {"key": "shop/orders.yaml", "shard": 3}})),
        (".dag_ids.json", "[2]"),
        (".load.json", json.dumps({"openmetadata_loader.py": {"text": LATER}})),
        (".load.json", "\x00\x01"),
        (".announced", json.dumps({"format": 2, "changes": [["shop_orders", "a"]]})),
        (".announced", "[1, 2]\n7\n"),
        (".pending", json.dumps({"key": "shop_deployed.json", "since": 1})),
        (".loaded", json.dumps({"marker": "x"})),
        (".loaded_0_of_2", "later:0192"),
    ],
)
def test_a_note_in_another_form_is_made_again(store: Path, name: str, text: str) -> None:
    (store / name).write_text(text)
    assert meaning()["dags"] == DAGS
    writer = configured_store()
    with writer.lock():
        writer.write("shop_deployed.json", (store / "shop_deployed.json").read_bytes())
        marker = writer.bump()
    load_dags()
    assert configured_store().loaded(WHOLE) == marker
    assert configured_store().load_problem() in (None, NEWEST.expected["load_problem"])


@pytest.mark.parametrize("later", ["later:0192", "2 0192", "~"])
def test_a_marker_in_another_form_is_followed_by_one_that_is_not_taken_for_seen(store: Path, later: str) -> None:
    for name in (".version", ".loaded"):
        (store / name).write_text(later)
    writer = configured_store()
    assert writer.loaded(WHOLE) == writer.marker() == later
    with writer.lock():
        marker = writer.bump()
    assert not is_seen(writer.loaded(WHOLE), marker)
    load_dags()
    assert is_seen(configured_store().loaded(WHOLE), marker)


def change_plans(connection: sqlite3.Connection, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    for dag_id, plan in connection.execute("SELECT dag_id, plan FROM plans").fetchall():
        changed = json.dumps(change(json.loads(plan)))
        connection.execute("UPDATE plans SET plan = ? WHERE dag_id = ?", (changed, dag_id))


def test_plans_with_more_fields_are_dags_while_the_store_is_missing(place: Path, store: Path) -> None:
    with closing(sqlite3.connect(database(place))) as connection:
        change_plans(connection, lambda plan: {**plan, "assets": [LATER]})
        connection.commit()
    shutil.rmtree(store)
    assert {dag_id: tags_of(dag) for dag_id, dag in load_dags().items()} == {
        dag_id: dag["tags"] for dag_id, dag in DAGS.items()
    }


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE store ADD COLUMN since TEXT",
        "ALTER TABLE dags ADD COLUMN state TEXT",
        "ALTER TABLE plans RENAME COLUMN plan TO text",
        "DROP TABLE claims",
        "CREATE TABLE assets (dag_id TEXT PRIMARY KEY)",
    ],
)
def test_an_index_of_a_higher_number_is_made_again_and_the_store_stays_known(
    place: Path, store: Path, change: str
) -> None:
    with closing(sqlite3.connect(database(place))) as connection:
        connection.execute(change)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.commit()
    assert meaning()["dags"] == DAGS
    memory = configured_memory(str(store))
    assert memory is not None
    known = memory.known()
    assert known is not None
    assert known.identity == NEWEST.expected["identity"]
    shutil.rmtree(store)
    store.mkdir()
    with pytest.raises(MissingStoreError):
        configured_store()
    assert load_dags().keys() == DAGS.keys()


def test_a_file_that_is_no_database_any_more_is_replaced(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    database(place).write_bytes(b"another format" * 100)
    with caplog.at_level(logging.WARNING):
        assert meaning()["dags"] == DAGS
    assert "It is replaced by a new one" in caplog.text


def replaced(path: Path, content: bytes) -> Path:
    """Replace a copy by one with another content, under the name that says so."""
    version = version_in(path.read_bytes(), path.name)
    assert version is not None
    path.unlink()
    other = path.with_name(name_of(version, content))
    other.write_bytes(content)
    return other


@pytest.mark.parametrize("more", [{"format": 2}, {"access": [0o644, None, ["acl"]]}])
def test_a_last_good_version_with_more_fields_runs(store: Path, more: dict[str, Any]) -> None:
    path = last_good(store, "shop_mended")
    replaced(path, json.dumps(json.loads(path.read_bytes()) | more).encode())
    assert meaning()["dags"] == DAGS


@pytest.mark.parametrize(
    "content", [b"\x1f\x8bpacked", b'{"format": 2, "parts": []}', b'{"dag_id": "a", "key": "b", "document": 1}']
)
def test_a_last_good_version_in_another_form_stays_for_the_version_that_can_read_it(
    store: Path, content: bytes
) -> None:
    path = replaced(last_good(store, "shop_mended"), content)
    found = meaning()["dags"]
    assert found["shop_mended"]["state"] == "broken"
    assert {dag_id: found[dag_id] for dag_id in DAGS if dag_id != "shop_mended"} == {
        dag_id: dag for dag_id, dag in DAGS.items() if dag_id != "shop_mended"
    }
    load_dags()
    assert path.read_bytes() == content


def test_figures_of_loads_and_the_comparison_with_the_server_are_read_or_left(place: Path, store: Path) -> None:
    notes = notes_path(database(place), WHOLE)
    edit(notes, lambda noted: noted | {"last": noted["last"] | {"cpu": 1}, "later": 1})
    read = read_loads(notes)
    assert read.last is not None
    assert read.complete is not None
    for text in ('{"last": {"started": 1}}', "[]", "\x00"):
        notes.write_text(text)
        assert asdict(read_loads(notes)) == {"last": None, "complete": None, "killed": 0}
    (path,) = (place / "state").glob("*.difference.json")
    edit(path, lambda noted: noted | {"pruned": 3})
    found = last_difference()
    assert found is not None
    assert (found.only_here, found.older_here) == (1, 2)
    path.write_text('{"format": 2}')
    assert last_difference() is None


def test_an_unknown_field_stays_in_the_config_and_warns(store: Path) -> None:
    path = store / "shop_deployed.json"
    edit(path, lambda document: document | {"ourProfile": LATER})
    assert meaning()["dags"]["shop_deployed"]["state"] == "good"
    rotate(configured_store(), Keys())
    assert json.loads(path.read_text())["ourProfile"] == LATER
    assert json.loads(last_good(store, "shop_deployed").read_text())["document"]["ourProfile"] == LATER


def test_an_unknown_field_of_our_own_section_stays_and_the_version_without_it_runs(store: Path) -> None:
    path = store / "shop_deployed.json"
    edit(path, lambda document: document | {"dagFactory": {"profile": LATER}})
    assert meaning()["dags"]["shop_deployed"]["state"] == "last_good"
    rotate(configured_store(), Keys())
    assert json.loads(path.read_text())["dagFactory"] == {"profile": LATER}


def packed(manifest: Mapping[str, Any], path: Path) -> Archive:
    """Return the archive with another manifest."""
    with tarfile.open(NEWEST.folder / "export.tar.gz") as made, tarfile.open(path, "w:gz") as changed:
        for member in made:
            file = made.extractfile(member)
            assert file is not None
            data = file.read()
            if member.name == MANIFEST:
                data = json.dumps(json.loads(data) | manifest).encode()
                member.size = len(data)
            changed.addfile(member, BytesIO(data))
    return Archive(path)


def test_an_export_says_more_and_is_read_or_has_another_format_and_is_refused(tmp_path: Path) -> None:
    assert len(list(packed({"later": [LATER]}, tmp_path / "more.tar.gz").files())) == 5
    with pytest.raises(ArchiveError, match=r"unknown format.*a newer one"):
        list(packed({"format": 2}, tmp_path / "other.tar.gz").files())
