"""What the plugin has left is moved: whole, once, and without anything that it still needs being taken from it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.fernet import Fernet

from dag_factory.cli.migration.migration import Migration, Migrator
from dag_factory.cli.migration.plugin_documents import names_in
from dag_factory.errors import CommandError, SettingsError, StoreError
from dag_factory.portable.secrets.references import decrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import check
from dag_factory.store.folder.folder_store import FolderStore
from tests.managed_apis import KEPT, generated, keep, left_behind
from tests.stored import good
from tests.unprivileged import nobody

T = TypeVar("T")
ORDERS = json.loads((KEPT / "sqlite_metadata_daily.json").read_text())
TOKEN = "a-token-in-plain-text"


def document(name: str, **fields: Any) -> dict[str, Any]:
    connection = {**ORDERS["openMetadataServerConnection"], "securityConfig": {"jwtToken": TOKEN}}
    fqn = f"sqlite_svc.{name}"
    return {**ORDERS, "name": name, "fullyQualifiedName": fqn, "openMetadataServerConnection": connection, **fields}


def quietly(each: Iterable[T], what: str, total: int) -> Iterator[T]:
    del what, total
    yield from each


class Place:
    """An Airflow's folders: what the plugin has left, and our store."""

    def __init__(self, root: Path) -> None:
        self.configs, self.dags, self.store = root / "dag_generated_configs", root / "dags", root / "store"
        for folder in (self.configs, self.dags, self.store):
            folder.mkdir()

    def migrate(
        self, *, remove: bool = True, look: bool = False, in_place: bool = False, backup: Path | None = None
    ) -> Migration:
        migrator = Migrator(
            self.configs,
            self.dags,
            FolderStore(self.configs if in_place else self.store),
            backup=backup or self.configs / f".before_migration_{len(list(self.configs.iterdir()))}",
            progress=quietly,
        )
        migrator.look()
        if not look:
            migrator.move(remove=remove)
        return migrator.found

    def generated(self) -> list[str]:
        return sorted(path.stem for path in self.dags.glob("*.py"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_APPLICATIONS", "metadata.")
    return Place(tmp_path)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def configs_in(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json") if path.name[0] != "."}


def states(found: Migration) -> dict[str, str]:
    return {each.name: each.state for each in found.judged}


def test_what_the_plugin_has_left_becomes_the_same_pipelines_with_their_secrets_encrypted(place: Place) -> None:
    names = left_behind(place.configs, place.dags)
    before = content(place.configs)
    found = place.migrate()
    assert found.is_complete
    assert found.stored == {f"{name}.json" for name in names}
    assert place.generated() == []
    moved = good(Catalog(FolderStore(place.store), check).all())
    assert [config.dag_id for config in moved] == names
    keys = Keys()
    for config in moved:
        kept = json.loads(before[f"{config.dag_id}.json"])
        opened = decrypted(config.document, config.dag_id, keys)
        since = opened.pop("dagFactory", None)
        assert opened == kept
        assert (since is not None) == bool(kept["airflowConfig"]["scheduleInterval"])
        token = config.document["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
        assert token.keys() == {"$fernet"}
    # The plugin's own documents stay, for the way back.
    after = content(place.configs)
    assert before.items() <= after.items()
    assert {name for name in after if not name.endswith(".py")} == before.keys()


def test_in_place_nothing_is_left_in_plain_text_but_the_copy(place: Place) -> None:
    keep(document("orders"), place.configs, place.dags)
    original = (place.configs / "orders.json").read_bytes()
    found = place.migrate(in_place=True)
    assert found.is_complete
    assert TOKEN not in (place.configs / "orders.json").read_text()
    assert found.backup is not None
    assert (found.backup / "configs" / "orders.json").read_bytes() == original
    assert (found.backup / "dags" / "orders.py").is_file()
    assert (found.backup.stat().st_mode & 0o777) == 0o700
    (config,) = good(Catalog(FolderStore(place.configs), check).all())
    assert config.dag_id == "orders"


def test_in_place_a_document_that_a_generated_file_still_reads_stays_as_the_plugin_needs_it(place: Place) -> None:
    keep(document("orders"), place.configs, place.dags)
    keep(document("refunds"), place.configs)
    before = content(place.configs)
    found = place.migrate(in_place=True, remove=False)
    assert found.plain == {"orders.json"}
    assert not found.is_complete
    assert content(place.configs)["orders.json"] == before["orders.json"]
    assert TOKEN not in (place.configs / "refunds.json").read_text()
    assert place.generated() == ["orders"]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_look_changes_nothing_and_says_what_would_be_done(place: Place, in_place: bool) -> None:
    left_behind(place.configs, place.dags)
    before = {folder: content(folder) for folder in (place.configs, place.dags, place.store)}
    found = place.migrate(look=True, in_place=in_place)
    assert set(states(found).values()) == {"new"}
    assert all(each.stays is None for each in found.files)
    assert {folder: content(folder) for folder in (place.configs, place.dags, place.store)} == before


@pytest.mark.parametrize("in_place", [False, True])
def test_a_second_run_changes_nothing(place: Place, in_place: bool) -> None:
    left_behind(place.configs, place.dags)
    place.migrate(in_place=in_place)
    before = {folder: content(folder) for folder in (place.configs, place.store)}
    found = place.migrate(in_place=in_place)
    assert set(states(found).values()) == {"there"}
    assert found.backup is None
    assert {folder: content(folder) for folder in (place.configs, place.store)} == before


class Killed(BaseException):
    pass


class DyingStore(FolderStore):
    """A store whose process dies at its n-th write."""

    writes = 0

    def write(self, key: str, data: bytes) -> None:
        if self.writes == 1:
            raise Killed
        self.writes += 1
        super().write(key, data)


@pytest.mark.parametrize("in_place", [False, True])
def test_one_that_is_killed_in_its_midst_is_finished_by_the_next(place: Place, in_place: bool) -> None:
    names = left_behind(place.configs, place.dags)
    folder = place.configs if in_place else place.store
    migrator = Migrator(
        place.configs, place.dags, DyingStore(folder), backup=place.configs / ".first", progress=quietly
    )
    migrator.look()
    with pytest.raises(Killed):
        migrator.move(remove=True)
    found = place.migrate(in_place=in_place)
    assert found.is_complete
    assert place.generated() == []
    assert [config.dag_id for config in good(Catalog(FolderStore(folder), check).all())] == names
    for config in configs_in(folder).values():
        assert "$fernet" in config["openMetadataServerConnection"]["securityConfig"]["jwtToken"]


def test_a_config_that_was_deployed_here_since_is_never_replaced_by_the_older_one(place: Place) -> None:
    keep(document("orders"), place.configs, place.dags)
    store = FolderStore(place.store)
    newer = document("orders", description="deployed since")
    writer.deploy(store, writer.checked(newer))
    before = content(place.store)["orders.json"]
    found = place.migrate()
    assert states(found) == {"orders.json": "newer"}
    assert content(place.store)["orders.json"] == before
    assert place.generated() == []
    assert found.is_complete


def test_a_dropped_config_that_has_the_dag_id_already_is_left_as_it_is(place: Place) -> None:
    keep(document("orders"), place.configs)
    (place.store / "sales").mkdir()
    (place.store / "sales" / "mine.json").write_text(json.dumps(document("orders")))
    found = place.migrate()
    assert states(found) == {"orders.json": "newer"}
    assert not (place.store / "orders.json").exists()


def test_what_is_changed_between_the_look_and_the_move_is_left_as_it_is(place: Place) -> None:
    keep(document("orders"), place.configs)
    store = FolderStore(place.store)
    migrator = Migrator(place.configs, place.dags, store, backup=place.configs / ".a", progress=quietly)
    migrator.look()
    writer.deploy(store, writer.checked(document("orders", description="deployed meanwhile")))
    migrator.move(remove=True)
    assert migrator.found.stored == set()
    assert "was changed meanwhile" in migrator.found.failed["orders.json"]
    assert configs_in(place.store)["orders"]["description"] == "deployed meanwhile"


def test_a_config_that_can_t_run_here_keeps_its_generated_file_and_is_named_with_the_way_out(place: Place) -> None:
    keep(document("orders", airflowConfig={"scheduleInterval": "every day"}), place.configs, place.dags)
    keep(document("refunds"), place.configs, place.dags)
    found = place.migrate()
    assert states(found) == {"orders.json": "wrong", "refunds.json": "new"}
    (wrong,) = (each for each in found.judged if each.state == "wrong")
    assert "config 'orders.json', field 'airflowConfig.scheduleInterval': is not a cron" in str(wrong.problem)
    assert place.generated() == ["orders"]
    assert not (place.store / "orders.json").exists()
    assert not found.is_complete


def test_a_generated_file_that_reads_by_links_in_a_circle_stays_and_the_others_go(place: Place, tmp_path: Path) -> None:
    keep(document("orders"), place.configs, place.dags)
    (tmp_path / "circle").symlink_to("circle")
    (place.dags / "odd.py").write_text(generated(tmp_path / "circle" / "orders.json"))
    place.migrate()
    assert place.generated() == ["odd"]


def test_only_files_that_read_this_folder_are_removed(place: Place, tmp_path: Path) -> None:
    keep(document("orders"), place.configs)
    (place.dags / "orders.py").write_text(generated(tmp_path / "elsewhere" / "orders.json"))
    (place.dags / "gone.py").write_text(generated(place.configs / "gone.json"))
    (place.dags / "edited.py").write_text(generated(place.configs / "orders.json") + "\nprint(dag)")
    found = place.migrate()
    reasons = {each.generated.path.stem: str(each.stays) for each in found.files}
    assert "which is not in this folder" in reasons["orders"]
    assert "is missing, so its DAG can't run" in reasons["gone"]
    assert "it was changed by hand" in reasons["edited"]
    assert place.generated() == ["edited", "gone", "orders"]


def test_hostile_files_are_reported_and_nothing_is_read_that_lies_outside(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(document("canary")))
    (place.configs / "link.json").symlink_to(secret)
    os.mkfifo(place.configs / "pipe.json")
    (place.configs / "folder.json").mkdir()
    (place.configs / "deep.json").write_text("[" * 100_000)
    (place.configs / "large.json").write_text(json.dumps({"name": "a" * 2_000_000}))
    (place.configs / "nul.json").write_bytes(b"\0\xff")
    (place.configs / "twice.json").write_text('{"name": "a", "name": "b"}')
    (place.configs / "list.json").write_text("[]")
    (place.configs / "traversal.json").write_text(json.dumps(document("../../../etc/cron.d/x")))
    (place.configs / "ansi\x1b[31m.json").write_text(json.dumps(document("ok")))
    found = place.migrate()
    assert states(found) == {
        **dict.fromkeys(
            ["deep.json", "folder.json", "large.json", "link.json", "list.json", "nul.json", "pipe.json", "twice.json"],
            "wrong",
        ),
        "traversal.json": "new",
        "ansi\x1b[31m.json": "new",
    }
    assert sorted(configs_in(place.store)) == ["_etc_cron_d_x", "ok"]


def test_two_documents_of_one_dag_id_are_not_both_moved(place: Place) -> None:
    keep(document("orders"), place.configs)
    (place.configs / "z.json").write_text(json.dumps(document("orders", description="another")))
    found = place.migrate()
    assert states(found) == {"orders.json": "new", "z.json": "wrong"}
    assert "as 'orders.json' does" in str(found.judged[1].problem)


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[None]:
    """Let another user reach the test's folder."""
    opened = [
        path for path in (tmp_path, *tmp_path.parents) if path.stat().st_uid == os.geteuid() and path != Path("/")
    ]
    modes = {path: path.stat().st_mode for path in opened}
    for path in opened:
        path.chmod(modes[path] | 0o055)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


@pytest.mark.usefixtures("open_to_all")
def test_a_read_only_dags_folder_and_an_unreadable_file_are_said_before_anything_is_changed(
    place: Place, tmp_path: Path
) -> None:
    keep(document("orders"), place.configs, place.dags)
    keep(document("closed"), place.configs, place.dags).chmod(0)
    place.dags.chmod(0o555)
    (place.dags / "unreadable.py").write_text("import airflow")
    (place.dags / "unreadable.py").chmod(0)
    for folder in (place.store, place.configs):
        folder.chmod(0o777)
    with nobody():
        found = place.migrate(backup=place.configs / ".backup")
    assert states(found) == {"closed.json": "wrong", "orders.json": "new"}
    assert "can't be read: Permission denied. Run the command as a user who can" in str(found.judged[0].problem)
    reasons = {each.generated.path.stem: str(each.stays) for each in found.files}
    assert reasons["orders"].startswith(f"this user can't write to '{place.dags}'")
    assert found.unread == {place.dags / "unreadable.py": "Permission denied"}
    assert place.generated() == ["closed", "orders", "unreadable"]
    assert not found.is_complete


def test_in_place_without_a_copy_nothing_is_replaced(place: Place, tmp_path: Path) -> None:
    keep(document("orders"), place.configs)
    before = content(place.configs)["orders.json"]
    (tmp_path / "file").write_text("")
    found = place.migrate(in_place=True, backup=tmp_path / "file" / "backup")
    assert "no copy of it can be kept" in found.failed["orders.json"]
    assert content(place.configs)["orders.json"] == before


def test_in_place_a_config_that_was_deployed_here_since_is_not_touched(place: Place) -> None:
    writer.deploy(FolderStore(place.configs), writer.checked(document("orders")))
    before = content(place.configs)["orders.json"]
    found = place.migrate(in_place=True)
    assert states(found) == {"orders.json": "there"}
    assert content(place.configs)["orders.json"] == before


def test_without_a_key_to_encrypt_with_nothing_begins(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(document("orders"), place.configs, place.dags)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    with pytest.raises(SettingsError, match="The secrets of configs can't be encrypted"):
        place.migrate()
    assert place.generated() == ["orders"]


def test_a_store_that_is_gone_in_the_midst_removes_no_generated_file(place: Place) -> None:
    keep(document("orders"), place.configs, place.dags)
    migrator = Migrator(
        place.configs, place.dags, FolderStore(place.store), backup=place.configs / ".a", progress=quietly
    )
    migrator.look()
    shutil.rmtree(place.store)
    with pytest.raises(StoreError):
        migrator.move(remove=True)
    assert place.generated() == ["orders"]


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"can't be listed: No such file or directory\. Name the folder of"):
        names_in(tmp_path / "nowhere")


def test_a_redeploy_of_a_moved_pipeline_does_not_make_up_for_what_was_missed_before(place: Place) -> None:
    schedule = {**ORDERS["airflowConfig"], "scheduleInterval": "0 3 * * *"}
    keep(document("orders", airflowConfig=schedule), place.configs, place.dags)
    place.migrate()
    store = FolderStore(place.store)
    moved_at = configs_in(place.store)["orders"]["dagFactory"]["movedAt"]
    writer.deploy(store, writer.checked(document("orders", airflowConfig=schedule, description="again")))
    again = configs_in(place.store)["orders"]
    assert again["description"] == "again"
    assert again["dagFactory"] == {"movedAt": moved_at}
    assert not writer.deploy(
        store, writer.checked(document("orders", airflowConfig=schedule, description="again"))
    ).changed


@pytest.mark.parametrize("in_place", [False, True])
def test_the_way_back_is_to_copy_what_was_kept(place: Place, in_place: bool) -> None:
    left_behind(place.configs, place.dags)
    before = content(place.configs), content(place.dags)
    found = place.migrate(in_place=in_place)
    assert found.backup is not None
    shutil.copytree(found.backup / "dags", place.dags, dirs_exist_ok=True)
    if in_place:
        shutil.copytree(found.backup / "configs", place.configs, dirs_exist_ok=True)
    shutil.rmtree(found.backup)
    after = {name: data for name, data in content(place.configs).items() if not name.startswith((".", "defaults"))}
    assert (after, content(place.dags)) == before
