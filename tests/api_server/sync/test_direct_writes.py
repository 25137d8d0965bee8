"""Configs that are written from the server's documents: without a mask, a token or a Connection of somebody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dag_factory.api_server.sync.difference import ONLY_ON_SERVER, Differing
from dag_factory.api_server.sync.direct_writes import write_configs
from dag_factory.api_server.sync.redeploy import Redeployed
from dag_factory.api_server.sync.server_api import ServerApi
from dag_factory.api_server.sync.server_pipelines import Listing
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config, check
from dag_factory.store.folder.folder_store import FolderStore
from tests.api_server.sync.servers import Document, Server


def written(
    server: Server,
    store: FolderStore,
    *pipelines: Document,
    key: str | None = None,
    taken: frozenset[str] = frozenset(),
) -> dict[str, Redeployed]:
    wanted = [
        Differing(ONLY_ON_SERVER, clean_dag_id(each["name"]), each["id"], each["name"], "metadata", "pg_svc", key, "")
        for each in pipelines
    ]
    with ServerApi(server.connection, retry_seconds=0) as api:
        return {each.pipeline.name: each for each in write_configs(store, Listing(api), wanted, taken=taken)}


def test_a_config_is_written_that_can_run_and_holds_no_connection_to_the_server(
    server: Server, store: FolderStore
) -> None:
    before = store.marker()
    assert written(server, store, server.add("orders"))["orders"].problem is None
    document = json.loads((store.root / "orders.json").read_text())
    assert "openMetadataServerConnection" not in document
    assert store.marker() != before
    (config,) = Catalog(store, check).all()
    assert isinstance(config, Config)


def test_only_what_is_wanted_is_written(server: Server, store: FolderStore) -> None:
    server.add("other")
    written(server, store, server.add("orders"))
    assert [path.name for path in store.root.glob("*.json")] == ["orders.json"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"type": "DatabaseMetadata", "password": "*********"}, "shows as asterisks only"),
        (None, "hidden by the server"),
        (
            {"type": "DatabaseMetadata", "a": {"$connection": "openmetadata_prod", "field": "password"}},
            "refers to the Connection 'openmetadata_prod', and only a deploy checks who may use it",
        ),
        ({"type": "DatabaseMetadata", "a": {"$env": "AIRFLOW__CORE__FERNET_KEY"}}, "belongs to Airflow"),
        ({"type": "DatabaseMetadata", "a": "\x00"}, "NUL"),
    ],
    ids=["masked", "hidden", "connection", "env", "unstorable"],
)
def test_what_must_not_be_written_is_named_and_stops_no_other(
    server: Server, store: FolderStore, config: Any, problem: str
) -> None:
    bad = server.add("bad", sourceConfig={"config": config})
    done = written(server, store, bad, server.add("orders"))
    assert problem in str(done["bad"].problem)
    assert done["orders"].problem is None
    assert [path.name for path in store.root.glob("*.json")] == ["orders.json"]


def test_a_new_one_gets_no_id_of_somebody_else_s_dag(server: Server, store: FolderStore) -> None:
    taken = frozenset({"finance_close"})
    close, orders = server.add("finance close"), server.add("orders")
    done = written(server, store, close, orders, taken=taken)
    assert "its name gives the DAG id 'finance_close', and this Airflow has a DAG" in str(done["finance close"].problem)
    assert done["orders"].problem is None
    assert [path.name for path in store.root.glob("*.json")] == ["orders.json"]


def test_one_that_was_there_first_is_written_again(server: Server, store: FolderStore) -> None:
    orders = server.add("orders")
    written(server, store, orders)
    server.pipelines[orders["id"]]["description"] = "Another one."
    done = written(server, store, orders, key="orders.json", taken=frozenset({"orders"}))
    assert done["orders"].problem is None
    assert json.loads((store.root / "orders.json").read_text())["description"] == "Another one."


def test_one_that_was_deleted_meanwhile_is_no_failure(server: Server, store: FolderStore) -> None:
    gone = server.add("gone")
    del server.pipelines[gone["id"]]
    assert written(server, store, gone)["gone"].is_gone


def test_secrets_are_encrypted_as_in_a_deploy(server: Server, store: FolderStore) -> None:
    config = {"type": "DatabaseMetadata", "aNewSecret": {"password": "canary"}}
    written(server, store, server.add("orders", sourceConfig={"config": config}))
    assert "canary" not in (store.root / "orders.json").read_text()
