"""The writer: what is deployed is on disk, encrypted, under the name that the loader looks for."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.dag.builder import build_dag
from dag_factory.errors import ConfigError, ConflictError, SettingsError, StoreError
from dag_factory.portable.secrets.references import decrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.writer import Deployed, delete
from tests.places import TESTS
from tests.stored import good

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
TOKEN = SAMPLE["openMetadataServerConnection"]["securityConfig"]["jwtToken"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    return FolderStore(tmp_path)


def document(**fields: Any) -> bytes:
    return json.dumps({**SAMPLE, **fields}).encode()


def deploy(store: FolderStore, data: bytes) -> Deployed:
    return writer.deploy(store, writer.checked(writer.parsed(data)))


def place(store: FolderStore, key: str, **fields: Any) -> None:
    """Put a config into the store as a person does."""
    path = store.root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**SAMPLE, **fields}))


def stored(store: FolderStore, key: str = "pg_metadata_hourly.json") -> dict[str, Any]:
    return dict(json.loads((store.root / key).read_text()))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_a_server_deploys_is_kept_as_it_came_but_for_its_secrets(store: FolderStore, path: Path) -> None:
    name, data = path.stem, path.read_bytes()
    if "dataInsight" in name:
        with pytest.raises(ConfigError, match="has become an application"):
            deploy(store, data)
        assert list(store.root.iterdir()) == []
        return
    assert deploy(store, data) == Deployed(name, changed=True)
    assert TOKEN not in (store.root / f"{name}.json").read_text()
    assert decrypted(stored(store, f"{name}.json"), name, Keys()) == json.loads(data)
    assert stat.S_IMODE((store.root / f"{name}.json").stat().st_mode) == 0o600


def test_the_same_document_again_makes_the_marker_that_a_writer_that_died_has_left_undone(store: FolderStore) -> None:
    deploy(store, document())
    before = store.marker() or ""
    data = (store.root / "pg_metadata_hourly.json").read_bytes()
    FolderStore(store.root).write("pg_metadata_hourly.json", data)
    assert deploy(store, document()) == Deployed("pg_metadata_hourly", changed=False)
    assert (store.marker() or "") > before


def test_a_second_delete_makes_the_marker_that_the_first_has_left_undone(store: FolderStore) -> None:
    deploy(store, document())
    before = store.marker() or ""
    FolderStore(store.root).delete("pg_metadata_hourly.json")
    assert delete(store, "pg_metadata_hourly") is False
    assert (store.marker() or "") > before


OWN_NAMES = ["defaults", "defaults.yaml", ".store", ".version", ".lock", ".dag_ids.json", "../up", "a/b", "CON", "-a"]


@pytest.mark.parametrize("name", OWN_NAMES)
def test_no_name_leads_to_a_file_of_the_store_s_own_or_out_of_it(store: FolderStore, name: str) -> None:
    (store.root / "defaults.yaml").write_text("enabled: false\n")
    deploy(store, document(name="before", fullyQualifiedName="s.before"))
    before = {
        path.name: path.read_bytes() for path in store.root.iterdir() if path.name not in (".version", ".announced")
    }
    done = deploy(store, document(name=name, fullyQualifiedName=f"s.{name}"))
    assert not done.dag_id.startswith(".")
    assert f"{done.dag_id}.json" not in before
    assert Catalog(store).look_up(done.dag_id) is not None
    for file, data in before.items():
        assert (store.root / file).read_bytes() == data
    assert delete(store, name)
    assert Catalog(store).look_up("before") is not None


def test_the_same_document_again_changes_nothing_not_even_the_marker(store: FolderStore) -> None:
    deploy(store, document())
    marker, text = store.marker(), (store.root / "pg_metadata_hourly.json").read_bytes()
    assert deploy(store, document()) == Deployed("pg_metadata_hourly", changed=False)
    assert (store.marker(), (store.root / "pg_metadata_hourly.json").read_bytes()) == (marker, text)


def test_another_document_replaces_it_and_bumps_the_marker(store: FolderStore) -> None:
    deploy(store, document())
    first = store.marker()
    assert deploy(store, document(displayName="New")).changed
    assert stored(store)["displayName"] == "New"
    assert first is not None
    assert (store.marker() or "") > first


def test_another_secret_is_another_document(store: FolderStore) -> None:
    deploy(store, document())
    other = {"hostPort": "http://om.example/api", "securityConfig": {"jwtToken": "eyJhbGciOiJub25lIn0.e30.other"}}
    assert deploy(store, document(openMetadataServerConnection=other)).changed


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "secret=1"},
        {"displayName": "token = 1"},
        {"service": {"type": "databaseService", "name": "postgres://team@host"}},
        {"owners": [{"type": "team", "name": "pwd="}]},
        {"description": "Set password=…"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_only_looks_like_a_secret_leaves_a_config_that_a_dag_can_be_built_from(
    store: FolderStore, fields: dict[str, Any]
) -> None:
    dag_id = deploy(store, document(**fields)).dag_id
    (config,) = good(Catalog(store).all())
    assert build_dag(config).dag_id == config.dag_id == dag_id


def test_a_secret_beside_what_a_dag_is_made_of_is_encrypted_all_the_same(store: FolderStore) -> None:
    deploy(store, document(service={"type": "databaseService", "name": "pg", "connection": {"password": "hush"}}))
    assert "hush" not in (store.root / "pg_metadata_hourly.json").read_text()


def test_secrets_that_are_numbers_are_encrypted_too_and_the_same_when_they_come_again(store: FolderStore) -> None:
    data = document(sourceConfig={"config": {"password": 90210123, "options": [{"key": "token", "value": 1.5}]}})
    assert deploy(store, data).changed
    assert "90210123" not in (store.root / "pg_metadata_hourly.json").read_text()
    assert stored(store)["sourceConfig"]["config"]["password"]["as"] == "number"
    assert decrypted(stored(store), "pg_metadata_hourly", Keys()) == json.loads(data)
    assert not deploy(store, data).changed


FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"


def test_after_a_rotation_the_same_document_is_sealed_again_and_the_old_key_may_go(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = os.environ[FERNET_KEY], Fernet.generate_key().decode()
    deploy(store, document())
    marker = store.marker()
    monkeypatch.setenv(FERNET_KEY, f"{new},{old}")
    assert deploy(store, document()).changed
    assert store.marker() != marker
    assert not deploy(store, document()).changed
    monkeypatch.setenv(FERNET_KEY, new)
    assert not deploy(store, document()).changed
    assert decrypted(stored(store), "pg_metadata_hourly", Keys()) == SAMPLE


def test_a_document_whose_key_is_lost_stays_until_it_is_deployed_again(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(store, document())
    text = (store.root / "pg_metadata_hourly.json").read_bytes()
    monkeypatch.setenv(FERNET_KEY, Fernet.generate_key().decode())
    (config,) = good(Catalog(store).all())
    with pytest.raises(ConfigError, match=r"^config 'pg_metadata_hourly.json', field .*fingerprint"):
        build_dag(config)
    with pytest.raises(ConfigError, match=r"^field .*fingerprint"):
        deploy(store, text)
    assert (store.root / "pg_metadata_hourly.json").read_bytes() == text
    assert deploy(store, document()).changed
    (config,) = good(Catalog(store).all())
    assert build_dag(config).dag_id == "pg_metadata_hourly"


def test_what_is_sealed_for_another_pipeline_is_refused(store: FolderStore) -> None:
    deploy(store, document())
    stolen = stored(store)["openMetadataServerConnection"]
    with pytest.raises(ConfigError, match="for another DAG than 'mine'"):
        deploy(store, document(name="mine", fullyQualifiedName="mine", openMetadataServerConnection=stolen))
    assert not (store.root / "mine.json").exists()


def test_what_is_sealed_for_this_pipeline_is_kept(store: FolderStore) -> None:
    deploy(store, document())
    assert not deploy(store, (store.root / "pg_metadata_hourly.json").read_bytes()).changed
    assert not deploy(store, document()).changed


def test_what_stands_in_the_clear_is_sealed_though_the_document_is_the_same(store: FolderStore) -> None:
    (store.root / "pg_metadata_hourly.json").write_bytes(document())
    assert deploy(store, document()).changed
    assert TOKEN not in (store.root / "pg_metadata_hourly.json").read_text()


def test_what_no_schema_knows_is_encrypted_too_and_comes_back_as_it_came(store: FolderStore) -> None:
    newer = {"pin": "canary", "n": [2**63, 1.5, 1e22, -0.0], "none": None, "is": [True, False], "": ["", {}, []]}
    data = document(futureField=newer, sourceConfig={"config": {"type": "DatabaseMetadata", "futureField": [newer]}})
    assert deploy(store, data).changed
    assert "canary" not in (store.root / "pg_metadata_hourly.json").read_text()
    assert repr(decrypted(stored(store), "pg_metadata_hourly", Keys())) == repr(json.loads(data))
    assert not deploy(store, data).changed


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"futureField": ["x"] * 10_000}, "holds more than"), ({"futureField": "x" * 900_000}, "once its secrets")],
)
def test_what_is_too_large_once_it_is_encrypted_is_refused_and_not_stored_to_be_broken(
    store: FolderStore, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        deploy(store, document(**fields))
    assert store.list_keys() == []


def test_references_stay_what_they_are(store: FolderStore) -> None:
    token = {"$connection": "openmetadata", "field": "password"}
    server = {"hostPort": {"$env": "OPENMETADATA_HOST"}, "securityConfig": {"jwtToken": token}}
    deploy(store, document(openMetadataServerConnection=server))
    assert stored(store)["openMetadataServerConnection"] == server


def test_a_name_that_becomes_the_id_of_another_pipeline_is_refused_with_whom_it_clashes(store: FolderStore) -> None:
    deploy(store, document(name="a b", fullyQualifiedName="one.a b"))
    with pytest.raises(
        ConflictError, match=r"DAG id 'a_b', which belongs to the pipeline 'one.a b' \(config 'a_b.json'\)"
    ):
        deploy(store, document(name="a.b", fullyQualifiedName='two."a.b"'))
    assert stored(store, "a_b.json")["name"] == "a b"


def test_a_pipeline_whose_service_was_renamed_is_the_same_one(store: FolderStore) -> None:
    number = str(uuid.uuid4())
    deploy(store, document(id=number, fullyQualifiedName="old_name.pg_metadata_hourly"))
    assert deploy(store, document(id=number, fullyQualifiedName="new_name.pg_metadata_hourly")).changed
    with pytest.raises(ConflictError):
        deploy(store, document(id=str(uuid.uuid4()), fullyQualifiedName="old_name.pg_metadata_hourly"))


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [("a: [", "config 'defaults.yaml': is not YAML"), ("dagFactory: {x: 1}", "config 'defaults.yaml', field 'dagF")],
)
def test_what_the_defaults_beneath_it_would_break_is_refused(store: FolderStore, defaults: str, problem: str) -> None:
    (store.root / "defaults.yaml").write_text(defaults)
    with pytest.raises(ConfigError, match=problem):
        deploy(store, document())
    assert {path.name for path in store.root.iterdir()} == {"defaults.yaml", ".lock"}


def test_a_deploy_takes_the_place_of_a_broken_config(store: FolderStore) -> None:
    store.root.joinpath("pg_metadata_hourly.json").write_text("{")
    assert deploy(store, document()).changed
    assert Catalog(store).look_up("pg_metadata_hourly") is not None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a mapping"),
        (document(pipelineType="telepathy"), "is not a type"),
        (document(airflowConfig={"scheduleInterval": "x"}), "is not a cron"),
        (document(service=None), "is missing"),
        (document(name="x" * 300), "is too long"),
        (document(name="\x00"), "can't be stored"),
    ],
)
def test_what_can_not_be_run_is_refused_and_leaves_nothing(store: FolderStore, data: bytes, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        deploy(store, data)
    assert TOKEN not in str(error.value)
    assert list(store.root.iterdir()) == []


def test_a_deploy_takes_the_place_of_a_config_that_is_no_pipeline_yet(store: FolderStore) -> None:
    (store.root / "pg_metadata_hourly.json").write_text(json.dumps({"name": SAMPLE["name"], "pipelineType": 5}))
    assert deploy(store, document()).changed
    assert stored(store)["pipelineType"] == "metadata"


def test_a_name_can_not_lead_out_of_the_store(store: FolderStore) -> None:
    deploy(store, document(name="../../etc/passwd", fullyQualifiedName="x"))
    assert [path.name for path in store.root.iterdir() if not path.name.startswith(".")] == ["_etc_passwd.json"]


def test_without_a_fernet_key_no_secret_is_kept(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    with pytest.raises(SettingsError, match="fernet_key is empty"):
        deploy(store, document())
    assert list(store.root.iterdir()) == []


def test_a_config_that_fails_to_be_read_is_not_taken_for_a_broken_one_that_may_be_replaced(store: FolderStore) -> None:
    path = store.root / "pg_metadata_hourly.json"
    # A regular file that can be opened; reading it is an input/output error.
    path.symlink_to("/proc/self/mem")
    for call in (lambda: deploy(store, document()), lambda: delete(store, "pg_metadata_hourly")):
        with pytest.raises(StoreError, match=r"'pg_metadata_hourly.json' can't be read: Input/output error"):
            call()
    assert path.is_symlink()


def test_defaults_that_fail_to_be_read_are_the_store_s_fault_and_not_the_document_s(store: FolderStore) -> None:
    (store.root / "defaults.yaml").symlink_to("/proc/self/mem")
    with pytest.raises(StoreError, match=r"'defaults.yaml' can't be read: Input/output error"):
        deploy(store, document())


def test_a_store_that_can_not_be_written_is_an_error_and_leaves_nothing(store: FolderStore) -> None:
    (store.root / "pg_metadata_hourly.json").mkdir()
    with pytest.raises(StoreError, match="can't be written"):
        deploy(store, document())
    assert {path.name for path in store.root.iterdir()} == {"pg_metadata_hourly.json", ".lock"}


def test_a_store_that_is_missing_is_not_made_anew(tmp_path: Path, store: FolderStore) -> None:
    missing = FolderStore(tmp_path / "not" / "mounted")
    with pytest.raises(StoreError, match="is not a folder"):
        deploy(missing, document())
    with pytest.raises(StoreError, match="is not a folder"):
        delete(missing, "pg_metadata_hourly")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reads", range(5))
def test_a_config_that_somebody_removes_during_a_deploy_is_there_after_it(store: FolderStore, reads: int) -> None:
    class Going(FolderStore):
        left = reads

        def read(self, key: str) -> bytes:
            if self.left == 0:
                (self.root / "pg_metadata_hourly.json").unlink()
            self.left -= 1
            return super().read(key)

    deploy(store, document())
    deploy(Going(store.root), document())
    assert stored(store)["name"] == SAMPLE["name"]


def test_delete_removes_the_config_and_bumps_the_marker(store: FolderStore) -> None:
    deploy(store, document())
    marker = store.marker()
    assert delete(store, "pg_metadata_hourly") is True
    assert store.list_keys() == []
    assert store.marker() != marker


def test_delete_finds_a_dropped_file_and_a_broken_one_too(store: FolderStore) -> None:
    (store.root / "sub").mkdir()
    (store.root / "sub" / "pg_metadata_hourly.yaml").write_bytes(document())
    (store.root / "pg_metadata_hourly.json").write_text("{")
    assert delete(store, "pg_metadata_hourly") is True
    assert store.list_keys() == []


def test_delete_leaves_a_pipeline_whose_name_only_gives_the_same_id(store: FolderStore) -> None:
    deploy(store, document(name="a b"))
    marker = store.marker()
    assert not delete(store, "a.b")
    assert (stored(store, "a_b.json")["name"], store.marker()) == ("a b", marker)
    assert delete(store, "a b")


def test_delete_leaves_a_file_of_another_pipeline_that_has_lost_the_same_id(store: FolderStore) -> None:
    deploy(store, document(name="a b"))
    place(store, "x/a_b.json", name="a.b")
    assert delete(store, "a b")
    assert store.list_keys() == ["x/a_b.json"]
    assert not delete(store, "a b")


def test_delete_leaves_all_where_a_broken_file_of_another_pipeline_has_the_id(store: FolderStore) -> None:
    place(store, "x/a_b.json", name="a b")
    place(store, "a_b.json", name="a.b", pipelineType="dance")
    assert not delete(store, "a b")
    assert store.list_keys() == ["a_b.json", "x/a_b.json"]


@pytest.mark.parametrize(
    ("stuck", "said"),
    [
        ("pg_metadata_hourly.json", "is away"),
        (
            "x/pg_metadata_hourly.json",
            "is away One config of pipeline 'pg metadata hourly' is already removed. Retry to remove the rest.",
        ),
    ],
    ids=["the first", "the second"],
)
def test_a_deletion_that_fails_says_whether_something_is_removed_already(tmp_path: Path, stuck: str, said: str) -> None:
    class Stuck(FolderStore):
        def delete(self, key: str) -> bool:
            if key == stuck:
                raise StoreError("is away")
            return super().delete(key)

    (tmp_path / "x").mkdir()
    for key in ("pg_metadata_hourly.json", "x/pg_metadata_hourly.json"):
        (tmp_path / key).write_text(json.dumps({**SAMPLE, "name": "pg metadata hourly"}))
    with pytest.raises(StoreError) as error:
        delete(Stuck(tmp_path), "pg metadata hourly")
    assert str(error.value) == said
    assert (tmp_path / stuck).exists()


def test_delete_of_what_is_not_there_changes_nothing(store: FolderStore) -> None:
    deploy(store, document())
    marker = store.marker()
    assert delete(store, "gone") is False
    assert store.marker() == marker


def test_a_hundred_deploys_at_once_are_all_there_and_whole(store: FolderStore) -> None:
    names = [f"pipeline_{number}" for number in range(25)] * 4
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: deploy(store, document(name=name, fullyQualifiedName=name)), names))
    configs = good(Catalog(store).all())
    assert [config.dag_id for config in configs] == sorted(set(names))
    assert not [path for path in store.root.iterdir() if path.name.endswith(".new")]


# Deploys one pipeline for each line that it is given, and says whether it was accepted.
DEPLOYER = """
import json, sys
from dag_factory.store import writer
from dag_factory.dag.builder import build_dag
from dag_factory.errors import ConflictError
from dag_factory.store import open_store
store, separator = open_store(sys.argv[1]), sys.argv[2]
sample = json.load(open(sys.argv[3]))
print("ready", flush=True)
for line in sys.stdin:
    name = f"pipeline{separator}{line.strip()}"
    checked = writer.checked({**sample, "name": name, "fullyQualifiedName": f"x.{name}"})
    try:
        writer.deploy(store, checked)
    except ConflictError:
        print("refused", flush=True)
    else:
        print("accepted", flush=True)
