"""The whole: a config dropped into the folder, a DAG in Airflow, a run of a real workflow, metadata at the server."""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path

import pytest
import yaml

from dag_factory.portable.secrets.references import encrypted
from dag_factory.portable.secrets.sealing import Keys
from sandbox.client import run_path
from sandbox.mailbox import Mailbox
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.database import dumped
from tests.e2e.pipelines import SAMPLE, drop, sample
from tests.e2e.runs import reported, run, run_all

pytestmark = [pytest.mark.e2e, pytest.mark.together]


def test_a_dropped_config_becomes_a_dag_whose_run_brings_the_metadata_to_the_server(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    drop(config_store, sample("dropped json", displayName="The dropped json"))
    dag_id = "dropped_json"
    dag = airflow.wait_for_dag(dag_id)
    assert dag["dag_display_name"] == "The dropped json"
    assert {tag["name"] for tag in dag["tags"]} == {"OpenMetadata", "type:metadata", "service:sample_sqlite"}
    assert dag["owners"] == ["data-platform"]

    run_id, state, log = run(airflow, dag_id)

    assert state == "success", log
    assert "Workflow Success %: 100.0" in log
    sent = str(uuid.uuid5(uuid.NAMESPACE_URL, f"openmetadata:{dag_id}:{run_id}"))
    assert reported(openmetadata, "sample_sqlite.dropped json") == {sent: "success"}
    fqns = openmetadata.get("/sandbox/summary")["fqns"]
    assert "sample_sqlite.default" in fqns["databases"]
    assert "sample_sqlite.default.main" in fqns["databaseSchemas"]
    assert {"sample_sqlite.default.main.orders", "sample_sqlite.default.main.order_totals"} <= set(fqns["tables"])
    orders = openmetadata.get("/api/v1/tables/name/sample_sqlite.default.main.orders?fields=columns,tableConstraints")
    assert "customer_id" in {column["name"] for column in orders["columns"]}
    assert {constraint["constraintType"] for constraint in orders["tableConstraints"]} >= {"FOREIGN_KEY"}


def test_parsing_again_and_again_after_a_run_makes_no_new_version_of_the_dag(
    airflow: AirflowStack, config_store: Path
) -> None:
    dag_id = drop(config_store, sample("one_version", airflowConfig={"scheduleInterval": "0 3 * * *"}))
    run(airflow, dag_id)
    for _ in range(3):
        airflow.parse_again(dag_id)
    assert airflow.api("GET", f"/api/v2/dags/{dag_id}/dagVersions")["total_entries"] == 1


def test_a_yaml_file_needs_only_what_is_its_own_where_the_folder_has_defaults(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    folder = config_store / "sales"
    folder.mkdir()
    whole = sample("from_yaml")
    own = {"name": whole.pop("name"), "displayName": "From YAML", "fullyQualifiedName": "sample_sqlite.from_yaml"}
    assert whole["openMetadataServerConnection"]["securityConfig"]["jwtToken"] == {"$env": "OPENMETADATA_JWT_TOKEN"}
    (folder / "defaults.yaml").write_text(yaml.safe_dump(whole))
    (folder / "any-name.yml").write_text(yaml.safe_dump(own))
    requested = str(uuid.uuid4())

    _, state, log = run(airflow, "from_yaml", conf={"pipelineRunId": requested})

    assert state == "success", log
    assert reported(openmetadata, "sample_sqlite.from_yaml") == {requested: "success"}


def test_a_broken_config_shows_beside_the_others_and_says_what_is_wrong_when_it_is_run(
    airflow: AirflowStack, config_store: Path
) -> None:
    drop(config_store, sample("beside_broken"))
    (config_store / "cut_off.json").write_text('{"name": "cut_off", "pipelineType":')
    assert airflow.wait_for_dag("beside_broken")["tags"][0]["name"] != "config-error"
    dag = airflow.wait_for_dag("cut_off")
    assert "config-error" in {tag["name"] for tag in dag["tags"]}
    assert dag["timetable_summary"] in (None, "Never, external triggers only", "None")

    _, state, log = run(airflow, "cut_off")

    assert state == "failed"
    assert "config 'cut_off.json': is not JSON" in log
    (config_store / "cut_off.json").unlink()
    assert airflow.import_errors() == {}


def test_a_run_that_fails_before_its_workflow_starts_is_reported_as_failed(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    service = {"type": "databaseService", "name": "no_such_service"}
    dag_id = drop(config_store, sample("no_service", service=service))
    _, state, log = run(airflow, dag_id)
    assert state == "failed"
    assert "has no databaseService 'no_such_service'" in log


def test_references_are_resolved_in_the_worker(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    host, token = openmetadata.env["OPENMETADATA_HOST_PORT"], openmetadata.env["OPENMETADATA_JWT_TOKEN"]
    airflow.api(
        "POST",
        "/api/v2/connections",
        json={"connection_id": "openmetadata", "conn_type": "generic", "extra": json.dumps({"url": host})},
    )
    sealed = encrypted(token, "with_references", Keys(airflow.option("core", "fernet_key")))
    server = {
        "hostPort": {"$connection": "openmetadata", "field": "extra.url"},
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": sealed},
    }
    dag_id = drop(config_store, sample("with_references", openMetadataServerConnection=server))

    _, state, log = run(airflow, dag_id)

    assert state == "success", log
    assert token not in log


@pytest.mark.parametrize(("raise_on_error", "state"), [(True, "failed"), (False, "success")])
def test_a_workflow_that_failed_fails_its_task_where_the_pipeline_says_so(
    airflow: AirflowStack,
    openmetadata: OpenMetadataServer,
    config_store: Path,
    tmp_path: Path,
    raise_on_error: bool,
    state: str,
) -> None:
    name = f"raises_{raise_on_error}"
    with sqlite3.connect(tmp_path / "broken.db") as database:
        database.execute("CREATE VIEW broken AS SELECT * FROM nowhere")
    connection = {"type": "SQLite", "databaseMode": str(tmp_path / "broken.db"), "database": "default"}
    openmetadata.put(
        "/api/v1/services/databaseServices",
        {"name": name, "serviceType": "SQLite", "connection": {"config": connection}},
    )
    service = {"type": "databaseService", "name": name}
    config = sample(name, service=service, fullyQualifiedName=f"{name}.{name}", raiseOnError=raise_on_error)
    dag_id = drop(config_store, config)

    _, found, log = run(airflow, dag_id)

    assert found == state, log
    assert set(reported(openmetadata, f"{name}.{name}").values()) == {"failed"}


def test_a_failed_run_is_mailed_to_the_address_of_the_pipeline(airflow: AirflowStack, config_store: Path) -> None:
    with Mailbox() as mailbox:
        airflow.api("POST", "/api/v2/connections", json={"connection_id": "smtp_default", **mailbox.connection})
        service = {"type": "databaseService", "name": "no_such_service"}
        config = sample("mailed", service=service, airflowConfig={"email": "team@example.com"})
        _, state, log = run(airflow, drop(config_store, config))
        assert state == "failed"
        assert mailbox.received.wait(30), log
    assert mailbox.recipients == ["team@example.com"]
    assert "mailed" in mailbox.text


CANARY = "canary-4f9d1c"


@pytest.mark.together("waits")
def test_no_secret_of_a_config_shows_anywhere_in_airflow(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path
) -> None:
    # The token that works stands in the config in clear, as a server writes it.
    server = {
        "hostPort": {"$env": "OPENMETADATA_HOST_PORT"},
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": openmetadata.token},
    }
    source_config = {
        **SAMPLE["sourceConfig"]["config"],
        "dbtSecurityConfig": {"password": CANARY},
    }
    works = sample("with_secrets", openMetadataServerConnection=server)
    refused = sample(
        "refused",
        openMetadataServerConnection={**server, "securityConfig": {"jwtToken": f"eyJ{CANARY}.eyJ{CANARY}.{CANARY}"}},
    )
    wrong = sample("wrong_inside", openMetadataServerConnection=server, sourceConfig={"config": source_config})
    broken = sample("wrong_outside", openMetadataServerConnection=server, airflowConfig={"retries": CANARY})
    runs = run_all(airflow, *[drop(config_store, document) for document in (works, refused, wrong, broken)])
    for name, (run_id, _, log) in runs.items():
        assert CANARY not in log, name
        assert openmetadata.token not in log, name
        (instance,) = airflow.api("GET", f"{run_path(name, run_id)}/taskInstances")["task_instances"]
        assert instance["rendered_fields"] == {}
        xcoms = f"{run_path(name, run_id)}/taskInstances/{instance['task_id']}/xcomEntries"
        values = {
            entry["key"]: airflow.api("GET", f"{xcoms}/{entry['key']}")["value"]
            for entry in airflow.api("GET", xcoms)["xcom_entries"]
        }
        summary = values.get("return_value", {"": {"": 0}})
        assert {type(count) for step in summary.values() for count in step.values()} == {int}
        assert CANARY not in str(values)
        assert openmetadata.token not in str(values)
    assert {name: each.state for name, each in runs.items()} == {
        "with_secrets": "success",
        "refused": "failed",
        "wrong_inside": "failed",
        "wrong_outside": "failed",
    }
    (config_store / "wrong_outside.json").unlink()

    # What an expert would find: every byte that Airflow keeps.
    kept = {"the database": dumped(airflow)}
    for path in (airflow.home / "logs").rglob("*.log"):
        kept[str(path.relative_to(airflow.home))] = path.read_text(errors="replace")
    assert len(kept) > 5
    for name, text in kept.items():
        assert CANARY not in text, name
        assert openmetadata.token not in text, name
