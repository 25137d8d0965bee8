from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet

from dag_factory.portable.secrets.references import encrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_store
from dag_factory.store.config_files import defaults_keys
from dag_factory.store.last_good import InUse, Version
from tests.cli.checks.conftest import Machine
from tests.e2e.pipelines import sample


def test_good_and_broken_configs_are_counted_and_the_broken_ones_named(machine: Machine) -> None:
    machine.drop("orders", "sales")
    assert machine.said("configs") == ["ok: 2 configs are good"]
    (machine.store / "bad.json").write_text('{"name": "bad", "password": "canary"')
    (machine.store / "worse.yaml").write_text("name: worse\npipelineType: dance\n")
    (said,) = machine.said("configs")
    assert said == (
        "fail: 2 configs are broken, without a version that runs: 'bad.json:1:37', 'worse.yaml:2:1'. Run "
        "openmetadata-dag-factory validate: it says what is wrong, and where."
    )


def test_a_config_that_runs_its_last_good_version_is_a_warning(machine: Machine) -> None:
    machine.drop("orders")
    store = configured_store()
    version = Version(
        "orders", "orders.json", sample("orders"), store.access("orders.json", defaults_keys("orders.json"))
    )
    store.last_good.keep([version], InUse(), since=0, complete=True)
    (machine.store / "orders.json").write_text("{")
    (said,) = machine.said("configs")
    assert said.startswith("warn: 1 config is broken, with a last good version that runs: 'orders.json")


def seal(machine: Machine, dag_id: str, key: str, as_id: str | None = None) -> None:
    reference = encrypted("canary-value", as_id or dag_id, Keys(key))
    document = {**sample(dag_id), "sourceConfig": {"config": {"type": "DatabaseMetadata", "password": reference}}}
    (machine.store / f"{dag_id}.json").write_text(json.dumps(document))


def test_what_an_older_or_missing_key_has_encrypted_is_counted_and_no_value_is_shown(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    machine.drop("plain")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", new)
    assert machine.said("fernet") == ["ok: [core] fernet_key has a key; nothing is encrypted yet"]
    seal(machine, "orders", new)
    assert machine.said("fernet") == [
        "ok: [core] fernet_key has a key; 1 config holds encrypted values, and all can be decrypted"
    ]
    seal(machine, "sales", old)
    (said,) = machine.said("fernet")
    assert said.startswith("fail: 1 of 2 configs with encrypted values can't be decrypted: 'sales.json'. The first: ")
    assert "which is missing from [core] fernet_key" in said
    seal(machine, "moved", new, as_id="other")
    (said,) = machine.said("fernet")
    assert said.startswith("fail: 2 of 3 configs")
    assert "canary" not in said
    (machine.store / "moved.json").unlink()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{new},{old}")
    assert machine.said("fernet")[0].startswith("warn: [core] fernet_key has 2 keys; 2 configs hold")


@pytest.mark.parametrize("key", ["", "canary-not-a-key"])
def test_without_a_usable_key_it_depends_on_what_is_encrypted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    assert machine.said("fernet")[0].startswith("warn: [core] fernet_key is ")
    seal(machine, "orders", Fernet.generate_key().decode())
    (said,) = machine.said("fernet")
    assert said.startswith("fail: [core] fernet_key is ")
    assert "1 config holds encrypted values" in said
    assert "canary" not in said