"""


@pytest.mark.slow
def test_of_two_pipelines_of_one_id_that_come_to_two_processes_at_once_one_is_refused(store: FolderStore) -> None:
    path = TESTS / "samples" / "pg_metadata_hourly.json"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DEPLOYER, str(store.root), separator, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for separator in " ?"
    ]
    pipes = [(process.stdin, process.stdout) for process in processes]
    try:
        assert [answers.readline() for _, answers in pipes if answers] == ["ready\n"] * 2
        for number in range(50):
            for orders, _ in pipes:
                assert orders
                orders.write(f"{number}\n")
                orders.flush()
            answered = [answers.readline() for _, answers in pipes if answers]
            assert sorted(answered) == ["accepted\n", "refused\n"]
            accepted = " ?"[answered.index("accepted\n")]
            assert stored(store, f"pipeline_{number}.json")["name"] == f"pipeline{accepted}{number}"
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_what_a_secrets_manager_of_openmetadata_keeps_is_handed_on_as_it_came(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_SERVERS", "*")
    connection = {
        **SAMPLE["openMetadataServerConnection"],
        "secretsManagerProvider": "managed-aws",
        "secretsManagerLoader": "airflow",
        "securityConfig": {"jwtToken": "secret:/openmetadata/bot/ingestion-bot/config/jwttoken"},
    }
    deploy(store, document(openMetadataServerConnection=connection))
    assert decrypted(stored(store), "pg_metadata_hourly", Keys())["openMetadataServerConnection"] == connection


def broken(store: FolderStore, key: str, name: str = "pg metadata hourly") -> None:
    """Put a config into the store that was good, and can't be read any more."""
    dag_id = name.replace(" ", "_")
    good = Version(dag_id, key, {**SAMPLE, "name": name, "fullyQualifiedName": f"pg_svc.{name}"})
    store.last_good.keep([good], InUse(), since=0, complete=True)
    path = store.root / key
    path.parent.mkdir(exist_ok=True)
    path.write_text("{")


