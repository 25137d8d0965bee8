"""Documents as OpenMetadata servers of 1.10, 1.12, 2.0 and main send them: deployed, run and reported."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dag_factory.configs.validation.validator import examine
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK
from tests.e2e.runs import reported, wait_for_state
from tests.e2e.servers import calling

DOCUMENTS = Path(__file__).parent / "documents"
VERSIONS = ("1.10", "1.12", "2.0", "main")


def sent_by(version: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCUMENTS / f"{version}.json").read_text())
    return document


def test_each_document_is_of_one_version() -> None:
    assert {path.stem for path in DOCUMENTS.glob("*.json")} == set(VERSIONS)
    statuses = {version: type(sent_by(version)["pipelineStatuses"]) for version in VERSIONS}
    assert statuses == {"1.10": dict, "1.12": dict, "2.0": list, "main": list}


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_in_it_is_an_error(version: str) -> None:
    assert examine(sent_by(version)).errors == ()


@pytest.fixture(scope="module")
def server(airflow: AirflowStack) -> Iterator[PipelineServiceClient]:
    with calling(airflow) as client:
        yield client


@pytest.mark.e2e
@pytest.mark.together
@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_deployed_runs_and_is_reported(
    server: PipelineServiceClient, openmetadata: OpenMetadataServer, config_store: Path, version: str
) -> None:
    document = sent_by(version)
    connection = document["openMetadataServerConnection"]
    connection |= {"hostPort": f"{openmetadata.url}/api", "securityConfig": {"jwtToken": openmetadata.token}}
    name = document["name"]
    service = openmetadata.get("/api/v1/services/databaseServices/name/sample_sqlite")
    reference = {"id": service["id"], "type": "databaseService"}
    pipeline = {"name": name, "pipelineType": "metadata", "sourceConfig": {"config": {"type": "DatabaseMetadata"}}}
    openmetadata.put("/api/v1/services/ingestionPipelines", {**pipeline, "airflowConfig": {}, "service": reference})
    assert "is deployed" in server.deploy(document)["message"]
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    run = wait_for_state(server, name, run_id, "success", "failed")
    log = server.log(name, TASK)
    assert run["pipelineState"] == "success", log
    assert "Workflow Success %: 100.0" in log
    # The stand-in has held it against openmetadata-ingestion's own models.
    assert reported(openmetadata, document["fullyQualifiedName"]) == {run_id: "success"}
    stored = json.loads((config_store / f"{name}.json").read_text())
    assert stored.keys() >= document.keys()
