"""The pipelines that the sandbox's OpenMetadata server has and deploys, and the Connection by which Airflow asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.client import AirflowClient
from sandbox.server import OpenMetadataServer

CONN_ID = "openmetadata"
"""The Airflow Connection to the server, as the setting ``openmetadata_conn_id`` names it."""

PATH = "/api/v1/services/ingestionPipelines"
SERVICE = "sample_sqlite"
SAMPLE = Path(__file__).resolve().parents[1] / "configs" / "sample_sqlite_metadata.json"
# What a request to create a pipeline may hold; the server knows all else.
REQUESTED = ("name", "displayName", "description", "pipelineType", "sourceConfig", "airflowConfig", "loggerLevel")
OTHERS: tuple[dict[str, Any], ...] = (
    {
        "name": "sample_sqlite_lineage",
        "displayName": "Sample SQLite lineage",
        "description": "Which tables the views of the sample source database read.",
        "pipelineType": "lineage",
        "sourceConfig": {"config": {"type": "DatabaseLineage"}},
        "airflowConfig": {"scheduleInterval": "0 4 * * *"},
    },
    {
        "name": "sample_sqlite_profiler",
        "displayName": "Sample SQLite profiler",
        "description": "Counts the rows of the sample source database.",
        "pipelineType": "profiler",
        "sourceConfig": {"config": {"type": "Profiler"}},
        "airflowConfig": {"scheduleInterval": "0 5 * * 0"},
    },
)


def connect(airflow: AirflowClient, server: OpenMetadataServer) -> None:
    """Name each the other: Airflow's address may be another one at each start, and so may the server's."""
    server.deploy_to(airflow.url, airflow.username, airflow.password)
    connection = {"connection_id": CONN_ID, "conn_type": "openmetadata", "host": server.url, "password": server.token}
    action = {"action": "create", "entities": [connection], "action_on_existence": "overwrite"}
    airflow.api("PATCH", "/api/v2/connections", json={"actions": [action]})


def deploy(server: OpenMetadataServer) -> Iterator[str]:
    """
    Create the pipelines at the server and have it deploy them, as a user does in its UI; yield the name of each.

    :raises RuntimeError: if the server could not deploy one, with what it says
    """
    service = server.get(f"/api/v1/services/databaseServices/name/{SERVICE}")
    for pipeline in (json.loads(SAMPLE.read_text(encoding="utf-8")), *OTHERS):
        request = {field: pipeline[field] for field in REQUESTED if field in pipeline}
        request["service"] = {"id": service["id"], "type": "databaseService"}
        created = server.put(PATH, request)
        (answer,) = server.post(f"{PATH}/bulk/deploy", [created["id"]])
        if answer["code"] != 200:
            raise RuntimeError(answer["reason"])
        yield pipeline["name"]