@pytest.mark.parametrize("key", ["pg_metadata_hourly.json", "sales/any.yaml"])
def test_a_broken_config_that_runs_as_it_was_is_replaced_by_a_deploy_of_its_pipeline(
    store: FolderStore, key: str
) -> None:
    broken(store, key)
    deploy(store, document(name="pg metadata hourly", fullyQualifiedName="pg_svc.pg metadata hourly"))
    config = Catalog(store).find("pg_metadata_hourly")
    assert isinstance(config, Config)
    assert (config.key, config.trouble) == ("pg_metadata_hourly.json", None)


@pytest.mark.parametrize("key", ["pg_metadata_hourly.json", "sales/any.yaml"])
def test_the_id_of_a_broken_config_that_runs_as_it_was_is_its_pipeline_s(store: FolderStore, key: str) -> None:
    broken(store, key)
    present = Catalog(store).look_up("pg_metadata_hourly")
    assert present is not None
    assert present.document["name"] == "pg metadata hourly"
    with pytest.raises(ConflictError, match=r"belongs to the pipeline 'pg_svc\.pg metadata hourly'"):
        deploy(store, document(name="pg metadata:hourly", fullyQualifiedName="pg_svc.pg metadata:hourly", id="another"))
    assert not delete(store, "pg metadata:hourly")
    assert (store.root / key).read_text() == "{"


