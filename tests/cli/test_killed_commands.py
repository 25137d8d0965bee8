"""What writes configs may be killed before any of its changes: each config is whole, and the next one does the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.cli.migration.migration import Migrator
from dag_factory.portable.secrets.references import decrypted, encrypted, is_sealed_newly
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import writer
from dag_factory.store.archive import ENCRYPTED
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import restore
from dag_factory.store.archive.writing import export
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import check
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.rotation import rotate
from tests.kills import killed_before
from tests.managed_apis import KEPT, keep
from tests.stored import good

NAMES = ("orders", "refunds")
TOKEN = "canary-8Jd3kQ"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
ORDERS = json.loads((KEPT / "sqlite_metadata_daily.json").read_text())


def document(name: str, token: object = TOKEN) -> dict[str, Any]:
    connection = {**ORDERS["openMetadataServerConnection"], "securityConfig": {"jwtToken": token}}
    return {
        **ORDERS,
        "name": name,
        "fullyQualifiedName": f"sqlite_svc.{name}",
        "openMetadataServerConnection": connection,
    }


def shown(each: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
    del what, total
    yield from each


def prepare_import(root: Path) -> None:
    sync(root)
    export(FolderStore(root / "store"), root / "a.tar", secrets=ENCRYPTED, keys=Keys(), shown=shown)
    shutil.rmtree(root / "store")
    (root / "store").mkdir()


def import_(root: Path) -> None:
    restore(FolderStore(root / "store"), Archive(root / "a.tar"), Keys(), overwrite=False, shown=shown)


def sync(root: Path) -> None:
    for name in NAMES:
        writer.deploy(FolderStore(root / "store"), writer.checked(document(name)))


def prepare_rotation(root: Path) -> None:
    kept: list[Version] = []
    for name in NAMES:
        sealed = document(name, encrypted(TOKEN, name, Keys(OLD)))
        (root / "store" / f"{name}.json").write_text(json.dumps(sealed))
        kept.append(Version(name, f"{name}.json", sealed))
    FolderStore(root / "store").last_good.keep(kept, InUse(), since=0, complete=True)


def rotate_key(root: Path) -> None:
    rotate(FolderStore(root / "store"), Keys())


def prepare_migration(root: Path) -> None:
    for name in NAMES:
        keep(document(name), root / "kept", root / "dags")


def migrate(root: Path, kept: str = "kept") -> None:
    store = FolderStore(root / ("store" if kept == "kept" else kept))
    backup = root / f"backup_{len(list(root.glob('backup_*')))}"
    migrator = Migrator(root / kept, root / "dags", store, backup=backup, progress=shown)
    migrator.look()
    migrator.move(remove=True)


def prepare_migration_in_place(root: Path) -> None:
    for name in NAMES:
        keep(document(name), root / "store", root / "dags")


def migrate_in_place(root: Path) -> None:
    migrate(root, "store")


Step = Callable[[Path], None]
COMMANDS: dict[str, tuple[Step, Step]] = {
    "import": (prepare_import, import_),
    "sync": (lambda _: None, sync),
    "rotate-key": (prepare_rotation, rotate_key),
    "migrate": (prepare_migration, migrate),
    "migrate-in-place": (prepare_migration_in_place, migrate_in_place),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_before_any_change_it_leaves_whole_configs_and_the_next_one_does_the_rest(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{NEW},{OLD}")
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_APPLICATIONS", "metadata.")
    prepare, work = COMMANDS[command]
    for nth in range(1, 200):
        root = tmp_path / str(nth)
        (root / "store").mkdir(parents=True)
        prepare(root)
        store = FolderStore(root / "store")
        before = {path.name: path.read_bytes() for path in store.root.glob("*.json")}
        marker = store.marker()

        is_killed = killed_before(nth, lambda root=root: work(root))  # type: ignore[misc]

        configs = {config.dag_id for config in good(Catalog(FolderStore(store.root), check).all())}
        assert configs >= {path.removesuffix(".json") for path in before}
        for name in NAMES if "migrate" in command else ():
            assert (root / "dags" / f"{name}.py").exists() or name in configs
        for path in store.root.rglob("*"):
            if path.is_file() and path.read_bytes() != before.get(path.name):
                assert TOKEN.encode() not in path.read_bytes(), path

        work(root)

        store = FolderStore(store.root)
        found = {config.dag_id: config for config in good(Catalog(store, check).all())}
        assert set(found) == set(NAMES)
        assert not list(root.glob("dags/*.py"))
        # The watcher calls this with each look, and so makes the marker that the killed one owed.
        store.settle()
        assert store.marker() != marker
        for name, config in found.items():
            sealed = json.loads((store.root / config.key).read_text())
            token = decrypted(sealed, name, Keys(NEW))["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
            assert token == TOKEN
            assert TOKEN not in json.dumps(sealed)
        copies = store.last_good.copies()
        assert all(is_sealed_newly(each.document, Keys()) for each in copies.newest_first(copies.listed()))
        if not is_killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert nth > 8
