"""Pipelines of the sandbox's sample service: as documents, as files of a store, at the server, and as runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from dag_factory.portable.ingestion.run import PreparedRun
from sandbox.server import OpenMetadataServer
from tests.places import ROOT

SAMPLE: dict[str, Any] = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
TASK = "ingestion_task"


def sample(name: str, **fields: Any) -> dict[str, Any]:
    """Return the sample config as another pipeline, with some fields of its own."""
    return {**copy.deepcopy(SAMPLE), "name": name, "fullyQualifiedName": f"sample_sqlite.{name}", **fields}


def drop(folder: Path, document: dict[str, Any]) -> str:
    """Put a config into a folder of the store as a user does, and return its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = str(document["name"])
    (folder / f"{name}.json").write_text(json.dumps(document))
    return name


def create(server: OpenMetadataServer, document: Mapping[str, Any]) -> dict[str, Any]:
    """Create a pipeline without a schedule at the server, as its UI does, and return it."""
    service = server.get(f"/api/v1/services/databaseServices/name/{document['service']['name']}")
    request = {field: document[field] for field in ("name", "pipelineType", "sourceConfig")}
    reference = {"id": service["id"], "type": "databaseService"}
    path = "/api/v1/services/ingestionPipelines"
    return dict(server.put(path, {**request, "airflowConfig": {}, "service": reference}))


def prepared(document: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """
    Return a run of a pipeline as a task prepares it.

    :param env: says which server it reports to, see `OpenMetadataServer.env`
    """
    connection = {
        **document["openMetadataServerConnection"],
        "hostPort": env["OPENMETADATA_HOST_PORT"],
        "securityConfig": {"jwtToken": env["OPENMETADATA_JWT_TOKEN"]},
    }
    whole = {**document, "openMetadataServerConnection": connection}
    return asdict(PreparedRun(whole, whole["fullyQualifiedName"], str(uuid4())))
