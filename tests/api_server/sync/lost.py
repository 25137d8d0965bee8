"""What the examples of `diff` and `sync` find: a server whose pipelines are here in part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.failing import running
from tests.api_server.sync.servers import TOKEN, Server, deploying_into
from tests.docs.console import FERNET_KEY

LINEAGE = {"pipelineType": "lineage", "sourceConfig": {"config": {"type": "DatabaseLineage"}}}


@contextmanager
def world(folder: Path) -> Iterator[Mapping[str, str]]:
    """Have two configs lost, one older, and one whose pipeline the server has deleted."""
    store = folder / "store"
    store.mkdir()
    with running(Server()) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__FERNET_KEY", FERNET_KEY)
        server.deploys = deploying_into(store)
        server.add("orders_metadata", service="sales")
        server.add("orders_lineage", service="sales", **LINEAGE)
        changed = server.add("hr_metadata", service="hr")
        deleted = server.add("old_metadata", service="hr")
        for id_ in server.pipelines:
            assert server.deploy(id_)[0] == 200
        for name in ("orders_metadata", "orders_lineage"):
            (store / f"{name}.json").unlink()
        server.change(changed, airflowConfig={"scheduleInterval": "0 5 * * *"})
        del server.pipelines[deleted["id"]]
        connection = {"conn_type": "generic", "host": f"{server.url}/api", "password": TOKEN}
        yield {
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID": "om",
            "AIRFLOW_CONN_OM": json.dumps(connection),
            "NO_PROXY": "127.0.0.1",
        }