@pytest.mark.parametrize("key", ["pg_metadata_hourly.json", "sales/any.yaml"])
def test_a_deletion_removes_a_broken_config_that_runs_as_it_was_and_its_copy(store: FolderStore, key: str) -> None:
    broken(store, key)
    assert delete(store, "pg metadata hourly")
    assert not (store.root / key).exists()
    assert store.last_good.find("pg_metadata_hourly") is None
    assert Catalog(store).all() == []


def test_a_made_up_copy_without_a_name_stops_no_deletion(store: FolderStore) -> None:
    nameless = Version("orders", "orders.json", {"enabled": False})
    store.last_good.keep([nameless], InUse(), since=0, complete=True)
    (store.root / "orders.json").write_text("{")
    assert delete(store, "orders")
    assert not (store.root / "orders.json").exists()


@pytest.mark.parametrize(
    "text", [json.dumps({**SAMPLE, "name": "other"}), '{"name": "other"}', "name: other\nbroken: ["]
)
def test_the_config_of_another_pipeline_is_neither_replaced_nor_deleted_because_its_file_has_the_name(
    store: FolderStore, text: str
) -> None:
    path = store.root / "pg_metadata_hourly.json"
    path.write_text(text)
    good = Version("other", path.name, {**SAMPLE, "name": "other"})
    store.last_good.keep([good], InUse(), since=0, complete=False)
    with pytest.raises(ConflictError, match=r"'pg_metadata_hourly\.json', and that is the config of another pipeline"):
        deploy(store, document())
    assert delete(store, "pg_metadata_hourly") is False
    assert path.read_text() == text
    assert delete(store, "other") is True
    assert not path.exists()


def test_a_config_that_has_lost_its_id_and_shows_under_its_file_s_name_may_be_replaced(store: FolderStore) -> None:
    for name in ("other.json", "pg_metadata_hourly.json"):
        (store.root / name).write_text(json.dumps({**SAMPLE, "name": "other"}))
    assert deploy(store, document()).changed
    assert stored(store)["name"] == "pg_metadata_hourly"
