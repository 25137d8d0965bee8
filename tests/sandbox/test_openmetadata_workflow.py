"""openmetadata-ingestion itself at work: in processes of its own, for its imports take seconds and warn."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox import source
from sandbox.openmetadata.catalogue import COLLECTIONS
from sandbox.server import OpenMetadataServer

pytestmark = pytest.mark.ingestion

READ_EVERYTHING = """
import json, sys
from importlib import import_module
from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import OpenMetadataConnection
from metadata.ingestion.ometa.ometa_api import OpenMetadata

connection, names = json.load(sys.stdin)
client = OpenMetadata(OpenMetadataConnection.model_validate(connection))
counts = {}
for name in names:
    module, _, class_name = name.rpartition(".")
    entity_class = getattr(import_module("metadata.generated.schema." + module), class_name)
    list(client.list_all_entities(entity_class, include="deleted"))
    entities = list(client.list_all_entities(entity_class, fields=["*"], limit=2))
    for entity in entities:
        assert client.get_by_name(entity_class, entity.fullyQualifiedName, fields=["*"]) == entity, entity
        assert client.get_by_id(entity_class, entity.id, fields=["*"]) == entity, entity
    counts[name] = len(entities)
print(json.dumps(counts))
"""

RUN_METADATA_WORKFLOW = """
import json, sys
from metadata.workflow.metadata import MetadataWorkflow

workflow = MetadataWorkflow.create(json.load(sys.stdin))
workflow.execute()
workflow.raise_from_status()
workflow.stop()
print(json.dumps({"success": workflow.calculate_success(), "failures": len(workflow.get_failures())}))
"""


def connection(server: OpenMetadataServer) -> dict[str, Any]:
    return {
        "hostPort": f"{server.url}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": server.token},
    }


def run(code: str, given: object) -> Any:
    """Run Python code with a document on its standard input; return the one it writes as its last line."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def ingested(tmp_path: Path) -> Any:
    """A server, the source database that a workflow ingested into it, the outcome, and the run's id."""
    database = tmp_path / "source.db"
    source.create(database)
    run_id = str(uuid4())
    with OpenMetadataServer(database, log=tmp_path / "log") as server:
        config = {
            "source": {
                "type": "sqlite",
                "serviceName": "sample_sqlite",
                "sourceConfig": {"config": {"type": "DatabaseMetadata", "markDeletedTables": True}},
            },
            "sink": {"type": "metadata-rest", "config": {}},
            "workflowConfig": {"loggerLevel": "INFO", "openMetadataServerConfig": connection(server)},
            "ingestionPipelineFQN": "sample_sqlite.shop_metadata",
            "pipelineRunId": run_id,
        }
        yield server, database, run(RUN_METADATA_WORKFLOW, config), run_id


