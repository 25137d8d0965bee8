"""A run for each kind of service that openmetadata-ingestion knows, against the sandbox's server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import pytest

from dag_factory.portable.openmetadata.fqn import quoted
from dag_factory.portable.openmetadata.source_configs import BY_SERVICE, KINDS_OF_SERVICES
from sandbox.server import OpenMetadataServer
from tests.forked_python import ForkedPython
from tests.places import TESTS

pytestmark = pytest.mark.ingestion

SOURCES = TESTS / "sources"
OPEN_API = {
    "openapi": "3.0.0",
    "info": {"title": "Shop", "version": "1"},
    "tags": [{"name": "orders", "description": "What was bought."}],
    "paths": {
        "/orders/{id}": {
            "get": {"tags": ["orders"], "operationId": "one_order", "responses": {"200": {"description": "Found."}}},
            "delete": {"tags": ["orders"], "operationId": "no_order", "responses": {"204": {"description": "Gone."}}},
        }
    },
}

# All runs in one interpreter, one after the other: openmetadata-ingestion takes its time to import.
RUN = """
import json, logging, sys
from dag_factory.portable.ingestion.orders import RUN, execute

class Kept(logging.Handler):
    def emit(self, record):
        lines.append([record.levelname, record.getMessage()])

sys.path.append(sys.argv[1])
logging.getLogger().addHandler(Kept())
for job in json.load(sys.stdin):
    lines, end, problem = [], None, None
    try:
        end = execute(RUN, job, on_secret=lambda secret: None, on_folder=lambda folder: None)
    except Exception as error:
        problem = [type(error).__name__, str(error)]
    print("RUN " + json.dumps({"end": end, "problem": problem, "log": lines}), flush=True)
"""


class Kind(NamedTuple):
    """A kind of service, a service of it, and what a run brings."""

    service_type: str
    connector: str
    connection: dict[str, Any]
    entities: dict[str, list[str]]
    """The names below the service's, by the collection."""
    records: int
    """How many the source has yielded."""
    name: str


def custom(source: str) -> dict[str, Any]:
    return {"sourcePythonClass": f"service_sources.{source}"}


# The names have a dot where openmetadata-ingestion's own part of the connector can do with one.
KINDS = [
    Kind(
        "apiService",
        "Rest",
        {},
        {
            "apiCollections": ["default", "orders"],
            "apiEndpoints": ["orders./orders/{id}/delete", "orders./orders/{id}/get"],
        },
        records=4,
        name="our_api",
    ),
    Kind(
        "dashboardService",
        "CustomDashboard",
        custom("Dashboards"),
        {
            "charts": ["sales chart", '"stock.daily chart"'],
            "dashboards": ["sales", '"stock.daily"'],
            "datamodels": ["model.sales model", 'model."stock.daily model"'],
        },
        records=8,
        name="our.boards",
    ),
    Kind(
        "driveService",
        "CustomDrive",
        custom("Folders"),
        {
            "directories": ["reports"],
            "files": ['reports."summary.txt"'],
            "spreadsheets": ["budget"],
            "worksheets": ["budget.May"],
        },
        records=4,
        name="our.drive",
    ),
    Kind(
        "mcpService",
        "Mcp",
        {"discoveryMethod": "DirectConnection"},
        {"mcpServers": ["tools"]},
        records=1,
        name="our_tools",
    ),
    Kind(
        "messagingService",
        "CustomMessaging",
        custom("Topics"),
        {"topics": ["orders", '"orders.v2"']},
        records=4,
        name="our.broker",
    ),
    Kind(
        "mlmodelService",
        "CustomMlModel",
        custom("Models"),
        {"mlmodels": ["churn", "prices"]},
        records=2,
        name="our.models",
    ),
    Kind(
        "pipelineService",
        "CustomPipeline",
        custom("Pipelines"),
        {"pipelines": ["nightly", "hourly"]},
        records=6,
        name="our.loads",
    ),
    Kind(
        "searchService",
        "CustomSearch",
        custom("Indexes"),
        {"searchIndexes": ["people", "products"]},
        records=4,
        name="our.search",
    ),
    Kind(
        "storageService",
        "CustomStorage",
        custom("Containers"),
        {"containers": ["lake", "lake.2026"]},
        records=2,
        name="our_lake",
    ),
]


class Run(NamedTuple):
    """What a job has come to."""

    end: dict[str, Any] | None
    problem: list[str] | None
    log: list[tuple[str, str]]


