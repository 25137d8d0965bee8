from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dag_factory.store.folder.folder_store import FolderStore
from sandbox.failing import running
from tests.api_server.sync.servers import TOKEN, Server, deploying_into

SECTION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that deploys into the store of this process's settings, whose Connection leads to it."""
    store = tmp_path / "store"
    store.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv(f"{SECTION}CONFIG_STORE", str(store))
    monkeypatch.setenv(f"{SECTION}STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setenv(f"{SECTION}OPENMETADATA_CONN_ID", "om")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    # What a command sets for its process: here it must not outlive the test.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    with running(Server()) as made:
        host, port = made.server_address[0], made.server_address[1]
        monkeypatch.setenv("AIRFLOW_CONN_OM", f"http://:{TOKEN}@{host!s}:{port}")
        made.deploys = deploying_into(store)
        yield made


@pytest.fixture
def store(server: Server, tmp_path: Path) -> FolderStore:
    """The store into which the server deploys."""
    return FolderStore(tmp_path / "store")
