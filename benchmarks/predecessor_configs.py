"""
The workflow configs that openmetadata-managed-apis builds from our samples, which a test compares with ours.

``python -m benchmarks.predecessor_configs ENVIRONMENT`` writes them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.home import airflow_home
from sandbox.server import OpenMetadataServer

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "tests" / "samples"
CONFIGS = ROOT / "tests" / "portable" / "ingestion" / "predecessor"

SQLITE = {"type": "SQLite", "databaseMode": "/srv/shop.db", "database": "default"}
POSTGRES = {
    "type": "Postgres",
    "username": "reader",
    "authType": {"password": "not-a-secret"},
    "hostPort": "db:5432",
    "database": "shop",
}
SERVICES: dict[str, list[dict[str, Any]]] = {
    "databaseServices": [
        {"name": "sqlite_svc", "serviceType": "SQLite", "connection": {"config": SQLITE}},
        {"name": "pg_svc", "serviceType": "Postgres", "connection": {"config": POSTGRES}},
    ],
    "metadataServices": [{"name": "OpenMetadata", "serviceType": "OpenMetadata"}],
}
# The types that the predecessor has a builder for, each with one of our samples.
DOCUMENTS = {
    "metadata": "sqlite_metadata_daily",
    "dbt": "sqlite_svc_dbt",
    "lineage": "pg_svc_lineage",
    "usage": "pg_svc_usage",
    "profiler": "sqlite_svc_profiler",
    "autoClassification": "sqlite_svc_autoClassification",
    "TestSuite": "sqlite_svc_TestSuite",
    "elasticSearchReindex": "openmetadata_elasticSearchReindex",
    "application": "openmetadata_application",
}

BUILD = """
import json, sys
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import IngestionPipeline
from openmetadata_managed_apis.workflows.ingestion import (
    application, auto_classification, dbt, es_reindex, lineage, metadata, profiler, test_suite, usage,
)
builders = {
    "metadata": metadata.build_metadata_workflow_config,
    "dbt": dbt.build_dbt_workflow_config,
    "lineage": lineage.build_lineage_workflow_config,
    "usage": usage.build_usage_workflow_config,
    "profiler": profiler.build_profiler_workflow_config,
    "autoClassification": auto_classification.build_auto_classification_workflow_config,
    "TestSuite": test_suite.build_test_suite_workflow_config,
    "elasticSearchReindex": es_reindex.build_es_reindex_workflow_config,
    "application": application.build_application_workflow_config,
}
for kind, document in json.load(sys.stdin).items():
    config = builders[kind](IngestionPipeline.model_validate(document))
    dumped = config.model_dump_json(exclude_defaults=False, mask_secrets=False)
    print("CONFIG", json.dumps({"type": kind, "config": json.loads(dumped)}))
"""


def documents(server: OpenMetadataServer) -> dict[str, dict[str, Any]]:
    """Return a document of each type, and create the services of all of them at a server."""
    for collection, services in SERVICES.items():
        for service in services:
            server.put(f"/api/v1/services/{collection}", service)
    found = {}
    for kind, name in DOCUMENTS.items():
        document = json.loads((SAMPLES / f"{name}.json").read_text())
        connection = document["openMetadataServerConnection"]
        connection["hostPort"] = f"{server.url}/api"
        connection["securityConfig"]["jwtToken"] = server.token
        found[kind] = document
    # What a server gives a pipeline of this type as its service is the test suite.
    suite = {"type": "testSuite", "name": "sqlite_svc.default.main.orders.testSuite"}
    found["TestSuite"]["service"] = {**found["TestSuite"]["service"], **suite, "fullyQualifiedName": suite["name"]}
    return found


def without_server(text: str, server: OpenMetadataServer) -> str:
    """Return a text with fixed words in place of a server's address and token, which differ each time."""
    return text.replace(server.url, "http://openmetadata").replace(server.token, "token")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predecessor_configs", description=__doc__)
    parser.add_argument("environment", type=Path, help="virtual environment with openmetadata-managed-apis; see README")
    python = parser.parse_args().environment.absolute() / "bin" / "python"
    with TemporaryDirectory() as name, OpenMetadataServer(Path(name) / "absent.db", log=Path(name) / "log") as server:
        done = subprocess.run(
            [python, "-W", "ignore", "-c", BUILD],
            input=json.dumps(documents(server)),
            env=airflow_home(Path(name) / "airflow", store=Path(name)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        built = [line.removeprefix("CONFIG ") for line in done.stdout.splitlines() if line.startswith("CONFIG ")]
        CONFIGS.mkdir(exist_ok=True)
        for line in built:
            found = json.loads(without_server(line, server))
            (CONFIGS / f"{found['type']}.json").write_text(json.dumps(found["config"], indent=2) + "\n")
    print(f"{len(built)} configs written to {CONFIGS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
