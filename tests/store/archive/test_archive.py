"""A store goes into a file and comes back from it: the same documents, and no secret in the clear in between."""

from __future__ import annotations

import gzip
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.configs.document import MAX_BYTES, parse
from dag_factory.errors import ArchiveError, SettingsError, StoreError
from dag_factory.portable.secrets.references import decrypted, encrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.archive import ENCRYPTED, LEFT_OUT
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import Restored, restore
from dag_factory.store.archive.writing import Exported, export
from dag_factory.store.folder.folder_store import FolderStore
from tests.documents import SERVER
from tests.store.any_store import Kind, opened

KEYS = Keys(Fernet.generate_key().decode())
CANARY = "canary-5Hq2rT9xYw"
COMMENTED = "# The sales team's.\nname: orders\npipelineType: metadata\n"
PLAIN = f"""\
# The sales team's.
name: refunds
openMetadataServerConnection:
  hostPort: http://om/api
  securityConfig: {{jwtToken: {CANARY}}}
"""
DEFAULTS = f"openMetadataServerConnection:\n  hostPort: http://om/api\n  securityConfig: {{jwtToken: {CANARY}}}\n"


def shown(each: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
    del what, total
    yield from each


def exported(store: ConfigStore, path: Path, secrets: str = ENCRYPTED) -> Exported:
    return export(store, path, secrets=secrets, keys=KEYS, shown=shown)


def restored(store: ConfigStore, path: Path, *, overwrite: bool = False) -> Restored:
    return restore(store, Archive(path), KEYS, overwrite=overwrite, shown=shown)


def content(path: Path) -> dict[str, bytes]:
    return dict(Archive(path).files())


def put(kind: Kind, **files: str) -> None:
    for key, text in files.items():
        kind.put(key, text)


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return tmp_path / "store.tar.gz"


def test_a_store_comes_back_from_a_file_byte_for_byte(kind: Kind, tar: Path) -> None:
    sealed = json.dumps({"name": "a", "x": encrypted("s3cr3t", "a", KEYS)}, indent=2)
    files = {"a.json": sealed, "sales/orders.yaml": COMMENTED, "sales/defaults.yaml": "# ours\nenabled: false\n"}
    put(kind, **files)
    store = opened(kind)
    done = exported(store, tar)
    assert (done.files, done.encrypted, done.left_out, done.missing) == (3, {}, {}, {})
    for key in files:
        kind.remove(key)
    before = store.marker()
    assert sorted(restored(opened(kind), tar).written) == sorted(files)
    assert {key: kind.text(key) for key in files} == files
    assert opened(kind).marker() != before


def test_what_is_the_same_is_left_alone_and_makes_no_marker(kind: Kind, tar: Path) -> None:
    put(kind, **{"a.json": '{"name": "a"}', "orders.yaml": COMMENTED})
    exported(opened(kind), tar)
    kind.put("a.json", '{\n  "name": "a"\n}')
    # In object storage, the first look covers what was put there by hand.
    restored(opened(kind), tar)
    before = opened(kind).marker()
    done = restored(opened(kind), tar)
    assert (done.written, done.unchanged, done.differing) == ([], 2, [])
    assert kind.text("a.json") == '{\n  "name": "a"\n}'
    assert opened(kind).marker() == before


def test_a_config_that_differs_is_overwritten_only_on_demand(kind: Kind, tar: Path) -> None:
    put(kind, **{"a.json": '{"name": "a"}', "b.json": '{"name": "b"}'})
    exported(opened(kind), tar)
    kind.put("a.json", '{"name": "a", "enabled": false}')
    kind.remove("b.json")
    done = restored(opened(kind), tar)
    assert (done.written, done.differing) == ([], ["a.json"])
    assert opened(kind).list_keys() == ["a.json"]
    assert sorted(restored(opened(kind), tar, overwrite=True).written) == ["a.json", "b.json"]
    assert kind.text("a.json") == '{"name": "a"}'


def test_a_secret_in_the_clear_is_encrypted_for_its_dag_and_said(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "refunds.yaml").write_text(PLAIN)
    store = FolderStore(tmp_path / "store")
    done = exported(store, tar)
    field = "openMetadataServerConnection.securityConfig.jwtToken"
    assert done.encrypted == {"refunds.yaml": (field,)}
    assert done.rewritten == ["refunds.yaml"]
    assert CANARY.encode() not in gzip.decompress(tar.read_bytes())
    there = parse(content(tar)["refunds.yaml"], "refunds.yaml")
    assert decrypted(there, "refunds", KEYS) == parse(PLAIN.encode(), "refunds.yaml")
    # The same document, though one of the two is encrypted.
    assert restored(store, tar).unchanged == 1


def test_a_secret_of_defaults_is_left_out_and_named_since_it_can_not_be_encrypted(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "defaults.yaml").write_text(DEFAULTS)
    done = exported(FolderStore(tmp_path / "store"), tar)
    assert done.left_out == {"defaults.yaml": ("openMetadataServerConnection.securityConfig.jwtToken",)}
    assert CANARY.encode() not in gzip.decompress(tar.read_bytes())
    assert parse(content(tar)["defaults.yaml"], "defaults.yaml")["openMetadataServerConnection"]["hostPort"]


def test_left_out_are_encrypted_values_too_but_no_references(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    document = {
        "name": "a",
        "openMetadataServerConnection": SERVER,
        "sourceConfig": {"config": {"type": "DBT", "dbtConfigSource": {
            "dbtConfigType": "cloud", "dbtCloudAuthToken": encrypted(CANARY, "a", KEYS), "dbtCloudUrl": "https://x"}}},
    }  # fmt: skip
    (tmp_path / "store" / "a.json").write_text(json.dumps(document))
    store = FolderStore(tmp_path / "store")
    done = exported(store, tar, LEFT_OUT)
    assert done.left_out == {"a.json": ("sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",)}
    there = parse(content(tar)["a.json"], "a.json")
    assert there["openMetadataServerConnection"] == SERVER
    assert there["sourceConfig"]["config"]["dbtConfigSource"] == {"dbtConfigType": "cloud", "dbtCloudUrl": "https://x"}
    # A store that still has the secret keeps it.
    assert restored(store, tar).unchanged == 1


def test_what_can_not_be_read_is_not_in_it_and_is_named(tmp_path: Path, tar: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    (root / "broken.json").write_text(f'{{"name": "a", "token": "{CANARY}"')
    (root / "nameless.yaml").write_text(f"token: {CANARY}\n")
    (root / "good.json").write_text('{"name": "b"}')
    done = exported(FolderStore(root), tar)
    assert set(done.missing) == {"broken.json", "nameless.yaml"}
    assert "Give the pipeline a name" in done.missing["nameless.yaml"]
    assert list(content(tar)) == ["good.json"]
    assert CANARY.encode() not in gzip.decompress(tar.read_bytes())


@pytest.mark.parametrize(
    "comment", [f"# jwtToken: {CANARY}", f"#  - password: {CANARY}", f"# was https://bot:{CANARY}@om/api",
                f'# {{"token": "{CANARY}"}}'],
)  # fmt: skip
def test_a_comment_that_looks_like_a_secret_is_left_out(tmp_path: Path, tar: Path, comment: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "orders.yaml").write_text(f"{comment}\n{COMMENTED}")
    done = exported(FolderStore(tmp_path / "store"), tar)
    assert done.rewritten == ["orders.yaml"]
    assert CANARY.encode() not in gzip.decompress(tar.read_bytes())


@pytest.mark.parametrize(("begin", "part"), [("#", " "), ("#", "#"), ("# -", " "), ("# a", " ")])
def test_the_longest_comment_is_judged_without_trying_all_ways_to_part_it(
    tmp_path: Path, tar: Path, begin: str, part: str
) -> None:
    comment = begin + part * (MAX_BYTES - 200) + "."
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "orders.yaml").write_text(f"{comment}\n{COMMENTED}")
    # With time that grows by the square of the length, this would take hours.
    done = exported(FolderStore(tmp_path / "store"), tar)
    assert (done.files, done.rewritten) == (1, [])


def test_without_a_key_secrets_can_only_be_left_out(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(SettingsError, match=r"fernet_key is empty.*--secrets left-out"):
        export(FolderStore(tmp_path / "store"), tar, secrets=ENCRYPTED, keys=Keys(""), shown=shown)
    assert not tar.exists()


def test_no_file_is_overwritten_and_only_its_user_reads_it(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")
    exported(store, tar)
    assert tar.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ArchiveError, match="exists already"):
        exported(store, tar)
    with pytest.raises(ArchiveError, match="can't be written: No such file or directory"):
        exported(store, tmp_path / "missing" / "store.tar")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["store", "store.tar.gz"]


def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.json").write_text("{}")

    def failing(each: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
        yield from each
        raise StoreError("gone")

    with pytest.raises(StoreError, match="gone"):
        export(FolderStore(tmp_path / "store"), tar, secrets=LEFT_OUT, keys=KEYS, shown=failing)
    assert [each.name for each in tmp_path.iterdir()] == ["store"]


def test_the_same_store_makes_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in "ba":
        (tmp_path / "store" / f"{name}.json").write_text(json.dumps({"name": name}))
    made = [tmp_path / "1.tgz", tmp_path / "2.tgz"]
    for path in made:
        exported(FolderStore(tmp_path / "store"), path)
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.slow
def test_an_import_that_was_killed_leaves_each_config_whole_and_goes_on(tmp_path: Path) -> None:
    root, tar = tmp_path / "store", tmp_path / "store.tar"
    root.mkdir()
    text = json.dumps({"name": "x", "description": "words " * 500})
    for number in range(200):
        (root / f"p{number:03}.json").write_text(text.replace("x", f"p{number:03}", 1))
    exported(FolderStore(root), tar)
    whole = {path.name: path.read_bytes() for path in root.glob("*.json")}
    for path in root.glob("*.json"):
        path.unlink()

    child = os.fork()
    if not child:

        def dying(each: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
            del total
            for number, one in enumerate(each):
                if what == "Importing" and number == 77:
                    os._exit(1)
                yield one

        restore(FolderStore(root), Archive(tar), KEYS, overwrite=False, shown=dying)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    there = {path.name: path.read_bytes() for path in root.glob("*.json")}
    assert 0 < len(there) < 200
    assert there.items() <= whole.items()
    done = restored(FolderStore(root), tar)
    assert done.unchanged == len(there)
    assert {path.name: path.read_bytes() for path in root.glob("*.json")} == whole


def test_defaults_are_written_before_the_configs_that_need_them(tmp_path: Path, tar: Path) -> None:
    (tmp_path / "store" / "z").mkdir(parents=True)
    for key in ("a.json", "z/b.json", "z/defaults.yaml"):
        (tmp_path / "store" / key).write_text("{}")
    exported(FolderStore(tmp_path / "store"), tar)
    assert list(content(tar)) == ["z/defaults.yaml", "a.json", "z/b.json"]


def test_what_another_writer_makes_meanwhile_is_not_overwritten(tmp_path: Path, tar: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    (root / "a.json").write_text('{"name": "a"}')
    exported(FolderStore(root), tar)
    (root / "a.json").unlink()

    def busy(each: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
        del total
        if what == "Importing":
            (root / "a.json").write_text('{"name": "a", "enabled": false}')
        yield from each

    done = restore(FolderStore(root), Archive(tar), KEYS, overwrite=False, shown=busy)
    assert (done.written, done.differing) == ([], ["a.json"])


def test_it_is_a_tar_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "Größe.json").write_text('{"name": "a"}')
    exported(FolderStore(tmp_path / "store"), tmp_path / "store.tar")
    with tarfile.open(tmp_path / "store.tar") as archive:
        # `tarfile.data_filter` is there from Python 3.11.4 on.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path / "out")
    assert (tmp_path / "out" / "configs" / "Größe.json").read_text() == '{"name": "a"}'


def test_what_another_key_has_encrypted_is_written_and_named(tmp_path: Path, tar: Path) -> None:
    for name in ("store", "other"):
        (tmp_path / name).mkdir()
    document = {"name": "a", "x": {"y": encrypted("s3cr3t", "a", KEYS)}}
    (tmp_path / "store" / "a.json").write_text(json.dumps(document))
    exported(FolderStore(tmp_path / "store"), tar)
    other = Keys(Fernet.generate_key().decode())
    done = restore(FolderStore(tmp_path / "other"), Archive(tar), other, overwrite=False, shown=shown)
    assert done.written == ["a.json"]
    said = (
        rf"x\.y is encrypted with the key of fingerprint {KEYS.fingerprints[0]}, which is missing from .* Add that key"
    )
    assert re.match(said, done.sealed_elsewhere["a.json"])
    assert restored(FolderStore(tmp_path / "other"), tar).unchanged == 1