def test_a_metadata_workflow_brings_everything_that_is_in_the_source(
    ingested: tuple[OpenMetadataServer, Path, dict[str, Any], str],
) -> None:
    server, database, outcome, run_id = ingested
    assert outcome == {"success": 100.0, "failures": 0}
    summary = server.get("/sandbox/summary")
    assert [(each["runId"], each["pipelineState"]) for each in summary["runs"]["sample_sqlite.shop_metadata"]] == [
        (run_id, "success")
    ]
    assert summary["unserved"] == []
    refused = [each for each in server.get("/sandbox/requests")["requests"] if each["status"] >= 400]
    # Looking for what isn't there yet is how a workflow starts; nothing else may fail.
    assert {(each["method"], each["status"]) for each in refused} <= {("GET", 404)}

    tables = server.get("/api/v1/tables?limit=1000&fields=tableConstraints")["data"]
    with closing(sqlite3.connect(database)) as connected:
        kinds = dict(connected.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
        assert {table["name"]: table["tableType"] for table in tables} == {
            name: "View" if kind == "view" else "Regular" for name, kind in kinds.items()
        }
        for table in tables:
            columns = connected.execute(f"SELECT name, pk FROM pragma_table_info('{table['name']}')").fetchall()
            assert [column["name"] for column in table["columns"]] == [name for name, _ in columns]
            assert primary_key(table) == {name for name, position in columns if position}
            foreign = connected.execute(f"SELECT [from], [table], [to] FROM pragma_foreign_key_list('{table['name']}')")
            assert foreign_keys(table) == set(foreign)


def primary_key(table: dict[str, Any]) -> set[str]:
    single = {column["name"] for column in table["columns"] if column.get("constraint") == "PRIMARY_KEY"}
    return single.union(*(each["columns"] for each in constraints(table, "PRIMARY_KEY")))


def foreign_keys(table: dict[str, Any]) -> set[tuple[str, ...]]:
    return {
        (column, *target.split(".")[-2:])
        for each in constraints(table, "FOREIGN_KEY")
        for column, target in zip(each["columns"], each["referredColumns"], strict=True)
    }


def constraints(table: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in table.get("tableConstraints", []) if each["constraintType"] == kind]


def test_every_answer_is_what_openmetadata_ingestion_takes_it_for(
    api: httpx.Client, openmetadata: OpenMetadataServer, service: str, schema: str
) -> None:
    owner = api.get(f"/services/databaseServices/name/{service}").json()["id"]
    requests: dict[str, dict[str, Any]] = {
        "services/metadataServices": {"name": service, "serviceType": "OpenMetadata"},
        "tables": {"name": "a.b", "columns": [{"name": "c.d", "dataType": "INT"}], "databaseSchema": schema},
        "storedProcedures": {"name": "p", "storedProcedureCode": {"code": "BEGIN END"}, "databaseSchema": schema},
        "services/ingestionPipelines": {
            "name": "p",
            "service": {"id": owner, "type": "databaseService"},
            "pipelineType": "metadata",
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
            "airflowConfig": {"scheduleInterval": "0 3 * * *"},
        },
        "automations/workflows": {
            "name": service,
            "workflowType": "TEST_CONNECTION",
            "request": {"connection": {"config": {"type": "SQLite"}}, "serviceType": "Database"},
        },
        "classifications": {"name": service, "description": "Mine."},
        "tags": {"name": "t", "classification": service, "description": "Mine."},
        "queries": {"query": "SELECT 1", "service": service},
        "users": {"name": service, "email": "u@example.com"},
        "teams": {"name": service, "teamType": "Group"},
        "dataQuality/testCases": {
            "name": "t",
            "testDefinition": "tableRowCountToBeBetween",
            "entityLink": f'<#E::table::{schema}."a.b">',
        },
    }
    for path, request in {**requests, **of_other_services(service)}.items():
        api.put(f"/{path}", json=request).raise_for_status()
    api.put("/tags", json={"name": "u", "parent": f"{service}.t", "description": "Below."}).raise_for_status()

    # Types of entities it asks for without a model.
    entities = [collection.entity for collection in COLLECTIONS if collection.kind != "type"]
    counts = run(READ_EVERYTHING, [connection(openmetadata), entities])
    assert [name for name, count in counts.items() if count == 0] == []


def of_other_services(service: str) -> dict[str, dict[str, Any]]:
    """Return requests that create a service of each kind, all of one name, and what such a service holds."""
    types = {
        "api": "Rest", "dashboard": "CustomDashboard", "drive": "CustomDrive", "mcp": "Mcp",
        "messaging": "CustomMessaging", "mlmodel": "CustomMlModel", "pipeline": "CustomPipeline",
        "search": "CustomSearch", "security": "Ranger", "storage": "CustomStorage",
    }  # fmt: skip
    services = {f"services/{kind}Services": {"name": service, "serviceType": type_} for kind, type_ in types.items()}
    inside = {"service": service, "name": "a.b"}
    field = {"name": "c.d", "dataType": "INT"}
    return {
        **services,
        "apiCollections": {**inside, "endpointURL": "http://shop.example"},
        "apiEndpoints": {
            "name": "a.b",
            "apiCollection": f'{service}."a.b"',
            "endpointURL": "http://shop.example",
            "responseSchema": {"schemaType": "JSON", "schemaFields": [field]},
        },
        "charts": inside,
        "dashboard/datamodels": {**inside, "dataModelType": "MetabaseDataModel", "columns": [field]},
        "dashboards": {**inside, "charts": [f'{service}."a.b"'], "dataModels": [f'{service}.model."a.b"']},
        "drives/directories": inside,
        "drives/files": {**inside, "directory": f'{service}."a.b"'},
        "drives/spreadsheets": {**inside, "name": "sheet"},
        "drives/worksheets": {"name": "a.b", "spreadsheet": f"{service}.sheet"},
        "mcpServers": {**inside, "serverType": "Custom"},
        "topics": {**inside, "partitions": 1, "messageSchema": {"schemaType": "JSON", "schemaFields": [field]}},
        "mlmodels": {**inside, "algorithm": "guessing"},
        "pipelines": {**inside, "tasks": [{"name": "load"}]},
        "searchIndexes": {**inside, "fields": [{"name": "c.d", "dataType": "TEXT"}]},
        "containers": {**inside, "dataModel": {"columns": [field]}},
    }