class Tools(BaseHTTPRequestHandler):
    """A server of the Model Context Protocol, with one tool."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        results = {
            "initialize": {"serverInfo": {"name": "tools", "version": "1"}, "capabilities": {"tools": {"list": True}}},
            "tools/list": {"tools": [{"name": "count", "description": "Counts.", "inputSchema": {"type": "object"}}]},
        }
        answer = json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": results.get(asked["method"], {})})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenMetadataServer]:
    """A server of this module's own, so that whatever it does not serve is what these runs asked for."""
    folder = tmp_path_factory.mktemp("openmetadata_of_all_kinds")
    with OpenMetadataServer(folder / "absent.db", log=folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def tools() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Tools) as tools:
        thread = threading.Thread(target=tools.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{tools.server_port}/mcp"
        tools.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def runs(
    server: OpenMetadataServer, tools: str, forked_ingestion: ForkedPython, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    """Runs by the name of their case: each kind's own, and those that must fail."""
    schema = tmp_path_factory.mktemp("api") / "openapi.json"
    schema.write_text(json.dumps(OPEN_API))
    own: dict[str, dict[str, Any]] = {
        "apiService": {"openAPISchemaConnection": {"openAPISchemaFilePath": str(schema)}},
        "mcpService": {"servers": [{"name": "tools", "transport": "StreamableHTTP", "url": tools}]},
    }
    jobs = {}
    for kind in KINDS:
        connection = {"type": kind.connector, **kind.connection, **own.get(kind.service_type, {})}
        request = {"name": kind.name, "serviceType": kind.connector, "connection": {"config": connection}}
        service = server.put(f"/api/v1/services/{kind.service_type}s", request)
        config = {"type": BY_SERVICE["metadata"][kind.service_type]}
        pipeline = server.put(
            "/api/v1/services/ingestionPipelines",
            {
                "name": "load",
                "pipelineType": "metadata",
                "service": {"type": kind.service_type, "id": service["id"]},
                "sourceConfig": {"config": config},
                "airflowConfig": {},
            },
        )
        of = {"type": kind.service_type, "name": kind.name}
        document = {**pipeline, "openMetadataServerConnection": connection_of(server)}
        jobs[kind.service_type] = job(kind.service_type, document)
        # A server before 2.1 need not say the type, a newer one has further fields, and authors may not know the id.
        plain = {
            "name": "load",
            "pipelineType": "metadata",
            "service": of,
            "sourceConfig": {"config": {"shiny": False}},
        }
        untyped = {**plain, "openMetadataServerConnection": connection_of(server)}
        jobs[f"{kind.service_type} untyped"] = job(f"{kind.service_type} untyped", untyped)
        jobs[f"{kind.service_type} closed"] = {**jobs[kind.service_type], "allowed_applications": ["metadata."]}
        jobs[f"{kind.service_type} closed"]["run_id"] = run_id(f"{kind.service_type} closed")
        jobs[f"{kind.service_type} unknown"] = job(
            f"{kind.service_type} unknown", {**untyped, "service": {**of, "name": "nobody.s"}}
        )
    dashboards = {"type": "dashboardService", "name": "our.boards"}
    changes: dict[str, dict[str, Any]] = {
        "another kind": {"service": {**dashboards, "type": "messagingService", "name": "our_lake"}},
        "another source config": {"sourceConfig": {"config": {"type": "MessagingMetadata"}}},
        "lineage": {"pipelineType": "lineage", "sourceConfig": {"config": {"type": "DatabaseLineage"}}},
        "profiler": {"pipelineType": "profiler", "sourceConfig": {"config": {"type": "Profiler"}}},
        "dbt": {"pipelineType": "dbt", "sourceConfig": {"config": {"type": "DBT"}}},
        "llm": {"service": {"type": "llmService", "name": "ours"}},
    }
    for name, changed in changes.items():
        of_dashboards = {**untyped, "service": dashboards, **changed}
        jobs[name] = job(name, of_dashboards)
    done = forked_ingestion.run(RUN, str(SOURCES), env=os.environ, said=json.dumps([*jobs.values()]))
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("RUN ") for line in done.stdout.splitlines() if line.startswith("RUN ")]
    return {name: Run(**json.loads(line)) for name, line in zip(jobs, lines, strict=True)}


def connection_of(server: OpenMetadataServer) -> dict[str, Any]:
    token = {"jwtToken": server.token}
    return {"hostPort": f"{server.url}/api", "authProvider": "openmetadata", "securityConfig": token}


def run_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def job(name: str, document: dict[str, Any]) -> dict[str, Any]:
    fqn = document.get("fullyQualifiedName") or f"{quoted(document['service']['name'])}.{document['name']}"
    allowed = ["service_sources."]
    return {"document": document, "pipeline_fqn": fqn, "run_id": run_id(name), "allowed_applications": allowed}


def test_no_kind_of_service_that_metadata_can_be_ingested_of_is_left_out() -> None:
    # Of those, metadata services stand for other catalogues, for which openmetadata-ingestion has no custom connector.
    others = {"databaseService", "metadataService"}
    assert {kind.service_type for kind in KINDS} | others == set(BY_SERVICE["metadata"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.service_type)
def test_a_run_brings_what_the_service_has(kind: Kind, runs: dict[str, Run], server: OpenMetadataServer) -> None:
    run = runs[kind.service_type]
    assert run.problem is None, run.log
    assert run.end is not None
    assert run.end["state"] == "success"
    assert next(step["records"] for step in run.end["summary"].values()) == kind.records
    assert all(not step["errors"] and not step["warnings"] for step in run.end["summary"].values())
    assert [line for line in run.log if line[0] not in ("DEBUG", "INFO")] == []
    fqns = server.get("/sandbox/summary")["fqns"]
    for collection, names in kind.entities.items():
        assert fqns[collection] == sorted(f"{quoted(kind.name)}.{name}" for name in names)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.service_type)
def test_the_server_hears_of_the_run_under_its_pipeline(
    kind: Kind, runs: dict[str, Run], server: OpenMetadataServer
) -> None:
    found = server.get(f"/api/v1/services/ingestionPipelines/name/{quoted(kind.name)}.load?fields=pipelineStatuses")
    states = {each["runId"]: each for each in found["pipelineStatuses"]}
    status = states[run_id(kind.service_type)]
    assert status["pipelineState"] == "success"
    counted = {step["name"]: step["records"] for step in status["status"]}
    summary = (runs[kind.service_type].end or {})["summary"]
    assert counted == {name: step["records"] for name, step in summary.items()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.service_type)
def test_a_source_config_without_a_type_and_with_a_newer_field_is_that_of_the_kind(
    kind: Kind, runs: dict[str, Run]
) -> None:
    run = runs[f"{kind.service_type} untyped"]
    assert run.problem is None, run.log
    assert run.end is not None
    assert run.end["state"] == "success"
    assert all(not step["errors"] and not step["warnings"] for step in run.end["summary"].values())
    (warning,) = (text for level, text in run.log if level == "WARNING")
    assert warning.startswith("sourceConfig.config.shiny is unknown to openmetadata-ingestion")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.service_type)
