"""Runs of services that are no databases, in a real Airflow: what people see of them there and in OpenMetadata."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.client import run_path
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.documents import SERVER
from tests.e2e.pipelines import TASK, drop
from tests.e2e.runs import run

pytestmark = [pytest.mark.e2e, pytest.mark.together]

LINKS = {
    "Pipeline in OpenMetadata": "/{kind}s/{name}.{name}_load/logs",
    "Service in OpenMetadata": "/service/{kind}s/{name}",
}


@pytest.mark.parametrize(
    ("kind", "connector", "source", "collection"),
    [
        ("dashboardService", "CustomDashboard", "Dashboards", "dashboards"),
        ("messagingService", "CustomMessaging", "Topics", "topics"),
    ],
)
def test_a_dropped_config_of_another_kind_of_service_runs_as_one_of_a_database_does(
    airflow: AirflowStack,
    openmetadata: OpenMetadataServer,
    config_store: Path,
    isolated_python: str,
    kind: str,
    connector: str,
    source: str,
    collection: str,
) -> None:
    name = f"ours_{collection}"
    connection = {"type": connector, "sourcePythonClass": f"service_sources.{source}"}
    request = {"name": name, "serviceType": connector, "connection": {"config": connection}}
    service = openmetadata.put(f"/api/v1/services/{kind}s", request)
    pipeline = openmetadata.put(
        "/api/v1/services/ingestionPipelines",
        {
            "name": f"{name}_load",
            "pipelineType": "metadata",
            "service": {"type": kind, "id": service["id"]},
            "sourceConfig": {"config": {"type": f"{kind.removesuffix('Service').title()}Metadata"}},
            "airflowConfig": {},
        },
    )
    document = {
        **pipeline,
        "openMetadataServerConnection": SERVER,
        "dagFactory": {"runner": {"python": isolated_python}},
    }
    dag_id = f"{name}_load"
    run_id, state, log = run(airflow, drop(config_store, document))
    assert state == "success", log
    assert "Workflow Success %: 100.0" in log
    assert not [line for line in log.splitlines() if " error " in line[:40]], log

    found = openmetadata.get("/sandbox/summary")
    assert len([fqn for fqn in found["fqns"][collection] if fqn.startswith(f"{name}.")]) == 2
    assert [run["pipelineState"] for run in found["runs"][f"{name}.{dag_id}"]] == ["success"]

    dag = airflow.api("GET", f"/api/v2/dags/{dag_id}/details")
    assert {tag["name"] for tag in dag["tags"]} >= {"type:metadata", f"service:{name}"}
    assert f"| Service type | {kind} |" in dag["doc_md"]
    instance = f"{run_path(dag_id, run_id)}/taskInstances/{TASK}"
    links = airflow.api("GET", f"{instance}/links")["extra_links"]
    assert links == {title: f"{openmetadata.url}{path.format(kind=kind, name=name)}" for title, path in LINKS.items()}
    counted = airflow.api("GET", f"{instance}/xcomEntries/return_value")["value"]
    assert counted["OpenMetadata"]["records"] > 2

    # The same pipeline for a service of another kind, which the server doesn't have.
    other = {"type": "searchService", "name": name}
    (config_store / f"{dag_id}.json").write_text(
        json.dumps({**document, "service": other, "sourceConfig": {"config": {"type": "SearchMetadata"}}})
    )
    run_id = airflow.trigger(dag_id)
    assert airflow.wait_for_run(dag_id, run_id) == "failed"
    sentence = f"the OpenMetadata server has no searchService '{name}', or the token may not read it"
    assert sentence in airflow.task_log(dag_id, run_id, TASK)
    found = openmetadata.get(f"/api/v1/services/ingestionPipelines/name/{name}.{dag_id}?fields=pipelineStatuses")
    (failed,) = (each for each in found["pipelineStatuses"] if each["pipelineState"] == "failed")
    assert sentence in json.dumps(failed["status"])
