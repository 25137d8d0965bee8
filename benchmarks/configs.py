"""The configs and DAG files that the benchmarks measure with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.shards import shards

LOADER = Path(__file__).resolve().parents[1] / "dags" / "openmetadata_loader.py"
SERVICE = "sample_sqlite"
# References in place of a host and a token.
REFERENCES = {name: {"$env": name} for name in ("OPENMETADATA_HOST_PORT", "OPENMETADATA_JWT_TOKEN")}

PLAIN = """
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
import pendulum

for number, cron in enumerate({crons!r}):
    with DAG(f"plain_{{number:05}}", schedule=cron, start_date=pendulum.datetime(2024, 1, 1), catchup=False) as dag:
        PythonOperator(task_id="task", python_callable=print)
    globals()[dag.dag_id] = dag
"""


def document(name: str, number: int, server: Mapping[str, Any] = REFERENCES, *, paused: bool = False) -> dict[str, Any]:
    """Return a pipeline as OpenMetadata deploys it (about 2 KB); each number has a cron of its own, up to 1,440."""
    return {
        "id": str(uuid5(NAMESPACE_URL, name)),
        "name": name,
        "displayName": f"Metadata of shop {number}",
        "description": f"Reads the tables, columns and keys of **shop {number}**, every day.",
        "pipelineType": "metadata",
        "fullyQualifiedName": f"{SERVICE}.{name}",
        "owners": [{"id": str(uuid5(NAMESPACE_URL, "team")), "type": "team", "name": "data-platform"}],
        "service": {"id": str(uuid5(NAMESPACE_URL, SERVICE)), "type": "databaseService", "name": SERVICE},
        "sourceConfig": {
            "config": {
                "type": "DatabaseMetadata",
                **dict.fromkeys(("includeTables", "includeViews", "includeTags", "includeOwners"), True),
                **dict.fromkeys(("markDeletedTables", "markDeletedSchemas", "useFqnForFiltering"), False),
                "queryLogDuration": 1,
                "queryParsingTimeoutLimit": 300,
                "databaseFilterPattern": {"includes": [f"^shop_{number}$"], "excludes": ["^tmp_.*", ".*_test$"]},
                "schemaFilterPattern": {"includes": [], "excludes": ["^information_schema$", "^pg_.*"]},
                "tableFilterPattern": {"includes": ["^orders.*", "^customers.*"], "excludes": [".*_backup$"]},
            }
        },
        "openMetadataServerConnection": {
            "clusterName": "openmetadata",
            "type": "OpenMetadata",
            "hostPort": server["OPENMETADATA_HOST_PORT"],
            "authProvider": "openmetadata",
            "verifySSL": "no-ssl",
            "securityConfig": {"jwtToken": server["OPENMETADATA_JWT_TOKEN"]},
            "secretsManagerProvider": "db",
            "secretsManagerLoader": "noop",
            "apiVersion": "v1",
            "includeTables": True,
            "limitRecords": 1000,
        },
        "airflowConfig": {
            "pausePipeline": paused,
            "concurrency": 1,
            "pipelineTimezone": "UTC",
            "retries": 0,
            "retryDelay": 300,
            "pipelineCatchup": False,
            "scheduleInterval": cron(number),
            "maxActiveRuns": 1,
            "workflowDefaultView": "tree",
            "workflowDefaultViewOrientation": "LR",
        },
        "loggerLevel": "INFO",
        "raiseOnError": True,
        "enableStreamableLogs": False,
        "deployed": False,
        "enabled": True,
        "version": 0.1,
        "updatedAt": 1735689600000 + number,
        "updatedBy": "admin",
    }


def write_store(  # noqa: PLR0913 - most by name, each with a default
    folder: Path,
    count: int,
    *,
    key: str = "{name}.json",
    prefix: str = "pipeline",
    server: Mapping[str, Any] = REFERENCES,
    paused: bool = False,
) -> list[str]:
    """
    Write ``count`` configs and return their DAG ids.

    :param key: path of each in the folder, a format of ``name``, ``number`` and ``group`` (one of 100); its suffix says
        JSON or YAML
    :param server: host and token, under the names of the environment variables that hold them
    :param paused: whether their runs wait, and cost nothing
    """
    names = [f"{prefix}_{number:05}" for number in range(count)]
    for number, name in enumerate(names):
        path = folder / key.format(name=name, number=number, group=number % 100)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = document(name, number, server, paused=paused)
        text = json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return names


def write_plain_dags(path: Path, count: int) -> None:
    """Write a DAG file as people do: ``count`` DAGs of one PythonOperator and a cron each."""
    path.write_text(PLAIN.format(crons=[cron(number) for number in range(count)]), encoding="utf-8")


def write_loaders(folder: Path, of: int) -> Path:
    """Write the loader files of so many shards, and return their folder."""
    LoaderFolder(folder).make(shards(of))
    return folder


def cron(number: int) -> str:
    """Return a daily schedule."""
    return f"{number % 60} {number // 60 % 24} * * *"


def counts(text: str) -> Iterator[int]:
    """Yield the numbers of a list such as ``10,1000``."""
    yield from (int(part) for part in text.split(","))
