"""The rotation of the Fernet key: after it the old key may go, wherever it was stopped before."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from dag_factory.dag.builder import build_dag
from dag_factory.errors import SettingsError, StoreError
from dag_factory.portable.secrets.references import decrypted, encrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.access import Access
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import FOLDER, InUse, Version
from dag_factory.store.memory import Place
from dag_factory.store.rotation import rotate
from tests.airflow_versions import DagSerialization
from tests.documents import REST
from tests.stored import good

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
BOTH = Keys(f"{NEW},{OLD}")


def document(name: str, keys: Keys, secret: str | float = "s3cr3t") -> dict[str, Any]:
    return {
        "name": name,
        "a": [encrypted(secret, name, keys)],
        "b": encrypted(1.5, name, keys),
        "c": {"$env": "OPENMETADATA_A"},
    }


def keep(folder: Path, key: str, document: dict[str, Any]) -> None:
    path = folder / key
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2))


def opened(folder: Path, key: str, name: str, keys: Keys) -> Any:
    text = (folder / key).read_text()
    return decrypted(yaml.safe_load(text), name, keys)


def test_after_it_the_old_key_may_go(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for number in range(5):
        keep(tmp_path, f"p{number}.json", document(f"p{number}", Keys(OLD), f"secret {number}"))
    keep(tmp_path, "new.json", document("new", BOTH))
    keep(tmp_path, "plain.json", {"name": "plain"})
    marker = store.marker()

    rotation = rotate(store, BOTH)

    assert rotation.is_complete
    assert (rotation.resealed, rotation.unchanged) == ([f"p{number}.json" for number in range(5)], 2)
    assert store.marker() != marker
    for number in range(5):
        found = opened(tmp_path, f"p{number}.json", f"p{number}", Keys(NEW))
        assert found == {"name": f"p{number}", "a": [f"secret {number}"], "b": 1.5, "c": {"$env": "OPENMETADATA_A"}}


def test_a_second_time_changes_nothing_not_even_the_marker(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(tmp_path, "p.json", document("p", Keys(OLD)))
    rotate(store, BOTH)
    marker, data = store.marker(), (tmp_path / "p.json").read_bytes()
    rotation = rotate(store, BOTH)
    assert (rotation.resealed, rotation.unchanged, rotation.is_complete) == ([], 1, True)
    assert (store.marker(), (tmp_path / "p.json").read_bytes()) == (marker, data)


def test_dropped_files_are_named_and_changed_where_that_is_asked_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    sealed = encrypted("s3cr3t", "orders", Keys(OLD))["$fernet"]
    text = f"# Ask Ann.\nname: orders   # hers\npassword: {{$fernet: '{sealed}'}}\na: &a\n  $fernet: {sealed}\nb: *a\n"
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "any.yaml").write_text(text)
    keep(tmp_path, "another_name.json", document("orders2", Keys(OLD)))

    rotation = rotate(store, BOTH)
    assert (rotation.left, rotation.is_complete) == (["another_name.json", "sales/any.yaml"], False)
    assert (tmp_path / "sales" / "any.yaml").read_text() == text

    rotation = rotate(store, BOTH, all_files=True)
    assert (rotation.resealed, rotation.is_complete) == (["another_name.json", "sales/any.yaml"], True)
    again = (tmp_path / "sales" / "any.yaml").read_text()
    new = yaml.safe_load(again)["password"]["$fernet"]
    assert again == text.replace(sealed, new)
    assert opened(tmp_path, "sales/any.yaml", "orders", Keys(NEW))["b"] == "s3cr3t"


def test_tokens_of_which_one_is_a_part_of_another_one(tmp_path: Path) -> None:
    sealed = encrypted("s3cr3t", "p", Keys(OLD))["$fernet"]
    bare = sealed.rpartition(":")[2]
    keep(tmp_path, "p.json", {"name": "p", "a": {"$fernet": bare}, "b": {"$fernet": sealed}, "c": {"$fernet": bare}})
    assert rotate(FolderStore(tmp_path), BOTH).is_complete
    assert opened(tmp_path, "p.json", "p", Keys(NEW)) == {"name": "p", **dict.fromkeys("abc", "s3cr3t")}


def test_what_can_not_be_decrypted_is_named_and_left_and_the_rest_goes_on(tmp_path: Path) -> None:
    keep(tmp_path, "lost.json", document("lost", Keys(Fernet.generate_key().decode())))
    keep(tmp_path, "stolen.json", {**document("victim", Keys(OLD)), "name": "stolen"})
    keep(tmp_path, "unnamed.json", {"a": encrypted("x", "unnamed", Keys(OLD))})
    keep(tmp_path, "p.json", document("p", Keys(OLD)))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "half.json").write_text('{"a": {"$fernet": "abc')
    escaped = json.dumps(document("escaped", Keys(OLD))).replace(":gAAAA", ":\\u0067AAAA")
    (tmp_path / "escaped.json").write_text(escaped)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    rotation = rotate(FolderStore(tmp_path), BOTH, all_files=True)

    assert rotation.resealed == ["p.json"]
    assert rotation.unchanged == 1
    assert rotation.failed.keys() == {"lost.json", "stolen.json", "unnamed.json", "half.json", "escaped.json"}
    assert "fingerprint" in rotation.failed["lost.json"]
    assert "for another DAG than 'stolen'" in rotation.failed["stolen.json"]
    assert not rotation.is_complete
    for name in rotation.failed:
        assert (tmp_path / name).read_bytes() == before[name]


@pytest.mark.parametrize("writes", range(4))
def test_stopped_at_any_file_it_leaves_each_whole_and_is_run_again(tmp_path: Path, writes: int) -> None:
    class Stopped(FolderStore):
        left = writes

        def write(self, key: str, data: bytes) -> None:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            super().write(key, data)

    names = ["a", "b", "c", "d"]
    for name in names:
        keep(tmp_path, f"{name}.json", document(name, Keys(OLD), name))
    with pytest.raises(KeyboardInterrupt):
        rotate(Stopped(tmp_path), BOTH)
    assert [opened(tmp_path, f"{name}.json", name, BOTH)["a"] for name in names] == [[name] for name in names]
    assert len(rotate(FolderStore(tmp_path), BOTH).resealed) == 4 - writes
    assert [opened(tmp_path, f"{name}.json", name, Keys(NEW))["a"] for name in names] == [[name] for name in names]


def test_a_file_that_can_not_be_written_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Partly(FolderStore):
        def write(self, key: str, data: bytes) -> None:
            if key == "a.json":
                raise StoreError("a.json can't be written")
            super().write(key, data)

    for name in ("a", "b"):
        keep(tmp_path, f"{name}.json", document(name, Keys(OLD)))
    rotation = rotate(Partly(tmp_path), BOTH)
    assert (rotation.resealed, rotation.failed) == (["b.json"], {"a.json": "a.json can't be written"})


def test_a_file_that_goes_or_can_not_be_read_stops_no_other(tmp_path: Path) -> None:
    class Partly(FolderStore):
        def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
            return ["a_gone.json", *super().list_keys(unlisted)]

        def read(self, key: str) -> bytes:
            if key == "b_fails.json":
                raise StoreError("b_fails.json can't be read")
            return super().read(key)

    for name in ("b_fails", "c"):
        keep(tmp_path, f"{name}.json", document(name, Keys(OLD)))
    rotation = rotate(Partly(tmp_path), BOTH)
    assert (rotation.resealed, rotation.unchanged) == (["c.json"], 0)
    assert rotation.failed == {"b_fails.json": "b_fails.json can't be read"}


@pytest.mark.parametrize(
    ("names", "said"),
    [((), "is away"), (("a", "b"), "is away Before that, 2 configs were encrypted again, and 0 failed. Run it again.")],
    ids=["at once", "on the way"],
)
def test_a_store_that_goes_on_the_way_is_an_error_that_says_how_far_it_came(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    class Unmounted(FolderStore):
        def check(self) -> Place:
            raise StoreError("is away")

    for name in names:
        keep(tmp_path, f"{name}.json", document(name, Keys(OLD)))
    with pytest.raises(StoreError) as error:
        rotate(Unmounted(tmp_path), BOTH)
    assert str(error.value) == said


def test_a_last_good_version_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    class Full(FolderLastGood):
        def replace(self, version: Version, document: dict[str, Any]) -> None:
            raise OSError(28, "No space left on device")

    store = FolderStore(tmp_path)
    store.last_good.keep([Version("a", "a.json", document("a", Keys(OLD)))], InUse(), since=0, complete=False)
    store.last_good = Full(tmp_path / FOLDER)
    rotation = rotate(store, BOTH)
    assert rotation.failed == {"last good version of a.json": "can't be written: No space left on device"}
    assert (rotation.copies, rotation.is_complete) == (0, False)


@pytest.mark.parametrize("setting", ["", "malformed"])
def test_without_a_key_nothing_is_touched(tmp_path: Path, setting: str) -> None:
    keep(tmp_path, "p.json", document("p", Keys(OLD)))
    with pytest.raises(SettingsError, match="fernet_key is"):
        rotate(FolderStore(tmp_path), Keys(setting))


def test_last_good_versions_are_sealed_again_too_for_a_config_may_be_broken_when_the_old_key_goes(
    tmp_path: Path,
) -> None:
    store = FolderStore(tmp_path)
    lost = Keys(Fernet.generate_key().decode())
    access = Access(0o640, os.getgid())
    versions = [
        Version("broken", "broken.json", document("broken", Keys(OLD)), access),
        Version("lost", "lost.json", document("lost", lost)),
        Version("new", "new.json", document("new", BOTH)),
    ]
    store.last_good.keep(versions, InUse(), since=0, complete=False)
    (tmp_path / "broken.json").write_text("{")

    rotation = rotate(store, BOTH)

    assert rotation.copies == 1
    assert rotation.failed.keys() == {"last good version of lost.json"}
    found = store.last_good.find("broken")
    assert found is not None
    assert decrypted(found.document, "broken", Keys(NEW)) == decrypted(versions[0].document, "broken", Keys(OLD))
    (path,) = (tmp_path / FOLDER).glob("*/broken.*.json")
    assert path.stat().st_mode & 0o777 == 0o640
    assert store.last_good.find("lost") == versions[1]
    assert rotate(store, BOTH).copies == 0


def test_the_dag_of_a_config_is_the_same_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{NEW},{OLD}")
    pipeline = {"pipelineType": "metadata", "service": {"type": "databaseService", "name": "shop"}, **REST}
    keep(tmp_path, "p.json", {**document("p", Keys(OLD)), **pipeline, "password": encrypted("x", "p", Keys(OLD))})
    store = FolderStore(tmp_path)
    (before,) = good(Catalog(store).all())
    assert rotate(store, BOTH).resealed == ["p.json"]
    (after,) = good(Catalog(store).all())
    assert before.document != after.document
    assert DagSerialization.to_dict(build_dag(before)) == DagSerialization.to_dict(build_dag(after))