def test_a_service_that_the_server_does_not_have_is_named_with_its_kind(kind: Kind, runs: dict[str, Run]) -> None:
    assert runs[f"{kind.service_type} unknown"].problem == [
        "WorkflowError",
        f"the OpenMetadata server has no {kind.service_type} 'nobody.s', or the token may not read it",
    ]


CUSTOM = [kind for kind in KINDS if kind.connector.startswith("Custom")]


@pytest.mark.parametrize("kind", CUSTOM, ids=lambda kind: kind.service_type)
def test_no_custom_connector_is_imported_that_the_operator_has_not_opened(kind: Kind, runs: dict[str, Run]) -> None:
    # The schema of CustomDrive doesn't know the class; openmetadata-ingestion imports it all the same.
    problem = runs[f"{kind.service_type} closed"].problem
    assert problem is not None
    assert problem[0] == "ConfigError"
    assert "service.connection.config.sourcePythonClass" in problem[1]
    assert "is not open to configs (open: metadata.)" in problem[1]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("another kind", "the OpenMetadata server has no messagingService 'our_lake', or the token may not read it"),
        (
            "another source config",
            "field 'sourceConfig.config.type': is not for a dashboardService. Write DashboardMetadata, or another "
            "service.type",
        ),
        ("lineage", "is not for a dashboardService. A pipeline whose pipelineType is lineage is for a databaseService"),
        ("profiler", "A pipeline whose pipelineType is profiler is for a databaseService"),
        ("dbt", "A pipeline whose pipelineType is dbt is for a databaseService"),
        ("llm", "does not support service.type 'llmService'. It supports apiService, dashboardService, "),
    ],
)
def test_what_does_not_fit_together_fails_with_one_sentence(name: str, problem: str, runs: dict[str, Run]) -> None:
    found = runs[name].problem
    assert found is not None
    assert problem in found[1]
    assert "\n" not in found[1]


def test_the_sandbox_serves_all_that_was_asked_for(runs: dict[str, Run], server: OpenMetadataServer) -> None:
    assert server.get("/sandbox/summary")["unserved"] == []


def test_what_pipelines_report_of_their_own_runs_arrives(runs: dict[str, Run], server: OpenMetadataServer) -> None:
    found = server.get("/api/v1/pipelines/name/%22our.loads%22.nightly?fields=pipelineStatus,usageSummary")
    assert found["pipelineStatus"]["executionStatus"] == "Successful"
    assert found["usageSummary"]["dailyStats"]["count"] == 1


def test_every_kind_of_service_has_a_collection_in_the_sandbox(server: OpenMetadataServer) -> None:
    for kind in set(KINDS_OF_SERVICES) - {"llmService"}:
        assert "data" in server.get(f"/api/v1/services/{kind}s")
