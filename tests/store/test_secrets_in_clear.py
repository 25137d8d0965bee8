"""Secrets in the clear are named where an author has written them, and nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dag_factory.configs.allowed import Allowed
from dag_factory.store.findings import findings_of_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.writer import checked, deploy
from tests.places import ROOT, TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
# Its type is one that openmetadata-ingestion no longer runs.
RUNNABLE = [path for path in SAMPLES if path.stem != "openmetadata_dataInsight"]


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


def allowed() -> Allowed:
    return Allowed(env=("OPENMETADATA_*",), connections=("om",), applications=("metadata.",))


def said(root: Path) -> list[tuple[str | None, str]]:
    return [
        (problem.field, problem.text) for problem in findings_of_store(FolderStore(root), allowed=allowed()).problems
    ]


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_what_a_server_deploys_is_silent_in_the_answer_and_in_the_store(tmp_path: Path, path: Path) -> None:
    document = checked(json.loads(path.read_text()))
    assert document.warnings == ()
    deploy(FolderStore(tmp_path), document)
    assert said(tmp_path) == []


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_the_same_document_as_a_file_has_one_warning_for_its_token(tmp_path: Path, path: Path) -> None:
    token = json.loads(path.read_text())["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
    shutil.copy(path, tmp_path)
    ((field, text),) = said(tmp_path)
    assert field == "openMetadataServerConnection.securityConfig.jwtToken"
    assert text.startswith("is a secret in the clear. Write {$env: NAME}")
    assert token not in text


def test_what_this_repository_shows_is_silent(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "sandbox" / "pipelines", tmp_path / "sandbox")
    assert [each for each in said(tmp_path) if "secret" in each[1] or "unknown" in each[1]] == []


def test_the_cases_hold_no_secret_in_the_clear(tmp_path: Path) -> None:
    shutil.copytree(TESTS / "cases", tmp_path / "cases")
    assert [each for each in said(tmp_path / "cases") if "secret" in each[1] or "nothing reads" in each[1]] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sslConfig", {"caCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"}),
        ("sslConfig", {"sslKey": "/etc/ssl/om/key.pem"}),
        ("securityConfig", {"jwtToken": "secret:/om/token"}),
        ("securityConfig", {"jwtToken": {"$connection": "om", "field": "password"}}),
        ("extraHeaders", {"X-Team": "sales", "Accept": "application/json"}),
        ("hostPort", "https://sales@openmetadata.example/api"),
    ],
    ids=["certificate", "path of a key", "secrets manager", "reference", "headers", "user in a URL"],
)
def test_what_is_no_secret_is_not_warned_of(tmp_path: Path, field: str, value: Any) -> None:
    document = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
    document["openMetadataServerConnection"][field] = value
    (tmp_path / "orders.json").write_text(json.dumps(document))
    found = findings_of_store(FolderStore(tmp_path), allowed=allowed()).problems
    assert [each for each in found if each.kind == "secret"] == []


def test_one_in_defaults_is_named_there_once(tmp_path: Path) -> None:
    text = (TESTS / "cases" / "defaults.yaml").read_text()
    (tmp_path / "defaults.yaml").write_text(text.replace("{$env: OPENMETADATA_JWT_TOKEN}", "hunter2"))
    (tmp_path / "orders.yaml").write_text("name: orders\n")
    (tmp_path / "refunds.yaml").write_text("name: refunds\n")
    found = findings_of_store(FolderStore(tmp_path), allowed=allowed()).problems
    assert {(each.config, each.line) for each in found} == {("defaults.yaml", 7)}
    assert "hunter2" not in str(found)
    assert len(found) == 1
